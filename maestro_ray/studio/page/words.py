"""How values are worded and toned on the page; the words are those of the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# a word of any state machine -> how it looks; every other is neutral
TONES: Mapping[str, str] = {
    **dict.fromkeys(("merged", "completed", "approved", "completed_by_client", "succeeded", "APPROVED"), "good"),
    **dict.fromkeys(("active", "connected", "in_progress", "running", "working"), "live"),
    **dict.fromkeys(("dispatched", "awaiting_review"), "accent"),
    **dict.fromkeys(("waiting_for_resume", "waiting", "paused", "interrupted", "pending", "open"), "warn"),
    **dict.fromkeys(("failed", "REJECTED"), "bad"),
}  # fmt: skip

# the end of the year 9999 in Unix seconds: what comes later is no date
_LAST = 253402300800

_STEPS = ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h"), (float("inf"), 86400, "d"))


def tone(word: str) -> str:
    return TONES.get(word, "plain")


def plain(word: str) -> str:
    """`waiting_for_resume` as a person reads it."""
    return word.replace("_", " ")


def span(seconds: float) -> str:
    """A length of time with its largest unit, `static/ticks.js` says the same: `12 s`, `3 min`, `2 h`, `5 d`."""
    seconds = max(0.0, seconds)
    return next(f"{int(seconds // unit)} {name}" for limit, unit, name in _STEPS if seconds < limit)


def stamp(at: float) -> str:
    """A moment as `<time datetime>` wants it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


# messages that are a text of one key, if any, and what is said before it
_TEXTS = {
    "run.resumed": ("goes on where it was cut", ""),
    "cleared": ("⚑ steering cleared", ""),
    "team.up": ("the team is up", ""),
    "digest": ("", "text"),
    "blocker": ("blocked: ", "text"),
    "question": ("asks: ", "question"),
    "post": ("says: ", "text"),
    "verdict.unclear": ("its verdict could not be read: asked for it once more", ""),
}
# what a person may have to look at
_ALARMS = frozenset(("blocker", "hook.denied", "hook.failed", "mcp.left_out", "permission.denied",
                     "permission.late", "run.paused", "run.waits", "verdict.unclear"))  # fmt: skip


def look(kind: str) -> str:
    """How a message of this kind stands out from the others: `steer`, `alarm`, or not at all."""
    return "steer" if kind in ("directive", "cleared") else "alarm" if kind in _ALARMS else ""


def message(kind: str, body: object) -> str:  # noqa: PLR0912 - one line for each kind
    """What a message of a team's channel says, in one line."""
    if not isinstance(body, Mapping):
        return str(body)
    about = f"{plain(str(body.get('purpose', '')))} {body.get('title', '')}".strip()
    if kind in _TEXTS:
        before, key = _TEXTS[kind]
        return f"{before}{body.get(key, '')}"
    match kind:
        case "run.started":
            return f"began {about}"
        case "run.ended" | "run.withdrawn":
            return f"{about}: {body.get('summary') or body.get('action', '')}"
        case "hook.denied":
            return f"a hook denies ({body.get('event', '')}): {body.get('reason', '')}"
        case "hook.failed":
            return f"a hook for {body.get('event', '')}: {body.get('reason', '')}"
        case "mcp.left_out":
            return f"goes on without the MCP server {body.get('server', '')}: {body.get('reason', '')}"
        case "subtask.refused" | "blocker.refused" | "decision.refused":
            what = kind.removesuffix(".refused")
            said = {"decision": "question"}.get(what, what)
            return f"{said} refused: {body.get(what, '')}: {body.get('reason', '')}"
        case "run.paused":
            return f"paused{_until(body.get('resume_at'))}: {body.get('reason', '')}"
        case "run.waits":
            run = str(body.get("run", ""))[-8:]
            return f"waits for a person, in {body.get('worktree', '')}: maestro task done {run}"
        case "permission.asked":
            return f"waits for permission: {body.get('tool', '')} {body.get('command', '')}"
        case "permission.answered":
            return f"{body.get('answer', '')}: {body.get('tool', '')} {body.get('command', '')}"
        case "permission.denied":
            return f"denied: {body.get('command', '')}: {body.get('reason', '')}"
        case "permission.late":
            return f"the answer {body.get('answer', '')} came too late and changed nothing"
        case "directive":
            return f"⚑ {body.get('text', '')}"
        case "accepted":
            return f"⚑ goes to {body.get('worker', '')} too"
        case "receipt":
            return f"⚑ delivered ({body.get('how', '')})"
        case "worker.joined" | "worker.left":
            return f"{body.get('worker', '')} {kind.removeprefix('worker.')} the team"
    return f"{kind}: {body['text'] if isinstance(body.get('text'), str) else json.dumps(body, ensure_ascii=False)}"


def _until(at: object) -> str:
    """The moment, where whoever said it has named one that there is."""
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 < at < _LAST:
        return ""
    return f" until {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def found(test: Mapping[str, Any] | None) -> str:
    """A test run's evidence in one line; empty when there is none."""
    if not test:
        return ""
    counts = test.get("counts")
    numbers = [f"{number} {word}" for word, number in counts.items()] if isinstance(counts, dict) else []
    code = test.get("exit_code")
    ended = "run by an agent" if code is None else f"exit code {code}"
    return " · ".join([str(test.get("command", "")), ended, *numbers])
