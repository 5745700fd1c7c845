from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maestro_ray.agent.sweep import MARK, ProcessId, alive, end, find, identify, sweep

from .programs import RESTLESS, python, until

Start = Callable[..., ProcessId]

SLEEPS = "import time; print(flush=True); time.sleep(600)"
POLITE = """
import pathlib, signal, sys, time
def leave(*_):
    pathlib.Path(sys.argv[1]).write_text("bye")
    sys.exit()
signal.signal(signal.SIGTERM, leave)
print(flush=True)
time.sleep(600)
"""
DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program with the given mark, or with none, and waits for its first line."""
    started: list[subprocess.Popen[bytes]] = []

    def start(mark: str | None, code: str = SLEEPS, *arguments: str) -> ProcessId:
        env = {"PATH": os.environ["PATH"], "OTHER": "x"} | ({MARK: mark} if mark else {})
        process = subprocess.Popen(
            python(code, *arguments), env=env, cwd=tmp_path, stdout=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline()
        identity = identify(process.pid)
        assert identity
        return identity

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_identify_tells_the_living_from_the_dead(start: Start) -> None:
    process = start(None)
    assert alive(process)
    assert not alive(ProcessId(process.pid, process.start + 1))
    os.kill(process.pid, signal.SIGKILL)
    assert until(lambda: not alive(process))
    # It is a zombie now: the Popen that made it has not waited yet.
    assert Path(f"/proc/{process.pid}").exists()
    assert identify(process.pid) is None


def test_identify_is_not_misled_by_a_name(start: Start) -> None:
    naming = "import pathlib; pathlib.Path('/proc/self/comm').write_text(') Z 1 (x y) 9'); " + SLEEPS
    assert start(None, naming).start > 0


def test_find_takes_a_whole_mark_exactly_and_a_prefix_only_up_to_its_colon(mark: str, start: Start) -> None:
    instance, team, _ = mark.split(":")
    one, ten = start(f"{mark}1"), start(f"{mark}10")
    team2 = start(f"{instance}:{team}2:run")
    elsewhere = start(f"{instance}2:{team}:run")
    start(None)

    assert find(f"{mark}1") == [one]
    assert find(mark) == []
    assert set(find(f"{instance}:{team}:")) == {one, ten}
    assert set(find(f"{instance}:")) == {one, ten, team2}
    assert find(f"{instance}2:") == [elsewhere]


def test_a_process_that_only_mentions_the_mark_is_not_found(mark: str, start: Start) -> None:
    start(f"x{mark}")
    start(None, SLEEPS, f"{MARK}={mark}")

    assert find(mark) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")
def test_another_users_process_is_not_found(mark: str) -> None:
    with subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: mark}, user=65534) as stranger:
        assert until(lambda: f"{MARK}={mark}" in Path(f"/proc/{stranger.pid}/environ").read_text())
        assert find(mark) == []
        stranger.kill()


def test_a_sweep_ends_what_is_marked_and_touches_nobody_else(mark: str, start: Start) -> None:
    ours = [start(mark), start(mark, DEAF)]
    twin, other = start(None), start(f"{mark}-2")

    swept = sweep(mark)

    assert (swept.ended, swept.left) == (2, ())
    assert not any(alive(process) for process in ours)
    assert alive(twin)
    assert alive(other)


def test_a_grace_lets_a_program_say_goodbye(mark: str, start: Start, tmp_path: Path) -> None:
    start(mark, POLITE, str(tmp_path / "polite"))
    deaf = start(mark, DEAF)

    assert sweep(mark, grace=2.0).ended == 2
    assert (tmp_path / "polite").read_text() == "bye"
    assert not alive(deaf)


def test_without_a_grace_nobody_is_asked(mark: str, start: Start, tmp_path: Path) -> None:
    start(mark, POLITE, str(tmp_path / "polite"))
    sweep(mark)

    assert not (tmp_path / "polite").exists()


def test_end_wants_pid_start_and_mark_to_match(mark: str, start: Start) -> None:
    process = start(mark)
    reused = ProcessId(process.pid, process.start - 1)

    assert end([reused], mark) == []
    assert end([process], f"{mark}-2", within=0.05) == [process]
    assert end([process], f"{mark}-2", grace=0.05, within=0.1) == [process]
    assert alive(process)
    assert end([process], mark) == []
    assert not alive(process)


def test_end_works_where_the_kernel_has_no_pidfd(
    mark: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", missing)
    process, stranger = start(mark), start(None)

    assert end([stranger], mark, within=0.05) == [stranger]
    assert end([process], mark) == []
    assert not alive(process)
    assert alive(stranger)


def test_a_sweep_catches_those_that_fork_and_leave(mark: str, start: Start) -> None:
    start(mark, RESTLESS, "120")

    assert sweep(mark, within=60).left == ()
    assert find(mark) == []


def test_one_look_that_finds_nobody_is_not_believed(
    mark: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process shows no environment while it is being executed."""
    process = start(mark)
    real, looks = os.listdir, 0

    def late(path: str) -> list[str]:
        nonlocal looks
        looks += 1
        return [] if looks == 1 else real(path)

    monkeypatch.setattr(os, "listdir", late)

    assert sweep(mark).ended == 1
    assert not alive(process)


def test_a_sweep_spares_the_one_who_sweeps(mark: str) -> None:
    code = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from maestro_ray.agent.sweep import sweep
print(sweep({mark!r}).ended)
"""
    env = {**os.environ, MARK: mark}
    done = subprocess.run(python(code), env=env, capture_output=True, text=True, check=True)

    assert done.stdout == "0\n"


def test_it_is_light() -> None:
    heavy = {"asyncio", "subprocess", "psutil", "pydantic", "ray"}
    code = f"import sys; import maestro_ray.agent.sweep; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
