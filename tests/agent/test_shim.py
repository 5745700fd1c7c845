"""The shim as a program of its own: what it reads, what it writes, what it leaves behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.agent.confined import Confined
from maestro_ray.agent.process import SHIM, _description
from maestro_ray.agent.sweep import MARK, ProcessId, alive, identify

from .programs import ENV, RESTLESS, STUBBORN, identities, python, until


@dataclass
class Shim:
    """The worker's ends of a shim. `report` is a pipe of packets: one read is one write."""

    control: int
    report: int
    stdout: int
    first: subprocess.CompletedProcess[bytes]

    def says(self) -> dict[str, Any]:
        """Its next report; an empty one at the end."""
        readable, _, _ = select.select([self.report], [], [], 60)
        assert readable, "the shim says nothing"
        packet = os.read(self.report, 65536)
        assert packet.endswith(b"\n") or not packet
        assert packet.count(b"\n") <= 1
        return json.loads(packet or b"{}")

    def started(self) -> tuple[ProcessId, ProcessId]:
        """The agent and its shim."""
        report = self.says()["started"]
        return ProcessId(report["pid"], report["start"]), ProcessId(report["shim"], report["shim_start"])

    def line(self) -> str:
        readable, _, _ = select.select([self.stdout], [], [], 60)
        assert readable, "the agent says nothing"
        return os.read(self.stdout, 65536).decode()

    def close(self, *names: str) -> None:
        for name in names:
            if (fd := getattr(self, name)) >= 0:
                os.close(fd)
                setattr(self, name, -1)


def launch(
    argv: list[str], mark: str, *, cwd: Path = Path("/"), env: Mapping[str, str] = ENV, grace: float = 0.2
) -> Shim:
    control_theirs, control = os.pipe()
    report, report_theirs = os.pipe2(os.O_CLOEXEC | os.O_DIRECT)
    stdout, stdout_theirs = os.pipe()
    description = os.memfd_create("launch")
    os.write(description, _description(Confined(tuple(argv)), cwd, {**env, MARK: mark}, grace))
    os.lseek(description, 0, os.SEEK_SET)
    theirs = (control_theirs, report_theirs, description)
    first = subprocess.run(
        [sys.executable, "-I", "-S", str(SHIM), *map(str, theirs)],
        stdin=subprocess.DEVNULL,
        stdout=stdout_theirs,
        pass_fds=theirs,
        env={MARK: mark},
        cwd="/",
        check=True,
    )
    for fd in (*theirs, stdout_theirs):
        os.close(fd)
    return Shim(control, report, stdout, first)


@pytest.fixture
def shims() -> Iterator[list[Shim]]:
    """Those put into this list are let go of at the end."""
    shims: list[Shim] = []
    yield shims
    for shim in shims:
        shim.close("control", "report", "stdout")


def test_it_reports_start_end_and_emptiness_a_line_each(mark: str, shims: list[Shim]) -> None:
    shims.append(shim := launch(python("raise SystemExit(3)"), mark))
    agent, guard = shim.started()

    assert agent.start >= guard.start > 0
    assert [shim.says() for _ in range(3)] == [
        {"exited": {"code": 3, "signal": None}},
        {"gone": {"swept": 0}},
        {},
    ]


def test_a_program_that_cannot_be_executed_is_not_a_program_that_failed(mark: str, shims: list[Shim]) -> None:
    shims.append(shim := launch(["no-such-program"], mark))

    assert shim.says() == {"failed": "cannot be executed: No such file or directory"}
    assert shim.says() == {}


def test_its_parent_is_not_who_started_it(mark: str, shims: list[Shim]) -> None:
    shims.append(shim := launch(python("import time; time.sleep(600)"), mark))
    agent, guard = shim.started()

    assert shim.first.returncode == 0
    assert parents(agent.pid)[0] == guard.pid
    assert os.getpid() not in parents(guard.pid)
    assert {os.getsid(guard.pid), os.getsid(agent.pid), os.getsid(0)} == {
        os.getsid(0),
        os.getsid(guard.pid),
        agent.pid,
    }
    assert os.getsid(guard.pid) not in (os.getsid(0), agent.pid)
    assert os.getpgid(agent.pid) == agent.pid


def parents(pid: int) -> list[int]:
    """From its parent up, as far as /proc tells."""
    line: list[int] = []
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        line.append(pid)
    return line


@pytest.mark.parametrize("how", ["word", "end of control", "signal"])
def test_each_way_to_stop_it_ends_the_whole_tree(how: str, mark: str, shims: list[Shim]) -> None:
    shims.append(shim := launch(python(STUBBORN), mark))
    agent, guard = shim.started()
    tree = identities(shim.line())
    assert len(tree) == 3
    assert tree[0] == agent
    match how:
        case "word":
            os.write(shim.control, b"T")
        case "end of control":
            shim.close("control")
        case "signal":
            os.kill(guard.pid, signal.SIGTERM)

    assert [shim.says(), shim.says(), shim.says()] == [
        {"exited": {"code": None, "signal": 9}},
        {"gone": {"swept": 2}},
        {},
    ]
    assert not any(alive(process) for process in tree)
    assert until(lambda: not alive(guard))


def test_it_kills_on_though_nobody_reads_its_reports(mark: str, shims: list[Shim]) -> None:
    # The agent takes its SIGTERM, so there is something to report before the others are killed.
    code = STUBBORN.replace("print(", "signal.signal(signal.SIGTERM, signal.SIG_DFL)\nprint(")
    shims.append(shim := launch(python(code), mark))
    _, guard = shim.started()
    tree = identities(shim.line())
    shim.close("report", "control")

    assert until(lambda: not any(map(alive, [*tree, guard])))


def test_everybody_is_asked_before_anybody_is_killed(mark: str, shims: list[Shim], tmp_path: Path) -> None:
    """The agent's end makes orphans of the others; each of the three must still have had its SIGTERM."""
    polite = """
import os, pathlib, signal, sys, time
def leave(*_):
    pathlib.Path(sys.argv[1], str(os.getpid())).touch()
    os._exit(5)
signal.signal(signal.SIGTERM, leave)
for _ in range(2):
    if os.fork():
        break
    os.setsid()
print(os.getpid(), flush=True)
time.sleep(600)
"""
    shims.append(shim := launch(python(polite, str(tmp_path)), mark, grace=10))
    shim.started()
    pids: list[str] = []
    while len(pids) < 3:
        pids += shim.line().split()
    os.write(shim.control, b"T")

    assert shim.says() == {"exited": {"code": 5, "signal": None}}
    assert shim.says() == {"gone": {"swept": 2}}
    assert {path.name for path in tmp_path.iterdir()} == set(pids)


def test_a_stopped_agent_can_still_say_goodbye(mark: str, shims: list[Shim]) -> None:
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(6)); print(1, flush=True); time.sleep(600)"
    shims.append(shim := launch(python(code), mark, grace=10))
    agent, _ = shim.started()
    shim.line()
    os.kill(agent.pid, signal.SIGSTOP)
    os.write(shim.control, b"T")

    assert shim.says() == {"exited": {"code": 6, "signal": None}}


def test_a_process_whose_first_thread_ended_is_not_taken_for_dead(mark: str, shims: list[Shim]) -> None:
    code = """
import ctypes, os, threading, time
if os.fork() == 0:
    threading.Thread(target=time.sleep, args=(600,)).start()
    print(os.getpid(), flush=True)
    ctypes.CDLL(None).syscall(ctypes.c_long(int(os.environ["EXIT"])), 0)
time.sleep(600)
"""
    number = {"x86_64": "60", "aarch64": "93"}[os.uname().machine]
    shims.append(shim := launch(python(code), mark, env={**ENV, "EXIT": number}))
    shim.started()
    pid = int(shim.line())
    assert until(lambda: Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z")
    os.write(shim.control, b"T")

    assert "exited" in shim.says()
    assert shim.says() == {"gone": {"swept": 1}}
    assert not Path(f"/proc/{pid}").exists()


def test_it_ends_those_that_always_fork_and_leave(mark: str, shims: list[Shim]) -> None:
    shims.append(shim := launch(python(RESTLESS, "30"), mark))
    shim.started()
    shim.line()
    os.write(shim.control, b"T")

    assert "exited" in shim.says()
    assert "gone" in shim.says()


def test_it_undoes_what_ray_hands_down(mark: str) -> None:
    """Signals blocked and ignored, niceness, first to be killed when memory is short: nothing reaches the agent."""
    code = f"""
import asyncio, os, signal, sys
from pathlib import Path
sys.path[:0] = {sys.path!r}
from maestro_ray.agent.process import run
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR2):
    signal.signal(number, signal.SIG_IGN)
os.nice(5)
Path("/proc/self/oom_score_adj").write_text("500")
argv = ["/bin/cat", "/proc/self/status", "/proc/self/oom_score_adj", "/proc/self/stat"]
print(asyncio.run(run(argv, Path("/"), {{}}, {mark!r}))[1])
"""
    done = subprocess.run(python(code), capture_output=True, text=True, check=True, env=dict(os.environ))
    *status, oom, stat = done.stdout.strip().splitlines()
    masks = dict(line.split(":\t") for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt")))

    # 32 and 33 are the C library's own: nobody can change them through it, and whoever runs the tests may have
    assert {int(value, 16) & ~(0b11 << 31) for value in masks.values()} == {0}
    assert oom == "0"
    assert stat.rpartition(")")[2].split()[16] == ("0" if os.geteuid() == 0 else "5")


def test_the_agent_has_three_descriptors(mark: str, shims: list[Shim]) -> None:
    shims.append(shim := launch(["ls", "/proc/self/fd"], mark))
    shim.started()

    assert shim.line().split() == ["0", "1", "2", "3"]  # the last is the listing


def test_its_argument_list_and_environment_hold_no_secret(mark: str, shims: list[Shim]) -> None:
    secret = f"hush-{mark}"
    shims.append(shim := launch(python("import time; time.sleep(600)"), mark, env={**ENV, "KEY": secret}))
    agent, guard = shim.started()

    # while a program begins it shows no environment
    assert until(lambda: secret in shown(Path(f"/proc/{agent.pid}"), "environ"))
    assert not [pid for pid in Path("/proc").glob("[0-9]*") if secret in shown(pid, "cmdline")]
    assert secret not in shown(Path(f"/proc/{guard.pid}"), "environ")
    assert f"{MARK}={mark}" in shown(Path(f"/proc/{guard.pid}"), "environ")


def shown(process: Path, what: str) -> str:
    try:
        return (process / what).read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_it_holds_neither_the_agents_pipes_nor_its_directory(
    mark: str, shims: list[Shim], tmp_path: Path
) -> None:
    code = "import os, time; [os.close(fd) for fd in (0, 1, 2)]; time.sleep(600)"
    shims.append(shim := launch(python(code), mark, cwd=tmp_path))
    _, guard = shim.started()

    assert shim.line() == ""
    assert Path(f"/proc/{guard.pid}/cwd").readlink() == Path("/")
    assert {str(Path(f"/proc/{guard.pid}/fd/{fd}").readlink()) for fd in range(3)} == {"/dev/null"}


def test_an_empty_entry_of_path_is_not_the_worktree(mark: str, shims: list[Shim], tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text("#!/bin/sh\n")
    trap.chmod(0o755)
    shims.append(shim := launch(["trap"], mark, cwd=tmp_path, env={"PATH": ":/nowhere:"}))

    assert "failed" in shim.says()


def test_when_it_is_killed_the_agent_is_too(mark: str, shims: list[Shim]) -> None:
    shims.append(shim := launch(python("import time; time.sleep(600)"), mark))
    agent, guard = shim.started()
    os.kill(guard.pid, signal.SIGKILL)

    assert shim.says() == {}
    assert until(lambda: not alive(agent))


def test_it_starts_light() -> None:
    """Each of these would cost it a third of its start or more."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", str(SHIM)],
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = {
        line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time")
    }

    assert {"select", "_ctypes"} <= loaded
    assert not loaded & {
        "json",
        "re",
        "enum",
        "ctypes",
        "signal",
        "typing",
        "subprocess",
        "contextlib",
        "pathlib",
    }


def test_identity_is_what_the_kernel_says(mark: str, shims: list[Shim]) -> None:
    shims.append(shim := launch(python("import time; time.sleep(600)"), mark))

    for process in shim.started():
        assert identify(process.pid) == process
