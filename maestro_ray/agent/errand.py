"""A program that is run once to its end: given its input, heard on both streams, and stopped when it takes too long."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from maestro_ray.agent.pipes import Clipping
from maestro_ray.agent.process import AgentProcess
from maestro_ray.ids import suffix
from maestro_ray.ports import Ended

LIMIT = 65536  # bytes of standard output that are kept
GRACE = 0.5


async def run_errand(
    argv: Sequence[str], *, stdin: bytes, cwd: Path, env: Mapping[str, str], timeout: float
) -> Ended:
    """A `ports.RunProgram`. What it leaves running is ended with it."""
    mark = f"errand{os.getpid()}:{suffix(12)}:run"
    process = await AgentProcess.start(argv, cwd=cwd, env=env, mark=mark, grace=GRACE)
    output = Clipping(LIMIT)
    # a program need not read its input, and then nobody would ever take all of it
    writing = asyncio.create_task(_write(process, stdin))
    late = False
    try:
        async with asyncio.timeout(timeout):
            await _collect(process, output)
            await process.wait()
    except TimeoutError:
        late = True
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        await process.stop()
    await _collect(process, output)
    end = await process.wait()
    return Ended(end.code, output.text(), process.stderr_tail(), late, output.cut)


async def _write(process: AgentProcess, stdin: bytes) -> None:
    await process.write(stdin)
    await process.close_stdin()


async def _collect(process: AgentProcess, output: Clipping) -> None:
    while piece := await process.read():
        output.add(piece)
