"""Where the program of a run may go: the team's sandbox, laid around one worktree."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from maestro_ray.actors.messages import TeamSpec
from maestro_ray.agent import sandbox
from maestro_ray.agent.box import Bench, Box, box_for, hidden, is_private, seen_anyway
from maestro_ray.agent.confined import Confined
from maestro_ray.config import SandboxTable
from maestro_ray.errors import NoSandbox, OutOfSight
from maestro_ray.workspace.worktree import Worktrees

# programs of ours are started with this Python and import this package
OURS = (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2])


def confined(
    team: TeamSpec,
    role: str,
    purpose: str,
    bench: Bench,
    argv: Sequence[str],
    env: Mapping[str, str],
    writable: Sequence[Path] = (),
    readable: Sequence[Path] = (),
) -> Confined:
    """The program in the box of this run, under the team's limits; `writable` and `readable` are what its agent needs
    besides.
    Looks at the file system: call it in a thread. Raises `NoSandbox`, `OutOfSight`."""
    if team.sandbox.mode == "off":
        return Confined(tuple(argv), limits=team.limits)
    box = box_of(team.sandbox, team.state, role, purpose, bench, argv, env)
    box = replace(box, writable=(*box.writable, *writable), readable=(*box.readable, *readable))
    program = sandbox.confine(argv, box, team.sandbox.mode)
    if program != Confined(tuple(argv)):
        _look_for(argv[0], box, env.get("PATH", ""))
    return replace(program, limits=team.limits)


def boxed(team: TeamSpec) -> bool:
    """Whether there is a box here. Tries it, once in each process: call it in a thread."""
    try:
        return bool(sandbox.layer(team.sandbox.mode))
    except NoSandbox:
        return False


def bench_of(worktrees: Worktrees, worktree: Path, scratch: Path) -> Bench:
    git = worktrees.git(worktree)
    assert git.git_dir is not None
    return Bench(worktree, scratch, git.git_dir, worktrees.repo.git_common_dir)


def box_of(
    rules: SandboxTable,
    state: Sequence[str],
    role: str,
    purpose: str,
    bench: Bench,
    argv: Sequence[str],
    env: Mapping[str, str],
) -> Box:
    """The box for a command of this role, as the `[sandbox]` table wants it."""
    person = Path(env.get("HOME") or "/")
    readable = [_expanded(each, person) for each in rules.read]
    places = [Path(each) for each in state]
    seen = seen_anyway(argv, env.get("PATH", ""), OURS, hidden(places, person))
    return box_for(
        bench,
        purpose,
        state=places,
        person=person,
        network=role not in rules.offline,
        readable=[*seen, *readable],
        writable=[_expanded(each, person) for each in rules.write],
    )


def _look_for(program: str, box: Box, path: str) -> None:
    """Raises `OutOfSight`: a link on PATH may lead to where the box shows nothing, and then nothing else says so."""
    found = shutil.which(program, path=path)
    if found is None:
        return
    real = Path(found).resolve()
    shown = [each.resolve() for each in (*box.readable, *box.writable)]
    if is_private(real) and not any(real.is_relative_to(place) for place in shown):
        raise OutOfSight(program, real)


def _expanded(path: str, person: Path) -> Path:
    return person / path[2:] if path == "~" or path.startswith("~/") else Path(path)
