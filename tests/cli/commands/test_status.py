from __future__ import annotations

import json
import os

from maestro_cli import main
from maestro_cli.commands.status import age, team_text
from maestro_ray.agent.sweep import identify

STATUS = {
    "daemon": {"pid": 7, "home": "/h", "started_at": 0.0, "studio": None, "ray": None, "trouble": {}},
    "connections": None,
    "teams_known": True,
}


def test_nothing_is_started_for_a_question(capsys, home):
    assert main.run(["status"]) == 0
    assert capsys.readouterr().out == "the daemon is not running; `maestro team …` starts it\n"
    assert main.run(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "not_running"
    assert not home.root.exists()


def test_a_team_is_shown_with_the_age_of_each_sign_of_life():
    team = {
        "name": "maestro-1",
        "state": "active",
        "project": "local:m/x",
        "plans": [{"title": "Work", "status": "active", "done": 1, "tasks": 3, "waiting": "main is\ndirty"}],
        "workers": [
            {"name": "lead", "state": "up", "pid": 7, "lease_age": 0.24, "run": None},
            {
                "name": "dev-1",
                "state": "up",
                "pid": 8,
                "lease_age": 1.0,
                "run": {"purpose": "execute", "task": "Do"},
                "silent": {"seconds": 80.4, "last": "reading\x1b[2J"},
            },
            {"name": "dev-2", "state": "down", "pid": 0, "lease_age": None, "run": None},
            {"name": "dev-3", "state": "down", "pid": 0, "lease_age": -9.5, "run": None},
        ],
    }

    assert team_text(team) == (
        "team maestro-1  active  local:m/x\n"
        "plan Work: active, 1 of 3 tasks done\n"
        "     waits: main is dirty\n"
        "member  state  pid  seen  doing\n"
        "lead    up     7    0.2s  idle\n"
        "dev-1   up     8    1.0s  develop Do, silent for 1 min 20 s; last: reading [2J\n"
        "dev-2   down   -    -     idle\n"
        "dev-3   down   -    -     idle"
    )


def test_each_studio_that_is_away_or_signed_out_of_is_named(capsys, daemon):
    far, own, third = "https://studio.example.com", "http://127.0.0.1:1", "https://third.example.com"
    links = [
        (own, ""),
        (far, "away"),
        (far, "away"),
        ("https://other.example.com", ""),
        (third, "signed_out"),
    ]
    connections = {
        "studio": {"url": own, "trouble": ""},
        "outbox": 12,
        "pool": {"blank": 1, "size": 4},
        "teams": [],
        "connections": [
            {"project": "p", "studio": url, "trouble": trouble, "pid": 3} for url, trouble in links
        ],
    }
    daemon.answers["status"] = lambda *_: {**STATUS, "connections": connections}
    assert main.run(["status"]) == 0
    shown = capsys.readouterr().out
    assert "connected to Studio, 12 reports waiting" in shown
    assert shown.count("https://studio.example.com is away") == shown.count("is away") == 1
    assert f"{third}: signed out, `maestro auth INVITE` signs in again" in shown
    connections["studio"]["trouble"] = "signed_out"
    assert main.run(["status"]) == 0
    shown = capsys.readouterr().out
    assert "Studio: signed out, `maestro auth INVITE` signs in again, 12 reports waiting" in shown
    connections["studio"]["trouble"] = "away"
    assert main.run(["status"]) == 0
    assert "Studio is away, 12 reports waiting" in capsys.readouterr().out


def test_ages():
    assert [age(seconds) for seconds in (0.4, 59, 60, 7200, 200000)] == ["0s", "59s", "1m", "2h", "2d"]


def test_teams_that_nobody_can_ask_for_are_not_said_to_be_none(capsys, daemon):
    daemon.answers["status"] = lambda *_: STATUS
    assert main.run(["status"]) == 0
    assert capsys.readouterr().out.endswith("no team runs\n")

    daemon.answers["status"] = lambda *_: {**STATUS, "teams_known": False}
    assert main.run(["status"]) == 1
    told = capsys.readouterr().out
    assert "no team runs" not in told
    assert told.endswith("which teams run is not known at the moment: Ray is being started\n")
    assert main.run(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "unknown"

    given_up = {**STATUS["daemon"], "trouble": {"ray": "raylet ended 5 times"}}
    daemon.answers["status"] = lambda *_: {**STATUS, "daemon": given_up, "teams_known": False}
    assert main.run(["status"]) == 1
    assert "it does not start" in capsys.readouterr().out


def test_teams_outlive_a_daemon_that_was_killed(capsys, home):
    home.prepare()
    me = identify(os.getpid())
    processes = {name: [me.pid, me.start] for name in ("gcs_server", "raylet")}
    node = home.run / "node.json"
    node.write_text(json.dumps({"address": "x", "processes": processes, "timings": {}}))
    assert main.run(["status"]) == 1
    told = capsys.readouterr().out
    assert "Ray goes on" in told
    assert "no team runs" not in told

    node.write_text(json.dumps({"address": "x", "processes": {"gcs_server": [me.pid, 1]}, "timings": {}}))
    assert main.run(["status"]) == 0


def test_titles_cannot_write_on_the_terminal():
    plan = {"title": "a\u202eb\x1b[2J", "status": "active", "done": 0, "tasks": 1, "waiting": ""}
    team = {"name": "m", "state": "active", "project": "p", "plans": [plan], "workers": []}
    assert "plan a b [2J: active" in team_text(team)


def test_who_waits_for_a_person_is_shown_with_the_place():
    waits = {"id": "0000-12345678", "worktree": "/w/dev-1"}
    run = {"purpose": "execute", "task": "Do"}
    worker = {"name": "dev-1", "state": "up", "pid": 8, "lease_age": 1.0, "run": run, "by_hand": waits}
    team = {"name": "maestro-1", "state": "active", "project": "x", "plans": [], "workers": [worker]}
    assert team_text(team).endswith("\ndev-1 waits for you, in /w/dev-1: maestro task done 12345678")


def test_a_team_that_has_a_goal_and_no_plan_says_so():
    team = {
        "name": "m",
        "state": "active",
        "project": "p",
        "goal": "Sell\x1b more",
        "plans": [],
        "workers": [],
    }
    assert team_text(team).splitlines()[1] == "goal Sell  more: no plan is accepted yet"
