"""Answers that are more than a word: of a question that an agent asked, and why a proposed plan is not wanted."""

from __future__ import annotations

import sqlalchemy as sa

from maestro_ray.model.run import Purpose
from maestro_ray.studio import inbox, runs
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

AUTHOR = "operator"
# how many plans are proposed for one goal
PROPOSALS = 3


def tell(tx: Transaction, card: Row, word: str) -> None:
    """A comment of the task, which every later prompt of it has, and a word to the team that asked, if it is there."""
    text = f"The answer is {word!r}, to the question: {card['question']}"
    tx.insert(t.comments, task_id=card["task_id"], author=AUTHOR, body=text)
    run = tx.get(t.runs, card["run_id"])
    session = tx.find(t.sessions, run["session_id"] or "")
    team = tx.find(t.teams, session["team_id"] or "") if session else None
    if team is not None and team["status"] == "active":
        inbox.put(tx, team["id"], inbox.SAID, {"text": text}, AUTHOR)


def propose_again(tx: Transaction, card: Row) -> bool:
    """Let the lead whose plan was rejected with a reason draft another; False when there is none or it was enough."""
    run = tx.find(t.runs, tx.get(t.plans, card["plan_id"])["proposed_by"] or "")
    if run is None or not run["delegated_to"]:
        return False
    session = tx.find(t.sessions, run["delegated_to"])
    made_for = (t.runs.c.purpose == Purpose.PLAN, t.runs.c.delegated_to == run["delegated_to"])
    asked = [row["id"] for row in tx.all(sa.select(t.runs.c.id).where(*made_for))]
    drafted = sa.select(sa.func.count()).select_from(t.plans).where(t.plans.c.proposed_by.in_(asked))
    if session is None or session["status"] == "ended" or tx.execute(drafted).scalar_one() >= PROPOSALS:
        return False
    runs.again(tx, run, attempt=1)
    return True
