from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.errors import IllegalEvent
from maestro_ray.model import task as machine
from maestro_ray.model.review import Agreement, needed
from maestro_ray.model.run import Purpose
from maestro_ray.model.task import (
    Aborted,
    Accepted,
    AnnounceConflict,
    AskDecision,
    Assigned,
    Blocked,
    CancelRuns,
    CompletedByClient,
    Conflicted,
    Dispatched,
    Edited,
    Effect,
    Event,
    HolderEnded,
    Judged,
    Merged,
    OverBudget,
    Paused,
    Policy,
    PostComment,
    Released,
    Resumed,
    ReviewReopened,
    RunFailed,
    RunInterrupted,
    SignedOut,
    Started,
    StartRun,
    Status,
    Task,
    Unclaimed,
    Untested,
    WorkDone,
    apply,
    next_step,
)
from maestro_ray.model.verdict import Judgement, Verdict

NOW = 1000.0
POLICY = Policy(tester=True, attempts=3, revision_cap=3)


def approved(commit: str, reviewer: str = "") -> Judged:
    return Judged(Verdict(commit, Judgement.APPROVED), reviewer)


def rejected(commit: str, reason: str = "red", reviewer: str = "") -> Judged:
    return Judged(Verdict(commit, Judgement.REJECTED, reason), reviewer)


_EVERYWHERE: dict[type, str] = {Aborted: "cancelled", CompletedByClient: "completed_by_client"}


def _whose(state: str) -> dict[type, str]:
    """Accepting and leaving change who does it, and not how it stands."""
    return {Accepted: state, HolderEnded: state, **_EVERYWHERE}


# where each event leads while no cap is reached
EXPECTED: dict[str, dict[type, str]] = {
    "draft": {
        Edited: "draft", Assigned: "draft",
        Dispatched: "dispatched", ReviewReopened: "awaiting_review", Blocked: "waiting_for_resume", **_whose("draft"),
    },
    "dispatched": {
        Unclaimed: "waiting_for_resume", Assigned: "draft", OverBudget: "waiting_for_resume",
        Started: "in_progress", RunInterrupted: "dispatched", Paused: "waiting_for_resume", **_whose("dispatched"),
    },
    "in_progress": {
        WorkDone: "awaiting_review", RunFailed: "dispatched", RunInterrupted: "dispatched",
        SignedOut: "waiting_for_resume", Paused: "waiting_for_resume", OverBudget: "waiting_for_resume",
        **_whose("in_progress"),
    },
    "awaiting_review": {
        Unclaimed: "waiting_for_resume", SignedOut: "waiting_for_resume", OverBudget: "waiting_for_resume",
        **dict.fromkeys((Started, WorkDone, machine.Tested, Untested, Judged, Conflicted, RunFailed, RunInterrupted),
                        "awaiting_review"),
        Merged: "merged", Paused: "waiting_for_resume", **_whose("awaiting_review"),
    },
    "waiting_for_resume": {Assigned: "waiting_for_resume", Resumed: "draft", **_whose("waiting_for_resume")},
    "merged": {Released: "completed"},
    "completed": {},
    "approved": {},
    "completed_by_client": {},
    "cancelled": {},
}  # fmt: skip

EVENTS: list[Event] = [
    Edited(), Assigned("u"), Accepted("s"), HolderEnded("s"), Unclaimed(Purpose.EXECUTE, 5),
    Dispatched(), ReviewReopened(), Started(), WorkDone("b"), machine.Tested("a"), Untested("a"), approved("a"),
    rejected("a"), Merged("a", "m"), Conflicted("a", "MERGE CONFLICT in x"), RunFailed(Purpose.EXECUTE, "x"),
    SignedOut("claude", "401"), OverBudget(Purpose.EXECUTE, "used up"),
    RunInterrupted(Purpose.EXECUTE), Blocked("other"), Paused(), Resumed(), Aborted(), CompletedByClient(),
    Released(),
]  # fmt: skip


def test_the_tests_know_every_state_and_event() -> None:
    assert set(EXPECTED) == set(Status)
    assert {type(event) for event in EVENTS} == set(get_args(Event))


@pytest.mark.parametrize(("status", "event"), list(product(Status, EVENTS)), ids=str)
def test_every_arrow_and_no_other(status: Status, event: Event) -> None:
    task = Task("t", status, head="a", judged="a", approved="a")
    wanted = EXPECTED[status].get(type(event))
    if wanted is None:
        with pytest.raises(IllegalEvent):
            apply(task, event, POLICY, NOW)
    else:
        assert apply(task, event, POLICY, NOW)[0].status == wanted
    assert task == Task("t", status, head="a", judged="a", approved="a")


def test_the_groups_of_states() -> None:
    assert {"merged", "completed", "approved", "completed_by_client"} == machine.DONE
    assert machine.DONE | {"cancelled"} == machine.TERMINAL
    assert {"dispatched", "in_progress", "awaiting_review"} == machine.ACTIVE


def walk(task: Task, *events: Event, policy: Policy = POLICY) -> tuple[Task, list[Effect]]:
    """The task after all events, and the effects of the last."""
    effects: list[Effect] = []
    for event in events:
        task, effects = apply(task, event, policy, NOW)
    return task, effects


UNDER_REVIEW = walk(Task("t"), Dispatched(), Started(), WorkDone("a"))[0]


# ── the loop ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_work_goes_to_the_tester_then_to_the_reviewer_then_into_the_epic() -> None:
    task, effects = walk(Task("t"), Dispatched(), Started(), WorkDone("a"))
    assert (task.head, task.review_sent_at, effects) == ("a", NOW, [StartRun(Purpose.TEST, "a")])
    task, effects = walk(task, machine.Tested("a"))
    assert effects == [StartRun(Purpose.REVIEW, "a")]
    task, effects = walk(task, approved("a"))
    assert (task.approved, task.judged, task.review_approved_at) == ("a", "a", NOW)
    assert effects == [StartRun(Purpose.MERGE, "a")]
    task, effects = walk(task, Merged("a", "m"))
    assert (task.status, task.merged, effects) == (Status.MERGED, "m", [])
    assert walk(task, Released())[0].status is Status.COMPLETED


def test_without_a_tester_work_goes_straight_to_the_reviewer() -> None:
    policy = replace(POLICY, tester=False)
    assert walk(Task("t"), Dispatched(), Started(), WorkDone("a"), policy=policy)[1] == [
        StartRun(Purpose.REVIEW, "a")
    ]


def test_when_the_last_tester_leaves_the_test_run_is_taken_back_and_the_review_goes_on() -> None:
    assert walk(UNDER_REVIEW, Untested("a"))[1] == [CancelRuns(), StartRun(Purpose.REVIEW, "a")]


def test_a_rejection_is_posted_and_the_same_branch_is_revised() -> None:
    task, effects = walk(UNDER_REVIEW, rejected("a", "the test is red"))
    assert (task.status, task.revision_count, task.approved) == (Status.AWAITING_REVIEW, 1, "")
    assert effects == [PostComment("the test is red"), StartRun(Purpose.EXECUTE, "a", "the test is red")]
    task, effects = walk(task, Started(), WorkDone("b"))
    assert (task.status, task.head, effects) == (Status.AWAITING_REVIEW, "b", [StartRun(Purpose.TEST, "b")])


def test_a_rejection_after_an_approval_takes_the_approval_back() -> None:
    task = walk(UNDER_REVIEW, approved("a"), rejected("a"))[0]
    assert (task.approved, task.review_approved_at) == ("", None)


def test_the_cap_asks_the_operator_and_a_retry_counts_anew() -> None:
    policy = replace(POLICY, revision_cap=1)
    task, effects = walk(
        UNDER_REVIEW, rejected("a"), WorkDone("b"), rejected("b", "still red"), policy=policy
    )
    assert task.status is Status.WAITING_FOR_RESUME
    assert effects == [
        PostComment("still red"),
        CancelRuns(),
        AskDecision("revision_cap", "rejected after 1 revisions: still red"),
    ]
    task, _ = walk(task, Resumed(), policy=policy)
    assert (task.status, task.revision_count) == (Status.DRAFT, 0)
    assert next_step(task, policy) == (Dispatched(), StartRun(Purpose.EXECUTE, "b"))


def test_a_revision_that_changes_nothing_ends_the_loop() -> None:
    task, effects = walk(UNDER_REVIEW, rejected("a"), Started(), WorkDone("a"))
    assert task.status is Status.WAITING_FOR_RESUME
    assert isinstance(effects[1], AskDecision)
    assert effects[1].kind == "no_progress"


# ── whose it is ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_task_that_is_assigned_waits_until_that_is_accepted() -> None:
    task, effects = walk(Task("t"), Assigned("u"))
    assert (task.assignee, effects, machine.waits_for_accept(task)) == ("u", [], True)
    task, _ = walk(task, Accepted("s"), Accepted("s"))
    assert (task.accepted_by, machine.waits_for_accept(task)) == ("s", False)
    with pytest.raises(IllegalEvent, match="another session"):
        apply(task, Accepted("r"), POLICY, NOW)
    task, _ = walk(task, Assigned(""))
    assert (task.assignee, task.accepted_by, machine.waits_for_accept(task)) == ("", "", False)


def test_a_run_nobody_has_begun_is_taken_back_when_its_task_is_assigned() -> None:
    task, effects = walk(Task("t"), Dispatched(), Assigned("u"))
    assert (task.status, effects) == (Status.DRAFT, [CancelRuns()])


def test_who_has_ended_holds_nothing_and_a_person_may_accept_with_another_session() -> None:
    task, effects = walk(Task("t"), Assigned("u"), Accepted("s"), HolderEnded("other"), HolderEnded("s"))
    assert (task.assignee, task.accepted_by, effects) == ("u", "", [])
    task, effects = walk(Task("t"), Assigned("s"), Accepted("s"), HolderEnded("s"))
    assert (task.assignee, task.accepted_by) == ("", "")
    task, _ = walk(Task("t"), Assigned("u"), Accepted("s"), HolderEnded("u"))
    assert (task.assignee, task.accepted_by) == ("", "")
    assert effects == [PostComment("whoever this task was assigned to is gone: it is open to all")]


def test_a_run_nobody_takes_up_is_a_card_and_no_loop() -> None:
    task, effects = walk(UNDER_REVIEW, Unclaimed(Purpose.TEST, 5))
    assert task.status is Status.WAITING_FOR_RESUME
    question = "test was handed out 5 times and nobody took it up"
    assert effects == [CancelRuns(), AskDecision("unclaimed", question, untested=True)]


# ── commits ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "event",
    [
        machine.Tested("b"),
        Untested("b"),
        approved("b"),
        rejected("b"),
        Merged("a", "m"),
        Conflicted("a", "x"),
        approved(""),
    ],
    ids=str,
)
def test_a_result_about_another_commit_is_refused(event: Event) -> None:
    with pytest.raises(IllegalEvent):
        apply(UNDER_REVIEW, event, POLICY, NOW)


def test_nothing_is_about_no_commit() -> None:
    reopened = walk(Task("t"), ReviewReopened())[0]
    for event in (machine.Tested(""), approved(""), Merged("", "m")):
        with pytest.raises(IllegalEvent, match="no commit"):
            apply(reopened, event, POLICY, NOW)


def test_a_conflict_is_announced_and_resolved_by_the_developer_whose_new_commit_is_reviewed_anew() -> None:
    task, effects = walk(UNDER_REVIEW, approved("a"), Conflicted("a", "MERGE CONFLICT in x"))
    assert (task.review_sent_at, task.review_approved_at, task.approved) == (None, NOW, "a")
    assert effects == [
        AnnounceConflict("MERGE CONFLICT in x"),
        PostComment("MERGE CONFLICT in x"),
        StartRun(Purpose.EXECUTE, "a", "MERGE CONFLICT in x"),
    ]
    task, effects = walk(task, WorkDone("b"))
    assert (task.approved, task.review_approved_at, effects) == ("", None, [StartRun(Purpose.TEST, "b")])
    with pytest.raises(IllegalEvent):
        apply(task, Merged("a", "m"), POLICY, NOW)


def test_a_failed_merge_is_tried_again_only_for_an_approved_head() -> None:
    failed = RunFailed(Purpose.MERGE, "the ref moved")
    with pytest.raises(IllegalEvent):
        apply(UNDER_REVIEW, failed, POLICY, NOW)
    assert walk(UNDER_REVIEW, approved("a"), failed)[1] == [StartRun(Purpose.MERGE, "a", "the ref moved")]


@pytest.mark.parametrize(
    ("task", "step"),
    [
        (Task("t"), (Dispatched(), StartRun(Purpose.EXECUTE))),
        (Task("t", head="a"), (ReviewReopened(), StartRun(Purpose.TEST, "a"))),
        (Task("t", head="b", judged="a"), (ReviewReopened(), StartRun(Purpose.TEST, "b"))),
        (Task("t", head="a", judged="a"), (Dispatched(), StartRun(Purpose.EXECUTE, "a"))),
        (Task("t", head="a", judged="a", approved="a"), (ReviewReopened(), StartRun(Purpose.MERGE, "a"))),
        (Task("t", head="b", judged="b", approved="a"), (Dispatched(), StartRun(Purpose.EXECUTE, "b"))),
    ],
)
def test_a_resumed_task_goes_on_where_its_review_stood(task: Task, step: object) -> None:
    assert next_step(task, POLICY) == step


# ── attempts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failed_run_is_tried_again_until_the_attempts_are_used_up() -> None:
    failed = RunFailed(Purpose.EXECUTE, "no network")
    task, effects = walk(Task("t"), Dispatched(), Started(), failed)
    assert (task.status, effects) == (Status.DISPATCHED, [StartRun(Purpose.EXECUTE, "", "no network")])
    task, effects = walk(task, Started(), failed, Started(), failed)
    assert task.status is Status.WAITING_FOR_RESUME
    assert effects == [CancelRuns(), AskDecision("attempts", "execute failed (attempt 3): no network")]
    assert walk(task, Resumed())[0].attempts == 0


def test_of_a_test_that_cannot_be_run_a_card_asks_whether_to_go_on_without() -> None:
    waiting, about = Purpose.TEST, "no test command"
    for event in (
        RunFailed(waiting, about, retryable=False),
        Unclaimed(waiting, 5),
    ):
        assert walk(UNDER_REVIEW, event)[1][-1].untested
    interrupted = walk(UNDER_REVIEW, *[RunInterrupted(waiting)] * 3)[1]
    assert interrupted[-1].untested
    assert not walk(UNDER_REVIEW, RunFailed(Purpose.REVIEW, about, retryable=False))[1][-1].untested


def test_a_test_that_fails_where_none_is_wanted_is_followed_by_the_review() -> None:
    failed = RunFailed(Purpose.TEST, "no test command", retryable=False)
    task, effects = apply(UNDER_REVIEW, failed, Policy(tester=False), 0.0)
    assert effects == [StartRun(Purpose.REVIEW, UNDER_REVIEW.head, "no test command")]
    assert (task.status, task.attempts) == (Status.AWAITING_REVIEW, 1)


def test_what_cannot_be_helped_by_trying_is_not_tried_again() -> None:
    task, effects = walk(UNDER_REVIEW, RunFailed(Purpose.REVIEW, "no such program", retryable=False))
    assert task.status is Status.WAITING_FOR_RESUME
    assert not any(isinstance(effect, StartRun) for effect in effects)


def test_an_interruption_costs_an_attempt_unless_the_session_left_in_order() -> None:
    started = walk(Task("t"), Dispatched(), Started())[0]
    task, effects = walk(started, *[RunInterrupted(Purpose.EXECUTE, costs=False)] * 9)
    assert (task.status, task.attempts, effects) == (Status.DISPATCHED, 0, [])
    task, effects = walk(started, *[RunInterrupted(Purpose.EXECUTE)] * 3)
    assert task.status is Status.WAITING_FOR_RESUME
    assert effects == [CancelRuns(), AskDecision("attempts", "execute was interrupted 3 times")]


def test_work_that_is_done_ends_the_count() -> None:
    interrupted = walk(Task("t"), Dispatched(), RunInterrupted(Purpose.EXECUTE), Started(), WorkDone("a"))[0]
    assert interrupted.attempts == 0


# ── the operator ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("event", [Paused(), Aborted(), CompletedByClient()], ids=str)
def test_what_the_operator_ends_takes_the_runs_back(event: Event) -> None:
    assert walk(UNDER_REVIEW, event)[1] == [CancelRuns()]


def test_a_cancelled_dependency_is_the_operators_to_decide() -> None:
    task, effects = walk(Task("t"), Blocked("Parse"))
    assert task.status is Status.WAITING_FOR_RESUME
    assert effects == [
        AskDecision("dependency", "it depends on Parse, which was cancelled: go on without it?")
    ]


# ── several reviewers ────────────────────────────────────────────────────────────────────────────────────────────


TWO = Policy(tester=False, reviewers=2)


def test_a_review_for_each_reviewer_and_a_merge_when_all_agree() -> None:
    task, effects = walk(Task("t"), Dispatched(), Started(), WorkDone("a"), policy=TWO)
    assert effects == [StartRun(Purpose.REVIEW, "a", count=2)]
    task, effects = walk(task, approved("a", "p"), policy=TWO)
    assert (task.approved, task.judged, effects) == ("", "", [])
    task, effects = walk(task, approved("a", "q"), policy=TWO)
    assert (task.approved, effects) == ("a", [CancelRuns(), StartRun(Purpose.MERGE, "a")])


def test_who_judges_twice_has_judged_once() -> None:
    task, effects = walk(replace(UNDER_REVIEW, votes=()), approved("a", "p"), approved("a", "p"), policy=TWO)
    assert (task.approved, effects) == ("", [StartRun(Purpose.REVIEW, "a")])


def test_a_new_commit_is_judged_anew() -> None:
    task, _ = walk(UNDER_REVIEW, approved("a", "p"), WorkDone("b"), approved("b", "q"), policy=TWO)
    assert (task.approved, [vote.commit for vote in task.votes]) == ("", ["b"])


# ── any order of events ──────────────────────────────────────────────────────────────────────────────────────────


def candidates(task: Task) -> list[list[Event]]:
    """Every kind of event, about the commits it could be about and about others."""
    commits = list(dict.fromkeys([task.head, task.approved, "a", "b", "c", ""]))
    purposes = (Purpose.EXECUTE, Purpose.TEST, Purpose.REVIEW, Purpose.MERGE)
    about = (WorkDone, machine.Tested, Untested, approved, rejected)
    return [
        *([kind(commit) for commit in commits] for kind in about),
        [approved(commit, who) for commit in commits for who in "pqr"],
        [rejected(commit, "red", who) for commit in commits for who in "pqr"],
        [Merged(commit, "m") for commit in commits],
        [Conflicted(commit, "MERGE CONFLICT") for commit in commits],
        [RunFailed(purpose, "x") for purpose in purposes],
        [RunFailed(purpose, "x", retryable=False) for purpose in purposes],
        [RunInterrupted(purpose, costs) for purpose in purposes for costs in (True, False)],
        [Unclaimed(purpose, 5) for purpose in purposes],
        [Assigned(whose) for whose in ("", "u", "s")],
        [each(session) for each in (Accepted, HolderEnded) for session in ("s", "r")],
        *([event] for event in (Edited(), Dispatched(), ReviewReopened(), Started(), Blocked("x"), Paused(), Resumed(), Released())),
    ]  # fmt: skip


Move = tuple[bool, int, int]
moves = st.tuples(st.integers(0, 9).map(bool), st.integers(0, 99), st.integers(0, 9))
policies = st.builds(Policy, st.booleans(), st.integers(1, 3), st.integers(0, 3))


several = st.builds(
    Policy, st.booleans(), st.integers(1, 3), st.integers(0, 3), st.integers(2, 3), st.sampled_from(Agreement)
)


def play(history: list[Move], policy: Policy) -> list[tuple[Task, Event, Task, list[Effect]]]:
    """The legal steps of this history. Each move takes one of the legal events, or now and then any.

    A draft may also take the step that dispatch would take. What is refused changes nothing.
    """
    task, steps = Task("t"), []
    for sensible, kind, which in history:
        kinds = candidates(task)
        turn = kind % len(kinds)
        same = next(
            (
                some
                for each in kinds[turn:] + kinds[:turn]
                if (some := _allowed(task, each, policy, sensible))
            ),
            None,
        )
        if same is None:
            break
        event, also = same[which % len(same)], list[Effect]()
        if task.status is Status.DRAFT and sensible:
            event, start = next_step(task, policy)
            also = [start]
        before = task
        try:
            task, effects = apply(task, event, policy, NOW)
        except IllegalEvent:
            assert task is before
            continue
        steps.append((before, event, task, effects + also))
    return steps


def _allowed(task: Task, events: list[Event], policy: Policy, sensible: bool) -> list[Event]:
    return [event for event in events if not sensible or legal(task, event, policy)]


def legal(task: Task, event: Event, policy: Policy) -> bool:
    try:
        apply(task, event, policy, NOW)
    except IllegalEvent:
        return False
    return not isinstance(event, Paused)


histories = st.lists(moves, min_size=10, max_size=40)


@settings(max_examples=300, deadline=None)
@given(histories, several)
def test_no_order_of_events_merges_what_too_few_have_approved(history: list[Move], policy: Policy) -> None:
    for_it: dict[str, set[str]] = {}
    for _, event, after, effects in play(history, policy):
        if isinstance(event, Judged) and event.verdict.approved:
            for_it.setdefault(event.verdict.commit, set()).add(event.reviewer)
        merging = [e.commit for e in effects if isinstance(e, StartRun) and e.purpose is Purpose.MERGE]
        merged = [event.commit] if isinstance(event, Merged) else []
        for commit in merging + merged:
            assert len(for_it[commit]) >= needed(policy.reviewers, policy.agreement)
            assert commit == after.head


@settings(max_examples=150, deadline=None)
@given(histories, policies)
def test_no_order_of_events_merges_without_an_approval_of_that_very_commit(
    history: list[Move], policy: Policy
) -> None:
    latest: dict[str, Judgement] = {}
    for _, event, after, effects in play(history, policy):
        if isinstance(event, Judged):
            latest[event.verdict.commit] = event.verdict.judgement
        for effect in effects:
            if isinstance(effect, StartRun) and effect.purpose is Purpose.MERGE:
                assert latest[effect.commit] is Judgement.APPROVED
                assert effect.commit == after.head
        if isinstance(event, Merged):
            assert latest[event.commit] is Judgement.APPROVED
            assert event.commit == after.head
        if after.status in (Status.MERGED, Status.COMPLETED):
            assert latest[after.approved] is Judgement.APPROVED


@settings(max_examples=150, deadline=None)
@given(histories, policies)
def test_no_order_of_events_revises_more_often_than_the_cap_between_two_resumes(
    history: list[Move], policy: Policy
) -> None:
    revisions = 0
    for _, event, after, effects in play(history, policy):
        if isinstance(event, Resumed):
            revisions = 0
        if isinstance(event, Judged | Conflicted):
            revisions += sum(
                isinstance(effect, StartRun) and effect.purpose is Purpose.EXECUTE for effect in effects
            )
        assert revisions <= policy.revision_cap
        assert after.revision_count <= policy.revision_cap


@settings(max_examples=150, deadline=None)
@given(histories, policies)
def test_no_order_of_events_tries_more_often_than_the_attempts_allow(
    history: list[Move], policy: Policy
) -> None:
    lost = 0
    for _, event, after, _ in play(history, policy):
        if isinstance(event, Resumed | WorkDone | Judged):
            lost = 0
        if isinstance(event, RunFailed) or (isinstance(event, RunInterrupted) and event.costs):
            lost += 1
            assert (after.status is Status.WAITING_FOR_RESUME) or lost < policy.attempts
        assert lost <= policy.attempts


@settings(max_examples=100, deadline=None)
@given(histories, policies)
def test_whoever_waits_for_the_operator_has_asked_and_holds_no_run(
    history: list[Move], policy: Policy
) -> None:
    for before, event, after, effects in play(history, policy):
        if after.status is Status.WAITING_FOR_RESUME != before.status:
            assert isinstance(event, Paused) or sum(isinstance(e, AskDecision) for e in effects) == 1
            assert isinstance(event, Blocked) or CancelRuns() in effects
            assert not any(isinstance(effect, StartRun) for effect in effects)
