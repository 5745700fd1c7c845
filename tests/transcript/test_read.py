"""What is read of a Studio that answers from a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from maestro_ray.errors import Conflict, NotFound, StudioRefused, UsageError
from maestro_ray.redaction import Secrets
from maestro_ray.transcript import read
from maestro_ray.transcript.diffs import Diffs
from maestro_ray.transcript.discreet import Discreet
from maestro_ray.transcript.read import Facts, Found, Reading, Which, directives, find, pages

from .example import RUN, SESSION, TEAM, rows

DISCREET = Discreet(Secrets(["hunter2-and-more"]), {})


class Table:
    """Lists by path, in pages; what is asked beside the page must be what a row has. Things by path."""

    def __init__(self, lists: Mapping[str, list[Any]], things: Mapping[str, Any]) -> None:
        self.lists, self.things, self.asked = lists, things, list[str]()

    def __call__(self, address: str) -> Any:
        self.asked.append(address)
        url = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path in self.things:
            return self.things[url.path]
        if url.path not in self.lists:
            raise StudioRefused(404, "not_found", url.path)
        found = self.lists[url.path]
        if isinstance(found, Exception):
            raise found
        rows = [row for row in found if all(_fits(row, name, value) for name, value in query.items())]
        if "limit" not in query:
            return rows
        return [row for row in rows if row["id"] > query.get("cursor", "")][: int(query["limit"])]


def _fits(row: Mapping[str, Any], name: str, value: str) -> bool:
    if name in ("limit", "cursor", "by", "status", "action"):
        return True
    if name == "after":
        return int(row["number"]) > int(value)
    return str(row["id"]).endswith(value) if name == "ends" else row.get(name, value) == value


@pytest.fixture
def table() -> Table:
    return Table(*rows())


def reading(table: Table) -> Reading:
    return Reading(table, DISCREET, Diffs(None, DISCREET))


def test_a_list_is_read_to_its_end(table: Table) -> None:
    table.lists = {"teams": [{"id": f"{n:03}"} for n in range(7)]}
    assert [row["id"] for row in pages(table, "teams", 3)] == [f"{n:03}" for n in range(7)]
    assert len(table.asked) == 3
    assert list(pages(table, "teams", 7)) == table.lists["teams"]


@pytest.mark.parametrize(
    ("which", "kind"),
    [
        (Which(), "team"),
        (Which(team="maestro-1"), "team"),
        (Which(team=TEAM), "team"),
        (Which(session=SESSION[-6:]), "session"),
        (Which(run=RUN), "run"),
    ],
)
def test_what_is_meant_is_found(table: Table, which: Which, kind: str) -> None:
    found = find(table, which, "github:acme/shop")
    assert found.team["id"] == TEAM
    assert found.project["key"] == "github:acme/shop"
    assert (found.session is not None, found.run is not None) == (kind == "session", kind == "run")
    assert found.whole == (kind == "team")
    if which != Which():
        assert find(table, which, "") == found, "outside of a repository too"


def test_what_is_not_there_or_elsewhere_is_refused(table: Table) -> None:
    key = "github:acme/shop"
    for which, error, words in (
        (Which(team="nobody"), NotFound, "there is no team 'nobody'"),
        (Which(run="ffffffff"), NotFound, "there is no run 'ffffffff'"),
        (Which(session="0000"), UsageError, "several sessions end with 0000"),
        (Which(run="%"), UsageError, "'%' is no id of a run"),
        (Which(run="a" * 37), UsageError, "is no id of a run"),
        (Which(session="aaaa"), Conflict, "the session is in no team"),
        (Which(run="bbbb"), Conflict, "no team has held this run"),
    ):
        with pytest.raises(error, match=words):
            find(table, which, key)
    with pytest.raises(UsageError, match="team maestro-1 is of the project github:acme/shop"):
        find(table, Which(team="maestro-1"), "github:acme/other")
    with pytest.raises(NotFound, match="there is no team of 'github:acme/none'"):
        find(table, Which(), "github:acme/none")
    with pytest.raises(UsageError, match="this is no repository"):
        find(table, Which(), "")


def test_the_team_that_ran_last_is_one_that_runs_yet() -> None:
    """Red by the order of their ids."""
    teams = [
        {"id": "1", "project_id": "p", "created_at": 1.0, "ended_at": 90.0},
        {"id": "2", "project_id": "p", "created_at": 2.0, "ended_at": 50.0},
    ]
    table = Table({"projects": [{"id": "p", "key": "k"}], "teams": teams}, {f"teams/{n}": n for n in "123"})
    assert find(table, Which(), "k").team == "1"
    teams.append({"id": "3", "project_id": "p", "created_at": 0.0, "ended_at": None})
    assert find(table, Which(), "k").team == "3"


def test_everything_of_a_team_is_read(table: Table) -> None:
    facts = reading(table).facts(find(table, Which(), "github:acme/shop"))
    assert [each["id"] for each in facts.plans] == ["plan-1"]
    assert [each["purpose"] for each in facts.runs] == ["plan", "execute", "review"]
    assert list(facts.comments) == ["task-1", "task-2"]
    assert [each["missing"] for each in facts.diffs["task-1"]] == ["the repository is not here"]
    assert (facts.answered, facts.users["u1"]) == ({"00000000-0000-7000-8000-00000000ca4d": "u1"}, "Ada")
    assert [each["id"] for each in facts.roles] == ["dev"]
    assert facts.notes == []


def test_of_a_run_only_its_task_is_read(table: Table) -> None:
    facts = reading(table).facts(find(table, Which(run=RUN), ""))
    assert [task["id"] for task in facts.plans[0]["tasks"]] == ["task-1"]
    assert (list(facts.comments), facts.roles, facts.models) == (["task-1"], [], [])
    assert [each["id"][-4:] for each in facts.cards] == ["ca4d"]


def test_who_may_not_read_the_audit_log_is_told_what_is_missing(table: Table) -> None:
    table.lists = {**table.lists, "audit": StudioRefused(403, "forbidden", "x")}  # type: ignore[dict-item]
    facts = reading(table).facts(find(table, Which(), "github:acme/shop"))
    assert facts.answered == {}
    assert facts.notes == ["Who answered the decisions is not told: your role does not open the audit log."]
    table.lists = {**table.lists, "audit": StudioRefused(500, "broken", "x")}  # type: ignore[dict-item]
    with pytest.raises(StudioRefused):
        reading(table).facts(find(table, Which(), "github:acme/shop"))


def test_outputs_are_cut_at_their_beginning_and_share_the_room(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "LONGEST", 20)
    monkeypatch.setattr(read, "MOST", 30)
    for run in table.lists["cli-runs"]:
        run["result"] = {"output": "a" * 50 + " the end"}
    facts = reading(table).facts(find(table, Which(), "github:acme/shop"))
    kept = [(each["result"]["output"], each["result"]["left_out"]) for each in facts.runs]
    assert kept == [("a" * 12 + " the end", 38), ("aa the end", 48), ("", 58)]


def test_messages_are_read_page_by_page_and_tell_of_directives(table: Table) -> None:
    team = Found({}, {"id": TEAM})
    facts = Facts(team)
    told = reading(table).channel(facts)
    assert next(told)["number"] == 1
    assert [each for each in table.asked if "messages" in each] == [f"teams/{TEAM}/messages?after=0"]
    assert [each["number"] for each in told] == [2, 3]
    assert [each.text for each in facts.directives.values()] == ["Write clearly"]
    assert table.asked[-1] == f"teams/{TEAM}/messages?after=3"


@pytest.mark.parametrize("body", [None, [], "x", {}, {"id": []}, {"id": "a", "text": "b", "workers": 5}])
@pytest.mark.parametrize("kind", ["directive", "receipt", "accepted", "cleared"])
def test_what_no_channel_would_have_written_tells_nothing(kind: str, body: object) -> None:
    assert directives({}, {"kind": kind, "body": body, "at": 1.0}) == {}
