"""Runs about a project and no plan of it: they look at its repository, or draft a plan; and what they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict
from maestro_ray.model import channels
from maestro_ray.model.knowledge import CONTEXT, TOLD
from maestro_ray.model.run import Purpose
from maestro_ray.studio import loop, runs
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

ATTEMPTS = 3
ITEMS = 1000
# how long each text of an item may be
LENGTHS = {"kind": 64, "title": 200, "body": 64_000, "path": 4096}
# what of it goes into prompts: so many items, and of each so many characters
DIGEST = 40
DIGEST_BODY = 1500

Item = Mapping[str, Any]


def start(tx: Transaction, project_id: str, purpose: Purpose, note: str, role: str) -> Row:
    """Queue such a run. One that waits or works for the same end is enough: it comes back."""
    tx.get(t.projects, project_id)
    same = [t.runs.c.project_id == project_id, t.runs.c.plan_id.is_(None), t.runs.c.purpose == purpose]
    alike = [row for row in runs.live(tx, *same) if row["note"] == note]
    if alike:
        return alike[0]
    return tx.get(t.runs, runs.queue_for_project(tx, project_id, purpose, note=note, role=role))


def in_place_of_plan(tx: Transaction, row: Row) -> dict[str, Any]:
    """What the session of such a run gets where others get their plan: no id, and what it is for."""
    project = tx.get(t.projects, row["project_id"])
    empty = dict.fromkeys(("id", "base_branch", "epic_branch", "epic_head", "test"), "")
    words = {Purpose.REPO_ANALYSIS: "Analysis of", Purpose.PLAN: "Plan for"}
    title = f"{words[Purpose(row['purpose'])]} {project['name'] or project['key']}"
    if row["purpose"] == Purpose.PLAN:
        empty["base_branch"] = row["base"]
    return {**empty, "title": title, "description": row["note"], "status": "active"}


def failed(tx: Transaction, row: Row, reason: str, *, final: bool) -> None:
    if final or row["attempt"] >= ATTEMPTS:
        ask(tx, row, f"{row['purpose']} failed (attempt {row['attempt']}): {reason}")
    else:
        runs.again(tx, row, attempt=row["attempt"] + 1)


def interrupted(tx: Transaction, row: Row) -> None:
    if row["attempt"] >= ATTEMPTS:
        runs.cancel(tx, t.runs.c.id == row["id"])
        ask(tx, row, f"{row['purpose']} was interrupted {row['attempt']} times")
    else:
        tx.update(t.runs, row["id"], attempt=row["attempt"] + 1)


def ask(tx: Transaction, row: Row, question: str) -> None:
    of = {"plan_id": None, "task_id": None, "run_id": row["id"]}
    loop.put_card(tx, row["project_id"], row["purpose"], question, (loop.RETRY, loop.ABORT), of)


# ── what was found ───────────────────────────────────────────────────────────────────────────────────────────────────


def learn(tx: Transaction, row: Row, result: Mapping[str, Any]) -> None:
    """Keep the items of a `repo_analysis`. One of the same kind, path and title replaces what was known."""
    _keep(tx, row["project_id"], _checked(result.get("items", [])), run_id=row["id"], source="")


def replace(tx: Transaction, project_id: str, source: str, items: object) -> dict[str, int]:
    """Keep these items, and no others of this source: what a survey finds no more is so no more."""
    tx.get(t.projects, project_id)
    of_source = (t.knowledge.c.project_id == project_id, t.knowledge.c.source == source)
    before = {_place(row): row for row in tx.all(sa.select(t.knowledge).where(*of_source))}
    found = {_place(item): item for item in _checked(items)}
    gone = [row["id"] for place, row in before.items() if place not in found]
    new = [item for place, item in found.items() if place not in before or _differ(before[place], item)]
    if gone:
        tx.execute(t.knowledge.delete().where(t.knowledge.c.id.in_(gone)))
    _keep(tx, project_id, new, run_id=None, source=source)
    if gone or new:
        files = [item["path"] for item in new if item["kind"] == CONTEXT]
        tx.publish(
            channels.project(project_id), "context_file.updated", paths=files, changed=len(new) + len(gone)
        )
    return {"items": len(found), "changed": len(new), "gone": len(gone)}


def digest(tx: Transaction, project_id: str) -> list[dict[str, str]]:
    """What everybody who works on the project should know: without the texts of context files, which they can read."""
    query = sa.select(t.knowledge).where(t.knowledge.c.project_id == project_id, t.knowledge.c.kind.in_(TOLD))
    rows = tx.all(query.order_by(t.knowledge.c.id).limit(DIGEST))
    shown = [{name: row[name] for name in LENGTHS} for row in rows]
    return [{**each, "body": "" if each["kind"] == CONTEXT else each["body"][:DIGEST_BODY]} for each in shown]


def _keep(
    tx: Transaction, project_id: str, items: Sequence[Item], *, run_id: str | None, source: str
) -> None:
    known = _known(tx, project_id)
    for item in items:
        values = {**item, "run_id": run_id, "source": source, "updated_at": tx.now}
        if _place(item) in known:
            tx.update(t.knowledge, known[_place(item)], **values)
        else:
            known[_place(item)] = tx.insert(t.knowledge, project_id=project_id, **values)


def _known(tx: Transaction, project_id: str) -> dict[tuple[str, str, str], str]:
    columns = [t.knowledge.c[name] for name in ("id", "kind", "path", "title")]
    rows = tx.all(sa.select(*columns).where(t.knowledge.c.project_id == project_id))
    return {_place(row): row["id"] for row in rows}


def _place(item: Item) -> tuple[str, str, str]:
    """Of one kind, path and title there is one item in a project."""
    return item["kind"], item["path"], item["title"]


def _differ(row: Row, item: Item) -> bool:
    return any(row[name] != item[name] for name in LENGTHS)


def _checked(items: object) -> list[Item]:
    """Raises `Conflict` when they are too many, or one of them is none."""
    if not isinstance(items, list) or len(items) > ITEMS:
        raise Conflict(f"items of a repo_analysis must be a list of at most {ITEMS}", "")
    return [_item(item, number) for number, item in enumerate(items)]


def _item(item: object, number: int) -> dict[str, Any]:
    if not isinstance(item, dict) or item.keys() - LENGTHS.keys():
        raise Conflict(f"item {number} must be an object with {', '.join(LENGTHS)}", "")
    values = {name: item.get(name, "") for name in LENGTHS}
    for name, value in values.items():
        if not isinstance(value, str) or len(value) > LENGTHS[name]:
            raise Conflict(f"{name} of item {number} must be text of at most {LENGTHS[name]} characters", "")
    if not values["kind"] or not values["title"]:
        raise Conflict(f"item {number} needs a kind and a title", "")
    return values
