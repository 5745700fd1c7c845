"""What the inside asks of the outside: small Protocols and the values that pass through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from maestro_ray.model.agent import AgentEvent
from maestro_ray.model.permission import Tool
from maestro_ray.model.steering import How

# the name of maestro's own MCP server, by which an agent speaks to its team
TEAM = "maestro"


@dataclass(frozen=True)
class ProviderSpec:
    """One role's provider as asked for: `--provider ROLE=NAME[:ARG]` joined with its `[providers.NAME]` table.

    `kind` names the adapter, `arg` is the text after the colon, `argv` the template of the table (empty when
    there is none), `env` the names of further environment variables the agent may see, and `verdict` says
    whether a reviewer's judgement is its VERDICT line or its exit code. For an installed agent `model` is the one to
    use where `arg` names none, `args` are appended to its program's own arguments, and `exec` is the plain way to talk
    to a program that has two. `permissions` are the role's rules, as `model.permission.policy` reads them.
    """

    kind: str
    arg: str = ""
    argv: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    verdict: Literal["line", "exit-code"] = "line"
    model: str = ""
    args: tuple[str, ...] = ()
    exec: bool = False
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True)
class McpServer:
    """One MCP server: a program that speaks over its standard streams, or an address (`http`, `sse`).

    Where it was read texts have `${VAR}` in them; in a `Job` they are filled in. What may be a secret is in no `repr`.
    """

    name: str
    transport: Literal["stdio", "http", "sse"] = "stdio"
    command: str = ""
    args: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str = ""
    url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Job:
    """One turn of work for an agent. Paths are absolute; commits are full hashes.

    `key` is the task's key in its plan file, `revision` counts rejections so far, `base` is the commit the
    change is judged against, `commit` the one the worktree starts at, `test` the command that must pass,
    and `scratch` a private directory outside the worktree that lives as long as the run. `resume` is the agent's
    own session to go on with, as its `SessionNamed` said before it was cut or paused; empty for a new one.
    `mcp` are the servers it is given, and no others; the one named `TEAM` is maestro's own. Of its tools `tools` are
    those it may use, in its own words and all with none named, and `denied_tools` those it may not. `boxed` says
    that maestro's own box keeps the program, in which a sandbox of its own may not work. Before it uses what is in
    `asks` the agent must ask for leave (`PermissionAsked`); it need not be offered what `refuses` has.
    """

    run: str
    purpose: str
    task: str
    key: str
    title: str
    prompt: str
    worktree: Path
    scratch: Path
    base: str
    commit: str
    branch: str = ""
    test: str = ""
    revision: int = 0
    attempt: int = 1
    resume: str = ""
    evidence: Path | None = None
    mcp: tuple[McpServer, ...] = ()
    tools: tuple[str, ...] = ()
    denied_tools: tuple[str, ...] = ()
    boxed: bool = False
    asks: frozenset[Tool] = frozenset()
    refuses: frozenset[Tool] = frozenset()


@dataclass(frozen=True)
class Launch:
    """How to start the agent's program. `stdin` is written at once; `keep_stdin` leaves it open for more.

    `env` is added to the allow-listed environment of the worker. With `merge_stderr` both streams arrive as one.
    `files` are written by the worker, readable by their owner only, before the program starts: absolute paths
    inside the job's scratch directory. `links` are made there too: each leads to something of the person's own, a path
    that may begin with `~/`, where there is such a thing; the agent may change only those that `writes` names. In place
    of a link that `defaults` names too stands a file: the JSON of the person's own, and that where it says nothing.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    keep_stdin: bool = False
    merge_stderr: bool = False
    files: Mapping[Path, bytes] = field(default_factory=dict)
    links: Mapping[Path, str] = field(default_factory=dict)
    writes: tuple[str, ...] = ()
    defaults: Mapping[Path, bytes] = field(default_factory=dict)


class Conversation(Protocol):
    """One running agent as its provider sees it: bytes in, events out, no I/O of its own."""

    @property
    def launch(self) -> Launch:
        """The program to start for this turn."""
        ...

    @property
    def steering(self) -> How:
        """How a directive reaches this agent while it works; it names a session where that takes another turn."""
        ...

    def feed(self, data: bytes) -> Sequence[AgentEvent]:
        """Take a piece of standard output, split anywhere; never raises on any bytes.

        A terminal event may come from here while the program lives: its input is then closed, and it ends.
        """
        ...

    def exited(self, code: int | None, stderr: str) -> Sequence[AgentEvent]:
        """The program is gone (`None`: by a signal). Its last event is terminal, unless `feed` has given one."""
        ...

    def steer(self, directive: str, text: str) -> bytes | None:
        """Bytes that put a directive into the running turn, or None when this agent takes none.

        That it has taken it, it says itself: `DirectiveTaken`.
        """
        ...

    def answer(self, request: str, refusal: str) -> bytes:
        """Bytes that answer a `PermissionAsked`: leave is given with an empty refusal, else it is the reason."""
        ...


class Provider(Protocol):
    """An adapter to one kind of agent."""

    def check(self, path: str, role: str) -> None:
        """Raise `ProviderMissing` or `BadProvider` when it cannot work for this role with this PATH."""
        ...

    def environment(self) -> Sequence[str]:
        """Names of environment variables this agent needs beside the allow-list, for example its own key."""
        ...

    @property
    def account(self) -> str:
        """Whose limits it shares: all workers of one account rest together. Empty for one without."""
        ...

    def open(self, job: Job) -> Conversation:
        """Begin one turn."""
        ...


@dataclass(frozen=True)
class Ended:
    """How a program ended that was run to its end. Without a `code` a signal ended it.

    Of long output the beginning and the end are there, and it was `cut`. `late`: its time was over, and its whole tree
    was stopped.
    """

    code: int | None
    stdout: str = ""
    stderr: str = ""
    late: bool = False
    cut: bool = False


class RunProgram(Protocol):
    """Runs a program to its end, in a tree of its own that nothing outlives."""

    async def __call__(
        self, argv: Sequence[str], *, stdin: bytes, cwd: Path, env: Mapping[str, str], timeout: float
    ) -> Ended:
        """`env` is its whole environment, `timeout` is in seconds. Raises `AgentFailed` when it cannot be executed."""
        ...


class RunsGit(Protocol):
    """git at work in one directory, without prompts, hooks or the caller's environment."""

    def run(self, *args: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> str:
        """Standard output, bytes that are not UTF-8 as surrogates. Raises `GitFailed` and `GitMissing`."""
        ...
