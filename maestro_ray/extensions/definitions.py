"""Agent definitions: files that give a kind of agent its prompt, provider, model, tools and permissions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from maestro_ray.errors import ConfigError
from maestro_ray.extensions.found import Found, Origin, shadow
from maestro_ray.extensions.frontmatter import read_front
from maestro_ray.extensions.places import Place, Surroundings, entries, left_out, read_each
from maestro_ray.toml import did_you_mean, read_toml

INSIDE = (".maestro/agents", ".claude/agents")

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
PERMISSIONS = ("default", "acceptEdits", "plan", "dontAsk", "auto", "bypassPermissions")
KEYS = (
    "name",
    "description",
    "prompt",
    "provider",
    "model",
    "tools",
    "denied_tools",
    "permissions",
    "skills",
)
# what maestro takes from a head in Claude's form; all else there is for Claude
_HEAD = ("name", "description", "provider", "model", "tools", "disallowedTools", "permissionMode", "skills")


@dataclass(frozen=True)
class Definition:
    """One kind of agent. Empty texts leave a thing as it is for the role; no `tools` means all that the role has.

    `permissions` is one of `PERMISSIONS`, in Claude's words. A definition from a repository or a plugin (`theirs`)
    is somebody else's wish: whoever uses it may let it narrow what the role may do, and never widen it.
    """

    name: str
    description: str
    path: Path
    prompt: str = ""
    provider: str = ""
    model: str = ""
    tools: tuple[str, ...] = ()
    denied_tools: tuple[str, ...] = ()
    permissions: str = ""
    skills: tuple[str, ...] = ()
    theirs: bool = False


def read_markdown(text: str, stem: str, path: Path, *, theirs: bool) -> tuple[Definition, tuple[str, ...]]:
    """The definition in a Markdown file, whose body is the prompt, and notes. Raises `ValueError` with a sentence."""
    front = read_front(text)
    definition = Definition(
        _name(front.text("name") or stem),
        front.text("description"),
        path,
        front.body.strip(),
        front.text("provider"),
        front.text("model"),
        front.words("tools"),
        front.words("disallowedTools"),
        _permissions(front.text("permissionMode")),
        front.words("skills"),
        theirs,
    )
    ignored = sorted(set(front.fields).difference(_HEAD))
    notes = (f"maestro makes nothing of {', '.join(map(repr, ignored))}",) if ignored else ()
    return _complete(definition), notes


def read_table(text: str, stem: str, path: Path, *, theirs: bool) -> tuple[Definition, tuple[str, ...]]:
    """The definition in a TOML file, with the keys in `KEYS`. Raises `ValueError` with a sentence."""
    try:
        table = read_toml(text, path.name, ConfigError)
        table.only(*KEYS)
        definition = Definition(
            _name(table.text("name", stem)),
            table.text("description").strip(),
            path,
            table.text("prompt").strip(),
            table.text("provider"),
            table.text("model"),
            tuple(table.texts("tools")),
            tuple(table.texts("denied_tools")),
            _permissions(table.text("permissions")),
            tuple(table.texts("skills")),
            theirs,
        )
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return _complete(definition), ()


READERS = {".md": read_markdown, ".toml": read_table}


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"the name {name[:80]!r} must be small letters, digits and hyphens, at most 64")
    return name


def _permissions(mode: str) -> str:
    if mode and mode not in PERMISSIONS:
        guess = did_you_mean(mode, list(PERMISSIONS))
        raise ValueError(f"there are no permissions {mode[:80]!r}{guess}: one of {', '.join(PERMISSIONS)}")
    return mode


def _complete(definition: Definition) -> Definition:
    if not definition.description:
        raise ValueError("a description is missing: it says when this agent is the right one")
    if not definition.prompt and not definition.provider:
        raise ValueError("it has neither a prompt nor a provider: it would change nothing")
    return definition


def find_definitions(where: Surroundings) -> list[Found[Definition]]:
    """Every definition of every place, used, shadowed and broken; none of them stops the others."""
    return shadow(each for place in where.places(INSIDE, "agents") for each in definitions_in(place))


def definitions_in(place: Place) -> list[Found[Definition]]:
    """Those of one place: its `.md` and `.toml` files, by name."""
    files = [
        (each.stem, each)
        for each in entries(place)
        if each.suffix in READERS and (each.is_symlink() or each.is_file())
    ]
    found = read_each(files, place.origin, lambda text, stem, path: _found(text, stem, path, place.origin))
    return [*found, *left_out(place)]


def definition_at(path: Path, origin: Origin) -> Found[Definition]:
    """The definition in one file, wherever that is."""
    if path.suffix not in READERS:
        return Found(path.stem, origin, path, problem="a definition is a .md or a .toml file")
    return read_each([(path.stem, path)], origin, lambda text, stem, file: _found(text, stem, file, origin))[
        0
    ]


def _found(text: str, stem: str, path: Path, origin: Origin) -> Found[Definition]:
    definition, notes = READERS[path.suffix](text, stem, path, theirs=origin.theirs)
    return Found(definition.name, origin, path, definition, notes=notes)
