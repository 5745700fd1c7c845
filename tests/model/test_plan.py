from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.errors import IllegalEvent
from maestro_ray.model import plan as machine
from maestro_ray.model import task as tasks
from maestro_ray.model.plan import (
    Activated,
    Archived,
    Cancelled,
    EpicReady,
    Event,
    Held,
    Paused,
    Plan,
    Released,
    ReleaseTasks,
    Resumed,
    Retried,
    Status,
    apply,
    next_step,
)
from maestro_ray.model.run import Purpose
from maestro_ray.model.task import AskDecision, CancelRuns, StartRun

_STAYS = (EpicReady, Held, Retried)
EXPECTED: dict[str, dict[type, str]] = {
    "draft": {Activated: "active", Cancelled: "cancelled"},
    "active": {
        **dict.fromkeys(_STAYS, "active"), Paused: "paused", Released: "completed", Cancelled: "cancelled",
    },
    "paused": {
        **dict.fromkeys(_STAYS, "paused"), Resumed: "active", Released: "completed", Cancelled: "cancelled",
    },
    "completed": {Archived: "archived"},
    "cancelled": {},
    "archived": {},
}  # fmt: skip

EVENTS: list[Event] = [
    Activated(), Paused(), Resumed(), Cancelled(), EpicReady("e"), Released("r"), Held(Purpose.RELEASE, "dirty"),
    Retried(), Archived(),
]  # fmt: skip
DONE = [tasks.Status.MERGED, tasks.Status.CANCELLED]
OPEN = [tasks.Status.MERGED, tasks.Status.AWAITING_REVIEW]


def test_the_tests_know_every_state_and_event() -> None:
    assert set(EXPECTED) == set(Status)
    assert {type(event) for event in EVENTS} == set(get_args(Event))
    assert {"completed", "archived", "cancelled"} == machine.TERMINAL


@pytest.mark.parametrize(("status", "event"), list(product(Status, EVENTS)), ids=str)
def test_every_arrow_and_no_other(status: Status, event: Event) -> None:
    plan = Plan("p", status, epic="e")
    wanted = EXPECTED[status].get(type(event))
    if wanted is None:
        with pytest.raises(IllegalEvent):
            apply(plan, event, DONE)
    else:
        assert apply(plan, event, DONE)[0].status == wanted
    assert plan == Plan("p", status, epic="e")


@pytest.mark.parametrize("state", [state for state in tasks.Status if state not in tasks.TERMINAL])
def test_a_plan_is_not_released_before_every_task_is_terminal(state: tasks.Status) -> None:
    with pytest.raises(IllegalEvent, match="open tasks"):
        apply(Plan("p", Status.ACTIVE, epic="e"), Released("r"), [*DONE, state])
    assert next_step(Plan("p", Status.ACTIVE, epic="e"), [*DONE, state]) is None


def test_a_release_completes_its_tasks_and_is_cleaned_up() -> None:
    plan, effects = apply(Plan("p", Status.ACTIVE, epic="e", waiting="x"), Released("r"), DONE)
    assert plan == Plan("p", Status.COMPLETED, epic="e", released="r")
    assert effects == [ReleaseTasks(), StartRun(Purpose.RELEASE_CLEANUP)]


def test_what_is_held_waits_for_the_operator() -> None:
    plan, effects = apply(Plan("p", Status.ACTIVE, epic="e"), Held(Purpose.RELEASE, "dirty"), DONE)
    assert (plan.waiting, effects) == ("dirty", [AskDecision("release", "dirty")])
    assert next_step(plan, DONE) is None
    assert next_step(apply(plan, Retried(), DONE)[0], DONE) is Purpose.RELEASE


@pytest.mark.parametrize(
    ("status", "effects"),
    [
        (Status.DRAFT, [CancelRuns()]),
        (Status.ACTIVE, [CancelRuns(), StartRun(Purpose.RELEASE_CLEANUP)]),
        (Status.PAUSED, [CancelRuns(), StartRun(Purpose.RELEASE_CLEANUP)]),
    ],
)
def test_a_cancelled_plan_takes_its_runs_back_and_leaves_no_branch(status: Status, effects: object) -> None:
    assert apply(Plan("p", status, waiting="dirty"), Cancelled(), OPEN) == (
        Plan("p", Status.CANCELLED),
        effects,
    )


@pytest.mark.parametrize(
    ("plan", "states", "purpose"),
    [
        (Plan("p"), OPEN, None),
        (Plan("p", Status.ACTIVE), OPEN, Purpose.BOOTSTRAP_EPIC),
        (Plan("p", Status.ACTIVE), DONE, Purpose.BOOTSTRAP_EPIC),
        (Plan("p", Status.ACTIVE, waiting="x"), OPEN, None),
        (Plan("p", Status.ACTIVE, epic="e"), OPEN, None),
        (Plan("p", Status.ACTIVE, epic="e"), DONE, Purpose.RELEASE),
        (Plan("p", Status.ACTIVE, epic="e"), [], None),
        (Plan("p", Status.PAUSED, epic="e"), DONE, None),
        (Plan("p", Status.COMPLETED, epic="e"), DONE, None),
    ],
)
def test_the_leads_next_run(plan: Plan, states: list[tasks.Status], purpose: Purpose | None) -> None:
    assert next_step(plan, states) is purpose


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(EVENTS), st.lists(st.sampled_from(tasks.Status), max_size=3)), max_size=20
    )
)
def test_no_order_of_events_releases_open_tasks_or_starts_anything_unasked(
    history: list[tuple[Event, list[tasks.Status]]],
) -> None:
    plan = Plan("p")
    for event, states in history:
        before = plan
        try:
            plan, effects = apply(plan, event, states)
        except IllegalEvent:
            assert plan is before
            continue
        if plan.status is Status.COMPLETED != before.status:
            assert all(state in tasks.TERMINAL for state in states)
        if next_step(plan, states) is not None:
            assert plan.status is Status.ACTIVE
        started = {effect.purpose for effect in effects if isinstance(effect, StartRun)}
        assert started <= {Purpose.RELEASE_CLEANUP}
