from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.model.dispatch import Seat, Waiting, assign, fits, role_for
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
