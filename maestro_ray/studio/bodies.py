"""The JSON bodies Studio accepts: where bytes become values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(max_length=200_000)]
Skills = dict[Word, Annotated[int, Field(ge=1, le=5)]]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


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


class NewWorker(Body):
    name: Word
    role: Word
    skills: Skills = {}


class NewTeam(Body):
    workers: list[NewWorker] = Field(max_length=1000)
    workspace: Text = ""
    serves_all: bool = False


class Heartbeat(Body):
    """The sessions that share the heartbeat of the one in the path."""

    sessions: list[Word] = Field(default=[], max_length=1000)


class Claim(Body):
    run_id: Word


class Complete(Body):
    epoch: int
    result: dict[str, Any] = {}


class Fail(Body):
    """A reason of any length is taken: a report that is refused would leave its run hanging."""

    epoch: int
    reason: str
    retryable: bool = True
    hold: bool = False


class Pause(Body):
    epoch: int
    resume_at: float | None = None


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


class Priority(Body):
    """Of two tasks that can begin, the one with the higher priority begins first."""

    priority: Annotated[int, Field(ge=-1000, le=1000)]


class NewComment(Body):
    body: Text


class Answer(Body):
    answer: Word


class Mirrored(Body):
    """A message of a team's channel, numbered by the channel."""

    number: Annotated[int, Field(ge=0, lt=2**63)]
    sender: Word
    kind: Word
    body: Any
    at: float


class NewMessages(Body):
    messages: list[Mirrored] = Field(max_length=1000)
