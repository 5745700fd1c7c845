"""What becomes of a line with which an agent proposes or raises something: told to the team, reported to Studio."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from maestro_ray.actors.outcome import about
from maestro_ray.actors.proposals import Proposed, Refused
from maestro_ray.actors.reporter import Reporter
from maestro_ray.redaction import Secrets, redact, redact_all

# what the channel calls it; a subtask comes to it as a task of its own
KINDS: Mapping[str, str] = {"blocker": "blocker", "decision": "question"}
REFUSED: Mapping[str, str] = {each: f"{each}.refused" for each in ("subtask", "blocker", "decision")}


def tell(
    reporter: Reporter, assignment: Mapping[str, Any], each: Proposed | Refused, secrets: Secrets
) -> Coroutine[Any, Any, None] | None:
    """The report to be made, which returns when it cannot be lost; None when there is none."""
    if isinstance(each, Refused):
        line, reason = redact(each.line, secrets), redact(each.reason, secrets)
        what: dict[str, Any] = {each.action: line}
        reporter.post(REFUSED[each.action], run=assignment["id"], **what, reason=reason)
        return None
    values = redact_all(each.values, secrets)
    if kind := KINDS.get(each.action):
        reporter.post(kind, **about(assignment), **values)
    return reporter.report(assignment, each.action, values)


def refused(action: str, body: Mapping[str, Any]) -> str:
    """What a report that Studio refused was about, in its agent's words; empty for one that no agent asked for."""
    key = {"subtask": "title", "blocker": "text", "decision": "question"}.get(action)
    return str(body[key]) if key else ""
