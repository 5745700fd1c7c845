"""A machine on which git knows nobody: no settings, no name, no repository in the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maestro_ray.workspace.worktree import Worktrees

from .sample import Sample


@pytest.fixture(autouse=True)
def nobody(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("GIT_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample.make(tmp_path / "project")


@pytest.fixture
def worktrees(sample: Sample, tmp_path: Path) -> Worktrees:
    return Worktrees(sample.repo, tmp_path / "home" / "worktrees" / "project")
