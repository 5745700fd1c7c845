"""How an agent and everything it started ends: when told to, by itself, and when its guard or its worker is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from maestro_ray.agent import process as process_module
from maestro_ray.agent.process import AgentProcess, Exit, ProcessId, run
from maestro_ray.agent.sweep import alive, find

from .programs import (
    ENV,
    RESTLESS,
    SLEEPS,
    STUBBORN,
    begin,
    descriptors,
    eventually,
    identities,
    line,
    python,
    rest,
    until,
)


async def test_output_nobody_reads_does_not_keep_a_tree_alive(mark: str) -> None:
    process = await begin("import os\nwhile True: os.write(1, b'x' * 65536)", mark, grace=0.2)
    assert await process.read()
    await asyncio.wait_for(process.stop(), 60)

    assert len(await rest(process)) <= 4 * 65536


async def test_stop_ends_a_tree_that_ignores_sigterm_and_left_its_session(mark: str) -> None:
    process = await begin(STUBBORN, mark, grace=0.2)
    tree = identities(await line(process))
    assert len({*tree, process.identity}) == 3

    await process.stop()

    assert not any(alive(member) for member in tree)
    assert await process.wait() == Exit(None, signal.SIGKILL)


async def test_stop_may_be_said_by_many_and_again(mark: str) -> None:
    process = await begin(SLEEPS, mark)
    await line(process)
    await asyncio.gather(*(process.stop() for _ in range(5)))
    await process.stop()

    assert await process.wait() == Exit(None, signal.SIGTERM)


async def test_stop_of_one_that_has_ended_does_nothing(mark: str) -> None:
    process = await begin("raise SystemExit(4)", mark)
    await process.wait()
    await process.stop()
    process.interrupt()

    assert await process.wait() == Exit(4, None)


async def test_a_cancelled_stop_or_wait_changes_nothing(mark: str) -> None:
    process = await begin(SLEEPS, mark)
    await line(process)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(process.wait(), 0.01)
    assert alive(process.identity)
    stopping = asyncio.create_task(process.stop())
    await asyncio.sleep(0)
    stopping.cancel()

    assert await asyncio.wait_for(process.wait(), 60) == Exit(None, signal.SIGTERM)


async def test_what_the_agent_leaves_behind_is_ended(mark: str) -> None:
    # It waits for a line before it leaves, so that the others can be identified while they live.
    process = await begin(STUBBORN.rpartition("time.sleep")[0] + "input()", mark)
    tree = identities(await line(process))
    assert len(tree) == 3
    await process.write(b"leave\n")

    assert await process.wait() == Exit(0, None)
    assert await process.read() == b""
    assert not any(alive(member) for member in tree)


async def test_interrupt_is_ctrl_c(mark: str) -> None:
    code = """
import os, sys, time
back, there = os.pipe()
child = os.fork()
try:
    if child:
        os.read(back, 1)
        print("both are ready", flush=True)
    else:
        os.write(there, b"x")
    time.sleep(600)
except KeyboardInterrupt:
    if child:
        _, status = os.waitpid(child, 0)
        sys.exit(os.waitstatus_to_exitcode(status) + 2)
    os._exit(7)
"""
    process = await begin(code, mark)
    await line(process)
    process.interrupt()

    assert await process.wait() == Exit(9, None)


async def test_those_that_always_fork_and_leave_are_ended(mark: str) -> None:
    process = await begin(RESTLESS, mark, "60", grace=0.2)
    await line(process)
    await asyncio.wait_for(process.stop(), 60)

    assert find(mark) == []


async def test_when_the_shim_is_killed_the_rest_of_the_tree_is_swept(mark: str) -> None:
    process = await begin(STUBBORN, mark)
    tree = identities(await line(process))
    os.kill(process.shim.pid, signal.SIGKILL)

    assert await asyncio.wait_for(process.wait(), 60) == Exit(None, signal.SIGKILL)
    assert not any(alive(member) for member in tree)
    assert await process.read() == b""
    await process.stop()


async def test_a_shim_that_does_not_answer_is_no_protection(
    mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "ALLOWANCE", 0.1)
    process = await begin(STUBBORN, mark, grace=0.1)
    tree = identities(await line(process))
    os.kill(process.shim.pid, signal.SIGSTOP)
    await asyncio.wait_for(process.stop(), 60)

    assert not any(alive(member) for member in [*tree, process.shim])


HOLDER = f"""
import asyncio, sys, threading
sys.path[:0] = {sys.path!r}
from pathlib import Path
from maestro_ray.agent.process import AgentProcess
from maestro_ray.agent.sweep import find

async def hold():
    process = await AgentProcess.start(
        [sys.executable, "-I", "-S", "-c", {STUBBORN!r}], cwd=Path("/"), env={{}}, mark=sys.argv[1]
    )
    print(*(f"{{p.pid}}:{{p.start}}" for p in (process.shim, process.identity)), flush=True)
    print((await process.read()).decode().strip(), flush=True)
    await process.wait()

thread = threading.Thread(target=asyncio.run, args=(hold(),))
thread.start()
thread.join()
"""


def test_when_the_worker_is_killed_everything_is_gone_soon(mark: str) -> None:
    with subprocess.Popen(
        python(HOLDER, mark), stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as worker:
        assert worker.stdout
        shim, agent = (ProcessId(*map(int, word.split(":"))) for word in worker.stdout.readline().split())
        tree = identities(worker.stdout.readline())
        assert tree[0] == agent
        assert len(tree) == 3
        assert all(alive(member) for member in [shim, *tree])
        worker.kill()

        assert until(lambda: not any(alive(member) for member in [shim, *tree]), 30)
    assert find(mark) == []


def test_it_runs_in_a_loop_of_another_thread_and_ends_with_that_loop(mark: str) -> None:
    seen: list[AgentProcess] = []

    async def work() -> None:
        assert threading.current_thread() is not threading.main_thread()
        assert (await run(["echo", "hello"], Path("/"), ENV, mark))[1] == "hello\n"
        seen.append(await begin(STUBBORN, mark))
        await line(seen[0])

    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    thread.join()

    (process,) = seen
    assert until(lambda: not alive(process.identity) and not find(mark))


async def test_a_start_that_is_cancelled_leaves_nothing(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent runs by then, though the report of its start was not read, and it ignores SIGTERM."""
    monkeypatch.setattr(AgentProcess, "_begin", lambda *_: asyncio.Event().wait())
    starting = asyncio.create_task(begin(STUBBORN, mark))
    await eventually(lambda: len(find(mark)) == 4)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert find(mark) == []


async def test_a_start_that_is_cancelled_early_leaves_nothing(mark: str) -> None:
    before = descriptors()
    starting = asyncio.create_task(begin(SLEEPS, mark))
    await eventually(lambda: len(descriptors()) >= len(before) + 5)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert descriptors() == before
    assert find(mark) == []
