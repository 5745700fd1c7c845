"""The reference: Ray by hand, with the settings maestro uses. Run as a program, it answers commands on its input.

`head DIR` starts a head; `attach`; `actors N` makes N raw actors, calls each once, prints the milliseconds and ends
them; `keep N` does not end them; `memory` prints the resident kilobytes of a raw actor; the end of the input ends the head.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START = [
    "start", "--head", "--port=0", "--min-worker-port=0", "--max-worker-port=0", "--node-ip-address=127.0.0.1",
    "--include-dashboard=false", "--include-log-monitor=false", "--no-monitor", "--disable-usage-stats",
    "--object-store-memory=80000000",
]  # fmt: skip


def environment(directory: Path) -> dict[str, str]:
    directory.mkdir(parents=True, exist_ok=True)
    token = directory / "token"
    token.write_text("0" * 64)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_worker_maximum_startup_concurrency": str(max(2, os.cpu_count() or 2)),
        "RAY_worker_niceness": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
    }


@contextmanager
def raw_ray(directory: Path, program: Path = Path(__file__)) -> Iterator[subprocess.Popen[str]]:
    """A head and a driver attached to it, this file or another program; both are gone afterwards."""
    env = environment(directory)
    subprocess.run([str(Path(sys.executable).with_name("ray")), *START, f"--temp-dir={directory}"], env=env, check=True,
                   capture_output=True)  # fmt: skip
    driver = subprocess.Popen([sys.executable, str(program), str(directory)], env=env, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    try:
        yield driver
    finally:
        driver.communicate()
        end_node(directory)


def ask(driver: subprocess.Popen[str], command: str) -> float:
    return ask_all(driver, command)[0]


def ask_all(driver: subprocess.Popen[str], command: str) -> list[float]:
    driver.stdin.write(command + "\n")
    driver.stdin.flush()
    # Ray writes warnings to the same place
    return [float(word) for word in next(line for line in driver.stdout if line.startswith("="))[1:].split()]


def end_node(directory: Path) -> None:
    """SIGKILL to what names this directory on its command line, and to what is below it."""
    from maestro_ray.agent.sweep import identify
    from maestro_ray.daemon.processes import descendants, kill

    mark = os.fsencode(directory)
    roots = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes()
            except OSError:
                continue
            if mark in words and (process := identify(int(name))):
                roots.append(process)
    below = descendants([process.pid for process in roots])
    kill(roots)
    kill(below)


def serve(directory: str) -> None:
    import ray

    class Raw:
        async def __init__(self):
            pass

        async def pid(self):
            return os.getpid()

    ray.init(
        Path(directory, "ray_current_cluster").read_text().strip(), log_to_driver=False, logging_level="error"
    )
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_concurrency=1000)(Raw)
    for line in sys.stdin:
        command, _, number = line.strip().partition(" ")
        began = time.monotonic()
        handles = [actor.remote() for _ in range(int(number or 1))]
        pids = ray.get([handle.pid.remote() for handle in handles])
        took = (time.monotonic() - began) * 1000
        if command == "keep":
            print("=1", flush=True)
            continue
        if command == "memory":
            took = _unique_kilobytes(pids[0])
        for handle in handles:
            ray.kill(handle)
        print(f"={took}", flush=True)


def _unique_kilobytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("Rss:")))


if __name__ == "__main__":
    serve(sys.argv[1])
