"""Studio as a process of its own: `python -m maestro_ray.studio`, started and watched by the daemon."""

from __future__ import annotations

import gc

if __name__ == "__main__":
    # what is made while modules load is no garbage, and to look for some among it takes a tenth of a start
    gc.disable()

import argparse
import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from importlib import import_module
from pathlib import Path

from maestro_ray import __version__, last_words
from maestro_ray.clock import SystemClock
from maestro_ray.config import Config
from maestro_ray.errors import MaestroError, PortTaken
from maestro_ray.home import Home
from maestro_ray.redaction import redact
from maestro_ray.studio import identity, logs
from maestro_ray.studio.app import create_app
from maestro_ray.studio.claim import claim
from maestro_ray.studio.database import Place
from maestro_ray.studio.outside import open_door
from maestro_ray.studio.server import Server
from maestro_ray.studio.studio import Studio

# how long a port that must be had again may be in use, in seconds
PORT_WITHIN = 5.0
# how long after the start more is loaded, in seconds
QUIET = 1.0


def main() -> None:
    """Serve until a signal; the ready line on `--ready` says where, as JSON."""
    gc.freeze()
    gc.enable()
    parser = argparse.ArgumentParser(prog="maestro-studio")
    parser.add_argument("--ready", type=int, default=1, help="a descriptor that gets one line of JSON")
    parser.add_argument("--stay", action="store_true", help="at the address of before, and at no other")
    arguments = parser.parse_args()
    ready = arguments.ready
    last_words.discreet()
    home = Home.find()
    home.prepare()
    try:
        config = Config.load(home)
        logs.start(config.studio_log)
        asyncio.run(serve(home, config, ready, arguments.stay))
    except MaestroError as error:
        _tell(ready, {"error_kind": error.kind, "message": redact(str(error)), "hint": redact(error.hint)})
        sys.exit(1)


async def serve(home: Home, config: Config, ready: int, stay: bool) -> None:
    """Answer until a signal. A database of this home's own has one Studio; one on a server may have several."""
    place: Place = config.studio_database or home.studio_database
    with claim(place) if isinstance(place, Path) else contextlib.nullcontext():
        await _serve(home, config, place, ready, stay)


async def _serve(home: Home, config: Config, place: Place, ready: int, stay: bool) -> None:
    """Bind first, so that a port in use is known before anything is opened."""
    listener, door = bind(home, config.studio_port, stay), open_door(config.listen)
    studio = await Studio.open(place, config, SystemClock())
    _write_private(home.run / "invite", await studio.store.write(identity.invite))
    _write_private(home.run / "metrics.token", identity.scrape_token(studio.door.secret))
    server = Server(create_app(studio, config.listen.names), outside=door)
    port = await server.begin([listener])
    url = f"http://127.0.0.1:{port}"
    info = {
        "url": url,
        "ws_url": f"ws://127.0.0.1:{port}/app/{studio.hub.key}?protocol=7&client=maestro&version={__version__}",
        "key": studio.hub.key,
        "auth_endpoint": f"{url}/broadcasting/auth",
        "version": __version__,
        "pid": os.getpid(),
    }
    _write_private(home.run / "studio.json", json.dumps(info))
    _tell(ready, info)
    ended = asyncio.ensure_future(server.ended())
    # whoever has waited for the start is served first
    await asyncio.wait([ended], timeout=QUIET)
    await asyncio.to_thread(_load_more)
    await ended


def _load_more() -> None:
    """What a start does without and the first requests need."""
    for name in ("jwt", "maestro_ray.studio.bodies"):
        import_module(name)


def bind(home: Home, port: int, stay: bool = False) -> socket.socket:
    """A listening socket on loopback. A port that was chosen once is chosen again, as long as it is free.

    With `stay` it is the one of before, whatever `port` says, for somebody looks for Studio there; it is waited for
    a little. Raises `PortTaken` when it, or the one the configuration names, is in use.
    """
    kept = home.run / "studio.port"
    before = _kept_port(kept)
    if stay and before:
        return _listen_within(before, PORT_WITHIN)
    try:
        listener = _listen(port or before)
    except OSError as error:
        if port:
            raise PortTaken(port) from error
        listener = _listen(0)
    kept.write_text(str(listener.getsockname()[1]))
    return listener


def _listen_within(port: int, seconds: float) -> socket.socket:
    """Nothing else is going on in this process yet, so it may sleep."""
    until = time.monotonic() + seconds
    while True:
        try:
            return _listen(port)
        except OSError as error:
            if time.monotonic() >= until:
                raise PortTaken(port) from error
            time.sleep(0.05)


def _kept_port(path: Path) -> int:
    """The port in this file; 0, which means any, when there is none that could be one."""
    try:
        port = int(path.read_text())
    except (FileNotFoundError, ValueError):
        return 0
    return port if 0 < port < 2**16 else 0


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's delay of 40 ms off only where it is told that this is TCP
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _write_private(path: Path, text: str) -> None:
    fresh = path.with_suffix(f".{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    fresh.rename(path)


def _tell(ready: int, line: dict[str, object]) -> None:
    os.write(ready, json.dumps(line).encode() + b"\n")
    if ready > 2:
        os.close(ready)


if __name__ == "__main__":
    main()
