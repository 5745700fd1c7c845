"""Several reviewers: what their verdicts come to, whatever the order they come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.review import Agreement, Vote, about, decided, missing, needed, reason

votes = st.lists(
    st.builds(Vote, st.sampled_from("pqrs"), st.sampled_from(["a", "b"]), st.booleans(), st.just("red")),
    max_size=8,
)
counts = st.integers(1, 4)
agreements = st.sampled_from(Agreement)


@given(votes, counts, agreements)
def test_approved_only_by_enough_reviewers_of_this_very_commit(
    given: list[Vote], count: int, agreement: Agreement
) -> None:
    if decided(given, "a", count, agreement):
        first: dict[str, bool] = {}
        for vote in given:
            if vote.commit == "a":
                first.setdefault(vote.reviewer, vote.approved)
        wanted = {Agreement.ANY: 1, Agreement.ALL: count, Agreement.MAJORITY: count // 2 + 1}[agreement]
        assert sum(first.values()) >= wanted


@given(votes, counts, agreements)
def test_what_is_said_of_another_commit_changes_nothing(
    given: list[Vote], count: int, agreement: Agreement
) -> None:
    only = [vote for vote in given if vote.commit == "a"]
    assert decided(given, "a", count, agreement) == decided(only, "a", count, agreement)


@given(votes, counts, agreements, votes)
def test_a_decision_is_final(given: list[Vote], count: int, agreement: Agreement, more: list[Vote]) -> None:
    """As long as no more judge than were asked for: who comes late changes nothing."""
    before = decided(given, "a", count, agreement)
    both = [*given, *more]
    if before is not None and len(about(both, "a")) <= count:
        assert decided(both, "a", count, agreement) is before


@given(votes, counts, agreements)
def test_when_all_have_judged_it_is_decided(given: list[Vote], count: int, agreement: Agreement) -> None:
    if missing(given, "a", count) == 0:
        assert decided(given, "a", count, agreement) is not None


@pytest.mark.parametrize(
    ("agreement", "reviewers", "approvals"),
    [
        ("any", 3, 1),
        ("all", 3, 3),
        ("majority", 3, 2),
        ("majority", 4, 3),
        ("majority", 1, 1),
        ("majority", 2, 2),
    ],
)
def test_how_many_it_takes(agreement: str, reviewers: int, approvals: int) -> None:
    assert needed(reviewers, Agreement(agreement)) == approvals


def test_every_reason_is_told() -> None:
    against = [Vote("p", "a", approved=False, reason="red"), Vote("q", "a", approved=False, reason="slow")]
    assert reason(against[:1], "a") == "red"
    assert reason([Vote("r", "a", approved=True), *against], "a") == "1. red\n2. slow"
