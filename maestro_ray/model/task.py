"""A task and the review loop it goes through.

draft → dispatched → in_progress → awaiting_review → merged → completed; pause: any active → waiting_for_resume → draft;
abort: any open → cancelled. Review is not a status: it is what `head`, `judged` and `approved` say about commits.
The loop is deterministic: work → test (when the team has a tester) → review, by as many as the policy wants → merge, or
a revision of the same branch up to the cap. The agent only judges; which run comes next is decided here, and a merge
only for an approved commit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from maestro_ray.errors import IllegalEvent
from maestro_ray.model import review
from maestro_ray.model.review import Agreement, Vote
from maestro_ray.model.run import Purpose
from maestro_ray.model.table import arrow
from maestro_ray.model.verdict import Verdict


class Status(StrEnum):
    DRAFT = "draft"
    DISPATCHED = "dispatched"
    IN_PROGRESS = "in_progress"
    AWAITING_REVIEW = "awaiting_review"
    WAITING_FOR_RESUME = "waiting_for_resume"
    MERGED = "merged"
    COMPLETED = "completed"
    APPROVED = "approved"
    COMPLETED_BY_CLIENT = "completed_by_client"
    CANCELLED = "cancelled"


DONE = frozenset({Status.MERGED, Status.COMPLETED, Status.APPROVED, Status.COMPLETED_BY_CLIENT})
TERMINAL = DONE | {Status.CANCELLED}
ACTIVE = frozenset({Status.DISPATCHED, Status.IN_PROGRESS, Status.AWAITING_REVIEW})


@dataclass(frozen=True)
class Policy:
    """What the team and the configuration allow: a tester or not, tries of one run, revisions of one task, and how many
    reviewers judge a commit, of whom how many must approve."""

    tester: bool = True
    attempts: int = 3
    revision_cap: int = 3
    reviewers: int = 1
    agreement: Agreement = Agreement.ALL


@dataclass(frozen=True)
class Task:
    """Commits are full hashes or empty. `head` is the work under review, `judged` the last commit a verdict was about,
    `approved` the one that was approved; `votes` are the verdicts about the head as long as they decide nothing; times
    are Unix seconds. `assignee` is a user or a session that is
    to do the work (empty: whoever fits), `accepted_by` the session that does."""

    id: str
    status: Status = Status.DRAFT
    head: str = ""
    judged: str = ""
    approved: str = ""
    merged: str = ""
    attempts: int = 0
    revision_count: int = 0
    review_sent_at: float | None = None
    review_approved_at: float | None = None
    assignee: str = ""
    accepted_by: str = ""
    votes: tuple[Vote, ...] = ()


@dataclass(frozen=True)
class Edited:
    """A person wrote it anew; nobody has begun."""


@dataclass(frozen=True)
class Assigned:
    """It is for this user or session alone (empty: for whoever fits)."""

    assignee: str


@dataclass(frozen=True)
class Accepted:
    """The assignee does it, with this session."""

    session: str


@dataclass(frozen=True)
class HolderEnded:
    """The session that accepted it has ended, or whoever it was assigned to (a session or a user) is gone."""

    session: str


@dataclass(frozen=True)
class Dispatched:
    """A developer's run was queued."""


@dataclass(frozen=True)
class ReviewReopened:
    """A resumed task goes on where its review stood."""


@dataclass(frozen=True)
class Started:
    """The developer's session claimed the run."""


@dataclass(frozen=True)
class WorkDone:
    """The developer's run ended with this commit."""

    commit: str


@dataclass(frozen=True)
class Tested:
    """The tester's run on this commit ended; what it found is evidence for the reviewer."""

    commit: str


@dataclass(frozen=True)
class Untested:
    """No tester is left in the team: this commit is reviewed without a test run."""

    commit: str


@dataclass(frozen=True)
class Judged:
    """`reviewer` is the session whose verdict it is."""

    verdict: Verdict
    reviewer: str = ""


@dataclass(frozen=True)
class Merged:
    """`commit` is in the epic; `merge` is the merge commit (or the tip that already held it)."""

    commit: str
    merge: str


@dataclass(frozen=True)
class Conflicted:
    """The approved commit cannot be merged as it is."""

    commit: str
    reason: str


@dataclass(frozen=True)
class RunFailed:
    purpose: Purpose
    reason: str
    retryable: bool = True


@dataclass(frozen=True)
class SignedOut:
    """The agent's account was refused: that no agent can mend, nor another try."""

    account: str
    reason: str


@dataclass(frozen=True)
class OverBudget:
    """The operator stopped its run at a cap, whether it had begun or not."""

    purpose: Purpose
    reason: str


@dataclass(frozen=True)
class RunInterrupted:
    """The run lost its session and was queued again. That costs an attempt, unless the session left in order."""

    purpose: Purpose
    costs: bool = True


@dataclass(frozen=True)
class Unclaimed:
    """The run was offered this often and nobody took it up."""

    purpose: Purpose
    offers: int


@dataclass(frozen=True)
class Blocked:
    """A task it depends on was cancelled."""

    dependency: str


@dataclass(frozen=True)
class Paused:
    pass


@dataclass(frozen=True)
class Resumed:
    """The operator lets it go on; attempts and revisions are counted anew."""


@dataclass(frozen=True)
class Aborted:
    pass


@dataclass(frozen=True)
class CompletedByClient:
    """A person did the work and said so."""


@dataclass(frozen=True)
class Released:
    """The epic that holds it is in the base branch."""


@dataclass(frozen=True)
class _GaveUp:
    """Made here when a cap is reached."""


Event = (
    Edited | Assigned | Accepted | HolderEnded | Dispatched | ReviewReopened | Started | WorkDone | Tested | Untested
    | Judged | Merged | Conflicted | RunFailed | SignedOut | OverBudget | RunInterrupted | Unclaimed | Blocked
    | Paused | Resumed | Aborted | CompletedByClient | Released
)  # fmt: skip


@dataclass(frozen=True)
class StartRun:
    """Queue a run of this purpose about this commit (empty: the epic's present tip), or several of the same."""

    purpose: Purpose
    commit: str = ""
    note: str = ""
    count: int = 1


@dataclass(frozen=True)
class PostComment:
    body: str


@dataclass(frozen=True)
class AskDecision:
    """Put a card before the operator; every card of a task is answered with `retry` or `abort`.

    With `untested` also so: the whole plan goes on without test runs.
    """

    kind: str
    question: str
    untested: bool = False


@dataclass(frozen=True)
class CancelRuns:
    """Take back every live run of the task."""


@dataclass(frozen=True)
class AnnounceConflict:
    reason: str


Effect = StartRun | PostComment | AskDecision | CancelRuns | AnnounceConflict

_OPEN = tuple(state for state in Status if state not in TERMINAL)

ARROWS: dict[tuple[Status, type], Status] = {
    (Status.DRAFT, Edited): Status.DRAFT,
    (Status.DRAFT, Assigned): Status.DRAFT,
    # its run is not begun: it is taken back and waits for the assignee
    (Status.DISPATCHED, Assigned): Status.DRAFT,
    (Status.WAITING_FOR_RESUME, Assigned): Status.WAITING_FOR_RESUME,
    **{(state, Accepted): state for state in _OPEN},
    **{(state, HolderEnded): state for state in _OPEN},
    (Status.DRAFT, Dispatched): Status.DISPATCHED,
    (Status.DRAFT, ReviewReopened): Status.AWAITING_REVIEW,
    (Status.DRAFT, Blocked): Status.WAITING_FOR_RESUME,
    (Status.DISPATCHED, Started): Status.IN_PROGRESS,
    (Status.AWAITING_REVIEW, Started): Status.AWAITING_REVIEW,
    (Status.IN_PROGRESS, WorkDone): Status.AWAITING_REVIEW,
    (Status.AWAITING_REVIEW, WorkDone): Status.AWAITING_REVIEW,
    (Status.AWAITING_REVIEW, Tested): Status.AWAITING_REVIEW,
    (Status.AWAITING_REVIEW, Untested): Status.AWAITING_REVIEW,
    (Status.AWAITING_REVIEW, Judged): Status.AWAITING_REVIEW,
    (Status.AWAITING_REVIEW, Merged): Status.MERGED,
    (Status.AWAITING_REVIEW, Conflicted): Status.AWAITING_REVIEW,
    (Status.IN_PROGRESS, RunFailed): Status.DISPATCHED,
    (Status.AWAITING_REVIEW, RunFailed): Status.AWAITING_REVIEW,
    (Status.IN_PROGRESS, SignedOut): Status.IN_PROGRESS,
    (Status.AWAITING_REVIEW, SignedOut): Status.AWAITING_REVIEW,
    **{(state, OverBudget): state for state in ACTIVE},
    (Status.DISPATCHED, RunInterrupted): Status.DISPATCHED,
    (Status.IN_PROGRESS, RunInterrupted): Status.DISPATCHED,
    (Status.AWAITING_REVIEW, RunInterrupted): Status.AWAITING_REVIEW,
    (Status.DISPATCHED, Unclaimed): Status.DISPATCHED,
    (Status.AWAITING_REVIEW, Unclaimed): Status.AWAITING_REVIEW,
    **{(state, _GaveUp): Status.WAITING_FOR_RESUME for state in ACTIVE},
    **{(state, Paused): Status.WAITING_FOR_RESUME for state in ACTIVE},
    (Status.WAITING_FOR_RESUME, Resumed): Status.DRAFT,
    **{(state, Aborted): Status.CANCELLED for state in _OPEN},
    **{(state, CompletedByClient): Status.COMPLETED_BY_CLIENT for state in _OPEN},
    (Status.MERGED, Released): Status.COMPLETED,
}

Step = tuple[Task, list[Effect]]


def apply(task: Task, event: Event, policy: Policy, now: float) -> Step:
    """The task after the event and what must now be done. Raises `IllegalEvent`, and then nothing has changed."""
    before, task = task, replace(task, status=arrow("task", ARROWS, task.status, event))
    match event:
        case Assigned() | Accepted() | HolderEnded():
            return _whose(task, event, begun=before.status is Status.DISPATCHED)
        case RunFailed() | RunInterrupted() | Unclaimed():
            return _without_result(task, event, policy)
        case WorkDone(commit):
            return _work_done(task, commit, policy, now)
        case Tested(commit) | Untested(commit):
            _about(task.head, commit, event)
            waiting: list[Effect] = [CancelRuns()] if isinstance(event, Untested) else []
            return task, [*waiting, _reviews(task, policy)]
        case Judged(verdict, reviewer):
            _about(task.head, verdict.commit, event)
            return _judged(task, verdict, reviewer, policy, now)
        case Merged(commit, merge):
            _about(task.approved, commit, event)
            return replace(task, merged=merge), []
        case Conflicted(commit, reason):
            _about(task.approved, commit, event)
            return _revise(replace(task, review_sent_at=None), reason, policy, [AnnounceConflict(reason)])
        case SignedOut() | OverBudget():
            return _until_decided(task, event)
        case Blocked(dependency):
            return task, [
                AskDecision(
                    "dependency", f"it depends on {dependency}, which was cancelled: go on without it?"
                )
            ]
        case Resumed():
            return replace(task, attempts=0, revision_count=0), []
        case Paused() | Aborted() | CompletedByClient():
            return task, [CancelRuns()]
        case _:
            return task, []


def waits_for_accept(task: Task) -> bool:
    """Whether its work is somebody's who has not said yes. Test, review and merge are never the assignee's."""
    return bool(task.assignee) and not task.accepted_by


def next_step(task: Task, policy: Policy) -> tuple[Event, StartRun]:
    """What a draft whose dependencies are met does first: a resumed one goes on where its review stood."""
    if task.head and task.approved == task.head:
        return ReviewReopened(), StartRun(Purpose.MERGE, task.head)
    if task.head and task.judged != task.head:
        return ReviewReopened(), _send_to_review(task, policy)
    return Dispatched(), StartRun(Purpose.EXECUTE, task.head)


def _whose(task: Task, event: Assigned | Accepted | HolderEnded, *, begun: bool) -> Step:
    """A person may accept again with another session; a session that has ended does not come back."""
    match event:
        case Assigned(assignee):
            return replace(task, assignee=assignee, accepted_by=""), [CancelRuns()] if begun else []
        case Accepted(session):
            return _accepted(task, session), []
        case HolderEnded(session):
            return _without(task, session)


def _without_result(task: Task, event: RunFailed | RunInterrupted | Unclaimed, policy: Policy) -> Step:
    match event:
        case RunFailed(purpose, reason, retryable):
            if purpose is Purpose.MERGE:
                # to try again is to start a merge, and that is for an approved commit only
                _about(task.approved, task.head, event)
            if purpose is Purpose.TEST and not policy.tester:
                # nobody waits for a test any more; that it failed is told to the reviewer
                return _again(task, Purpose.REVIEW, reason, policy, _reviews(task, policy).count)
            return _again(task, purpose, reason, policy if retryable else replace(policy, attempts=0))
        case RunInterrupted(purpose, costs):
            return _interrupted(task, purpose, policy) if costs else (task, [])
        case Unclaimed(purpose, offers):
            return _give_up(
                task, "unclaimed", f"{purpose} was handed out {offers} times and nobody took it up", purpose
            )


def _until_decided(task: Task, event: SignedOut | OverBudget) -> Step:
    """What no agent can mend, nor another try."""
    if isinstance(event, OverBudget):
        return _give_up(task, "over_budget", f"{event.purpose}: {event.reason}")
    question = f"the account of {event.account} was refused ({event.reason}): sign in, then go on"
    return _give_up(task, "signed_out", question)


def _accepted(task: Task, session: str) -> Task:
    if task.accepted_by not in ("", session):
        raise IllegalEvent("task", "accepted by another session", "Accepted")
    return replace(task, accepted_by=session)


def _without(task: Task, session: str) -> Step:
    if task.accepted_by == session:
        task = replace(task, accepted_by="")
    if task.assignee != session:
        return task, []
    return replace(task, assignee="", accepted_by=""), [
        PostComment("whoever this task was assigned to is gone: it is open to all")
    ]


def _work_done(task: Task, commit: str, policy: Policy, now: float) -> Step:
    if commit == task.head and task.judged == commit:
        return _give_up(task, "no_progress", "the revision changed nothing: the same commit came back")
    if commit != task.head:
        # an approval is about one commit and is worth nothing for the next
        task = replace(task, approved="", review_approved_at=None, votes=())
    task = replace(task, head=commit, attempts=0, review_sent_at=now)
    return task, [_send_to_review(task, policy)]


def _send_to_review(task: Task, policy: Policy) -> StartRun:
    return StartRun(Purpose.TEST, task.head) if policy.tester else _reviews(task, policy)


def _reviews(task: Task, policy: Policy) -> StartRun:
    """Who has judged the head already need not do it again."""
    count = review.missing(task.votes, task.head, policy.reviewers)
    return StartRun(Purpose.REVIEW, task.head, count=max(1, count))


def _judged(task: Task, verdict: Verdict, reviewer: str, policy: Policy, now: float) -> Step:
    """One more verdict; what becomes of the commit is decided as soon as no further one could change it."""
    commit = verdict.commit
    if any(vote.reviewer == reviewer for vote in review.about(task.votes, commit)):
        return task, [StartRun(Purpose.REVIEW, commit)]
    votes = (*task.votes, Vote(reviewer, commit, verdict.approved, verdict.reason))
    task = replace(task, votes=votes, attempts=0)
    approved = review.decided(votes, commit, policy.reviewers, policy.agreement)
    if approved is None:
        return task, []
    task = replace(task, judged=commit, votes=())
    # the verdicts that are still to come would change nothing
    others: list[Effect] = [CancelRuns()] if policy.reviewers > 1 else []
    if approved:
        task = replace(task, approved=commit, review_approved_at=now)
        return task, [*others, StartRun(Purpose.MERGE, commit)]
    return _revise(
        replace(task, approved="", review_approved_at=None), review.reason(votes, commit), policy, others
    )


def _revise(task: Task, reason: str, policy: Policy, effects: list[Effect]) -> Step:
    effects = [*effects, PostComment(reason)]
    if task.revision_count >= policy.revision_cap:
        task, card = _give_up(
            task, "revision_cap", f"rejected after {task.revision_count} revisions: {reason}"
        )
        return task, [*effects, *card]
    task = replace(task, revision_count=task.revision_count + 1)
    return task, [*effects, StartRun(Purpose.EXECUTE, task.head, reason)]


def _again(task: Task, purpose: Purpose, reason: str, policy: Policy, count: int = 1) -> Step:
    task = replace(task, attempts=task.attempts + 1)
    if task.attempts >= policy.attempts:
        return _give_up(task, "attempts", f"{purpose} failed (attempt {task.attempts}): {reason}", purpose)
    return task, [StartRun(purpose, task.head, reason, count)]


def _interrupted(task: Task, purpose: Purpose, policy: Policy) -> Step:
    task = replace(task, attempts=task.attempts + 1)
    if task.attempts >= policy.attempts:
        return _give_up(task, "attempts", f"{purpose} was interrupted {task.attempts} times", purpose)
    return task, []


def _give_up(task: Task, kind: str, question: str, purpose: Purpose | None = None) -> Step:
    status = arrow("task", ARROWS, task.status, _GaveUp())
    # a test that cannot be run cannot be run by trying again either
    card = AskDecision(kind, question, untested=purpose is Purpose.TEST)
    return replace(task, status=status), [CancelRuns(), card]


def _about(pinned: str, commit: str, event: Event) -> None:
    """Only the pinned commit counts: a result about any other is from another time."""
    if not commit or commit != pinned:
        raise IllegalEvent(
            "task", f"about {pinned or 'no commit'}", f"{type(event).__name__} of {commit or 'no commit'}"
        )
