"""However a tree twists itself, and whoever of its guards is killed: its last process is gone, and soon.

How soon is measured by tests/bench/reap.py, on a quiet machine: two seconds at most. Here it may be a busy one.
Each way of ending a tree is tried alone, with the others switched off; see `WAYS`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from absent import absent

from maestro_ray.agent import cgroup, sandbox, shim
from maestro_ray.agent.sweep import ProcessId, alive, identify, sweep
from maestro_ray.ids import suffix

from .programs import python, until

# far less than any of them would live
WITHIN = 30.0

# Everything a program can do to be lost: it ignores SIGTERM, and so does all below it; one leaves by a double fork
# with all descriptors closed; one is executed with an emptied environment; one forks and leaves again and again.
TANGLE = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
SLEEPS = "import signal, time; signal.signal(15, 1); time.sleep(600)"
def leave(what):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.setsid()
        for fd in range(3):
            os.close(fd)
        what()
    os.wait()
def chain():
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if os.fork():
            os._exit(0)
        os.setsid()
leave(lambda: time.sleep(600))
if "no-mark" in sys.argv:
    leave(lambda: os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", SLEEPS, *sys.argv[1:]], {}))
leave(chain)
print("ready", flush=True)
time.sleep(600)
"""

# The worker, with every way of ending a tree but one: `descent` has neither a box nor a cgroup.
WORKER = f"""
import asyncio, os, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from maestro_ray.agent import cgroup, process, sandbox
from maestro_ray.agent.box import Box

way, mark, directory = (os.environ["TEST_" + name] for name in ("WAY", "MARK", "DIRECTORY"))
here = Path(directory)
if way != "cgroup":
    cgroup.place = lambda *_: ("", frozenset())
argv = [sys.executable, "-I", "-S", "-c", {TANGLE!r}, *os.environ["TEST_WORDS"].split()]
box = Box(here, writable=(here,), readable=(Path({sys.prefix!r}), Path({sys.base_prefix!r})))
argv = sandbox.boxed(argv, box, "bubblewrap" if way == "bubblewrap" else "")

async def hold():
    agent = await process.AgentProcess.start(argv, cwd=here, env={{}}, mark=mark)
    print((await agent.read()).decode().strip(), agent.shim.pid, agent.shim.start, flush=True)
    await agent.wait()
    print("over", flush=True)

asyncio.run(hold())
"""

WAYS = ("cgroup", "bubblewrap", "descent")


@dataclass
class Scene:
    worker: subprocess.Popen[str]
    shim: ProcessId
    token: str
    mark: str

    def tree(self) -> list[int]:
        """Every living process of the tree: its words are told from all others by a word of this test."""
        word = self.token.encode()
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if word in words(path)]


def words(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\0")
    except OSError:
        return []


@pytest.fixture
def scenes(mark: str, tmp_path: Path) -> Iterator[list[Scene]]:
    scenes: list[Scene] = []
    yield scenes
    for scene in scenes:
        scene.worker.kill()
        scene.worker.communicate()
        sweep(mark)
        for pid in scene.tree():
            os.kill(pid, signal.SIGKILL)


def begin(way: str, mark: str, directory: Path, scenes: list[Scene], *, marked: bool) -> Scene:
    if way == "cgroup" and not cgroup.place()[0]:
        absent("no cgroup v2 can be made here")
    if way == "bubblewrap" and not sandbox.tried("bubblewrap").works:
        absent(sandbox.tried("bubblewrap").why)
    token = f"tangle{suffix(10)}"
    env = {
        **os.environ,
        "TEST_WAY": way,
        "TEST_MARK": mark,
        "TEST_DIRECTORY": str(directory),
        "TEST_WORDS": token if marked else f"{token} no-mark",
    }
    worker = subprocess.Popen(python(WORKER), stdout=subprocess.PIPE, text=True, env=env)
    scene = Scene(worker, ProcessId(0, 0), token, mark)
    scenes.append(scene)
    assert worker.stdout
    ready, *shim = worker.stdout.readline().split()
    assert ready == "ready"
    scene.shim = ProcessId(*map(int, shim))
    least = 3 if marked else 4
    assert until(lambda: len(scene.tree()) >= least), scene.tree()
    return scene


@pytest.mark.parametrize("victims", ["worker", "shim", "shim and worker"])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_soon_after_a_kill(
    way: str, victims: str, mark: str, tmp_path: Path, scenes: list[Scene]
) -> None:
    """When both are killed it is Connections that sweeps, and here the test in its place.

    Without a cgroup and a box nothing but the shim can know a process that emptied its environment, so that there is
    none in that one case. Red: `cgroup` without both the write to `cgroup.kill` in `agent/cgroup.py` and `holds` in
    `sweep._carries` (shim, both); `bubblewrap` without `--unshare-pid` (shim, both); `descent` without
    PR_SET_CHILD_SUBREAPER (worker), without `_finish_for_the_shim` (shim).
    """
    marked = way == "descent" and "shim" in victims
    scene = begin(way, mark, tmp_path, scenes, marked=marked)
    began = time.monotonic()
    if "shim" in victims:
        os.kill(scene.shim.pid, signal.SIGKILL)
    if "worker" in victims:
        scene.worker.kill()
    if victims == "shim and worker":
        assert sweep(mark, within=WITHIN).left == ()
    assert until(lambda: not scene.tree() and not alive(scene.shim), WITHIN - (time.monotonic() - began)), (
        scene.tree()
    )
    assert until(lambda: not groups(mark))


def groups(mark: str) -> list[str]:
    """The cgroups of this test that are still there."""
    return [name for place in cgroup.above() for name in os.listdir(place) if mark in name]


def test_a_pid_that_is_used_again_is_not_touched_by_the_shim(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen as a descendant may be somebody else by the time of the signal.

    Red without the comparison of start times in `signal_all`.
    """
    with subprocess.Popen(["sleep", "600"]) as stranger:
        identity = identify(stranger.pid)
        assert identity
        signalled: list[int] = []
        watch = shim.Watch.__new__(shim.Watch)
        monkeypatch.setattr(watch, "signal", lambda pid, _number: signalled.append(pid), raising=False)
        monkeypatch.setattr(shim, "descendants", lambda: [(stranger.pid, identity.start - 1)])
        watch.signal_all(signal.SIGKILL)
        assert signalled == []
        monkeypatch.setattr(shim, "descendants", lambda: [(stranger.pid, identity.start)])
        watch.signal_all(signal.SIGKILL)
        assert signalled == [stranger.pid]
        stranger.kill()


def test_a_script_is_asked_before_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red when the youngest is asked first: a shell whose command has died goes on with its next one."""
    with subprocess.Popen(["sh", "-c", "(sleep 600; true); true"]) as shell:
        line = [shell.pid]
        while len(line) < 3:
            children = Path(f"/proc/{line[-1]}/task/{line[-1]}/children").read_text().split()
            line += map(int, children)
        asked: list[int] = []
        watch = shim.Watch.__new__(shim.Watch)
        monkeypatch.setattr(watch, "signal", lambda pid, _number: asked.append(pid), raising=False)
        watch.signal_all(signal.SIGTERM)
        for pid in line:
            os.kill(pid, signal.SIGKILL)
        assert [pid for pid in asked if pid in line] == line


def test_the_oldest_is_asked_first_though_pids_have_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red when the smallest pid is taken for the oldest: after the largest one the kernel begins with small ones again."""
    begun = {32767: 70, 301: 71, 302: 71}
    asked: list[int] = []
    watch = shim.Watch.__new__(shim.Watch)
    monkeypatch.setattr(watch, "signal", lambda pid, _number: asked.append(pid), raising=False)
    monkeypatch.setattr(shim, "descendants", lambda: sorted(begun.items(), reverse=True))
    monkeypatch.setattr(shim, "start_time", begun.get)
    watch.signal_all(signal.SIGTERM)
    assert asked == [32767, 301, 302]
