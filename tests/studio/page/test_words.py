from __future__ import annotations

import pytest

from maestro_ray.model import plan, run, task
from maestro_ray.studio.page import words
from maestro_ray.studio.page.render import HERE


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86399, "23 h"),
        (86400, "1 d"),
        (10**8, "1157 d"),
    ],
)
def test_a_length_of_time_has_one_unit(seconds: float, said: str) -> None:
    assert words.span(seconds) == said


def test_a_moment_is_in_utc() -> None:
    assert words.stamp(0) == "1970-01-01T00:00:00+00:00"


def test_every_state_has_a_tone_that_the_style_knows() -> None:
    text = (HERE / "static" / "page.css").read_text()
    for machine in (plan.Status, run.State, task.Status):
        for state in machine:
            assert f".tag.{words.tone(state)} " in text, state
    assert words.tone("a new word") == "plain"
    assert words.tone("APPROVED") == words.tone(task.Status.MERGED) != words.tone("REJECTED")


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("run.started", {"purpose": "bootstrap_epic", "title": "A plan"}, "began bootstrap epic A plan"),
        ("run.ended", {"purpose": "execute", "title": "A", "summary": "3 files"}, "execute A: 3 files"),
        ("run.ended", {"purpose": "execute", "title": "A", "action": "fail"}, "execute A: fail"),
        ("run.paused", {"reason": "quota"}, "paused: quota"),
        ("run.paused", {"reason": "quota", "resume_at": 60.0}, "paused until 1970-01-01 00:01 UTC: quota"),
        ("run.paused", {"reason": "quota", "resume_at": 1e300}, "paused: quota"),
        ("run.paused", {"reason": "quota", "resume_at": "soon"}, "paused: quota"),
        ("run.paused", {"reason": "quota", "resume_at": True}, "paused: quota"),
        ("hook.denied", {"event": "PreToolUse", "reason": "not now"}, "a hook denies (PreToolUse): not now"),
        ("hook.failed", {"event": "RunEnd", "reason": "it hangs"}, "a hook for RunEnd: it hangs"),
        ("mcp.left_out", {"server": "db", "reason": "gone"}, "goes on without the MCP server db: gone"),
        ("verdict.unclear", {"run": "r"}, "its verdict could not be read: asked for it once more"),
        ("subtask.refused", {"subtask": "A", "reason": "no"}, "subtask refused: A: no"),
        ("blocker.refused", {"blocker": "A", "reason": "no"}, "blocker refused: A: no"),
        ("decision.refused", {"decision": "A?", "reason": "no"}, "question refused: A?: no"),
        ("post", {"text": "hello"}, "says: hello"),
        ("directive", {"text": "Be kind."}, "⚑ Be kind."),
        ("receipt", {"how": "in-turn"}, "⚑ delivered (in-turn)"),
        ("accepted", {"worker": "dev-2"}, "⚑ goes to dev-2 too"),
        ("cleared", {}, "⚑ steering cleared"),
        ("team.up", {"workers": []}, "the team is up"),
        ("worker.joined", {"worker": "dev-2"}, "dev-2 joined the team"),
        ("worker.left", {"worker": "dev-2"}, "dev-2 left the team"),
        ("digest", {"text": "dev-1 is silent", "silent": ["dev-1"]}, "dev-1 is silent"),
        ("blocker", {"text": "no table", "run": "r"}, "blocked: no table"),
        ("question", {"question": "Which?", "options": []}, "asks: Which?"),
        ("note", {"text": "hello"}, "note: hello"),
        ("odd", {"a": [1]}, 'odd: {"a": [1]}'),
        ("odd", "just text", "just text"),
        ("odd", None, "None"),
        ("run.ended", {}, ": "),
    ],
)
def test_a_message_is_one_line_whatever_it_holds(kind: str, body: object, said: str) -> None:
    assert words.message(kind, body) == said


def test_what_stands_out_in_the_channel() -> None:
    assert [words.look(kind) for kind in ("directive", "hook.denied", "receipt")] == ["steer", "alarm", ""]


def test_evidence_is_one_line() -> None:
    test = {"command": "make test", "exit_code": 1, "counts": {"failed": 1, "passed": 3}}
    assert words.found(test) == "make test · exit code 1 · 1 failed · 3 passed"
    assert words.found({"counts": "x"}) == " · run by an agent"
    assert words.found(None) == ""
