"""A program's output as clean text: lines as they come, and a bounded whole at the end."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

PIECE = 4_096
HEAD = 16 * 1_024
TAIL = 48 * 1_024
BRIEF = 300

# Only a line feed ends a line: what other separators begin would be a line to us and none to who wrote it. What moves
# the cursor or the reading direction goes.
_CONTROLS = {
    **dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]),
    **{ord(c): c for c in "\n\t\r"},
    **{ord(c): " " for c in "\u2028\u2029"},
}
# also behind the marks of quotations and lists, where Markdown still knows a fence
_QUOTED = r"^(?=[\s>]*(?:(?:[-*+]|\d{1,9}[.)])\s[\s>]*)*(?:%s|```|~~~))"
_VERDICT = re.compile(_QUOTED % r"VERDICT\s*:", re.IGNORECASE)
_SPEAKS = re.compile(_QUOTED % r"VERDICT\s*:|MAESTRO:", re.IGNORECASE)
_NO_PARAMETER = re.compile(r"[^ -?]")
_STRING_END = re.compile("[\a\x1b\n]")


class Piece(NamedTuple):
    """A line, or a part of one that is too long; `ends` is False when the line goes on."""

    text: str
    ends: bool


def clean(text: str) -> str:
    """Without terminal sequences, control characters and halves of surrogate pairs."""
    return _Terminal().feed(text).replace("\r", "").encode(errors="replace").decode()


def brief(text: str) -> str:
    """One line of it for people, no longer than they read."""
    words = " ".join(clean(text[: 4 * BRIEF]).split())
    return words if len(words) <= BRIEF else words[: BRIEF - 2] + " …"


def bounded(text: str) -> str:
    """Clean, with its middle left out when it is too long."""
    whole = Bounded()
    for each in clean(text).splitlines(keepends=True):
        for at in range(0, len(each), PIECE):
            whole.add(each[at : at + PIECE])
    return whole.text()


def without_verdict(text: str) -> str:
    """The same text with no line that could be read as a verdict or as a word to maestro, or that opens a code fence
    which would hide one."""
    return "\n".join(_SPEAKS.sub("| ", line) for line in text.splitlines())


class Lines:
    """Bytes in, clean lines out; how the bytes are split changes nothing.

    Bytes that are not UTF-8 are replaced. A line rewritten in place (a progress bar) is what it shows at its end,
    but with `whole` all that was in it: a quoted text must not be able to hide its beginning. Lines longer than
    `limit` characters are cut.
    """

    def __init__(self, limit: int = PIECE, *, whole: bool = False) -> None:
        self._limit = limit
        self._shown = _whole if whole else _shown
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._terminal = _Terminal()
        self._rest = ""

    def feed(self, data: bytes) -> list[Piece]:
        return self._cut(self._decoder.decode(data))

    def close(self) -> list[Piece]:
        """What is left when no more comes."""
        pieces = self._cut(self._decoder.decode(b"", final=True))
        rest, self._rest = self._shown(self._rest), ""
        return [*pieces, Piece(rest, True)] if rest else pieces

    def _cut(self, text: str) -> list[Piece]:
        *lines, self._rest = (self._rest + self._terminal.feed(text)).split("\n")
        pieces = []
        for line in lines:
            *parts, last = self._parts(line)
            pieces += [Piece(self._shown(part), False) for part in parts]
            pieces.append(Piece(self._shown(last), True))
        *parts, self._rest = self._parts(self._rest)
        return pieces + [Piece(self._shown(part), False) for part in parts]

    def _parts(self, line: str) -> list[str]:
        """All but the last are full, so that a line which grows is cut as one that comes at once."""
        return [line[at : at + self._limit] for at in range(0, len(line) or 1, self._limit)]


class Bounded:
    """The beginning and the end of a text of any length, with a visible mark where the middle was left out."""

    def __init__(self, head: int = HEAD, tail: int = TAIL) -> None:
        self._room, self._most = head, tail
        self._head: list[str] = []
        self._tail: deque[str] = deque()
        self._held = self._dropped = 0
        self._broken = self._doubtful = False

    def add(self, text: str) -> None:
        """Text that is no longer than `PIECE`, or cut by the caller where it may be cut."""
        if not self._tail and not self._dropped and len(text) <= self._room:
            self._room -= len(text)
            self._head.append(text)
            return
        self._tail.append(text)
        self._held += len(text)
        while self._held > self._most and len(self._tail) > 1:
            gone = self._tail.popleft()
            self._held -= len(gone)
            self._dropped += len(gone)
            self._broken = not gone.endswith("\n")
            self._doubtful = self._doubtful or any(map(_VERDICT.match, gone.split("\n")))

    def text(self) -> str:
        head, tail = "".join(self._head), "".join(self._tail)
        if not self._dropped:
            return head + tail
        before = "" if not head or head.endswith("\n") else "\n"
        # the rest of a cut line must not look like a line of its own: it could begin with a verdict
        after = " … " if self._broken else "\n"
        # whether what follows is quoted cannot be known then, and a verdict that cannot be read approves nothing
        doubt = "\nVERDICT: left out, or a code fence was" if self._doubtful else ""
        return f"{head}{before}[… {self._dropped} characters left out …]{doubt}{after}{tail}"


def _shown(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def _whole(line: str) -> str:
    return line.rstrip("\r").replace("\r", " ")


class _Terminal:
    """Drops escape sequences (ECMA-48), however they are split: a machine of four states over characters.

    Each state takes the text and a position, may keep some, and gives the position to go on from.
    """

    def __init__(self) -> None:
        self._state: Callable[[str, int, list[str]], int] = self._plain

    def feed(self, text: str) -> str:
        kept: list[str] = []
        at = 0
        while at < len(text):
            at = self._state(text, at, kept)
        return "".join(kept).translate(_CONTROLS)

    def _plain(self, text: str, at: int, kept: list[str]) -> int:
        end = text.find("\x1b", at)
        if end < 0:
            kept.append(text[at:])
            return len(text)
        kept.append(text[at:end])
        self._state = self._escape
        return end + 1

    def _escape(self, text: str, at: int, _kept: list[str]) -> int:
        c = text[at]
        if c == "[":
            self._state = self._parameters
        elif c in "]PX^_":
            self._state = self._string
        elif not " " <= c <= "/":
            self._state = self._plain
            return at + 1 if "0" <= c <= "~" else at
        return at + 1

    def _parameters(self, text: str, at: int, _kept: list[str]) -> int:
        """Up to a letter; anything else means that it was no sequence."""
        found = _NO_PARAMETER.search(text, at)
        if found is None:
            return len(text)
        self._state = self._plain
        return found.end() if "@" <= found[0] <= "~" else found.start()

    def _string(self, text: str, at: int, _kept: list[str]) -> int:
        """A window title or the like, up to BEL or ESC; a newline ends one that was never closed."""
        found = _STRING_END.search(text, at)
        if found is None:
            return len(text)
        self._state = self._escape if found[0] == "\x1b" else self._plain
        return found.start() if found[0] == "\n" else found.end()
