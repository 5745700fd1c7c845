"""Pinging: how a slot shows Connections that it lives, itself or by the one member of its node that tells for all.

What is new is said by the member itself: that it is there, what it works on, that it is there again. The one that tells
only renews what Connections has heard from the member, and only with signs the member has given since; so nobody can
speak for the frozen or the dead. Who learns of no such renewal in time pings itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from math import inf
from pathlib import Path
from typing import Any

from maestro_ray.actors.messages import Leash, Ping, Pings, Shown, TeamSpec
from maestro_ray.actors.pulses import Answer, Pulse, Pulses
from maestro_ray.clock import Clock, Lateness

log = logging.getLogger(__name__)

# A slot that has heard nothing of Connections for this many worker leases ends its part: detached never means leaked.
ORPHANED_AFTER = 10
# A pulse that was counted is worth this many pings. When the next is due it is one old, and two if whoever tells looked
# just before: then the member looks again after half a ping, in a better moment or to find that nobody tells.
TRUSTED, FRESH = 2.25, 1.5
# With a lease of fewer pings than this there is no time to notice that nobody tells.
SHARED_FROM = 4.0


class Trust:
    """Whether a member may be silent, for another tells that it lives. It decides and does nothing; in seconds."""

    def __init__(self, ping: float, lease: float) -> None:
        self.shares = lease >= SHARED_FROM * ping
        self._ping = ping
        self._asked = -inf
        self._said: tuple[str, int] | None = None

    def must_ping(self, now: float, doing: tuple[str, int], answer: Answer | None) -> bool:
        """`doing` is the run in hand and its epoch, `answer` what was said of this member's pulses, if it has one."""
        if not self.shares or answer is None or doing != self._said or answer.refused > self._asked:
            return True
        return not 0 <= now - answer.counted <= TRUSTED * self._ping

    def pause(self, now: float, answer: Answer) -> float:
        """How long a member that is silent may wait until it looks again."""
        return self._ping if now - answer.counted <= FRESH * self._ping else self._ping / 2

    def pinged(self, sent: float, doing: tuple[str, int]) -> None:
        """Connections has heard it from the member itself."""
        self._asked, self._said = sent, doing


class Pinging:
    """One slot in one part; `tell` sends a message to Connections and waits for the reply. The next sign of life is due
    after `pause` seconds."""

    def __init__(
        self,
        slot: str,
        pid: int,
        node: str,
        team: TeamSpec | Leash,
        tell: Callable[[Any], Awaitable[Any]],
        clock: Clock,
    ) -> None:
        self._slot, self._pid, self._node, self._team = slot, pid, node, team
        self._tell, self._clock = tell, clock
        self._heard = clock.monotonic()
        self._lateness = Lateness(team.lease + team.ping, self._heard)
        self._trust = Trust(team.ping, team.lease)
        shared = team.pulses and self._trust.shares
        self._pulses = Pulses(Path(team.pulses) / node, slot, pid, team.id) if shared else None
        self._unwritten = False
        self.pause = team.ping

    async def once(self, run: str, epoch: int) -> bool:
        """Show that this slot lives, and works on this run; whether it is still part of its team, or may be."""
        now, doing = self._clock.monotonic(), (run, epoch)
        answer, news = self._show(now)
        if answer is None or self._trust.must_ping(now, doing, answer):
            self.pause = self._team.ping
            belongs, _ = await asyncio.gather(self._ping(now, doing), self._tell_for_all(now, news))
            return belongs
        self.pause = self._trust.pause(now, answer)
        await self._tell_for_all(now, news)
        self._heard = max(self._heard, answer.counted)
        self._lateness.since(self._clock.monotonic())
        return True

    def end(self) -> None:
        """The part is over."""
        if self._pulses is not None:
            self._pulses.end()

    def _show(self, now: float) -> tuple[Answer | None, list[Pulse]]:
        """What was said of this member's pulses, and the pulses it has to tell."""
        if self._pulses is None:
            return None, []
        try:
            answer = self._pulses.show(now)
            news = self._pulses.news(now) if self._pulses.tells() else []
        except OSError as error:
            if not self._unwritten:
                log.info("%s cannot share its pings: %r", self._slot, error)
            self._unwritten = True
            return None, []
        self._unwritten = False
        return answer, news

    async def _ping(self, now: float, doing: tuple[str, int]) -> bool:
        """Silence is the time in which an answer could have been heard: who was stopped has been silent itself."""
        ping = Ping(self._slot, self._pid, self._node, self._team.id, *doing)
        try:
            # not `wait_for`: it can lose the cancel that ends this
            async with asyncio.timeout(self._team.lease):
                belongs = bool(await self._tell(ping))
        except Exception as error:  # noqa: BLE001 - whatever keeps Connections from answering counts as silence
            log.info("Connections did not answer a ping: %r", error)
            at = self._clock.monotonic()
            self._heard += self._lateness.since(at)
            return at - self._heard <= ORPHANED_AFTER * self._team.lease
        self._heard = self._clock.monotonic()
        self._lateness.since(self._heard)
        self._trust.pinged(now, doing)
        return belongs

    async def _tell_for_all(self, now: float, news: list[Pulse]) -> None:
        """What is not told now is told the next time, if it is still news."""
        if self._pulses is None or not news:
            return
        shown = tuple(Shown(each.slot, each.pid, each.team, max(0.0, now - each.at)) for each in news)
        try:
            async with asyncio.timeout(self._team.lease):
                counted = await self._tell(Pings(self._node, shown))
        except Exception as error:  # noqa: BLE001 - the others notice, and ping themselves
            log.info("Connections did not answer for %d members: %r", len(news), error)
        else:
            self._pulses.answered(news, counted or ())
