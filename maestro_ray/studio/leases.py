"""Leases of sessions and whatever else has its time: watched, and counted anew when nobody could have kept it."""

from __future__ import annotations

import asyncio
import logging

from maestro_ray.clock import Lateness
from maestro_ray.studio import sessions, wake
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio

log = logging.getLogger(__name__)

# The wall clock and the monotonic one may drift apart this much, in seconds, before leases are counted anew.
CLOCK_JUMP = 2.0


async def watch_leases(studio: Studio) -> None:
    """Interrupt sessions whose lease has ended, and wake what is due, soon after it is."""
    ahead, lease = None, studio.config.session_lease
    every = min(5.0, max(0.2, lease / 20))
    lateness = Lateness(every, studio.clock.monotonic())
    while True:
        # stopped, or too busy to answer, for so long that it could cost somebody the lease: it was away
        if lateness.since(studio.clock.monotonic()) > lease / 4:
            ahead = None
        try:
            ahead = await check_leases(studio, ahead)
        except Exception:
            # whatever it was: without this watch no session would ever end again
            log.exception("leases could not be checked; trying again")
        await asyncio.sleep(every)


async def check_leases(studio: Studio, ahead: float | None) -> float:
    """Interrupt the sessions whose lease is over, wake what is due. `ahead` is what the last call returned, None at
    the first.

    Leases are kept in wall time, to outlive a restart. After Studio was away, or when the wall clock has jumped
    (or the machine has slept), nobody could have renewed them, so everybody gets a whole one.
    """
    now = studio.clock.wall()
    ahead_now = now - studio.clock.monotonic()
    lease = studio.config.session_lease
    if ahead is None or abs(ahead_now - ahead) > CLOCK_JUMP:
        await studio.store.write(sessions.renew_all, lease)
        await studio.store.write(wake.renew)
    elif await studio.store.read(Transaction.first, sessions.late(now, lease)):
        await studio.change(sessions.expire, lease)
    if await studio.store.read(wake.due):
        await studio.store.write(wake.wake)
    return ahead_now
