"""Codex: its app server, JSON-RPC in lines; a directive reaches the running turn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
from maestro_ray.model.permission import Tool
from maestro_ray.model.steering import How
from maestro_ray.ports import Job, Launch
from maestro_ray.providers import mcp_forms
from maestro_ray.providers.codex_exec import CodexExecTurn
from maestro_ray.providers.installed import Installed, gone
from maestro_ray.providers.json_lines import JsonLines, line
from maestro_ray.providers.json_turn import JsonTurn
from maestro_ray.providers.output import bounded, brief, clean
from maestro_ray.providers.where import run_in

PROGRAM = "codex"
VARIABLES = ("OPENAI_API_KEY", "CODEX_API_KEY", "OPENAI_BASE_URL")

# what is said with these is what the adapter lives on, or who may do what
_OWN = frozenset({
    "--listen", "--stdio", "-m", "--model", "-s", "--sandbox", "-a", "--ask-for-approval", "--full-auto", "--yolo",
    "--dangerously-bypass-approvals-and-sandbox", "--approve-for-me", "--worktree", "--dangerously-bypass-hook-trust",
    "--all", "-C", "--cd", "--add-dir", "--json",
    "--skip-git-repo-check", "-o", "--output-last-message", "--output-schema", "--ephemeral", "--last",
})  # fmt: skip
_KEYS = frozenset(
    {
        "sandbox_mode",
        "approval_policy",
        "approvals_reviewer",
        "sandbox_workspace_write",
        "default_permissions",
        "permissions",
    }
)
# what the person has set up is seen by their agents too; only a log-in that was refreshed is written back
_LOGIN = "auth.json"
_SETTINGS = (_LOGIN, "config.toml", "AGENTS.md", "prompts", "skills", "rules")
_INITIALIZE, _THREAD, _TURN, _STEER = 1, 2, 3, 4
_SIGNED_OUT = (401, 403)
# seconds, when it does not say how long
_REST = 60.0


class CodexTurn(JsonTurn):
    """One turn of one thread. Requests of ours have fixed numbers: three to begin, and one for each directive."""

    def __init__(self, job: Job, model: str = "", more: Sequence[str] = ()) -> None:
        self._lines = JsonLines()
        self._job = job
        self._thread = self._turn = ""
        self._model = model
        # directives by the number of their request, and those that came before there was a turn
        self._steered: dict[int, str] = {}
        self._early: list[tuple[str, str]] = []
        self._items: dict[str, Mapping[str, Any]] = {}
        self._words: list[str] = []
        self._end: Finished | Failed | None = None
        place, mcp = job.scratch / "codex", mcp_forms.codex(job.mcp, job.scratch)
        self._launch = Launch(
            (PROGRAM, "app-server", *(("-c", f'model="{model}"') if model else ()), *mcp.arguments, *more),
            env={"CODEX_HOME": str(place), **mcp.env},
            stdin=self._greeting(),
            keep_stdin=True,
            files=mcp.files,
            # a person's own rules say what is done without a question
            links={
                place / name: f"~/.codex/{name}" for name in _SETTINGS if not (self._asks and name == "rules")
            },
            writes=(f"~/.codex/{_LOGIN}",),
        )

        # what cannot even be told to it, and its questions about tools of servers
        self._left_out: list[AgentEvent] = [ServerLeftOut(*each) for each in mcp.left_out]
        self._asked_forms: set[str] = set()

    @property
    def steering(self) -> How:
        return How.IN_TURN

    def feed(self, data: bytes) -> list[AgentEvent]:
        left_out, self._left_out = self._left_out, []
        return [*left_out, *(event for value in self._lines.feed(data) for event in self._read(value))]

    def exited(self, code: int | None, stderr: str) -> list[AgentEvent]:
        events = self._rest()
        end = self._end or Failed(brief(gone(PROGRAM, code, "in the middle of its turn", stderr)))
        return [*events, end]

    def steer(self, directive: str, text: str) -> bytes:
        if self._turn:
            return self._steer(directive, text)
        self._early.append((directive, text))
        return b""

    def answer(self, request: str, refusal: str) -> bytes:
        answer = "decline" if refusal else "accept"
        if request in self._asked_forms:
            self._asked_forms.discard(request)
            return line({"id": int(request), "result": {"action": answer, "content": {}}})
        return line({"id": int(request), "result": {"decision": answer}})

    @property
    def _asks(self) -> bool:
        """Whether the policy wants to hear of what it would do by itself."""
        return bool(self._job.asks.difference(self._job.refuses) & {Tool.SHELL, Tool.EDIT})

    def _greeting(self) -> bytes:
        client = {"name": "maestro", "title": None, "version": "1"}
        # who makes no change has no reason to write; what leaves the worktree is asked for
        writes = self._job.purpose == "execute"
        rules = {
            "cwd": str(self._job.worktree),
            "approvalPolicy": "untrusted" if self._asks else "on-request",
            # a person's own settings may let a model answer in our place
            "approvalsReviewer": "user",
            "sandbox": "workspace-write" if writes else "read-only",
        }
        resume = {"threadId": self._job.resume} if self._job.resume else {}
        begin = _call(_THREAD, "thread/resume" if resume else "thread/start", **resume, **rules)
        return _call(_INITIALIZE, "initialize", clientInfo=client) + line({"method": "initialized"}) + begin

    def _steer(self, directive: str, text: str) -> bytes:
        number = _STEER + len(self._steered)
        self._steered[number] = directive
        said = _text(steering.block([text]))
        return _call(number, "turn/steer", threadId=self._thread, expectedTurnId=self._turn, input=said)

    def _events(self, said: Mapping[str, Any]) -> list[AgentEvent]:
        match said:
            case {"id": int(request), "method": str(method)}:
                return [self._request(request, method, said["params"])]
            case {"id": int(number), "result": result}:
                return self._answered(number, result)
            case {"id": int(number), "error": error}:
                return self._refused(number, str(error["message"]))
            case {"method": str(method), "params": dict(params)}:
                return self._notified(method, params)
        return []

    def _unknown(self, value: Mapping[str, Any]) -> list[AgentEvent]:
        """Who asks waits for an answer, and so do we for what a turn begins with."""
        if "method" in value:
            return [Reply(_refusal(value["id"]))] if "id" in value else []
        if value.get("id") not in (_INITIALIZE, _THREAD, _TURN):
            return []
        return [
            self._over(
                Failed(f"{PROGRAM} answers in a form that maestro does not know: {brief(json.dumps(value))}")
            )
        ]

    def _answered(self, number: int, result: Mapping[str, Any]) -> list[AgentEvent]:
        if number == _THREAD:
            self._thread = str(result["thread"]["id"])
            self._model = str(result.get("model") or self._model)
            begin = _call(_TURN, "turn/start", threadId=self._thread, input=_text(self._job.prompt))
            return [SessionNamed(self._thread), Reply(begin)]
        if number == _TURN:
            self._turn = str(result["turn"]["id"])
            early, self._early = self._early, []
            return [Reply(self._steer(*each)) for each in early]
        return [DirectiveTaken(self._steered[number])] if number in self._steered else []

    def _refused(self, number: int, reason: str) -> list[AgentEvent]:
        """A directive that comes too late is no failure: it is heard in another turn."""
        return [self._over(Failed(brief(reason)))] if number <= _TURN else []

    def _request(self, request: int, method: str, params: Mapping[str, Any]) -> AgentEvent:
        match method:
            case "item/commandExecution/requestApproval":
                place, command = str(params.get("cwd") or ""), str(params["command"])
                return PermissionAsked(str(request), "shell", run_in(place, str(self._job.worktree), command))
            case "item/fileChange/requestApproval":
                item = self._items.get(str(params["itemId"]), {})
                # leave to write below a directory, from now on, comes with some
                root = (str(params["grantRoot"]),) if params.get("grantRoot") else ()
                paths = (*_changed(item), *root)
                return PermissionAsked(str(request), "edit", " ".join(paths), paths)
            case "mcpServer/elicitation/request" if _asks_for_tool(params):
                self._asked_forms.add(str(request))
                tool = f"mcp__{params['serverName']}__{params['_meta']['tool_name']}"
                given = json.dumps(params["_meta"].get("tool_params") or {}, ensure_ascii=False)
                return PermissionAsked(str(request), tool, given)
        return Reply(_refusal(request))

    def _notified(self, method: str, params: Mapping[str, Any]) -> list[AgentEvent]:
        match method:
            case "item/started":
                return self._began(params["item"])
            case "item/completed":
                return self._ended(params["item"])
            case "mcpServer/startupStatus/updated" if params["status"] == "failed":
                return [ServerLeftOut(str(params["name"]), brief(str(params.get("error") or "")))]
            # a thread that is resumed says again what its last turn has used
            case "thread/tokenUsage/updated" if params["turnId"] == self._turn:
                last = params["tokenUsage"]["last"]
                spent, made = int(last["inputTokens"]), int(last["outputTokens"])
                cached = int(last.get("cachedInputTokens") or 0)
                return [UsageCounted(spent, made, model=self._model, cached_tokens=cached)]
            case "error" if params.get("willRetry"):
                error = params["error"]
                return [Retrying(1, reason=brief(str(error.get("additionalDetails") or error["message"])))]
            case "turn/completed" if params["turn"]["id"] == self._turn:
                return self._completed(params["turn"])
        return []

    def _began(self, item: Mapping[str, Any]) -> list[AgentEvent]:
        match item:
            case {"type": "commandExecution", "command": str(command)}:
                return [ToolCalled("shell", brief(command))]
            case {"type": "fileChange", "id": str(number)}:
                self._items[number] = item
                return [ToolCalled("edit", brief(_paths(item)))]
            case {"type": "mcpToolCall", "server": str(server), "tool": str(tool)}:
                return [ToolCalled(f"{server}.{tool}")]
        return []

    def _ended(self, item: Mapping[str, Any]) -> list[AgentEvent]:
        match item:
            case {"type": "agentMessage", "text": str(text)}:
                self._words.append(text)
                return [Said(clean(text).rstrip("\n") + "\n")]
            case {"type": "commandExecution", "status": status}:
                return [
                    ToolReturned(
                        "shell", status == "completed", brief(str(item.get("aggregatedOutput") or ""))
                    )
                ]
            case {"type": "fileChange", "id": str(number), "status": status}:
                self._items.pop(number, None)
                return [ToolReturned("edit", status == "completed")]
            case {"type": "mcpToolCall", "server": str(server), "tool": str(tool), "status": status}:
                return [ToolReturned(f"{server}.{tool}", status == "completed")]
        return []

    def _completed(self, turn: Mapping[str, Any]) -> list[AgentEvent]:
        if turn["status"] == "completed":
            return [self._over(Finished(bounded(self._words[-1] if self._words else "")))]
        error = turn.get("error") or {"message": f"the turn was {turn['status']}"}
        reason, status = brief(str(error["message"])), _status(error)
        if status in _SIGNED_OUT:
            return [self._over(Failed(reason, retryable=False, signed_out=True))]
        limited = status == 429 or "usageLimitExceeded" in str(error.get("codexErrorInfo"))
        return [*([RateLimited(_REST, reason)] if limited else []), self._over(Failed(reason))]

    def _over(self, end: Finished | Failed) -> Finished | Failed:
        self._end = self._end or end
        return self._end


class Codex(Installed):
    """Raises `BadProvider`."""

    program, variables, own, keys, ways = PROGRAM, VARIABLES, _OWN, _KEYS, 2

    @property
    def asks(self) -> bool:
        """Whether it can be told no."""
        return not self._spec.exec

    def open(self, job: Job) -> CodexTurn | CodexExecTurn:
        talk = CodexTurn(job, self._model, self._more)
        if self._spec.exec:
            more = (*mcp_forms.codex(job.mcp, job.scratch).arguments, *self._more)
            return CodexExecTurn(job, PROGRAM, talk.launch, self._model, more)
        return talk


def _asks_for_tool(params: Mapping[str, Any]) -> bool:
    """Whether a form is only a question for leave to use a tool; servers may show others."""
    about = params.get("_meta")
    return (
        isinstance(about, dict)
        and about.get("codex_approval_kind") == "mcp_tool_call"
        and "tool_name" in about
    )


def _status(error: Mapping[str, Any]) -> int:
    """The HTTP status behind an error; 0 when it does not say."""
    info = error.get("codexErrorInfo")
    found = [each.get("httpStatusCode") for each in info.values()] if isinstance(info, dict) else []
    return int(next((each for each in found if each), 0))


def _paths(item: Mapping[str, Any]) -> str:
    return " ".join(_changed(item))


def _changed(item: Mapping[str, Any]) -> tuple[str, ...]:
    """The files that are written, those too to which one is moved."""
    found: list[str] = []
    for change in item.get("changes", ()):
        kind = change.get("kind")
        moved = kind.get("move_path") if isinstance(kind, dict) else None
        found += [str(change["path"]), *([str(moved)] if moved else [])]
    return tuple(found)


def _text(words: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": words}]


def _refusal(request: Any) -> bytes:
    return line({"id": request, "error": {"code": -32601, "message": "maestro does not do that"}})


def _call(number: int, method: str, **params: Any) -> bytes:
    return line({"id": number, "method": method, "params": params})
