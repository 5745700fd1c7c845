"""What a transcript is made of, as Studio tells it: rows of its tables, paged through, long texts cut on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from maestro_ray.errors import Conflict, IllegalEvent, NotFound, StudioRefused, UsageError
from maestro_ray.model import steering
from maestro_ray.model.steering import Directive
from maestro_ray.transcript.diffs import Diffs, spans
from maestro_ray.transcript.discreet import Discreet

# a GET below Studio's `/api/v1`: its answer, or a `MaestroError`
Get = Callable[[str], Any]
Row = Mapping[str, Any]
# what is being read, for whoever waits
Tell = Callable[[str], None]

PAGE = 500
# a run's result may hold tens of thousands of characters
RUNS = 50
# of what an agent said at the end of one run, and in all runs, in characters
LONGEST, MOST = 16_000, 16_000_000


@dataclass(frozen=True)
class Which:
    """What was asked for: at most one of them, by name, id or the end of an id. Without any the team that ran last."""

    team: str = ""
    session: str = ""
    run: str = ""


@dataclass(frozen=True)
class Found:
    """What that is: a team, and of it perhaps one session or one run."""

    project: Row
    team: Row
    session: Row | None = None
    run: Row | None = None

    @property
    def whole(self) -> bool:
        return self.session is None and self.run is None


@dataclass
class Facts:
    """Rows as they came, without secrets in the long ones."""

    found: Found
    sessions: list[Row] = field(default_factory=list)
    plans: list[dict[str, Any]] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    cards: list[Row] = field(default_factory=list)
    comments: dict[str, list[Row]] = field(default_factory=dict)
    diffs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    roles: list[Row] = field(default_factory=list)
    models: list[Row] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=dict)
    # who answered a card, by its id
    answered: dict[str, str] = field(default_factory=dict)
    directives: Mapping[str, Directive] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def pages(get: Get, path: str, limit: int = PAGE, /, **query: str) -> Iterator[Row]:
    """Every row of a list, a page at a time."""
    cursor = ""
    while True:
        asked = {**query, "limit": str(limit), **({"cursor": cursor} if cursor else {})}
        rows = get(f"{path}?{urlencode(asked)}")
        yield from rows
        if len(rows) < limit:
            return
        cursor = str(rows[-1]["id"])


# ── what is meant ────────────────────────────────────────────────────────────────────────────────────────────────────


def find(get: Get, which: Which, key: str) -> Found:
    """`key` is that of the repository this is asked in, empty outside of one.

    Raises `NotFound`, `UsageError` for an end that fits several or what is another project's, `Conflict` for what has
    no team.
    """
    project = _project(get, key) if key else None
    if which.run:
        run = _by_end(get, "cli-runs", "run", which.run)
        team = _team_of_run(get, run)
        return Found(_same(get, team, project, f"run {which.run}"), team, run=run)
    if which.session:
        session = _by_end(get, "agent-sessions", "session", which.session)
        if not session["team_id"]:
            raise Conflict("the session is in no team, and has no transcript", "")
        team = get(f"teams/{session['team_id']}")
        return Found(_same(get, team, project, f"session {which.session}"), team, session=session)
    if which.team:
        team = _named(get, which.team)
        return Found(_same(get, team, project, f"team {which.team}"), get(f"teams/{team['id']}"))
    if not key:
        raise UsageError(
            "this is no repository whose team it could be", "name it: maestro export --team NAME"
        )
    if project is None or (last := _last(get, str(project["id"]))) is None:
        raise NotFound(
            "team of", key, "no team has worked on this repository, as far as this Studio tells you"
        )
    return Found(project, get(f"teams/{last['id']}"))


def _project(get: Get, key: str) -> Row | None:
    found = get(f"projects?{urlencode({'key': key})}")
    return dict(found[0]) if found else None


def _last(get: Get, project: str) -> Row | None:
    """The team that ran last: one that runs yet, or the one that ended last."""
    best: Row | None = None
    for team in pages(get, "teams", project_id=project):
        if best is None or _ran(team) >= _ran(best):
            best = team
    return best


def _ran(team: Row) -> tuple[float, float]:
    ended = team["ended_at"] if team["ended_at"] is not None else float("inf")
    return float(ended), float(team["created_at"])


def _named(get: Get, name: str) -> Row:
    for team in get(f"teams?{urlencode({'name': name})}"):
        return dict(team)
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name):
        try:
            return dict(get(f"teams/{name}"))
        except StudioRefused as error:
            if error.args[0] != 404:
                raise
    raise NotFound("team", name, "without --team it is the one that ran last in this repository")


def _by_end(get: Get, path: str, noun: str, end: str) -> Row:
    if not re.fullmatch(r"[0-9a-f-]{4,36}", end):
        raise UsageError(
            f"{end!r} is no id of a {noun}", "it is the whole id, or its last characters, at least 4"
        )
    rows = get(f"{path}?{urlencode({'ends': end, 'limit': '2'})}")
    if not rows:
        raise NotFound(noun, end, "")
    if len(rows) > 1:
        raise UsageError(f"the ids of several {noun}s end with {end}", "give more of it")
    return dict(rows[0])


def _team_of_run(get: Get, run: Row) -> Row:
    for session in pages(get, "agent-sessions", ends=str(run["session_id"])) if run["session_id"] else ():
        if session["team_id"]:
            return dict(get(f"teams/{session['team_id']}"))
    plan = get(f"plans/{run['plan_id']}") if run["plan_id"] else None
    if plan is None or not plan["team_id"]:
        raise Conflict("no team has held this run, and it has no transcript", "")
    return dict(get(f"teams/{plan['team_id']}"))


def _same(get: Get, team: Row, project: Row | None, what: str) -> Row:
    if project is not None and project["id"] == team["project_id"]:
        return project
    theirs = dict(get(f"projects/{team['project_id']}"))
    if project is not None:
        hint = f"call it in that repository, or name it: -C DIR; this is {project['key']}"
        raise UsageError(f"{what} is of the project {theirs['key']}", hint)
    return theirs


# ── what there is ────────────────────────────────────────────────────────────────────────────────────────────────────


class Reading:
    """One reading of all there is, in the order in which it is needed."""

    def __init__(self, get: Get, discreet: Discreet, diffs: Diffs, tell: Tell = lambda _: None) -> None:
        self._get, self._discreet, self._diffs, self._tell = get, discreet, diffs, tell
        self._left = MOST

    def facts(self, found: Found) -> Facts:
        facts = Facts(found)
        facts.sessions = [found.session] if found.session else list(found.team["sessions"])
        self._tell("reading runs")
        facts.runs = [self._lean(row) for row in self._runs(found)]
        tasks = {row["task_id"] for row in facts.runs}
        for plan in self._plan_ids(found, facts):
            self._tell("reading plans")
            facts.plans.append(self._plan(plan, found, tasks))
        facts.cards = list(self._cards(facts))
        self._answers(facts)
        self._usage(facts)
        self._tasks(facts)
        return facts

    def channel(self, facts: Facts) -> Iterator[Row]:
        """The team's channel from its beginning; the directives it tells of are facts too, when it has been read."""
        number = 0
        while rows := self._get(f"teams/{facts.found.team['id']}/messages?after={number}"):
            for row in rows:
                facts.directives = directives(facts.directives, row)
                yield row
            number = rows[-1]["number"]
            self._tell(f"reading messages, {number} by now")

    def _runs(self, found: Found) -> Iterator[Row]:
        if found.run:
            yield found.run
        elif found.session:
            yield from pages(self._get, "cli-runs", RUNS, session_id=str(found.session["id"]))
        else:
            yield from pages(self._get, "cli-runs", RUNS, team_id=str(found.team["id"]))

    def _plan_ids(self, found: Found, facts: Facts) -> list[str]:
        ids = dict.fromkeys(str(row["plan_id"]) for row in facts.runs if row["plan_id"])
        if found.whole:
            ids |= dict.fromkeys(
                str(row["id"]) for row in pages(self._get, "plans", team_id=str(found.team["id"]))
            )
        return list(ids)

    def _plan(self, identifier: str, found: Found, tasks: set[Any]) -> dict[str, Any]:
        """Of a session or a run only the tasks it was about."""
        plan = dict(self._get(f"plans/{identifier}"))
        if not found.whole:
            plan["tasks"] = [task for task in plan["tasks"] if task["id"] in tasks]
        plan["verdicts"] = [{**each, "evidence": _counted(each["evidence"])} for each in plan["verdicts"]]
        return {key: plan[key] for key in plan if key not in ("runs", "decisions")}

    def _lean(self, row: Row) -> Row:
        """A run with no more of its output than there is room for."""
        result = dict(row["result"] or {})
        text = result.get("output")
        if isinstance(text, str):
            room = max(0, min(LONGEST, self._left))
            kept = self._discreet.ending(text, room)
            self._left -= len(kept)
            result |= {"output": kept, "left_out": max(0, len(text) - room)}
        return {**row, "result": result}

    def _cards(self, facts: Facts) -> Iterator[Row]:
        found = facts.found
        runs = {row["id"] for row in facts.runs}
        tasks = {row["task_id"] for row in facts.runs} - {None}
        for card in pages(self._get, "decisions", 100, status="any", team_id=str(found.team["id"])):
            if found.whole or card["run_id"] in runs or card["task_id"] in tasks:
                yield {key: card[key] for key in card if key != "about"}

    def _answers(self, facts: Facts) -> None:
        """Who answered: that is in the audit log only, which not everybody may read."""
        project = str(facts.found.project["id"])
        facts.users = {each["id"]: each["name"] for each in self._get(f"projects/{project}/members")}
        cards = {card["id"] for card in facts.cards if card["status"] == "answered"}
        if not cards:
            return
        try:
            for note in pages(self._get, "audit", project_id=project, action="decide"):
                card = re.search(r"(?:decisions|budget)/([0-9a-f-]{36})", note["subject"])
                if card and card[1] in cards:
                    facts.answered[card[1]] = note["user_id"]
        except StudioRefused as error:
            if error.args[0] != 403:
                raise
            facts.notes.append(
                "Who answered the decisions is not told: your role does not open the audit log."
            )

    def _usage(self, facts: Facts) -> None:
        found = facts.found
        if not found.whole:
            return
        of = {"project_id": str(found.project["id"]), "team_id": str(found.team["id"])}
        facts.roles = list(pages(self._get, "usage", by="role", **of))
        facts.models = list(pages(self._get, "usage", by="model", **of))

    def _tasks(self, facts: Facts) -> None:
        """What is read task by task."""
        tasks = [(plan, task) for plan in facts.plans for task in plan["tasks"]]
        for number, (plan, task) in enumerate(tasks, 1):
            self._tell(f"reading tasks, {number} of {len(tasks)}")
            identifier = str(task["id"])
            facts.comments[identifier] = list(pages(self._get, f"tasks/{identifier}/comments"))
            verdicts = [each for each in plan["verdicts"] if each["task_id"] == identifier]
            facts.diffs[identifier] = [self._diffs.read(span) for span in spans(task, verdicts)]


def _counted(evidence: Any) -> dict[str, Any] | None:
    """What was run and how it ended; what it said is with the test run."""
    if not isinstance(evidence, dict):
        return None
    return {key: evidence.get(key) for key in ("command", "exit_code", "counts")}


def directives(known: Mapping[str, Directive], message: Row) -> Mapping[str, Directive]:
    """The directives after one message more. Whoever has a session may mirror what no channel would have written."""
    try:
        return steering.told(known, message["kind"], message["body"], message["at"])
    except (LookupError, TypeError, ValueError, AttributeError, IllegalEvent):
        return known
