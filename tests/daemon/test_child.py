from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from maestro_ray.agent.sweep import alive, identify
from maestro_ray.daemon import child
from maestro_ray.daemon.processes import reap
from maestro_ray.errors import Reported, StartFailed
from maestro_ray.log_file import LARGEST

PROGRAM = """
import os, sys, time
fd = int(sys.argv[sys.argv.index("--ready") + 1])
{body}
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    # what the daemon does for its own
    previous = signal.signal(signal.SIGCHLD, lambda *_: reap())

    async def start(body, within=60.0):
        (tmp_path / "program.py").write_text(PROGRAM.format(body=body))
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return await child.start("It", "program", [], env, tmp_path / "log", within)

    yield start
    signal.signal(signal.SIGCHLD, previous)


async def test_a_child_is_there_when_it_says_so(start):
    program = await start('os.write(fd, b\'{"url": "x"}\\n\'); time.sleep(600)')

    assert program.answer == {"url": "x"}
    assert alive(program.process)
    await child.end(program.process, within=60)
    assert not alive(program.process)


async def test_what_it_says_went_wrong_is_raised(start):
    with pytest.raises(Reported, match="port 1 is taken") as caught:
        await start(
            'os.write(fd, b\'{"error_kind": "port_taken", "message": "port 1 is taken", "hint": "h"}\\n\')'
        )
    assert (caught.value.kind, caught.value.hint) == ("port_taken", "h")


async def test_one_that_dies_is_told_by_its_last_words(start):
    with pytest.raises(StartFailed, match="It did not start: ValueError: no"):
        await start("raise ValueError('no')")


async def test_one_that_says_nothing_is_given_up_and_ended(start, tmp_path):
    with pytest.raises(StartFailed, match=r"it said nothing within 0 s"):
        await start("time.sleep(600)", within=0.3)


async def test_a_log_that_has_grown_is_set_aside_first(start, tmp_path):
    (tmp_path / "log").write_bytes(b"x" * (LARGEST + 1))
    with pytest.raises(StartFailed, match="It did not start: ValueError: no"):
        await start("raise ValueError('no')")

    assert (tmp_path / "log").stat().st_size < 1000
    assert (tmp_path / "log.1").stat().st_size == LARGEST + 1


async def test_one_that_ignores_the_signal_is_killed(start):
    program = await start(
        "import signal; signal.signal(15, signal.SIG_IGN); os.write(fd, b'{}\\n'); time.sleep(600)"
    )
    began = time.monotonic()
    await child.end(program.process, within=0.2)

    assert not alive(program.process)
    assert time.monotonic() - began < 60


async def test_the_end_of_a_process_is_noticed():
    program = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = identify(program.pid)
    program.stdin.close()
    await child.gone(process)
    assert program.wait() is not None
    await child.gone(process)


async def test_a_pid_that_is_anothers_by_now_is_neither_waited_for_nor_ended():
    me = identify(os.getpid())
    await child.end(replace(me, start=me.start - 1), within=1)
