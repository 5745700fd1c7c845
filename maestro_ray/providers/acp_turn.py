"""One turn over the Agent Client Protocol, JSON-RPC in lines; `acp_habits` has what the protocol leaves open."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from maestro_ray.model import steering
from maestro_ray.model.agent import (
    AgentEvent,
    DirectiveTaken,
    Failed,
    Finished,
    Reply,
    Retrying,
    Said,
    ServerLeftOut,
    SessionNamed,
)
from maestro_ray.model.plain_text import one_line
from maestro_ray.model.steering import How
from maestro_ray.ports import Job, Launch
from maestro_ray.providers import mcp_forms
from maestro_ray.providers.acp_habits import UNKNOWN, Ear, Habits, habits_of
from maestro_ray.providers.acp_tools import Tools
from maestro_ray.providers.acp_trouble import said_in, trouble
from maestro_ray.providers.acp_usage import Used
from maestro_ray.providers.installed import gone
from maestro_ray.providers.json_lines import JsonLines, line
from maestro_ray.providers.json_turn import JsonTurn
from maestro_ray.providers.output import PIECE, Bounded, brief, clean

_VERSION = 1
_CLIENT = {"name": "maestro", "version": "1"}
# Gemini reads a file through its client before it writes it and takes "not found" for a failure: nothing is offered
_ABLE = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
_DRAIN = "craft/drainMidTurnQueue"
# a method that no agent has: that it is refused tells that all before it has been read
_PING = "_maestro/ping"
_NO_SUCH_METHOD, _BAD_PARAMS = -32601, -32602
# leave is for one question: an agent that was told `allow_always` would ask for nothing of the kind again
_ALLOW, _REJECT = ("allow_once",), ("reject_once", "reject_always")
_GO_ON = "You were interrupted for the following. The files are as you left them: mind it, then go on with your task."
_MORE = "Your work was done when the following was said. Mind it in what you have done, and end as you were asked to."


class AcpTurn(JsonTurn):
    """One turn of one session. It is over when every prompt is answered and nothing waits to be said.

    Without `habits` they are those of the agent that it says it is. `settings` are requests, method and parameters,
    that a session begins with.
    """

    def __init__(
        self,
        job: Job,
        launch: Launch,
        habits: Habits | None = None,
        settings: Sequence[tuple[str, Mapping[str, Any]]] = (),
    ) -> None:
        self._job = job
        self._habits = habits
        self._settings = list(settings)
        self._program = PurePath(launch.argv[0]).name
        self._lines = JsonLines()
        # what each request of ours that is not answered is for, by its number
        self._sent: dict[int, str] = {}
        self._number = 0
        self._loads = False
        self._session = ""
        self._servers: list[dict[str, Any]] = []
        # prompts that run, and the directives that each bears; directives that wait for another prompt
        self._prompts: dict[int, tuple[str, ...]] = {}
        self._pings: dict[int, int] = {}
        self._waiting: list[tuple[str, str]] = []
        self._interrupted = False
        # questions of the agent: its own number for each, and the options
        self._asked: dict[str, tuple[Any, Sequence[Any], str]] = {}
        self._refused: list[tuple[str, str]] = []
        self._tools = Tools(str(job.worktree))
        self._used = Used()
        self._words, self._last_words, self._line_open = Bounded(), "", False
        self._end: Finished | Failed | None = None
        greeting = self._call(
            "initialize", protocolVersion=_VERSION, clientInfo=_CLIENT, clientCapabilities=_ABLE
        )
        self._launch = replace(launch, stdin=greeting, keep_stdin=True)

    @property
    def steering(self) -> How:
        return (self._habits or UNKNOWN).how

    def exited(self, code: int | None, stderr: str) -> list[AgentEvent]:
        events = self._rest()
        if self._end:
            return [*events, self._end] if self._end not in events else events
        self._end = Failed(brief(gone(self._program, code, "in the middle of its turn", stderr)))
        return [*events, self._end]

    def steer(self, directive: str, text: str) -> bytes | None:
        ear = (self._habits or UNKNOWN).ear
        if self._end or ear is Ear.NONE:
            return None
        self._waiting.append((directive, text))
        if not self._prompts or ear is Ear.ASKS:
            return b""
        return self._say_waiting() if ear is Ear.PROMPT else self._interrupt()

    def answer(self, request: str, refusal: str) -> bytes:
        if request not in self._asked:
            return b""
        number, options, detail = self._asked.pop(request)
        if refusal:
            self._refused.append((detail, refusal))
        chosen = _choose(options, _REJECT if refusal else _ALLOW)
        outcome = {"outcome": "selected", "optionId": chosen} if chosen else {"outcome": "cancelled"}
        return _answer(number, {"outcome": outcome})

    # ── what it says ─────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, value: Mapping[str, Any] | str) -> list[AgentEvent]:
        return super()._read(value) if self._end is None else []

    def _no_json(self, text: str) -> list[AgentEvent]:
        return [*self._new_line(), *super()._no_json(text)]

    def _unknown(self, value: Mapping[str, Any]) -> list[AgentEvent]:
        """Who asks waits for an answer, and so do we for what we have asked."""
        number = value.get("id")
        if isinstance(value.get("method"), str):
            return [Reply(_error(number, _BAD_PARAMS, "maestro cannot read that"))] if "id" in value else []
        if not isinstance(number, int) or number not in self._sent:
            return []
        said = f"{self._program} answers {self._sent[number]} in a form that maestro does not know"
        return [self._over(Failed(f"{said}: {brief(json.dumps(value))}"))]

    def _events(self, said: Mapping[str, Any]) -> list[AgentEvent]:
        match said:
            case {"method": "session/update", "params": {"sessionId": session, "update": dict(update)}}:
                return self._updated(update) if session == self._session or not self._session else []
            case {"method": str(method), "id": number}:
                return self._request(number, method, said.get("params") or {})
            case {"method": _}:
                return []
            case {"id": int(number), "error": dict(error)} if number in self._sent:
                return self._failed(number, self._sent.pop(number), error)
            case {"id": int(number), "result": result} if number in self._sent:
                events = self._answered(number, self._sent[number], result or {})
                del self._sent[number]
                return events
        return []

    def _updated(self, update: Mapping[str, Any]) -> list[AgentEvent]:
        if not self._prompts:
            # a session that is loaded is told from its beginning
            self._used.known(update)
            return []
        match update:
            case {"sessionUpdate": "agent_message_chunk", "content": content}:
                return [*self._used.told(update), *self._heard(content)]
            case {"sessionUpdate": "tool_call" | "tool_call_update"}:
                events = self._tools.called(update)
                return [*self._new_line(), *events] if events else []
            case {"sessionUpdate": "usage_update"}:
                return self._used.told(update)
        return []

    def _heard(self, content: Mapping[str, Any]) -> list[AgentEvent]:
        text = clean(str(content.get("text") or ""))
        if not text:
            return []
        self._refused.clear()  # it goes on without what it was refused
        for at in range(0, len(text), PIECE):
            self._words.add(text[at : at + PIECE])
        self._line_open = not text.endswith("\n")
        return [Said(text)]

    def _new_line(self) -> list[AgentEvent]:
        """Its words are whole here; what comes next are others."""
        if words := self._words.text():
            self._last_words, self._words = words, Bounded()
        opened, self._line_open = self._line_open, False
        return [Said("\n")] if opened else []

    def _request(self, number: Any, method: str, params: Mapping[str, Any]) -> list[AgentEvent]:
        if method == "session/request_permission":
            request = json.dumps(number)
            options = [each for each in params["options"] if isinstance(each, Mapping)]
            events = [*self._new_line(), *self._tools.asked(request, params["toolCall"])]
            self._asked[request] = (number, options, str(getattr(events[-1], "detail", "")))
            return events
        if method == _DRAIN and (self._habits or UNKNOWN).ear is Ear.ASKS:
            return self._drained(number)
        return [Reply(_error(number, _NO_SUCH_METHOD, "maestro does not do that"))]

    def _drained(self, number: Any) -> list[AgentEvent]:
        waiting, self._waiting = self._waiting, []
        words = [steering.block([text for _, text in waiting])] if waiting else []
        taken = [DirectiveTaken(directive) for directive, _ in waiting]
        return [Reply(_answer(number, {"messages": words, "hasQueuedPrompt": False})), *taken]

    # ── how a session goes ───────────────────────────────────────────────────────────────────────────────────────

    def _answered(self, number: int, what: str, result: Mapping[str, Any]) -> list[AgentEvent]:
        match what:
            case "initialize":
                return self._met(result)
            case "session/load":
                return self._opened(self._job.resume, result)
            case "session/new":
                return self._opened(str(result["sessionId"]), result)
            case "session/prompt":
                return self._prompted(number, result)
            case "ping":
                return self._taken(self._pings.pop(number))
        return self._next()

    def _met(self, result: Mapping[str, Any]) -> list[AgentEvent]:
        if (version := result.get("protocolVersion")) != _VERSION:
            reason = f"{self._program} speaks version {version!r} of the protocol, and maestro {_VERSION}"
            return [self._over(Failed(brief(reason), retryable=False))]
        can = result.get("agentCapabilities") or {}
        if self._habits is None:
            self._habits = habits_of(str((result.get("agentInfo") or {}).get("name")))
        left_out = self._given(can.get("mcpCapabilities") or {})
        if self._job.resume and can.get("loadSession") is True:
            begin = self._call("session/load", sessionId=self._job.resume, **self._place())
        else:
            begin = self._call("session/new", **self._place())
        return [*left_out, Reply(begin)]

    def _given(self, can: Mapping[str, Any]) -> list[AgentEvent]:
        """What it cannot reach is left out: some would refuse the whole session for it."""
        http, sse = can.get("http") is True, can.get("sse") is True
        self._servers, names = mcp_forms.acp(self._job.mcp, http=http, sse=sse)
        return [ServerLeftOut(name, "the agent cannot reach a server of this kind") for name in names]

    def _opened(self, session: str, result: Mapping[str, Any]) -> list[AgentEvent]:
        self._session = session
        self._used.began(result)
        return [SessionNamed(session), *self._next()]

    def _next(self) -> list[AgentEvent]:
        """The next of the settings; after the last one the work."""
        if self._settings:
            method, params = self._settings.pop(0)
            return [Reply(self._call(method, sessionId=self._session, **params))]
        waiting, self._waiting = self._waiting, []
        return [Reply(self._prompt(self._job.prompt, waiting))]

    def _prompted(self, number: int, result: Mapping[str, Any]) -> list[AgentEvent]:
        events = self._taken(number)
        del self._prompts[number]
        reason = str(result.get("stopReason"))
        if self._prompts:
            return events
        events += [*self._new_line(), *self._used.answered(result)]
        self._interrupted = False
        if self._waiting:
            return [*events, Reply(self._say_waiting(_GO_ON if reason == "cancelled" else _MORE))]
        if self._refused and (self._habits or UNKNOWN).ends_when_refused:
            return [*events, Reply(self._say_refused())]
        end = (
            Finished(self._last_words)
            if reason == "end_turn"
            else Failed(_STOPS.get(reason) or _stopped(reason))
        )
        return [*events, self._over(end)]

    def _failed(self, number: int, what: str, error: Mapping[str, Any]) -> list[AgentEvent]:
        match what:
            case "ping":
                return self._taken(self._pings.pop(number))
            case "session/load":
                why = brief(said_in(error))
                begin = self._call("session/new", **self._place())
                return [
                    Retrying(1, reason=f"its session could not be taken up, a new one begins: {why}"),
                    Reply(begin),
                ]
            case "session/prompt":
                del self._prompts[number]
                if self._prompts:
                    return []  # it takes no second prompt; the first goes on
        *before, end = trouble(error)
        assert isinstance(end, Failed)
        return [*self._new_line(), *self._used.answered({}), *before, self._over(end)]

    def _over(self, end: Finished | Failed) -> Finished | Failed:
        self._end = end
        return end

    # ── what we say ──────────────────────────────────────────────────────────────────────────────────────────────

    def _call(self, method: str, *, what: str = "", **params: Any) -> bytes:
        self._number += 1
        self._sent[self._number] = what or method
        return line({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})

    def _place(self) -> dict[str, Any]:
        return {"cwd": str(self._job.worktree), "mcpServers": self._servers}

    def _prompt(self, text: str, waiting: Sequence[tuple[str, str]] = ()) -> bytes:
        said = "\n\n".join(filter(None, [text, steering.block([each for _, each in waiting])]))
        sent = self._call("session/prompt", sessionId=self._session, prompt=[{"type": "text", "text": said}])
        self._prompts[self._number] = tuple(directive for directive, _ in waiting)
        return sent + self._ping(self._number) if waiting else sent

    def _ping(self, prompt: int) -> bytes:
        sent = self._call(_PING, what="ping")
        self._pings[self._number] = prompt
        return sent

    def _taken(self, prompt: int) -> list[AgentEvent]:
        """What this prompt bears is in the agent's input, unless it has been refused."""
        directives = self._prompts.get(prompt, ())
        if prompt in self._prompts:
            self._prompts[prompt] = ()
        return [DirectiveTaken(each) for each in directives]

    def _say_waiting(self, more: str = "") -> bytes:
        waiting, self._waiting = self._waiting, []
        return self._prompt(more, waiting)

    def _say_refused(self) -> bytes:
        refused, self._refused = self._refused, []
        lines = [f"- {one_line(detail)}: {one_line(reason)}" for detail, reason in refused]
        words = [
            "You were refused the following, and that stands:",
            *lines,
            "Go on with your task without it.",
        ]
        return self._prompt("\n".join(words))

    def _interrupt(self) -> bytes:
        """Whoever asks is told that nothing comes of it."""
        if self._interrupted:
            return b""
        self._interrupted = True
        asked, self._asked = self._asked, {}
        gone_by = [_answer(number, {"outcome": {"outcome": "cancelled"}}) for number, _, _ in asked.values()]
        cancel = {"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": self._session}}
        return b"".join([line(cancel), *gone_by])


_STOPS = {
    "cancelled": "the turn was cancelled",
    "refusal": "the model refuses to go on",
    "max_tokens": "the model has no room for more",
    "max_turn_requests": "the agent has asked its model as often as it may in one turn",
}


def _stopped(reason: str) -> str:
    return f"the turn ended with {brief(reason)}"


def _choose(options: Sequence[Any], kinds: Sequence[str]) -> str:
    """The first of these kinds that is offered: the ids differ from agent to agent."""
    offered = {str(each.get("kind")): str(each.get("optionId")) for each in reversed(options)}
    return next((offered[kind] for kind in kinds if kind in offered), "")


def _answer(number: Any, result: Mapping[str, Any]) -> bytes:
    return line({"jsonrpc": "2.0", "id": number, "result": result})


def _error(number: Any, code: int, reason: str) -> bytes:
    return line({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": reason}})
