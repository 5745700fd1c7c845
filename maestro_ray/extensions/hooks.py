"""Hooks: commands that are run when something happens, as configuration files and plugins name them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_ray.errors import BadFrame, ConfigError, MaestroError
from maestro_ray.extensions.events import EVENTS
from maestro_ray.extensions.found import Found, Origin
from maestro_ray.extensions.places import Surroundings, content, is_there, top_of
from maestro_ray.protocol import strictjson
from maestro_ray.toml import Table, as_table, did_you_mean, read_toml

TIMEOUT = 30.0
LONGEST_TIMEOUT = 600.0
LONGEST_COMMAND = 32 * 1024


@dataclass(frozen=True)
class Hook:
    """One command for one event. `argv` is what is executed, a text by `sh`; `timeout` is in seconds.

    `matcher` is a regular expression that must be all of what the event is about; empty or `*` is everything. `root`
    is the top of the repository, the directory of the plugin, or the state directory.
    """

    event: str
    argv: tuple[str, ...]
    root: Path
    timeout: float = TIMEOUT
    matcher: str = ""

    @property
    def words(self) -> str:
        """The command as a person would write it."""
        return (
            self.argv[2] if self.argv[:2] == ("sh", "-c") and len(self.argv) == 3 else shlex.join(self.argv)
        )

    def matches(self, event: str, said: dict[str, Any]) -> bool:
        """Whether it is meant by this event, of which `said` is told."""
        if event != self.event:
            return False
        if self.matcher in ("", "*"):
            return True
        return re.fullmatch(self.matcher, str(said.get(EVENTS[event], ""))) is not None


def find_hooks(where: Surroundings) -> list[Found[Hook]]:
    """Every hook: the operator's own, the repository's, those of plugins. They shadow nothing; all are run.

    `where.cwd` is in the checkout that the operator works in, and never in a worker's worktree: what an agent writes
    there is not what was trusted, and its path is another.
    """
    found = _of_config(where.home / "config.toml", where.home, Origin("user"))
    if (top := top_of(where.cwd)) and top / ".maestro" != where.home:
        origin = Origin("repository", top.resolve())
        found += _of_config(top / ".maestro" / "config.toml", top, origin)
    for name, root in where.plugins:
        found += hooks_of_plugin(root, Origin("plugin", root.resolve(), name))
    return found


def _of_config(path: Path, root: Path, origin: Origin) -> list[Found[Hook]]:
    return _of_file(path, origin, lambda text: read_toml(text, path.name, ConfigError), _entries, root)


def hooks_of_plugin(root: Path, origin: Origin) -> list[Found[Hook]]:
    """Those of a plugin's `hooks/hooks.json`, in Claude's form."""
    path = root / "hooks" / "hooks.json"
    return _of_file(path, origin, lambda text: as_table(_json(text), path.name, ConfigError), _claudes, root)


def _of_file(path: Path, origin: Origin, parse: Any, entries: Any, root: Path) -> list[Found[Hook]]:
    """Each entry, sound or broken; a file that cannot be read is one broken entry."""
    if not is_there(path):
        return []
    try:
        hooks = parse(content(path, origin.within)).table("hooks")
    except (ValueError, MaestroError) as error:
        return [Found(path.name, origin, path, problem=str(error))]
    return [_found(event, read, root, origin, path) for event in hooks for read in entries(hooks, event)]


def _found(event: str, read: Any, root: Path, origin: Origin, path: Path) -> Found[Hook]:
    try:
        return Found(event, origin, path, read(root))
    except (ValueError, MaestroError) as error:
        return Found(event, origin, path, problem=str(error))


def _entries(hooks: Table, event: str) -> Iterator[Any]:
    """A reader for each `[[hooks.EVENT]]`: its mistakes are its own."""
    if event not in EVENTS:
        yield lambda _: _refuse(f"there is no event {event!r}{did_you_mean(event, list(EVENTS))}")
        return
    try:
        tables = hooks.tables(event)
    except MaestroError as error:
        reason = str(error)
        yield lambda _: _refuse(reason)
        return
    for table in tables:
        yield lambda root, table=table: read_hook(table, event, root)


def _refuse(sentence: str) -> Hook:
    raise ValueError(sentence)


def read_hook(table: Table, event: str, root: Path) -> Hook:
    """One `[[hooks.EVENT]]` table. Raises `ConfigError`, and `ValueError` for a matcher."""
    table.only("command", "timeout", "matcher")
    return Hook(event, _argv(table), root, _timeout(table), _matcher(event, table.text("matcher")))


def _argv(table: Table) -> tuple[str, ...]:
    """A list is executed as it is, a text by `sh`."""
    if "command" in table and isinstance(table.raw("command"), list):
        argv = tuple(table.texts("command"))
    else:
        text = table.text("command").strip()
        argv = ("sh", "-c", text) if text else ()
    if not argv or not argv[0]:
        raise table.mistake("a command is missing: a list of words, or a text for sh", "command")
    if sum(map(len, argv)) > LONGEST_COMMAND:
        raise table.mistake(f"the command is longer than {LONGEST_COMMAND} characters", "command")
    return argv


def _timeout(table: Table) -> float:
    seconds = table.number("timeout", TIMEOUT)
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise table.mistake(f"'timeout' is more than 0 and at most {LONGEST_TIMEOUT:g} seconds", "timeout")
    return seconds


def _matcher(event: str, matcher: str) -> str:
    if matcher not in ("", "*"):
        if not EVENTS[event]:
            raise ValueError(f"{event} takes no matcher: there is nothing to choose by")
        try:
            re.compile(matcher)
        except re.error as error:
            raise ValueError(f"the matcher {matcher!r} is no regular expression: {error}") from None
    return matcher


# ── Claude's form ────────────────────────────────────────────────────────────────────────────────────────────────────


def _json(text: str) -> Any:
    try:
        return strictjson.parse(text)
    except BadFrame as error:
        raise ValueError(str(error.args[0])) from None


def _claudes(hooks: Table, event: str) -> Iterator[Any]:
    """`"EVENT": [{"matcher": …, "hooks": [{"type": "command", "command": …, "timeout": …}]}]`."""
    if event not in EVENTS:
        yield lambda _: _refuse(f"maestro has no event {event!r}, so that nothing runs it")
        return
    try:
        pairs = [(group, hook) for group in hooks.tables(event) for hook in group.tables("hooks")]
    except MaestroError as error:
        reason = str(error)
        yield lambda _: _refuse(reason)
        return
    for group, hook in pairs:
        yield lambda root, group=group, hook=hook: _read_claudes(group, hook, event, root)


def _read_claudes(group: Table, hook: Table, event: str, root: Path) -> Hook:
    if (kind := hook.text("type", "command")) != "command":
        raise ValueError(f"maestro runs hooks of the type 'command', and not {kind[:40]!r}")
    matcher = group.text("matcher") if EVENTS[event] else ""
    return Hook(event, _argv(hook), root, _timeout(hook), _matcher(event, matcher))
