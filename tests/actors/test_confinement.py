"""A whole team whose members are in their boxes: real git, real agents, no Ray."""

from __future__ import annotations

from pathlib import Path

import pytest
from absent import absent
from workspace.sample import Sample

from maestro_ray.actors.confinement import bench_of, box_of, confined
from maestro_ray.agent import sandbox
from maestro_ray.agent.confined import Confined
from maestro_ray.config import SandboxTable
from maestro_ray.errors import OutOfSight
from maestro_ray.home import Home
from maestro_ray.limits_table import LimitsTable
from maestro_ray.workspace.repo import Repo
from maestro_ray.workspace.worktree import Worktrees

from .parts import a_spec

ENV = {"PATH": "/usr/bin:/bin", "HOME": "/home/ada"}


def test_what_the_settings_say_is_part_of_the_box(home: Home, sample: Sample, tmp_path: Path) -> None:
    worktrees = Worktrees(Repo.open(sample.path), tmp_path / "trees")
    tree = worktrees.add("dev-1", sample.sha("main"))
    bench = bench_of(worktrees, tree, tmp_path / "scratch")
    assert bench.git_dir.parent == bench.common_dir / "worktrees"
    rules = SandboxTable(read=("~/data",), write=("/cache", "~"), offline=("test",))
    box = box_of(rules, [str(home.root)], "test", "test", bench, ["sh"], ENV)
    assert not box.network
    assert box.directory == tree
    assert Path("/home/ada/data") in box.readable
    assert box.writable == (bench.scratch, tree, Path("/cache"), Path("/home/ada"))
    assert home.root in box.hidden
    assert box_of(rules, [], "dev", "execute", bench, ["sh"], ENV).network


def test_a_command_that_names_a_file_of_maestros_own_does_not_open_it(
    home: Home, sample: Sample, tmp_path: Path
) -> None:
    """A repository may bring providers of its own, and the state directory may lie in /tmp."""
    worktrees = Worktrees(Repo.open(sample.path), tmp_path / "trees")
    tree = worktrees.add("dev-1", sample.sha("main"))
    bench = bench_of(worktrees, tree, tmp_path / "scratch")
    state = tmp_path / "state"
    state.mkdir()
    secret, script = state / "tokens.json", tmp_path / "agent.sh"
    for file in (secret, script):
        file.write_text("")
    box = box_of(SandboxTable(), [str(state)], "dev", "execute", bench, ["sh", str(script), str(secret)], ENV)
    assert script in box.readable
    assert secret not in box.readable


def test_off_leaves_the_command_as_it_is(home: Home, sample: Sample, tmp_path: Path) -> None:
    worktrees = Worktrees(Repo.open(sample.path), tmp_path / "trees")
    bench = bench_of(worktrees, worktrees.add("dev-1", sample.sha("main")), tmp_path / "scratch")
    spec = a_spec(home, sample.path)
    assert confined(spec, "dev", "execute", bench, ["sh"], ENV) == Confined(("sh",))
    limits = LimitsTable(cpu=60)
    bounded = a_spec(home, sample.path, limits=limits)
    assert confined(bounded, "dev", "execute", bench, ["sh"], ENV) == Confined(("sh",), limits=limits)
    if not sandbox.layer("auto"):
        absent(sandbox.missing())
    spec = a_spec(home, sample.path, sandbox=SandboxTable("require"), limits=limits)
    boxed = confined(spec, "dev", "execute", bench, ["sh"], ENV)
    assert boxed != Confined(("sh",), limits=limits)
    assert boxed.limits == limits


def test_a_program_that_a_link_leads_to_out_of_the_box_is_named(
    home: Home, sample: Sample, tmp_path: Path
) -> None:
    """Red when only the box itself says it: three attempts of `execvp: No such file or directory`."""
    if not sandbox.layer("auto"):
        absent(sandbox.missing())
    worktrees = Worktrees(Repo.open(sample.path), tmp_path / "trees")
    bench = bench_of(worktrees, worktrees.add("dev-1", sample.sha("main")), tmp_path / "scratch")
    installed, link = tmp_path / "lib" / "agent", tmp_path / "here" / "bin" / "agent"
    for each in (installed, link):
        each.parent.mkdir(parents=True)
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    link.symlink_to(installed)
    env = {**ENV, "PATH": f"{link.parent}:{ENV['PATH']}"}

    def tried(table: SandboxTable) -> None:
        confined(a_spec(home, sample.path, sandbox=table), "dev", "execute", bench, ["agent"], env)

    with pytest.raises(OutOfSight) as raised:
        tried(SandboxTable())
    assert f"where the program 'agent' lies: {installed};" in str(raised.value)
    tried(SandboxTable(read=(str(installed.parent),)))
    tried(SandboxTable("off"))
