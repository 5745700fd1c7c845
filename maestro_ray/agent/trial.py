"""What a box really keeps in on this machine: each promise is put to the test by a program inside."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from maestro_ray.agent import sandbox
from maestro_ray.agent.box import Bench, Box, box_for

_INSIDE = """
import json, os, socket, sys
where = json.loads(sys.argv[1])
def allowed(what, *words):
    try:
        what(*words)
    except OSError:
        return False
    return True
def meet(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.settimeout(2)
        one.connect(address)
write = lambda path: open(path, "w").close()
print(json.dumps({
    "worktree": allowed(write, where["worktree"] + "/it"),
    "others": allowed(write, where["other"] + "/it"),
    "pointer": allowed(write, where["worktree"] + "/.git"),
    "state": allowed(open, where["state"] + "/secret"),
    "keys": allowed(open, where["person"] + "/.ssh/key"),
    "processes": allowed(os.kill, where["pid"], 0) and os.path.exists("/proc/%d/environ" % where["pid"])
                 and allowed(lambda: open("/proc/%d/environ" % where["pid"]).read()),
    "sockets": allowed(meet, socket.AF_UNIX, where["state"] + "/sock"),
    "network": allowed(meet, socket.AF_INET, ("127.0.0.1", where["port"])),
}))
"""

# key of what is tried -> how it reads
PROMISES = {
    "worktree": "its own worktree can be changed",
    "others": "nothing else can be changed",
    "pointer": "which repository the worktree belongs to cannot be changed",
    "state": "maestro's own files cannot be read",
    "keys": "keys in the home directory cannot be read",
    "processes": "other processes cannot be looked into",
    "sockets": "sockets of other programs cannot be reached",
    "network": "a role that is offline has no network",
}


@dataclass(frozen=True)
class Finding:
    """One promise, and whether it is kept here."""

    key: str
    promise: str
    kept: bool


def examine(layer: str, place: Path | None = None) -> list[Finding]:
    """Every promise as `layer` keeps it on this machine; without a layer hardly any is kept. Blocks.

    What is tried lies below `place`: under `/tmp` much is out of sight anyway.
    """
    with (
        tempfile.TemporaryDirectory(prefix="box-", dir=place) as directory,
        _place(Path(directory)) as (box, where),
    ):
        inside = [sys.executable, "-I", "-S", "-c", _INSIDE, json.dumps(where)]
        done = subprocess.run(
            sandbox.command(inside, box, layer),
            capture_output=True,
            text=True,
            timeout=sandbox.TRIAL,
            check=True,
            cwd=box.directory,
        )
    allowed = json.loads(done.stdout)
    return [Finding(key, promise, allowed[key] == (key == "worktree")) for key, promise in PROMISES.items()]


@contextmanager
def _place(root: Path) -> Iterator[tuple[Box, dict[str, object]]]:
    """Directories as a run has them, and something to steal in each."""
    names = (
        "worktree",
        "scratch",
        "common/objects",
        "common/worktrees/dev-1",
        "other",
        "state",
        "person/.ssh",
    )
    for name in names:
        (root / name).mkdir(parents=True)
    for name in ("worktree/.git", "state/secret", "person/.ssh/key"):
        (root / name).write_text("secret")
    common = root / "common"
    bench = Bench(root / "worktree", root / "scratch", common / "worktrees/dev-1", common)
    box = box_for(
        bench,
        "execute",
        state=[root / "state"],
        person=root / "person",
        network=False,
        readable=[root / "other", Path(sys.prefix), Path(sys.base_prefix)],
    )
    where: dict[str, object] = {name: str(root / name) for name in ("worktree", "other", "state", "person")}
    with socket.socket(socket.AF_UNIX) as near, socket.create_server(("127.0.0.1", 0)) as far:
        near.bind(str(root / "state" / "sock"))
        near.listen()
        yield box, {**where, "pid": os.getpid(), "port": far.getsockname()[1]}
