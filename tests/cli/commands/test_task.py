from __future__ import annotations

import json

from maestro_cli import main

RUN = {
    "id": "0000-12345678",
    "purpose": "review",
    "task": "0000-87654321",
    "key": "one",
    "title": "Write\x1b[2J one",
    "team": "maestro-1",
    "worker": "review-1",
    "worktree": "/w/maestro-1/review-1",
}


def test_what_waits_is_shown_with_the_words_that_end_it(capsys, daemon):
    daemon.answers["task.list"] = lambda *_: {"runs": [RUN, {**RUN, "purpose": "execute"}]}
    assert main.run(["task", "list"]) == 0
    assert capsys.readouterr().out == (
        "12345678  review Write [2J one\n"
        "          maestro-1 review-1, in /w/maestro-1/review-1\n"
        "          maestro task done 12345678 --approve | --reject REASON\n"
        "12345678  develop Write [2J one\n"
        "          maestro-1 review-1, in /w/maestro-1/review-1\n"
        "          maestro task done 12345678\n"
    )
    daemon.answers["task.list"] = lambda *_: {"runs": []}
    assert main.run(["task", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == []


def test_done_is_told_with_the_verdict(capsys, daemon):
    daemon.answers["task.done"] = lambda *_: {"run": RUN}
    assert main.run(["task", "done", "12345678", "--reject", "no"]) == 0
    assert capsys.readouterr().out == "done: review Write [2J one\n"
    assert main.run(["task", "done", "12345678", "--approve"]) == 0
    assert main.run(["task", "done", "12345678"]) == 0
    assert [params for _, params in daemon.asked] == [
        {"id": "12345678", "approve": False, "reject": "no"},
        {"id": "12345678", "approve": True},
        {"id": "12345678", "approve": False},
    ]
    assert main.run(["task", "done"]) == 2
