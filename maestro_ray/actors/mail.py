"""Mail between actors: ordered, at least once on the way, exactly once when handled.

Ray may run a call twice, late, or not at all and does not keep the order of async calls. So the sender numbers what
it sends and has one batch on the way per receiver; the receiver drops repeats and remembers what it answered.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from maestro_ray.errors import JournalBroken, MaestroError

log = logging.getLogger(__name__)

# a reply is remembered at least as long as its sender may repeat the batch it was in
REMEMBERED = 256
# every life of an actor is a sender of its own; those not heard for longest are forgotten
SENDERS = 1024
LARGEST_BATCH = 64

Handler = Callable[[str, Any], Any]
Letter = tuple[int, Any]
Send = Callable[[str, str, Sequence[Letter]], Awaitable[Sequence[Any]]]


@dataclass
class _Sender:
    last: int
    replies: deque[tuple[int, asyncio.Future[Any]]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


class Mailbox:
    """The receiving end. `handle(sender, message)` is called once per message, in each sender's order.

    It decides at once and may return an awaitable for what takes time; the reply waits for that, the next message
    does not. An exception is the reply.
    """

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._senders: dict[str, _Sender] = {}

    async def receive(self, sender: str, batch: Sequence[Letter]) -> list[Any]:
        """Take a batch, which may be a repeat, and give the reply to each message: a value or an exception."""
        # shielded: a call that is given up must not undo what a repeat of it will ask for again
        waiting = [asyncio.shield(self._take(sender, number, message)) for number, message in batch]
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    def _take(self, sender: str, number: int, message: Any) -> asyncio.Future[Any]:
        # the first one seen of a sender begins its order: this actor may be younger than the sender
        known = self._senders.pop(sender, None) or _Sender(number - 1)
        self._senders[sender] = known
        if len(self._senders) > SENDERS:
            del self._senders[next(iter(self._senders))]
        if number <= known.last:
            return next((reply for n, reply in known.replies if n == number), _done(None))
        known.last = number
        reply = self._answer(sender, message)
        known.replies.append((number, reply))
        return reply

    def _answer(self, sender: str, message: Any) -> asyncio.Future[Any]:
        try:
            answer = self._handle(sender, message)
        except MaestroError as error:  # a refusal is the sender's to know; between two lives there are many
            log.info("%s of %s is refused: %s", type(message).__name__, sender, error)
            return _done(error)
        except Exception as error:
            log.exception("could not handle %s of %s", type(message).__name__, sender)
            return _done(error)
        return asyncio.ensure_future(answer) if isinstance(answer, Awaitable) else _done(answer)


def _done(value: Any) -> asyncio.Future[Any]:
    if isinstance(value, StopIteration):
        value = RuntimeError(repr(value))  # a future cannot hold it
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    if isinstance(value, BaseException):
        future.set_exception(value)
        future.exception()  # it is for the sender; nobody here needs to retrieve it
    else:
        future.set_result(value)
    return future


class Courier:
    """The sending end: one queue and one batch on the way per receiver, repeated until it is answered or given up.

    `send(receiver, sender, batch)` is one try. It raises `PeerGone` when the receiver will never answer again and
    anything else when it may.
    """

    def __init__(self, name: str, send: Send, *, patience: float = 0.2) -> None:
        self.name = name
        self._send = send
        self._patience = patience
        # one count for all receivers: it must not begin again for one that was forgotten and is met again
        self._numbers = itertools.count(1)
        self._queues: dict[str, _Queue] = {}
        self._closed = False

    def tell(self, receiver: str, message: Any) -> asyncio.Future[Any]:
        """Put a message on its way. The future is its reply, which a caller may ignore."""
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        reply.add_done_callback(_noted)
        if self._closed:
            reply.set_exception(PeerGone(receiver))
            return reply
        line = self._queues.get(receiver)
        if line is None:
            line = self._queues[receiver] = _Queue()
            line.task = asyncio.get_running_loop().create_task(self._deliver(receiver, line))
        line.put(next(self._numbers), message, reply)
        return reply

    async def insist(
        self,
        receiver: str,
        message: Any,
        *,
        pause: float = 1.0,
        told: Callable[[Exception], None] = lambda _: None,
    ) -> Any:
        """Tell until it is handled: an exception as the reply is no end, for the receiver may do better later.

        `told` gets each of them. Raises `PeerGone`.
        """
        while True:
            try:
                return await self.tell(receiver, message)
            except PeerGone:
                raise
            except Exception as error:  # noqa: BLE001 - which one it is makes no difference
                log.warning("%s for %s is told again: %r", type(message).__name__, receiver, error)
                told(error)
                await asyncio.sleep(pause)

    def assure(self, receiver: str, message: Any, *, pause: float = 1.0) -> None:
        """Tell without waiting for the reply, and again whenever the receiver could not write it down."""

        def look(reply: asyncio.Future[Any]) -> None:
            if not reply.cancelled() and isinstance(reply.exception(), JournalBroken):
                asyncio.get_running_loop().call_later(pause, self._assure_again, receiver, message, pause)

        self.tell(receiver, message).add_done_callback(look)

    def _assure_again(self, receiver: str, message: Any, pause: float) -> None:
        if not self._closed:
            self.assure(receiver, message, pause=pause)

    def forget(self, receiver: str) -> None:
        """Give up on a receiver: what still waits is answered with `PeerGone`."""
        line = self._queues.pop(receiver, None)
        if line and line.task:
            line.task.cancel()
            line.fail(PeerGone(receiver))

    def close(self) -> None:
        """Send nothing more; whoever waits for a reply gets `PeerGone`."""
        self._closed = True
        for receiver in list(self._queues):
            self.forget(receiver)

    async def _deliver(self, receiver: str, line: _Queue) -> None:
        while True:
            await line.filled.wait()
            batch = line.batch()
            try:
                replies = await self._send(
                    receiver, self.name, [(number, message) for number, message, _ in batch]
                )
            except PeerGone as gone:
                if self._queues.get(receiver) is line:
                    del self._queues[receiver]
                line.fail(gone)
                return
            except Exception as error:  # noqa: BLE001 - whatever it was, the batch may or may not have arrived
                log.info("a batch for %s is sent again: %r", receiver, error)
                await asyncio.sleep(self._patience)
            else:
                line.answered(replies[: len(batch)])


class PeerGone(Exception):
    """`PeerGone(name)`: the receiver will never answer; what was on the way may or may not have been handled."""


class _Queue:
    """Messages for one receiver, in rising numbers."""

    def __init__(self) -> None:
        self.filled = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._waiting: deque[tuple[int, Any, asyncio.Future[Any]]] = deque()

    def put(self, number: int, message: Any, reply: asyncio.Future[Any]) -> None:
        self._waiting.append((number, message, reply))
        self.filled.set()

    def batch(self) -> list[tuple[int, Any, asyncio.Future[Any]]]:
        return [self._waiting[i] for i in range(min(len(self._waiting), LARGEST_BATCH))]

    def answered(self, replies: Sequence[Any]) -> None:
        for reply in replies:
            _, _, future = self._waiting.popleft()
            if future.done():
                continue
            if isinstance(reply, BaseException):
                future.set_exception(reply)
            else:
                future.set_result(reply)
        if not self._waiting:
            self.filled.clear()

    def fail(self, error: BaseException) -> None:
        for _, _, future in self._waiting:
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()


def _noted(reply: asyncio.Future[Any]) -> None:
    """A tell that nobody waits for still has one place where its failure is noticed."""
    if not reply.cancelled() and (error := reply.exception()) is not None:
        log.info("a message was not handled: %r", error)
