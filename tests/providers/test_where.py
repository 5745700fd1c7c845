"""Another place than the worktree is said, and the worktree is not, however it is spelled."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_ray.model.permission import Place, Question, Situation, policy
from maestro_ray.providers.where import run_in


@pytest.mark.parametrize("place", ["", ".", "/w/tree", "/w/./tree/", "/w/tree/src/.."])
def test_the_worktree_itself_is_not_said(place: str) -> None:
    assert run_in(place, "/w/tree", "ls") == "ls"


def test_a_link_to_the_worktree_is_the_worktree(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert run_in(str(tmp_path / "real"), str(tmp_path / "link"), "ls") == "ls"


def test_what_is_written_elsewhere_is_asked_about() -> None:
    command = run_in("/home/a da", "/w/tree", "echo x > .bashrc")
    assert command == "cd '/home/a da' && echo x > .bashrc"
    rules = policy([], Situation(boxed=False))
    assert rules.decide(Question("Bash", command), Place(("/w/tree",), "/home/a da")).ruling == "ask"
    assert run_in("/elsewhere", "/w/tree", "") == ""
