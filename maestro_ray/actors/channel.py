"""The team channel: the one owner of a team's messages, directives and receipts.

Hard state: numbered messages and steering, in the team's journal before anybody is answered. Soft state: agents' text,
kept only until readers have it or too much has come. A reader is sent one batch at a time and answers with the number
up to which it has everything, so a slow one holds up nobody and a restarted one says where to go on. What every reader
has is deleted from the journal in the end, but for the last few thousand messages.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from maestro_ray.actors.mail import Courier
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
    Recall,
    Say,
    Steer,
    Text,
    WhatHolds,
)
from maestro_ray.actors.minutes import OPERATOR, Minutes
from maestro_ray.actors.threads import ended, in_thread
from maestro_ray.clock import Clock
from maestro_ray.errors import IllegalEvent
from maestro_ray.ids import new_id
from maestro_ray.journal import WHOLE, Entry, Journal
from maestro_ray.model import steering

log = logging.getLogger(__name__)

BATCH = 256
KEPT_IN_MEMORY = 4096
KEPT_TEXTS = 2000
# messages that stay in the journal although every reader has them, for a new life of a reader tells them again; and how
# many more make it worth while to delete some
KEPT_IN_JOURNAL, SLACK = 5000, 5000
KEPT_CHARACTERS = 4_000_000
# how long a reader that could not be reached is left alone, and how long one may take to hear the end, in seconds
PATIENCE = 0.5
FAREWELL = 2.0


class Channel:
    """One team's channel. Public methods are called from one event loop."""

    def __init__(self, part: BeChannel, courier: Courier, clock: Clock) -> None:
        self._part = part
        self._courier = courier
        self._clock = clock
        self._journal = Journal(Path(part.team.journal))
        self._recent: deque[Entry] = deque(maxlen=KEPT_IN_MEMORY)
        self._durable = 0
        self._texts: deque[tuple[int, Text]] = deque()
        self._text_count = self._text_size = 0
        self._members = {
            name: slot for name, slot in part.team.slots.items() if name not in ("lead", "channel")
        }
        # up to which number each reader has everything
        self._seen = dict.fromkeys(part.readers, 0)
        self._wakes: dict[str, asyncio.Event] = {}
        self._readers: list[asyncio.Task[None]] = []
        # what is not durable yet, by number
        self._unsafe: dict[int, asyncio.Future[int]] = {}
        self._closing = False
        self._read_journal()

    def start(self) -> None:
        """Begin to serve the readers, and tell the workers again what is steered: some may not have heard."""
        for reader in self._part.readers:
            wake = self._wakes[reader] = asyncio.Event()
            self._readers.append(asyncio.get_running_loop().create_task(self._serve(reader, wake)))
        self._tell_cleared()
        self._set_members(self._members)

    async def quit(self) -> None:
        """Let readers have what there is, as far as they answer soon, then close the journal."""
        if self._unsafe:
            await asyncio.wait(self._unsafe.values())
        self._closing = True
        self._wake()
        if self._readers:
            await asyncio.wait(self._readers, timeout=FAREWELL)
        await self.close()

    async def close(self) -> None:
        """Close the journal; what waits is written."""
        for reader in self._readers:
            await ended(reader)
        await in_thread(self._journal.close)

    def _read_journal(self) -> None:
        """Everything hard, as the journal has it."""
        self._minutes = Minutes()
        self._recent.clear()
        self._unsafe.clear()
        entries = self._journal.read()
        for entry in entries:
            self._minutes.apply(entry)
        self._first = entries[0].number if entries else 1
        self._durable = self._journal.last

    def handle(self, sender: str, message: Any) -> Any:
        """Decide about one message at once; what comes back may be awaited for the answer."""
        if self._journal.failed:
            # what was decided since then is in no journal, so it never happened
            self._journal.recover()
            self._read_journal()
        match message:
            case Post():
                return self._post(message)
            case Steer(identifier, text):
                return self._steer(identifier, text)
            case ClearSteering(identifier, directives):
                return self._clear(identifier, directives)
            case Say(identifier, text):
                return self._once(identifier, "said", {"text": text})
            case Delivered():
                return self._delivered(message)
            case Members(slots):
                return self._set_members(slots)
            case Text():
                return self._say(message)
            case Recall(after, most):
                return self._recalled(after, most)
            case WhatHolds(worker):
                return self._tell_all(worker)
            case Directives():
                return [asdict(directive) for directive in self._minutes.directives.values()]
            case _:
                raise IllegalEvent("channel", "any", f"{type(message).__name__} of {sender}")

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _post(self, post: Post) -> asyncio.Future[int] | int:
        """What a member says is a message and nothing else: it can neither steer nor speak as the operator."""
        if post.kind in (*steering.KINDS, WHOLE) or post.sender == OPERATOR:
            raise IllegalEvent("channel", "any", f"a message {post.kind!r} of {post.sender}")
        if post.id in self._minutes.posted:
            return self._safe(self._minutes.posted[post.id])
        return self._append(post.kind, {**post.body, "id": post.id}, post.sender)

    def _append(self, kind: str, body: Mapping[str, Any], sender: str = "") -> asyncio.Future[int]:
        """Decided and journaled in one step; the state comes from the entry, as it will when it is read again."""
        entry, done = self._journal.append(kind, dict(body), sender=sender, at=self._clock.wall())
        self._minutes.apply(entry)
        self._note(entry, done)
        self._condense_when_due()
        return done

    def _note(self, entry: Entry, done: asyncio.Future[int]) -> None:
        """Readers get it as soon as it is durable."""
        self._recent.append(entry)
        self._unsafe[entry.number] = done
        done.add_done_callback(lambda done: self._became_durable(entry.number, done))

    def _became_durable(self, number: int, done: asyncio.Future[int]) -> None:
        if self._unsafe.get(number) is done:
            del self._unsafe[number]
        if done.cancelled() or done.exception() is not None:
            return
        self._durable = max(self._durable, number)
        self._wake()

    def _safe(self, number: int) -> asyncio.Future[int] | int:
        """The number of an entry, once it is durable."""
        return self._unsafe.get(number, number)

    def _condense_when_due(self) -> None:
        """What a reader has not seen stays."""
        last = self._journal.last
        first = min([last - KEPT_IN_JOURNAL, *self._seen.values()]) + 1
        if first - self._first > SLACK:
            self._first = first
            entry, done = self._journal.condense(self._minutes.whole(), at=self._clock.wall(), first=first)
            self._note(_shown(entry), done)

    def _say(self, text: Text) -> None:
        self._text_count += 1
        self._text_size += len(text.text)
        self._texts.append((self._text_count, text))
        while len(self._texts) > KEPT_TEXTS or self._text_size > KEPT_CHARACTERS:
            self._text_size -= len(self._texts.popleft()[1].text)
        self._wake()

    def _recalled(self, after: int, most: int) -> list[Entry]:
        """What is not kept any more is left out."""
        after = max(after, self._first - 1)
        found: list[Entry] = []
        while len(found) < most and (entries := self._entries_after(after)):
            found += [entry for entry in entries if entry.kind != WHOLE]
            after = entries[-1].number
        return found[:most]

    def _wake(self) -> None:
        for wake in self._wakes.values():
            wake.set()

    # ── readers ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _serve(self, reader: str, wake: asyncio.Event) -> None:
        self._seen[reader] = await self._send(reader, Delivery(self._part.team.id, first=self._first))
        said = 0
        while True:
            while (entries := await self._entries(reader)) or said < self._text_count:
                texts = [text for number, text in self._texts if number > said][:BATCH]
                first = self._texts[0][0] if self._texts else self._text_count + 1
                dropped = max(0, first - said - 1)
                said = max(said, first - 1) + len(texts)
                delivery = Delivery(self._part.team.id, entries, texts, dropped, self._first)
                self._seen[reader] = await self._send(reader, delivery)
            if self._closing:
                return
            await wake.wait()
            wake.clear()

    async def _send(self, reader: str, delivery: Delivery) -> int:
        while True:
            try:
                return int(await self._courier.tell(reader, delivery))
            except Exception as error:  # noqa: BLE001 - whatever it is, the messages wait in the journal as long as it takes
                log.info("%s does not take its messages: %r", reader, error)
                await asyncio.sleep(PATIENCE)

    async def _entries(self, reader: str) -> list[Entry]:
        while True:
            try:
                return self._entries_after(self._seen[reader])
            except Exception:
                log.exception("what %s has not seen cannot be read; trying again", reader)
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
        return [_shown(entry) for entry in self._journal.read(number, BATCH) if entry.number <= self._durable]

    # ── steering ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _steer(self, identifier: str, text: str) -> asyncio.Future[int] | int:
        body = {"text": text, "workers": sorted(self._members)}
        return self._once(identifier, "directive", body, lambda: self._direct(identifier))

    def _once(
        self, identifier: str, kind: str, body: Mapping[str, Any], then: Callable[[], None] = lambda: None
    ) -> asyncio.Future[int] | int:
        """What the operator says under an id is heard once, however often it is repeated."""
        if identifier in self._minutes.heard:
            return self._safe(self._minutes.heard[identifier])
        done = self._append(kind, {"id": identifier, **body}, OPERATOR)
        self._when_durable(done, then)
        return done

    def _when_durable(self, done: asyncio.Future[int], then: Callable[[], None]) -> None:
        def look(done: asyncio.Future[int]) -> None:
            if not done.cancelled() and done.exception() is None:
                then()

        done.add_done_callback(look)

    def _direct(self, identifier: str) -> None:
        directive = self._minutes.directives[identifier]
        if directive.state is not steering.DirectiveState.ACTIVE:
            return
        for worker in directive.receipts:
            if slot := self._members.get(worker):
                self._courier.tell(slot, Directive(directive.id, directive.text))

    async def _tell_all(self, worker: str) -> list[str]:
        """The ids of all that holds for the member, oldest first, when it has been told of each. What was told to its
        slot before, or to that without a part, is lost with the life before."""
        if (slot := self._members.get(worker)) is None:
            return []
        held = [each for each in steering.active(self._minutes.directives) if worker in each.receipts]
        told = [self._courier.tell(slot, Directive(each.id, each.text)) for each in held]
        await asyncio.gather(*told, return_exceptions=True)
        return [each.id for each in held]

    def _delivered(self, message: Delivered) -> asyncio.Future[int] | None:
        before = self._minutes.directives.get(message.directive)
        if before is None:
            return None
        event = steering.Delivered(message.worker, steering.How(message.how))
        after = steering.apply(before, event, self._clock.wall())
        if after.receipts == before.receipts:
            return None
        body = {"directive": message.directive, "worker": message.worker, "how": message.how}
        return self._append("receipt", body, message.worker)

    def _clear(self, identifier: str, directives: Sequence[str]) -> asyncio.Future[int] | int:
        if not identifier and not steering.active(self._minutes.directives):
            return self._safe(self._minutes.cleared)
        body = {"directives": list(directives)} if directives else {}
        return self._once(identifier or new_id(), "cleared", body, self._tell_cleared)

    def _tell_cleared(self) -> None:
        kept = tuple(directive.id for directive in steering.active(self._minutes.directives))
        for slot in self._members.values():
            self._courier.tell(slot, DirectivesCleared(kept))

    def _set_members(self, slots: Mapping[str, str]) -> None:
        for slot in set(self._members.values()).difference(slots.values()):
            self._courier.forget(slot)
        self._members = dict(slots)
        for directive in steering.active(self._minutes.directives):
            for worker in sorted(set(slots) - set(directive.receipts)):
                self._append("accepted", {"directive": directive.id, "worker": worker})
            self._direct(directive.id)


def _shown(entry: Entry) -> Entry:
    """What says it all says nothing new to a reader, who only counts it."""
    return replace(entry, body={}) if entry.kind == WHOLE else entry
