"""The environment Ray runs in: what makes a node of ours quiet, local and closed to others."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from maestro_ray.agent.environment import allowed
from maestro_ray.agent.sweep import MARK
from maestro_ray.home import Home


def ray_environment(home: Home, environ: Mapping[str, str]) -> dict[str, str]:
    """For `maestro_ray.actors.boot` and with it every process of the node. Nothing of the shell's RAY_* is kept."""
    return {
        **allowed(environ, ["PYTHONPATH", "LD_LIBRARY_PATH", "MAESTRO_LOG", "DBUS_SESSION_BUS_ADDRESS"]),
        "MAESTRO_HOME": str(home.root),
        MARK: node_mark(home),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(_token(home)),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # the uv hook would install the project again in every worker
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_worker_maximum_startup_concurrency": str(max(2, os.cpu_count() or 2)),
        "RAY_worker_niceness": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DISABLE_IMPORT_WARNING": "1",
        "OMP_NUM_THREADS": "1",
    }


def node_mark(home: Home) -> str:
    """What tells the processes of this home's Ray node from all others."""
    return f"{home.instance}:node:ray"


def _token(home: Home) -> Path:
    """Ray would make its own with the default umask; ours is readable by its owner only."""
    path = home.run / "ray.token"
    if not path.exists():
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, secrets.token_hex(32).encode())
        os.close(fd)
    return path
