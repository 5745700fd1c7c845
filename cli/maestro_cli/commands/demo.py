"""`maestro demo`: the main job on a small project made for it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from maestro_cli import invocation
from maestro_cli.daemon_line import connect_or_start
from maestro_cli.render import out
from maestro_ray.home import Home


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: maestro demo --keep ./demo")(demo)


def demo(
    keep: Annotated[
        str, typer.Option(metavar="DIR", help="Make the project there; by default in a temporary place.")
    ] = "",
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="Make the project and run nothing.")
    ] = False,
    timings: Annotated[bool, typer.Option("--timings", help="Say where the time went.")] = False,
) -> None:
    """Watch a team finish a small project: two developers, a tester and a reviewer who once says no."""
    from maestro_cli.demo_project import prepare

    directory = invocation.current.cwd / keep if keep else Path(tempfile.mkdtemp(prefix="maestro-demo-"))
    project = prepare(directory)
    shown = {"repo": str(project.repo), "plan_file": str(project.plan_file), "providers": project.providers}
    if prepare_only:
        out.emit(
            "demo", "prepare", "ok", out.columns([[key, str(value)] for key, value in shown.items()]), **shown
        )
        return
    out.say(f"a project with failing tests: {project.repo}")
    _run(project, timings)


def _run(project: Any, timings: bool) -> None:
    from maestro_cli.commands.team import environment, introduce, plan_status, request_team
    from maestro_cli.render.watch import summary, watch
    from maestro_ray.model.plan_file import parse_plan, to_json

    home = Home.find()
    home.prepare()
    request = {
        "repo": str(project.repo),
        "roles": {"dev": 2, "review": 1, "test": 1},
        "providers": project.providers,
        "plan": to_json(parse_plan(project.plan_file.read_text(), str(project.plan_file))),
        "env": environment(home, project.repo),
    }
    with connect_or_start(home) as line:
        answer = request_team(line, request)
        introduce(answer, timings)
        result = watch(line, answer)
    status = plan_status(result)
    text = f"{summary(result)}\n\n{_tests(project.repo)}\nlook at it: git -C {project.repo} log --graph --oneline"
    plan = result["plans"][0] if result.get("plans") else {}
    out.emit(
        "demo",
        "run",
        status,
        text,
        repo=str(project.repo),
        base=plan.get("base", ""),
        plan={key: plan.get(key, "") for key in ("id", "title", "status", "epic", "released")},
        tasks=[
            {key: task[key] for key in ("id", "title", "status", "revisions", "commits")}
            for task in plan.get("tasks", [])
        ],
        verdicts=plan.get("verdicts", []),
        workers=[
            {key: each[key] for key in ("name", "role", "pid", "node")} for each in result.get("workers", [])
        ],
        timings=answer["timings"],
    )
    if status != "completed":
        raise typer.Exit(1)


def _tests(repo: Path) -> str:
    """What the project's own tests say about the branch that was released into."""
    import subprocess

    argv = [sys.executable, "-m", "unittest", "discover", "-s", "tests"]
    ran = subprocess.run(argv, cwd=repo, capture_output=True, text=True, check=False)
    last = ran.stderr.strip().splitlines()
    found = next((line for line in last if line.startswith("Ran ")), "")
    return f"its tests on main: {found}: {last[-1] if last else ran.returncode}"
