"""The one place that knows Ray: the plain classes as actors, found by name, reached by calls.

Everything is in the namespace `maestro`. Actors are detached, need no CPU for placement and are restarted without
limit; what they are is rebuilt from the journal. There are no concurrency groups: in Ray each group of an async actor
runs on an event loop and a thread of its own, and these objects belong to one loop. Nothing waits inside a call for
longer than its own work, so one group with an explicit limit is enough.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.actor import ActorHandle
from ray.exceptions import ActorUnavailableError, RayActorError

from maestro_ray.actors.mail import Letter, PeerGone
from maestro_ray.actors.messages import Part
from maestro_ray.actors.recent import Recent
from maestro_ray.actors.slot import CONNECTIONS, Slot
from maestro_ray.clock import SystemClock
from maestro_ray.home import Home
from maestro_ray.ids import suffix
from maestro_ray.log_file import LogFile

log = logging.getLogger(__name__)

T = TypeVar("T")

NAMESPACE = "maestro"
CALLS_AT_ONCE = 1000
# of other actors; one that is not kept is looked up again
HANDLES = 1000


class Peers:
    """Actors by name. A handle is kept until a call on it fails: it does not survive a restart of Ray.

    Looking one up, making and killing one wait for the GCS, as long as that hangs: they happen in a thread of their
    own, one after the other, and the loop goes on.
    """

    def __init__(self) -> None:
        self._handles: Recent[str, ActorHandle] = Recent(HANDLES)
        self._gcs = ThreadPoolExecutor(1, "gcs")

    def with_gcs(self, work: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Do something that waits for the GCS."""
        return asyncio.get_running_loop().run_in_executor(self._gcs, work, *arguments)

    async def send(self, receiver: str, sender: str, batch: Sequence[Letter]) -> Sequence[Any]:
        """One try; see `mail.Courier`."""
        replies: Sequence[Any] = await self.call(receiver, "receive", sender, list(batch))
        return replies

    async def call(self, receiver: str, method: str, *arguments: Any) -> Any:
        """Raises `PeerGone` when there is no such actor any more; after any other error the call may have run."""
        handle = await self._handle(receiver)
        try:
            return await getattr(handle, method).remote(*arguments)
        except ActorUnavailableError:
            raise  # a child of the next: it is starting again, and the caller tries again
        except RayActorError as error:
            self._handles.pop(receiver, None)
            if receiver == CONNECTIONS:
                raise
            raise PeerGone(receiver) from error

    async def _handle(self, name: str) -> ActorHandle:
        if (known := self._handles.get(name)) is not None:
            return known
        try:
            found = await self.with_gcs(ray.get_actor, name, NAMESPACE)
        except ValueError as error:
            if name == CONNECTIONS:
                raise ConnectionError("Connections is not there yet") from error
            raise PeerGone(name) from error
        self._handles[name] = found
        return found

    def know(self, name: str, handle: ActorHandle) -> None:
        self._handles[name] = handle

    def forget(self, name: str) -> None:
        self._handles.pop(name, None)


class SlotActor:
    """A slot inside Ray."""

    async def __init__(self, name: str, log_directory: str) -> None:  # type: ignore[misc]  # Ray awaits it
        _log_to(Path(log_directory) / "actors.log", name)
        node = ray.get_runtime_context().get_node_id()
        self._slot = Slot(
            name,
            Peers().send,
            SystemClock(),
            pid=os.getpid(),
            node=node,
            incarnation=f"{os.getpid()}-{suffix()}",
        )
        self._hello = asyncio.get_running_loop().create_task(self._slot.hello())

    async def become(self, part: Part) -> None:
        await self._slot.become(part)

    async def receive(self, sender: str, batch: Sequence[Letter]) -> list[Any]:
        return await self._slot.receive(sender, batch)


class ConnectionsActor:
    """Connections inside Ray, with its end of the local line."""

    async def __init__(  # type: ignore[misc]  # Ray awaits it
        self, home_root: str, home_run: str, begun: Sequence[str]
    ) -> None:
        """`begun` are the slots the boot driver makes; in a later life of this actor they are what the journal says."""
        from maestro_ray.actors.connections_process import ConnectionsProcess

        home = Home(Path(home_root), Path(home_run))
        _log_to(home.logs / "connections.log", CONNECTIONS)
        peers = Peers()
        again = ray.get_runtime_context().was_current_actor_reconstructed
        self._process = ConnectionsProcess(home, peers.send, RaySlots(home, peers), () if again else begun)
        self._starting = asyncio.get_running_loop().create_task(self._process.start())

    async def ready(self) -> int:
        """Waits until the local line is answered; the pid."""
        await asyncio.shield(self._starting)
        return os.getpid()

    async def receive(self, sender: str, batch: Sequence[Letter]) -> list[Any]:
        await asyncio.shield(self._starting)
        return await self._process.receive(sender, batch)


_OPTIONS = {
    "lifetime": "detached",
    "namespace": NAMESPACE,
    "num_cpus": 0,
    "max_restarts": -1,
    "max_task_retries": 0,
    "max_concurrency": CALLS_AT_ONCE,
}
# wrapped once: wrapping per actor is twelve times slower and leaks in the GCS
_SLOT = ray.remote(**_OPTIONS)(SlotActor)
_CONNECTIONS = ray.remote(**_OPTIONS)(ConnectionsActor)


class RaySlots:
    """`pool.SlotActors` on Ray."""

    def __init__(self, home: Home, peers: Peers) -> None:
        self._home = home
        self._peers = peers

    def make(self, name: str) -> None:
        self._peers.with_gcs(self._make, name).add_done_callback(_noted)

    def _make(self, name: str) -> None:
        # keeping the handle spares the first call to this slot a look-up
        self._peers.know(
            name, _SLOT.options(name=name, get_if_exists=True).remote(name, str(self._home.logs))
        )

    async def become(self, name: str, part: Part) -> None:
        while True:
            try:
                await self._peers.call(name, "become", part)
                return
            except (PeerGone, ActorUnavailableError):
                # just made, or starting again: the caller has the time limit
                await asyncio.sleep(0.05)

    def end(self, name: str) -> None:
        self._peers.with_gcs(self._end, name).add_done_callback(_noted)

    def _end(self, name: str) -> None:
        with contextlib.suppress(ValueError):  # it is gone
            ray.kill(ray.get_actor(name, namespace=NAMESPACE), no_restart=True)
        self._peers.forget(name)


def make_actors(home: Home, slots: Sequence[str]) -> tuple[ActorHandle, list[ActorHandle]]:
    """Connections and the first slots, all begun at once."""
    connections: ActorHandle = _CONNECTIONS.options(name=CONNECTIONS, get_if_exists=True).remote(
        str(home.root), str(home.run), list(slots)
    )
    made = [_SLOT.options(name=name, get_if_exists=True).remote(name, str(home.logs)) for name in slots]
    return connections, made


def _noted(done: asyncio.Future[None]) -> None:
    """Nobody waits for a slot to be made or ended; this is where it is noticed that it was not."""
    if not done.cancelled() and (error := done.exception()) is not None:
        log.error("a slot was not made or ended: %r", error)


def _log_to(path: Path, name: str) -> None:
    """Our own log, beside Ray's: one file a kind of process, lines say whose."""
    handler = LogFile(path, f"%(asctime)s {name} %(levelname)s %(name)s: %(message)s")
    root = logging.getLogger("maestro_ray")
    root.handlers[:] = [handler]
    root.setLevel(os.environ.get("MAESTRO_LOG", "INFO").upper())
    root.propagate = False
