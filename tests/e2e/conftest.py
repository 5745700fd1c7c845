"""Whole flows through real processes. Every home that was used is left without a process; each test proves it."""

from __future__ import annotations

import pytest
from e2e.machine import Machine


@pytest.fixture
def machine(tmp_path_factory):
    """A state directory of the test's own, with everything in it stopped at the end."""
    machine = Machine(tmp_path_factory.mktemp("m"))
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One warm daemon for the tests of a module; each ends its teams and leaves no agent and no worktree."""
    machine = Machine(tmp_path_factory.mktemp("m"))
    yield machine
    machine.close()


@pytest.fixture
def warm(shared):
    yield shared
    shared.run("disconnect", "--all")
    assert shared.agents() == []
    assert shared.worktrees() == []
