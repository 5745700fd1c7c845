"""The facts of Connections: what says it all says it all, at whatever moment it is written."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.actors.facts import KINDS, Facts
from maestro_ray.journal import WHOLE, Entry

TEAMS = st.sampled_from(["a", "b", "c"])
WORDS = st.one_of(
    st.tuples(st.just("team"), st.fixed_dictionaries({"id": TEAMS, "name": st.text(max_size=3)})),
    st.tuples(st.just("team.ending"), st.fixed_dictionaries({"id": TEAMS, "reason": st.text(max_size=3)})),
    st.tuples(st.just("team.ended"), st.fixed_dictionaries({"id": TEAMS})),
    st.tuples(st.just("report"), st.fixed_dictionaries({"run": st.text(max_size=3)})),
    # of any report there may have been, given already or not
    st.tuples(st.just("report.accepted"), st.fixed_dictionaries({"number": st.integers(1, 60)})),
    st.tuples(st.just(WHOLE), st.just({})),
)


def state(facts: Facts) -> Any:
    return facts.teams, facts.ending, facts.reports


@given(st.lists(WORDS, max_size=60))
def test_condensed_at_any_moments_it_is_the_same(words: list[tuple[str, Any]]) -> None:
    """Red when `whole` leaves anything out, for example why a team is about to end."""
    live, plain, kept = Facts(), Facts(), []
    for number, (kind, body) in enumerate(words, 1):
        if kind == WHOLE:
            kept = [Entry(number, "", WHOLE, json.loads(json.dumps(live.whole())), 0.0)]
        else:
            kept.append(Entry(number, "", kind, body, 0.0))
            plain.apply(kept[-1])
        live.apply(kept[-1])
    again = Facts()
    for entry in kept:
        again.apply(entry)
    assert state(live) == state(plain) == state(again)


def test_a_kind_of_a_later_version_changes_nothing_and_is_not_known() -> None:
    facts = Facts()
    facts.apply(Entry(1, "", "team.merged", {"id": "a"}, 0.0))
    assert (state(facts), facts.knows("team.merged")) == (({}, {}, {}), False)
    assert all(facts.knows(kind) for kind in KINDS)
