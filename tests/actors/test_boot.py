"""The slots a machine begins with."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_ray.actors.boot import first_slots
from maestro_ray.actors.ledger import Ledger
from maestro_ray.config import Config
from maestro_ray.home import Home
from maestro_ray.testing import FakeClock

from .test_team_record import RECORD


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    return home


def test_without_teams_it_is_the_pool(home: Home) -> None:
    names = first_slots(home)
    assert len(set(names)) == Config().pool
    assert all(name.startswith("slot-") for name in names)


async def test_teams_that_go_on_have_their_slots_at_once_and_nobody_else_has_the_processors(
    home: Home,
) -> None:
    ledger = Ledger(home.connections_journal, FakeClock())
    await ledger.append("team", RECORD.to_json())[1]
    ledger.close()
    assert first_slots(home) == ["slot-1", "slot-2", "slot-3"]


def test_a_journal_that_cannot_be_read_is_the_matter_of_connections(home: Home) -> None:
    home.connections_journal.parent.mkdir(exist_ok=True)
    home.connections_journal.write_text("no database" * 100)
    assert len(first_slots(home)) == Config().pool
