"""Doubles for tests: a clock that is moved by hand, actors without Ray, a Studio and a whole maestro in one process.

Git, SQLite, agents under their shims and Studio's HTTP are real; only Ray, the processes around actors and the daemon
are not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from maestro_ray.actors.connections import Connections
from maestro_ray.actors.ledger import Ledger
from maestro_ray.actors.mail import Courier, Letter, PeerGone
from maestro_ray.actors.messages import Part
from maestro_ray.actors.service import Service
from maestro_ray.actors.slot import CONNECTIONS, Slot
from maestro_ray.background import Background
from maestro_ray.clock import Clock, SystemClock
from maestro_ray.config import Config, SandboxTable
from maestro_ray.connection.client import StudioClient
from maestro_ray.connection.line import unheard
from maestro_ray.connection.login import Login
from maestro_ray.connection.sign_in import studio_tokens
from maestro_ray.home import Home
from maestro_ray.studio import identity
from maestro_ray.studio.app import create_app
from maestro_ray.studio.hub import Hub
from maestro_ray.studio.server import Server
from maestro_ray.studio.studio import Studio

log = logging.getLogger(__name__)


class FakeClock:
    """A `Clock` that stands still until it is told to go on; both in seconds."""

    def __init__(self, *, wall: float = 1_800_000_000.0, monotonic: float = 1000.0) -> None:
        self._wall = wall
        self._monotonic = monotonic

    def wall(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Both clocks go on."""
        if seconds < 0:
            raise ValueError("time goes on, never back; a wall clock that is set is `jump`")
        self._wall += seconds
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock, in either direction."""
        self._wall += seconds


class SetClock(SystemClock):
    """The machine's clocks, which go on; somebody sets the wall clock by so many seconds."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def wall(self) -> float:
        return super().wall() + self._ahead

    def jump(self, seconds: float) -> None:
        """In either direction."""
        self._ahead += seconds


@dataclass(frozen=True)
class Faults:
    """How likely it is, from 0 to 1, that a delivery is lost on its way, its answer is lost, it is made twice, or it is
    made only after its sender has given up on it. What is late or doubled comes within `reach` seconds."""

    lost: float = 0.0
    unanswered: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    reach: float = 0.02


class Unreachable(Exception):
    """`Unreachable(name)`: what Ray says of an actor that is being started again. The call may have run."""


Receive = Callable[[str, Sequence[Letter]], Coroutine[Any, Any, Sequence[Any]]]


class LocalActors:
    """Actors of one home in this process: `mail.Send` and `pool.SlotActors`, and the hand that kills.

    What is sent is pickled, as it would be. The same seed gives the same faults to the same deliveries.
    """

    def __init__(self, *, faults: Faults | None = None, seed: int = 0, clock: Clock | None = None) -> None:
        self.faults = faults or Faults()
        self.slots: dict[str, Slot] = {}
        self.deliveries = 0
        self._clock = clock or SystemClock()
        self._chance = random.Random(seed)  # noqa: S311 - the same faults every time
        self._receivers: dict[str, Receive] = {}
        self._starting: set[str] = set()
        self._greeting: dict[str, asyncio.Task[None]] = {}
        # what goes wrong is told to whoever waits for it
        self._background = Background(lambda _: None)
        self._dying: set[asyncio.Task[Any]] = set()
        self._lives = 0

    # ── mail.Send ────────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, receiver: str, sender: str, batch: Sequence[Letter]) -> Sequence[Any]:
        """One try. Raises `PeerGone` when there is no such slot, `Unreachable` when it may be there another time."""
        self.deliveries += 1
        letters = pickle.dumps(list(batch))
        if self._happens(self.faults.lost):
            raise Unreachable(receiver)
        if self._happens(self.faults.late):
            self._background.spawn(self._later(receiver, sender, letters))
            raise Unreachable(receiver)
        if self._happens(self.faults.doubled):
            self._background.spawn(self._later(receiver, sender, letters))
        replies = await self._deliver(receiver, sender, letters)
        if self._happens(self.faults.unanswered):
            raise Unreachable(receiver)
        return replies

    def host(self, name: str, receive: Receive) -> None:
        """An actor that is no slot, for example Connections."""
        self._receivers[name] = receive

    def unhost(self, name: str) -> None:
        """It is gone for the moment: whoever writes to it tries again."""
        self._receivers.pop(name, None)
        self._starting.add(name)

    async def _deliver(self, receiver: str, sender: str, letters: bytes) -> Sequence[Any]:
        receive = self._receivers.get(receiver)
        if receive is None:
            if receiver == CONNECTIONS or receiver in self._starting:
                raise Unreachable(receiver)
            raise PeerGone(receiver)
        # on its own, as a call in another process is: the sender's end does not end it
        replies = await asyncio.shield(self._background.spawn(receive(sender, pickle.loads(letters))))  # noqa: S301 - ours
        if self._receivers.get(receiver) is not receive:
            raise Unreachable(receiver)  # it was killed meanwhile, and the answer with it
        answer: Sequence[Any] = pickle.loads(pickle.dumps(replies))  # noqa: S301 - ours
        return answer

    async def _later(self, receiver: str, sender: str, letters: bytes) -> None:
        await asyncio.sleep(self._chance.random() * self.faults.reach)
        with contextlib.suppress(PeerGone, Unreachable):
            await self._deliver(receiver, sender, letters)

    def _happens(self, likely: float) -> bool:
        return likely > 0 and self._chance.random() < likely

    # ── pool.SlotActors ──────────────────────────────────────────────────────────────────────────────────────────

    def make(self, name: str) -> None:
        """A slot that is there already is left alone."""
        if name not in self.slots and name not in self._starting:
            self._begin(name)

    async def become(self, name: str, part: Part) -> None:
        while name in self._starting:
            await asyncio.sleep(0.005)
        if name not in self.slots:
            raise PeerGone(name)
        await self.slots[name].become(pickle.loads(pickle.dumps(part)))  # noqa: S301 - ours

    def end(self, name: str) -> None:
        self._starting.discard(name)
        if slot := self._drop(name):
            self._dying.add(self._background.spawn(slot.close()))

    # ── life and death ───────────────────────────────────────────────────────────────────────────────────────────

    async def kill(self, name: str) -> None:
        """The slot's process is dead: its memory and its agents are gone. Ray starts another under the same name.

        What it still wants to say reaches nobody. Returns when the next life has begun.
        """
        self._starting.add(name)
        slot = self._drop(name)
        assert slot is not None, f"there is no slot {name}"
        await slot.close()
        if name in self._starting:
            self._starting.discard(name)
            self._begin(name)

    async def close(self) -> None:
        """End every actor and every delivery on its way."""
        self._receivers.clear()
        for name in list(self.slots):
            self.end(name)
        await asyncio.gather(*self._dying)
        await self._background.end()

    def _begin(self, name: str) -> None:
        self._lives += 1
        life = self._lives

        async def send(receiver: str, sender: str, batch: Sequence[Letter]) -> Sequence[Any]:
            if self.slots.get(name) is not slot:
                raise PeerGone(receiver)  # the dead send nothing
            return await self.send(receiver, sender, batch)

        # a pid that is no process of this machine: nobody may take it for one to signal
        slot = Slot(name, send, self._clock, pid=2**22 + life, node="local", incarnation=str(life))
        self.slots[name] = slot
        self._receivers[name] = slot.receive
        self._greeting[name] = self._background.spawn(slot.hello())

    def _drop(self, name: str) -> Slot | None:
        self._receivers.pop(name, None)
        if greeting := self._greeting.pop(name, None):
            greeting.cancel()
        return self.slots.pop(name, None)


class LocalStudio:
    """A real Studio on loopback, in this event loop. `stop` and `start` again is a restart: same file, same port."""

    def __init__(self, home: Home, config: Config | None = None, clock: Clock | None = None) -> None:
        self.home = home
        self.url = ""
        self.ws_url = ""
        self.hub = Hub("", "")
        self._config = config or Config()
        self._clock = clock or SystemClock()
        self._port = 0
        self._server: Server | None = None

    async def start(self) -> None:
        """Returns when it answers."""
        studio = await Studio.open(self.home.studio_database, self._config, self._clock)
        self.hub, self.store = studio.hub, studio.store
        self.app = create_app(studio)
        self._server = Server(self.app, port=self._port, grace=1, signals=False)
        self._port = await self._server.begin()
        self.url = f"http://127.0.0.1:{self._port}"
        self.ws_url = f"ws://127.0.0.1:{self._port}/app/{self.hub.key}?protocol=7"

    async def stop(self) -> None:
        """Connections are cut and the file is closed. Harmless when it is not running."""
        if self._server is not None:
            await self._server.stop()
            self._server = None

    async def client(self) -> StudioClient:
        """Somebody who is signed in."""
        await self.login()
        return StudioClient(self.url, studio_tokens(self.home, self.url))

    async def login(self) -> Login:
        """The same one, for project connections."""
        tokens = studio_tokens(self.home, self.url)
        if not tokens.exists():
            invite = await self.store.write(identity.invite)
            await asyncio.to_thread(tokens.redeem, invite, "operator")
        return Login(self.url, self.ws_url, str(self.home.run / "tokens.json"))


class LocalMaestro:
    """A whole maestro without daemon and Ray: `async with LocalMaestro(home) as maestro: await maestro.call(…)`.

    `call` is what the local line would answer. Leaving ends every actor and Studio, and the teams with them.
    """

    def __init__(
        self,
        home: Home,
        *,
        config: Config | None = None,
        actors: LocalActors | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`clock` is Connections' and Studio's, and that of the actors unless they are given."""
        home.prepare()
        self.home = home
        self.config = config or Config(
            ping=0.05, lease=1.0, stop_grace=0.3, pool=4, sandbox=SandboxTable("off")
        )
        self.clock = clock or SystemClock()
        self.studio = LocalStudio(home, self.config, self.clock)
        self.actors = actors or LocalActors(clock=self.clock)
        # projects that are worked for as somebody else, by key
        self.logins: dict[str, Login] = {}
        self.connections: Connections
        self.service: Service
        self._lives = 0

    async def __aenter__(self) -> Self:
        await self.studio.start()
        await self._live()
        return self

    async def __aexit__(self, *_: object) -> None:
        for team in list(self.connections.teams.values()):
            await self.connections.end_team(team, "the test is over")
        await self.connections.close()
        await self.actors.close()
        await self.studio.stop()

    async def call(self, method: str, **params: Any) -> Any:
        """One call of the local line; raises what it would report."""
        return await self.service.handle(method, params, unheard)

    async def kill(self, member: str, team: str = "") -> None:
        """Kill `lead`, `channel` or a worker of a team (by default the only one)."""
        (live,) = [each for each in self.connections.teams.values() if team in ("", each.record.name)]
        await self.actors.kill(live.record.slots[member])

    async def kill_connections(self) -> None:
        """Connections dies and another begins."""
        self.actors.unhost(CONNECTIONS)
        await self.connections.close()
        await self._live()

    async def events(self, team: str = "", after: int = 0) -> AsyncIterator[Mapping[str, Any]]:
        """What happens in a team, to its end."""
        live = next(
            each
            for each in (*self.connections.teams.values(), *self.connections.ended.values())
            if team in ("", each.record.name)
        )
        async for event in live.happenings.follow(after):
            yield event

    async def until(self, kind: str, team: str = "", **facts: Any) -> Mapping[str, Any]:
        """The first event of this kind with these facts, also a past one. Raises `TimeoutError` after 60 s."""
        async with asyncio.timeout(60):
            async for event in self.events(team):
                if event["kind"] == kind and all(_has(event, key, value) for key, value in facts.items()):
                    return event
        raise AssertionError(f"the team ended without {kind} {facts}")

    async def _live(self) -> None:
        self._lives += 1
        courier = Courier(f"{CONNECTIONS}#{self._lives}", self.actors.send)
        own, clock = await self.studio.login(), self.clock
        self.connections = Connections(
            self.home,
            self.config,
            lambda key: self.logins.get(key, own),
            self.actors,
            courier,
            clock,
            await Ledger.open(self.home.connections_journal, clock),
        )
        self.connections.start()
        self.service = Service(self.connections)
        self.actors.host(CONNECTIONS, self.connections.receive)


def _has(event: Mapping[str, Any], key: str, value: Any) -> bool:
    """Facts of a channel's message are in its body."""
    body = event.get("body")
    return event.get(key) == value or (isinstance(body, Mapping) and body.get(key) == value)


async def eventually(true: Callable[[], Any], within: float = 60.0) -> Any:
    """Wait for what no event tells; its first true value. Raises `TimeoutError`."""
    async with asyncio.timeout(within):
        while not (value := true()):
            await asyncio.sleep(0.005)
    return value
