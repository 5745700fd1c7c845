"""What an agent does while it works, as values: the only language a provider speaks to a worker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """A piece of the agent's text for people to read. Soft: it may be dropped under pressure."""

    text: str


@dataclass(frozen=True)
class ToolCalled:
    """The agent began to use a tool; `detail` is one line for a person."""

    tool: str
    detail: str = ""


@dataclass(frozen=True)
class ToolReturned:
    """The tool's result came back."""

    tool: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True)
class UsageCounted:
    """Tokens and money spent since the last such event; `cost` in US dollars, of all that was counted since the agent
    last said one. Of what went in, `cached_tokens` were read from the model's cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    model: str = ""
    cached_tokens: int = 0


@dataclass(frozen=True)
class SessionNamed:
    """The agent's own session id, with which its provider can resume it."""

    session: str


@dataclass(frozen=True)
class RateLimited:
    """The account is at its limit; `retry_after` seconds from now, or until `resets_at` (Unix seconds) when that is
    known. A pause, never a failure."""

    retry_after: float
    reason: str = ""
    resets_at: float = 0.0


@dataclass(frozen=True)
class Retrying:
    """The agent asks its model again after it was refused; `wait` seconds from now. What looks like silence is this."""

    attempt: int
    wait: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class PermissionAsked:
    """The agent waits for leave to use a tool. `request` names the question to its provider, `detail` is exactly what
    would be done: the command, the file, or the tool's input as JSON. `about` are the paths or the address that rules
    are compared with, where they are not the detail itself."""

    request: str
    tool: str
    detail: str
    about: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServerLeftOut:
    """An MCP server that the agent was given cannot be used by it; it goes on without."""

    server: str
    reason: str = ""


@dataclass(frozen=True)
class DirectiveTaken:
    """A steering directive is now in the agent's input."""

    directive: str


@dataclass(frozen=True)
class Reply:
    """Bytes the worker must write to the agent's standard input now."""

    data: bytes


@dataclass(frozen=True)
class Finished:
    """The terminal event of a turn that worked; `text` is the agent's closing words, `exit_code` a command's."""

    text: str = ""
    exit_code: int | None = None


@dataclass(frozen=True)
class Failed:
    """The terminal event of a turn that did not work; `retryable` is False when trying again cannot help.

    `signed_out` says that the agent's account was refused: nobody else with the same credentials gets further.
    """

    reason: str
    retryable: bool = True
    signed_out: bool = False


AgentEvent = (
    Said
    | ToolCalled
    | ToolReturned
    | UsageCounted
    | SessionNamed
    | RateLimited
    | Retrying
    | PermissionAsked
    | ServerLeftOut
    | DirectiveTaken
    | Reply
    | Finished
    | Failed
)
