"""The team channel: the one owner of a team's messages, directives and receipts.

Hard state: numbered messages and steering, in the team's journal before anybody is answered. Soft state: agents' text,
kept only until readers have it or too much has come. A reader is sent one batch at a time and answers with the number
up to which it has everything, so a slow one holds up nobody and a restarted one says where to go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maestro_ray.actors.mail import Courier, PeerGone
from maestro_ray.actors.messages import (
    BeChannel,
    ClearSteering,
    Delivered,
    Delivery,
    Directive,
    Directives,
    DirectivesCleared,
    Members,
    Post,
    Steer,
    Text,
)
from maestro_ray.clock import Clock
from maestro_ray.errors import IllegalEvent
from maestro_ray.journal import Entry, Journal
from maestro_ray.model import steering

log = logging.getLogger(__name__)

BATCH = 256
KEPT_IN_MEMORY = 4096
KEPT_TEXTS = 2000
# how long a reader that could not be reached is left alone, in seconds
PATIENCE = 0.5


class Channel:
    """One team's channel. Public methods are called from one event loop."""

    def __init__(self, part: BeChannel, courier: Courier, clock: Clock) -> None:
        self._part = part
        self._courier = courier
        self._clock = clock
        self._journal = Journal(Path(part.team.journal))
        self._recent: deque[Entry] = deque(maxlen=KEPT_IN_MEMORY)
        self._durable = self._journal.last
        self._texts: deque[tuple[int, Text]] = deque(maxlen=KEPT_TEXTS)
        self._text_count = 0
        self._members = {
            name: slot for name, slot in part.team.slots.items() if name not in ("lead", "channel")
        }
        self._directives: dict[str, steering.Directive] = {}
        self._wakes: dict[str, asyncio.Event] = {}
        self._readers: list[asyncio.Task[None]] = []
        for entry in self._journal.read():
            self._replay(entry)

    def start(self) -> None:
        """Begin to serve the readers, and tell the workers again what is steered: some may not have heard."""
        for reader in self._part.readers:
            wake = self._wakes[reader] = asyncio.Event()
            self._readers.append(asyncio.get_running_loop().create_task(self._serve(reader, wake)))
        for directive in self._active():
            self._direct(directive)

    async def quit(self) -> None:
        """Let readers have what is durable, as far as they answer soon, then close the journal."""
        for wake in self._wakes.values():
            wake.set()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, self._journal.close)

    def handle(self, sender: str, message: Any) -> Any:
        """Decide about one message at once; what comes back may be awaited for the answer."""
        match message:
            case Post(who, kind, body):
                return self._append(kind, body, who)
            case Steer(identifier, text):
                return self._steer(identifier, text)
            case ClearSteering():
                return self._clear()
            case Delivered():
                return self._delivered(message)
            case Members(slots):
                return self._set_members(slots)
            case Text():
                return self._say(message)
            case Directives():
                return [asdict(directive) for directive in self._directives.values()]
            case _:
                raise IllegalEvent("channel", "any", f"{type(message).__name__} of {sender}")

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _append(self, kind: str, body: Mapping[str, Any], sender: str = "") -> asyncio.Future[int]:
        entry, done = self._journal.append(kind, dict(body), sender=sender, at=self._clock.wall())
        self._recent.append(entry)
        done.add_done_callback(self._became_durable)
        return done

    def _became_durable(self, done: asyncio.Future[int]) -> None:
        if done.cancelled() or done.exception() is not None:
            return
        self._durable = max(self._durable, done.result())
        self._wake()

    def _say(self, text: Text) -> None:
        self._text_count += 1
        self._texts.append((self._text_count, text))
        self._wake()

    def _wake(self) -> None:
        for wake in self._wakes.values():
            wake.set()

    # ── readers ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _serve(self, reader: str, wake: asyncio.Event) -> None:
        seen = await self._send(reader, Delivery(self._part.team.id))
        said = 0
        while True:
            await wake.wait()
            wake.clear()
            while (entries := self._entries_after(seen)) or said < self._text_count:
                texts = [text for number, text in self._texts if number > said][:BATCH]
                first = self._texts[0][0] if self._texts else self._text_count + 1
                dropped = max(0, first - said - 1)
                seen = await self._send(reader, Delivery(self._part.team.id, entries, texts, dropped))
                said = max(said, first - 1) + len(texts)

    async def _send(self, reader: str, delivery: Delivery) -> int:
        while True:
            try:
                return int(await self._courier.tell(reader, delivery))
            except (PeerGone, TypeError, ValueError):
                # it may be on its way back under the same name; messages wait in the journal as long as it takes
                await asyncio.sleep(PATIENCE)

    def _entries_after(self, number: int) -> list[Entry]:
        if number >= self._durable:
            return []
        if self._recent and self._recent[0].number <= number + 1:
            begin = number + 1 - self._recent[0].number
            return [
                self._recent[i]
                for i in range(begin, min(begin + BATCH, self._durable - self._recent[0].number + 1))
            ]
        return [entry for entry in self._journal.read(number, BATCH) if entry.number <= self._durable]

    # ── steering ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _steer(self, identifier: str, text: str) -> asyncio.Future[int] | int:
        if identifier in self._directives:
            return self._durable
        body = {"id": identifier, "text": text, "workers": sorted(self._members)}
        done = self._append("directive", body, "operator")
        self._added(body, self._clock.wall())
        done.add_done_callback(lambda done: self._direct_when_durable(identifier, done))
        return done

    def _direct_when_durable(self, identifier: str, done: asyncio.Future[int]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._direct(self._directives[identifier])

    def _direct(self, directive: steering.Directive) -> None:
        for worker in directive.receipts:
            if slot := self._members.get(worker):
                self._courier.tell(slot, Directive(directive.id, directive.text))

    def _delivered(self, message: Delivered) -> asyncio.Future[int] | None:
        before = self._directives.get(message.directive)
        if before is None:
            return None
        event = steering.Delivered(message.worker, steering.How(message.how))
        after = steering.apply(before, event, self._clock.wall())
        if after.receipts == before.receipts:
            return None
        self._directives[message.directive] = after
        body = {"directive": message.directive, "worker": message.worker, "how": message.how}
        return self._append("receipt", body, message.worker)

    def _clear(self) -> asyncio.Future[int] | int:
        if not self._active():
            return self._durable
        self._cleared(self._clock.wall())
        for slot in self._members.values():
            self._courier.tell(slot, DirectivesCleared())
        return self._append("cleared", {}, "operator")

    def _set_members(self, slots: Mapping[str, str]) -> None:
        self._members = dict(slots)
        for directive in self._active():
            for worker in sorted(set(slots) - set(directive.receipts)):
                event = steering.Accepted(worker)
                self._directives[directive.id] = steering.apply(
                    self._directives[directive.id], event, self._clock.wall()
                )
                self._append("accepted", {"directive": directive.id, "worker": worker})
            self._direct(self._directives[directive.id])

    def _active(self) -> list[steering.Directive]:
        return [d for d in self._directives.values() if d.state is steering.DirectiveState.ACTIVE]

    def _added(self, body: Mapping[str, Any], at: float) -> None:
        directive = steering.Directive(body["id"], body["text"], at)
        for worker in body["workers"]:
            directive = steering.apply(directive, steering.Accepted(worker), at)
        self._directives[directive.id] = directive

    def _cleared(self, at: float) -> None:
        for directive in self._active():
            self._directives[directive.id] = steering.apply(directive, steering.Cleared(), at)

    def _replay(self, entry: Entry) -> None:
        body = entry.body
        match entry.kind:
            case "directive":
                self._added(body, entry.at)
            case "accepted":
                event: steering.Event = steering.Accepted(body["worker"])
                self._directives[body["directive"]] = steering.apply(
                    self._directives[body["directive"]], event, entry.at
                )
            case "receipt":
                event = steering.Delivered(body["worker"], steering.How(body["how"]))
                self._directives[body["directive"]] = steering.apply(
                    self._directives[body["directive"]], event, entry.at
                )
            case "cleared":
                self._cleared(entry.at)
