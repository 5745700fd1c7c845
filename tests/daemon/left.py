"""Processes as an earlier daemon leaves them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from maestro_ray.agent.sweep import MARK, ProcessId, identify
from maestro_ray.testing import eventually


@contextmanager
def left(name: str, *words: str, mark: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A process called `name` with these words behind it; whoever is still there at the end is ended."""
    env = {**os.environ, **({MARK: mark} if mark else {})}
    argv = [name, "-c", "import time; print(flush=True); time.sleep(600)", *words]
    with subprocess.Popen(argv, executable=sys.executable, env=env, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def who(process: subprocess.Popen[bytes]) -> ProcessId:
    found = identify(process.pid)
    assert found is not None
    return found


async def killed(process: subprocess.Popen[bytes]) -> None:
    """Returns when it was ended by SIGKILL or SIGTERM."""
    code = await eventually(lambda: process.poll())
    assert code in (-9, -15), code
