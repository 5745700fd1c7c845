"""The document: what a transcript holds, in a form that stays. `VERSION` grows when a reader must know of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Literal["maestro-transcript"] = "maestro-transcript"
VERSION: Literal[1] = 1

# a moment as ISO 8601 in UTC; None for what has not happened
Moment = str | None


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Long(Part):
    """A text that may be long: what is kept of it, and how many characters are not."""

    text: str = ""
    left_out: int = 0


class Usage(Part):
    """Tokens and US dollars of so many runs; of `unpriced_tokens` nobody knows what they cost."""

    input_tokens: int = 0
    output_tokens: int = 0
    unpriced_tokens: int = 0
    cost_usd: float = 0.0
    runs: int = 0


class Share(Usage):
    """What of it one role, model or task has used."""

    name: str


class Diff(Part):
    """What changed from `base` to `commit`; `missing` says why there is no text."""

    what: str
    base: str
    commit: str
    files: int = 0
    insertions: int = 0
    deletions: int = 0
    patch: Long = Long()
    missing: str = ""


class Evidence(Part):
    """What a test run found at one commit."""

    command: str = ""
    exit_code: int | None = None
    counts: dict[str, int] = Field(default_factory=dict)


class Run(Part):
    """One execution of one purpose. `note` is what it was asked besides, such as a goal; `reason` why it failed;
    `output` the end of what a reviewer or a test said."""

    id: str
    purpose: str
    state: str
    attempt: int
    worker: str
    commit: str
    note: str
    summary: str
    reason: str
    files: list[str]
    evidence: Evidence | None
    output: Long
    created_at: Moment
    started_at: Moment
    finished_at: Moment
    usage: Usage


class Verdict(Part):
    """What a reviewer said of one commit; `evidence` is what the tests had found there."""

    id: str
    at: Moment
    worker: str
    run: str
    commit: str
    verdict: str
    reason: str
    evidence: Evidence | None


class Comment(Part):
    """What was said about a task."""

    at: Moment
    author: str
    body: str


class Task(Part):
    """A task; `merged` is the merge commit, `depends_on` the keys of other tasks."""

    id: str
    key: str
    title: str
    description: str
    status: str
    role: str
    depends_on: list[str]
    branch: str
    base_commit: str
    merged: str
    attempts: int
    revisions: int
    created_at: Moment
    finished_at: Moment
    runs: list[Run]
    verdicts: list[Verdict]
    comments: list[Comment]
    diffs: list[Diff]


class Plan(Part):
    """A plan; `released` is the commit that its base branch got."""

    id: str
    title: str
    description: str
    status: str
    base_branch: str
    epic_branch: str
    released: str
    reviewers: int
    review_policy: str
    created_at: Moment
    completed_at: Moment
    tasks: list[Task]
    runs: list[Run] = Field(description="those about the plan as a whole")


class Card(Part):
    """A decision: what was asked of a person, and the answer. `answered_by` is empty where that is not known."""

    id: str
    kind: str
    about: str
    question: str
    options: list[str]
    status: str
    answer: str
    reason: str
    asked_at: Moment
    answered_at: Moment
    answered_by: str


class Receipt(Part):
    """Whether a directive has reached a worker's agent, and how."""

    worker: str
    state: str
    how: str
    at: Moment


class Directive(Part):
    """A sentence of the operator."""

    id: str
    at: Moment
    text: str
    state: str
    receipts: list[Receipt]


class Raise(Part):
    """An answer to a card about a cap: what it was about, and who gave it."""

    at: Moment
    by: str
    answer: str
    question: str


class Cost(Part):
    """`caps` are those the team began with; `cap_tokens` and `cap_usd` what the team's has become, None without one."""

    total: Usage
    burn: str = ""
    roles: list[Share] = Field(default_factory=list)
    models: list[Share] = Field(default_factory=list)
    tasks: list[Share] = Field(default_factory=list)
    caps: dict[str, float] = Field(default_factory=dict)
    cap_tokens: int | None = None
    cap_usd: float | None = None
    answers: list[Raise] = Field(default_factory=list)


class Member(Part):
    """A session of the team. In a transcript of one session it stands alone."""

    session: str
    name: str
    role: str
    status: str
    joined_at: Moment
    left_at: Moment


class Message(Part):
    """One message of the team's channel; `text` says it in words, `body` is what was sent."""

    number: int
    at: Moment
    sender: str
    kind: str
    text: str
    body: Any


class Scope(Part):
    """What the transcript is of: the whole team, or of it one session or run."""

    kind: Literal["team", "session", "run"]
    id: str
    name: str


class Project(Part):
    """The repository as Studio knows it."""

    id: str
    key: str


class Team(Part):
    """`goal` is empty for a team that was given its work."""

    id: str
    name: str
    status: str
    goal: str
    started_at: Moment
    ended_at: Moment


class Transcript(Part):
    """All of it but the messages, which may be many and come one by one behind it."""

    format: Literal["maestro-transcript"] = FORMAT
    version: Literal[1] = VERSION
    exported_at: str
    maestro: str
    scope: Scope
    project: Project
    team: Team
    members: list[Member]
    notes: list[str] = Field(description="what is not in it, and why")
    cost: Cost
    directives: list[Directive]
    decisions: list[Card]
    plans: list[Plan]
    runs: list[Run] = Field(description="those about no plan")
