"""The `git` program: every call with a clean environment, no hooks, no prompts and no secrets in its errors."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from maestro_ray.errors import DiskFull, GitFailed, GitMissing
from maestro_ray.redaction import bare_addresses, redact
from maestro_ray.room import missing_at

# Where a person keeps their configuration is theirs to say; which repository, index or identity is meant is ours.
_KEPT = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "TMP",
    "TEMP",
    "LD_LIBRARY_PATH",
    "SSH_AUTH_SOCK",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
)

_SET = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_EDITOR": "true",
    "GIT_PAGER": "cat",
    # `git status` and `git diff` must not refresh the index of a checkout that is somebody else's.
    "GIT_OPTIONAL_LOCKS": "0",
}

_CONFIG = (
    "advice.addEmbeddedRepo=false",
    "advice.detachedHead=false",
    "color.ui=false",
    "commit.gpgSign=false",
    "core.filesRefLockTimeout=2000",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.packedRefsTimeout=5000",
    "core.quotePath=false",
    "core.safecrlf=false",
    "gc.auto=0",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
    "maintenance.auto=false",
    "merge.renames=true",
    "rerere.enabled=false",
    "submodule.recurse=false",
    "tag.gpgSign=false",
    "worktree.useRelativePaths=false",
)
# A repository that requires the filter of a program that is not here keeps its pointer files as they are.
_WITHOUT_LFS = ("filter.lfs.process=", "filter.lfs.smudge=", "filter.lfs.clean=", "filter.lfs.required=false")
# how git's last words end on a disk that is full or read-only, in the language it is told to speak
_FULL = tuple(f": {os.strerror(number)}" for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS))


@dataclass(frozen=True)
class Git:
    """git at work in one directory. With `git_dir` that one is used whatever a `.git` in the directory says.

    Text goes in and out as UTF-8; bytes that are none survive as surrogates, so every path can be given back.
    """

    directory: Path
    git_dir: Path | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, *args: str, stdin: str | None = None, check: bool = True, env: Mapping[str, str] | None = None
    ) -> str:
        """Standard output as it is. Raises `GitFailed` unless `check` is off, and `GitMissing` without the program."""
        done = self._start(args, stdin, env)
        if check and done.returncode:
            raise failure(args, done.returncode, done.stderr, self.directory)
        return _text(done.stdout)

    def line(self, *args: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> str:
        """Standard output without its last newline (a path may end in one of its own)."""
        return self.run(*args, stdin=stdin, env=env).removesuffix("\n")

    def records(self, *args: str) -> list[str]:
        """The records of a command that was given `-z`."""
        return [record for record in self.run(*args).split("\0") if record]

    def beginning(self, most: int, *args: str) -> tuple[str, int]:
        """The first `most` bytes of standard output, and how many it has in all: no more than that is held.

        Raises as `run` does.
        """
        try:
            process = subprocess.Popen(
                self._command(args),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment(None),
            )
        except FileNotFoundError as missing:
            raise GitMissing from missing
        with process:
            assert process.stdout is not None
            data = process.stdout.read(most)
            size = len(data)
            while piece := process.stdout.read(1 << 16):
                size += len(piece)
        if process.returncode:
            raise failure(args, process.returncode, b"", self.directory)
        return _text(data), size

    def ask(self, *args: str) -> bool:
        """A question answered by exit code: 0 is yes, 1 is no, anything else raises `GitFailed`."""
        done = self._start(args, None, None)
        if done.returncode not in (0, 1):
            raise failure(args, done.returncode, done.stderr, self.directory)
        return done.returncode == 0

    def _start(
        self, args: tuple[str, ...], stdin: str | None, env: Mapping[str, str] | None
    ) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                self._command(args),
                input=b"" if stdin is None else stdin.encode("utf-8", "surrogateescape"),
                capture_output=True,
                check=False,
                env=self._environment(env),
            )
        except FileNotFoundError as missing:
            raise GitMissing from missing

    def _command(self, args: tuple[str, ...]) -> list[str]:
        settings = _CONFIG if shutil.which("git-lfs") else (*_CONFIG, *_WITHOUT_LFS)
        where = ["-C", str(self.directory)]
        if self.git_dir is not None:
            where += [f"--git-dir={self.git_dir}", f"--work-tree={self.directory}"]
        return ["git", "--no-pager", *where, *(word for item in settings for word in ("-c", item)), *args]

    def _environment(self, env: Mapping[str, str] | None) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {"PATH": os.defpath, **kept, **_SET, **self.extra, **(env or {})}


def failure(args: tuple[str, ...], code: int, stderr: bytes, place: Path) -> GitFailed:
    """The error of a git that ended with `code`: its last lines, nothing that opens a door."""
    words = _discreet(" ".join(args)).splitlines() or [""]
    lines = [line for line in _discreet(_text(stderr)).splitlines() if line.strip()]
    told = (presentable(words[0])[:200], code, presentable("; ".join(lines[-5:])))
    # a checkout says only that it cannot write its files
    if any(line.endswith(_FULL) for line in lines) or missing_at(place):
        return DiskFull(*told, presentable(str(place)))
    return GitFailed(*told)


def _discreet(text: str) -> str:
    return redact(bare_addresses(text))


def presentable(text: str) -> str:
    """Text that can be shown, logged and sent: no control characters, nothing that is not UTF-8.

    >>> presentable("a\\nb")
    'a?b'
    """
    return re.sub(r"[\x00-\x1f\x7f]", "?", text.encode("utf-8", "replace").decode("utf-8"))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
