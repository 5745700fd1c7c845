from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_cli.render.board import Board, summary_rows

RUN = {"run": "r", "purpose": "execute", "task": "t", "title": "Parse\x1b[2J it"}


def happened(kind, sender="dev-1", **fields):
    body = fields.pop("body", None)
    return {
        "n": 1,
        "kind": kind,
        "at": 0.0,
        "sender": sender,
        **({"body": body} if body is not None else {}),
        **fields,
    }


@pytest.fixture
def board():
    return Board({"dev-1": "idle", "review-1": "idle"})


def test_what_is_used_is_kept_for_the_line_below_and_in_no_log(board):
    assert board.take(happened("budget.updated", team={"burn": "$1.23 of $5.00 · 120k tokens"})) == []
    assert board.burn == "$1.23 of $5.00 · 120k tokens"


def test_the_tasks_of_a_plan_that_was_rejected_are_not_counted(board):
    """Red without: a rejected plan of one task and then another one were `1 of 2 tasks done` from the beginning."""
    task = {"id": "t1", "key": "a", "title": "A", "role": "dev", "description": "", "depends_on": []}
    card = {"id": "cafecafe", "kind": "proposal", "options": ["approve", "reject"]}
    shown = {"title": "P", "test": "", "tasks": [task]}
    board.take(happened("plan.proposed", plan=shown, decision=card))
    board.take(happened("task.updated", task={**task, "status": "cancelled"}))
    board.take(happened("decision.answered", decision={**card, "answer": "reject", "reason": "smaller"}))
    board.take(happened("task.updated", task={**task, "id": "t2", "status": "running"}))
    assert (board.done, len(board.tasks)) == (0, 1)


def test_a_run_from_its_start_to_its_end(board):
    assert board.take(happened("run.started", body=RUN)) == ["dev-1         develop Parse [2J it"]
    assert board.workers["dev-1"] == "develop Parse [2J it"
    board.take(happened("text", text="thinking\nabout\x07 it\n", run="r"))
    assert board.workers["dev-1"] == "develop Parse [2J it · about  it"
    ended = board.take(
        happened("run.ended", body={**RUN, "action": "complete", "summary": "2 files changed"})
    )
    assert ended == ["dev-1         develop Parse [2J it: 2 files changed"]
    assert board.workers["dev-1"] == "idle"


def test_a_failure_shows_its_reason_over_several_lines(board):
    lines = board.take(happened("run.ended", body={**RUN, "action": "fail", "summary": "red:\n  one\n  two"}))
    assert lines == [
        "dev-1         develop Parse [2J it: failed: red:",
        "              one",
        "              two",
    ]


def test_tasks_are_counted_and_their_ends_told(board):
    task = {"id": "t", "title": "Parse", "status": "in_progress"}
    assert board.take(happened("task.updated", task=task)) == []
    assert board.take(happened("task.updated", task={**task, "status": "merged"})) == [
        "task          Parse: merged"
    ]
    assert board.take(happened("task.updated", task={**task, "status": "merged"})) == []
    assert (board.done, len(board.tasks)) == (1, 1)


def test_a_verdict_names_the_task_and_the_commit(board):
    board.take(happened("task.updated", task={"id": "t", "title": "Parse", "status": "awaiting_review"}))
    verdict = {"task_id": "t", "verdict": "REJECTED", "commit": "a" * 40, "reason": "no tests"}
    assert board.take(happened("verdict.given", verdict=verdict)) == [
        "verdict       REJECTED Parse @ aaaaaaaaaa — no tests"
    ]


def test_a_card_tells_its_answers_until_it_is_answered(board):
    card = {
        "id": "x" * 8 + "12345678",
        "kind": "release",
        "question": "main is dirty\nand moved",
        "options": ["retry", "abort"],
    }
    assert board.take(happened("decision.requested", decision=card)) == [
        "decide        release: main is dirty",
        "              and moved",
        "              maestro decide 12345678 retry",
        "              maestro decide 12345678 abort",
    ]
    assert list(board.decisions) == [card["id"]]
    board.take(happened("decision.answered", decision={"id": card["id"], "answer": "retry"}))
    assert board.decisions == {}


def test_a_team_waits_until_something_happens(board):
    board.take(happened("team.waiting", decisions=[]))
    assert board.waiting
    board.take(happened("run.started", body=RUN))
    assert not board.waiting


def test_steering_is_counted(board):
    assert board.take(happened("directive", "operator", body={"text": "be kind"})) == [
        "operator      ⚑ be kind"
    ]
    assert board.take(happened("receipt", body={"how": "in-turn"})) == ["dev-1         ⚑ delivered (in-turn)"]
    assert board.directives == 1
    board.take(happened("cleared", "operator", body={}))
    assert board.directives == 0


def test_workers_come_get_lost_and_go(board):
    board.take(happened("worker.joined", body={"worker": "dev-2"}))
    assert board.take(happened("worker.lost", worker="dev-2")) == [
        "dev-2         lost; its run is queued again"
    ]
    assert board.take(happened("worker.up", worker="dev-2", pid=7)) == ["dev-2         back, pid 7"]
    board.take(happened("worker.left", body={"worker": "dev-2"}))
    assert "dev-2" not in board.workers


@given(st.text())
def test_what_is_not_known_is_not_shown(kind):
    assert Board({}).take({"n": 1, "kind": f"x-{kind}", "at": 0.0}) == []


def test_the_summary_has_a_row_for_each_task():
    plan = {
        "tasks": [
            {
                "id": "t",
                "title": "Parse",
                "status": "completed",
                "runs": 7,
                "commits": ["a" * 40, "b" * 40],
                "seconds": 3.21,
            },
            {"id": "u", "title": "Print", "status": "cancelled", "runs": 0, "commits": [], "seconds": 0.0},
        ],
        "verdicts": [{"task": "t", "verdict": "REJECTED"}, {"task": "t", "verdict": "APPROVED"}],
    }
    assert summary_rows(plan) == [
        ["Parse", "completed", "7", "1 rejected, 1 approved", "aaaaaaa bbbbbbb", "3.2s"],
        ["Print", "cancelled", "0", "-", "-", "0.0s"],
    ]


def test_a_subtask_that_is_refused_says_why(board):
    body = {"run": "r", "subtask": "Docs\x1b[2J", "reason": "no role\n'x'"}
    assert board.take(happened("subtask.refused", body=body)) == [
        "dev-1         subtask refused: Docs [2J: no role 'x'"
    ]


def test_a_run_that_waits_for_a_person_says_where_and_how_it_ends(board):
    waits = {**RUN, "run": "0000-12345678", "worktree": "/w/dev-1"}
    assert board.take(happened("run.waits", body=waits)) == [
        "dev-1         waits for you, in /w/dev-1",
        "              maestro task done 12345678",
    ]
    assert board.take(happened("run.waits", body={**waits, "purpose": "review"}))[1].endswith(
        "maestro task done 12345678 --approve | --reject REASON"
    )
    assert board.workers["dev-1"] == "waits for you: Parse [2J it"


@pytest.mark.parametrize(
    ("kind", "body", "line"),
    [
        ("post", {"text": "done\x1b[2J\nnow"}, "says: done [2J now"),
        ("hook.denied", {"event": "PreMerge", "reason": "frozen\n"}, "a hook denies (PreMerge): frozen"),
        ("hook.failed", {"event": "RunEnd", "reason": "x: it hangs"}, "a hook for RunEnd: x: it hangs"),
        (
            "mcp.left_out",
            {"server": "db", "reason": "not set"},
            "goes on without the MCP server db: not set",
        ),
    ],
)
def test_what_is_said_of_extensions_is_a_line(board, kind, body, line):
    assert board.take(happened(kind, body=body)) == [f"dev-1         {line}"]


def test_what_agents_raise_is_shown_in_their_words(board):
    body = {"run": "r", "task": "t", "title": "Parse", "purpose": "execute", "text": "no\ntable\x1b[2J"}
    assert board.take(happened("blocker", body=body)) == ["dev-1         blocked: no table [2J"]
    for kind, word in (("blocker", "blocker"), ("decision", "question")):
        body = {"run": "r", kind: "x\x1b[2J", "reason": "why\n"}
        assert board.take(happened(f"{kind}.refused", body=body)) == [
            f"dev-1         {word} refused: x [2J: why"
        ]


def test_an_answer_of_several_words_is_shown_as_it_is_typed(board):
    card = {"id": "0" * 8 + "cafecafe", "kind": "question", "question": "Which?", "options": ["a b", "$(c)"]}
    assert board.take(happened("decision.requested", decision=card)) == [
        "decide        question: Which?",
        "              maestro decide cafecafe 'a b'",
        "              maestro decide cafecafe '$(c)'",
    ]


def test_a_worker_whose_agent_waits_for_leave_shows_it_with_its_age(board):
    about = {
        "worker": "dev-1", "agent": "claude", "tool": "Bash", "command": "a\n" * 30 + "git push", "hash": "ab", "length": 3,
        "why": "no rule names it",
    }  # fmt: skip
    card = {
        "id": "0123456789",
        "kind": "permission",
        "question": "?",
        "options": ["allow"],
        "about": about,
        "answer": "",
    }
    lines = board.take(happened("decision.requested", at=90.0, decision=card))
    assert "              | git push" in lines, "all of the command is there"
    assert board.lines(100.0)[0] == ("dev-1", "waits for permission, 10 s")
    board.take(happened("decision.answered", decision={**card, "answer": "allow"}))
    assert board.lines(100.0)[0] == ("dev-1", "idle")


def test_a_silence_is_shown_with_its_age_and_the_last_line(board):
    board.take(happened("run.started", body=RUN))
    board.take(happened("text", text="reading\n"))
    told = {"worker": "dev-1", "seconds": 80.2, "last": "reading\x1b[2J"}
    assert board.take(happened("worker.silent", **told)) == [
        "dev-1         silent for 1 min 20 s; last: reading [2J"
    ]
    assert (
        dict(board.lines(0.0))["dev-1"] == "develop Parse [2J it · silent for 1 min 20 s; last: reading [2J"
    )
    board.take(happened("text", text="on\n"))
    assert dict(board.lines(0.0))["dev-1"] == "develop Parse [2J it · on"
    assert board.take(
        happened("digest", sender="maestro", body={"text": "dev-1 is silent", "silent": []})
    ) == ["maestro       dev-1 is silent"]
