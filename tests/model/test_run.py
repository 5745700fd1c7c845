from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.errors import IllegalEvent, StaleEpoch
from maestro_ray.model import run as machine
from maestro_ray.model.run import (
    Cancelled,
    Claimed,
    Dispatched,
    Event,
    Failed,
    Interrupted,
    Paused,
    Purpose,
    Requeued,
    Resumed,
    Run,
    State,
    Succeeded,
    apply,
)

# the design's picture, state by state: queued → dispatched → running ⇄ paused → succeeded | failed | cancelled,
# from any held state interrupted → queued
EXPECTED: dict[str, dict[type, str]] = {
    "queued": {Dispatched: "dispatched", Cancelled: "cancelled"},
    "dispatched": {Claimed: "running", Cancelled: "cancelled", Interrupted: "interrupted"},
    "running": {
        Paused: "paused", Resumed: "running", Succeeded: "succeeded", Failed: "failed", Cancelled: "cancelled",
        Interrupted: "interrupted",
    },
    "paused": {
        Resumed: "running", Succeeded: "succeeded", Failed: "failed", Cancelled: "cancelled",
        Interrupted: "interrupted",
    },
    "interrupted": {Requeued: "queued", Cancelled: "cancelled"},
    "succeeded": {},
    "failed": {},
    "cancelled": {},
}  # fmt: skip

EVENTS: list[Event] = [
    Dispatched("s"), Claimed("s"), Paused(7, 99.0), Resumed(7), Succeeded(7), Failed(7, "why"),
    Cancelled(), Interrupted(), Requeued(),
]  # fmt: skip


def test_the_tests_know_every_state_and_event() -> None:
    assert set(EXPECTED) == set(State)
    assert {type(event) for event in EVENTS} == set(get_args(Event))


@pytest.mark.parametrize(("state", "event"), list(product(State, EVENTS)), ids=str)
def test_every_arrow_and_no_other(state: State, event: Event) -> None:
    run = Run("r", Purpose.EXECUTE, state, session="s", epoch=7, resume_at=5.0)
    wanted = EXPECTED[state].get(type(event))
    if wanted is None:
        with pytest.raises(IllegalEvent):
            apply(run, event)
    else:
        assert apply(run, event).state == wanted
    assert run == Run("r", Purpose.EXECUTE, state, session="s", epoch=7, resume_at=5.0)


@pytest.mark.parametrize("event", [Paused(6), Resumed(6), Succeeded(6), Failed(6), Succeeded(8)], ids=str)
@pytest.mark.parametrize("state", State)
def test_a_report_of_another_epoch_is_refused_in_every_state(state: State, event: Event) -> None:
    with pytest.raises(StaleEpoch):
        apply(Run("r", Purpose.EXECUTE, state, session="s", epoch=7), event)


def test_a_handover_is_a_new_epoch_for_the_session_it_was_offered_to() -> None:
    offered = apply(Run("r", Purpose.EXECUTE), Dispatched("s"))
    assert (offered.session, offered.epoch) == ("s", 0)
    with pytest.raises(IllegalEvent, match="claim by t"):
        apply(offered, Claimed("t"))
    assert apply(offered, Claimed("s")) == Run("r", Purpose.EXECUTE, State.RUNNING, "s", 1)


@pytest.mark.parametrize("event", [Interrupted(), Cancelled()])
def test_whoever_loses_a_run_cannot_report_about_it_any_more(event: Event) -> None:
    held = Run("r", Purpose.EXECUTE, State.PAUSED, "s", 4, resume_at=9.0)
    after = apply(held, event)
    assert (after.session, after.resume_at) == (None, 9.0 if event == Interrupted() else None)
    with pytest.raises(StaleEpoch):
        apply(after, Succeeded(4))


def test_a_pause_remembers_when_it_ends() -> None:
    paused = apply(Run("r", Purpose.EXECUTE, State.RUNNING, "s", 1), Paused(1, 60.0))
    assert paused.resume_at == 60.0
    assert apply(paused, Resumed(1)).resume_at is None
    # Studio said so before: said again it is harmless
    assert apply(apply(paused, Resumed(1)), Resumed(1)).state is State.RUNNING


def test_a_run_that_loses_its_session_in_a_pause_waits_for_its_time() -> None:
    paused = Run("r", Purpose.EXECUTE, State.PAUSED, "s", 1, resume_at=60.0)
    queued = apply(apply(paused, Interrupted()), Requeued())
    assert (queued.state, queued.resume_at) == (State.QUEUED, 60.0)
    assert apply(queued, Dispatched("t")).resume_at is None


def test_the_groups_of_states() -> None:
    assert {"queued", "dispatched", "running", "paused"} == machine.LIVE
    assert {"dispatched", "running", "paused"} == machine.HELD
    assert {"succeeded", "failed", "cancelled"} == machine.OVER
    assert {"merge", "bootstrap_epic", "release", "release_cleanup"} == machine.LEAD_PURPOSES


epochs = st.integers(0, 12)
sessions = st.sampled_from(["s", "t"])
events = st.one_of(
    st.builds(Dispatched, sessions),
    st.builds(Claimed, sessions),
    st.builds(Paused, epochs),
    st.builds(Resumed, epochs),
    st.builds(Succeeded, epochs),
    st.builds(Failed, epochs),
    st.sampled_from([Cancelled(), Interrupted(), Requeued()]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(events, max_size=40))
def test_an_old_epoch_changes_nothing_in_any_order_of_events(history: list[Event]) -> None:
    run, handed_out = Run("r", Purpose.EXECUTE), list[int]()
    for event in history:
        before = run
        try:
            run = apply(run, event)
        except (IllegalEvent, StaleEpoch):
            assert run is before
            continue
        assert run.epoch >= before.epoch
        if isinstance(event, Paused | Resumed | Succeeded | Failed):
            assert event.epoch == handed_out[-1]
        if isinstance(event, Claimed):
            assert run.epoch not in handed_out
            handed_out.append(run.epoch)
        for old in handed_out[:-1]:
            with pytest.raises(StaleEpoch):
                apply(run, Succeeded(old))
