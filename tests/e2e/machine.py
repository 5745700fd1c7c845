"""A machine with maestro on it: its home, its commands, and what runs there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from maestro_ray.agent.sweep import MARK
from maestro_ray.home import Home

REPO = Path(__file__).parents[2]
IDENTITY = ["-c", "user.name=someone", "-c", "user.email=someone@example.invalid"]


class Machine:
    def __init__(self, directory: Path, home: Path | None = None) -> None:
        self.directory = directory
        self.home = home or directory / "home"
        # agents of tests wait for files, and leave some, beside their worktrees; test_sandbox.py takes this away
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.home / "config.toml").write_text('[sandbox]\nmode = "off"\n')
        self._begun: list[subprocess.Popen[str]] = []
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "PYTHONPATH": f"{REPO}:{REPO / 'cli'}",
            "MAESTRO_HOME": str(self.home),
            # as on a machine where nobody has told git a name
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
        }

    # ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────

    def run(
        self, *words: str, cwd: Path | None = None, timeout: float = 240, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """`maestro WORDS` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "maestro_cli.main", *words],
            cwd=cwd or self.directory,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def json(self, *words: str, cwd: Path | None = None, timeout: float = 240) -> dict[str, Any]:
        """The one JSON object of a command that must work."""
        done = self.run(*words, "--json", cwd=cwd, timeout=timeout)
        assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        (line,) = done.stdout.splitlines()
        return dict(json.loads(line))

    def status(self) -> dict[str, Any]:
        """What `maestro status` says, also while nobody can say which teams there are, which is exit 1."""
        return dict(json.loads(self.run("status", "--json").stdout))

    def begin(self, *words: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """`maestro WORDS`, which goes on beside the test and is over when the test is."""
        begun = subprocess.Popen(
            [sys.executable, "-m", "maestro_cli.main", *words],
            cwd=cwd or self.directory,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._begun.append(begun)
        return begun

    # ── repositories ─────────────────────────────────────────────────────────────────────────────────────────────

    def repository(self, name: str = "repo", files: dict[str, str] | None = None) -> Path:
        """A repository with one commit on `main` and no `user.name` in it."""
        repo = self.directory / name
        repo.mkdir()
        self.git(repo, "init", "-q", "-b", "main")
        for path, text in (files or {"greeting.txt": "hello\n"}).items():
            (repo / path).parent.mkdir(parents=True, exist_ok=True)
            (repo / path).write_text(text)
        self.git(repo, "add", "-A")
        self.git(repo, *IDENTITY, "commit", "-q", "-m", "begin")
        return repo

    def git(self, repo: Path, *words: str) -> str:
        """git as the repository's owner would run it."""
        env = {key: value for key, value in self.env.items() if key != "MAESTRO_HOME"}
        done = subprocess.run(["git", *words], cwd=repo, env=env, capture_output=True, text=True, check=True)
        return done.stdout

    # ── what is there ────────────────────────────────────────────────────────────────────────────────────────────

    def processes(self) -> list[tuple[int, str]]:
        """Every living process of this home: by its environment, or by its command line."""
        mine = os.fsencode(self.home)
        return [
            (pid, words)
            for pid, words, env in _processes()
            if b"MAESTRO_HOME=" + mine in env or mine in words.encode()
        ]

    def agents(self) -> list[int]:
        """Every living process that carries the mark of a run of this home."""
        prefix = f"{MARK}={Home.find(self.env).instance}:".encode()
        ours = (b"node:ray", b"studio:")
        marks = [(pid, field) for pid, _, env in _processes() for field in env if field.startswith(prefix)]
        return [pid for pid, field in marks if not field[len(prefix) :].startswith(ours)]

    def worktrees(self) -> list[Path]:
        root = self.home / "worktrees"
        return list(root.glob("*/*")) if root.is_dir() else []

    def until(self, what: Callable[[], Any], within: float = 120, pause: float = 0.1) -> Any:
        """The first true answer."""
        end = time.monotonic() + within
        while not (answer := what()):
            assert time.monotonic() < end, f"not so within {within} s: {what}"
            time.sleep(pause)
        return answer

    def close(self) -> None:
        """Stop the daemon; nothing of this home may be left."""
        for begun in self._begun:
            with begun:
                begun.kill()
        stopped = self.run("daemon", "stop")
        left = self.processes()
        for pid, _ in left:
            os.kill(pid, signal.SIGKILL)
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        assert left == [], f"left running: {left}\n{stopped.stdout}{stopped.stderr}"
        assert self.worktrees() == []
        shutil.rmtree(Home.find(self.env).run, ignore_errors=True)


def _processes() -> list[tuple[int, str, list[bytes]]]:
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            state = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()[0]
            words = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            env = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if state != b"Z":
            found.append((int(name), words, env))
    return found
