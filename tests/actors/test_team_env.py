"""The environment of a team's agents: private while it lives, gone with it."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
from disk.small import small_disk
from workspace.sample import Sample

from maestro_ray.actors import team_env as module
from maestro_ray.actors.team_env import TeamEnv
from maestro_ray.errors import NotWritable
from maestro_ray.home import Home
from maestro_ray.workspace import worktree
from maestro_ray.workspace.leftover import Owner
from maestro_ray.workspace.worktree import Worktrees

from .test_team_record import RECORD


def test_it_is_kept_for_its_owner_alone(home: Home) -> None:
    TeamEnv(home).write("bot-1", {"KEY": "s3cret"})
    assert TeamEnv(home).read("bot-1") == {"KEY": "s3cret"}
    (file,) = home.run.glob("team-*")
    assert file.stat().st_mode & 0o777 == 0o600


def test_on_a_full_disk_what_was_written_before_stays(tmp_path: Path) -> None:
    """A worker joins, or a plan is added. Red (the keys of a running team are lost) with the file opened to write."""
    with small_disk(tmp_path / "disk") as disk:
        home = Home(disk.path / "home", disk.path / "home" / "run")
        home.prepare()
        env = TeamEnv(home)
        env.write("bot-1", {"KEY": "s3cret"})
        disk.fill()
        with pytest.raises(NotWritable, match="No space left"):
            env.write("bot-1", {"KEY": "s3cret", "MORE": "x" * 100_000})
        assert env.read("bot-1") == {"KEY": "s3cret"}
        assert len(list(home.run.glob("*team-*"))) == 1


def test_lost_or_damaged_it_is_empty(home: Home) -> None:
    env = TeamEnv(home)
    assert env.read("bot-1") == {}
    env.write("bot-1", {"KEY": "x"})
    (file,) = home.run.glob("team-*")
    file.write_text("{")
    assert env.read("bot-1") == {}


def test_at_the_end_nothing_of_the_team_is_left(home: Home, sample: Sample) -> None:
    env, record = TeamEnv(home), replace(RECORD, repo=str(sample.path))
    env.write("bot-1", {})
    Worktrees(sample.repo, home.worktrees / "bot-1").add("dev-1", sample.sha("main"))
    scratch = home.root / "scratch" / "bot-1" / "run"
    scratch.mkdir(parents=True)
    for _ in range(2):
        env.clear(record)
        assert list(home.run.glob("team-*")) == [] == list(home.worktrees.iterdir())
        assert not scratch.parent.exists()
        assert sample.git("worktree", "list").count("\n") == 0


def test_a_repository_that_is_gone_keeps_nothing_from_being_cleared(home: Home) -> None:
    (home.worktrees / "bot-1" / "dev-1").mkdir(parents=True)
    TeamEnv(home).clear(RECORD)
    assert list(home.worktrees.iterdir()) == []


@pytest.mark.parametrize("repository", ["there", "elsewhere for now"])
def test_what_a_cut_run_left_outlives_a_team_that_cannot_be_cleared(
    home: Home, sample: Sample, monkeypatch: pytest.MonkeyPatch, repository: str
) -> None:
    """One worktree cannot be removed (a container wrote there as root), or the repository is on a disk that is not
    mounted now. The switches: `stuck` in `Worktrees.remove_all`, `owned` in `TeamEnv._remove_without_git`."""
    start = sample.sha("main")
    trees = Worktrees(sample.repo, home.worktrees / "bot-1")
    for name in ("dev-1", "dev-2"):
        path = trees.add(name, start)
        trees.claim(path, Owner("plan", name, start))
        (path / "work").write_text(name)
    if repository == "there":
        remove = worktree.remove_tree

        def refused(path: Path) -> None:
            if path.name == "dev-1":
                raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(path))
            remove(path)

        monkeypatch.setattr(worktree, "remove_tree", refused)
    else:
        sample.path.rename(sample.path.with_name("moved"))
    TeamEnv(home).clear(replace(RECORD, repo=str(sample.path)))
    if repository == "there":
        for name in ("dev-1", "dev-2"):
            assert sample.git("show", f"refs/maestro/kept/plan/{name}:work") == name
    else:
        left = home.worktrees.parent.glob("quarantine/bot-1/*/work")
        assert sorted(path.read_text() for path in left) == ["dev-1", "dev-2"]
    assert list(home.worktrees.iterdir()) == []


def test_of_teams_that_are_over_the_last_journals_are_kept(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "JOURNALS_KEPT", 2)
    for age, name in enumerate(["bot-new", "bot-mid", "bot-old", "bot-alive", "connections"]):
        for suffix in ("", "-wal"):
            path = home.journal / f"{name}.db{suffix}"
            path.touch()
            os.utime(path, (1000 - age, 1000 - age))
    TeamEnv(home).trim_journals({"bot-alive"})
    kept = {path.name.removesuffix("-wal") for path in home.journal.iterdir()}
    assert kept == {"bot-new.db", "bot-mid.db", "bot-alive.db", "connections.db"}
