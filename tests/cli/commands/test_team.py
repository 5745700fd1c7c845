from __future__ import annotations

import json
import os

import pytest

from maestro_cli import main
from maestro_cli.commands import team
from maestro_cli.commands.team import environment, plan_status
from maestro_cli.render.watch import summary
from maestro_ray.home import Home


def plan(*tasks, status="completed"):
    rows = [
        {"id": str(n), "title": "T", "status": each, "runs": 1, "commits": [], "seconds": 1.0}
        for n, each in enumerate(tasks)
    ]
    return {
        "title": "P",
        "status": status,
        "seconds": 2.0,
        "released": "",
        "base": "main",
        "tasks": rows,
        "verdicts": [],
    }


@pytest.mark.parametrize("word", ["status", "stop", "logs", "watch"])
@pytest.mark.parametrize("options", [["--dry-run"], ["--dev", "1"], ["--detach"], ["--task", "x"]])
def test_options_for_a_start_are_refused_where_they_mean_nothing(capsys, daemon, word, options):
    assert main.run(["team", *options, word]) == 2
    assert main.run(["team", word, *options]) == 2
    assert f"error: {options[0]} means nothing to `maestro team {word}`" in capsys.readouterr().err.replace(
        "--watch", "--detach"
    )
    assert daemon.asked == []


def test_a_word_alone_is_asked(capsys, daemon):
    daemon.answers["team.stop"] = lambda *_: [{"name": "m-1"}]
    assert main.run(["team", "stop", "m-1"]) == 0
    assert daemon.asked == [("team.stop", {"team": "m-1"})]
    assert capsys.readouterr().out == "ended: m-1\n"


def test_a_plan_whose_tasks_were_all_cancelled_is_not_done():
    cancelled, half = plan("cancelled", "cancelled"), plan("completed", "cancelled")

    assert plan_status({"plans": [half]}) == "completed"
    assert plan_status({"plans": [half, cancelled]}) == "nothing_merged"
    assert plan_status({"plans": [plan("cancelled", status="failed")]}) == "failed"
    assert plan_status({"plans": []}) == "stopped"
    assert plan_status({"plans": [], "goal": "Do it."}) == "no_plan"
    assert "plan P: completed, nothing was merged in 2.0s" in summary({"plans": [cancelled]})
    assert summary({"plans": [half], "used": "$0.12 · 3k tokens"}).endswith("\n\nused $0.12 · 3k tokens")


def test_a_directory_whose_name_no_message_can_hold(capsys, daemon, tmp_path):
    place = tmp_path / os.fsdecode(b"caf\xe9")
    place.mkdir()
    for words in (["team", "status"], ["team", "--dev", "1", "--dry-run"], ["steer", "x"]):
        assert main.run(["-C", str(place), *words]) == 2
        assert "caf\\xe9' is not UTF-8" in capsys.readouterr().err
    assert daemon.asked == []


class Line:
    """A daemon whose record of a team is longer than an answer."""

    def __init__(self):
        self.asked = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def call(self, method, **params):
        self.asked.append((method, params))
        events = [{"n": n, "kind": "worker.joined", "body": {"worker": f"dev-{n}"}} for n in range(1, 6)]
        after = params["after"]
        return {"team": "bot-1", "events": events[after : after + 2], "more": after + 2 < len(events)}


@pytest.fixture
def line(monkeypatch):
    line = Line()
    monkeypatch.setattr(team, "connect_to_teams", lambda _home: line)
    return line


def test_a_long_log_is_read_page_by_page_as_one(line, capsys):
    assert main.run(["team", "logs", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [event["n"] for event in told["events"]] == [1, 2, 3, 4, 5]
    assert (told["team"], "more" in told) == ("bot-1", False)
    # what runs here may change on the way
    assert [sorted(params) for _, params in line.asked] == [["after", "repo"], *[["after", "team"]] * 2]

    assert main.run(["team", "logs", "bot-1"]) == 0
    assert capsys.readouterr().out.count("joined the team") == 5


def test_agents_see_the_keys_of_their_kinds_and_what_tables_name_and_no_more(tmp_path, monkeypatch):
    """Red (a person who is signed in by a variable is not) without the variables of the kinds of providers."""
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    (home.root / "config.toml").write_text('[providers.x]\nkind = "claude"\nenv = ["NAMED"]\n')
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "NAMED", "AWS_SECRET_ACCESS_KEY", "RAY_TOKEN"):
        monkeypatch.setenv(name, "x")
    seen = environment(home, tmp_path)
    assert {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "NAMED", "PATH"} <= seen.keys()
    assert not {"AWS_SECRET_ACCESS_KEY", "RAY_TOKEN"} & seen.keys()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--max-cost", "much"], "--max-cost much is no cap"),
        (["--max-cost", "0"], "--max-cost 0 is no cap"),
        (["--max-cost=-5"], "--max-cost -5 is no cap"),
        (["--max-tokens", "1.5"], "--max-tokens 1.5 is no cap"),
    ],
)
def test_a_cap_that_is_none_is_refused_in_a_sentence(capsys, daemon, flags, message):
    assert main.run(["team", "--dev", "1", "--task", "x", *flags]) == 2
    assert f"error: {message}" in capsys.readouterr().err
    assert daemon.asked == []


def test_the_caps_of_the_flags_are_the_teams():
    assert team._budget("$2.50", "2M") == {"team_usd": 2.5, "team_tokens": 2_000_000}
    assert team._budget("", "") == {}


# ── a goal ───────────────────────────────────────────────────────────────────────────────────────────────────────────

CARD = {
    "id": "0" * 8 + "cafecafe",
    "kind": "proposal",
    "question": "proposed plan 'Shop' with 2 tasks: carry it out?",
    "options": ["approve", "reject"],
    "status": "open",
    "answer": "",
}
PROPOSED = {
    "id": "p",
    "title": "Shop\x1b[2J",
    "description": "",
    "test": "make test",
    "tasks": [
        {
            "id": "1",
            "key": "a",
            "title": "One",
            "description": "First.\nMore.",
            "role": "dev",
            "depends_on": [],
        },
        {"id": "2", "key": "b", "title": "Two", "description": "", "role": "docs", "depends_on": ["a"]},
    ],
}
SHOWN = (
    "proposed      Shop [2J, 2 tasks\n"
    "              test: make test\n"
    "              a (dev): One\n"
    "                  First.\n"
    "              b (docs after a): Two\n"
)


def watched(*events, result):
    """What a daemon tells of a team, and its end."""

    async def watch(_params, notify):
        for number, event in enumerate(events, 1):
            await notify("team.event", {"n": number, "at": 0.0, "past": False, **event})
        return result

    return watch


@pytest.fixture
def planning(daemon):
    daemon.answers["team.watch"] = watched(
        {"kind": "plan.proposed", "plan": PROPOSED, "decision": CARD},
        {"kind": "team.waiting", "decisions": [CARD]},
        {"kind": "decision.answered", "decision": {**CARD, "answer": "reject", "reason": "too big"}},
        {"kind": "team.ending", "reason": "the plan was rejected"},
        result={"team": "m-1", "goal": "Do it.", "plans": [], "workers": []},
    )
    daemon.answers["decide.answer"] = lambda *_: {}
    return daemon


def without_times(out):
    return "".join(
        line[10:] if line[:7].strip().replace(".", "").isdigit() else line for line in out.splitlines(True)
    )


def test_with_nobody_to_ask_the_card_waits_and_how_to_answer_is_said(ground, planning):
    code, out, err = ground.run("team", "watch", "m-1")
    assert (code, err) == (1, "")
    assert without_times(out) == (
        f"{SHOWN}the team waits for a decision:\n"
        "cafecafe  proposal: proposed plan 'Shop' with 2 tasks: carry it out?\n"
        "          maestro decide cafecafe approve\n"
        "          maestro decide cafecafe reject\n"
        "  then: maestro team watch m-1\n"
    )


def test_a_program_gets_the_plan_and_its_card(ground, planning):
    told = ground.json("team", "watch", "m-1", code=1)
    assert (told["status"], told["proposed"]["plan"]["title"]) == ("waiting", PROPOSED["title"])
    assert [card["id"] for card in told["decisions"]] == [CARD["id"]]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("y\n", {"answer": "approve", "reason": ""}),
        ("n\ntoo big\n", {"answer": "reject", "reason": "too big"}),
        ("\n\n", {"answer": "reject", "reason": ""}),
    ],
)
def test_at_a_terminal_the_person_is_asked(ground, planning, monkeypatch, typed, answer):
    monkeypatch.setattr("maestro_cli.render.watch._interactive", lambda: True)
    code, out, err = ground.run("team", "watch", "m-1", stdin=typed, terminal=True)
    assert (code, err) == (1, "")
    assert "Carry out this plan? [y/N] " in out
    assert out.endswith("no plan was carried out\n")
    assert planning.asked[-1] == ("decide.answer", {"id": CARD["id"], **answer})


def test_who_leaves_without_an_answer_has_detached(ground, planning, monkeypatch):
    monkeypatch.setattr("maestro_cli.render.watch._interactive", lambda: True)
    code, out, _ = ground.run("team", "watch", "m-1", stdin="", terminal=True)
    assert code == 130
    assert "detached; the team goes on.\n  back:  maestro team watch m-1\n" in out
    assert [method for method, _ in planning.asked] == ["team.watch"]
