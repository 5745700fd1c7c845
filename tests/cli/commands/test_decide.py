from __future__ import annotations

import json

import pytest

from maestro_cli import main
from maestro_ray.errors import UsageError

CARD = {
    "id": "0000-12345678",
    "kind": "attempts",
    "question": "Do it: failed",
    "options": ["retry", "abort"],
    "plan": "Work",
    "project": "github:a/b",
    "team": "",
}


def test_a_card_says_what_it_is_about(capsys, daemon, tmp_path):
    daemon.answers["decide.list"] = lambda *_: {"cards": [CARD], "away": []}
    assert main.run(["-C", str(tmp_path), "decide"]) == 0
    assert capsys.readouterr().out == (
        "12345678  attempts: Do it: failed\n"
        "          plan Work, project github:a/b\n"
        "          maestro decide 12345678 retry\n"
        "          maestro decide 12345678 abort\n"
    )
    assert daemon.asked == [("decide.list", {})]


def test_in_a_repository_only_its_cards_are_meant(capsys, daemon, sample):
    daemon.answers["decide.list"] = lambda *_: {"cards": [], "away": []}
    assert main.run(["-C", str(sample.path), "decide"]) == 0
    assert "nothing waits for you in this repository" in capsys.readouterr().out
    assert main.run(["-C", str(sample.path), "decide", "--all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decisions"] == []
    assert [params for _, params in daemon.asked] == [{"repo": str(sample.path)}, {}]


def test_a_studio_that_is_away_is_named_beside_the_cards_of_the_others(capsys, daemon, tmp_path):
    away = [{"studio": "https://studio.example.com", "reason": "timed out"}]
    daemon.answers["decide.list"] = lambda *_: {"cards": [CARD], "away": away}
    assert main.run(["-C", str(tmp_path), "decide"]) == 0
    told = capsys.readouterr()
    assert "maestro decide 12345678 retry" in told.out
    assert told.err == "warning: the decisions of https://studio.example.com are not listed: timed out\n"
    daemon.answers["decide.list"] = lambda *_: {"cards": [], "away": away}
    assert main.run(["-C", str(tmp_path), "decide", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["away"] == away
    assert main.run(["-C", str(tmp_path), "decide"]) == 0
    assert capsys.readouterr().out == "nothing waits for you at the Studios that answered\n"


@pytest.mark.parametrize("words", [["12345678"], ["list", "retry"], ["12345678", "nonsense"]])
def test_answers_that_are_none(capsys, daemon, words):
    def refuse(params, _):
        raise UsageError(f"{params['answer']!r} is no answer to this card", "one of: retry, abort")

    daemon.answers["decide.answer"] = refuse
    assert main.run(["decide", *words]) == 2
    assert capsys.readouterr().err.startswith("error: ")
