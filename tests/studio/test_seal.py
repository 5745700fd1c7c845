from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.studio import seal

OURS = seal.fresh("secret")


def test_what_is_ours_is_known_and_no_two_are_alike() -> None:
    assert seal.is_ours(OURS, "secret")
    assert re.fullmatch(r"[\w-]{59}", OURS)
    assert seal.fresh("secret") != OURS
    assert not seal.is_ours(OURS, "of another Studio")


@pytest.mark.parametrize("at", [0, 42, 43, 58])
def test_every_part_of_it_counts(at: int) -> None:
    other = "x" if OURS[at] != "x" else "y"
    assert not seal.is_ours(OURS[:at] + other + OURS[at + 1 :], "secret")


@given(st.text(st.characters(), max_size=70))
def test_a_guess_is_not_ours(guess: str) -> None:
    assert not seal.is_ours(guess, "secret")
