"""Further arguments for an agent's own program: anything but what maestro says to it itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from maestro_ray.errors import BadProvider

# of every program: what follows is no option any more, and it only says what it is and ends
_NOWHERE = frozenset({"--", "-h", "--help", "-v", "-V", "--version"})

_CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")


def check_arguments(
    program: str, args: Sequence[str], own: Collection[str], keys: Collection[str] = ()
) -> None:
    """`own` are the options that maestro gives, `keys` the settings it makes with `-c KEY=VALUE`.

    Short options are found also with their value in the same word. Raises `BadProvider`.
    """
    for index, word in enumerate(args):
        option = _option(word, own)
        if option in own or option in _NOWHERE:
            raise BadProvider(program, f"args: maestro itself decides about {option} of {program}")
        key = _setting(args, index)
        if key in keys or key.partition(".")[0] in keys:
            raise BadProvider(program, f"args: maestro itself decides about the setting {key} of {program}")
        if "\0" in word:
            raise BadProvider(program, "args: an argument holds a NUL character")


def check_model(kind: str, model: str) -> None:
    """Raises `BadProvider` for what a program could take for something else than the name of a model."""
    words = model.split()
    if any(word.startswith("-") for word in words) or any(c in model for c in "\"'\\\0\n"):
        raise BadProvider(f"{kind}:{model}", f"{model!r} is not the name of a model")


def _option(word: str, own: Collection[str]) -> str:
    if word.startswith("--"):
        name = word.partition("=")[0]
        # some programs take `--approvalMode` for `--approval-mode`
        return name if name in own else _CAPITAL.sub(lambda found: f"-{found[0].lower()}", name)
    if word.startswith("-"):
        return word[:2] if word[:2] in own else word.partition("=")[0]
    return ""


def _setting(args: Sequence[str], index: int) -> str:
    """The key of the `-c KEY=VALUE` that begins here; empty when none does."""
    word = args[index]
    if word in ("-c", "--config"):
        word = args[index + 1] if index + 1 < len(args) else ""
    elif word.startswith("--config="):
        word = word.removeprefix("--config=")
    elif word.startswith("-c") and not word.startswith("--"):
        word = word[2:].removeprefix("=")
    else:
        return ""
    return word.partition("=")[0].strip().replace('"', "")
