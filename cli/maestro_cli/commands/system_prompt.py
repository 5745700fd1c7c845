"""`maestro system-prompt`: what an agent would be told here, word for word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maestro_cli import invocation
from maestro_cli.daemon_line import connect_to_teams
from maestro_cli.render import out
from maestro_ray.errors import DaemonUnavailable, MaestroError, UnknownRole
from maestro_ray.home import Home

if TYPE_CHECKING:
    from maestro_ray.actors.equipment import Equipment


def register(app: typer.Typer) -> None:
    app.command("system-prompt", epilog='Example: maestro system-prompt --role review --task "Add a flag"')(
        system_prompt
    )


def system_prompt(
    role: Annotated[
        str, typer.Option(metavar="ROLE", help="Whose: dev, review, test or one of yours.")
    ] = "dev",
    skill: Annotated[
        list[str] | None, typer.Option("--skill", metavar="A,B", help="Skills besides; may be repeated.")
    ] = None,
    task: Annotated[str, typer.Option(metavar="TEXT", help="The title of the task.")] = "",
) -> None:
    """Show the prompt that a worker of a role would get here: definition, skills, test command, directives.

    The plan, its test command and the directives are those of the team that runs here, if there is one. What looks
    like a secret is hidden.
    """
    from maestro_cli.commands.team import environment
    from maestro_ray.actors.briefing import brief
    from maestro_ray.actors.equipping import of_words
    from maestro_ray.agent.prompt import build_prompt
    from maestro_ray.redaction import Secrets, redact
    from maestro_ray.workspace.repo import Repo

    home, repo = Home.find(), Repo.open(Path(invocation.current.here))
    equipment = _equipment(home, repo.root, role, of_words(skill or []))
    outfit = equipment.outfit("", role)
    purpose = {"review": "review", "test": "test"}.get(role, "execute")
    briefing = brief(outfit, repo.root, repo.root, purpose)
    running, tip = _running(home, invocation.current.here), repo.tip(repo.default_base())
    prompt = build_prompt(
        purpose,
        plan_title=running["plan"] or "(the title of the plan)",
        task_title=task or "(the title of the task)",
        description="" if task else "(what the task says)",
        role=role,
        branch="(the branch of the task)",
        base=tip,
        commit=tip,
        test=running["test"],
        directives=running["directives"],
        instructions=briefing.instructions,
        skills=briefing.skills,
    )
    text = redact(prompt, Secrets.of(environment(home, repo.root)))
    for note in equipment.notes:
        out.warn(note)
    out.emit(
        "system-prompt", "show", "ok", text.rstrip("\n"), role=role, purpose=purpose, prompt=text, agent=outfit.agent,
        skills=[each.name for each in outfit.skills], team=running["team"], directives=len(running["directives"]),
        notes=list(equipment.notes),
    )  # fmt: skip


def _equipment(home: Home, top: Path, role: str, skills: list[str]) -> Equipment:
    from maestro_ray.actors.equipping import definitions, equip
    from maestro_ray.actors.request import BUILT_IN_ROLES
    from maestro_ray.config import Config
    from maestro_ray.model.skill import read_skills

    config = Config.load(home, top)
    known = dict.fromkeys((*BUILT_IN_ROLES, *config.roles))
    if role not in known:
        raise UnknownRole(role, ", ".join(known))
    table = config.roles.get(role)
    named = list(read_skills(table.skills)) if table else []
    defined = definitions(home, top, config, [role])
    return equip(home, top, config, {role: named}, skills, defined, {})


def _running(home: Home, repo: str) -> dict[str, Any]:
    """What the team that runs here adds; without one, or without an answer, nothing."""
    nothing: dict[str, Any] = {"team": "", "plan": "", "test": "", "directives": []}
    try:
        with connect_to_teams(home) as line:
            teams = line.call("team.status", repo=repo)
            if not teams:
                return nothing
            name, plans = teams[-1]["name"], teams[-1]["plans"]
            given = line.call("steering.list", team=name)[name]
    except DaemonUnavailable:
        return nothing
    except MaestroError as error:
        out.warn(f"the team that runs here could not be asked: {error}")
        return nothing
    plan = plans[0] if plans else {"title": "", "test": ""}
    active = [each["text"] for each in given if each["state"] == "active"]
    return {"team": name, "plan": plan["title"], "test": plan["test"], "directives": active}
