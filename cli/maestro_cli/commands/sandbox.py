"""`maestro sandbox`: what keeps an agent in its box here, and a way to try it."""

from __future__ import annotations

from typing import Annotated

import typer

from maestro_cli.render import out
from maestro_ray.errors import UsageError
from maestro_ray.home import Home

group = typer.Typer(help="What keeps an agent in its box on this machine.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="sandbox", epilog="Example: maestro sandbox run --role review -- touch it")


@group.callback()
def show(context: typer.Context) -> None:
    """Try every layer, every promise of the sandbox and every limit on this machine, and say what holds."""
    if context.invoked_subcommand:
        return
    import asyncio

    from maestro_ray.agent import limits_trial, sandbox, trial
    from maestro_ray.config import Config

    home = Home.find()
    config = Config.load(home)
    mode = config.sandbox.mode
    layers = [sandbox.tried(name) for name in sandbox.LAYERS]
    chosen = sandbox.layer("auto" if mode == "require" else mode)
    findings = trial.examine(chosen, home.root if home.root.is_dir() else None)
    rows = [[each.name, "works" if each.works else f"missing: {each.why}"] for each in layers]
    reaping = asyncio.run(limits_trial.reaping(chosen))
    limits = asyncio.run(limits_trial.examine(config.limits, chosen))
    rows += [["mode", mode], ["in use", chosen or "nothing"], ["ends by", ", ".join(reaping)]]
    kept = [[_yes_or_no(each.kept), each.promise] for each in findings]
    bounded = [
        [_yes_or_no(each.kept), f"limited: {each.promise}" if each.key != "core" else each.promise, each.why]
        for each in limits
    ]
    out.emit(
        "sandbox",
        "show",
        "ok" if chosen or mode == "off" else "missing",
        "\n\n".join([out.columns(rows), out.columns(kept), out.columns(bounded)]),
        mode=mode,
        layer=chosen,
        layers=[{"name": each.name, "works": each.works, "why": each.why} for each in layers],
        promises={each.key: each.kept for each in findings},
        reaping=reaping,
        limits={each.key: {"kept": each.kept, "why": each.why} for each in limits},
    )
    if mode == "require" and not chosen:
        raise typer.Exit(1)


def _yes_or_no(kept: bool) -> str:
    return out.paint("yes", "green") if kept else out.paint("no", "red")


@group.command(
    epilog="Example: maestro sandbox run --role review -- make test",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def run(
    context: typer.Context,
    role: Annotated[str, typer.Option(help="The role whose box it is.", metavar="ROLE")] = "dev",
) -> None:
    """Run a command in the box of a worker whose worktree is this directory. Its exit code is the command's."""
    import os
    import subprocess
    import tempfile
    from pathlib import Path

    from maestro_ray.actors.confinement import box_of
    from maestro_ray.agent import limits, sandbox
    from maestro_ray.agent.box import Bench
    from maestro_ray.agent.environment import allowed
    from maestro_ray.config import Config
    from maestro_ray.workspace.repo import Repo

    if not context.args:
        raise UsageError("there is no command to run", "for example: maestro sandbox run -- make test")
    home, here = Home.find(), Path.cwd()
    config, repo = Config.load(home), Repo.open(here)
    purpose = {"review": "review", "test": "test"}.get(role, "execute")
    env = allowed(os.environ)
    with tempfile.TemporaryDirectory(prefix="maestro-") as scratch:
        git_dir = Path(repo.git.line("rev-parse", "--absolute-git-dir"))
        bench = Bench(repo.root, Path(scratch), git_dir, repo.git_common_dir)
        state = (str(home.root), str(home.run))
        box = box_of(config.sandbox, state, role, purpose, bench, context.args, env)
        argv = sandbox.command(context.args, box, sandbox.layer(config.sandbox.mode))
        try:
            done = subprocess.run(
                argv,
                env={**env, "TMPDIR": scratch},
                preexec_fn=lambda: limits.apply(config.limits),
                check=False,
            )
        except OSError as error:
            raise UsageError(f"{context.args[0]} cannot be run: {error.strerror}", "") from error
    raise typer.Exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)
