"""Crash images: what a disk may hold when the power fails, from the steps of a program.

A disk has for certain what was synced. Of what was written since it has all, nothing, only the last, all but the first,
some, or the last in part; of names that were made or deleted since the directory was synced, all or none.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .trace import Cut, Gone, Made, Step, SyncBegun, Synced, Told, Write

Change = Write | Cut
Image = Mapping[str, bytes]

# writes without a sync, and how many of them get no more than the plain images
LONG, SPARED = 20, 0.9


def applied(content: bytes, changes: Sequence[Change]) -> bytes:
    data = bytearray(content)
    for change in changes:
        if isinstance(change, Cut):
            del data[change.size :]
            data.extend(bytes(change.size - len(data)))
        else:
            data.extend(bytes(max(0, change.offset - len(data))))
            data[change.offset : change.offset + len(change.data)] = change.data
    return bytes(data)


@dataclass
class File:
    durable: bytes = b""
    pending: list[Change] = field(default_factory=list)
    covered: int = 0

    def sync(self) -> None:
        self.durable = applied(self.durable, self.pending[: self.covered])
        del self.pending[: self.covered]
        self.covered = 0

    def whole(self) -> bytes:
        return applied(self.durable, self.pending)

    def variants(self, chance: random.Random) -> Iterator[bytes]:
        """What may be left of it beside everything and nothing; of a long transaction not at each of its writes."""
        if len(self.pending) > LONG and chance.random() < SPARED:
            return
        *before, last = self.pending
        some = [change for change in self.pending if chance.random() < 0.5]
        for changes in ([last], self.pending[1:], some):
            yield applied(self.durable, changes)
        if isinstance(last, Write):
            for size in {len(last.data) // 2 // 512 * 512, len(last.data) // 3}:
                torn = Write(last.name, last.offset, last.data[:size])
                yield applied(self.durable, [*before, torn])


class Disk:
    """The state after each step; `images` are what could be read if the power failed now."""

    def __init__(self, seed: int = 0) -> None:
        self._files: dict[str, File] = {}
        self._durable: dict[str, File] = {}
        self._names_at_sync: dict[str, File] = {}
        self._chance = random.Random(seed)

    def take(self, step: Step) -> None:
        match step:
            case Made(name):
                self._files[name] = File()
            case Gone(name):
                self._files.pop(name, None)
            case Write() | Cut():
                self._files[step.name].pending.append(step)
            case SyncBegun(""):
                self._names_at_sync = dict(self._files)
            case Synced(""):
                self._durable = self._names_at_sync
            case SyncBegun(name):
                self._files[name].covered = len(self._files[name].pending)
            case Synced(name):
                self._files[name].sync()

    def images(self) -> Iterator[Image]:
        views = [self._files] if self._durable == self._files else [self._files, self._durable]
        for view in views:
            unsure = [name for name, file in view.items() if file.pending]
            for lost in itertools.product((False, True), repeat=len(unsure)):
                chosen = dict(zip(unsure, lost, strict=True))
                yield {n: file.durable if chosen.get(n) else file.whole() for n, file in view.items()}
            for name in unsure:
                for content in view[name].variants(self._chance):
                    yield {n: content if n == name else file.whole() for n, file in view.items()}


def crashes(steps: Sequence[Step]) -> list[tuple[Image, list[str]]]:
    """Every image at every boundary, each once, with all that had been told when it could last have been."""
    disk, told, found = Disk(), list[str](), dict[str, tuple[Image, list[str]]]()
    for step in steps:
        if isinstance(step, Told):
            told.append(step.line)
        else:
            disk.take(step)
        for image in disk.images():
            found[_digest(image)] = (image, list(told))
    return list(found.values())


def lay_out(image: Image, place: Path) -> None:
    """As it would be found after the restart."""
    place.mkdir()
    for name, content in image.items():
        (place / name).write_bytes(content)


def _digest(image: Image) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(image.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
