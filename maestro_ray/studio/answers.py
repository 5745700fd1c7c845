"""The operator's answer to a question of an agent: a comment of the task, and a word to the team that asked."""

from __future__ import annotations

from maestro_ray.studio import inbox
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

AUTHOR = "operator"


def tell(tx: Transaction, card: Row, word: str) -> None:
    """Every later prompt of the task has it; whoever reads the team's channel, as far as there is a team, too."""
    text = f"The answer is {word!r}, to the question: {card['question']}"
    tx.insert(t.comments, task_id=card["task_id"], author=AUTHOR, body=text)
    run = tx.get(t.runs, card["run_id"])
    session = tx.find(t.sessions, run["session_id"] or "")
    team = tx.find(t.teams, session["team_id"] or "") if session else None
    if team is not None and team["status"] == "active":
        inbox.put(tx, team["id"], inbox.SAID, {"text": text}, AUTHOR)
