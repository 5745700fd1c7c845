"""Codex through `codex exec`: one turn and its end, for a program without an app server, or for a key alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from maestro_ray.model.agent import (
    AgentEvent,
    Failed,
    Finished,
    RateLimited,
    Retrying,
    Said,
    SessionNamed,
    ToolCalled,
    ToolReturned,
    UsageCounted,
)
from maestro_ray.model.steering import How
from maestro_ray.ports import Job, Launch
from maestro_ray.providers.installed import gone
from maestro_ray.providers.json_lines import JsonLines
from maestro_ray.providers.json_turn import JsonTurn
from maestro_ray.providers.output import bounded, brief, clean

_STATUS = re.compile(r"status:? (\d{3})\b")
_SIGNED_OUT = (401, 403)
_AGAIN = re.compile(r"Reconnecting\W+(\d+)/\d+ \((.*)\)", re.DOTALL)
# seconds: it never says how long
_REST = 60.0


class CodexExecTurn(JsonTurn):
    """One turn, which takes nothing while it runs: a directive is heard in another turn of the same session.

    `launch` is what is common to both ways to talk to Codex: its settings, and where they lie.
    """

    def __init__(
        self, job: Job, program: str, launch: Launch, model: str = "", more: Sequence[str] = ()
    ) -> None:
        self._program = program
        self._lines = JsonLines()
        self._words = ""
        self._end: Finished | Failed | None = None
        # nobody can be asked here for what a sandbox inside of ours, which may not work there, refuses
        mine = "workspace-write" if job.purpose == "execute" else "read-only"
        box = "danger-full-access" if job.boxed else mine
        self._launch = Launch(
            (program, "exec", "--json", "-s", box, "-C", str(job.worktree), *(("-m", model) if model else ()), *more,
             *(("resume", job.resume) if job.resume else ()), "-"),
            env=launch.env, files=launch.files, links=launch.links, writes=launch.writes,
            stdin=job.prompt.encode(errors="replace"),
        )  # fmt: skip

    @property
    def steering(self) -> How:
        return How.NEXT_TURN

    def exited(self, code: int | None, stderr: str) -> list[AgentEvent]:
        events = self._rest()
        end = self._end or Failed(brief(gone(self._program, code, "in the middle of its turn", stderr)))
        return [*events, end]

    def steer(self, _directive: str, _text: str) -> bytes | None:
        return None

    def answer(self, _request: str, _refusal: str) -> bytes:
        return b""

    def _events(self, said: Mapping[str, Any]) -> list[AgentEvent]:
        match said:
            case {"type": "thread.started", "thread_id": str(session)}:
                return [SessionNamed(session)]
            case {"type": "item.started", "item": dict(item)}:
                return self._began(item)
            case {"type": "item.completed", "item": dict(item)}:
                return self._ended(item)
            case {"type": "error", "message": str(reason)} if again := _AGAIN.match(reason):
                return [Retrying(int(again[1]), reason=brief(again[2]))]
            case {"type": "turn.completed"}:
                return [*_spent(said.get("usage") or {}), self._over(Finished(bounded(self._words)))]
            case {"type": "turn.failed", "error": {"message": str(reason)}}:
                return self._failed(reason)
        return []

    def _began(self, item: Mapping[str, Any]) -> list[AgentEvent]:
        match item:
            case {"type": "command_execution", "command": str(command)}:
                return [ToolCalled("shell", brief(command))]
            case {"type": "file_change", "changes": list(changes)}:
                return [ToolCalled("edit", brief(" ".join(str(each["path"]) for each in changes)))]
            case {"type": "mcp_tool_call", "server": str(server), "tool": str(tool)}:
                return [ToolCalled(f"{server}.{tool}")]
        return []

    def _ended(self, item: Mapping[str, Any]) -> list[AgentEvent]:
        match item:
            case {"type": "agent_message", "text": str(text)}:
                self._words = text
                return [Said(clean(text).rstrip("\n") + "\n")]
            case {"type": "command_execution", "status": status}:
                return [
                    ToolReturned(
                        "shell", status == "completed", brief(str(item.get("aggregated_output") or ""))
                    )
                ]
            case {"type": "file_change", "status": status}:
                return [ToolReturned("edit", status == "completed")]
        return []

    def _failed(self, reason: str) -> list[AgentEvent]:
        found = _STATUS.search(reason)
        status = int(found[1]) if found else 0
        if status in _SIGNED_OUT:
            return [self._over(Failed(brief(reason), retryable=False, signed_out=True))]
        limited = status == 429 or "usage limit" in reason.lower()
        return [*([RateLimited(_REST, brief(reason))] if limited else []), self._over(Failed(brief(reason)))]

    def _over(self, end: Finished | Failed) -> Finished | Failed:
        self._end = self._end or end
        return self._end


def _spent(usage: Mapping[str, Any]) -> list[AgentEvent]:
    cached = int(usage.get("cached_input_tokens") or 0)
    spent = UsageCounted(
        int(usage.get("input_tokens") or 0), int(usage.get("output_tokens") or 0), cached_tokens=cached
    )
    return [spent] if spent != UsageCounted() else []
