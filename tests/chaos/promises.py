"""What must hold after goals were worked on while processes were killed; each function has a sentence for each breach.

What agents and hooks noted themselves is compared with what Studio and the repository say.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.agent import TOKENS
from chaos.goals import CAP, Goals

Check = Callable[[Goals, list["Life"]], Iterator[str]]

# of what a worker's agents used, so much may not be known when it dies, in seconds: docs/how-to/budget.md
UNKNOWN = 3.0
# how long after a kill of this kind a worker may die of it, and how long nobody may be there to be told, in seconds
DIES: dict[str, float] = {"worker": 1.0, "raylet": 20.0, "gcs": 30.0}
AWAY: dict[str, float] = {"studio": 10.0, "connections": 15.0, "raylet": 20.0, "gcs": 30.0, "daemon": 10.0}
# how long a directive that was accepted may be on its way to a worker, in seconds
ON_ITS_WAY = 3.0


@dataclass(frozen=True)
class Life:
    """What one agent noted in one turn."""

    notes: tuple[dict[str, Any], ...]

    @property
    def run(self) -> str:
        return str(self.notes[0]["run"])

    @property
    def team(self) -> str:
        return Path(self.notes[0]["worktree"]).parent.name

    def all(self, what: str) -> list[dict[str, Any]]:
        return [note for note in self.notes if note["what"] == what]


def broken(work: Goals) -> list[str]:
    lives = list(_lives(work.notes))
    return [f"{check.__name__.strip('_')}: {words}" for check in CHECKS for words in check(work, lives)]


def _lives(place: Path) -> Iterator[Life]:
    for file in sorted(place.glob("*.jsonl")):
        # the last line of one that was killed may be half a line
        lines = [line for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]
        if lines:
            yield Life(tuple(map(json.loads, lines)))


# ── plans and merges ─────────────────────────────────────────────────────────────────────────────────────────────────


def _released(work: Goals, _lives: list[Life]) -> Iterator[str]:
    """A goal whose plan was accepted is released once."""
    subjects = Counter(work.machine.git(work.repo, "log", "--format=%s", "main").splitlines())
    for plan in work.plans():
        if (count := subjects[f"Release: {plan['title']}"]) != 1:
            yield f"{plan['title']} was released {count} times"
    goals = Counter(plan["title"].split()[1] for plan in work.plans())
    yield from (f"{count} plans of goal {number}" for number, count in goals.items() if count > 1)


def _approved(work: Goals, _lives: list[Life]) -> Iterator[str]:
    """What was merged is what two reviewers approved, and the hook was asked about."""
    log = work.machine.git(work.repo, "log", "--merges", "--format=%s%x00%P", "main").splitlines()
    merged = {subject: parents.split() for subject, parents in (line.split("\0") for line in log)}
    asked = {heard["commit"] for heard in _heard_by_hooks(work, "PreMerge")}
    query = (
        'SELECT v."commit", s.name FROM verdicts v JOIN runs r ON r.id = v.run_id '
        "JOIN sessions s ON s.id = r.session_id WHERE v.verdict = 'APPROVED'"
    )
    votes: dict[str, set[str]] = defaultdict(set)
    for row in work.rows(query):
        votes[row["commit"]].add(row["name"])
    for task in work.rows("SELECT title, approved FROM tasks WHERE status = 'completed'"):
        commit = merged.get(f"Merge: {task['title']}", ["", ""])[1]
        if commit != task["approved"]:
            yield f"{task['title']} is merged at {commit}, approved is {task['approved']}"
        if len(votes[commit]) < work.reviewers:
            yield f"{task['title']} was approved by {sorted(votes[commit])}"
        if commit not in asked:
            yield f"no hook was asked about the merge of {task['title']}"


def _heard_by_hooks(work: Goals, event: str) -> list[dict[str, Any]]:
    return [json.loads(file.read_text() or "{}") for file in work.heard_by_hooks.glob(f"{event}-*.json")]


# ── answers and leave ────────────────────────────────────────────────────────────────────────────────────────────────


def _answered(work: Goals, _lives: list[Life]) -> Iterator[str]:
    """An answer counts once."""
    yield from (f"a second answer was taken: {words}" for words in work.twice)
    for card in work.orphans:
        rows = work.rows("SELECT question, status FROM decisions WHERE id = ?", [card])
        yield f"nobody could answer {rows[0]['question']}"
    audit = work.rows("SELECT subject, detail FROM audit WHERE action = 'permission'")
    details = [(row["subject"], json.loads(row["detail"])) for row in audit]
    told = Counter((subject, each["request"]) for subject, each in details if each["by"] == "operator")
    yield from (f"{count} answers to {which}" for which, count in told.items() if count > 1)


def _leave(work: Goals, lives: list[Life]) -> Iterator[str]:
    """An agent has leave as often as somebody gave it, and for nothing that a hook denies."""
    cards = work.rows(
        "SELECT run_id, answer FROM decisions WHERE kind = 'permission' AND status = 'answered'"
    )
    given = Counter(card["run_id"] for card in cards if card["answer"] == "allow")
    always = {card["run_id"] for card in cards if card["answer"] == "allow-run"}
    taken: Counter[str] = Counter()
    for life in lives:
        for note in life.all("allowed"):
            if note["command"].startswith("forbidden"):
                yield f"run {life.run} had leave for {note['command']}"
            taken[life.run] += note["command"].startswith("publish")
    for run, count in taken.items():
        if count > given[run] and run not in always:
            yield f"run {run} had leave {count} times, and {given[run]} were given"


# ── money ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ledger(work: Goals, _lives: list[Life]) -> Iterator[str]:
    """Every account adds up to the bills, and the bills to the runs."""
    tokens = "sum(input_tokens + output_tokens) AS tokens"
    bills = {
        row["run_id"]: row["tokens"] for row in work.rows(f"SELECT run_id, {tokens} FROM bills GROUP BY 1")
    }
    for row in work.rows("SELECT id, input_tokens + output_tokens AS tokens FROM runs"):
        if row["tokens"] != bills.get(row["id"], 0):
            yield f"run {row['id']} used {row['tokens']}, billed are {bills.get(row['id'], 0)}"
    purses = {row["scope"]: row for row in work.rows("SELECT * FROM purses")}
    for whose, column in (("run", "run_id"), ("team", "team_id"), ("day", "user_id || ':' || day")):
        for row in work.rows(f"SELECT {column} AS who, {tokens} FROM bills GROUP BY 1"):
            purse = purses[f"{whose}:{row['who']}"]
            if purse["tokens"] != row["tokens"]:
                yield f"{purse['scope']} has {purse['tokens']}, its bills {row['tokens']}"
    (whole,) = work.rows("SELECT sum(input_tokens + output_tokens) AS tokens FROM spent WHERE plan_id = ''")
    if (whole["tokens"] or 0) != sum(bills.values()):
        yield f"the project has spent {whole['tokens']}, its bills are {sum(bills.values())}"
    left = work.rows("SELECT r.state FROM reservations v JOIN runs r ON r.id = v.run_id")
    yield from (f"tokens are reserved for a run that is {row['state']}" for row in left)


def _raised(work: Goals, _lives: list[Life]) -> Iterator[str]:
    """A cap grows with an answer, and by no more than it takes."""
    asked = "SELECT id FROM decisions WHERE kind = 'budget' AND status = 'answered' AND answer = 'raise'"
    said = Counter(
        row["subject"] for row in work.rows("SELECT subject FROM audit WHERE subject LIKE 'budget/%'")
    )
    yield from (f"{count} answers to {subject}" for subject, count in said.items() if count > 1)
    raises = len(work.rows(asked))
    grown = needed = 0
    for purse in work.rows("SELECT tokens, more_tokens FROM purses WHERE scope LIKE 'team:%'"):
        grown += purse["more_tokens"] // CAP
        needed += purse["tokens"] // CAP
    if not raises <= grown <= raises + needed:
        yield f"{raises} answers raised caps {grown} times"


def _spent(work: Goals, lives: list[Life]) -> Iterator[str]:
    """What agents used is booked, but for what a worker that died had not told yet; and never more than that."""
    most: Counter[str] = Counter()
    least: Counter[str] = Counter()
    for life in lives:
        most[life.run] += TOKENS * len(life.all("using"))
        least[life.run] += TOKENS * sum(not _untold(work, note["at"]) for note in life.all("used"))
    runs = work.rows("SELECT id, purpose, state, input_tokens + output_tokens AS tokens FROM runs")
    for run in runs:
        if run["id"] in most and not least[run["id"]] <= run["tokens"] <= most[run["id"]]:
            used = f"{least[run['id']]} to {most[run['id']]}"
            yield f"the agents of {run['purpose']} {run['id']} ({run['state']}) used {used}, booked are {run['tokens']}"


def _untold(work: Goals, at: float) -> bool:
    """Whether a worker may have died before it could tell what was used then."""
    for killed, kind in work.killed:
        if kind in DIES and killed - _silence(work, killed) <= at <= killed + DIES[kind]:
            return True
    return False


def _silence(work: Goals, killed: float) -> float:
    """How long before a kill a worker may have told nothing: longer when there was nobody to tell."""
    away = [AWAY[kind] for at, kind in work.killed if kind in AWAY and killed - 30.0 <= at < killed]
    return UNKNOWN + 0.5 + max(away, default=0.0)


# ── steering ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _kept(work: Goals, _lives: list[Life]) -> Iterator[str]:
    """A directive that was accepted is one message of each team that accepted it."""
    query = (
        "SELECT t.name, m.body FROM messages m JOIN teams t ON t.id = m.team_id WHERE m.kind = 'directive'"
    )
    found = Counter((row["name"], json.loads(row["body"])["text"]) for row in work.rows(query))
    for said in work.directives:
        for team in said.teams:
            if found[team, said.text] != 1:
                yield f"{said.text} is {found[team, said.text]} times in the channel of {team}"


def _directed(work: Goals, lives: list[Life]) -> Iterator[str]:
    """In each turn an agent hears once what holds then, and nothing that was cleared before."""
    for life in lives:
        prompts = life.all("prompt")
        if not prompts:
            continue
        began = prompts[0]["at"]
        heard = Counter(text for note in (*prompts, *life.all("heard")) for text in note["directives"])
        yield from (
            f"{text} was given {count} times to one turn of run {life.run}"
            for text, count in heard.items()
            if count > 1
        )
        ended = life.all("end")
        for said in work.directives:
            if life.team not in said.teams:
                continue
            clears = [clear for clear in work.cleared if life.team in clear[2] and clear[1] > said.first]
            over = any(accepted + ON_ITS_WAY < began for _, accepted, _ in clears)
            if over and heard[said.text]:
                yield f"{said.text} was cleared, and heard by run {life.run} {began - clears[0][1]:.1f} s later"
            held = ended and not any(first < ended[0]["at"] for first, _, _ in clears)
            if held and said.accepted + ON_ITS_WAY < began and not heard[said.text]:
                late = began - said.accepted
                yield f"{said.text} was not heard by run {life.run}, which began {late:.1f} s later"


CHECKS: tuple[Check, ...] = (
    _released, _approved, _answered, _leave, _ledger, _raised, _spent, _kept, _directed,
)  # fmt: skip
