"""What holds for one invocation of the program: the words that may stand anywhere among its arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from maestro_ray.errors import UsageError

# long option, short option, whether it takes a value
_GLOBAL = {
    "--json": False,
    "--output-format": True,
    "--cwd": True,
    "-C": True,
    "--debug": False,
}
_FORMS = ("text", "json")


@dataclass(frozen=True)
class Invocation:
    """`json` for programs, text for people; `cwd` is where the command works; `debug` shows tracebacks."""

    json: bool = False
    cwd: Path = Path()
    debug: bool = False

    @property
    def here(self) -> str:
        """`cwd` as the daemon is told of it. Raises `UsageError` for a path that no message can hold."""
        return utf8(str(self.cwd), "the directory")


current = Invocation()

# a global word and its value; None is a value that is missing
Given = list[tuple[str, str | None]]


def split(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[Invocation, list[str]]:
    """The invocation, and the arguments that are left for the command. Raises `UsageError`."""
    given, rest = _scan(arguments)
    form = environ.get("MAESTRO_OUTPUT_FORMAT") or "text"
    cwd, debug = "", False
    for name, value in given:
        if _GLOBAL[name] and not value:
            raise UsageError(f"{name} needs a value", "")
        if not _GLOBAL[name] and value is not None:
            raise UsageError(f"{name} takes no value", f"write {name} alone")
        match name:
            case "--json":
                form = "json"
            case "--output-format":
                form = value or ""
            case "--debug":
                debug = True
            case _:
                cwd = value or ""
        if form not in _FORMS:
            raise UsageError(f"there is no output format {form!r}", "text or json")
    if form not in _FORMS:
        raise UsageError(f"there is no output format {form!r}", "MAESTRO_OUTPUT_FORMAT is text or json")
    for word in rest:
        utf8(word, "the word")
    return Invocation(form == "json", _directory(cwd), debug), rest


def form_of_errors(arguments: Sequence[str], environ: Mapping[str, str]) -> Invocation:
    """How to say what `split` finds wrong: in the last form that was asked for and exists."""
    given = [
        "json" if name == "--json" else value
        for name, value in _scan(arguments)[0]
        if name in ("--json", "--output-format")
    ]
    known = [form for form in (environ.get("MAESTRO_OUTPUT_FORMAT"), *given) if form in _FORMS]
    return Invocation(json=known[-1:] == ["json"])


def utf8(text: str, what: str) -> str:
    """The text. Raises `UsageError` when it holds bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise UsageError(f"{what} '{shown}' is not UTF-8", "") from None
    return text


def _scan(arguments: Sequence[str]) -> tuple[Given, list[str]]:
    given: Given = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *words]
        elif name not in _GLOBAL:
            rest.append(word)
        elif equals:
            given.append((name, value))
        else:
            given.append((name, next(words, None) if _GLOBAL[name] else None))
    return given, rest


def _directory(cwd: str) -> Path:
    try:
        path = Path(cwd or Path.cwd()).absolute()
    except FileNotFoundError:
        raise UsageError(
            "the current directory has been deleted", "change into another, or name one with -C"
        ) from None
    if not path.is_dir():
        raise UsageError(f"{path} is not a directory", "-C names the directory to work in")
    return path
