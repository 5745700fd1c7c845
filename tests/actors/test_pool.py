"""The slot table: who is blank, who is whose, and how many are missing."""

from __future__ import annotations

from pathlib import Path

from maestro_ray.actors.pool import Pool
from maestro_ray.home import Home

from .parts import a_channel


def filled(*names: str, size: int = 3) -> Pool:
    pool = Pool(size)
    for name in names:
        pool.add(name)
    return pool


def occupy(pool: Pool, name: str, team: str = "t", member: str = "dev-1") -> None:
    place = pool[name]
    place.team, place.member, place.pid, place.beat = team, member, 5, 1.0


def test_adding_twice_is_one_place() -> None:
    pool = filled("a")
    assert pool.add("a") is pool["a"]
    assert [place.name for place in pool.all()] == ["a"]
    assert pool.get("b") is None


def test_those_that_have_reported_are_taken_first() -> None:
    pool = filled("a", "b", "c")
    pool["b"].pid = 7
    assert [place.name for place in pool.take(2)] == ["b", "a"]


def test_a_slot_of_a_team_is_never_taken() -> None:
    pool = filled("a", "b")
    occupy(pool, "a")
    assert [place.name for place in pool.take(5)] == ["b"]


def test_released_it_is_blank_and_its_old_signs_of_life_are_forgotten(home: Home, tmp_path: Path) -> None:
    pool = filled("a")
    occupy(pool, "a")
    pool["a"].part = a_channel(home, tmp_path)
    pool.release("a")
    place = pool["a"]
    # an old beat would make the next team's member look silent before it has begun
    assert (place.team, place.member, place.part, place.beat, place.pid) == ("", "", None, None, 5)
    pool.release("unknown")


def test_missing_counts_blank_slots_only() -> None:
    pool = filled("a", "b")
    assert pool.missing() == 1
    occupy(pool, "a")
    assert pool.missing() == 2
    assert pool.missing(1) == 0
    assert pool.missing(6) == 5


def test_surplus_is_what_is_blank_beyond_the_size() -> None:
    pool = filled("a", "b", "c", "d", size=2)
    occupy(pool, "a")
    assert pool.surplus() == ["d"]
    pool.drop("d")
    pool.drop("d")
    assert pool.surplus() == []


def test_the_places_of_a_team_by_member() -> None:
    pool = filled("a", "b", "c")
    occupy(pool, "a", member="lead")
    occupy(pool, "b", member="dev-1")
    occupy(pool, "c", team="other")
    assert {member: place.name for member, place in pool.of_team("t").items()} == {"lead": "a", "dev-1": "b"}
