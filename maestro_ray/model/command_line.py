"""A command line of the shell, taken apart: the simple commands that it would run, or that nobody can say which."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

# stands for what only the running shell knows: a variable, a substitution, the names of files
UNKNOWN = "\ue000"
LONGEST, DEEPEST = 50_000, 20
# characters of all that one command may be written as: they grow with the cube of its words behind a wrapper
MOST_SPELLED = 4_000_000

_BLANK = " \t"
_OPERATORS = ";&|\n"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
# words before a command that run nothing themselves
_PREFIXES = frozenset(
    {"if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "fi", "done", "}"}
)
_LISTS = frozenset({"for", "select"})
_OPAQUE = frozenset({"eval", "trap", "alias", "fish"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})
# builtins that evaluate the index in the name of a variable, whatever quotes it stands in
_INDEXING = frozenset(
    {
        "test",
        "[",
        "printf",
        "read",
        "unset",
        "declare",
        "typeset",
        "local",
        "export",
        "readonly",
        "let",
        "wait",
    }
)
_INDEX = re.compile(r"\[[^\]]*(?:\$\(|`)")
# programs that run what stands behind them
_WRAPPERS = frozenset((
    "builtin", "busybox", "chroot", "chrt", "command", "doas", "env", "exec", "find", "flock", "ionice", "nice",
    "nohup", "npx", "parallel", "setsid", "stdbuf", "strace", "sudo", "taskset", "time", "timeout", "unshare", "uv",
    "watch", "xargs",
))  # fmt: skip


@dataclass(frozen=True)
class Simple:
    """One command with its words as the shell would see them, and the files that its output is written to."""

    words: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Its one exact spelling: words with blanks are quoted."""
        return " ".join(shlex.quote(word) if re.search(r"[\s'\"]|^$", word) else word for word in self.words)

    def spellings(self) -> Iterator[str]:
        """Every way to write it that a rule against it may mean: without assignments, paths, options and wrappers."""
        yield self.text
        words = list(self.words)
        while words and _ASSIGNMENT.match(words[0]):
            words.pop(0)
        starts = [words]
        if words and base_name(words[0]) in _WRAPPERS:
            starts += [words[i:] for i in range(1, len(words))]
        for start in filter(None, starts):
            named = [base_name(start[0]), *start[1:]]
            yield " ".join(start)
            yield " ".join(named)
            if len(named) > 1 and named[1].startswith("-"):
                yield from (" ".join([named[0], *named[i:]]) for i in range(2, len(named)))

    @property
    def spelled(self) -> int:
        """No less than the characters of all its spellings."""
        first = next((word for word in self.words if not _ASSIGNMENT.match(word)), "")
        starts = len(self.words) if base_name(first) in _WRAPPERS else 1
        return len(self.text) * (len(self.words) + 2) * starts


def base_name(word: str) -> str:
    return word.rpartition("/")[2]


def commands(text: str) -> tuple[Simple, ...] | None:
    """Every simple command in it, those in substitutions too; None when it cannot be taken apart for certain."""
    return _inside(text, 0)


def _inside(text: str, depth: int) -> tuple[Simple, ...] | None:
    if depth > DEEPEST or len(text) > LONGEST or UNKNOWN in text:
        return None
    if any((ord(c) < 32 and c not in "\t\n") or ord(c) == 127 for c in text):
        return None
    reader = _Reader(text, depth)
    try:
        reader.read("")
        return tuple(found for each in reader.found for found in _opened(each, depth))
    except _Unclear:
        return None


def _opened(simple: Simple, depth: int) -> tuple[Simple, ...]:
    """What a shell inside of the command is told to run stands in its place. Raises `_Unclear`."""
    if simple.spelled > MOST_SPELLED:
        raise _Unclear
    words = list(simple.words)
    while words and _ASSIGNMENT.match(words[0]):
        words.pop(0)
    starts = range(len(words)) if words and base_name(words[0]) in _WRAPPERS else range(min(1, len(words)))
    found: list[Simple] = []
    replaced = False
    for start in starts:
        name = base_name(words[start])
        if name in _OPAQUE or (name in _INDEXING and any(map(_INDEX.search, words[start:]))):
            raise _Unclear
        if name in _SHELLS:
            inner = _inner(words[start + 1 :], depth)
            alone = start == 0 and len(words) == len(simple.words)
            replaced = replaced or (alone and inner is not None and not simple.writes)
            found += inner or ()
    return (*(() if replaced else (simple,)), *found)


def _inner(arguments: list[str], depth: int) -> tuple[Simple, ...] | None:
    """What a shell with these arguments runs; None for a file, which is as good or bad as any other program."""
    match arguments:
        case [option, text] if re.fullmatch(r"-[a-z]*c", option) and UNKNOWN not in text:
            if (found := _inside(text, depth + 1)) is not None:
                return found
        case [script, *_] if not script.startswith(("-", "+")) and UNKNOWN not in script:
            return None
    raise _Unclear


class _Unclear(Exception):
    """What the shell would run cannot be said for certain."""


class _Reader:
    """Reads one list of commands, from left to right."""

    def __init__(self, text: str, depth: int, at: int = 0) -> None:
        self._text = text
        self._depth = depth
        self._at = at
        self.found: list[Simple] = []
        self._words: list[str] = []
        self._writes: list[str] = []
        self._heredocs: list[tuple[str, bool, bool]] = []

    def read(self, end: str) -> int:  # noqa: PLR0912 - one branch for each thing that begins
        """To the end, which is this character; the place behind it."""
        while self._at < len(self._text):
            c = self._text[self._at]
            if c == end and end:
                if self._heredocs:
                    raise _Unclear
                self._close()
                return self._at + 1
            if c in _BLANK:
                self._at += 1
            elif c == "\\" and self._ahead(1) == "\n":
                self._at += 2
            elif c == "#":
                self._at = self._find("\n", len(self._text))
            elif c == "\n":
                self._at += 1
                self._close()
                self._skip_heredocs()
            elif c in "<>" or (c == "&" and self._ahead(1) == ">"):
                self._redirect()
            elif c in _OPERATORS:
                self._at += 1
                self._close()
            elif c == "(":
                self._group()
            elif c == ")":
                raise _Unclear
            else:
                begin, word = self._at, self._word()
                # the number of what is redirected is no word
                if not (self._text[begin : self._at].isdigit() and self._ahead(0) in ("<", ">")):
                    self._words.append(word)
        self._close()
        if end or self._heredocs:
            raise _Unclear
        return self._at

    def _close(self) -> None:
        """A command is over."""
        words = self._words
        while words and words[0] in _PREFIXES:
            if words.pop(0) == "time" and words[:1] == ["-p"]:
                words.pop(0)
        if words and words[0] in _LISTS:
            # without a list the commands begin behind the name
            if words[2:3] not in ([], ["in"]):
                raise _Unclear
            words.clear()
        if words and words[0] in ("case", "function", "coproc", "[["):
            raise _Unclear
        if words or self._writes:
            self.found.append(Simple(tuple(words), tuple(self._writes)))
        self._words, self._writes = [], []

    def _group(self) -> None:
        """A subshell; what else a parenthesis may be is not read."""
        if any(word not in _PREFIXES for word in self._words) or self._ahead(1) == "(":
            raise _Unclear
        self._words.clear()
        self._at = self._nested(self._at + 1, ")")

    def _nested(self, at: int, end: str) -> int:
        if self._depth >= DEEPEST:
            raise _Unclear
        reader = _Reader(self._text, self._depth + 1, at)
        behind = reader.read(end)
        self.found += reader.found
        return behind

    # ── words ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _word(self) -> str:
        """The next word; raises `_Unclear` for what does not end."""
        piece: list[str] = []
        bare: list[str] = []
        while self._at < len(self._text):
            c = self._text[self._at]
            if c in _BLANK or c in _OPERATORS or c in "<>()":
                break
            if c == "'":
                piece.append(self._single())
            elif c == '"':
                piece.append(self._double())
            elif c == "\\":
                piece.append(self._escaped())
            elif c in "$`":
                piece.append(self._expansion())
            else:
                bare.append(c)
                piece.append(UNKNOWN if c in "*?" else c)
                self._at += 1
        word = "".join(piece)
        # one such word may become several, or any of those in its brackets
        braces = "{" in bare and ("," in bare or "." in bare)
        brackets = "[" in bare and word not in ("[", "[[")
        return UNKNOWN if braces or brackets else word

    def _single(self) -> str:
        close = self._text.find("'", self._at + 1)
        if close < 0:
            raise _Unclear
        text = self._text[self._at + 1 : close]
        self._at = close + 1
        return text

    def _double(self) -> str:
        piece: list[str] = []
        self._at += 1
        while self._at < len(self._text):
            c = self._text[self._at]
            if c == '"':
                self._at += 1
                return "".join(piece)
            if c == "\\":
                following = self._ahead(1)
                piece.append(
                    following if following in '$`"\\' else "" if following == "\n" else c + following
                )
                self._at += 2
            elif c in "$`":
                piece.append(self._expansion(quoted=True))
            else:
                piece.append(c)
                self._at += 1
        raise _Unclear

    def _escaped(self) -> str:
        following = self._ahead(1)
        if not following:
            raise _Unclear
        self._at += 2
        return "" if following == "\n" else following

    def _expansion(self, *, quoted: bool = False) -> str:
        """What the shell puts in; commands in it are commands of ours too."""
        if self._text[self._at] == "`":
            return self._backticks()
        following = self._ahead(1)
        if self._text.startswith("$((", self._at):
            return self._arithmetic()
        if following == "(":
            self._at = self._nested(self._at + 2, ")")
        elif following == "{":
            close = self._find("}", -1)
            if close < 0 or re.search(r"[$`'\"\\{]", self._text[self._at + 2 : close]):
                raise _Unclear
            self._at = close + 1
        elif following in "'\"" and following and not quoted:
            if following == "'":
                raise _Unclear
            self._at += 1
            return self._double()
        elif match := _NAME.match(self._text, self._at + 1):
            self._at = match.end()
        else:
            self._at += 1
            return "$"
        return UNKNOWN

    def _backticks(self) -> str:
        close = self._at + 1
        while close < len(self._text) and self._text[close] != "`":
            close += 2 if self._text[close] == "\\" else 1
        # between double quotes the shell reads it in another way
        if close >= len(self._text) or '\\"' in self._text[self._at : close]:
            raise _Unclear
        inner = re.sub(r"\\([$`\\])", r"\1", self._text[self._at + 1 : close])
        found = _inside(inner, self._depth + 1)
        if found is None:
            raise _Unclear
        self.found += found
        self._at = close + 1
        return UNKNOWN

    def _arithmetic(self) -> str:
        close = self._text.find("))", self._at)
        inner = self._text[self._at + 3 : close]
        # one that closes what was opened before makes commands of it
        if close < 0 or not re.fullmatch(r"(?:[\w\s+*/%<>=!&|-]|\([\w\s+*/%<>=!&|-]*\))*", inner):
            raise _Unclear
        self._at = close + 2
        return UNKNOWN

    # ── redirections ─────────────────────────────────────────────────────────────────────────────────────────────

    def _redirect(self) -> None:
        match = re.compile(r"&>>?|>>|>\||>&|<>|<<<|<<-?|<&|<\(|>\(|<|>").match(self._text, self._at)
        assert match
        operator = match[0]
        if operator.endswith("("):
            self._at = self._nested(match.end(), ")")
            # what follows at once is of the same word
            self._words.append(UNKNOWN + self._word())
            return
        self._at = match.end()
        while self._ahead(0) in (" ", "\t"):
            self._at += 1
        begin = self._at
        if self._ahead(0) in ("", "\n", ";", "&", "|", "<", ">", "(", ")"):
            raise _Unclear
        target = self._word()
        if operator in ("<<", "<<-"):
            raw = self._text[begin : self._at]
            self._heredocs.append((target, operator == "<<-", target != raw))
        elif ">" in operator and not (operator == ">&" and re.fullmatch(r"\d+|-", target)):
            self._writes.append(target)

    def _skip_heredocs(self) -> None:
        """Their lines are no commands, but the shell may run some to fill them in."""
        for word, indented, quoted in self._heredocs:
            while True:
                if self._at >= len(self._text):
                    raise _Unclear
                close = self._find("\n", len(self._text))
                row = self._text[self._at : close]
                self._at = close + 1
                if (row.lstrip("\t") if indented else row) == word:
                    break
                if not quoted and (re.search(r"`|\$\(", row) or row.endswith("\\")):
                    raise _Unclear
        self._heredocs = []

    def _find(self, what: str, missing: int) -> int:
        place = self._text.find(what, self._at)
        return missing if place < 0 else place

    def _ahead(self, by: int) -> str:
        return self._text[self._at + by : self._at + by + 1]
