"""Real programs under a real shim, as a worker runs them."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from maestro_ray.agent import process as process_module
from maestro_ray.agent.process import AgentProcess, Exit, run
from maestro_ray.agent.sweep import MARK, find
from maestro_ray.errors import AgentFailed

from .programs import (
    ENV,
    SLEEPS,
    begin,
    descriptors,
    eventually,
    line,
    python,
    rest,
    until,
)


@pytest.mark.parametrize("code", [0, 1, 127, 255])
async def test_the_exit_code_is_the_agents(code: int, mark: str) -> None:
    process = await begin(f"raise SystemExit({code})", mark)

    assert await process.wait() == Exit(code, None)
    assert await process.wait() == Exit(code, None)


async def test_an_agent_ended_by_a_signal_has_no_code(mark: str) -> None:
    process = await begin("import os; os.abort()", mark)

    assert await process.wait() == Exit(None, signal.SIGABRT)


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["no-such-program"], "no-such-program cannot be executed: No such file or directory"),
        (["/etc/passwd"], "/etc/passwd cannot be executed: Permission denied"),
        (["/bin/true", "x" * 200_000], "/bin/true cannot be executed: Argument list too long"),
        (["/bin/true", "a\0b"], "an argument or environment variable of it contains a NUL character"),
        ([], "there is no program to start"),
    ],
)
async def test_what_cannot_be_executed_is_refused_with_its_reason(
    argv: list[str], reason: str, mark: str
) -> None:
    with pytest.raises(AgentFailed) as caught:
        await AgentProcess.start(argv, cwd=Path("/"), env=ENV, mark=mark)

    assert str(caught.value) == reason


@pytest.mark.parametrize("name", ["", "A=B"])
async def test_an_impossible_variable_is_refused(name: str, mark: str) -> None:
    with pytest.raises(AgentFailed):
        await AgentProcess.start(["/bin/true"], cwd=Path("/"), env={name: "x"}, mark=mark)


@pytest.mark.parametrize("grace", [-1.0, float("nan"), float("inf")])
async def test_an_impossible_grace_is_refused(grace: float, mark: str) -> None:
    with pytest.raises(AgentFailed):
        await AgentProcess.start(["/bin/true"], cwd=Path("/"), env={}, mark=mark, grace=grace)


@pytest.mark.parametrize("mark", ["", "instance:", "instance:team:"])
async def test_a_mark_of_many_trees_is_refused(mark: str) -> None:
    with pytest.raises(ValueError, match="of many trees"):
        await AgentProcess.start(["/bin/true"], cwd=Path("/"), env={}, mark=mark)


async def test_a_missing_directory_is_named(mark: str, tmp_path: Path) -> None:
    with pytest.raises(
        AgentFailed, match=r"^/bin/true cannot enter its directory: No such file or directory$"
    ):
        await AgentProcess.start(["/bin/true"], cwd=tmp_path / "gone", env=ENV, mark=mark)


async def test_no_pipes_left_is_a_failure_of_that_start(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = os.pipe, 0

    def scarce() -> tuple[int, int]:
        nonlocal made
        made += 1
        if made > 3:
            raise OSError(24, "Too many open files")
        return real()

    before = descriptors()
    monkeypatch.setattr(os, "pipe", scarce)
    with pytest.raises(AgentFailed, match="Too many open files"):
        await AgentProcess.start(["/bin/true"], cwd=Path("/"), env=ENV, mark=mark)
    assert descriptors() == before


async def test_no_room_for_its_description_is_a_failure_of_that_start(
    mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_name: str) -> int:
        raise OSError(24, "Too many open files")

    before = descriptors()
    monkeypatch.setattr(os, "memfd_create", full)
    with pytest.raises(AgentFailed, match="Too many open files"):
        await AgentProcess.start(["/bin/true"], cwd=Path("/"), env=ENV, mark=mark)
    assert descriptors() == before


async def test_a_shim_that_cannot_run_is_told_with_its_words(
    mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "SHIM", tmp_path / "shim.py")
    with pytest.raises(AgentFailed, match=r"its shim cannot be started: .*No such file"):
        await AgentProcess.start(["/bin/true"], cwd=Path("/"), env=ENV, mark=mark)
    (tmp_path / "shim.py").write_text("raise SystemExit('it is broken')")
    with pytest.raises(AgentFailed, match=r"its shim ended before it started it is broken"):
        await AgentProcess.start(["/bin/true"], cwd=Path("/"), env=ENV, mark=mark)


async def test_the_environment_is_exactly_what_was_given_and_the_mark(mark: str) -> None:
    odd = {"PATH": ENV["PATH"], "EMPTY": "", "EQUALS": "a=b", "LINES": "1\n2\n", "TEXT": "déjà \udcff"}
    process = await AgentProcess.start(["env", "-0"], cwd=Path("/"), env=odd, mark=mark)
    entries = os.fsdecode(await rest(process)).split("\0")[:-1]
    await process.wait()

    assert dict(entry.split("=", 1) for entry in entries) == {**odd, MARK: mark}


async def test_the_directory_and_the_arguments_arrive_as_given(mark: str, tmp_path: Path) -> None:
    place = tmp_path / "ein ort\nmit ü"
    place.mkdir()
    process = await AgentProcess.start(
        ["printf", r"%s\0", "", "a b", "-n", "ü\udcff", os.fsdecode(b"x" * 100_000)],
        cwd=place,
        env=ENV,
        mark=mark,
    )
    assert (await rest(process)).split(b"\0") == [
        b"",
        b"a b",
        b"-n",
        "ü".encode() + b"\xff",
        b"x" * 100_000,
        b"",
    ]
    where = await AgentProcess.start(["pwd"], cwd=place, env=ENV, mark=mark)
    assert await rest(where) == os.fsencode(place) + b"\n"
    await asyncio.gather(process.wait(), where.wait())


async def test_bytes_go_in_and_come_out_as_they_are(mark: str) -> None:
    process = await AgentProcess.start(["cat"], cwd=Path("/"), env=ENV, mark=mark)
    sent = bytes(range(256)) * 8192

    async def feed() -> None:
        await process.write(sent)
        await process.close_stdin()
        await process.close_stdin()

    feeding = asyncio.create_task(feed())
    assert await rest(process) == sent
    await feeding
    assert await process.wait() == Exit(0, None)
    assert await process.read() == b""


async def test_an_agent_that_does_not_read_is_no_error(mark: str) -> None:
    process = await begin("import os; os.close(0); print(1, flush=True); input", mark)
    await line(process)
    await process.write(b"x" * 1_000_000)
    await process.wait()
    await process.write(b"x")


async def test_a_slow_reader_makes_the_agent_wait_and_gets_everything(mark: str) -> None:
    # It counts what its pipe takes until nothing has moved for half a second, then writes the rest.
    code = """
import os, select, sys
os.set_blocking(1, False)
total = 0
while select.select([], [1], [], 0.5)[1]:
    total += os.write(1, b"x" * 4096)
print(total, file=sys.stderr, flush=True)
os.set_blocking(1, True)
while total < 30_000_000:
    total += os.write(1, b"y" * min(65536, 30_000_000 - total))
"""
    process = await begin(code, mark)
    await eventually(lambda: process.stderr_tail().endswith("\n"))
    waiting = int(process.stderr_tail())
    assert 65536 <= waiting <= 4 * 65536

    got = 0
    while piece := await process.read():
        assert len(piece) <= 65536
        assert len(process._stdout._waiting) <= 2 * 65536
        got += len(piece)
    assert got == 30_000_000
    assert await process.wait() == Exit(0, None)


async def test_what_was_written_before_the_end_can_be_read_after_it(mark: str) -> None:
    process = await begin("print('x' * 100_000)", mark)
    # It fits into the pipe and what waits here, so the agent ends though nobody reads.
    assert await process.wait() == Exit(0, None)

    assert await rest(process) == b"x" * 100_000 + b"\n"


async def test_standard_error_keeps_its_last_16_kib(mark: str) -> None:
    process = await begin(
        "import sys; sys.stderr.write('x' * 1_000_000 + 'the end'); sys.stdout.write('out')", mark
    )
    assert await rest(process) == b"out"
    await process.wait()

    assert process.stderr_tail() == "x" * (16 * 1024 - 7) + "the end"


async def test_merged_both_streams_arrive_in_order(mark: str) -> None:
    code = "import os; [os.write(n % 2 + 1, b'%d' % n) for n in range(8)]"
    process = await begin(code, mark, merge_stderr=True)

    assert await rest(process) == b"01234567"
    await process.wait()
    assert process.stderr_tail() == ""


async def test_twenty_at_once(mark: str) -> None:
    async def one(n: int) -> bytes:
        process = await begin("import sys; print(sys.argv[1], sys.stdin.read())", f"{mark}{n}", str(n))
        await process.write(f"to {n}".encode())
        await process.close_stdin()
        text = await rest(process)
        assert await process.wait() == Exit(0, None)
        return text

    assert await asyncio.gather(*map(one, range(20))) == [f"{n} to {n}\n".encode() for n in range(20)]


async def test_thirty_runs_leave_no_descriptor_open(mark: str) -> None:
    await run(["true"], Path("/"), ENV, mark)
    before = descriptors()
    for n in range(30):
        if n % 3 == 0:
            with pytest.raises(AgentFailed):
                await run(["no-such-program"], Path("/"), ENV, mark)
        elif n % 3 == 1:
            process = await begin(SLEEPS, mark, merge_stderr=n % 2 == 0)
            await process.stop()
        else:
            await run(["echo", "x"], Path("/"), ENV, mark)

    assert descriptors() == before


async def test_no_descriptor_is_inherited_by_other_children(mark: str) -> None:
    before = descriptors()
    process = await begin(SLEEPS, mark)
    ours = descriptors() - before
    inheritable = [fd for fd in map(int, ours) if os.get_inheritable(fd)]
    await process.stop()

    assert len(ours) >= 5
    assert inheritable == []


async def test_run_returns_both_streams_and_the_exit(mark: str) -> None:
    code = "import os, sys; os.write(1, b'out '); os.write(2, b'err '); print(repr(sys.stdin.read())); sys.exit(2)"

    assert await run(python(code), Path("/"), ENV, mark) == (Exit(2, None), "out err ''\n")


async def test_run_keeps_the_beginning_and_the_end(mark: str) -> None:
    ended, text = await run(
        python("print('a' * 1000 + 'm' * 10_000_000 + 'z' * 999)"), Path("/"), ENV, mark, limit_bytes=2000
    )

    assert ended == Exit(0, None)
    assert text == "a" * 1000 + "\n… 10000000 bytes cut …\n" + "z" * 999 + "\n"


async def test_a_run_out_of_time_has_failed_whatever_it_says(mark: str) -> None:
    polite = "trap 'exit 0' TERM; echo 1; sleep 600 & wait"
    ended, text = await run(["sh", "-c", polite], Path("/"), ENV, mark, timeout=1.5)

    assert ended == Exit(None, signal.SIGKILL)
    assert text == "1\n\n… stopped after 1.5 seconds …\n"


async def test_a_cancelled_run_leaves_nothing(mark: str) -> None:
    running = asyncio.create_task(run(python(SLEEPS), Path("/"), ENV, mark))
    await eventually(lambda: len(find(mark)) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert until(lambda: not find(mark))


async def test_a_background_child_of_a_test_command_does_not_hold_it_up(mark: str) -> None:
    ended, text = await asyncio.wait_for(run(["sh", "-c", "sleep 600 & echo done"], Path("/"), ENV, mark), 60)

    assert (ended, text) == (Exit(0, None), "done\n")
