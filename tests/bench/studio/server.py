"""A server as a process: Studio itself or the bare app, begun on a port and ended again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from bench.studio.keep_alive import KeepAlive

ROOT = Path(__file__).parents[3]


def program(*words: str, **env: str) -> subprocess.Popen[str]:
    """`python -m WORDS` with this interpreter and these sources; it is spoken to line by line."""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "cli", ROOT / "tests")))
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": paths, **env}
    command = [sys.executable, "-m", *words]
    return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class Server:
    """`with Server(…) as server` returns from its beginning when `/up` has been answered, after `server.up` ms."""

    def __init__(self, *words: str, **env: str) -> None:
        self.port = _free_port()
        self._words, self._env = [word.replace("PORT", str(self.port)) for word in words], env

    @classmethod
    def bare(cls, directory: Path) -> Server:
        return cls("bench.studio.bare", str(directory / "bare.db"), "PORT")

    @classmethod
    def studio(cls, home: Path) -> Server:
        """Studio of this home, which may be a new one."""
        server = cls("maestro_ray.studio", MAESTRO_HOME=str(home))
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "config.toml").write_text(f"[studio]\nport = {server.port}\n")
        return server

    def __enter__(self) -> Self:
        began = time.perf_counter()
        self.process = program(*self._words, **self._env)
        self._wait()
        self.up = (time.perf_counter() - began) * 1000
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.communicate()

    def client(self, **headers: str) -> KeepAlive:
        return KeepAlive(self.port, **headers)

    def worked(self) -> float:
        """Milliseconds of processor so far."""
        return sum(psutil.Process(self.process.pid).cpu_times()[:2]) * 1000

    def _wait(self) -> None:
        while self.process.poll() is None:
            try:
                client = self.client()
            except ConnectionError:
                time.sleep(0.002)
                continue
            client.call("GET", "/up")
            client.close()
            return
        raise AssertionError(f"{self._words} ended with {self.process.returncode}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
