"""Limits, kept by a real kernel for real programs; what this machine's cgroups cannot do is played by a directory."""

from __future__ import annotations

import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from maestro_ray.agent import cgroup, limits
from maestro_ray.agent.confined import Confined
from maestro_ray.agent.process import Exit, run
from maestro_ray.limits_table import LimitsTable

from .programs import ENV, python


async def under(given: LimitsTable, argv: list[str], mark: str, cwd: Path) -> tuple[Exit, str]:
    return await run(Confined(tuple(argv), limits=given), cwd, ENV, mark, timeout=60)


SPIN = "import time\nwhile time.process_time() < 20: pass"


@pytest.mark.parametrize(
    ("argv", "ended"),
    [
        (python(SPIN), Exit(None, 24, "cpu")),
        (["sh", "-c", '$0 -I -S -c "$1"; exit $?', python("")[0], SPIN], Exit(152, None, "cpu")),
        (python(f"import signal; signal.signal(24, signal.SIG_IGN)\n{SPIN}"), Exit(None, 9, "cpu")),
    ],
    ids=["itself", "what its shell started", "one that ignores the signal"],
)
async def test_an_agent_that_used_its_processor_time_ends_and_says_why(
    argv: list[str], ended: Exit, mark: str, tmp_path: Path
) -> None:
    """Red without `limit(launch.limits)` in the shim's `become`."""
    assert (await under(LimitsTable(cpu=1), argv, mark, tmp_path))[0] == ended


async def test_a_file_that_grows_too_large_ends_who_writes_it(mark: str, tmp_path: Path) -> None:
    argv = ["dd", "if=/dev/zero", "of=it", "bs=1k", "count=100", "status=none"]
    ended, _ = await under(LimitsTable(file_size=10_240), argv, mark, tmp_path)
    assert ended == Exit(None, 25, "file_size")
    assert (tmp_path / "it").stat().st_size == 10_240


async def test_each_process_has_its_limits_and_there_is_no_core_file(mark: str, tmp_path: Path) -> None:
    code = """
import os, resource as r
if os.fork() == 0:
    print([r.getrlimit(each) for each in (r.RLIMIT_CORE, r.RLIMIT_NOFILE, r.RLIMIT_DATA)], flush=True)
    try:
        bytearray(200 << 20)
    except MemoryError:
        print("no more", flush=True)
    os._exit(0)
os.wait()
"""
    given = LimitsTable(open_files=40, data=100 << 20)
    ended, said = await under(given, python(code), mark, tmp_path)
    assert said == f"[(0, 0), (40, 40), ({100 << 20}, {100 << 20})]\nno more\n"
    assert ended == Exit(0, None)
    # without any limit there is still none
    _, said = await under(LimitsTable(), python(code.replace("200", "0")), mark, tmp_path)
    assert said.startswith(f"[(0, 0), {resource.getrlimit(resource.RLIMIT_NOFILE)}")


async def test_one_that_was_stopped_or_has_done_its_work_met_no_limit(mark: str, tmp_path: Path) -> None:
    ended, _ = await under(LimitsTable(cpu=1), python("raise SystemExit(152 - 128)"), mark, tmp_path)
    assert ended == Exit(24, None)
    assert await under(LimitsTable(cpu=1), ["true"], mark, tmp_path) == (Exit(0, None), "")


@pytest.mark.parametrize(
    ("file", "text", "limit"),
    [
        ("memory.events", "low 0\nmax 9\noom 1\noom_kill 1\n", "memory"),
        ("memory.events", "low 0\nmax 9\noom 0\noom_kill 0\n", ""),
        ("pids.events", "max 3\n", "processes"),
        ("pids.events", "max 0\n", ""),
    ],
)
async def test_what_the_cgroup_tells_of_is_the_reason(
    file: str, text: str, limit: str, mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory plays the cgroup, and the agent its kernel. Red without the last lines of `limit_met`."""
    groups = tmp_path / "groups"
    groups.mkdir()
    monkeypatch.setattr(cgroup, "place", lambda _wanted: (str(groups), frozenset({"memory", "pids"})))
    code = f"import pathlib; g, = pathlib.Path('{groups}').iterdir(); (g / '{file}').write_text({text!r}); exit(3)"
    given = LimitsTable(memory=1 << 30, processes=50)
    ended, _ = await under(given, python(code.replace("exit(3)", "raise SystemExit(3)")), mark, tmp_path)
    (group,) = groups.iterdir()
    assert ended == Exit(3, None, limit)
    assert group.name.startswith(f"maestro-{mark}@")
    assert (group / "memory.max").read_text() == str(1 << 30)
    assert (group / "pids.max").read_text() == "50"
    assert (group / "cgroup.procs").read_text() == "0"


def test_what_a_cgroup_keeps_is_not_asked_of_each_process() -> None:
    given = LimitsTable(memory=1, processes=2, data=3, cpu=4, open_files=5, file_size=6)
    both = frozenset({"memory", "pids"})
    assert limits.controllers(given) == both
    assert limits.settings(given, both) == ["memory.max 1", "pids.max 2"]
    assert resource.RLIMIT_NPROC not in [number for number, *_ in limits.of_each_process(given, both)]
    assert limits.settings(given, frozenset({"memory"})) == ["memory.max 1"]
    assert (resource.RLIMIT_NPROC, 2, 2) in limits.of_each_process(given, frozenset({"memory"}))
    assert (resource.RLIMIT_CPU, 4, 6) in limits.of_each_process(given, both)
    assert limits.of_each_process(LimitsTable(), frozenset()) == [(resource.RLIMIT_CORE, 0, 0)]


def test_nobody_asks_for_more_than_was_handed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _number: (10, 20))
    asked = limits.of_each_process(LimitsTable(open_files=100, cpu=19), frozenset())
    assert asked[1:] == [(resource.RLIMIT_CPU, 19, 20), (resource.RLIMIT_NOFILE, 20, 20)]


def test_what_nothing_keeps_here_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    given = LimitsTable(memory=1 << 30, processes=9, cpu=1)
    monkeypatch.setattr(cgroup, "place", lambda wanted: ("/x", frozenset(wanted)))
    assert limits.not_kept(given) == {}
    monkeypatch.setattr(cgroup, "place", lambda _wanted: ("", frozenset()))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "all processes and threads of your user" in limits.not_kept(given)["processes"]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "root may have any number" in limits.not_kept(given)["processes"]
    assert set(limits.not_kept(given)) == {"memory", "processes"}
    assert limits.not_kept(replace(given, memory=0, processes=0)) == {}


def test_the_sentence_names_the_key() -> None:
    given = LimitsTable(memory=3 << 29, processes=9, cpu=60, file_size=1000)
    assert (
        limits.reached("memory", given)
        == "it reached its limit of 1536 MiB of memory ([agents.limits] memory)"
    )
    assert "60 seconds of processor" in limits.reached("cpu", given)
    assert "9 processes" in limits.reached("processes", given)
    assert "1000 bytes for a file" in limits.reached("file_size", given)
