"""Silence: who works and has said nothing for how long. It is shown, for it may be thought, or a program that hangs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from maestro_ray.model.plain_text import one_line

# of what is said last, in characters
LONGEST_LINE = 160
# a digest comes no sooner after another, in seconds
BETWEEN = 60.0


@dataclass(frozen=True)
class Quiet:
    """`since` when a worker has said nothing, in seconds of the clock that is asked, and its `last` line."""

    since: float
    last: str = ""


class Silence:
    """That of one team. `after` is how long nothing must be heard of somebody at work, in seconds."""

    def __init__(self, after: float) -> None:
        self._after = after
        self._known: dict[str, tuple[str, Quiet]] = {}
        # the run each spoke of last, and its last line: it may be heard before it is known to be at work
        self._words: dict[str, tuple[str, str]] = {}
        # with the run it rests in: that too may be heard before it is known to be at work
        self._resting: dict[str, str] = {}
        self._told: frozenset[tuple[str, float]] = frozenset()
        self._told_at: float | None = None

    def works(self, working: Mapping[str, str], now: float) -> None:
        """Who is at work on which run. Who begins one has been silent since now."""
        for worker in [each for each in self._known if each not in working]:
            del self._known[worker]
            self._resting.pop(worker, None)
        for worker, run in working.items():
            if self._known.get(worker, ("", None))[0] != run:
                spoke_of, line = self._words.get(worker, ("", ""))
                self._known[worker] = run, Quiet(now, line if spoke_of == run else "")
                if self._resting.get(worker) != run:
                    self._resting.pop(worker, None)

    def heard(self, worker: str, text: str, now: float, run: str = "") -> None:
        """It has said something, about this run."""
        self._resting.pop(worker, None)
        if run and (line := last_line(text)):
            self._words[worker] = run, line
        if worker in self._known:
            run, before = self._known[worker]
            self._known[worker] = run, Quiet(now, last_line(text) or before.last)

    def rests(self, worker: str, run: str) -> None:
        """It waits for a limit in this run, and is expected to say nothing until it is heard again."""
        self._resting[worker] = run

    def silent(self, now: float) -> Mapping[str, Quiet]:
        """Who has been silent for long enough, who has been longest first."""
        found = {
            worker: quiet
            for worker, (_, quiet) in self._known.items()
            if worker not in self._resting and now - quiet.since >= self._after
        }
        return dict(sorted(found.items(), key=lambda each: (each[1].since, each[0])))

    def digest(self, everybody: Collection[str], now: float) -> str:
        """What is worth a message: somebody has become silent since the last. Empty when there is nothing new, or when
        it is too soon after that; then it comes later."""
        silent = self.silent(now)
        state = frozenset((worker, quiet.since) for worker, quiet in silent.items())
        soon = self._told_at is not None and now - self._told_at < BETWEEN
        if state <= self._told or soon:
            self._told &= state if not soon else self._told
            return ""
        self._told, self._told_at = state, now
        idle = sorted(set(everybody) - self._known.keys())
        return digest(silent, idle, now)


def digest(silent: Mapping[str, Quiet], idle: Sequence[str], now: float) -> str:
    """One line about a team."""
    parts = [f"{worker} is {sentence(now - quiet.since, quiet.last)}" for worker, quiet in silent.items()]
    return ". ".join([*parts, *([f"Idle: {', '.join(idle)}"] if idle else [])])


def sentence(seconds: float, last: str) -> str:
    """`silent for 1 min 20 s; last: …`."""
    return f"silent for {span(seconds)}" + (f"; last: {last}" if last else "")


def span(seconds: float) -> str:
    """`45 s`, `1 min 20 s`, `2 h 3 min`."""
    whole = int(max(0.0, seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def last_line(text: str) -> str:
    """The last line that says something, cut."""
    line = next((shown for each in reversed(text.splitlines()) if (shown := one_line(each))), "")
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"
