"""With a small program in place of an agent."""

from __future__ import annotations

import sys

import pytest

from .rpc import Rpc
from .talk import Talk
from .workplace import Workplace

ECHO = """
import json, subprocess, sys
print("begun")
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "leave":
        subprocess.Popen(["sleep", "300"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    print(json.dumps({"id": asked["id"], "result": asked["params"]}), flush=True)
sys.exit(7)
"""


@pytest.fixture
async def talk(tmp_path):
    place = Workplace(tmp_path / "work")
    talk = await Talk.start([sys.executable, "-c", ECHO], place.env(), place)
    yield talk, place
    await talk.cut()


async def test_lines_go_both_ways_and_are_kept(talk):
    talk, _ = talk
    rpc = Rpc(talk, {"jsonrpc": "2.0"})

    assert await rpc.call("echo", word="a") == {"word": "a"}
    assert await talk.end() == 7
    assert [way for way, _ in talk.lines] == ["in", "out", "out"]
    assert talk.said()[0] == {"text": "begun"}


async def test_what_a_program_leaves_behind_is_found_and_ended(talk):
    talk, place = talk
    await Rpc(talk, {}).call("leave")

    assert await talk.end() == 7
    assert len(place.left()) == 1
    await talk.cut()
    assert place.left() == []


async def test_a_line_that_does_not_come_is_an_error_when_it_ends(talk):
    talk, _ = talk
    assert talk.process.stdin
    talk.process.stdin.close()

    with pytest.raises(AssertionError, match="it ended without it"):
        await talk.until(lambda line: "never" in line)
