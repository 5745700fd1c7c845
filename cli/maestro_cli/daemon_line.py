"""Reaching the daemon: the one that runs, or one that is started now."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from maestro_ray.connection.call import Line
from maestro_ray.errors import DaemonUnavailable, Reported, StartFailed
from maestro_ray.home import Home

START_WITHIN = 20.0


def connect(home: Home) -> Line:
    """The line to a daemon that runs. Raises `DaemonUnavailable`; a socket that a dead one left is no daemon."""
    return Line(home.daemon_socket)


def connect_to_teams(home: Home) -> Line:
    """The line to the daemon that looks after the teams that run; what a killed one left is taken over by a new one.

    Raises `DaemonUnavailable` when nothing of this home runs.
    """
    try:
        return connect(home)
    except DaemonUnavailable:
        if not ray_runs_on(home):
            raise
    return connect_or_start(home)


def ray_runs_on(home: Home) -> bool:
    """Whether a daemon that was killed left its Ray node running, and with it its teams."""
    if not (home.run / "node.json").exists():
        return False
    from maestro_ray.daemon.ray_node import kept

    left = kept(home)
    return left is not None and left.running()


def connect_or_start(home: Home) -> Line:
    """The line to the daemon, which is started when there is none. Raises `StartFailed` or what it said was wrong."""
    try:
        return connect(home)
    except DaemonUnavailable:
        home.prepare()
        _start(home)
    until = time.monotonic() + START_WITHIN
    while True:
        try:
            return connect(home)
        except DaemonUnavailable:
            # another command may have started one a moment ago
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _start(home: Home) -> None:
    from maestro_ray.agent.environment import allowed
    from maestro_ray.log_file import cut

    env = {
        **allowed(os.environ, ["PYTHONPATH", "LD_LIBRARY_PATH", "MAESTRO_LOG", "DBUS_SESSION_BUS_ADDRESS"]),
        "MAESTRO_HOME": str(home.root),
    }
    cut(home.logs / "daemon.out")
    reading, writing = os.pipe()
    with (home.logs / "daemon.out").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "maestro_ray.daemon", "--ready", str(writing)],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[writing],
            cwd="/",
            start_new_session=True,
        )
    os.close(writing)
    with os.fdopen(reading, "rb") as ready:
        line = ready.readline()
    answer = json.loads(line) if line else {}
    if not answer or "error_kind" in answer:
        process.wait()  # it has said its last words, and ends
    process.returncode = 0  # it outlives this program on purpose; nobody waits for it here
    if not answer:
        raise StartFailed("the daemon", f"see {home.logs / 'daemon.out'}")
    if answer.get("error_kind", "daemon_running") != "daemon_running":
        raise Reported(
            answer["error_kind"],
            answer["message"],
            answer["hint"],
            2 if "config" in answer["error_kind"] else 1,
        )
