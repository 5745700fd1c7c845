"""Work in a thread and the end of tasks, both seen to their end: nothing goes on behind the back of who asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Like `asyncio.to_thread`, but a cancelled caller leaves only when the thread is done: git is not cut in two."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await _settled(task)
        raise


async def ended(task: asyncio.Task[Any]) -> None:
    """Cancel a task, once, and return when it is over, whatever came of it. A caller that is cancelled waits too."""
    if not task.cancelling():
        task.cancel()
    if await _settled(task):
        raise asyncio.CancelledError


async def _settled(task: asyncio.Future[Any]) -> bool:
    """Wait until it is done; whether the waiting itself was cancelled meanwhile."""
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    if not task.cancelled():
        task.exception()  # it is told elsewhere
    return cancelled
