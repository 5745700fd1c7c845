"""pi: its rpc mode, JSON lines in both directions; a directive reaches the running turn."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from maestro_ray.model import steering
from maestro_ray.model.agent import (
    AgentEvent,
    DirectiveTaken,
    Failed,
    Finished,
    RateLimited,
    Reply,
    Retrying,
    Said,
    SessionNamed,
    ToolCalled,
    ToolReturned,
    UsageCounted,
)
from maestro_ray.model.permission import Tool
from maestro_ray.model.steering import How
from maestro_ray.ports import Job, Launch
from maestro_ray.providers.installed import Installed, gone
from maestro_ray.providers.json_lines import JsonLines, line
from maestro_ray.providers.json_turn import JsonTurn
from maestro_ray.providers.output import bounded, brief, clean

PROGRAM = "pi"
# of the services it knows by itself; others are for `env` of a table
VARIABLES = (
    "ANTHROPIC_API_KEY", "ANTHROPIC_OAUTH_TOKEN", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY",
    "DEEPSEEK_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY", "XAI_API_KEY",
)  # fmt: skip

_OWN = frozenset({
    "--mode", "-p", "--print", "-c", "--continue", "-r", "--resume", "--session", "--session-dir", "--no-session",
    "--fork", "-t", "--tools", "-nt", "--no-tools", "--model", "--export", "--list-models", "--api-key",
})  # fmt: skip
# what the person has set up is seen by their agents too; only a log-in that was refreshed is written back
_LOGIN = "auth.json"
_SETTINGS = (
    _LOGIN,
    "settings.json",
    "models.json",
    "AGENTS.md",
    "SYSTEM.md",
    "prompts",
    "skills",
    "extensions",
)
# its tools of each of our kinds; who makes no change is not given those that do
_TOOLS = {
    Tool.READ: ("read", "grep", "find", "ls"), Tool.SHELL: ("bash",), Tool.EDIT: ("edit", "write"),
}  # fmt: skip
_PROMPT, _WHO, _STILL = "prompt", "who", "still"
# these repeat all that was said so far, each time
_REPEATS = re.compile(rb'\s*\{\s*"type"\s*:\s*"(?:message_update|tool_execution_update|agent_end)"')
_DELTA = re.compile(
    r'\s*\{\s*"type"\s*:\s*"message_update"\s*,\s*"assistantMessageEvent"\s*:\s*\{\s*"type"\s*:\s*"text_delta"\s*,'
    r'\s*"contentIndex"\s*:\s*\d+\s*(?:,\s*"delta"\s*:\s*("(?:[^"\\]|\\.)*")\s*[,}])?'
)
_AGENT_END = re.compile(r'\s*\{\s*"type"\s*:\s*"agent_end"')
_STATUS = re.compile(r"\W*(?:Error:\s*)?(\d{3})\b")
_NO_LOGIN = re.compile(r"no api key|/login|invalid.{0,9}api.key|authentication", re.IGNORECASE)
_SIGNED_OUT = (401, 403)
# seconds: it never says how long
_REST = 60.0


class PiTurn(JsonTurn):
    """One turn: one prompt, and everything up to the end of the agent behind which it does not try again.

    Only the program knows whether it does: after an end that failed it is asked something, and what it says of trying
    again stands before the answer.
    """

    def __init__(self, job: Job, model: str = "", more: Sequence[str] = ()) -> None:
        place = job.scratch / "pi"
        self._lines = JsonLines(heads=_REPEATS)
        self._launch = Launch(
            (PROGRAM, "--mode", "rpc", *(("--model", model) if model else ()),
             *(("--session", job.resume) if job.resume else ()),
             *_tools(job), *more),
            env={"PI_CODING_AGENT_DIR": str(place), "PI_OFFLINE": "1", "PI_TELEMETRY": "0"},
            links={place / name: f"~/.pi/agent/{name}" for name in _SETTINGS},
            writes=(f"~/.pi/agent/{_LOGIN}",),
            stdin=line({"id": _WHO, "type": "get_state"})
            + line({"id": _PROMPT, "type": "prompt", "message": job.prompt}),
            keep_stdin=True,
        )  # fmt: skip
        # its file, which is there when the model has answered for the first time
        self._session = ""
        self._waiting: list[tuple[str, str]] = []
        # of the message that is being written: how much was said, and whether a piece of it could not be read
        self._said = 0
        self._behind = False
        # the last message of the model, and whether what failed is tried again
        self._words, self._failure = "", ""
        self._again = False
        self._end: Finished | Failed | None = None

    @property
    def steering(self) -> How:
        return How.IN_TURN

    def exited(self, code: int | None, stderr: str) -> list[AgentEvent]:
        events = self._rest()
        # without a word about the end, what failed last is why
        failed = self._failed(self._failure) if self._failure else []
        end = self._end or Failed(brief(gone(PROGRAM, code, "in the middle of its turn", stderr)))
        return [*events, *(failed if not self._end and failed else [end])]

    def steer(self, directive: str, text: str) -> bytes:
        said = steering.block([text])
        self._waiting.append((directive, said))
        return line({"id": directive, "type": "steer", "message": said})

    def answer(self, _request: str, _refusal: str) -> bytes:
        return b""

    def _no_json(self, head: str) -> list[AgentEvent]:
        if _AGENT_END.match(head):
            return self._stopped()
        if delta := _DELTA.match(head):
            return self._delta(delta[1])
        return [] if _REPEATS.match(head.encode(errors="replace")) else super()._no_json(head)

    def _events(self, event: Mapping[str, Any]) -> list[AgentEvent]:
        match event:
            case {"type": "response", "id": str(request), "success": success}:
                return self._answered(request, success is True, event)
            case {"type": "message_start", "message": dict(message)}:
                return self._began(message)
            case {"type": "message_end", "message": {"role": "assistant"} as message}:
                return self._message(message)
            case {"type": "tool_execution_start", "toolName": str(tool)}:
                return [ToolCalled(tool, brief(_detail(event.get("args"))))]
            case {"type": "tool_execution_end", "toolName": str(tool)}:
                return [ToolReturned(tool, event.get("isError") is not True, brief(_result(event)))]
            case {"type": "auto_retry_start", "attempt": int(attempt), "delayMs": delay}:
                self._again = True
                return [Retrying(attempt, delay / 1000, brief(str(event.get("errorMessage") or "")))]
            case {"type": "compaction_start", "reason": "overflow"}:
                self._again = True
            case {"type": "auto_retry_end" | "compaction_end"} if event.get("success") is not True:
                return self._gave_up(event)
            case {"type": "extension_ui_request", "id": str(asked), "method": method}:
                return _nobody(asked, method)
        return []

    def _answered(self, request: str, success: bool, event: Mapping[str, Any]) -> list[AgentEvent]:
        if request == _WHO and success:
            self._session = str(event["data"].get("sessionFile") or "")
        if request == _PROMPT and not success:
            return self._failed(str(event.get("error") or "the prompt was refused"))
        if request == _STILL and not self._again and self._failure:
            return self._failed(self._failure)
        return []

    def _began(self, message: Mapping[str, Any]) -> list[AgentEvent]:
        self._said, self._behind = 0, False
        if message["role"] == "assistant":
            self._again = False
        if message["role"] != "user":
            return []
        text = _text(message)
        taken = next((each for each in self._waiting if each[1] == text), None)
        if taken is None:
            return []
        self._waiting.remove(taken)
        return [DirectiveTaken(taken[0])]

    def _delta(self, literal: str | None) -> list[AgentEvent]:
        self._behind = self._behind or literal is None
        if self._behind or literal is None:
            return []
        text = str(json.loads(literal))
        self._said += len(text)
        return [Said(clean(text))] if text else []

    def _message(self, message: Mapping[str, Any]) -> list[AgentEvent]:
        self._words = _text(message)
        failed = message.get("stopReason") in ("error", "aborted")
        self._failure = str(message.get("errorMessage") or "no reason was given") if failed else ""
        rest = clean(self._words[self._said :])
        events: list[AgentEvent] = [Said(rest.rstrip("\n") + "\n")] if self._words else []
        if self._session:
            events.append(SessionNamed(self._session))
            self._session = ""
        spent = _spent(message.get("usage") or {})
        return [*events, spent] if spent != UsageCounted() else events

    def _stopped(self) -> list[AgentEvent]:
        if not self._failure:
            return [self._over(Finished(bounded(self._words)))]
        return [Reply(line({"id": _STILL, "type": "get_state"}))]

    def _gave_up(self, event: Mapping[str, Any]) -> list[AgentEvent]:
        """It tried again in vain. A compaction that makes room is followed by another try."""
        if event.get("willRetry") is True or not (self._again or event.get("finalError")):
            return []
        self._again = False
        return self._failed(str(event.get("finalError") or event.get("errorMessage") or self._failure))

    def _failed(self, reason: str) -> list[AgentEvent]:
        status = _status(reason)
        signed_out = status in _SIGNED_OUT or (status == 0 and _NO_LOGIN.search(reason) is not None)
        end = Failed(brief(reason) or "no reason was given", retryable=not signed_out, signed_out=signed_out)
        limited: list[AgentEvent] = [RateLimited(_REST, end.reason)] if status == 429 else []
        return [*limited, self._over(end)]

    def _over(self, end: Finished | Failed) -> Finished | Failed:
        self._end = self._end or end
        return self._end


class Pi(Installed):
    """Raises `BadProvider`."""

    program, variables, own = PROGRAM, VARIABLES, _OWN

    def open(self, job: Job) -> PiTurn:
        return PiTurn(job, self._model, self._more)


def _tools(job: Job) -> tuple[str, ...]:
    """It asks for no leave: what is refused is what it is not offered."""
    refused = job.refuses if job.purpose == "execute" else job.refuses | {Tool.EDIT}
    offered = [name for kind, names in _TOOLS.items() if kind not in refused for name in names]
    if not refused & _TOOLS.keys():
        return ()
    return ("--tools", ",".join(offered)) if offered else ("--no-tools",)


def _status(reason: str) -> int:
    """The HTTP status an error begins with; 0 when it does not say."""
    found = _STATUS.match(reason)
    return int(found[1]) if found else 0


def _text(message: Mapping[str, Any]) -> str:
    content = message["content"]
    if isinstance(content, str):
        return content
    return "".join(str(each["text"]) for each in content if each.get("type") == "text")


def _spent(usage: Mapping[str, Any]) -> UsageCounted:
    given = sum(int(usage.get(name) or 0) for name in ("input", "cacheRead", "cacheWrite"))
    cost = usage.get("cost") or {}
    return UsageCounted(given, int(usage.get("output") or 0), float(cost.get("total") or 0.0))


def _detail(given: object) -> str:
    match given:
        case {"command": str(command)}:
            return command
        case {"path": str(path)}:
            return path
        case _:
            return json.dumps(given, ensure_ascii=False)


def _result(event: Mapping[str, Any]) -> str:
    content = (event.get("result") or {}).get("content") or ()
    return " ".join(str(each.get("text", "")) for each in content if isinstance(each, dict))


def _nobody(asked: str, method: object) -> list[AgentEvent]:
    """An extension asks a person, and none sits here; what it only shows is of no use."""
    if method not in ("select", "confirm", "input", "editor"):
        return []
    return [Reply(line({"type": "extension_ui_response", "id": asked, "cancelled": True}))]
