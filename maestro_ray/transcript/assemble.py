"""From rows to the document: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from maestro_ray.model.budget import Amount, Cap, burn
from maestro_ray.model.steering import Directive
from maestro_ray.studio.page.words import message as in_words
from maestro_ray.transcript import document
from maestro_ray.transcript.discreet import Discreet
from maestro_ray.transcript.document import Transcript, Usage
from maestro_ray.transcript.read import Facts, Found, Row

# of one text in a message, in characters
LONGEST_TEXT = 8_000


def assemble(facts: Facts, discreet: Discreet, now: float, version: str) -> Transcript:
    """The document of all that was read; `now` in Unix seconds, `version` that of maestro."""
    found, work = facts.found, _work(facts)
    whole = Transcript(
        exported_at=str(moment(now)),
        maestro=version,
        scope=_scope(found),
        project=document.Project(id=found.project["id"], key=found.project["key"]),
        team=_team(facts),
        members=[_member(each) for each in facts.sessions],
        notes=facts.notes,
        cost=_cost(facts),
        directives=[_directive(each) for each in facts.directives.values()],
        decisions=[_card(each, facts) for each in facts.cards],
        plans=[_plan(each, facts, work) for each in facts.plans],
        runs=[_run(each, work) for each in facts.runs if not each["plan_id"]],
    )
    return Transcript.model_validate(discreet.hide_all(whole.model_dump()))


def message(row: Row, discreet: Discreet) -> document.Message:
    """One message of the channel, without secrets and without what is too long."""
    hidden = discreet.hide_all(_shortened(row["body"], discreet))
    said = in_words(row["kind"], hidden)
    return document.Message(
        number=row["number"],
        at=moment(row["at"]),
        sender=discreet.hide(str(row["sender"])),
        kind=discreet.hide(str(row["kind"])),
        text=said if len(said) <= LONGEST_TEXT else f"{said[:LONGEST_TEXT]}…",
        body=hidden,
    )


def concerns(found: Found, row: Row) -> bool:
    """Whether a message belongs into the transcript: that of a session has what its member said."""
    body = row["body"] if isinstance(row["body"], Mapping) else {}
    if found.run:
        return bool(body.get("run") == found.run["id"])
    return found.session is None or row["sender"] == found.session["name"]


def moment(at: float | None) -> document.Moment:
    """Unix seconds as ISO 8601; None for a time that no calendar has."""
    if at is None:
        return None
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return None


def _shortened(value: Any, discreet: Discreet) -> Any:
    match value:
        case str() if len(value) > LONGEST_TEXT:
            left = len(value) - LONGEST_TEXT
            return f"{discreet.beginning(value, LONGEST_TEXT)}… ({left} characters more)"
        case Mapping():
            return {key: _shortened(each, discreet) for key, each in value.items()}
        case list():
            return [_shortened(each, discreet) for each in value]
        case _:
            return value


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _scope(found: Found) -> document.Scope:
    if found.run:
        return document.Scope(kind="run", id=found.run["id"], name=found.run["purpose"])
    if found.session:
        return document.Scope(kind="session", id=found.session["id"], name=found.session["name"])
    return document.Scope(kind="team", id=found.team["id"], name=found.team["name"])


def _team(facts: Facts) -> document.Team:
    row = facts.found.team
    goals = [each["note"] for each in facts.runs if each["purpose"] == "plan" and each["note"]]
    return document.Team(
        id=row["id"],
        name=row["name"],
        status=row["status"],
        goal=goals[0] if goals else "",
        started_at=moment(row["created_at"]),
        ended_at=moment(row["ended_at"]),
    )


def _member(row: Row) -> document.Member:
    return document.Member(
        session=row["id"],
        name=row["name"],
        role=row["worker_role"] or row["role"],
        status=row["status"],
        joined_at=moment(row["created_at"]),
        left_at=moment(row["ended_at"]),
    )


# ── the work ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Work:
    """Runs by their tasks, and who did each: by a session's id and by a run's."""

    by_task: Mapping[str | None, list[Row]]
    members: Mapping[str, str]
    workers: Mapping[str, str]


def _work(facts: Facts) -> _Work:
    members = {each["id"]: each["name"] for each in (*facts.found.team["sessions"], *facts.sessions)}
    by_task: dict[str | None, list[Row]] = {}
    for row in facts.runs:
        by_task.setdefault(row["task_id"], []).append(row)
    return _Work(
        by_task, members, {row["id"]: members.get(row["session_id"] or "", "") for row in facts.runs}
    )


def _plan(row: Row, facts: Facts, work: _Work) -> document.Plan:
    keys = {each["id"]: each["key"] or each["title"] for each in row["tasks"]}
    of_plan = [each for each in facts.runs if each["plan_id"] == row["id"]]
    verdicts: dict[str, list[Row]] = {}
    for each in row["verdicts"]:
        verdicts.setdefault(each["task_id"], []).append(each)
    kept = ("id", "title", "description", "status", "base_branch", "epic_branch", "released", "reviewers")
    return document.Plan(
        **{name: row[name] for name in (*kept, "review_policy")},
        created_at=moment(row["created_at"]),
        completed_at=moment(row["completed_at"]),
        tasks=[_task(each, verdicts.get(each["id"], []), facts, keys, work) for each in row["tasks"]],
        runs=[_run(each, work) for each in of_plan if each["task_id"] not in keys],
    )


def _task(
    row: Row, verdicts: Iterable[Row], facts: Facts, keys: Mapping[str, str], work: _Work
) -> document.Task:
    kept = ("id", "key", "title", "description", "status", "role", "base_commit", "merged", "attempts")
    return document.Task(
        **{name: row[name] for name in kept},
        depends_on=[keys.get(each, each) for each in row["depends_on_task_ids"]],
        branch=row["branch_name"],
        revisions=row["revision_count"],
        created_at=moment(row["created_at"]),
        finished_at=moment(row["finished_at"]),
        runs=[_run(each, work) for each in work.by_task.get(row["id"], [])],
        verdicts=[_verdict(each, work) for each in verdicts],
        comments=[_comment(each) for each in facts.comments.get(row["id"], [])],
        diffs=[document.Diff(**each) for each in facts.diffs.get(row["id"], [])],
    )


def _run(row: Row, work: _Work) -> document.Run:
    result = row["result"]
    files = result.get("files")
    return document.Run(
        **{name: row[name] for name in ("id", "purpose", "state", "attempt", "note", "reason")},
        worker=work.workers.get(row["id"], ""),
        commit=_text(result, "commit") or _text(result, "merge") or row["commit"],
        summary=_text(result, "summary") or _text(result, "how"),
        files=[str(each) for each in files] if isinstance(files, list) else [],
        evidence=_evidence(result) if row["purpose"] == "test" and "command" in result else None,
        output=document.Long(text=_text(result, "output"), left_out=result.get("left_out", 0)),
        created_at=moment(row["created_at"]),
        started_at=moment(row["started_at"]),
        finished_at=moment(row["finished_at"]),
        usage=_used([row]),
    )


def _text(result: Mapping[str, Any], name: str) -> str:
    """Whoever holds a run may put anything into its result."""
    value = result.get(name)
    return value if isinstance(value, str) else ""


def _verdict(row: Row, work: _Work) -> document.Verdict:
    return document.Verdict(
        **{name: row[name] for name in ("id", "commit", "verdict", "reason")},
        at=moment(row["created_at"]),
        worker=work.workers.get(row["run_id"], ""),
        run=row["run_id"],
        evidence=_evidence(row["evidence"]) if row["evidence"] else None,
    )


def _evidence(found: Mapping[str, Any]) -> document.Evidence:
    code, counts = found.get("exit_code"), found.get("counts")
    known = counts.items() if isinstance(counts, Mapping) else ()
    return document.Evidence(
        command=_text(found, "command"),
        exit_code=code if isinstance(code, int) else None,
        counts={str(word): number for word, number in known if isinstance(number, int)},
    )


def _comment(row: Row) -> document.Comment:
    return document.Comment(at=moment(row["created_at"]), author=row["author"], body=row["body"])


# ── what was asked and said ──────────────────────────────────────────────────────────────────────────────────────────


def _card(row: Row, facts: Facts) -> document.Card:
    titles = {each["id"]: each["title"] for plan in facts.plans for each in (plan, *plan["tasks"])}
    about = titles.get(row["task_id"] or "") or titles.get(row["plan_id"] or "") or ""
    return document.Card(
        **{name: row[name] for name in ("id", "kind", "question", "options", "status", "answer", "reason")},
        about=about,
        asked_at=moment(row["created_at"]),
        answered_at=moment(row["answered_at"]),
        answered_by=_person(row, facts),
    )


def _person(card: Row, facts: Facts) -> str:
    user = facts.answered.get(card["id"], "")
    return facts.users.get(user, user)


def _directive(each: Directive) -> document.Directive:
    receipts = [
        document.Receipt(worker=worker, state=receipt.state.value, how=receipt.how, at=moment(receipt.at))
        for worker, receipt in each.receipts.items()
    ]
    return document.Directive(
        id=each.id, at=moment(each.at), text=each.text, state=each.state.value, receipts=receipts
    )


# ── the cost ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _cost(facts: Facts) -> document.Cost:
    """Of the whole team as its bills say; of a session or a run as their runs do."""
    tasks = [
        share for share in _by_task(facts) if share.input_tokens or share.output_tokens or share.cost_usd
    ]
    if not facts.found.whole:
        return document.Cost(total=_used(facts.runs), tasks=tasks)
    budget = facts.found.team["budget"]
    total = _used(facts.roles)
    spent = Amount(total.input_tokens + total.output_tokens, total.cost_usd)
    cap = Cap(budget["cap_tokens"], budget["cap_usd"])
    return document.Cost(
        total=total,
        burn=burn(spent, cap, total.unpriced_tokens),
        roles=[_share(each["id"], [each]) for each in facts.roles],
        models=[_share(each["id"], [each]) for each in facts.models],
        tasks=tasks,
        caps={name: value for name, value in budget["caps"].items() if value is not None},
        cap_tokens=budget["cap_tokens"],
        cap_usd=budget["cap_usd"],
        answers=[_raise(card, facts) for card in facts.cards if card["kind"] == "budget" and card["answer"]],
    )


def _by_task(facts: Facts) -> Iterable[document.Share]:
    by_task = _work(facts).by_task
    titles = {task["id"]: task["title"] for plan in facts.plans for task in plan["tasks"]}
    for identifier, title in titles.items():
        yield _share(title, by_task.get(identifier, []))
    yield _share("(about no task)", [row for row in facts.runs if row["task_id"] not in titles])


def _used(rows: Iterable[Row]) -> Usage:
    return Usage(**_sums(list(rows)))


def _share(name: str, rows: Iterable[Row]) -> document.Share:
    return document.Share(name=name, **_sums(list(rows)))


def _sums(rows: list[Row]) -> dict[str, Any]:
    """Rows of runs, or of sums of them."""
    counted = ("input_tokens", "output_tokens", "unpriced_tokens")
    tokens = {name: sum(row.get(name, 0) for row in rows) for name in counted}
    money = round(sum(row["cost_usd"] for row in rows), 6)
    return {**tokens, "cost_usd": money, "runs": sum(row.get("runs", 1) for row in rows)}


def _raise(card: Row, facts: Facts) -> document.Raise:
    return document.Raise(
        at=moment(card["answered_at"]),
        by=_person(card, facts),
        answer=card["answer"],
        question=card["question"],
    )
