from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from maestro_ray.daemon.child import Child, gone
from maestro_ray.errors import Reported, StartFailed

PROGRAM = """
import os, sys, time
fd = int(sys.argv[sys.argv.index("--ready") + 1])
{body}
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    async def start(body, within=10.0):
        (tmp_path / "program.py").write_text(PROGRAM.format(body=body))
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return await Child.start("It", "program", [], env, tmp_path / "log", within)

    return start


async def test_a_child_is_there_when_it_says_so(start):
    child = await start('os.write(fd, b\'{"url": "x"}\\n\'); time.sleep(600)')

    assert child.answer == {"url": "x"}
    assert child.running()
    await child.stop(5)
    assert not child.running()


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


async def test_one_that_ignores_the_signal_is_killed(start):
    child = await start(
        "import signal; signal.signal(15, signal.SIG_IGN); os.write(fd, b'{}\\n'); time.sleep(600)"
    )
    began = time.monotonic()
    await child.stop(0.2)

    assert not child.running()
    assert time.monotonic() - began < 5


async def test_the_end_of_a_process_is_noticed():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process.stdin.close()
    await gone(process.pid)
    assert process.wait() is not None
    await gone(process.pid)
