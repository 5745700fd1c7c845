"""A team's events to their end, also when the line to them is cut on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from maestro_cli.daemon_line import connect
from maestro_cli.render import out
from maestro_ray.connection.call import Line
from maestro_ray.errors import Conflict, DaemonUnavailable, Reported
from maestro_ray.home import Home

# how long a watcher waits for Connections or the daemon to come back, and how often it looks
AGAIN_WITHIN = 60.0
PAUSE = 0.5


def follow_events(
    line: Line, team: str, again: Callable[[], Line] = lambda: connect(Home.find()), pause: float = PAUSE
) -> Iterator[tuple[str, Any]]:
    """The pairs of `team.watch`; after a cut it goes on behind the last event that was seen.

    Raises what cut it when the line does not come back, and `Conflict` when the team ended while it was away.
    """
    seen, until = 0, 0.0
    while True:
        try:
            for kind, value in line.stream("team.watch", team=team, after=seen):
                if until and kind != "progress":
                    out.say("the line is back")
                    until = 0.0
                seen = value["n"] if kind == "team.event" else seen
                yield kind, value
            return
        except (DaemonUnavailable, Reported) as error:
            if until and error.kind == "not_found":
                raise Conflict(
                    f"the team {team} ended while the line to it was cut", "Studio has what came of it"
                ) from error
            if error.kind != "daemon_unavailable":
                raise
            if not until:
                out.say(
                    f"the line to the team was cut ({error}); waiting up to {AGAIN_WITHIN:.0f} s for it …"
                )
                until = time.monotonic() + AGAIN_WITHIN
            line.close()
            line = _back(again, until, pause, error)


def _back(again: Callable[[], Line], until: float, pause: float, cut: Exception) -> Line:
    while time.monotonic() < until:
        time.sleep(pause)
        try:
            return again()
        except DaemonUnavailable:
            continue
    raise cut
