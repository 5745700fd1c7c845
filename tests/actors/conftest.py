"""A machine on which git knows nobody, a repository, and a home that must hold no process at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent.programs import until
from workspace.sample import Sample

from maestro_ray.agent.sweep import find, sweep
from maestro_ray.home import Home


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
def home(tmp_path: Path) -> Iterator[Home]:
    """The test has failed when an agent of this home outlives it."""
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    yield home
    clean = until(lambda: not find(f"{home.instance}:"))
    sweep(f"{home.instance}:")
    assert clean, "an agent was left behind"
