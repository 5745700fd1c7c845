"""Where an agent works in a test: a repository, a home of its own, and nothing of this machine's besides."""

from __future__ import annotations

import asyncio
import subprocess
import uuid
from contextlib import suppress
from pathlib import Path

from .programs import program

_MARK = "MAESTRO_TEST_AGENT"


class Workplace:
    """`folder` is a repository with one commit; `home` and `tmp` belong to the agent."""

    def __init__(self, top: Path) -> None:
        self.folder, self.home, self.tmp, self._bin = (top / each for each in ("repo", "home", "tmp", "bin"))
        self._mark = uuid.uuid4().hex
        for each in (self.folder, self.home, self.tmp, self._bin):
            each.mkdir(parents=True)
        (self.folder / "README.md").write_text("A project.\n")
        for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "Begin"]):
            self.git(*words)

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        argv = ["git", "-C", str(self.folder), *identity, *words]
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.home)}
        return subprocess.run(argv, env=env, check=True, capture_output=True, text=True).stdout

    def env(self, *programs: str) -> dict[str, str]:
        """The whole environment: these programs are on PATH. Codex wants no home below the temporary directory."""
        for name in programs:
            link = self._bin / name
            if not link.exists():
                link.symlink_to(program(name))
        return {
            "PATH": f"{self._bin}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "LANG": "C.UTF-8",
            _MARK: self._mark,
        }

    def left(self) -> list[int]:
        """The processes that were started here and still run."""
        mark = f"{_MARK}={self._mark}".encode()
        return [int(each.name) for each in Path("/proc").glob("[0-9]*") if mark in _environment(each)]

    async def left_behind(self, within: float = 15.0) -> list[int]:
        """Those that are there still after this many seconds: what an agent has just ended may take a moment to go."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.left():
                    await asyncio.sleep(0.02)
        return self.left()

    async def command_runs(self, words: str) -> None:
        """When one of the processes has been started with these words."""
        async with asyncio.timeout(120):
            while not any(words.encode() in _read(f"/proc/{pid}/cmdline") for pid in self.left()):
                await asyncio.sleep(0.02)


def _environment(process: Path) -> bytes:
    """Empty for what is no process of ours, has ended, or is nobody's child any more but not yet gone."""
    state = _read(str(process / "stat")).rpartition(b")")[2].split()
    return b"" if not state or state[0] == b"Z" else _read(str(process / "environ"))


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
