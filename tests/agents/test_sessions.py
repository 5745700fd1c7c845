"""Live sessions with the real programs: they ask for permission, hear a word in the middle of a turn, and are interrupted."""

from __future__ import annotations

import pytest
from models.server import playing

from .acp_session import AcpSession
from .claude_session import asks
from .claude_session import ends as claude_ends
from .sessions import SESSIONS
from .talk import Line
from .workplace import Workplace

ACP = [name for name, session in SESSIONS.items() if isinstance(session, AcpSession)]


class Played:
    """A session from its start to its end. `code` is None when the program did not end with its input."""

    def __init__(
        self, lines: list[tuple[str, Line]], said: list[str], code: int | None, left: list[int]
    ) -> None:
        self.lines, self.said, self.code, self.left = lines, said, code, left

    def out(self) -> list[Line]:
        return [line for way, line in self.lines if way == "out"]


async def play(name, top) -> Played:
    session, place = SESSIONS[name], Workplace(top)
    async with playing(*session.PARTS) as model:
        talk = await session.start(model, place)
        try:
            await session.play(talk, place)
            code, left = await talk.end(), await place.left_behind()
        finally:
            await talk.cut()
    assert not model.broken, model.broken
    return Played(talk.lines, [asked.question.turns[-1].text for asked in model.asked], code, left)


async def test_claude(tmp_path):
    played = await play("claude", tmp_path)

    results = [
        (line["subtype"], line["is_error"], line.get("result")) for line in played.out() if claude_ends(line)
    ]
    assert results == [
        ("success", False, "It printed 42."),
        ("success", False, "Heard it."),
        ("success", False, "Then not."),
        ("error_during_execution", True, None),
    ]
    assert [line["request"]["input"]["command"] for line in played.out() if asks(line)] == [
        "python3 -c 'print(6 * 7)'",
        "rm -rf /precious",
    ]
    assert any("Keep the public API." in text for text in played.said)
    # its exit code is about the last turn
    assert (played.code, played.left) == (1, [])


async def test_claude_tells_when_a_word_was_read(tmp_path):
    """The replay bears our number, and comes after the tool's result and before the next answer."""
    played = await play("claude", tmp_path)

    sent = next(line for way, line in played.lines if way == "in" and "Keep the public API." in str(line))
    kinds = [
        "replay" if line.get("isReplay") and line["uuid"] == sent["uuid"] else _block(line)
        for line in played.out()
        if line["type"] in ("user", "assistant")
    ]
    place = kinds.index("replay")
    assert kinds[place - 1 : place + 2] == ["tool_result", "replay", "text"]


def _block(line: Line) -> str:
    return str(line["message"]["content"][0]["type"])


async def test_codex(tmp_path):
    played = await play("codex", tmp_path)

    ended = [
        line["params"]["turn"]["status"] for line in played.out() if line.get("method") == "turn/completed"
    ]
    assert ended == ["completed"] * 4 + ["interrupted"]
    asked = [line["method"] for line in played.out() if "Approval" in str(line.get("method"))]
    assert asked == ["item/fileChange/requestApproval"] + ["item/commandExecution/requestApproval"] * 4
    assert "Keep the public API." in played.said
    assert (tmp_path / "repo" / "hello.txt").read_text() == "hello\n"
    assert (played.code, played.left) == (0, [])


async def test_pi(tmp_path):
    played = await play("pi", tmp_path)

    queued = [line["steering"] for line in played.out() if line["type"] == "queue_update"]
    assert queued == [["Keep the public API."], []]
    assert "Keep the public API." in played.said
    assert [line["type"] for line in played.out()].count("agent_end") == 2
    assert (played.code, played.left) == (0, [])


@pytest.mark.parametrize("name", ACP)
async def test_an_agent_of_the_protocol(name, tmp_path):
    played = await play(name, tmp_path)

    stops = {
        line["id"]: line["result"]["stopReason"]
        for line in played.out()
        if "stopReason" in line.get("result", {})
    }
    # what a second prompt does to the first
    second = "end_turn" if name == "opencode" else "cancelled"
    assert [stops[number] for number in sorted(stops)] == [
        "end_turn",
        "end_turn",
        second,
        "end_turn",
        "cancelled",
    ]
    asked = [line for line in played.out() if line.get("method") == "session/request_permission"]
    assert len(asked) == 4
    assert any("Keep the public API." in text for text in played.said)
    assert (tmp_path / "repo" / "hello.txt").read_text() == "hello\n"
    # Gemini mostly stays when its input has ended, and nobody can rely on either
    if name != "gemini":
        assert (played.code, played.left) == (0, [])
