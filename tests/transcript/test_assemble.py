from __future__ import annotations

from typing import Any

import pytest

from maestro_ray.redaction import Secrets
from maestro_ray.transcript.assemble import LONGEST_TEXT, assemble, concerns, message, moment
from maestro_ray.transcript.discreet import Discreet
from maestro_ray.transcript.document import Transcript
from maestro_ray.transcript.read import Facts, Which, find

from .example import RUN, SESSION, TEAM
from .test_read import Table, reading, rows

DISCREET = Discreet(Secrets(["hunter2-and-more"]), {"/home/ada": "~"})


def facts(which: Which = Which(), **changes: Any) -> Facts:  # noqa: B008 - it is frozen
    table = Table(*rows())
    found = find(table, which, "github:acme/shop")
    read = reading(table).facts(found)
    for _ in reading(table).channel(read):
        pass
    for name, value in changes.items():
        setattr(read, name, value)
    return read


def document(read: Facts) -> Transcript:
    return assemble(read, DISCREET, 1_763_878_000.0, "1.0")


def test_the_document_of_a_team() -> None:
    made = document(facts())
    assert (made.version, made.scope.kind, made.scope.name, made.team.goal) == (
        1,
        "team",
        "maestro-1",
        "A shop",
    )
    assert made.exported_at == "2025-11-23T06:06:40.000Z"
    assert [(each.name, each.role) for each in made.members] == [("bot", "lead"), ("dev-1", "dev")]
    assert [each.purpose for each in made.runs] == ["plan"]
    one, two = made.plans[0].tasks
    assert ([each.purpose for each in one.runs], one.runs[0].files) == (["execute", "review"], ["x"])
    assert (one.verdicts[0].worker, one.verdicts[0].reason) == ("dev-1", "red")
    assert one.verdicts[0].evidence is not None
    assert (one.verdicts[0].evidence.exit_code, one.verdicts[0].evidence.counts) == (2, {"failed": 1})
    assert [each.body for each in one.comments] == ["red"]
    assert (two.depends_on, two.runs) == (["task-1"], [])
    (directive,) = made.directives
    assert (directive.text, directive.state, [each.worker for each in directive.receipts]) == (
        "Write clearly", "active", ["dev-1"],
    )  # fmt: skip


def test_the_cost_and_who_raised_it() -> None:
    cost = document(facts()).cost
    assert (cost.total.cost_usd, cost.total.runs) == (0.5, 2)
    assert cost.burn == "$0.50 of $2.00 · 210 tokens (3 unpriced)"
    assert [(each.name, each.cost_usd) for each in cost.tasks] == [
        ("Do task-1", 0.5),
        ("(about no task)", 0.25),
    ]
    assert (cost.caps, cost.cap_usd, cost.cap_tokens) == ({"team_usd": 1.0}, 2.0, None)
    assert [(each.by, each.answer, each.question) for each in cost.answers] == [("Ada", "raise", "more?")]
    assert document(facts(answered={})).cost.answers[0].by == ""
    assert document(facts(users={})).cost.answers[0].by == "u1"


def test_of_a_run_it_is_the_cost_of_that_run() -> None:
    made = document(facts(Which(run=RUN)))
    assert (made.scope.kind, made.scope.name, made.cost.total.cost_usd) == ("run", "execute", 0.25)
    assert (made.cost.roles, made.cost.caps, made.cost.burn) == ([], {}, "")


def test_what_a_worker_puts_into_a_result_cannot_spoil_the_document() -> None:
    """Whoever holds a run may report what they like."""
    for result in (
        {"commit": 5, "output": ["x"], "files": "abc", "summary": {"a": 1}},
        {"files": [1, None, {"a": "b"}], "command": 7, "exit_code": "0", "counts": {"x": "y", "z": 1}},
        {"counts": [1], "command": "x", "exit_code": 1.5},
    ):
        read = facts()
        read.runs = [{**row, "purpose": "test", "result": result} for row in read.runs]
        made = document(read)
        assert Transcript.model_validate_json(made.model_dump_json()) == made


def test_no_secret_and_no_place_is_left_in_any_text() -> None:
    """Red without `hide_all` in `assemble` and in `message`."""
    said = "hunter2-and-more in /home/ada/x \ud800"
    read = facts()
    read.runs = [{**row, "reason": said, "note": said, "result": {"files": [said]}} for row in read.runs]
    read.cards = [{**card, "question": said, "options": [said], "answer": said} for card in read.cards]
    read.plans[0] |= {"title": said, "description": said}
    read.notes = [said]
    sent = {"number": 1, "at": 1.0, "sender": said, "kind": "post", "body": {said: [said], "text": said}}
    for text in (document(read).model_dump_json(), message(sent, DISCREET).model_dump_json()):
        assert "hunter2" not in text
        assert "/home/ada" not in text
        assert "*** in ~/x" in text


def test_long_texts_of_messages_are_cut_with_a_word() -> None:
    body = {"text": "x" * (LONGEST_TEXT + 5), "n": [{"deep": "y" * (LONGEST_TEXT + 1)}]}
    made = message({"number": 1, "at": 1.0, "sender": "a", "kind": "post", "body": body}, DISCREET)
    assert made.body["text"] == "x" * LONGEST_TEXT + "… (5 characters more)"
    assert made.body["n"][0]["deep"].endswith("… (1 characters more)")
    assert len(made.text) <= LONGEST_TEXT + 1


def test_what_belongs_into_which_transcript() -> None:
    table = Table(*rows())
    said = [each["number"] for each in table.lists[f"teams/{TEAM}/messages"]]
    for which, numbers in ((Which(), said), (Which(session=SESSION), [2, 3]), (Which(run=RUN), [2])):
        found = find(table, which, "") if which != Which() else find(table, which, "github:acme/shop")
        kept = [each["number"] for each in table.lists[f"teams/{TEAM}/messages"] if concerns(found, each)]
        assert kept == numbers
    for body in (None, 5, "x", [RUN]):
        assert not concerns(find(table, Which(run=RUN), ""), {"sender": "x", "body": body})


@pytest.mark.parametrize("at", [1e30, -1e30, float("inf"), float("nan")])
def test_times_that_no_calendar_has(at: float) -> None:
    assert moment(at) is None


def test_times() -> None:
    assert (moment(0.0), moment(None)) == ("1970-01-01T00:00:00.000Z", None)
