"""The boot driver: starts a Ray head, makes the first actors, says where they are, and leaves.

`python -m maestro_ray.actors.boot`. Ray ends a driver that loses its cluster, so nothing that must live long is one.
The head is started inside this process because importing Ray costs most of a second and would else be paid twice.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable

from maestro_ray import last_words
from maestro_ray.actors.ledger import Ledger
from maestro_ray.actors.team_record import TeamRecord
from maestro_ray.clock import SystemClock
from maestro_ray.config import Config
from maestro_ray.errors import JournalBroken, MaestroError, RayMissing, StartFailed
from maestro_ray.home import Home
from maestro_ray.ids import suffix
from maestro_ray.redaction import redact

OBJECT_STORE = 80_000_000


def main() -> None:
    """One line of JSON on the descriptor `--ready`: the node's address and the time each phase took."""
    parser = argparse.ArgumentParser(prog="maestro-boot")
    parser.add_argument("--ready", type=int, default=1)
    arguments = parser.parse_args()
    last_words.discreet()
    home = Home.find()
    code = 0
    try:
        boot(home, lambda answer: _tell(arguments.ready, answer))
    except MaestroError as error:
        _tell(arguments.ready, {"error_kind": error.kind, "message": redact(str(error)), "hint": error.hint})
        code = 1
    # nothing here owns the cluster: leaving without ceremony saves Ray's half second of farewell
    os._exit(code)


def _tell(ready: int, answer: dict[str, object]) -> None:
    os.write(ready, json.dumps(answer).encode() + b"\n")


def boot(home: Home, tell: Callable[[dict[str, object]], None]) -> None:
    """Tells as soon as Connections answers. Raises `RayMissing` and `StartFailed`."""
    began = time.monotonic()
    try:
        import ray
    except ImportError as error:
        raise RayMissing(str(error)) from error
    imported = time.monotonic()
    address = start_head(home)
    started = time.monotonic()
    ray.init(
        address, namespace="maestro", log_to_driver=False, logging_level="warning", configure_logging=False
    )
    attached = time.monotonic()
    from maestro_ray.actors.runtime import make_actors

    connections, slots = make_actors(home, first_slots(home))
    pid = ray.get(connections.ready.remote(), timeout=120)
    ready = time.monotonic()
    tell(
        {
            "address": address,
            "connections_pid": pid,
            "timings": {
                "import": round(imported - began, 3),
                "head": round(started - imported, 3),
                "attach": round(attached - started, 3),
                "actors": round(ready - attached, 3),
            },
        }
    )
    # a raylet ends the processes it is starting for a driver that leaves, and would begin with them anew
    ray.wait([slot.receive.remote("boot", []) for slot in slots], num_returns=len(slots), timeout=60)


def first_slots(home: Home) -> list[str]:
    """The slots of teams that go on, as Connections will want them; without any the pool."""
    try:
        ledger = Ledger(home.connections_journal, SystemClock())
    except JournalBroken:  # Connections says so
        kept = []
    else:
        records = [TeamRecord.from_json(body) for body in ledger.teams.values()]
        kept = [slot for record in records for slot in record.slots.values()]
        ledger.close()
    return kept or [f"slot-{suffix(8)}" for _ in range(Config.load(home).pool)]


def start_head(home: Home) -> str:
    """A head on loopback with token authentication and a temporary directory of its own; its address."""
    from ray.scripts.scripts import start

    directory = home.ray_directory
    arguments = [
        "--head",
        "--port=0",
        "--min-worker-port=0",
        "--max-worker-port=0",
        "--node-ip-address=127.0.0.1",
        f"--temp-dir={directory}",
        "--include-dashboard=false",
        "--include-log-monitor=false",
        "--no-monitor",
        "--disable-usage-stats",
        f"--object-store-memory={OBJECT_STORE}",
    ]
    with contextlib.redirect_stdout(sys.stderr):
        try:
            start.main(arguments, standalone_mode=False)
        except SystemExit as end:
            if end.code:
                raise StartFailed("Ray", f"`ray start` ended with {end.code}") from end
        except Exception as error:
            raise StartFailed("Ray", repr(error)) from error
    return (directory / "ray_current_cluster").read_text().strip()


if __name__ == "__main__":
    main()
