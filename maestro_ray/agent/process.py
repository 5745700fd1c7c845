"""An agent's program as its worker sees it: started under a shim, read, written to, interrupted, stopped.

The event loop may run in any thread, as it does in an async Ray actor: nothing here uses signals or asyncio's
child watcher. When this process dies, however suddenly, the shim ends the agent's whole tree.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import marshal
import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from maestro_ray.agent import cgroup, limits
from maestro_ray.agent.confined import Confined
from maestro_ray.agent.pipes import Clipping, Inlet, Outlet, Tail
from maestro_ray.agent.sweep import MARK, ProcessId, end, sweep
from maestro_ray.errors import AgentFailed
from maestro_ray.ids import suffix

__all__ = ["AgentProcess", "Exit", "ProcessId", "run"]

SHIM = Path(__file__).absolute().with_name("shim.py")
STDERR_TAIL = 16 * 1024
ALLOWANCE = 5.0  # seconds beyond its grace after which a shim that does not answer is ended itself

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exit:
    """How the agent itself ended: one of the two is None. `limit` is the key of the limit that it met, if it did.

    When its shim was killed before it could tell, the agent was killed with it: signal 9.
    """

    code: int | None
    signal: int | None
    limit: str = ""


class AgentProcess:
    """One agent and everything it starts. `identity` is the agent's process, `shim` the one that guards it."""

    identity: ProcessId
    shim: ProcessId
    _follower: asyncio.Task[None]

    def __init__(self, ends: _Ends, mark: str, grace: float) -> None:
        self._stdin = Outlet(ends.stdin)
        self._stdout = Inlet(ends.stdout)
        self._stderr = Tail(ends.stderr, STDERR_TAIL)
        self._control = Outlet(ends.control)
        self._reports = _Reports(ends.report)
        self._mark, self._grace = mark, grace
        self._exit = Exit(None, signal.SIGKILL)
        self._over = asyncio.Event()

    @classmethod
    async def start(
        cls,
        argv: Sequence[str] | Confined,
        *,
        cwd: Path,
        env: Mapping[str, str],
        mark: str,
        grace: float = 2.0,
        merge_stderr: bool = False,
    ) -> Self:
        """Returns once the program has been executed. Raises `AgentFailed` with the reason when it cannot be.

        `env` is the agent's whole environment, only the mark and what the box wants are added. `mark` must be this
        tree's alone: if the shim is killed, everything that carries it is ended. `grace` is in seconds.
        """
        if not mark or mark.endswith(":"):
            raise ValueError(f"{mark!r} is the mark of many trees, not of one")
        confined = argv if isinstance(argv, Confined) else Confined(tuple(argv))
        launch = _description(confined, cwd, {**env, **confined.env, MARK: mark}, grace, mark)
        ours, theirs = _pipes(merge_stderr)
        process = cls(ours, mark, grace)
        try:
            spawned = asyncio.get_running_loop().run_in_executor(None, _spawn, theirs, launch, mark)
            # A start that is cancelled must still close the shim's ends, in its thread.
            await asyncio.shield(spawned)
            await process._begin(confined.program)
        except asyncio.CancelledError:
            await process._cut()
            raise
        except BaseException:
            process._close()
            raise
        process._follower = asyncio.create_task(process._follow())
        return process

    async def read(self) -> bytes:
        """The next piece of standard output, at most 64 KiB; empty at the end.

        While nobody reads, at most 128 KiB wait here and the agent has to wait. The end comes when the whole
        tree is gone, if not before.
        """
        return await self._stdout.read()

    async def write(self, data: bytes) -> None:
        """Returns when the agent's standard input has taken it, or when it never will."""
        await self._stdin.write(data)

    async def close_stdin(self) -> None:
        """Let the agent see the end of its input. Harmless when repeated."""
        self._stdin.close()

    def stderr_tail(self) -> str:
        """The last 16 KiB of standard error; empty when it is merged into standard output."""
        return self._stderr.text()

    async def wait(self) -> Exit:
        """Returns when the agent has ended and its whole tree is gone."""
        await self._over.wait()
        return self._exit

    def interrupt(self) -> None:
        """SIGINT to the agent's process group, as Ctrl-C would."""
        self._control.tell(b"I")

    async def stop(self) -> None:
        """SIGTERM, the grace, SIGKILL for the whole tree. Returns when it is gone.

        May be called at any time, by several at once, and again. A caller that is cancelled does not undo it.
        """
        self._control.tell(b"T")
        try:
            async with asyncio.timeout(self._grace + ALLOWANCE):
                await self._over.wait()
        except TimeoutError:
            _log.warning("shim %d does not answer and is killed", self.shim.pid)
            await asyncio.to_thread(end, [self.shim], self._mark)
            await self._over.wait()

    async def _begin(self, program: str) -> None:
        report = await self._reports.next()
        if not report:
            self._stderr.finish()
            raise AgentFailed(f"{program}: its shim ended before it started {self._stderr.text()}".rstrip())
        if "failed" in report:
            raise AgentFailed(f"{program} {report['failed']}")
        begun = report["started"]
        self.identity = ProcessId(begun["pid"], begun["start"])
        self.shim = ProcessId(begun["shim"], begun["shim_start"])

    async def _cut(self) -> None:
        """The start was cancelled, but the agent may run by now: its tree ends before the caller goes on."""
        self._control.close()
        self._follower = asyncio.create_task(self._follow())
        try:
            async with asyncio.timeout(self._grace + ALLOWANCE):
                await asyncio.shield(self._follower)
        except TimeoutError:
            await asyncio.to_thread(sweep, self._mark)

    async def _follow(self) -> None:
        try:
            gone = False
            while report := await self._reports.next():
                gone = gone or "gone" in report
                if "exited" in report:
                    self._exit = Exit(**report["exited"])
            if not gone:
                await self._finish_for_the_shim()
        finally:
            self._close()
            self._over.set()

    async def _finish_for_the_shim(self) -> None:
        swept = await asyncio.to_thread(sweep, self._mark)
        _log.warning("the shim of %s was killed; %d processes of its tree ended", self._mark, swept.ended)
        if swept.left:
            _log.error("these processes cannot be ended: %s", swept.left)

    def _close(self) -> None:
        self._stdin.close()
        self._control.close()
        self._reports.close()
        self._stdout.finish()
        self._stderr.finish()


async def run(
    argv: Sequence[str] | Confined,
    cwd: Path,
    env: Mapping[str, str],
    mark: str,
    *,
    limit_bytes: int = 65536,
    timeout: float | None = None,
) -> tuple[Exit, str]:
    """Run a program without input to its end; returns how it ended and what it wrote to both streams.

    Of long output the beginning and the end are kept. After `timeout` seconds its tree is stopped; the exit is
    then always signal 9, whatever the program made of it, and the last line of the text says so. Raises
    `AgentFailed` when the program cannot be executed.
    """
    process = await AgentProcess.start(argv, cwd=cwd, env=env, mark=mark, merge_stderr=True)
    output = Clipping(limit_bytes)
    try:
        await process.close_stdin()
        async with asyncio.timeout(timeout):
            await _collect(process, output)
            return await process.wait(), output.text()
    except TimeoutError:
        await process.stop()
        await _collect(process, output)
        return Exit(None, signal.SIGKILL), f"{output.text()}\n… stopped after {timeout:g} seconds …\n"
    finally:
        await process.stop()


async def _collect(process: AgentProcess, output: Clipping) -> None:
    while piece := await process.read():
        output.add(piece)


class _Reports:
    """What the shim says, object by object."""

    def __init__(self, fd: int) -> None:
        self._inlet = Inlet(fd)
        self._text = b""

    async def next(self) -> dict[str, Any]:
        """The next report, an empty one at the end."""
        while b"\n" not in self._text:
            if not (piece := await self._inlet.read()):
                return {}
            self._text += piece
        line, _, self._text = self._text.partition(b"\n")
        report: dict[str, Any] = json.loads(line)
        return report

    def close(self) -> None:
        self._inlet.close()


@dataclass(frozen=True)
class _Ends:
    """One side's descriptors of the five pipes."""

    stdin: int
    stdout: int
    stderr: int
    control: int
    report: int


def _pipes(merge_stderr: bool) -> tuple[_Ends, _Ends]:
    """Ours and the shim's, none of them inheritable."""
    pairs: list[tuple[int, int]] = []
    try:
        for _ in range(5):
            pairs.append(os.pipe())  # noqa: PERF401 - those made before a failure are closed below
    except OSError as error:
        for fd in (fd for pair in pairs for fd in pair):
            os.close(fd)
        raise AgentFailed(f"no pipes for it: {error.strerror}") from error
    stdin, stdout, stderr, control, report = pairs
    ours = _Ends(stdin[1], stdout[0], stderr[0], control[1], report[0])
    theirs = _Ends(stdin[0], stdout[1], stderr[1], control[0], report[1])
    if merge_stderr:
        os.dup2(stdout[1], stderr[1], inheritable=False)
    return ours, theirs


def _spawn(theirs: _Ends, launch: bytes, mark: str) -> None:
    """Blocks until the first process of the shim is gone, some 20 ms, and closes the shim's ends on our side."""
    program = description = -1
    try:
        program, description = _kept(_compiled(SHIM)), _kept(launch)
        passed = (program, theirs.control, theirs.report, description)
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", _ENTER, str(SHIM), *map(str, passed)],
            stdin=theirs.stdin,
            stdout=theirs.stdout,
            stderr=theirs.stderr,
            pass_fds=passed,
            env={MARK: mark, **_for_the_interpreter()},
            cwd="/",
            check=False,
        )
    except OSError as error:
        raise AgentFailed(f"its shim cannot be started: {error}") from error
    finally:
        ends = (theirs.stdin, theirs.stdout, theirs.stderr, theirs.control, theirs.report)
        for fd in (program, description, *ends):
            if fd >= 0:
                os.close(fd)


# what the interpreter is told: the shim's code is the file behind the first number
_ENTER = "import marshal, sys; exec(marshal.load(open(int(sys.argv[2]), 'rb')))"


@functools.cache
def _compiled(source: Path) -> bytes:
    """To compile it at each start would take as much processor as all the rest of the start."""
    return marshal.dumps(compile(source.read_bytes(), str(source), "exec"))


def _kept(content: bytes) -> int:
    """A descriptor of it. Kept by the kernel alone: an argument list and a file would show the agent's secrets."""
    fd = os.memfd_create("launch")
    try:
        os.write(fd, content)
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError:
        os.close(fd)
        raise
    return fd


def _for_the_interpreter() -> dict[str, str]:
    """Some Pythons find their own library only through this."""
    return {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}


def _description(
    confined: Confined, cwd: Path, env: Mapping[str, str], grace: float, mark: str = ""
) -> bytes:
    """The fields of the shim's LAUNCH; see there."""
    if not confined.argv:
        raise AgentFailed("there is no program to start")
    if not (math.isfinite(grace) and grace >= 0):
        raise AgentFailed(f"a grace of {grace} seconds is not possible")
    wanted = confined.limits
    place, available = cgroup.place(limits.controllers(wanted))
    name = cgroup.name_for(mark, suffix(6)) if mark and place else ""
    available = available if name else frozenset()
    each = [" ".join(map(str, rule)) for rule in limits.of_each_process(wanted, available)]
    fields = [str(grace), str(cwd), str(int(confined.guard)), f"{place}/{name}" if name else ""]
    for many in (limits.settings(wanted, available), each, confined.rules, confined.argv):
        fields += [str(len(many)), *many]
    fields += (f"{name}={value}" for name, value in env.items())
    if any("\0" in field for field in fields):
        raise AgentFailed("an argument or environment variable of it contains a NUL character")
    if any(not name or "=" in name for name in env):
        raise AgentFailed("an environment variable of it has an impossible name")
    return b"".join(os.fsencode(field) + b"\0" for field in fields)
