"""The JSON bodies Studio accepts: where bytes become values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(max_length=200_000)]
Skills = dict[Word, Annotated[int, Field(ge=1, le=5)]]

# its owner's name for the credentials an agent works with
Pool = Annotated[str, StringConstraints(max_length=200)]


class Body(BaseModel):
    # most of them are of no use to most starts: each is built when it is first needed
    model_config = ConfigDict(extra="forbid", defer_build=True)


class Redeem(Body):
    token: Word
    name: Word = "operator"


class Refresh(Body):
    refresh_token: Word


class Logout(Body):
    everywhere: bool = False


class NewInvite(Body):
    """Without a project the role holds everywhere."""

    role: Literal["owner", "architect", "lead", "member"]
    project_id: Word = "*"


class NewToken(Body):
    """Channels that may be listened to, and for how long, in seconds."""

    channels: list[Word] = Field(min_length=1, max_length=100)
    seconds: Annotated[int, Field(ge=1, le=900)] = 900


class NewProject(Body):
    key: Annotated[str, StringConstraints(min_length=3, max_length=500, pattern=r"^[^\s:]+:.+$")]
    name: Word


class NewSession(Body):
    project_id: Word
    role: Literal["lead", "worker"]
    name: Word
    worker_role: str = ""
    team_id: Word | None = None
    skills: Skills = {}
    pool: Pool = ""


class NewWorker(Body):
    name: Word
    role: Word
    skills: Skills = {}
    pool: Pool = ""


TokenCap = Annotated[int, Field(ge=1, le=10**12)] | None
DollarCap = Annotated[float, Field(gt=0, le=10**6, allow_inf_nan=False)] | None


class Budget(Body):
    """Caps of tokens and US dollars; what is not given has none. A day is one of UTC, of whoever works on it."""

    run_tokens: TokenCap = None
    run_usd: DollarCap = None
    team_tokens: TokenCap = None
    team_usd: DollarCap = None
    day_tokens: TokenCap = None
    day_usd: DollarCap = None


class NewTeam(Body):
    workers: list[NewWorker] = Field(max_length=1000)
    workspace: Text = ""
    serves_all: bool = False
    budget: Budget | None = None


class Heartbeat(Body):
    """The sessions that share the heartbeat of the one in the path."""

    sessions: list[Word] = Field(default=[], max_length=1000)


class Claim(Body):
    run_id: Word


Count = Annotated[int, Field(ge=0, le=10**12)]


Dollars = Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False)]
Name = Annotated[str, StringConstraints(max_length=200)]


class ModelUsage(Body):
    """All that a meter has counted of one model. `cached_tokens` are among those that went in, `unpriced_tokens` those
    of which nobody knows what they cost."""

    model: Name = ""
    input_tokens: Count = 0
    cached_tokens: Count = 0
    output_tokens: Count = 0
    unpriced_tokens: Count = 0
    cost_usd: Dollars = 0.0


class Usage(Body):
    """What the run has used since its last report; or with a `meter` all that this one has counted, by `models`."""

    input_tokens: Count = 0
    cached_tokens: Count = 0
    output_tokens: Count = 0
    unpriced_tokens: Count = 0
    cost_usd: Dollars = 0.0
    meter: Annotated[str, StringConstraints(max_length=36)] = ""
    number: Annotated[int, Field(ge=0, lt=2**31)] = 0
    models: Annotated[list[ModelUsage], Field(max_length=100)] = []
    provider: Name = ""
    session_id: Name = ""


class Report(Body):
    epoch: int
    usage: Usage = Usage()

    @property
    def spent(self) -> dict[str, Any]:
        return self.usage.model_dump()


class Spent(Report):
    """While the run goes on: what it has used, and whether it asks for leave to use more (`ask`)."""

    ask: bool = False


class Complete(Report):
    result: dict[str, Any] = {}


class Fail(Report):
    """A reason of any length is taken: a report that is refused would leave its run hanging."""

    reason: str
    retryable: bool = True
    hold: bool = False
    signed_out: bool = False


class Pause(Report):
    """`alone`: what it waits for is nothing of its credentials, and nobody who shares them has to rest."""

    resume_at: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    pool: Pool = ""
    alone: bool = False


class Epoch(Body):
    epoch: int


class NewPlan(Body):
    """`draft` is a plan as `model.plan_file.to_json` writes it."""

    project_id: Word
    draft: dict[str, Any]
    team_id: Word | None = None
    workspace: Text = ""
    base_branch: str = ""
    attempts: Annotated[int, Field(ge=1, le=100)] = 3
    revision_cap: Annotated[int, Field(ge=0, le=100)] = 3
    reviewers: Annotated[int, Field(ge=1, le=100)] = 1
    review_policy: Literal["any", "majority", "all"] = "all"


class TaskChange(Body):
    """What is given is changed. The values are checked like those of a plan file."""

    title: str = ""
    description: Text = ""
    priority: int = 0
    role: str = ""
    skill: str = ""
    required_proficiency: int | str = 3
    test: str = ""
    depends_on: Annotated[list[Word], Field(max_length=1000)] = []
    assignee: Annotated[str, StringConstraints(max_length=200)] = ""


class Accept(Body):
    session_id: Word | None = None


class Delegate(Body):
    """Either the run or the task whose run it is; `to` is a session of the team, by its id or name."""

    run_id: Word | None = None
    task_id: Word | None = None
    to: Word


class MySkills(Body):
    skills: Skills


class NewSubtask(Body):
    """What is not given is as in the task it is a part of; checked like a task of a plan file."""

    epoch: int
    title: str
    description: Text = ""
    role: str | None = None
    skill: str | None = None
    required_proficiency: int | str | None = None
    test: str | None = None
    priority: int | None = None
    after_parent: bool = False


class NewBlocker(Body):
    """What keeps the agent from its work, in one line."""

    epoch: int
    text: Text


class NewQuestion(Body):
    """What the operator is to decide, each in one line."""

    epoch: int
    question: Text
    options: Annotated[list[Word], Field(max_length=100)]


class Proposal(Body):
    """`draft` is a plan as `model.plan_file.to_json` writes it."""

    epoch: int
    draft: dict[str, Any]


class NewAnalysis(Body):
    """`repo_analysis` fills the knowledge; `plan` drafts a plan for what `note` says, by the lead with this session,
    when it is given, for its own team and for `base_branch`."""

    purpose: Literal["repo_analysis", "plan"] = "repo_analysis"
    note: Text = ""
    session_id: Word | None = None
    base_branch: str = ""
    role: Annotated[str, StringConstraints(max_length=32, pattern=r"^([a-z][a-z0-9-]*)?$")] = ""


class NewKnowledge(Body):
    """All that this source knows: what it knew before and does not say again is forgotten."""

    source: Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z][a-z0-9-]*$")]
    items: list[dict[str, Any]]


class NewDirective(Body):
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]


class NewSaying(NewDirective):
    """Something for everybody in a team to read."""


class Chunk(Body):
    """What an agent said while it works, in pieces; nothing of it is kept for long."""

    worker: Word
    text: Annotated[str, StringConstraints(max_length=65_536)]


class ChannelAuth(BaseModel):
    """Pusher's clients add parameters of their own, which mean nothing here."""

    socket_id: Word
    channel_name: Word


class ManyChannels(Body):
    channels: list[ChannelAuth] = Field(min_length=1, max_length=200)


class Priority(Body):
    """Of two tasks that can begin, the one with the higher priority begins first."""

    priority: Annotated[int, Field(ge=-1000, le=1000)]


class NewComment(Body):
    body: Text


class Permission(Body):
    """What an agent asks leave for, and how its policy rules.

    `ask` puts it before people, `withdrawn` says that the agent waits no longer. `hash` is the SHA-256 of exactly what
    would be done, `command` is that for people to read.
    """

    epoch: int
    request: Word
    ruling: Literal["allow", "ask", "deny", "withdrawn"] = "ask"
    tool: Annotated[str, StringConstraints(max_length=200)] = ""
    command: Text = ""
    hash: Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9a-f]*$")] = ""
    length: Count = 0
    agent: Annotated[str, StringConstraints(max_length=200)] = ""
    by: Annotated[str, StringConstraints(max_length=200)] = ""
    why: Annotated[str, StringConstraints(max_length=4000)] = ""


class Answer(Body):
    """The `reason` is told to whoever waits for the answer; the lead of a plan that is rejected with one proposes
    another."""

    answer: Word
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000)] = ""


class Mirrored(Body):
    """A message of a team's channel, numbered by the channel."""

    number: Annotated[int, Field(ge=0, lt=2**63)]
    sender: Word
    kind: Word
    body: Any
    at: float


class NewMessages(Body):
    messages: list[Mirrored] = Field(max_length=1000)
