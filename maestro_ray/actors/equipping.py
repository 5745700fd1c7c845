"""Finding a team's equipment, once, when it is asked for: in the operator's own checkout and never in a worktree.

What is broken is left out with a sentence; what somebody named by hand and is not there, or broken, is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from maestro_ray.actors.equipment import Equipment, Outfit
from maestro_ray.config import Config
from maestro_ray.errors import UsageError
from maestro_ray.extensions.definitions import Definition, find_definitions
from maestro_ray.extensions.found import Found, T, chosen, named
from maestro_ray.extensions.hooks import Hook, find_hooks
from maestro_ray.extensions.installed import surroundings
from maestro_ray.extensions.mcp import allowed_to, find_servers, variables
from maestro_ray.extensions.places import Surroundings
from maestro_ray.extensions.skills import Skill, find_skills
from maestro_ray.extensions.trust import allowed, trusted
from maestro_ray.home import Home
from maestro_ray.ports import TEAM, McpServer, ProviderSpec


def definitions(home: Home, top: Path, config: Config, roles: Iterable[str]) -> dict[str, Definition]:
    """The agent definition of each role that names one. Raises `NotFound`, and `UsageError` for one that is broken."""
    wanted = {role: table.agent for role in roles if (table := config.roles.get(role)) and table.agent}
    if not wanted:
        return {}
    found = find_definitions(surroundings(top, home.root))
    return {role: chosen(found, "agent definition", [name])[0] for role, name in wanted.items()}


def equip(
    home: Home,
    top: Path,
    config: Config,
    skills: Mapping[str, Sequence[str]],
    asked: Sequence[str],
    defined: Mapping[str, Definition],
    providers: Mapping[str, ProviderSpec],
) -> Equipment:
    """For the checkout whose top this is. Blocks: it reads files.

    `skills` are the names of each role's, `asked` those that were asked for by hand: of them each must be there.
    Raises `NotFound`, `UsageError` and `ConfigError`.
    """
    where = surroundings(top, home.root)
    notes: list[str] = []
    every = find_skills(where) if asked or any(skills.values()) or defined else []
    chosen(every, "skill", asked)
    outfits = {
        role: _outfit(role, every, [*names, *asked], defined.get(role), providers.get(role), notes)
        for role, names in skills.items()
    }
    return Equipment(
        outfits,
        _servers(where, config, notes),
        _sound(find_hooks(where), "hook", notes),
        tuple(dict.fromkeys(notes)),
        config.agent_env,
        config.team_tools,
    )


def with_skills(
    home: Home, top: Path, outfit: Outfit, role: str, names: Sequence[str]
) -> tuple[Outfit, list[str]]:
    """The outfit with those of these skills that there are, and a sentence for each that there is not. Blocks."""
    every = find_skills(surroundings(top, home.root)) if names else []
    notes: list[str] = []
    found = {each.name: each for each in (*outfit.skills, *_skills(role, every, names, notes, ""))}
    nowhere = sorted(set(names).difference(each.name for each in every))
    notes += [
        f"there is no SKILL.md of the skill {name!r}: it only says who is given which task"
        for name in nowhere
    ]
    return replace(outfit, skills=tuple(found.values())), notes


def variables_of_servers(home: Home, top: Path, config: Config) -> list[str]:
    """Names of the variables that the servers found there need and may name: the shell that starts a team passes them
    on. Other agents do not see them."""
    found = find_servers(surroundings(top, home.root))
    return [
        name
        for each in found
        if each.value is not None and not each.shadowed_by
        for name in variables(each.value, defaults=True)
        if allowed_to(each.origin, config.agent_env)(name)
    ]


def untrusted(hooks: Iterable[Found[Hook]], home: Path) -> list[str]:
    """A sentence for each hook that would not be run now. Blocks: it hashes files."""
    known = trusted(home)
    return [
        f"the hook {each.value.words} for {each.value.event} ({each.origin}) is NOT run and denies nothing: nobody has "
        "trusted it; see `maestro hooks list`, then `maestro hooks install`"
        for each in hooks
        if each.value is not None and not allowed(each, known)
    ]


def _outfit(
    role: str,
    every: Sequence[Found[Skill]],
    wanted: Sequence[str],
    definition: Definition | None,
    provider: ProviderSpec | None,
    notes: list[str],
) -> Outfit:
    skills = _skills(role, every, wanted, notes, "")
    if definition is None:
        return Outfit(skills)
    more = _skills(role, every, definition.skills, notes, definition.name)
    if provider is not None:
        _cannot_keep(role, definition, provider, notes)
    own = {each.name: each for each in (*skills, *more)}
    return Outfit(
        tuple(own.values()), definition.name, definition.prompt, definition.tools, definition.denied_tools
    )


def _skills(
    role: str, every: Sequence[Found[Skill]], wanted: Sequence[str], notes: list[str], definition: str
) -> tuple[Found[Skill], ...]:
    """Those of these names that there are. A role's may be no more than a word for dispatch."""
    found = []
    for name in dict.fromkeys(wanted):
        if not any(each.name == name for each in every):
            if definition:
                notes.append(
                    f"the agent definition {definition!r} names the skill {name!r}, which is nowhere"
                )
            continue
        first = named(every, "skill", name)[0]
        if first.value is None:
            notes.append(f"the skill {name!r} is broken and {role} is not told of it: {first.problem}")
        else:
            found.append(first)
    return tuple(found)


def _cannot_keep(role: str, definition: Definition, provider: ProviderSpec, notes: list[str]) -> None:
    """A wish that nobody fulfils is said, and not passed over."""
    if (definition.tools or definition.denied_tools) and provider.kind != "claude":
        notes.append(
            f"the tools that the agent definition {definition.name!r} allows and denies mean nothing to {role}: "
            f"{provider.kind} takes no such list"
        )
    if definition.permissions:
        notes.append(f"the permissions of the agent definition {definition.name!r} change nothing for {role}")


def _servers(where: Surroundings, config: Config, notes: list[str]) -> tuple[Found[McpServer], ...]:
    found = _sound(find_servers(where), "MCP server", notes)
    if config.team_tools and any(each.name == TEAM for each in found):
        notes.append(f"the MCP server {TEAM!r} of yours is left out: maestro's own has that name")
        return tuple(each for each in found if each.name != TEAM)
    return found


def _sound(found: Sequence[Found[T]], what: str, notes: list[str]) -> tuple[Found[T], ...]:
    """Those that are used; each broken one is named with the file it stands in."""
    notes += [
        f"the {what} {each.name!r} of {each.path} is broken and left out: {each.problem}"
        for each in found
        if each.value is None
    ]
    return tuple(each for each in found if each.value is not None and not each.shadowed_by)


def with_model(spec: ProviderSpec, definition: Definition | None, takes: bool) -> ProviderSpec:
    """The provider with the definition's model, unless it was told one; `takes` says whether its kind knows models."""
    if definition is None or not definition.model or not takes or spec.arg or spec.model:
        return spec
    return replace(spec, model=definition.model)


def of_words(words: Sequence[str]) -> list[str]:
    """Names of skills as a person lists them after `--with-skill`. Raises `UsageError` for an empty one."""
    names = [name.strip() for word in words for name in word.split(",")]
    if not all(names):
        raise UsageError("the name of a skill is empty", "for example --with-skill pdf,release-notes")
    return list(dict.fromkeys(names))
