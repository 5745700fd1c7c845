"""What the forms of a transcript have in common: how times, sums and texts of others are said."""

from __future__ import annotations

import re

from maestro_ray.model.budget import count, money
from maestro_ray.transcript.document import Diff, Evidence, Long, Moment, Run, Transcript, Usage

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
# control characters, and those that are not seen or turn the order of a line around
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def shown(text: str) -> str:
    """Safe for a terminal and a browser: what is not seen, or does something, is named in its place, `⟦U+202E⟧`.

    Colours are left out; line breaks and tabs stay.
    """
    text = _COLOUR.sub("", text).replace("\r\n", "\n")
    return _UNSAFE.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text)


def one_line(text: str) -> str:
    return " ".join(shown(text).split())


def at(moment: Moment) -> str:
    """`2026-11-23 06:23:42`; `-` for what has not happened."""
    return moment[:19].replace("T", " ") if moment else "-"


def day_time(moment: Moment) -> str:
    return moment[11:19] if moment else "-"


def plain(word: str) -> str:
    return word.replace("_", " ")


def used(usage: Usage) -> str:
    """`$0.12 · 3.4k tokens in, 120 out`; empty for nothing."""
    if not (usage.input_tokens or usage.output_tokens or usage.cost_usd):
        return ""
    unpriced = f" ({count(usage.unpriced_tokens)} unpriced)" if usage.unpriced_tokens else ""
    tokens = f"{count(usage.input_tokens)} tokens in, {count(usage.output_tokens)} out{unpriced}"
    return f"{money(usage.cost_usd)} · {tokens}"


def number(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size(diff: Diff) -> str:
    """How much changed, in one line; empty where nobody knows."""
    lines = f"{number(diff.insertions, 'line')} added, {diff.deletions:,} removed"
    return f"{number(diff.files, 'file')}, {lines}" if diff.files else ""


def left_out(text: Long, end: bool = False) -> str:
    """How much is not there; empty when all is."""
    if not text.left_out:
        return ""
    return f"{number(text.left_out, 'character')} {'before this' if end else 'more'}, left out"


def tested(evidence: Evidence) -> str:
    """One line of what a test run found."""
    numbers = ", ".join(f"{number} {word}" for word, number in evidence.counts.items())
    code = "was run by an agent" if evidence.exit_code is None else f"exited with {evidence.exit_code}"
    return f"{evidence.command} {code}" + (f": {numbers}" if numbers else "")


def title(transcript: Transcript) -> str:
    scope, team = transcript.scope, transcript.team
    if scope.kind == "run":
        return f"Run {scope.id[-8:]} ({plain(scope.name)}) of team {team.name}"
    return f"Session {scope.name} of team {team.name}" if scope.kind == "session" else f"Team {team.name}"


def heading(run: Run) -> list[str]:
    """What is said of a run in one line, in parts; the first is what it was for."""
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    parts = [
        f"{plain(run.purpose)}{attempt}",
        run.worker or "nobody",
        plain(run.state),
        f"{day_time(run.started_at or run.created_at)} to {day_time(run.finished_at)}",
        run.commit[:10],
        used(run.usage),
    ]
    return [part for part in parts if part]


def caps(transcript: Transcript) -> list[tuple[str, str, str]]:
    """Each cap: what it is of, how much it was, and how much it has become."""
    cost = transcript.cost
    now = {"team_tokens": cost.cap_tokens, "team_usd": cost.cap_usd}
    rows = []
    for name, value in cost.caps.items():
        whose, _, unit = name.partition("_")
        became = now.get(name)
        rows.append(
            (f"{whose}, {unit}", _cap(unit, value), _cap(unit, became) if became not in (None, value) else "")
        )
    return rows


def _cap(unit: str, value: float | None) -> str:
    return "" if value is None else money(value) if unit == "usd" else f"{count(int(value))} tokens"
