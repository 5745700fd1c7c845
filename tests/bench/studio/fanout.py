"""`studio.fanout`: one event to 200 subscribers, against `websockets.broadcast` of a message of the same length.

Both servers and both crowds of clients are there all the time; they take turns event by event.
"""

from __future__ import annotations

import json
import tempfile
from typing import Any

from bench.studio.server import program
from bench.table import Table

KINDS = ("bare websockets", "Studio")
SUBSCRIBERS, EVENTS = 200, 30


def measure(rounds: int) -> Table:
    table = Table("ms")
    subscribers, events = (20, 3) if rounds == 1 else (SUBSCRIBERS, EVENTS)  # once is a look whether it works
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
        pairs = {kind: _Pair(kind, directory, subscribers) for kind in KINDS}
        try:
            for _ in range(events * (rounds or 10)):
                for kind, pair in pairs.items():
                    half, most, last = pair.one_event()
                    table.add(f"{kind}, half of them have it", half)
                    table.add(f"{kind}, 95 % of them have it", most)
                    table.add(f"{kind}, all have it", last)
            for kind, pair in pairs.items():
                table.add(f"{kind}, processor of the server for each event", pair.worked())
        finally:
            for pair in pairs.values():
                pair.close()
    for what, target in (
        ("95 % of them have it", "≤ 2"),
        ("processor of the server for each event", "-"),
    ):
        table.ratio(f"Studio, {what}", f"bare websockets, {what}", target)
    return table


class _Pair:
    """A server and its subscribers."""

    def __init__(self, kind: str, directory: str, subscribers: int) -> None:
        self._server = program("bench.studio.speaker", kind, directory)
        where = _line(self._server)
        self._crowd = program("bench.studio.listeners", str(subscribers))
        _say(self._crowd, json.dumps(where))
        assert _line(self._crowd) == subscribers
        self._events = 0
        self.one_event()  # what the first loads is no matter of the others
        self._events, self._worked = 0, self._processor()

    def one_event(self) -> list[float]:
        """Milliseconds until half, 95 % and all of the subscribers had it."""
        self._events += 1
        _say(self._server, "say")
        answer: list[float] = _line(self._crowd)
        return answer

    def worked(self) -> float:
        return (self._processor() - self._worked) / self._events

    def _processor(self) -> float:
        _say(self._server, "worked")
        return float(_line(self._server))

    def close(self) -> None:
        for process in (self._crowd, self._server):
            process.kill()
            process.communicate()


def _say(process: Any, line: str) -> None:
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _line(process: Any) -> Any:
    return json.loads(process.stdout.readline())
