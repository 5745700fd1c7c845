"""What becomes of an event: its hooks are run one after the other, and the first that denies it ends that."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maestro_ray.errors import AgentFailed
from maestro_ray.extensions.events import AFTERWARDS
from maestro_ray.extensions.found import Found, Origin
from maestro_ray.extensions.hooks import Hook
from maestro_ray.extensions.trust import allowed
from maestro_ray.ports import RunProgram
from maestro_ray.redaction import redact

DENIES = 2
_TOO_MUCH = "it printed more than is kept, and the middle of that is lost"
LONGEST_REASON = 2000
_UNTRUSTED = "nobody has trusted it: see it with `maestro hooks list`"

Status = Literal["passed", "denied", "failed", "timed-out", "untrusted"]


@dataclass(frozen=True)
class Outcome:
    """What became of one hook. `reason` is a sentence for everything but `passed`; `seconds` is how long it took.

    `cut`: it printed more than was kept."""

    hook: Hook
    status: Status
    reason: str = ""
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    cut: bool = False


@dataclass(frozen=True)
class Ruling:
    """What the hooks of an event came to. Only a hook that said so denies; one that is broken or hangs does not."""

    outcomes: tuple[Outcome, ...] = ()

    @property
    def denied(self) -> str:
        """Why the event is denied, or an empty text."""
        return next((each.reason for each in self.outcomes if each.status == "denied"), "")

    @property
    def reports(self) -> list[str]:
        """A sentence for each hook that neither passed nor denied."""
        quiet = ("passed", "denied")
        odd = [f"{each.hook.words}: {each.reason}" for each in self.outcomes if each.status not in quiet]
        return [*odd, *(f"{each.hook.words}: {_TOO_MUCH}" for each in self.outcomes if each.cut)]


async def run_hooks(
    found: Iterable[Found[Hook]],
    event: str,
    said: Mapping[str, Any],
    *,
    run: RunProgram,
    known: Collection[str],
    cwd: Path,
    env: Mapping[str, str],
) -> Ruling:
    """Run what is meant by this event in `cwd`, a repository's hooks at its top.

    Each gets `said` as one JSON object on its standard input.

    `known` are the hashes of `trust.trusted`; a hook of others that is not among them is not run and said to be
    untrusted, whatever its matcher says. `env` is all the environment they get, but for three names of their own.
    Raises nothing for what a hook does.
    """
    told = {"hook_event_name": event, "cwd": str(cwd), **said}
    outcomes = []
    for each in found:
        if each.value is None or each.value.event != event:
            continue
        # its matcher too is somebody else's, and can take for ever
        if not allowed(each, known):
            outcomes.append(Outcome(each.value, "untrusted", _UNTRUSTED))
            continue
        if not each.value.matches(event, told):
            continue
        outcome = await _run(each.value, each.origin, told, run, cwd, env)
        outcomes.append(outcome)
        if outcome.status == "denied":
            break
    return Ruling(tuple(outcomes))


async def _run(
    hook: Hook,
    origin: Origin,
    told: Mapping[str, Any],
    run: RunProgram,
    cwd: Path,
    env: Mapping[str, str],
) -> Outcome:
    # what was trusted is the file that a path of the command leads to from there
    at = hook.root if origin.level == "repository" else cwd
    own = {"MAESTRO_HOOK_EVENT": hook.event, "CLAUDE_PROJECT_DIR": str(at)}
    plugin = {"CLAUDE_PLUGIN_ROOT": str(hook.root)} if origin.plugin else {}
    stdin = json.dumps(told).encode() + b"\n"
    began = time.monotonic()
    try:
        ended = await run(hook.argv, stdin=stdin, cwd=at, env={**env, **own, **plugin}, timeout=hook.timeout)
    except AgentFailed as error:
        return Outcome(hook, "failed", str(error))
    status, reason = _judged(hook, ended.code, ended.late, ended.stderr)
    took = time.monotonic() - began
    return Outcome(hook, status, reason, ended.stdout, ended.stderr, took, ended.cut)


def _judged(hook: Hook, code: int | None, late: bool, stderr: str) -> tuple[Status, str]:
    if late:
        return "timed-out", f"it was stopped after {hook.timeout:g} seconds"
    if code == 0:
        return "passed", ""
    words = redact(" ".join("".join(c if c.isprintable() else " " for c in stderr).split()))[-LONGEST_REASON:]
    if code == DENIES and hook.event not in AFTERWARDS:
        return "denied", words or f"the hook {hook.words} says no, and not why"
    how = "was ended by a signal" if code is None else f"ended with exit code {code}"
    return "failed", f"it {how}{': ' if words else ''}{words}"
