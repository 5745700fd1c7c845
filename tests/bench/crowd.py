"""Many connections to one Studio in one process: `python crowd.py maestro|bare HOME`, with Studio's line on its input.

Then it answers commands, each with a number on a line that begins with `=`: `open N` the bytes that each of N further
connections takes, `events N` the events that come in a second once N have come, `back` the second at which all were
subscribed again (by the clock that all processes of a machine share) after every one was cut.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from maestro_ray.actors.switchboard import Switchboard
from maestro_ray.config import Config
from maestro_ray.connection.login import Login
from maestro_ray.protocol.auth import sign_channel


class Crowd:
    """Who is subscribed, and what they heard."""

    def __init__(self, where: dict[str, Any]) -> None:
        self.where = where
        self.members = 0
        self.subscribed: set[str] = set()
        self.events = 0
        self.first = 0.0
        self.all_at = 0.0
        self.news = asyncio.Event()

    @property
    def shared(self) -> str:
        """The channel that everybody listens to beside their own: what fans out to all."""
        return f"private-project.{self.where['projects'][0]}"

    def open(self, number: int) -> None:
        raise NotImplementedError

    def is_subscribed(self, key: str) -> None:
        self.subscribed.add(key)
        if len(self.subscribed) == self.members:
            self.all_at = time.monotonic()
            self.news.set()

    def all_cut(self) -> bool:
        raise NotImplementedError

    def an_event(self) -> None:
        self.events += 1
        self.first = self.first or time.monotonic()
        self.news.set()


class Ours(Crowd):
    """Project connections, as the Connections actor holds them."""

    def __init__(self, where: dict[str, Any], home: str) -> None:
        super().__init__(where)
        login = Login(where["url"], where["ws_url"], str(Path(home) / "run" / "tokens.json"))
        nobody: Any = None  # all are here: nobody is hired and nothing is sent
        config = Config(connections_per_actor=10**6)
        self.switchboard = Switchboard(
            config, lambda _: login, self, nobody, nobody, nobody, asyncio.ensure_future
        )

    def open(self, number: int) -> None:
        connection = self.switchboard.connection(str(number))
        connection.subscribe(f"private-project.{self.where['projects'][number]}")
        connection.subscribe(self.shared)

    def on_event(self, key: str, channel: str, method: str, params: dict[str, Any]) -> None:
        self.an_event()

    def on_gap(self, key: str, channel: str) -> None:
        if channel == self.shared:
            self.is_subscribed(key)

    def all_cut(self) -> bool:
        if any(each.connected for each in self.switchboard):
            return False
        self.subscribed.clear()
        return True


class Bare(Crowd):
    """What the library gives to everybody: its own loop of reconnections, and one more line for each need."""

    def __init__(self, where: dict[str, Any], _home: str) -> None:
        super().__init__(where)
        self.tasks: list[asyncio.Task[None]] = []

    def open(self, number: int) -> None:
        self.tasks.append(asyncio.create_task(self._run(str(number))))

    async def _run(self, key: str) -> None:
        app_key = self.where["ws_url"].partition("/app/")[2].partition("?")[0]
        async for websocket in connect(
            self.where["ws_url"], proxy=None, compression=None, ping_interval=None
        ):
            try:
                hello = json.loads(json.loads(await websocket.recv())["data"])
                auth = sign_channel(app_key, self.where["secret"], hello["socket_id"], self.shared)
                asked = {"event": "pusher:subscribe", "data": {"channel": self.shared, "auth": auth}}
                await websocket.send(json.dumps(asked))
                async for text in websocket:
                    frame = json.loads(text)
                    if frame["event"] == "pusher_internal:subscription_succeeded":
                        self.is_subscribed(key)
                    elif frame.get("channel") == self.shared:
                        json.loads(frame["data"])
                        self.an_event()
            except Exception:
                pass
            self.subscribed.discard(key)

    def all_cut(self) -> bool:
        return not self.subscribed


async def main(kind: str, home: str) -> None:
    where = json.loads(sys.stdin.readline())
    crowd = Ours(where, home) if kind == "maestro" else Bare(where, home)
    await grow(crowd, 1)  # what the first loads is no matter of the others
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, _, number = line.strip().partition(" ")
        print(f"={await answer(crowd, command, int(number or 0))}", flush=True)


async def answer(crowd: Crowd, command: str, number: int) -> float:
    if command == "open":
        before = resident()
        await grow(crowd, number)
        await asyncio.sleep(1)
        return (resident() - before) / number
    if command == "events":
        crowd.events, crowd.first = 0, 0.0
        print("=0", flush=True)  # listening
        await until(crowd, lambda: crowd.events >= number)
        return number / (time.monotonic() - crowd.first)
    crowd.all_at = 0.0
    await until(crowd, crowd.all_cut)
    print("=0", flush=True)  # all are cut
    await until(crowd, lambda: len(crowd.subscribed) == crowd.members)
    return crowd.all_at


async def grow(crowd: Crowd, count: int) -> None:
    numbers = range(crowd.members, crowd.members + count)
    crowd.members += count
    for number in numbers:
        crowd.open(number)
    await until(crowd, lambda: len(crowd.subscribed) == crowd.members)


async def until(crowd: Crowd, true: Any) -> None:
    while not true():
        crowd.news.clear()
        try:
            async with asyncio.timeout(0.02):
                await crowd.news.wait()
        except TimeoutError:
            pass


def resident() -> float:
    gc.collect()
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("Rss:"))) * 1024


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
