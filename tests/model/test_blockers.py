from __future__ import annotations

from dataclasses import replace

import pytest

from maestro_ray.model import plan as plans
from maestro_ray.model.blockers import Situation, blockers
from maestro_ray.model.dependency import Node
from maestro_ray.model.dispatch import IN_FLIGHT_CAP, Moment, Seat, Waiting
from maestro_ray.model.run import Purpose
from maestro_ray.model.task import TERMINAL, Status, Task

PLAN = plans.Plan("p", plans.Status.ACTIVE, epic="e")
SEAT = Seat("s", "x", "t", "/repo", "dev", {"sql": 3})
WORK = Waiting("r", "x", Purpose.EXECUTE, "dev", plan="p", skill="sql", proficiency=3)
FREE = Situation(Task("t"), PLAN, run=WORK, seats=[SEAT], moment=Moment(100.0))


def kinds(now: Situation) -> list[str]:
    return [blocker.kind for blocker in blockers(now)]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"plan": replace(PLAN, status=plans.Status.PAUSED)}, ["plan"]),
        ({"plan": replace(PLAN, status=plans.Status.DRAFT)}, ["plan"]),
        ({"plan": replace(PLAN, status=plans.Status.CANCELLED)}, ["plan"]),
        ({"plan": replace(PLAN, epic="")}, ["epic"]),
        ({"plan": replace(PLAN, epic="", waiting="no branch"), "cards": [("c", "no branch")]}, ["decision"]),
        ({"unmet": [Node("a", title="A"), Node("b")]}, ["dependency", "dependency"]),
        ({"cards": [("c", "go on?")]}, ["decision"]),
        ({"task": Task("t", Status.WAITING_FOR_RESUME), "run": None}, ["resume"]),
        ({"task": Task("t", assignee="u"), "run": replace(WORK, session="")}, ["accept"]),
        ({"task": Task("t", assignee="u", accepted_by="s"), "run": replace(WORK, session="s")}, []),
        ({"run": replace(WORK, session="gone")}, ["session"]),
        ({"run": replace(WORK, proficiency=4)}, ["skill"]),
        ({"run": replace(WORK, skill="rust")}, ["skill"]),
        ({"run": replace(WORK, role="docs")}, ["session"]),
        ({"seats": []}, ["session"]),
        ({"busy": frozenset({"s"})}, ["busy"]),
        ({"run": replace(WORK, not_before=101.0)}, ["rate_limit"]),
        ({"run": replace(WORK, not_before=100.0)}, []),
        ({"seats": [replace(SEAT, rests_until=101.0)]}, ["rate_limit"]),
        ({"seats": [replace(SEAT, rests_until=101.0), SEAT]}, []),
        ({"moment": Moment(100.0, in_flight={"t": IN_FLIGHT_CAP})}, ["in_flight"]),
        ({"run": replace(WORK, purpose=Purpose.MERGE), "moment": Moment(100.0, serial=frozenset("p"))}, ["queue"]),
        ({"run": None}, []),
    ],
)  # fmt: skip
def test_everything_in_the_way_is_told(change: dict[str, object], found: list[str]) -> None:
    assert kinds(replace(FREE, **change)) == found  # type: ignore[arg-type]  # what the test gives


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_nothing_is_in_the_way_of_what_is_over(status: Status) -> None:
    now = replace(FREE, task=Task("t", status), seats=[], cards=[("c", "?")])
    assert blockers(now) == []


def test_a_reason_names_what_it_is_about_in_words() -> None:
    now = replace(
        FREE, unmet=[Node("a", title="Parse")], run=replace(WORK, proficiency=5, not_before=1_800_000_000.0)
    )
    assert [(each.text, each.subject) for each in blockers(now)] == [
        ("Parse is draft", "a"),
        ("its run was paused until 2027-01-15T08:00:00+00:00", "r"),
        ("no dev session has the skill sql at 5 or more", "sql"),
    ]
