"""`maestro skills`: instructions that agents read when their work is of that kind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from maestro_cli import around, invocation
from maestro_cli.render import found as render
from maestro_cli.render import out
from maestro_ray.errors import NotFound, UsageError
from maestro_ray.extensions.additions import add_skill, skills_of, take_out
from maestro_ray.extensions.found import Found, Origin, named
from maestro_ray.extensions.skills import Skill, find_skills, skill_at
from maestro_ray.extensions.source import fetch, read_source
from maestro_ray.toml import did_you_mean

group = typer.Typer(rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]

NONE = "there is no skill: make a directory with a SKILL.md in .maestro/skills, or see `maestro skills add --help`"


@group.command("list", epilog="Example: maestro skills list")
def show_all() -> None:
    """List every skill, where it comes from and what shadows it."""
    found = find_skills(around.here())
    text = render.table(found, lambda skill: skill.description) or NONE
    out.emit("skill", "list", "ok", text, skills=[render.told(each, _details) for each in found])


@group.command(epilog="Example: maestro skills show pdf")
def show(name: Name) -> None:
    """Show one skill: what it is for, where it is, and others of its name."""
    found = named(find_skills(around.here()), "skill", name)
    text = render.card(found, _rows)
    shadowed = [render.told(each, _details) for each in found[1:]]
    out.emit("skill", "show", found[0].state, text, skill=render.told(found[0], _details), others=shadowed)


@group.command(epilog="Example: maestro skills add anthropics/skills --skill pdf")
def add(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE[@REF]", help="A directory, OWNER/REPO on GitHub, or an address.")
    ],
    skill: Annotated[
        list[str] | None, typer.Option("--skill", help="One of several; may be repeated.")
    ] = None,
    user: around.User = False,
) -> None:
    """Copy a skill into this repository's .maestro/skills, or into your own. Nothing of it is run."""
    place = around.place("skills", user)
    try:
        fetched = fetch(read_source(source, invocation.current.cwd), around.git)
        offered = skills_of(fetched.files)
    except ValueError as error:
        raise UsageError(f"{source} is no skill: {error}", "nothing was added") from None
    names = skill or list(offered)
    if not skill and len(offered) > 1:
        raise UsageError(
            f"there are several skills: {', '.join(offered)}", f"for example: --skill {names[0]}"
        )
    for name in names:
        if name not in offered:
            raise NotFound(
                "skill", name, f"there are: {', '.join(offered)}{did_you_mean(name, list(offered))}"
            )
    paths = [str(add_skill(place, name, offered[name])) for name in names]
    text = "\n".join(f"added {path}" for path in paths)
    out.emit("skill", "add", "ok", text, paths=paths, source=source, commit=fetched.commit)


@group.command(epilog="Example: maestro skills remove pdf --yes")
def remove(name: Name, yes: around.Yes = False) -> None:
    """Remove a skill from .maestro/skills of this repository, or from your own."""
    found = named(find_skills(around.here()), "skill", name)
    around.ask(f"Remove the skill {name}?", yes)
    path = take_out(found, around.own_places("skills"), "skill")
    out.emit("skill", "remove", "ok", f"removed {path}", path=str(path))


@group.command(epilog="Example: maestro skills validate .maestro/skills/pdf")
def validate(
    directories: Annotated[
        list[Path] | None, typer.Argument(metavar="DIRECTORY", help="By default every skill there is.")
    ] = None,
) -> None:
    """Check skills against the Agent Skills standard; exit code 1 when one is broken."""
    found = (
        [_one(invocation.current.cwd / each) for each in directories]
        if directories
        else find_skills(around.here())
    )
    status, text = render.verdict(found, "skill")
    out.emit("skill", "validate", status, text, skills=[render.told(each, _details) for each in found])
    if status != "ok":
        raise typer.Exit(1)


def _one(directory: Path) -> Found[Skill]:
    return skill_at(directory.resolve(), Origin("user"))


def _details(skill: Skill) -> dict[str, Any]:
    return {"description": skill.description, "fields": dict(skill.fields)}


def _rows(skill: Skill) -> list[tuple[str, str]]:
    return [("about", skill.description), *((key, str(value)) for key, value in skill.fields.items())]
