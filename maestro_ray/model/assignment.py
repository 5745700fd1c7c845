"""Manual assignment: a task for one person or one session, who must accept it before it starts.

An assignee is a user or a session. A person is asked for by name and stays the same however often their sessions come
and go; a session is asked for when it matters which of a person's agents does it.
"""

from __future__ import annotations

from dataclasses import replace

from maestro_ray.model.dispatch import Seat, Waiting, misfit


def refusal(assignee: str, work: Waiting, seat: Seat, user: str) -> str:
    """Why this session of `user` may not accept the task; empty when it may. Who assigns decides about skill."""
    if not assignee:
        return "it is assigned to nobody: whoever fits gets it without accepting"
    if assignee not in (seat.session, user):
        return "it is assigned to somebody else"
    return misfit(replace(work, session=seat.session), seat)
