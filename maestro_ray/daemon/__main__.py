"""maestro-daemon: `python -m maestro_ray.daemon`. One per state directory; it never imports Ray."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from maestro_ray import __version__, last_words
from maestro_ray.config import Config
from maestro_ray.connection.line import LineServer, Notify, call
from maestro_ray.daemon.processes import become_subreaper, reap
from maestro_ray.daemon.supervisor import Supervisor
from maestro_ray.daemon.watched import Progress
from maestro_ray.errors import DaemonRunning, DaemonStopping, DaemonUnavailable, MaestroError
from maestro_ray.home import Home
from maestro_ray.log_file import LogFile
from maestro_ray.redaction import redact

log = logging.getLogger(__name__)


class Daemon:
    """Answers the local line: what it knows itself at once, everything else through Connections."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._supervisor = Supervisor(home)
        self._line = LineServer(home.daemon_socket, self._handle)
        self._started = time.time()
        self._over = asyncio.Event()
        self._ending = asyncio.Event()
        self._starts: set[asyncio.Task[None]] = set()
        # ending only to be followed by another: who watches a team may wait for that
        self._keeps_teams = False
        # whether there may be teams: they live in Ray only
        self._ray_wanted = False

    async def run(self, ready: int) -> None:
        """Serve until told to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._over.set)
        loop.add_signal_handler(signal.SIGCHLD, reap)
        await self._supervisor.adopt()
        self._ray_wanted = self._supervisor.node is not None
        await self._line.start()
        if ready >= 0:
            os.write(ready, json.dumps({"pid": os.getpid()}).encode() + b"\n")
            os.close(ready)
        await self._over.wait()
        self._ending.set()
        await self._supervisor.stop(log.info)
        await self._line.close()

    async def _handle(self, method: str, params: dict[str, Any], notify: Notify) -> Any:
        try:
            return await self._answer(method, params, notify)
        except MaestroError as error:
            # what was just starting is killed by the stop, and would be told as a failure of its own
            if self._ending.is_set():
                raise self._stopping() from error
            raise

    async def _answer(self, method: str, params: dict[str, Any], notify: Notify) -> Any:
        def progress(text: str) -> None:
            notify("progress", {"text": text})

        match method:
            case "daemon.status":
                return self._status()
            case "daemon.stop":
                self._keeps_teams = bool(params.get("keep_teams"))
                self._ending.set()
                await self._supervisor.stop(progress, keep_teams=self._keeps_teams)
                # the answer goes out first
                asyncio.get_running_loop().call_later(0.05, self._over.set)
                return {"pid": os.getpid()}
            case "daemon.ensure":
                await self._ensure(progress)
                return self._status()
            case "studio.info":
                return await self._supervisor.ensure_studio(progress)
            case "status":
                return await self._whole_status(notify)
            case _:
                began = time.monotonic()
                await self._ensure(progress)
                ensured = time.monotonic()
                answer = await call(self._home.connections_socket, method, params, notify)
                if method == "team.start":
                    phases = answer["timings"]
                    check = time.monotonic() - ensured - sum(phases.values())
                    first = {"ensure": round(ensured - began, 4), "check": round(check, 4)}
                    answer["timings"] = {**first, **phases, "cold": self._supervisor.timings}
                return answer

    async def _ensure(self, progress: Progress) -> None:
        """Everything is up. Raises `DaemonStopping` at once when it is told to stop: nobody waits for such a start."""
        self._ray_wanted = True
        start = asyncio.create_task(self._supervisor.ensure(progress))
        self._starts.add(start)
        start.add_done_callback(self._start_over)
        stop = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait((start, stop), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
        if not start.done():
            raise self._stopping()
        start.result()

    def _stopping(self) -> DaemonUnavailable:
        return (
            DaemonUnavailable("it is being replaced")
            if self._keeps_teams
            else DaemonStopping("it is being stopped")
        )

    def _start_over(self, start: asyncio.Task[None]) -> None:
        self._starts.discard(start)
        if not start.cancelled():
            start.exception()  # told to whoever waited

    def _status(self) -> dict[str, Any]:
        supervisor = self._supervisor
        return {
            "pid": os.getpid(),
            "version": __version__,
            "home": str(self._home.root),
            "started_at": self._started,
            "studio": supervisor.studio
            and {key: supervisor.studio[key] for key in ("url", "pid", "version")},
            "ray": supervisor.node
            and {"address": supervisor.node.address, "running": supervisor.node.running()},
            "trouble": supervisor.trouble,
        }

    async def _whole_status(self, notify: Notify) -> dict[str, Any]:
        """What is so, also when Ray is down; nothing is started for a question.

        `teams_known` is false while nobody can say which teams there are.
        """
        whole: dict[str, Any] = {"daemon": self._status(), "connections": None}
        if self._supervisor.node is not None:
            try:
                whole["connections"] = await asyncio.wait_for(
                    call(self._home.connections_socket, "status", {}, notify), 5.0
                )
            except (MaestroError, TimeoutError) as error:
                whole["daemon"]["trouble"] = {
                    **self._supervisor.trouble,
                    "connections": str(error) or "no answer",
                }
        whole["teams_known"] = whole["connections"] is not None or not self._ray_wanted
        return whole


@contextmanager
def only_one(home: Home) -> Iterator[None]:
    """Hold this home's lock. Raises `DaemonRunning`."""
    with (home.run / "daemon.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise DaemonRunning(lock.read().strip() or "?") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def main() -> None:
    """Exit 0 after an orderly stop, 1 when it could not run."""
    parser = argparse.ArgumentParser(prog="maestro-daemon")
    parser.add_argument("--ready", type=int, default=-1)
    ready = parser.parse_args().ready
    last_words.discreet()
    home = Home.find()
    try:
        serve(home, ready)
    except MaestroError as error:
        if ready >= 0:
            told = {"error_kind": error.kind, "message": redact(str(error)), "hint": redact(error.hint)}
            os.write(ready, json.dumps(told).encode() + b"\n")
        sys.stderr.write(redact(f"error: {error}\n" + (f"hint: {error.hint}\n" if error.hint else "")))
        sys.exit(1)


def serve(home: Home, ready: int = -1) -> None:
    """Be the daemon of this home until told to stop; `ready` is a file descriptor that is told of the start.

    Raises `DaemonRunning`, `NotWritable` and `ConfigError`.
    """
    home.prepare()
    with only_one(home):
        Config.load(home)
        _log_to(home)
        become_subreaper()
        asyncio.run(Daemon(home).run(ready))


def _log_to(home: Home) -> None:
    handler = LogFile(home.logs / "daemon.log", "%(asctime)s daemon %(levelname)s %(name)s: %(message)s")
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == "__main__":
    main()
