"""The journals of a state directory: whose each one is, and whether all of them are sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from maestro_ray.actors.facts import Facts
from maestro_ray.actors.minutes import Minutes
from maestro_ray.home import Home
from maestro_ray.journal_check import Machine, check


def machine_of(home: Home, path: Path) -> Machine:
    """What the entries of this file add up to, with nothing in it yet."""
    return Facts() if path == home.connections_journal else Minutes()


def check_all(home: Home) -> Mapping[Path, Sequence[str]]:
    """What is wrong with each journal, a sentence each; those of running teams may be looked at, too."""
    return {path: check(path, machine_of(home, path)) for path in sorted(home.journal.glob("*.db"))}
