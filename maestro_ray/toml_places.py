"""Where every key and list element of a TOML text stands; `tomllib` keeps no positions."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r'''
      (?P<space>  (?:[ \t]+ | \#[^\n]*)+ )
    | (?P<line>   \n )
    | (?P<string> """(?:\\.|[^\\])*?"{3,5} | \'\'\'.*?\'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<mark>   [\[\]{}=,.] )
    | (?P<word>   [^\s=\[\]{},."'#]+ )
    ''',
    re.VERBOSE | re.DOTALL,
)


def find_places(text: str) -> Mapping[Path, tuple[int, int]]:
    """(line, column), from 1, of every path: keys as words, elements of lists and of `[[tables]]` as numbers.

    A table's place is its first header, a key's its name. The text must be one that `tomllib` accepts.
    """
    scanner = _Scanner(text)
    scanner.document()
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    lines = {path: bisect_right(starts, offset) for path, offset in scanner.offsets.items()}
    return {path: (line, scanner.offsets[path] - starts[line - 1] + 1) for path, line in lines.items()}


class _Scanner:
    """Reads tokens once, left to right; the grammar has been checked by tomllib before."""

    def __init__(self, text: str) -> None:
        self.tokens = [
            (found.lastgroup or "", found[0], found.start())
            for found in _TOKEN.finditer(text)
            if found.lastgroup != "space"
        ]
        self.tokens.append(("end", "", len(text)))
        self.next = 0
        self.offsets: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while self.kind != "end":
            if self.mark == "[":
                table = self.header()
            elif self.kind in ("word", "string"):
                self.pair(table)
            else:
                self.step()

    def header(self) -> Path:
        """`[a.b]` or `[[a.b]]`; a word that names a list of tables stands for its last element."""
        at = self.step()
        many = self.mark == "["
        if many:
            self.step()
        *parents, last = self.key()
        path: Path = ()
        for part in parents:
            path = self.newest((*path, part))
            self.offsets.setdefault(path, at)
        path = (*path, last)
        self.offsets.setdefault(path, at)
        if many:
            self.counts[path] = self.counts.get(path, 0) + 1
        path = self.newest(path)
        self.offsets.setdefault(path, at)
        return path

    def newest(self, path: Path) -> Path:
        return (*path, self.counts[path] - 1) if path in self.counts else path

    def pair(self, table: Path) -> None:
        at = self.tokens[self.next][2]
        path = table
        for part in self.key():
            path = (*path, part)
            self.offsets.setdefault(path, at)
        self.step()
        self.value(path)

    def key(self) -> list[str]:
        """The words of a dotted key; leaves the token after it."""
        parts = []
        while self.kind in ("word", "string") or self.mark == ".":
            if self.kind != "mark":
                text = self.tokens[self.next][1]
                parts.append(text if self.kind == "word" else tomllib.loads(f"k={text}")["k"])
            self.step()
        return parts

    def value(self, path: Path) -> None:
        if self.mark == "[":
            self.list(path)
        elif self.mark == "{":
            self.inline(path)
        else:
            self.step()
            while self.kind in ("word", "string") or self.mark == ".":
                self.step()

    def inline(self, path: Path) -> None:
        self.step()
        while self.mark != "}" and self.kind != "end":
            if self.kind in ("word", "string"):
                self.pair(path)
            else:
                self.step()
        self.step()

    def list(self, path: Path) -> None:
        self.step()
        index = 0
        while self.mark != "]" and self.kind != "end":
            if self.mark == "," or self.kind == "line":
                self.step()
                continue
            self.offsets[(*path, index)] = self.tokens[self.next][2]
            self.value((*path, index))
            index += 1
        self.step()

    @property
    def kind(self) -> str:
        return self.tokens[self.next][0]

    @property
    def mark(self) -> str:
        """The token when it is punctuation; a quoted `"]"` is not."""
        kind, text, _ = self.tokens[self.next]
        return text if kind == "mark" else ""

    def step(self) -> int:
        """Pass one token; returns where it began."""
        at = self.tokens[self.next][2]
        self.next = min(self.next + 1, len(self.tokens) - 1)
        return at
