"""TOML read as typed tables, whose every mistake is an error with the file, the line and the column."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from maestro_ray.errors import MaestroError
from maestro_ray.toml_places import Path, find_places

Mistake = Callable[[str, int, int, str], MaestroError]

# tomllib takes the square of its parts for a key; no table of ours is that deep, and no sentence is written so
_DEEP_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""")

_WORDS = {
    bool: "true or false",
    str: "a string",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
}


def read_toml(text: str, path: str, mistake: Mistake) -> Table:
    """The top table of a TOML text. A syntax error is raised as `mistake(path, line, column, message)`."""
    text = text.removeprefix("\ufeff")
    if deep := _DEEP_KEY.search(text):
        before = text[: deep.start()]
        place = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise mistake(path, *place, "it is nested too deeply")
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise mistake(path, 1, 1, "it is nested too deeply") from None
    except ValueError as bad:  # TOMLDecodeError, and what int() says of a number with thousands of digits
        found = re.search(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", str(bad), re.DOTALL)
        words, line, column = found.groups() if found else (str(bad), "1", "1")
        last, width = text.count("\n") + 1, len(text) - text.rfind("\n")
        raise mistake(path, int(line or last), int(column or width), words) from None
    return Table(_Source(path, mistake, text), (), values)


def as_table(values: object, path: str, mistake: Mistake) -> Table:
    """The same view of a plain dict, for example from JSON; its mistakes are all at line 1, column 1."""
    source = _Source(path, mistake, "")
    if not isinstance(values, dict):
        raise source.mistake(path, 1, 1, f"must be a table, not {_word(values)}")
    return Table(source, (), values)


def did_you_mean(word: str, known: list[str]) -> str:
    """` (did you mean X?)`, or nothing when no known word is near."""
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


class Table:
    """One table of a file. A key that is absent gives the default; a value of another type is a mistake."""

    def __init__(self, source: _Source, at: Path, values: Mapping[str, Any]) -> None:
        self._source = source
        self._at = at
        self._values = values

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def mistake(self, message: str, *where: str | int) -> MaestroError:
        """The error to raise about this table, or about a key of it, or about an element of that key's list."""
        line, column = self._source.place((*self._at, *where))
        return self._source.mistake(self._source.path, line, column, message)

    def only(self, *known: str) -> None:
        """Refuse every other key."""
        for key in self._values:
            if key not in known:
                raise self.mistake(f"unknown key {key!r}{did_you_mean(key, list(known))}", key)

    def raw(self, key: str) -> Any:
        return self._values[key]

    def text(self, key: str, default: str = "") -> str:
        return self._sound(self._typed(key, str, default), key)

    def whole(self, key: str, default: int) -> int:
        return int(self._typed(key, int, default))

    def flag(self, key: str, default: bool) -> bool:
        return bool(self._typed(key, bool, default))

    def number(self, key: str, default: float = 0.0) -> float:
        """A finite number that is not negative."""
        value = self._values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(value, float, key)
        if not 0 <= (number := _float(value)) < math.inf:
            raise self.mistake(f"{key!r} must be a finite number, not negative", key)
        return number

    def texts(self, key: str) -> list[str]:
        items = self._list(key)
        for index, item in enumerate(items):
            if not isinstance(item, str):
                raise self._wrong(item, str, key, index)
            self._sound(item, key, index)
        return items

    def table(self, key: str) -> Table:
        return Table(self._source, (*self._at, key), self._typed(key, dict, {}))

    def tables(self, key: str) -> list[Table]:
        tables = []
        for index, item in enumerate(self._list(key)):
            if not isinstance(item, dict):
                raise self._wrong(item, dict, key, index)
            tables.append(Table(self._source, (*self._at, key, index), item))
        return tables

    def _list(self, key: str) -> list[Any]:
        return list(self._typed(key, list, []))

    def _typed(self, key: str, kind: type, default: object) -> Any:
        value = self._values.get(key, default)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._wrong(value, kind, key)
        return value

    def _sound(self, text: str, *where: str | int) -> str:
        """What neither a file, a database nor a program's arguments can hold is refused here, once."""
        if re.search("[\0\ud800-\udfff]", text):
            raise self.mistake(f"{where[0]!r} holds a NUL or half a character", *where)
        return text

    def _wrong(self, value: object, kind: type, key: str, *index: int) -> MaestroError:
        what = f"an element of {key!r}" if index else repr(key)
        return self.mistake(f"{what} must be {_WORDS[kind]}, not {_word(value)}", key, *index)


class _Source:
    def __init__(self, path: str, mistake: Mistake, text: str) -> None:
        self.path = path
        self.mistake = mistake
        self._text = text

    def place(self, at: Path) -> tuple[int, int]:
        """Of this path, else of the nearest thing that holds it."""
        while at and at not in self._places:
            at = at[:-1]
        return self._places.get(at, (1, 1))

    @cached_property
    def _places(self) -> Mapping[Path, tuple[int, int]]:
        try:
            return find_places(self._text)
        except RecursionError:  # what tomllib could just read may be too deep for the scanner
            return {}


def _word(value: object) -> str:
    if value is None:
        return "null"
    return next((word for kind, word in _WORDS.items() if isinstance(value, kind)), "a date or time")


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
