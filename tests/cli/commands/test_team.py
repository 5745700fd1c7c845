from __future__ import annotations

import json

import pytest

from maestro_cli import main
from maestro_cli.commands import team


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
    monkeypatch.setattr(team, "connect", lambda _home: line)
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
