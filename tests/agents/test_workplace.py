from __future__ import annotations

import asyncio
import subprocess

from .workplace import Workplace


def test_the_environment_is_all_of_it(tmp_path):
    place = Workplace(tmp_path / "work")
    env = place.env()

    assert set(env) == {"PATH", "HOME", "TMPDIR", "LANG", "MAESTRO_TEST_AGENT"}
    assert env["HOME"] == str(tmp_path / "work" / "home")


def test_the_folder_is_a_clean_repository(tmp_path):
    place = Workplace(tmp_path / "work")

    assert place.git("status", "--porcelain") == ""
    assert place.git("log", "--format=%s") == "Begin\n"


async def test_it_sees_a_command_that_runs(tmp_path):
    place = Workplace(tmp_path / "work")
    process = subprocess.Popen(["sleep", "300"], env=place.env())
    try:
        await place.command_runs("sleep")
        assert place.left() == [process.pid]
    finally:
        process.kill()
        process.wait()
    assert place.left() == []


async def test_what_goes_in_a_moment_is_not_left_behind(tmp_path):
    place = Workplace(tmp_path / "work")
    process = subprocess.Popen(["sleep", "300"], env=place.env())
    try:
        assert await place.left_behind(0.05) == [process.pid]
        looking = asyncio.create_task(place.left_behind(60))
        await asyncio.sleep(0)
        assert not looking.done()
        process.kill()
        assert await looking == []
    finally:
        process.kill()
        process.wait()
