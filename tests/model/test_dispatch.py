from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.model.dispatch import (
    IN_FLIGHT_CAP,
    PATIENCE,
    Moment,
    Seat,
    Waiting,
    assign,
    fits,
    misfit,
    role_for,
)
from maestro_ray.model.run import Purpose

SEAT = Seat("s", "p", "t", "/repo", "dev", {"python": 3})
RUN = Waiting("r", "p", Purpose.EXECUTE, "dev", skill="python", proficiency=3)


@pytest.mark.parametrize(
    ("purpose", "role"),
    [
        (Purpose.EXECUTE, "docs"), (Purpose.TEST, "test"), (Purpose.REVIEW, "review"), (Purpose.PLAN, "docs"),
        (Purpose.REPO_ANALYSIS, "docs"), (Purpose.MERGE, "lead"), (Purpose.BOOTSTRAP_EPIC, "lead"),
        (Purpose.RELEASE, "lead"), (Purpose.RELEASE_CLEANUP, "lead"),
    ],
)  # fmt: skip
def test_who_does_what(purpose: Purpose, role: str) -> None:
    assert role_for(purpose, "docs") == role


@pytest.mark.parametrize(
    ("run", "seat", "fit"),
    [
        ({}, {}, True),
        ({"project": "q"}, {}, False),
        ({"role": "review"}, {}, False),
        ({"proficiency": 4}, {}, False),
        ({"proficiency": 2}, {}, True),
        ({"skill": "rust", "proficiency": 1}, {}, False),
        ({"skill": ""}, {"skills": {}}, True),
        ({"team": "t"}, {}, True),
        ({"team": "t"}, {"serves_all": False}, True),
        ({"team": "u"}, {}, False),
        ({}, {"serves_all": False}, False),
        ({"workspace": "/repo"}, {}, True),
        ({"workspace": "/clone"}, {}, False),
        ({"team": "t", "workspace": "/clone"}, {}, False),
        # nobody reviews their own work, but where all sessions are of one person
        ({"done_by": frozenset({"bob"})}, {"user": "bob", "leader": "ada"}, False),
        ({"done_by": frozenset({"bob"})}, {"user": "ada", "leader": "ada"}, True),
        ({"done_by": frozenset({"ada"})}, {"user": "ada", "leader": "ada"}, True),
        ({"done_by": frozenset({"bob"}), "session": "s"}, {"user": "bob", "leader": "ada"}, False),
        # whoever assigned it has decided about skill, and about nothing else
        ({"session": "s", "proficiency": 5}, {}, True),
        ({"session": "other"}, {}, False),
        ({"session": ""}, {}, False),
        ({"session": "s", "role": "review"}, {}, False),
        ({"session": "s", "purpose": Purpose.PLAN}, {"serves_all": False}, True),
        ({"session": "other", "purpose": Purpose.PLAN}, {"serves_all": False}, False),
        ({"session": "s", "purpose": Purpose.PLAN, "project": "q"}, {}, False),
        ({"session": "s", "workspace": "/clone"}, {}, False),
    ],
)
def test_what_fits(run: dict[str, object], seat: dict[str, object], fit: bool) -> None:
    assert fits(replace(RUN, **run), replace(SEAT, **seat)) is fit  # type: ignore[arg-type]


def test_the_order_of_one_project_decides() -> None:
    runs = [
        replace(RUN, run=name, order=order)
        for name, order in [("late", (0, 2)), ("first", (-1, 9)), ("next", (0, 1))]
    ]
    seats = [replace(SEAT, session=name) for name in ("a", "b")]
    assert assign(runs, seats) == [("first", "a"), ("next", "b")]


def test_the_session_that_is_just_good_enough_is_preferred() -> None:
    expert, enough = replace(SEAT, session="expert", skills={"python": 5}), replace(SEAT, session="enough")
    assert assign([RUN], [expert, enough]) == [("r", "enough")]
    assert assign([replace(RUN, skill="")], [expert, enough]) == [("r", "enough")]
    hard = replace(RUN, run="hard", proficiency=5, order=(1,))
    assert assign([replace(RUN, order=(0,)), hard], [expert, enough]) == [("r", "enough"), ("hard", "expert")]


def test_projects_take_turns() -> None:
    runs = [replace(RUN, run=f"p{n}", order=(n,)) for n in range(3)]
    runs.append(replace(RUN, run="q0", project="q", order=(9,)))
    seats = [replace(SEAT, session=f"{project}{n}", project=project) for project in "pq" for n in range(2)]
    assert [run for run, _ in assign(runs, seats)] == ["p0", "q0", "p1"]


def test_in_a_project_its_plans_take_turns_and_who_was_served_longest_ago_begins() -> None:
    runs = [replace(RUN, run=f"p{n}", plan="p", order=(-9, n)) for n in range(3)]
    runs += [replace(RUN, run=f"q{n}", plan="q", order=(0, n)) for n in range(2)]
    seats = [replace(SEAT, session=str(n)) for n in range(4)]
    served = Moment(now=10.0, served={"p": 9.0, "q": 8.0})
    assert [run for run, _ in assign(runs, seats, served)] == ["q0", "p0", "q1", "p1"]


def test_who_has_lost_patience_goes_first_the_oldest_before_all() -> None:
    runs = [
        replace(RUN, run=name, plan=name, order=order, since=since)
        for name, order, since in [("new", (-9,), 1.0), ("old", (5,), -1.0), ("oldest", (9,), -2.0)]
    ]
    late = Moment(now=PATIENCE + 0.5, served={"oldest": 99.0})
    seats = [replace(SEAT, session=str(n)) for n in range(3)]
    assert [run for run, _ in assign(runs, seats, late)] == ["oldest", "old", "new"]


def test_a_run_for_one_session_alone_chooses_before_those_who_can_take_another() -> None:
    runs = [replace(RUN, order=(-9,)), replace(RUN, run="mine", session="a", order=(0,))]
    assert assign(runs, [replace(SEAT, session="a"), replace(SEAT, session="b")]) == [
        ("mine", "a"), ("r", "b"),
    ]  # fmt: skip


def test_who_did_not_take_it_up_gets_it_again_only_when_there_is_no_other() -> None:
    run = replace(RUN, passed_over="a")
    better, worse = replace(SEAT, session="a"), replace(SEAT, session="b", skills={"python": 5})
    assert assign([run], [better, worse]) == [("r", "b")]
    assert assign([run], [better]) == [("r", "a")]


def test_nothing_goes_to_a_session_that_rests_nor_before_its_time() -> None:
    resting = replace(SEAT, rests_until=20.0)
    later = replace(RUN, not_before=20.0)
    assert assign([RUN], [resting], Moment(19.9)) == assign([later], [SEAT], Moment(19.9)) == []
    assert assign([RUN], [resting], Moment(20.0)) == assign([later], [SEAT], Moment(20.0)) == [("r", "s")]


def test_a_team_that_takes_nothing_up_is_handed_no_more() -> None:
    runs = [replace(RUN, run=f"r{n}", order=(n,)) for n in range(3)]
    seats = [replace(SEAT, session=f"s{n}") for n in range(3)]
    assert len(assign(runs, seats, Moment(in_flight={"t": IN_FLIGHT_CAP - 2}))) == 2
    assert assign(runs, seats, Moment(in_flight={"t": IN_FLIGHT_CAP})) == []
    assert len(assign(runs, seats, Moment(in_flight={"another": IN_FLIGHT_CAP}))) == 3


def test_merges_of_one_plan_follow_each_other() -> None:
    merge = Waiting("m0", "p", Purpose.MERGE, "lead", plan="one")
    runs = [merge, replace(merge, run="m1", order=(1,)), replace(merge, run="n0", plan="two", order=(2,))]
    leads = [replace(SEAT, session=f"lead{n}", role="lead") for n in range(3)]
    assert [run for run, _ in assign(runs, leads)] == ["m0", "n0"]
    assert [run for run, _ in assign(runs, leads, Moment(serial=frozenset({"one"})))] == ["n0"]


def test_a_misfit_says_why() -> None:
    assert misfit(RUN, SEAT) == ""
    assert misfit(replace(RUN, proficiency=4), SEAT) == "its skill in python is not 4 or more"
    assert misfit(replace(RUN, role="review"), SEAT) == "it is no review session"
    assert misfit(replace(RUN, session="x"), SEAT) == "another session is to do it"


roles, skills = st.sampled_from(["dev", "review"]), st.sampled_from(["a", "b"])
seats_of = st.builds(
    Seat,
    session=st.just(""),
    project=st.sampled_from("pq"),
    team=st.sampled_from("tu"),
    workspace=st.sampled_from(["/1", "/2"]),
    role=roles,
    skills=st.dictionaries(skills, st.integers(1, 5)),
    serves_all=st.booleans(),
)
runs_of = st.builds(
    Waiting,
    run=st.just(""),
    project=st.sampled_from("pq"),
    purpose=st.just(Purpose.EXECUTE),
    role=roles,
    team=st.sampled_from(["", "t"]),
    workspace=st.sampled_from(["", "/1"]),
    skill=st.one_of(st.just(""), skills),
    proficiency=st.integers(1, 5),
    order=st.tuples(st.integers(0, 3)),
    plan=st.sampled_from(["", "a", "b", "c"]),
    since=st.sampled_from([0.0, -2 * PATIENCE]),
    passed_over=st.sampled_from(["", "s0"]),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(runs_of, max_size=8), st.lists(seats_of, max_size=8))
def test_any_assignment_is_sound_complete_and_fair(runs: list[Waiting], seats: list[Seat]) -> None:
    runs = [replace(run, run=f"r{n}") for n, run in enumerate(runs)]
    seats = [replace(seat, session=f"s{n}") for n, seat in enumerate(seats)]
    by_run, by_seat = {run.run: run for run in runs}, {seat.session: seat for seat in seats}
    pairs = assign(runs, seats)
    given_runs, given_seats = [run for run, _ in pairs], [seat for _, seat in pairs]
    assert len(set(given_runs)) == len(pairs) == len(set(given_seats))
    assert all(fits(by_run[run], by_seat[seat]) for run, seat in pairs)
    # nobody waits beside a free session that fits
    left = [run for run in runs if run.run not in given_runs]
    free = [seat for seat in seats if seat.session not in given_seats]
    assert not any(fits(run, seat) for run in left for seat in free)
    # no project goes without while another is served, as long as one of its own could be
    for project in "pq":
        could = any(fits(run, seat) for run in runs if run.project == project for seat in seats)
        assert could == any(by_run[run].project == project for run in given_runs)


@settings(max_examples=60, deadline=None)
@given(
    old=runs_of,
    arrivals=st.lists(st.tuples(st.lists(runs_of, max_size=3), st.lists(seats_of, max_size=2)), max_size=12),
    eager=st.lists(runs_of, min_size=1, max_size=3),
)
def test_nobody_waits_for_ever_beside_a_session_that_is_free_at_times(
    old: Waiting, arrivals: list[tuple[list[Waiting], list[Seat]]], eager: list[Waiting]
) -> None:
    """However many come later, with whatever priority, and whoever is served meanwhile."""
    old = replace(old, run="old", since=0.0, order=(999,), plan="old", workspace="", team="t")
    chance = Seat("chance", old.project, "t", "/1", old.role, {old.skill: 5} if old.skill else {})
    waiting, served, now = {"old": old}, dict[str, float](), 0.0
    for number in range(60):
        now += PATIENCE / 20
        runs, seats = arrivals[number % len(arrivals)] if arrivals else ([], [])
        # rivals who want the same seat, each of a plan that was never served, and more urgent
        rivals = [
            replace(old, run="", plan=f"plan{number}{n}", order=(-number,)) for n, _ in enumerate(eager)
        ]
        for n, run in enumerate([*runs, *rivals]):
            waiting[f"{number}.{n}"] = replace(run, run=f"{number}.{n}", since=now)
        named = [replace(seat, session=f"{number}.{n}") for n, seat in enumerate(seats)]
        for run, _ in assign(waiting.values(), [chance, *named], Moment(now, served)):
            served[waiting.pop(run).plan] = now
    assert "old" not in waiting
