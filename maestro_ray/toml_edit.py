"""A person's TOML file changed by a program: comments and order survive, and nothing but the change is made."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maestro_ray.errors import ConfigError, Conflict, InternalError, NotWritable
from maestro_ray.toml import read_toml


def set_table(path: Path, section: str, name: str, values: Mapping[str, Any]) -> None:
    """Write `[section.name]` with these values, in the place of one of that name.

    Raises `ConfigError` for a file that is broken, which is left as it is, and `NotWritable`.
    """
    _change(path, section, name, dict(values))


def remove_table(path: Path, section: str, name: str) -> None:
    """Remove `[section.name]`; harmless when there is none. Raises as `set_table` does."""
    if path.exists():
        _change(path, section, name, None)


def append_table(path: Path, section: str, name: str, values: Mapping[str, Any]) -> None:
    """Write a further `[[section.name]]` with these values at the end.

    Raises as `set_table` does, and `Conflict` where what is there is written as one line.
    """
    _rewrite(path, lambda text: _with_one_more(text, section, name, dict(values)))


def _change(path: Path, section: str, name: str, values: dict[str, Any] | None) -> None:
    _rewrite(path, lambda text: _edited(text, section, name, values))


def _rewrite(path: Path, edit: Callable[[str], str]) -> None:
    try:
        # a link to somebody's dotfiles stays a link
        path = path.resolve()
        with _locked(path):
            text = _read(path)
            read_toml(text, str(path), ConfigError)
            fresh = edit(text)
            if fresh != text:
                _write(path, fresh)
    except OSError as error:
        raise NotWritable(str(path), error.strerror or str(error)) from error


def _edited(text: str, section: str, name: str, values: dict[str, Any] | None) -> str:
    """The text with the table, or without it. Of several ways the first is taken that changes nothing else."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    tables = _parsed(text) or {}
    if values is None and name not in tables.get(section, {}):
        return mark + text
    wanted = _wanted(tables, section, name, values)
    for way in (_cut, _in_place) if values is None else (_append, _in_place):
        fresh = way(text, section, name, values or {})
        if _parsed(fresh) == wanted:
            return mark + fresh
    raise InternalError(f"[{section}.{name}] could not be written without changing something else")


def _with_one_more(text: str, section: str, name: str, values: dict[str, Any]) -> str:
    import tomlkit

    before = _parsed(text.removeprefix("\ufeff")) or {}
    array = tomlkit.aot()
    array.append(tomlkit.item(values))
    document = tomlkit.document()
    document[section] = tomlkit.table(is_super_table=True)
    document[section][name] = array
    end = "\r\n" if "\r\n" in text else "\n"
    apart = end if text and not text.endswith("\n") else ""
    fresh = text + apart + (end if text else "") + tomlkit.dumps(document).replace("\n", end)
    tables = before.get(section, {})
    wanted = {**before, section: {**tables, name: [*tables.get(name, []), values]}}
    if (
        _parsed(fresh.removeprefix("\ufeff")) != wanted
    ):  # an array that is written in one line cannot be added to
        raise Conflict(
            f"{section}.{name} is written in a form that takes no more tables", "write it there yourself"
        )
    return fresh


def _wanted(tables: dict[str, Any], section: str, name: str, values: dict[str, Any] | None) -> dict[str, Any]:
    rest = {key: value for key, value in tables.get(section, {}).items() if key != name}
    fresh = {**rest, name: values} if values is not None else rest
    return {
        **{key: value for key, value in tables.items() if key != section},
        **({section: fresh} if fresh else {}),
    }


def _parsed(text: str) -> dict[str, Any] | None:
    """An empty section says nothing."""
    try:
        return {key: value for key, value in tomllib.loads(text).items() if value != {}}
    except ValueError:
        return None


def _append(text: str, section: str, name: str, values: dict[str, Any]) -> str:
    """At the end: what stands there belongs to nobody else. Not valid where the table is there already."""
    import tomlkit

    document = tomlkit.document()
    document[section] = tomlkit.table(is_super_table=True)
    document[section][name] = tomlkit.item(values)
    end = "\r\n" if "\r\n" in text else "\n"
    apart = end if text and not text.endswith("\n") else ""
    return text + apart + (end if text else "") + tomlkit.dumps(document).replace("\n", end)


def _cut(text: str, section: str, name: str, _values: dict[str, Any]) -> str:
    """From its head to its last key: a comment after that is about what follows."""
    lines = text.splitlines(keepends=True)
    head = re.compile(rf"""\s*\[\s*{re.escape(section)}\s*\.\s*(["']?){re.escape(name)}\1\s*\]""")
    begin = next((at for at, line in enumerate(lines) if head.match(line)), len(lines))
    end = begin + 1
    for at in range(end, len(lines)):
        told = lines[at].strip()
        if told.startswith("["):
            break
        if told and not told.startswith("#"):
            end = at + 1
    if 0 < begin < len(lines) and not lines[begin - 1].strip():
        begin -= 1
    return "".join(lines[:begin] + lines[end:])


def _in_place(text: str, section: str, name: str, values: dict[str, Any]) -> str:
    """However it is written: as a table that is there, inside an inline one, with dotted keys."""
    import tomlkit
    from tomlkit.items import InlineTable

    document = tomlkit.parse(text)
    tables: Any = document[section]
    if not values:
        del tables[name]
        if not tables:
            del document[section]
    elif name in tables:
        for key in [key for key in tables[name] if key not in values]:
            del tables[name][key]
        tables[name].update(values)
    else:
        fresh = tomlkit.inline_table() if isinstance(tables, InlineTable) else tomlkit.table()
        fresh.update(values)
        tables[name] = fresh
    return tomlkit.dumps(document)


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), 1, 1, f"cannot be read: {error}") from error


def _write(path: Path, text: str) -> None:
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    # a name that nobody can have put a link at: the file may be in a repository, whose files are others'
    fd, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(fd, "w", encoding="utf-8", newline="") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(fresh).rename(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One change at a time: two that read the same text would lose one of them."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
    with open(os.open(path.with_name(f".{path.name}.lock"), flags, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
