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


@dataclass(frozen=True)
class Invocation:
    """`json` for programs, text for people; `cwd` is where the command works; `debug` shows tracebacks."""

    json: bool = False
    cwd: Path = Path()
    debug: bool = False


current = Invocation()


def split(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[Invocation, list[str]]:
    """The invocation, and the arguments that are left for the command. Raises `UsageError`."""
    form = environ.get("MAESTRO_OUTPUT_FORMAT", "text")
    cwd, debug, rest = "", False, []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
            break
        name, equals, value = word.partition("=")
        if name not in _GLOBAL:
            rest.append(word)
            continue
        if _GLOBAL[name] and not equals:
            value = next(words, "")
        if _GLOBAL[name] and not value:
            raise UsageError(f"{name} needs a value", "")
        match name:
            case "--json":
                form = "json"
            case "--output-format":
                form = value
            case "--debug":
                debug = True
            case _:
                cwd = value
    if form not in ("text", "json"):
        raise UsageError(f"there is no output format {form!r}", "text or json")
    return Invocation(form == "json", _directory(cwd), debug), rest


def _directory(cwd: str) -> Path:
    path = Path(cwd or Path.cwd()).absolute()
    if not path.is_dir():
        raise UsageError(f"{path} is not a directory", "")
    return path
