"""A driver beside Ray that makes a team's channel with senders and readers, and the same by hand.

Answers commands on its input with one number a line: `latency ours|raw`, `rate ours|bare N`, `crowd fast|slow`, and
with lines of several numbers for `latency` and `crowd` (milliseconds).
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__)
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

READERS, SENDERS, BATCH = 8, 8, 64
BODY = {"text": "x" * 200, "run": "01900000-0000-7000-8000-000000000000"}
BEHIND = 10_000
OPTIONS = {"num_cpus": 0, "max_concurrency": 1000, "namespace": "maestro", "lifetime": "detached"}


class Reader:
    """Notes when it has what. A slow one takes a second for each batch."""

    async def __init__(self) -> None:
        self._at: dict[int, float] = {}
        self._pause = 0.0
        self._last = 0

    async def receive(self, _sender: str, batch: list[Any]) -> list[int]:
        if self._pause:
            await asyncio.sleep(self._pause)
        now = time.monotonic()
        for _, delivery in batch:
            for entry in delivery.entries:
                if entry.number > self._last:  # a batch may come twice
                    assert entry.number == self._last + 1, "order is lost"
                    self._at[entry.number], self._last = now, entry.number
        return [self._last] * len(batch)

    async def take(self, messages: list[tuple[int, Any]]) -> None:
        now = time.monotonic()
        for number, _body in messages:
            self._at[number] = now
        self._last += len(messages)

    async def at(self, number: int) -> float:
        while number not in self._at:
            await asyncio.sleep(0.001)
        return self._at[number]

    async def until(self, count: int) -> float:
        """When so many had come."""
        while self._last < count:
            await asyncio.sleep(0.005)
        return time.monotonic()

    async def pause(self, seconds: float) -> None:
        self._pause = seconds


class Sender:
    """Posts through mail, as any member does, or by plain calls."""

    async def __init__(self, name: str) -> None:
        from maestro_ray.actors.mail import Courier
        from maestro_ray.actors.runtime import Peers

        self._courier = Courier(name, Peers().send)

    async def post(self, slot: str) -> tuple[float, int]:
        from maestro_ray.actors.messages import Post

        began = time.monotonic()
        return began, await self._courier.tell(slot, Post("dev-1", "said", BODY))

    async def post_many(self, slot: str, count: int) -> None:
        from maestro_ray.actors.messages import Post

        await asyncio.gather(*(self._courier.tell(slot, Post("dev-1", "said", BODY)) for _ in range(count)))

    async def fan_out(self, readers: list[Any], number: int) -> float:
        began = time.monotonic()
        await asyncio.gather(*(reader.take.remote([(number, BODY)]) for reader in readers))
        return began

    async def append(self, bare: Any, count: int) -> None:
        for start in range(0, count, BATCH):
            await bare.append.remote([BODY] * min(BATCH, count - start))


class Bare:
    """What a channel is at least: a group commit, and each reader sent what is durable, one call at a time."""

    async def __init__(self, path: str, readers: list[Any]) -> None:
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._path, self._number, self._loop = path, 0, asyncio.get_running_loop()
        self._queues: list[asyncio.Queue[list[tuple[int, Any]]]] = [asyncio.Queue() for _ in readers]
        self._tasks = [
            asyncio.create_task(self._serve(*pair)) for pair in zip(readers, self._queues, strict=True)
        ]
        threading.Thread(target=self._write, daemon=True).start()

    async def append(self, bodies: list[Any]) -> int:
        import json

        rows = [(self._number + i, json.dumps(body)) for i, body in enumerate(bodies, 1)]
        self._number += len(rows)
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiting.put((rows, done))
        await done
        for each in self._queues:
            each.put_nowait([(number, body) for (number, _), body in zip(rows, bodies, strict=True)])
        return self._number

    async def _serve(self, reader: Any, waiting: asyncio.Queue[list[tuple[int, Any]]]) -> None:
        while True:
            messages = await waiting.get()
            while not waiting.empty():
                messages += waiting.get_nowait()
            await reader.take.remote(messages)

    def _write(self) -> None:
        connection = sqlite3.connect(self._path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, body TEXT)")
        while True:
            batch = [self._waiting.get()]
            while not self._waiting.empty():
                batch.append(self._waiting.get())
            with connection:
                connection.executemany(
                    "INSERT INTO entries VALUES (?, ?)", [row for rows, _ in batch for row in rows]
                )
            for _, done in batch:
                self._loop.call_soon_threadsafe(done.set_result, None)


class Driver:
    def __init__(self, directory: Path) -> None:
        import ray

        from maestro_ray.actors.runtime import _SLOT

        self._ray, self._directory, self._made = ray, directory, 0
        (directory / "home" / "journal").mkdir(parents=True, exist_ok=True)
        (directory / "logs").mkdir(exist_ok=True)
        self._slot_class = _SLOT
        self._reader = ray.remote(**OPTIONS)(Reader)
        self._sender = ray.remote(**OPTIONS)(Sender)
        self._bare = ray.remote(**OPTIONS)(Bare)
        self._senders = [
            self._sender.options(name=f"sender-{n}").remote(f"sender-{n}") for n in range(SENDERS)
        ]

    def ours(self) -> tuple[str, list[Any], Any]:
        """A channel of its own with eight readers: its slot's name, the readers, and the slot."""
        from actors.parts import a_channel

        from maestro_ray.home import Home

        self._made += 1
        names = [f"reader-{self._made}-{n}" for n in range(READERS)]
        readers = [self._reader.options(name=name).remote() for name in names]
        home = Home(self._directory / "home", self._directory / "home" / "run")
        part = a_channel(
            home,
            self._directory,
            *names,
            journal=str(home.journal / f"{self._made}.db"),
            slots={},
            ping=3600.0,
            lease=3600.0,
        )
        slot = self._slot_class.options(name=f"slot-{self._made}").remote(
            f"slot-{self._made}", str(self._directory / "logs")
        )
        self._ray.get([slot.become.remote(part), *(reader.pause.remote(0) for reader in readers)])
        return f"slot-{self._made}", readers, slot

    def latency(self, which: str, rounds: int = 60) -> list[float]:
        """Milliseconds from a post until the last of eight readers has it."""
        if which == "raw":
            readers = [self._reader.remote() for _ in range(READERS)]
            get = self._ray.get
            began = [get(self._senders[0].fan_out.remote(readers, number)) for number in range(rounds)]
            found = [
                (max(get([each.at.remote(n) for each in readers])) - at) * 1000 for n, at in enumerate(began)
            ]
            self._end(readers)
            return found[10:]
        slot, readers, actor = self.ours()
        found = [self._one(slot, readers) for _ in range(rounds)]
        self._end([*readers, actor])
        return found[10:]

    def _one(self, slot: str, readers: list[Any]) -> float:
        began, number = self._ray.get(self._senders[0].post.remote(slot))
        return (max(self._ray.get([reader.at.remote(number) for reader in readers])) - began) * 1000

    def rate(self, which: str, count: int) -> float:
        """Posts a second, of eight senders together, until all eight readers have everything."""
        if which == "ours":
            slot, readers, actor = self.ours()
            work = [sender.post_many.remote for sender in self._senders]
            goal: Any = slot
        else:
            readers = [self._reader.remote() for _ in range(READERS)]
            self._made += 1
            goal = actor = self._bare.remote(str(self._directory / f"bare-{self._made}.db"), readers)
            work = [sender.append.remote for sender in self._senders]
        self._ray.get([reader.until.remote(0) for reader in readers])
        began = time.monotonic()
        self._ray.get([each(goal, count // SENDERS) for each in work])
        ended = max(self._ray.get([reader.until.remote(count) for reader in readers]))
        self._end([*readers, actor])
        return count / (ended - began)

    def crowd(self, which: str, rounds: int = 60) -> list[float]:
        """Milliseconds until the other seven have a post, while one has 10,000 messages still to take, or has not."""
        slot, readers, actor = self.ours()
        slow, *others = readers
        if which == "slow":
            self._ray.get(slow.pause.remote(3600.0))
        self._ray.get([sender.post_many.remote(slot, BEHIND // SENDERS) for sender in self._senders])
        self._ray.get([reader.until.remote(BEHIND // SENDERS * SENDERS) for reader in others])
        found = [self._one(slot, others) for _ in range(rounds)]
        self._end([*readers, actor])
        return found[10:]

    def _end(self, actors: list[Any]) -> None:
        for each in actors:
            self._ray.kill(each)


def serve(directory: Path) -> None:
    import ray

    ray.init((directory / "ray_current_cluster").read_text().strip(), log_to_driver=False, logging_level="error",
             namespace="maestro")  # fmt: skip
    driver = Driver(directory / "channel")
    for line in sys.stdin:
        command, *words = line.split()
        answer = (
            [driver.rate(words[0], int(words[1]))] if command == "rate" else getattr(driver, command)(*words)
        )
        print("=" + " ".join(map(str, answer)), flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
