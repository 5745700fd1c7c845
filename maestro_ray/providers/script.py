"""A script for the scripted provider: turns, chosen by what a job is, and the steps an agent takes in each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from maestro_ray.errors import ConfigError
from maestro_ray.model.steering import How
from maestro_ray.ports import Job
from maestro_ray.toml import Table, read_toml

ANY = "*"
_VERDICT = re.compile(r"APPROVED|REJECTED( — \S.*)?")
_OPTIONS = {"edit": ("text", "replace", "with"), "run": ("may_fail",), "fail": ("retryable",)}


@dataclass(frozen=True)
class Step:
    """One thing to do, its value, and what else it needs; all of it is plain JSON."""

    do: str
    value: Any
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    """The steps of the jobs it matches. `task` is a key or a title; an absent selector matches everything."""

    steps: tuple[Step, ...]
    task: str = ANY
    purpose: str = ANY
    revision: int | None = None
    attempt: int | None = None

    def matches(self, job: Job) -> bool:
        return (
            self.task in (ANY, job.key, job.title)
            and self.purpose in (ANY, job.purpose)
            and self.revision in (None, job.revision)
            and self.attempt in (None, job.attempt)
        )


@dataclass(frozen=True)
class Script:
    """The turns in file order; the first that matches a job is played.

    `steering` is how its agent hears a directive.
    """

    turns: tuple[Turn, ...]
    steering: How = How.IN_TURN


def parse_script(text: str, path: str) -> Script:
    """Raises `ConfigError` with line and column."""
    top = read_toml(text, path, ConfigError)
    top.only("turns", "steering")
    turns = tuple(_turn(table) for table in top.tables("turns"))
    if not turns:
        raise top.mistake("the script has no [[turns]]")
    return Script(turns, _steering(top))


def _steering(top: Table) -> How:
    word = top.text("steering", How.IN_TURN.value)
    try:
        return How(word)
    except ValueError:
        raise top.mistake(f"steering is one of: {', '.join(How)}", "steering") from None


def _turn(table: Table) -> Turn:
    table.only("task", "purpose", "revision", "attempt", "steps")
    return Turn(
        steps=tuple(_step(step) for step in table.tables("steps")),
        task=table.text("task", ANY),
        purpose=table.text("purpose", ANY),
        revision=table.whole("revision", 0) if "revision" in table else None,
        attempt=table.whole("attempt", 0) if "attempt" in table else None,
    )


def _step(table: Table) -> Step:
    table.only(*_READERS, *(option for options in _OPTIONS.values() for option in options))
    given = [do for do in _READERS if do in table]
    if len(given) != 1:
        raise table.mistake(f"a step does exactly one of: {', '.join(_READERS)}", *given[1:2])
    do = given[0]
    for other, options in _OPTIONS.items():
        for option in options:
            if option in table and other != do:
                raise table.mistake(f"{option!r} belongs to {other!r}, not to {do!r}", option)
    return Step(do, _READERS[do](table, do), _options(table, do))


def _options(table: Table, do: str) -> dict[str, Any]:
    if do == "run":
        return {"may_fail": table.flag("may_fail", False)}
    if do == "fail":
        return {"retryable": table.flag("retryable", True)}
    return _change(table) if do == "edit" else {}


def _change(table: Table) -> dict[str, str]:
    """Either the file's whole text, or one passage of it and what replaces that."""
    given = [option for option in _OPTIONS["edit"] if option in table]
    if given not in (["text"], ["replace", "with"]):
        raise table.mistake("an edit has either 'text', or 'replace' and 'with'", "edit")
    if "replace" in table and not table.text("replace"):
        raise table.mistake("'replace' is empty", "replace")
    return {option: table.text(option) for option in given}


def _words(table: Table, do: str) -> str:
    text = table.text(do)
    if not text.strip():
        raise table.mistake(f"{do!r} is empty", do)
    return text


def _inside(table: Table, do: str) -> str:
    """A file of the worktree. Symbolic links are judged by the agent, which can see them."""
    text = _words(table, do)
    parts = PurePosixPath(text).parts
    if text.startswith("/") or ".." in parts or not parts:
        raise table.mistake(f"{text!r} is not the path of a file inside the worktree", do)
    if ".git" in map(str.lower, parts):
        raise table.mistake("git's own files are not to be touched", do)
    return text


def _verdict(table: Table, do: str) -> str:
    text = table.text(do)
    if not _VERDICT.fullmatch(text):
        raise table.mistake('a verdict is "APPROVED" or "REJECTED — reason"; say another one with `say`', do)
    return text


def _usage(table: Table, do: str) -> dict[str, Any]:
    usage = table.table(do)
    usage.only("input", "output", "cost", "cached", "model")
    for key in ("input", "output", "cached"):
        usage.number(key)
    return {
        "input": usage.whole("input", 0),
        "output": usage.whole("output", 0),
        "cost": usage.number("cost"),
        **({"cached": usage.whole("cached", 0)} if "cached" in usage else {}),
        **({"model": usage.text("model")} if "model" in usage else {}),
    }


def _seconds(table: Table, do: str) -> float:
    return table.number(do)


_READERS: dict[str, Callable[[Table, str], Any]] = {
    "say": _words,
    "edit": _inside,
    "delete": _inside,
    "run": _words,
    "wait": _seconds,
    "until": _words,
    "fail": _words,
    "sign_out": _words,
    "retry": _words,
    "ask": _words,
    "rate_limit": _seconds,
    "usage": _usage,
    "verdict": _verdict,
}
