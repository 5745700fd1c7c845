"""Claude Code: its headless stream of JSON lines with the control protocol; a directive reaches the running turn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from maestro_ray.model import steering
from maestro_ray.model.agent import (
    AgentEvent,
    DirectiveTaken,
    Failed,
    Finished,
    PermissionAsked,
    RateLimited,
    Reply,
    Retrying,
    Said,
    ServerLeftOut,
    SessionNamed,
    ToolCalled,
    ToolReturned,
    UsageCounted,
)
from maestro_ray.model.permission import Tool, kind_of
from maestro_ray.model.steering import How
from maestro_ray.ports import Job, Launch
from maestro_ray.providers import mcp_forms
from maestro_ray.providers.installed import Installed, gone
from maestro_ray.providers.json_lines import JsonLines, line
from maestro_ray.providers.json_turn import JsonTurn
from maestro_ray.providers.output import bounded, brief, clean

PROGRAM = "claude"
VARIABLES = (
    "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL", "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_MAX_RETRIES", "IS_SANDBOX",
)  # fmt: skip

_TALK = (
    "-p", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json", "--replay-user-messages",
    "--permission-prompt-tool", "stdio",
)  # fmt: skip
# what makes no sense where nobody sits in front of it, or takes it away from its worktree
_NOT_HERE = (
    "AskUserQuestion", "EnterPlanMode", "ExitPlanMode", "EnterWorktree", "ExitWorktree", "CronCreate", "CronDelete",
    "CronList", "ScheduleWakeup", "SendMessage", "ListAgents",
)  # fmt: skip
# what is said with these is what the adapter lives on, or who may do what
_OWN = frozenset({
    "-p", "--print", "--input-format", "--output-format", "--replay-user-messages", "--permission-prompt-tool",
    "--permission-mode", "--dangerously-skip-permissions", "--allow-dangerously-skip-permissions",
    "--disallowedTools", "--disallowed-tools", "-r", "--resume", "-c", "--continue", "--session-id", "--fork-session",
    "--no-session-persistence", "-w", "--worktree", "--from-pr", "--bg", "--background", "--model",
    "--settings", "--setting-sources", "--allowedTools", "--allowed-tools",
})  # fmt: skip
# what the person has set up is seen by their agents too; only a log-in that was refreshed is written back
_LOGIN = ".credentials.json"
_SETTINGS = (_LOGIN, "settings.json", "CLAUDE.md", "agents", "commands", "skills", "plugins")
# what it is given to start, variables filled in
_SERVERS = "mcp.json"
_EDITORS = ("Edit", "Write", "NotebookEdit")
_NAMES: Mapping[str, Sequence[str]] = {
    Tool.SHELL: ("Bash",), Tool.EDIT: _EDITORS, Tool.READ: ("Read", "Glob", "Grep"),
    Tool.FETCH: ("WebFetch", "WebSearch"), Tool.MCP: ("mcp__*",),
}  # fmt: skip
_SIGNED_OUT = (401, 403)
_CACHED = "cache_read_input_tokens"
# seconds, when it does not say how long
_REST = 60.0


class ClaudeTurn(JsonTurn):
    """One turn. It is over with a `result` behind which nothing waits that was written into it."""

    def __init__(self, job: Job, model: str = "", more: Sequence[str] = ()) -> None:
        # an agent that could change the person's own settings would leave hooks in them
        place = job.scratch / "claude"
        self._lines = JsonLines()
        self._launch = Launch(
            (PROGRAM, *_TALK, *_mode(job), *(("--model", model) if model else ()),
             *(("--resume", job.resume) if job.resume else ()),
             *mcp_forms.claude_arguments(job.scratch / _SERVERS, job.mcp), *more),
            env={
                "CLAUDE_CONFIG_DIR": str(place), "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                "DISABLE_AUTOUPDATER": "1",
            },
            links={place / name: f"~/.claude/{name}" for name in _SETTINGS},
            writes=(f"~/.claude/{_LOGIN}",),
            files={job.scratch / _SERVERS: mcp_forms.claude_file(job.mcp)},
            stdin=_user(job.prompt),
            keep_stdin=True,
        )  # fmt: skip
        self._session = ""
        # directives that were written and are not known to be done
        self._open: set[str] = set()
        self._asked: dict[str, Any] = {}
        self._tools: dict[str, str] = {}
        self._limit: RateLimited | None = None
        self._cost = 0.0
        self._counted = _Counted()
        self._end: Finished | Failed | None = None

    @property
    def steering(self) -> How:
        return How.IN_TURN

    def exited(self, code: int | None, stderr: str) -> list[AgentEvent]:
        events = self._rest()
        return [*events, self._end or _failure(gone(PROGRAM, code, "and gave no result", stderr))]

    def steer(self, directive: str, text: str) -> bytes:
        self._open.add(directive)
        return _user(steering.block([text]), directive)

    def answer(self, request: str, refusal: str) -> bytes:
        given = self._asked.pop(request, {})
        answer = (
            {"behavior": "deny", "message": refusal}
            if refusal
            else {"behavior": "allow", "updatedInput": given}
        )
        return _answer(request, answer)

    def _events(self, event: Mapping[str, Any]) -> list[AgentEvent]:
        match event:
            case {"type": "assistant"}:
                return self._said(event)
            case {"type": "user", "message": {"content": list(content)}}:
                return [event for block in content for event in self._returned(block)]
            case {"type": "result"}:
                return self._result(event)
            case {"type": "control_request", "request_id": str(request), "request": dict(asked)}:
                return [self._request(request, asked)]
            case {"type": "command_lifecycle", "command_uuid": str(directive), "state": state}:
                return self._steered(directive, state)
            case {"type": "system"}:
                return self._system(event)
            case {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": at}}:
                self._limit = RateLimited(_REST, "the account is at its limit", float(at))
        return []

    def _unknown(self, value: Mapping[str, Any]) -> list[AgentEvent]:
        """It stays when its turn is over: a result counts, whatever is odd beside it."""
        if value.get("type") != "result":
            return []
        self._end = self._end or _failure(
            f"a result of a form that maestro does not know: {json.dumps(value)}"
        )
        return [self._end]

    def _system(self, event: Mapping[str, Any]) -> list[AgentEvent]:
        match event:
            case {"subtype": "init", "session_id": str(session)} if session != self._session:
                self._session = session
                return [SessionNamed(session), *_left_out(event.get("mcp_servers") or ())]
            case {"subtype": "api_retry", "attempt": int(attempt), "retry_delay_ms": delay}:
                reason = " ".join(str(event[key]) for key in ("error_status", "error") if event.get(key))
                if event.get("error_status") == 429:
                    self._limit = RateLimited(max(_REST, delay / 1000), reason)
                return [Retrying(attempt, delay / 1000, clean(reason))]
        return []

    def _said(self, event: Mapping[str, Any]) -> list[AgentEvent]:
        message = event["message"]
        events: list[AgentEvent] = self._counted.request(message)
        # what an agent of the agent says is said to that one
        ours = not event.get("parent_tool_use_id")
        for block in message["content"]:
            match block:
                case {"type": "text", "text": str(text)} if ours and text:
                    events.append(Said(clean(text).rstrip("\n") + "\n"))
                case {"type": "tool_use", "id": str(number), "name": str(tool), "input": given}:
                    self._tools[number] = tool
                    events.append(ToolCalled(tool, brief(_detail(given))))
        return events

    def _returned(self, block: object) -> list[AgentEvent]:
        match block:
            case {"type": "tool_result", "tool_use_id": str(number), **rest}:
                tool = self._tools.pop(number, "")
                return [
                    ToolReturned(tool, rest.get("is_error") is not True, brief(_text(rest.get("content"))))
                ]
        return []

    def _request(self, request: str, asked: Mapping[str, Any]) -> AgentEvent:
        match asked:
            # leave is given with the input: of two questions of one name the second would run with the first's
            case {"subtype": "can_use_tool", "tool_name": str(tool), "input": given} if (
                request not in self._asked
            ):
                self._asked[request] = given
                # a tool of a server may have a command among other things that count
                own = kind_of(tool) in (Tool.SHELL, Tool.EDIT, Tool.READ)
                detail = _detail(given) if own else json.dumps(given, ensure_ascii=False)
                return PermissionAsked(request, tool, detail, _about(given))
        return Reply(_error(request, "maestro does not do that"))

    def _steered(self, directive: str, state: object) -> list[AgentEvent]:
        if directive not in self._open:
            return []
        if state == "queued":
            return [DirectiveTaken(directive)]
        if state != "started":
            self._open.discard(directive)
        return [self._end] if self._end and not self._open else []

    def _result(self, event: Mapping[str, Any]) -> list[AgentEvent]:
        self._end = self._ending(event)
        cost = max(self._cost, float(event.get("total_cost_usd") or 0.0))
        spent = self._counted.rest(event.get("usage") or {}, cost - self._cost)
        self._cost = cost
        events: list[AgentEvent] = [spent] if spent != UsageCounted() else []
        if isinstance(self._end, Failed) and event.get("api_error_status") == 429:
            events.append(self._limit or RateLimited(_REST, self._end.reason))
        # what was written into this turn and not read in it begins another, in the same program
        waits = self._open and isinstance(self._end, Finished)
        return events if waits else [*events, self._end]

    def _ending(self, event: Mapping[str, Any]) -> Finished | Failed:
        text = clean(str(event.get("result") or ""))
        if event.get("is_error") is not True and event.get("subtype") == "success":
            return Finished(bounded(text))
        reason = text or "; ".join(map(str, event.get("errors") or ())) or str(event.get("subtype"))
        signed_out = event.get("api_error_status") in _SIGNED_OUT or "/login" in text
        return _failure(reason, signed_out)


class Claude(Installed):
    """Raises `BadProvider`."""

    program, variables, own = PROGRAM, VARIABLES, _OWN
    asks = True

    def open(self, job: Job) -> ClaudeTurn:
        return ClaudeTurn(job, self._model, self._more)


class _Counted:
    """What of a result's usage has been said before it, with each request to the model."""

    def __init__(self) -> None:
        self._request = ""
        self._input = self._cached = 0
        self._model = ""

    def request(self, message: Mapping[str, Any]) -> list[AgentEvent]:
        """The tokens that went into one more request; what came out is only known at the end."""
        usage = message.get("usage") or {}
        number, spent = str(message.get("id")), _input(usage)
        if number == self._request or not spent:
            return []
        self._request, self._input = number, self._input + spent
        cached, self._model = int(usage.get(_CACHED) or 0), str(message.get("model") or "")
        self._cached += cached
        return [UsageCounted(input_tokens=spent, model=self._model, cached_tokens=cached)]

    def rest(self, usage: Mapping[str, Any], cost: float) -> UsageCounted:
        said, self._input, cached, self._cached = self._input, 0, self._cached, 0
        spent = max(0, _input(usage) - said), int(usage.get("output_tokens") or 0), cost
        found = UsageCounted(*spent, cached_tokens=max(0, int(usage.get(_CACHED) or 0) - cached))
        return replace(found, model=self._model) if found != UsageCounted() else found


def _input(usage: Mapping[str, Any]) -> int:
    names = ("input_tokens", "cache_creation_input_tokens", _CACHED)
    return sum(int(usage.get(name) or 0) for name in names)


def _left_out(servers: Sequence[Mapping[str, Any]]) -> list[AgentEvent]:
    """It does not say why."""
    bad = ("failed", "needs-auth")
    return [
        ServerLeftOut(str(each["name"]), "it did not start, or did not answer")
        for each in servers
        if each.get("status") in bad
    ]


def _mode(job: Job) -> tuple[str, ...]:
    """Who judges or tests may look and run, and is not given the tools that change files."""
    refused = [*_NOT_HERE, *(name for tool in sorted(job.refuses) for name in _NAMES.get(tool, ()))]
    if job.purpose != "execute":
        refused += [name for name in _EDITORS if name not in refused]
    refused += [name for name in job.denied_tools if name not in refused]
    named = ("--tools", ",".join(job.tools)) if job.tools else ()
    mode = "acceptEdits" if job.purpose == "execute" else "default"
    # before what the person's own settings allow, and whatever the mode
    asked = [name for tool in sorted(job.asks - job.refuses) for name in _NAMES.get(tool, ())]
    settings = ("--settings", json.dumps({"permissions": {"ask": asked}})) if asked else ()
    return ("--permission-mode", mode, *named, "--disallowedTools", ",".join(refused), *settings)


def _failure(reason: str, signed_out: bool = False) -> Failed:
    return Failed(brief(reason) or "no reason was given", retryable=not signed_out, signed_out=signed_out)


def _detail(given: object) -> str:
    """Exactly what would be done: the command, or the tool's whole input."""
    match given:
        case {"command": str(command)}:
            return command
        case {"file_path": str(path)}:
            return path
        case _:
            return json.dumps(given, ensure_ascii=False)


def _about(given: object) -> tuple[str, ...]:
    """The file or the address that it is about."""
    match given:
        case (
            {"file_path": str(path)} | {"notebook_path": str(path)} | {"path": str(path)} | {"url": str(path)}
        ):
            return (path,)
    return ()


def _text(content: object) -> str:
    if isinstance(content, list):
        return " ".join(str(each.get("text", "")) for each in content if isinstance(each, dict))
    return str(content or "")


def _user(text: str, directive: str = "") -> bytes:
    content = [{"type": "text", "text": text}]
    said: dict[str, Any] = {"type": "user", "message": {"role": "user", "content": content}}
    return line({**said, "uuid": directive} if directive else said)


def _answer(request: str, answer: Mapping[str, Any]) -> bytes:
    body = {"subtype": "success", "request_id": request, "response": answer}
    return line({"type": "control_response", "response": body})


def _error(request: str, reason: str) -> bytes:
    body = {"subtype": "error", "request_id": request, "error": reason}
    return line({"type": "control_response", "response": body})
