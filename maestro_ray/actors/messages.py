"""What actors tell each other: frozen values, harmless when repeated.

Hard ones (assignments, reports, posts, directives, receipts) are sent until they are answered; `Text` is soft.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from maestro_ray.actors.equipment import Equipment
from maestro_ray.actors.goal import Goal
from maestro_ray.config import SandboxTable
from maestro_ray.connection.login import Login
from maestro_ray.connection.trouble import Trouble
from maestro_ray.errors import MaestroError
from maestro_ray.ids import new_id
from maestro_ray.journal import Entry
from maestro_ray.limits_table import LimitsTable
from maestro_ray.ports import ProviderSpec

# ── what a slot becomes ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class TeamSpec:
    """What every member of a team must know about it. Paths are absolute strings; `env` is the agents' environment;
    `project` is the project's key and `state` the directories that maestro keeps to itself.

    `instance` marks the processes of this state directory; `slots` maps `lead`, `channel` and worker names to slots;
    in `pulses` the members of a node share their pings (`actors.pulses`), and with none each pings itself.
    """

    id: str
    name: str
    channel: str
    bot: str
    repo: str
    worktrees: str
    scratch: str
    journal: str
    instance: str
    slots: Mapping[str, str]
    env: Mapping[str, str] = field(default_factory=dict)
    ping: float = 1.0
    lease: float = 4.0
    stop_grace: float = 0.7
    project: str = ""
    sandbox: SandboxTable = field(default_factory=SandboxTable)
    limits: LimitsTable = field(default_factory=LimitsTable)
    state: Sequence[str] = ()
    pulses: str = ""
    equipment: Equipment = field(default_factory=Equipment)


@dataclass(frozen=True)
class Leash:
    """Whom a slot without a team belongs to, and how often it must show that it lives; see `TeamSpec`."""

    id: str
    name: str
    ping: float = 1.0
    lease: float = 4.0
    pulses: str = ""


@dataclass(frozen=True)
class BeLead:
    """`members` are `(worker name, role, session)`. With a `goal` its agent makes a plan of it."""

    team: TeamSpec
    session: str
    members: Sequence[tuple[str, str, str]]
    goal: Goal | None = None


@dataclass(frozen=True)
class BeWorker:
    team: TeamSpec
    name: str
    role: str
    session: str
    provider: ProviderSpec


@dataclass(frozen=True)
class BeChannel:
    """`readers` are the slots and actors that get every message."""

    team: TeamSpec
    readers: Sequence[str]


@dataclass(frozen=True)
class BeHolder:
    """A further actor for project connections."""

    team: Leash


Part = BeLead | BeWorker | BeChannel | BeHolder


# ── to Connections ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class WhoAmI:
    """A slot that was started again asks for its part; the answer is a `Part` or None."""

    slot: str
    pid: int
    node: str


@dataclass(frozen=True)
class Ping:
    """A member of a team shows that it lives. `run` is what it works on, under this epoch; or empty.

    The reply is whether the slot still belongs to that team; if not, it must leave.
    """

    slot: str
    pid: int
    node: str
    team: str
    run: str = ""
    epoch: int = 0


@dataclass(frozen=True)
class Shown:
    """A sign of life a member has given, `age` seconds ago, by this process and for this team."""

    slot: str
    pid: int
    team: str
    age: float


@dataclass(frozen=True)
class Pings:
    """One member of a node tells for all of them that they live.

    The reply is, for each, whether it counts: it does for who is known to live by a `Ping` of its own, and nobody else.
    Who does not count must ping itself.
    """

    node: str
    shown: Sequence[Shown]


@dataclass(frozen=True)
class Report:
    """What became of a run; `action` is `complete`, `fail`, `pause`, `resume`, `interrupt`, `spent`, `permission`,
    `subtask`, `blocker` or `decision` of Studio's REST, `project` is the key of the project whose Studio it is for.
    `id` makes it harmless when repeated."""

    run: str
    epoch: int
    action: str
    body: Mapping[str, Any] = field(default_factory=dict)
    project: str = ""
    id: str = field(default_factory=new_id, compare=False)


@dataclass(frozen=True)
class PlanTasks:
    """A worker asks for the tasks of a plan as Studio has them; the reply is a list of dicts."""

    project: str
    plan: str


@dataclass(frozen=True)
class Spent:
    """What a run has used so far; the reply is Studio's answer, or an error. Soft: the next one says all of it again.

    With `ask` in its body it asks for leave to use more.
    """

    run: str
    epoch: int
    body: Mapping[str, Any] = field(default_factory=dict)
    project: str = ""


@dataclass(frozen=True)
class Asking:
    """A worker in this slot waits for the answer to a question of its agent, and may have missed it."""

    slot: str
    run: str
    epoch: int
    request: str
    project: str


@dataclass(frozen=True)
class Delivery:
    """Messages of a team's channel for a reader, in order; soft text, and how much of it was dropped before. Messages
    with numbers below `first` are not kept any more. One of kind `whole` is no news, and has only its number."""

    team: str
    entries: Sequence[Entry] = ()
    texts: Sequence[Text] = ()
    dropped: int = 0
    first: int = 1


# ── to a lead or a worker ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Assign:
    """A claimed run, as Studio gave it, for the session it names."""

    assignment: Mapping[str, Any]


@dataclass(frozen=True)
class Withdraw:
    """The run, as it was handed over under this epoch, is no longer this session's; stop it and report nothing."""

    run: str
    session: str
    epoch: int


@dataclass(frozen=True)
class Answer:
    """To a worker: what was said to its agent's question. `word` is the card's answer, or its status if it has none."""

    run: str
    epoch: int
    request: str
    word: str
    reason: str = ""


@dataclass(frozen=True)
class Directive:
    """An active steering directive for this member."""

    id: str
    text: str


@dataclass(frozen=True)
class DirectivesCleared:
    """Every directive is over but those with these ids."""

    kept: Sequence[str] = ()


@dataclass(frozen=True)
class WorkerEvent:
    """A worker tells its lead that it began or ended a run."""

    worker: str
    run: str
    began: bool
    summary: str = ""


@dataclass(frozen=True)
class Joined:
    """A further worker of the team."""

    name: str
    role: str
    session: str
    slot: str


@dataclass(frozen=True)
class Left:
    """To the lead: a worker has left the team for good."""

    name: str


@dataclass(frozen=True)
class Beat:
    """To the lead: a worker's process shows that it lives, for the first time or again."""

    name: str
    pid: int
    node: str


@dataclass(frozen=True)
class Lost:
    """To the lead: a worker's process is gone, or silent for too long."""

    name: str


@dataclass(frozen=True)
class Digest:
    """To the lead: these workers have been silent for long; `text` is what the team is told."""

    text: str
    silent: Sequence[str] = ()


@dataclass(frozen=True)
class Roster:
    """To the lead: who is here and who does what; the reply is a dict."""


@dataclass(frozen=True)
class Quit:
    """The team is over: stop what runs, leave nothing, become blank. The reply comes when that is so."""


# ── to the channel ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Post:
    """A message for the team; the reply is its number, once it is durable. `id` makes it harmless when repeated."""

    sender: str
    kind: str
    body: Mapping[str, Any]
    id: str = field(default_factory=new_id)


@dataclass(frozen=True)
class Steer:
    """The operator's directive; `id` makes it harmless when repeated. The reply is its number."""

    id: str
    text: str


@dataclass(frozen=True)
class ClearSteering:
    """These directives are over, or all that there are. Under an id it is done once. The reply is its number."""

    id: str = ""
    directives: Sequence[str] = ()


@dataclass(frozen=True)
class Say:
    """What the operator says to everybody who reads the channel; `id` as above. The reply is its number."""

    id: str
    text: str


@dataclass(frozen=True)
class WhatHolds:
    """To the channel, of a member in a new life, which knows of no directive: the reply comes when it was told of each
    that holds, with their ids, oldest first."""

    worker: str


@dataclass(frozen=True)
class Directives:
    """Every directive with its receipts; the reply is a list of dicts."""


@dataclass(frozen=True)
class Recall:
    """What was said on the channel with a higher number than `after`, oldest first and at most so many; the reply is a
    list of `journal.Entry`."""

    after: int
    most: int


@dataclass(frozen=True)
class Delivered:
    """A directive is in this worker's agent's input; `how` is a `model.steering.How`."""

    worker: str
    directive: str
    how: str


@dataclass(frozen=True)
class Text:
    """What an agent says while it works. Soft."""

    worker: str
    run: str
    text: str


@dataclass(frozen=True)
class Done:
    """To a worker: the person who does this run is done. `verdict` is that of a review or a test, as in a VERDICT line.

    The reply is `Conflict` when the run does not wait for anybody there.
    """

    run: str
    verdict: str


@dataclass(frozen=True)
class Members:
    """Which workers directives must reach: name to slot. Sent again when it changes."""

    slots: Mapping[str, str]


# ── between Connections and its holders ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Hold:
    """To a holder: have this project's connection, listening to these channels and no others."""

    key: str
    login: Login
    channels: Sequence[str]


@dataclass(frozen=True)
class Drop:
    """To a holder: end this project's connection."""

    key: str


@dataclass(frozen=True)
class Ask:
    """To a holder: one REST call for a project. `Answered` with the same number follows; this is answered at once."""

    number: int
    key: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    params: Mapping[str, str] | None = None
    idempotency: str = ""


@dataclass(frozen=True)
class Answered:
    """From a holder: what Studio said to an `Ask`, or the error."""

    holder: str
    number: int
    value: Any = None
    error: MaestroError | None = None


@dataclass(frozen=True)
class Heard:
    """From a holder: a notification of a channel. Soft: what is lost is a gap."""

    holder: str
    key: str
    channel: str
    method: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Missed:
    """From a holder: what this channel is about must be read again."""

    holder: str
    key: str
    channel: str


@dataclass(frozen=True)
class Changed:
    """From a holder: a project's socket is there, or why it is of no use."""

    holder: str
    key: str
    trouble: Trouble
