"""Which agents a person has here, installed and signed in, and the first of them.

Nothing is asked over the network, and nothing is started but `PROGRAM --version` of a kind that was asked for.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from maestro_ray.errors import BadProvider, NoAgentFound
from maestro_ray.providers.known import KNOWN, Known, known
from maestro_ray.small_file import read_small

AUTO = "auto"
# seconds that a program has to say its version: some take two to start
PATIENCE = 10.0
# bytes of it in which a version is looked for
MOST = 4096

_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})+")
# by program, when it was last changed, and its size
_asked: dict[tuple[str, int, int], str] = {}


@dataclass(frozen=True)
class Installed:
    """What was found of one kind: `path` is empty when it is not installed, `version` when it does not say it, and
    `signed_in` names the variable or the file that signs it in."""

    known: Known
    path: str = ""
    version: str = ""
    signed_in: str = ""

    @property
    def too_old(self) -> bool:
        """Of one that does not say its version nothing is known."""
        return bool(self.version) and _parts(self.version) < self.known.oldest

    @property
    def problem(self) -> str:
        """Why `auto` does not take it, with what to do; empty when it does."""
        name = self.known.program
        if not self.path:
            return f"{name} is not installed: {self.known.install}"
        if not self.signed_in:
            return f"{name} is not signed in: {self.known.sign_in}"
        return self.age

    @property
    def age(self) -> str:
        """A sentence when it is older than what is known to work."""
        if not self.too_old:
            return ""
        oldest = ".".join(map(str, self.known.oldest))
        return (
            f"{self.known.program} {self.version} is older than {oldest}, "
            f"the oldest that is known to work: {self.known.install}"
        )


def look(
    each: Known, env: Mapping[str, str], ask: Callable[[str, Known, Mapping[str, str]], str] | None = None
) -> Installed:
    """One kind in the environment its agent would have. Blocks for as long as the program takes to say its version,
    and only when it is installed."""
    path = shutil.which(each.program, os.F_OK | os.X_OK, env.get("PATH", ""))
    if path is None:
        return Installed(each)
    return Installed(each, path, (ask or version)(path, each, env), _signed_in(each, env))


def look_for_all(env: Mapping[str, str], kinds: Collection[str]) -> list[Installed]:
    """Every kind of these, for a person who wants to know (`maestro doctor`)."""
    return [look(each, env) for each in KNOWN if each.kind in kinds]


def choose(env: Mapping[str, str], kinds: Collection[str]) -> str:
    """The first of these kinds that is there, signed in, and not too old. Raises `NoAgentFound`."""
    problems = []
    for each in KNOWN:
        if each.kind in kinds:
            found = look(each, env)
            if not found.problem:
                return each.kind
            problems.append(found.problem)
    raise NoAgentFound(tuple(problems))


def named(choice: str, env: Mapping[str, str], kinds: Collection[str]) -> str:
    """A choice `NAME[:ARG]` in which nothing is left open. Raises `BadProvider` and `NoAgentFound`."""
    name, colon, _ = choice.partition(":")
    if name.strip() != AUTO:
        return choice
    if colon:
        raise BadProvider(
            choice, "auto takes no model, as nobody knows whose: name the agent, for example claude:opus"
        )
    return choose(env, kinds)


def warning(kind: str, env: Mapping[str, str]) -> str:
    """What a person should know of an agent they have named; empty when nothing. Blocks as `look` does."""
    each = known(kind)
    return look(each, env).age if each else ""


def version(path: str, each: Known, env: Mapping[str, str]) -> str:
    """What the program says, and it is asked once as long as it stays the same; empty when it does not say it."""
    try:
        found = Path(path).stat()
    except OSError:
        return ""
    key = (str(Path(path).resolve()), found.st_mtime_ns, found.st_size)
    if key not in _asked:
        _asked[key] = _ask([path, *each.ask], env)
    return _asked[key]


def _ask(argv: list[str], env: Mapping[str, str]) -> str:
    kept = {name: env[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in env}
    try:
        with subprocess.Popen(
            argv, env=kept, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True, bufsize=0,
        ) as process:  # fmt: skip
            try:
                assert process.stdout is not None
                out = _heard(process.stdout.fileno())
            finally:
                # also what it has started
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        return ""
    number = _NUMBER.search(out.decode(errors="replace"))
    return number[0] if number else ""


def _heard(pipe: int) -> bytes:
    """What comes in time, and no more than is looked at: a broken program may print without an end, or leave others
    behind that hold its output open."""
    poll, due, said = select.poll(), time.monotonic() + PATIENCE, b""
    poll.register(pipe, select.POLLIN)
    while len(said) < MOST and (left := due - time.monotonic()) > 0 and poll.poll(left * 1000):
        if not (piece := os.read(pipe, MOST - len(said))):
            break
        said += piece
    return said


def _signed_in(each: Known, env: Mapping[str, str]) -> str:
    if key := next((name for name in each.keys if env.get(name)), ""):
        return key
    home = Path(env.get("HOME") or "/")
    return next((f"~/{name}" for name in each.logins if _holds_something(home / name)), "")


def _holds_something(path: Path) -> bool:
    """Some programs lay an empty log-in before anybody has signed in."""
    try:
        text = read_small(path, follow=True)
    except (OSError, ValueError):
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return bool(text.strip())
    return any(value.values()) if isinstance(value, dict) else bool(value)


def _parts(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
