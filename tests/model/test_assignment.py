from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.assignment import refusal
from maestro_ray.model.dispatch import Seat, Waiting
from maestro_ray.model.run import Purpose

SEAT = Seat("s", "p", "t", "/repo", "dev", {})
WORK = Waiting("", "p", Purpose.EXECUTE, "dev", skill="sql", proficiency=5, session="")


@pytest.mark.parametrize(
    ("assignee", "work", "said"),
    [
        # to the session, or to whoever it belongs to; who assigns decides about skill
        ("s", {}, ""),
        ("ada", {}, ""),
        ("", {}, "it is assigned to nobody"),
        ("bob", {}, "it is assigned to somebody else"),
        ("s", {"role": "review"}, "it is no review session"),
        ("s", {"project": "q"}, "it is of another project"),
        ("s", {"workspace": "/clone"}, "the branches of this plan are in another repository"),
        ("s", {"team": "u"}, "its team does not serve this plan"),
    ],
)
def test_who_may_accept(assignee: str, work: dict[str, str], said: str) -> None:
    found = refusal(assignee, replace(WORK, **work), SEAT, "ada")  # type: ignore[arg-type]  # what the test gives
    assert found.startswith(said)
    assert bool(found) is bool(said)


@given(
    st.sampled_from(["", "s", "ada", "bob", "t"]),
    st.sampled_from(["", "s", "t"]),
    st.sampled_from(["ada", "bob"]),
)
def test_nobody_accepts_for_another(assignee: str, session: str, user: str) -> None:
    if not refusal(assignee, replace(WORK, session=session), SEAT, user):
        assert assignee in (SEAT.session, user)
