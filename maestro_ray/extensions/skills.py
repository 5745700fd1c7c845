"""Skills: directories with a SKILL.md whose head says what they are for, and how an agent is told of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maestro_ray.extensions.found import Found, Origin, chosen, shadow, used
from maestro_ray.extensions.frontmatter import Front, Value, read_front
from maestro_ray.extensions.places import Place, Surroundings, entries, is_there, left_out, read_each

INSIDE = (".maestro/skills", ".claude/skills", ".agents/skills")
FILES = ("SKILL.md", "skill.md")

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 1024
LONGEST_COMPATIBILITY = 500
KNOWN = ("name", "description", "license", "allowed-tools", "metadata", "compatibility")

HEADING = "## Skills"
_WORDS = (
    "Each of these is a directory with instructions for one kind of work. Before you do work that one of them is "
    "about, read its SKILL.md, and from there only what you need; paths in it are relative to its directory."
)


@dataclass(frozen=True)
class Skill:
    """One skill as its head describes it. `path` is its SKILL.md; the other keys of the head are in `fields`."""

    name: str
    description: str
    path: Path
    fields: Mapping[str, Value] = field(default_factory=dict)


def read_skill(text: str, slug: str, path: Path) -> tuple[Skill, tuple[str, ...]]:
    """The skill in a directory named `slug`, and notes about what the standard does not know.

    Raises `ValueError` with all that is wrong, separated by semicolons.
    """
    front = read_front(text)
    problems = [*_of_name(front, slug), *_of_length(front)]
    if problems:
        raise ValueError("; ".join(problems))
    others = {key: value for key, value in front.fields.items() if key not in ("name", "description")}
    unknown = sorted(set(others).difference(KNOWN))
    notes = (f"the standard does not know {', '.join(map(repr, unknown))}",) if unknown else ()
    return Skill(_normal(front.text("name")), front.text("description"), path, others), notes


def _of_name(front: Front, slug: str) -> list[str]:
    """The rules of the Agent Skills standard: letters of any script, but no capitals."""
    if "name" not in front.fields:
        return ["a name is missing"]
    name = _normal(front.text("name"))
    if not name:
        return ["the name is empty"]
    problems = []
    if len(name) > LONGEST_NAME:
        problems.append(f"the name has {len(name)} characters, and {LONGEST_NAME} are allowed")
    if name != name.lower() or not all(c.isalnum() or c == "-" for c in name):
        problems.append(f"the name {name[:80]!r} must be small letters, digits and single hyphens")
    elif name.startswith("-") or name.endswith("-") or "--" in name:
        problems.append(f"the name {name[:80]!r} has a hyphen where none may be")
    if name != _normal(slug):
        problems.append(f"the name {name[:80]!r} is not that of its directory, {slug!r}")
    return problems


def _of_length(front: Front) -> list[str]:
    if "description" not in front.fields:
        return ["a description is missing"]
    problems = []
    raw = front.fields["description"]
    size = len(raw) if isinstance(raw, str) else 0
    if not front.text("description"):
        problems.append("the description is empty")
    if size > LONGEST_DESCRIPTION:
        problems.append(f"the description has {size} characters, and {LONGEST_DESCRIPTION} are allowed")
    size = len(front.text("compatibility"))
    if size > LONGEST_COMPATIBILITY:
        problems.append(f"'compatibility' has {size} characters, and {LONGEST_COMPATIBILITY} are allowed")
    return problems


def _normal(name: str) -> str:
    return unicodedata.normalize("NFKC", name.strip())


def find_skills(where: Surroundings) -> list[Found[Skill]]:
    """Every skill of every place, used, shadowed and broken; none of them stops the others."""
    return shadow(each for place in where.places(INSIDE, "skills") for each in skills_in(place))


def skills_in(place: Place) -> list[Found[Skill]]:
    """Those of one place. A directory without a SKILL.md is named as broken, a file beside them is not."""
    folders = [each for each in entries(place) if each.is_symlink() or each.is_dir()]
    files = [(each.name, _file_of(each)) for each in folders]
    found = read_each(files, place.origin, lambda text, slug, path: _found(text, slug, path, place.origin))
    return [*found, *left_out(place)]


def skill_at(folder: Path, origin: Origin) -> Found[Skill]:
    """The skill in one directory, wherever that is."""
    files = [(folder.name, _file_of(folder))]
    return read_each(files, origin, lambda text, slug, path: _found(text, slug, path, origin))[0]


def _found(text: str, slug: str, path: Path, origin: Origin) -> Found[Skill]:
    skill, notes = read_skill(text, slug, path)
    return Found(skill.name, origin, path, skill, notes=notes)


def _file_of(folder: Path) -> Path:
    return next((folder / name for name in FILES if is_there(folder / name)), folder / FILES[0])


def prompt_section(skills: Sequence[Skill]) -> str:
    """What a prompt says of these skills: what each is for and where it is, and not what it says; empty for none.

    Each takes one line, without control characters, so that no description can pass for a section of its own.
    """
    if not skills:
        return ""
    lines = [f"- {each.name}: {_one_line(each.description)} ({_one_line(str(each.path))})" for each in skills]
    return "\n".join([HEADING, _WORDS, *lines])


def section_of_chosen(where: Surroundings, names: Sequence[str]) -> str:
    """For `--with-skill a,b`: the section about these. Raises `NotFound`, and `UsageError` for one that is broken."""
    return prompt_section(chosen(find_skills(where), "skill", names))


def section_of_all(where: Surroundings) -> str:
    """The section about every skill that counts."""
    return prompt_section(used(find_skills(where)))


def _one_line(text: str) -> str:
    return " ".join(
        re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", " ", text).split()
    )
