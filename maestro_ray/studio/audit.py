"""The audit log: what people asked Studio to do, and what agents were permitted, by whom.

What agents report stands in runs and messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestro_ray.model.access import EVERYWHERE, Action, Caller
from maestro_ray.redaction import redact, redact_all
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction

ACTIONS = frozenset(
    {Action.COMMENT, Action.STEER, Action.LEAD, Action.PLAN, Action.DECIDE, Action.INVITE, Action.MANAGE}
)


def note(tx: Transaction, caller: Caller, action: Action, project: str, subject: str, **detail: Any) -> None:
    """`subject` is the path of the call; nothing of its body is kept, for it may hold a secret."""
    tx.insert(
        t.audit,
        project_id=None if project == EVERYWHERE else project,
        user_id=caller.user,
        action=action,
        subject=redact(subject),
        detail=redact_all(detail),
    )


def permission(tx: Transaction, run: Mapping[str, Any], user: str, **detail: Any) -> None:
    """Leave that an agent asked for, and what became of that; `user` is empty where no person decided."""
    tx.insert(
        t.audit,
        project_id=run["project_id"],
        user_id=user,
        action="permission",
        subject=f"cli-runs/{run['id']}",
        detail=redact_all(detail),
    )
