"""Who may do what: four roles, in one project or everywhere, and the one table that says what each may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is, in a project or in the whole Studio."""

    OWNER = "owner"
    ARCHITECT = "architect"
    LEAD = "lead"
    MEMBER = "member"


class Action(StrEnum):
    """What somebody does, as far as it matters who they are."""

    READ = "read"
    COMMENT = "comment"
    WORK = "work"
    STEER = "steer"
    LEAD = "lead"
    PLAN = "plan"
    DECIDE = "decide"
    INVITE = "invite"
    MANAGE = "manage"


MEANING: Mapping[Action, str] = {
    Action.READ: "see projects, plans, tasks, runs, verdicts and messages",
    Action.COMMENT: "comment on a task",
    Action.WORK: "register a session, accept a task, take up its runs and report on them",
    Action.STEER: "add and clear directives, write to a team",
    Action.LEAD: "allocate a team, add to it, end it, delegate its work",
    Action.PLAN: "write, start, pause, resume and cancel plans; write, assign and abort tasks",
    Action.DECIDE: "answer decision cards",
    Action.INVITE: "invite others, to no more than one's own role",
    Action.MANAGE: "create projects, read the audit log, take roles away",
}

_EVERYBODY = frozenset(Role)
_LEADING = frozenset({Role.OWNER, Role.ARCHITECT, Role.LEAD})
_SHAPING = frozenset({Role.OWNER, Role.ARCHITECT})

MAY: Mapping[Action, frozenset[Role]] = {
    Action.READ: _EVERYBODY,
    Action.COMMENT: _EVERYBODY,
    Action.WORK: _EVERYBODY,
    Action.STEER: _LEADING,
    Action.LEAD: _LEADING,
    Action.PLAN: _LEADING,
    Action.DECIDE: _LEADING,
    Action.INVITE: _SHAPING,
    Action.MANAGE: frozenset({Role.OWNER}),
}

# instead of a project's id
EVERYWHERE = "*"
_RANK = {role: rank for rank, role in enumerate(reversed(Role))}


def higher(one: Role, other: Role) -> Role:
    """Of two roles the one that may do more."""
    return max(one, other, key=_RANK.__getitem__)


@dataclass(frozen=True)
class Caller:
    """Somebody with a valid token. `roles` are by project id, or `*` for all of them.

    `family` is the sign-in, a browser's or that of tokens; `issued` is since when it is known to be theirs, in Unix
    seconds. With `channels` the token was made for these alone: it may listen, and do nothing else.
    """

    user: str
    family: str
    roles: Mapping[str, Role]
    channels: tuple[str, ...] | None = None
    issued: float = 0.0

    def role(self, project: str) -> Role | None:
        """The higher of the role in this project and that everywhere; None for a stranger."""
        held = [self.roles[place] for place in (project, EVERYWHERE) if place in self.roles]
        return max(held, key=_RANK.__getitem__, default=None)

    def may(self, action: Action, project: str) -> bool:
        """Whether this caller may do it in this project (`*`: in all of them)."""
        return self.channels is None and self.role(project) in MAY[action]

    def projects(self) -> frozenset[str] | None:
        """The projects whose things may be shown; None means every one."""
        if EVERYWHERE in self.roles:
            return None
        return frozenset(self.roles)

    def may_give(self, role: Role, project: str) -> bool:
        """Nobody invites to more than they are themselves."""
        own = self.role(project)
        return self.may(Action.INVITE, project) and own is not None and _RANK[role] <= _RANK[own]


def as_roles(words: Mapping[str, str]) -> dict[str, Role]:
    """Roles by project as they stand in a token. Raises `ValueError` for an unknown word."""
    return {project: Role(word) for project, word in words.items()}
