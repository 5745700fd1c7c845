from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.errors import IllegalEvent
from maestro_ray.model.team import (
    Allocated,
    Beaten,
    Drained,
    Effect,
    Ended,
    Event,
    Joined,
    Left,
    Lost,
    Member,
    Place,
    Spawned,
    State,
    StopWorkers,
    Team,
    TeamUp,
    apply,
)

DEV, TESTER = Member("dev-1", "dev", "s1"), Member("test-1", "test", "s2")

_MEMBERS = (Joined, Left, Beaten, Lost)
EXPECTED: dict[str, dict[type, str]] = {
    "requested": {Allocated: "allocated", Drained: "draining"},
    "allocated": {Spawned: "spawning", Beaten: "allocated", Lost: "allocated", Drained: "draining"},
    "spawning": {**dict.fromkeys(_MEMBERS, "spawning"), Drained: "draining"},
    "active": {**dict.fromkeys(_MEMBERS, "active"), Drained: "draining"},
    "draining": {**dict.fromkeys((Left, Beaten, Lost), "draining"), Ended: "ended"},
    "ended": {},
}
EVENTS: list[Event] = [
    Allocated((DEV,)), Spawned(), Joined(Member("new", "dev", "s3")), Left("nobody"), Beaten("dev-1", 7, "n"),
    Lost("dev-1"), Drained(), Ended(),
]  # fmt: skip


def test_the_tests_know_every_state_and_event() -> None:
    assert set(EXPECTED) == set(State)
    assert {type(event) for event in EVENTS} == set(get_args(Event))


@pytest.mark.parametrize(("state", "event"), list(product(State, EVENTS)), ids=str)
def test_every_arrow_and_no_other(state: State, event: Event) -> None:
    # the tester, who never beats, keeps a spawning team from becoming active
    team = Team("t", "team", state, {"dev-1": DEV, "test-1": TESTER})
    wanted = EXPECTED[state].get(type(event))
    if wanted is None:
        with pytest.raises(IllegalEvent):
            apply(team, event, 1.0)
    else:
        assert apply(team, event, 1.0)[0].state == wanted
    assert team == Team("t", "team", state, {"dev-1": DEV, "test-1": TESTER})


def walk(*events: Event, now: float = 1.0) -> tuple[Team, list[Effect]]:
    team, effects = Team("t", "team"), list[Effect]()
    for event in events:
        team, effects = apply(team, event, now)
    return team, effects


def test_every_allocated_member_is_placed() -> None:
    team, effects = walk(Allocated((DEV, TESTER)))
    assert effects == [Place(DEV), Place(TESTER)]
    assert dict(team.members) == {"dev-1": DEV, "test-1": TESTER}


def test_a_team_is_up_once_every_worker_has_a_session_a_process_and_a_heartbeat() -> None:
    team, effects = walk(Allocated((DEV, TESTER)), Spawned(), Beaten("dev-1", 7, "n"))
    assert (team.state, effects) == (State.SPAWNING, [])
    assert team.members["dev-1"].up
    assert not team.members["test-1"].up
    team, effects = apply(team, Beaten("test-1", 8, "n"), 2.0)
    assert (team.state, effects) == (State.ACTIVE, [TeamUp()])
    assert team.members["test-1"] == Member("test-1", "test", "s2", 8, "n", 2.0)
    assert apply(team, Beaten("test-1", 8, "n"), 3.0)[1] == []


@pytest.mark.parametrize(
    "member",
    [
        Member("a", "dev", "", 7, "n", 1.0),
        Member("a", "dev", "s", 0, "n", 1.0),
        Member("a", "dev", "s", 7, "n"),
    ],
)
def test_a_worker_is_not_up_without_all_three(member: Member) -> None:
    assert not member.up


def test_beats_before_the_team_is_spawned_count() -> None:
    team, effects = walk(Allocated((DEV,)), Beaten("dev-1", 7, "n"), Spawned())
    assert (team.state, effects) == (State.ACTIVE, [TeamUp()])


def test_a_lost_worker_is_placed_again_but_not_in_a_team_that_ends() -> None:
    up = (Allocated((DEV,)), Spawned(), Beaten("dev-1", 7, "n"))
    team, effects = walk(*up, Lost("dev-1"))
    assert (team.members["dev-1"], effects) == (DEV, [Place(DEV)])
    team, effects = walk(*up, Drained(), Lost("dev-1"))
    assert effects == []


def test_a_team_grows_and_shrinks() -> None:
    up = (Allocated((DEV,)), Spawned(), Beaten("dev-1", 7, "n"))
    team, effects = walk(*up, Joined(TESTER))
    assert (team.state, effects) == (State.ACTIVE, [Place(TESTER)])
    with pytest.raises(IllegalEvent, match="with test-1"):
        apply(team, Joined(TESTER), 1.0)
    assert set(apply(team, Left("test-1"), 1.0)[0].members) == {"dev-1"}


def test_when_the_one_that_did_not_come_up_leaves_the_others_are_the_team() -> None:
    team, effects = walk(Allocated((DEV, TESTER)), Spawned(), Beaten("dev-1", 7, "n"), Left("test-1"))
    assert (team.state, effects) == (State.ACTIVE, [TeamUp()])


@pytest.mark.parametrize("event", [Beaten("ghost", 1, "n"), Lost("ghost")])
def test_nobody_else_belongs_to_it(event: Event) -> None:
    with pytest.raises(IllegalEvent, match="without ghost"):
        walk(Allocated((DEV,)), event)


def test_draining_stops_the_workers_and_the_end_leaves_none() -> None:
    assert walk(Allocated((DEV,)), Drained())[1] == [StopWorkers()]
    assert walk(Allocated((DEV,)), Drained(), Ended())[0] == Team("t", "team", State.ENDED)


names = st.sampled_from(["dev-1", "test-1", "ghost"])
events = st.one_of(
    st.builds(Beaten, names, st.integers(1, 9), st.just("n")),
    st.builds(Lost, names),
    st.builds(Left, names),
    st.sampled_from([Allocated((DEV, TESTER)), Spawned(), Joined(TESTER), Drained(), Ended()]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(events, max_size=30))
def test_in_any_order_a_team_is_up_at_most_once_and_only_when_all_are(history: list[Event]) -> None:
    team, ups = Team("t", "team"), 0
    for event in history:
        before = team
        try:
            team, effects = apply(team, event, 1.0)
        except IllegalEvent:
            assert team is before
            continue
        if TeamUp() in effects:
            ups += 1
            assert all(member.up for member in team.members.values())
    assert ups <= 1
