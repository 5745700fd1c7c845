"""`maestro agents`: definitions of kinds of agents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from maestro_cli import around, invocation
from maestro_cli.render import found as render
from maestro_cli.render import out
from maestro_ray.extensions.additions import add_definition, take_out
from maestro_ray.extensions.definitions import Definition, definition_at, find_definitions
from maestro_ray.extensions.found import Origin, named

group = typer.Typer(rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]

NONE = "there is no agent definition: they are files .maestro/agents/NAME.md or NAME.toml"


@group.command("list", epilog="Example: maestro agents list --json")
def show_all() -> None:
    """List every definition, where it comes from and what shadows it."""
    found = find_definitions(around.here())
    text = render.table(found, lambda each: each.description) or NONE
    out.emit("agent", "list", "ok", text, agents=[render.told(each, _details) for each in found])


@group.command(epilog="Example: maestro agents show reviewer")
def show(name: Name) -> None:
    """Show one definition with its prompt, and others of its name."""
    found = named(find_definitions(around.here()), "agent definition", name)
    text = render.card(found, _rows)
    if found[0].value and found[0].value.prompt:
        text += "\n\n" + "\n".join(map(out.printable, found[0].value.prompt.splitlines()))
    others = [render.told(each, _details) for each in found[1:]]
    out.emit("agent", "show", found[0].state, text, agent=render.told(found[0], _details), others=others)


@group.command(epilog="Example: maestro agents add reviewer.md --user")
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)], user: around.User = False
) -> None:
    """Copy a definition into this repository's .maestro/agents, or into your own."""
    path = add_definition(around.place("agents", user), invocation.current.cwd / file)
    out.emit("agent", "add", "ok", f"added {path}", path=str(path))


@group.command(epilog="Example: maestro agents remove reviewer --yes")
def remove(name: Name, yes: around.Yes = False) -> None:
    """Remove a definition from .maestro/agents of this repository, or from your own."""
    found = named(find_definitions(around.here()), "agent definition", name)
    around.ask(f"Remove the agent definition {name}?", yes)
    path = take_out(found, around.own_places("agents"), "agent definition")
    out.emit("agent", "remove", "ok", f"removed {path}", path=str(path))


@group.command(epilog="Example: maestro agents validate reviewer.md")
def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="By default every definition there is.")
    ] = None,
) -> None:
    """Check definitions; exit code 1 when one is broken."""
    given = [definition_at((invocation.current.cwd / each).resolve(), Origin("user")) for each in files or []]
    found = given or find_definitions(around.here())
    status, text = render.verdict(found, "agent definition")
    out.emit("agent", "validate", status, text, agents=[render.told(each, _details) for each in found])
    if status != "ok":
        raise typer.Exit(1)


def _details(definition: Definition) -> dict[str, Any]:
    return {
        "description": definition.description,
        "provider": definition.provider,
        "model": definition.model,
        "tools": list(definition.tools),
        "denied_tools": list(definition.denied_tools),
        "permissions": definition.permissions,
        "skills": list(definition.skills),
        "prompt": definition.prompt,
    }


def _rows(definition: Definition) -> list[tuple[str, str]]:
    return [
        ("about", definition.description),
        ("provider", definition.provider),
        ("model", definition.model),
        ("tools", ", ".join(definition.tools)),
        ("denied", ", ".join(definition.denied_tools)),
        ("permissions", definition.permissions),
        ("skills", ", ".join(definition.skills)),
    ]
