"""What Connections knows of a team it runs, as it stands in the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from maestro_ray.actors.equipment import Equipment
from maestro_ray.actors.goal import Goal
from maestro_ray.actors.messages import BeChannel, BeLead, BeWorker, Part, TeamSpec
from maestro_ray.actors.slot import CONNECTIONS
from maestro_ray.config import Config
from maestro_ray.home import Home
from maestro_ray.ports import ProviderSpec


@dataclass(frozen=True)
class MemberRecord:
    """One worker: its Studio session, the slot it lives in, and its provider."""

    name: str
    role: str
    session: str
    slot: str
    provider: ProviderSpec


@dataclass(frozen=True)
class TeamRecord:
    """`lead` and `channel` are slots, `session` the lead's. `plans` are those it was started for; with none it serves
    every active plan of the project, or with a `goal` the plan that its lead makes of that. `equipment` is what was
    found when it was started. The agents' environment is
    no part of this: it holds keys."""

    id: str
    name: str
    channel_name: str
    project: str
    key: str
    repo: str
    bot: str
    session: str
    lead: str
    channel: str
    members: tuple[MemberRecord, ...]
    plans: tuple[str, ...] = ()
    serves_all: bool = False
    goal: Goal | None = None
    started_at: float = 0.0
    equipment: Equipment = field(default_factory=Equipment)

    @property
    def slots(self) -> dict[str, str]:
        return {"lead": self.lead, "channel": self.channel, **{each.name: each.slot for each in self.members}}

    @property
    def sessions(self) -> list[str]:
        """Every session of the team, the lead's first."""
        return [self.session, *(each.session for each in self.members)]

    def member_of(self, session: str) -> str:
        """`lead`, a worker's name, or nothing."""
        if session == self.session:
            return "lead"
        return next((each.name for each in self.members if each.session == session), "")

    def with_member(self, member: MemberRecord) -> TeamRecord:
        return replace(self, members=(*self.members, member))

    def without_member(self, name: str) -> TeamRecord:
        return replace(self, members=tuple(each for each in self.members if each.name != name))

    def parts(self, home: Home, config: Config, env: Mapping[str, str]) -> dict[str, Part]:
        """What each slot of the team becomes, by slot."""
        spec = TeamSpec(
            id=self.id,
            name=self.name,
            channel=self.channel_name,
            bot=self.bot,
            repo=self.repo,
            worktrees=str(home.worktrees / self.name),
            scratch=str(home.root / "scratch" / self.name),
            journal=str(home.journal / f"{self.name}.db"),
            instance=home.instance,
            slots=self.slots,
            env=dict(env),
            ping=config.ping,
            lease=config.lease,
            stop_grace=config.stop_grace,
            project=self.key,
            sandbox=config.sandbox,
            limits=config.limits,
            state=(str(home.root), str(home.run)),
            pulses=str(home.pulses),
            equipment=self.equipment,
        )
        members = tuple((each.name, each.role, each.session) for each in self.members)
        parts: dict[str, Part] = {
            self.channel: BeChannel(spec, (CONNECTIONS,)),
            self.lead: BeLead(spec, self.session, members, self.goal),
        }
        for each in self.members:
            parts[each.slot] = BeWorker(spec, each.name, each.role, each.session, each.provider)
        return parts

    def to_json(self) -> dict[str, Any]:
        return {**asdict(replace(self, equipment=Equipment())), "equipment": self.equipment.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        members = tuple(
            MemberRecord(**{**each, "provider": ProviderSpec(**_tuples(each["provider"]))})
            for each in data["members"]
        )
        # what an older version wrote beside them means nothing any more
        known = {each.name: data[each.name] for each in fields(cls) if each.name in data}
        goal = Goal.from_json(data["goal"]) if data.get("goal") else None
        equipment = Equipment.from_json(data.get("equipment") or {})
        read = {"members": members, "plans": tuple(data["plans"]), "goal": goal, "equipment": equipment}
        return cls(**{**known, **read})


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
