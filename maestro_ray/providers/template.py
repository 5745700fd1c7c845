"""A command template: placeholders filled so that no value can add an argument or a command."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from maestro_ray.ports import Job
from maestro_ray.toml import did_you_mean

# Linux refuses to start a program when one argument, with its NUL, is longer than 128 KiB (MAX_ARG_STRLEN).
LONGEST_ARGUMENT = 128 * 1_024 - 1

_NAMES = (
    "prompt", "prompt_file", "worktree", "scratch", "task", "key", "title", "run", "purpose", "base", "commit",
    "branch", "test", "evidence", "revision", "attempt",
)  # fmt: skip

_SHELLS = re.compile(r"(ba|da|z|k|a)?sh")
# other programs that take a program text or a shell command as the value of an option
_INTERPRETERS = re.compile(r"(python|pypy|perl|ruby|node|deno|bun|php|lua|fish|t?csh|su|runuser|flock)[\d.]*")
_CODE_OPTION = re.compile(r"-[A-Za-z]*[ceEr]|-p|--(eval|print|command)")
_VALUED_OPTION = re.compile(r"[-+][A-Za-z]*[oO]|-[WXI]|--(rcfile|init-file|emulate)")
_BRACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def prompt_file(job: Job) -> Path:
    """Where the worker writes the prompt before the program starts."""
    return job.scratch / "prompt.md"


def values(job: Job) -> dict[str, str]:
    """What each placeholder stands for, as text that a program's argument can hold."""
    texts = {name: str(getattr(job, name, "")) for name in _NAMES}
    texts |= {"prompt_file": str(prompt_file(job)), "evidence": str(job.evidence or "")}
    return {name: _sound(text) for name, text in texts.items()}


def environment(job: Job) -> dict[str, str]:
    """The same values as `MAESTRO_<NAME>` variables; the prompt is in the file `MAESTRO_PROMPT_FILE` names."""
    return {f"MAESTRO_{name.upper()}": value for name, value in values(job).items() if name != "prompt"}


class Template:
    """An argument list with `{placeholders}`; `{{` and `}}` are literal braces. Raises `ValueError` with a sentence.

    A value replaces its placeholder inside one argument and never becomes two. Where an argument is a shell's script
    (`sh -c '…'`) a value is not put into the script at all: a quotation mark in it could end the one around it. There
    a placeholder becomes a reference to its environment variable, quoted as its place asks. A script that is only
    `{test}` is the test command itself. In the program text of other interpreters (`python -c`) placeholders are
    refused; it can read the environment.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        if not argv:
            raise ValueError("the command is empty")
        if any("\0" in argument for argument in argv):
            raise ValueError("an argument of the command holds a NUL character")
        self._arguments = [_parse(argument) for argument in argv]
        self._script = _script_at(argv)
        for index in _code_at(argv):
            if name := _first_name(self._arguments[index] if index < len(argv) else []):
                raise ValueError(
                    f"{{{name}}} would become part of a program; let that read ${_variable(name)} instead"
                )

    @property
    def program(self) -> str | None:
        """The program's name or path; None when it is only known once a job is."""
        first = self._arguments[0]
        return None if _first_name(first) else "".join(text for text, _ in first)

    @property
    def names(self) -> frozenset[str]:
        """The placeholders in use."""
        return frozenset(name for parts in self._arguments for _, name in parts if name)

    def fill(self, job: Job) -> tuple[str, ...]:
        found = values(job)
        return tuple(
            _script(parts, found) if index == self._script else _argument(parts, found)
            for index, parts in enumerate(self._arguments)
        )


# an argument's parts: (literal text, name of the placeholder after it or "")
_Parts = list[tuple[str, str]]


def _parse(argument: str) -> _Parts:
    parts: _Parts = []
    literal, at = "", 0
    for brace in _BRACE.finditer(argument):
        literal += argument[at : brace.start()]
        at = brace.end()
        if brace[0] in ("{{", "}}"):
            literal += brace[0][0]
        elif brace[1] in _NAMES:
            parts.append((literal, brace[1]))
            literal = ""
        else:
            raise ValueError(_unknown(brace[0], brace[1]))
    return [*parts, (literal + argument[at:], "")]


def _unknown(text: str, name: str | None) -> str:
    if name is None:
        return f"a lone {text!r}; write {text * 2!r} for a literal one"
    known = ", ".join(f"{{{each}}}" for each in _NAMES)
    close = did_you_mean(name, list(_NAMES))
    return f"unknown placeholder {text}{close}; known: {known}; write {{{{ and }}}} for braces"


def _argument(parts: _Parts, found: Mapping[str, str]) -> str:
    text = "".join(literal + found.get(name, "") for literal, name in parts)
    data = text.encode()
    if len(data) <= LONGEST_ARGUMENT:
        return text
    mark = f"\n[… cut: an argument holds no more; the whole prompt is in {found['prompt_file']} …]"
    return data[: LONGEST_ARGUMENT - len(mark.encode())].decode(errors="ignore") + mark


def _script(parts: _Parts, found: Mapping[str, str]) -> str:
    if [part for part in parts if part != ("", "")] == [("", "test")]:
        return found["test"]
    text, quote = "", ""
    for literal, name in parts:
        quote = _quote_after(literal, quote)
        text += literal + (_reference(name, quote) if name else "")
    return text


def _reference(name: str, quote: str) -> str:
    """A variable's value as one word, from inside single quotes, double quotes or none."""
    value = '$(cat "${MAESTRO_PROMPT_FILE}")' if name == "prompt" else f"${{{_variable(name)}}}"
    return {"": f'"{value}"', '"': value, "'": f"'\"{value}\"'"}[quote]


def _quote_after(script: str, quote: str) -> str:
    """The quotation mark that is open after this piece of a script.

    Substitutions, comments and here-documents are not followed: a wrong guess splits a value into words or leaves
    it out, but as only a reference is inserted, it cannot run one.
    """
    escaped = False
    for c in script:
        if escaped:
            escaped = False
        elif c == "\\" and quote != "'":
            escaped = True
        elif c in "'\"" and quote in ("", c):
            quote = "" if quote else c
    return quote


def _script_at(argv: Sequence[str]) -> int | None:
    """The index of a shell's script, also behind a wrapper: `timeout 60 bash -o pipefail -ec '…'`."""
    start = _named(argv, _SHELLS)
    given = False
    while start < len(argv) and argv[start][:1] in ("-", "+"):
        given = given or re.fullmatch(r"-[A-Za-z]*c[A-Za-z]*", argv[start]) is not None
        start += 2 if _VALUED_OPTION.fullmatch(argv[start]) else 1
    return start if given and start < len(argv) else None


def _code_at(argv: Sequence[str]) -> Iterator[int]:
    """The indices of program texts given to an interpreter: the value of `-c`, or `-ccode` in one word."""
    start = _named(argv, _INTERPRETERS)
    while start < len(argv) and argv[start].startswith("-"):
        yield start
        code = _CODE_OPTION.fullmatch(argv[start])
        if code:
            yield start + 1
        start += 2 if code or _VALUED_OPTION.fullmatch(argv[start]) else 1


def _named(argv: Sequence[str], names: re.Pattern[str]) -> int:
    """The index after the first word that is one of these programs, by name or path."""
    found = (index for index, word in enumerate(argv) if names.fullmatch(PurePath(word).name))
    return next(found, len(argv)) + 1


def _variable(name: str) -> str:
    return f"MAESTRO_{name.upper()}" if name != "prompt" else "MAESTRO_PROMPT_FILE"


def _first_name(parts: _Parts) -> str:
    return next((name for _, name in parts if name), "")


def _sound(text: str) -> str:
    """Without what no argument can hold: NULs and halves of surrogate pairs."""
    return text.replace("\0", "").encode(errors="replace").decode()
