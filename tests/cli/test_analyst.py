from __future__ import annotations

import json

import pytest

from maestro_cli import main

ITEM = {"kind": "risk", "title": "Money\x1b", "body": "b", "path": "p", "run_id": "r"}
UPDATED = {"kind": "run.updated", "run": {"id": "r", "purpose": "repo_analysis", "state": "succeeded"}}
CARD = {
    "id": "0" * 8 + "cafecafe",
    "kind": "repo_analysis",
    "question": "it failed: why",
    "options": ["retry", "abort"],
}


@pytest.fixture
def analyst(daemon, sample, capsys):
    def prepare(*events):
        async def watch(_params, notify):
            for number, event in enumerate(events, 1):
                await notify("team.event", {"n": number, "at": 0.0, "past": False, **event})

        daemon.answers |= {
            "project.learn": lambda *_: {"project": {"key": "k"}, "items": 1, "changed": 0, "gone": 0},
            "team.start": lambda *_: {"team": {"id": "t", "name": "m-1"}, "warnings": [], "workers": []},
            "project.analyse": lambda *_: {"id": "r"},
            "project.knowledge": lambda *_: [ITEM, {**ITEM, "run_id": None}],
            "team.watch": watch,
            "team.stop": lambda *_: [],
        }

        def run(*words):
            code = main.run(["-C", str(sample.path), "analyze", "--deep", *words])
            return (code, *capsys.readouterr())

        return run

    return prepare


def test_what_an_agent_found_is_shown_and_its_team_ends(analyst, daemon):
    other = {"kind": "run.updated", "run": {"id": "q", "purpose": "execute", "state": "succeeded"}}
    code, out, err = analyst(other, UPDATED)("--provider", "claude:opus", "--note", "the till")
    assert (code, err) == (0, "")
    assert out.endswith("an agent found 1 item\n  risk  Money\n"), out
    asked = dict(daemon.asked)
    assert asked["team.start"]["roles"] == {"analyst": 1}
    assert asked["team.start"]["providers"] == {"analyst": "claude:opus"}
    assert asked["project.analyse"]["note"] == "the till"
    assert asked["team.stop"] == {"team": "m-1"}


def test_a_program_gets_the_items(analyst):
    code, out, _ = analyst(UPDATED)("--json")
    assert (code, json.loads(out)["judged"]) == (0, [ITEM])


def test_a_survey_that_failed_says_why_and_its_team_ends(analyst, daemon):
    code, _, err = analyst({"kind": "decision.requested", "decision": CARD})()
    assert code == 1
    assert "error: it failed: why\nhint: `maestro decide cafecafe abort`" in err
    assert daemon.asked[-1] == ("team.stop", {"team": "m-1"})


def test_a_team_that_ends_before_is_told(analyst):
    code, _, err = analyst()()
    assert (code, "ended before the survey" in err) == (1, True)


@pytest.mark.parametrize("words", [["--provider", "claude"], ["--note", "x"], ["--deep", "--no-upload"]])
def test_options_that_fit_not_together_are_refused(sample, capsys, words):
    assert main.run(["-C", str(sample.path), "analyze", *words]) == 2
    assert capsys.readouterr().err.startswith("error: ")
