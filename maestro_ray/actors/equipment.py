"""The equipment of a team: the extensions its workers are given, found once and kept with its record.

Skills and definitions are for a role, or for one worker; MCP servers and hooks are the whole team's. Texts of servers
are as they were written, with `${VAR}` in them: no variable of the operator's shell stands in here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from maestro_ray.extensions.found import Found, Origin
from maestro_ray.extensions.hooks import Hook
from maestro_ray.extensions.skills import Skill
from maestro_ray.ports import McpServer


@dataclass(frozen=True)
class Outfit:
    """What a role is given, or one worker. `prompt` and the tools are those of the agent definition `agent`."""

    skills: tuple[Found[Skill], ...] = ()
    agent: str = ""
    prompt: str = ""
    tools: tuple[str, ...] = ()
    denied_tools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Equipment:
    """`outfits` are by role, or by the name of a worker who has its own. `notes` are sentences about what was found and
    is not as somebody may believe. With `team_tools` every agent that takes MCP servers can speak to its team."""

    outfits: Mapping[str, Outfit] = field(default_factory=dict)
    servers: tuple[Found[McpServer], ...] = ()
    hooks: tuple[Found[Hook], ...] = ()
    notes: tuple[str, ...] = ()
    agent_env: tuple[str, ...] = ()
    team_tools: bool = True

    def outfit(self, worker: str, role: str) -> Outfit:
        """That of the worker, else that of its role."""
        return self.outfits.get(worker) or self.outfits.get(role) or Outfit()

    def with_outfit(self, worker: str, outfit: Outfit) -> Self:
        return replace(self, outfits={**self.outfits, worker: outfit})

    def to_json(self) -> dict[str, Any]:
        """What JSON can hold; `from_json` gives the same back."""
        return {
            "outfits": {
                name: {**asdict(each), "skills": [_found(skill) for skill in each.skills]}
                for name, each in self.outfits.items()
            },
            "servers": [_found(each) for each in self.servers],
            "hooks": [_found(each) for each in self.hooks],
            "notes": list(self.notes),
            "agent_env": list(self.agent_env),
            "team_tools": self.team_tools,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """A team of an earlier version has none."""
        return cls(
            {name: _outfit(each) for name, each in data.get("outfits", {}).items()},
            tuple(_back(each, _server(each["value"])) for each in data.get("servers", ())),
            tuple(_back(each, _hook(each["value"])) for each in data.get("hooks", ())),
            tuple(data.get("notes", ())),
            tuple(data.get("agent_env", ())),
            bool(data.get("team_tools", True)),
        )


def _found(found: Found[Any]) -> dict[str, Any]:
    """One that is used; others are not kept."""
    assert found.value is not None
    origin = {
        "level": found.origin.level,
        "within": _text(found.origin.within),
        "plugin": found.origin.plugin,
    }
    value = {key: str(each) if isinstance(each, Path) else each for key, each in asdict(found.value).items()}
    return {"name": found.name, "origin": origin, "path": str(found.path), "value": value}


def _back(data: Mapping[str, Any], value: Any) -> Found[Any]:
    origin = data["origin"]
    within = Path(origin["within"]) if origin["within"] else None
    return Found(data["name"], Origin(origin["level"], within, origin["plugin"]), Path(data["path"]), value)


def _outfit(data: Mapping[str, Any]) -> Outfit:
    skills = tuple(_back(each, _skill(each["value"])) for each in data["skills"])
    return Outfit(skills, data["agent"], data["prompt"], tuple(data["tools"]), tuple(data["denied_tools"]))


def _skill(data: Mapping[str, Any]) -> Skill:
    return Skill(data["name"], data["description"], Path(data["path"]))


def _server(data: Mapping[str, Any]) -> McpServer:
    return McpServer(**{**data, "args": tuple(data["args"])})


def _hook(data: Mapping[str, Any]) -> Hook:
    return Hook(**{**data, "argv": tuple(data["argv"]), "root": Path(data["root"])})


def _text(path: Path | None) -> str:
    return "" if path is None else str(path)


def names(found: Sequence[Found[Any]]) -> list[str]:
    return [each.name for each in found]
