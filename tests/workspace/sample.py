"""A real repository to work on, and the eyes to see whether anything in it was touched."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from maestro_ray.workspace.message import CommitMessage, Identity
from maestro_ray.workspace.repo import Repo

BOT = Identity("maestro bot", "bot@example.com")
PERSON = Identity("Ada", "ada@example.com")
SETTLED = ("objects", "refs", "logs", "worktrees", "packed-refs")


def note(text: str = "a change", **trailers: str) -> CommitMessage:
    """What a commit of the bot says."""
    return CommitMessage(text, BOT, {key.replace("_", "-"): value for key, value in trailers.items()})


def checked_out(repo: Repo, branch: str) -> list[Path]:
    """The worktrees that hold a branch, also those that will come back to it after a rebase or bisect."""
    return [place.path for place in repo.checkouts() if place.holds(f"refs/heads/{branch}")]


class Sample:
    """A repository with a person working in it through the plain `git` program."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, path: Path, **files: str) -> Sample:
        """One commit on `main` with a.txt, b.txt and the given files."""
        path.mkdir(parents=True)
        sample = cls(path)
        sample.git("init", "-q", "-b", "main")
        sample.commit("first", **{"a.txt": "1\n2\n3\n", "b.txt": "b\n", ".gitignore": "*.log\n", **files})
        return sample

    @property
    def repo(self) -> Repo:
        return Repo.open(self.path)

    def git(self, *args: str, check: bool = True, cwd: Path | None = None) -> str:
        """What a person would see; without the last newline."""
        return self.exactly(*args, check=check, cwd=cwd).removesuffix("\n")

    def exactly(self, *args: str, check: bool = True, cwd: Path | None = None) -> str:
        env = {**os.environ, **PERSON.environment(), "GIT_OPTIONAL_LOCKS": "0"}
        command = ["git", "-c", "protocol.file.allow=always", *args]
        done = subprocess.run(command, cwd=cwd or self.path, env=env, capture_output=True, check=False)
        if check and done.returncode:
            raise AssertionError((args, done.stdout, done.stderr))
        return os.fsdecode(done.stdout)

    def write(self, name: str, text: str, *, at: Path | None = None) -> Path:
        path = (at or self.path) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, message: str, **files: str) -> str:
        """Commit these files on the current branch; the new hash."""
        for name, text in files.items():
            self.write(name, text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.sha("HEAD")

    def sha(self, name: str) -> str:
        return self.git("rev-parse", "--verify", f"{name}^{{commit}}")

    def side(self, branch: str, base: str = "main", **files: str) -> str:
        """A commit with these files on a new branch, made without the checkout; the new hash."""
        place = self.path.parent / f"side-{branch.replace('/', '-')}"
        self.git("worktree", "add", "-q", "-b", branch, str(place), base)
        for name, text in files.items():
            self.write(name, text, at=place)
        self.git("add", "-A", cwd=place)
        self.git("commit", "-q", "--allow-empty", "-m", branch, cwd=place)
        self.git("worktree", "remove", "--force", str(place))
        return self.sha(branch)

    def files(self, commit: str) -> dict[str, str]:
        """Path to content of everything in a commit."""
        names = [name for name in self.git("ls-tree", "-r", "-z", "--name-only", commit).split("\0") if name]
        return {name: self.exactly("cat-file", "blob", f"{commit}:{name}") for name in names}


def fingerprint(sample: Sample) -> dict[str, object]:
    """Every byte, mode and time of a checkout, the index and settings in `.git`, and what `git status` says of it."""
    seen: dict[str, object] = {
        "status": sample.git("status", "--porcelain=v2", "-z", "--branch", "--ignored")
    }
    for directory, folders, names in os.walk(sample.path):
        inside = Path(directory).relative_to(sample.path)
        if inside == Path(".git"):
            folders[:] = [name for name in folders if name not in SETTLED]
            names = [name for name in names if name not in SETTLED]
        for name in names:
            path = Path(directory) / name
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            facts = path.lstat()
            seen[str(inside / name)] = (hashlib.sha256(content).hexdigest(), facts.st_mode, facts.st_mtime_ns)
    return seen


def head(path: Path) -> str:
    return Sample(path).sha("HEAD")


def committer(sample: Sample, commit: str) -> str:
    return sample.git("log", "-1", "--format=%an <%ae> | %cn <%ce>", commit)
