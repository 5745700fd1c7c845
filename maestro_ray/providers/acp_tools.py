"""The tools that an agent of the Agent Client Protocol uses: each call is told of once, with what it does."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from maestro_ray.model.agent import AgentEvent, PermissionAsked, ToolCalled, ToolReturned
from maestro_ray.model.permission import Tool, kind_of
from maestro_ray.providers.output import brief
from maestro_ray.providers.where import run_in

# of the protocol's kinds; `other` says nothing
_NAMES = {"execute": "shell"}
_SAYS_NOTHING = ("", "other", "think", "switch_mode")
_PATHS = ("file_path", "filePath", "filepath", "path")
_PLACES = ("cwd", "workdir", "directory", "dir_path")
_SHOWN_PLACE = re.compile(r"\[(?:current working directory|in) ([^\]]+)\]")
# what is remembered of calls that never return, and of each until it is asked about
_MOST = 1_000
_LONGEST = 10_000


@dataclass(frozen=True)
class _Call:
    name: str = ""
    detail: str = ""
    told: bool = False
    cut: bool = False
    place: str = ""


class Tools:
    """What has been called and has not returned. An agent says a little more of a call with each message about it."""

    def __init__(self, worktree: str = "/") -> None:
        self._worktree = worktree
        self._calls: dict[str, _Call] = {}

    def called(self, call: Mapping[str, Any]) -> list[AgentEvent]:
        """A `tool_call`, or a `tool_call_update`."""
        number, status = str(call["toolCallId"]), call.get("status")
        known = self._known(number, call)
        ended = status in ("completed", "failed")
        events = self._tell(number, known) if ended or _is_said(call) else []
        if ended:
            self._calls.pop(number, None)
            events.append(ToolReturned(known.name, status == "completed", brief(_output(call))))
        return events

    def asked(self, request: str, call: Mapping[str, Any]) -> list[AgentEvent]:
        """A question about one: what it is about is as exact as the agent says."""
        number = str(call["toolCallId"])
        known = self._known(number, call)
        # what was left out when it was put aside may be anything
        detail = "" if known.cut and not _detail(call) else known.detail
        if kind_of(known.name) is Tool.SHELL:
            detail = run_in(known.place, self._worktree, detail)
        return [*self._tell(number, known), PermissionAsked(request, known.name, detail, _paths(call))]

    def _known(self, number: str, call: Mapping[str, Any]) -> _Call:
        before = self._calls.get(number, _Call())
        known = replace(before, name=_name(call, before.name), detail=_detail(call) or before.detail)
        known = replace(known, place=_place(call) or before.place)
        if number in self._calls or len(self._calls) < _MOST:
            short = known.detail[:_LONGEST] + " …" if len(known.detail) > _LONGEST else known.detail
            known = replace(known, cut=short != known.detail or (before.cut and not _detail(call)))
            self._calls[number] = replace(known, detail=short)
        return known

    def _tell(self, number: str, call: _Call) -> list[AgentEvent]:
        if call.told:
            return []
        if number in self._calls:
            self._calls[number] = replace(self._calls[number], told=True)
        return [ToolCalled(call.name, brief(call.detail))]


def _is_said(call: Mapping[str, Any]) -> bool:
    """Some begin with an empty call, or with no more than its place, and say what it is about later."""
    given = _given(call)
    return call.get("status") == "in_progress" or bool(given.keys() - {*_PLACES} and _detail(call))


def _name(call: Mapping[str, Any], before: str) -> str:
    kind = str(call.get("kind") or "")
    if kind not in _SAYS_NOTHING:
        return _NAMES.get(kind, brief(kind))
    if not before and isinstance(_given(call).get("command"), str):
        return "shell"
    return before or brief(str(call.get("title") or kind or "tool"))


def _detail(call: Mapping[str, Any]) -> str:
    """The command, the files, or the tool's whole input."""
    given = _given(call)
    if command := _command(given):
        return command
    paths = _paths(call)
    if paths and call.get("kind") in ("edit", "read", "delete", "move"):
        return " ".join(paths)
    if given:
        return json.dumps(given, ensure_ascii=False)
    # an agent that gives no input has it in the title
    return str(call.get("title") or "")


def _place(call: Mapping[str, Any]) -> str:
    """Where it would be run: beside the command, or, of Gemini, in what it shows a person."""
    given = _given(call)
    named = next((given[name] for name in _PLACES if isinstance(given.get(name), str)), "")
    shown = None if given else _SHOWN_PLACE.match(_output(call))
    return named or (shown[1] if shown else "")


def _command(given: Mapping[str, Any]) -> str:
    """With its arguments, where they stand beside it."""
    match given:
        case {"command": str(command), "args": [*more]} if more and all(
            isinstance(each, str) for each in more
        ):
            return shlex.join([command, *more])
        case {"command": str(command)}:
            return command
        case {"command": [*words]} if all(isinstance(each, str) for each in words):
            return shlex.join(words)
    return ""


def _given(call: Mapping[str, Any]) -> Mapping[str, Any]:
    given = call.get("rawInput")
    return given if isinstance(given, Mapping) else {}


def _paths(call: Mapping[str, Any]) -> tuple[str, ...]:
    """The files that it is about; the place where a command begins is none."""
    given = _given(call)
    if call.get("kind") == "execute" or isinstance(given.get("command"), str):
        return ()
    told = tuple(str(each["path"]) for each in call.get("locations") or ())
    return told or tuple(given[name] for name in _PATHS if isinstance(given.get(name), str))[:1]


def _output(call: Mapping[str, Any]) -> str:
    words = []
    for each in call.get("content") or ():
        match each:
            case {"type": "content", "content": {"type": "text", "text": str(text)}}:
                words.append(text)
            case {"type": "diff", "path": str(path)}:
                words.append(path)
    return " ".join(words)
