"""Where something is fetched from: a directory, or a git repository at a branch, tag or commit."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from maestro_ray.errors import GitFailed, NotFound, UsageError
from maestro_ray.extensions.file_count import file_count
from maestro_ray.extensions.tree import MOST_BYTES, MOST_FILES, Leaf, checked, digest, read_directory
from maestro_ray.ports import RunsGit
from maestro_ray.redaction import bare_addresses

OpenGit = Callable[[Path], RunsGit]

_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}")
_GITHUB = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_FORM = (
    "a directory, OWNER/REPO on GitHub, or an address: https://…, ssh://… or git@HOST:PATH; @REF may follow"
)
# whatever the person's own configuration allows: others of git's protocols run programs or can be changed on the way
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "file:https:ssh",
    # a server that says nothing for a minute is given up
    "GIT_HTTP_LOW_SPEED_LIMIT": "1",
    "GIT_HTTP_LOW_SPEED_TIME": "60",
}


@dataclass(frozen=True)
class Source:
    """`place` is an absolute path or an address, without a password; `ref` may be empty."""

    place: str
    ref: str = ""

    @property
    def local(self) -> bool:
        return self.place.startswith("/")

    def __str__(self) -> str:
        return f"{self.place}@{self.ref}" if self.ref else self.place


@dataclass(frozen=True)
class Fetched:
    """What was there: the files, and the commit they are from; a plain directory has none, only a digest."""

    source: Source
    files: dict[str, Leaf]
    commit: str = ""

    @property
    def digest(self) -> str:
        return digest(self.files)


def read_source(text: str, cwd: Path) -> Source:
    """The source a person names. Raises `UsageError`, and `NotFound` for a directory that is not there."""
    text = text.strip()
    if not text or text.startswith("-") or not text.isprintable():
        raise UsageError(f"{text[:80]!r} is no source", _FORM)
    if found := _local(text, cwd):
        return found
    if match := re.fullmatch(
        r"((?:https|ssh)://[^/\s]+/[^\s@]+|[\w.-]+@[\w.-]+:[^\s@:-][^\s@:]*)(?:@(\S+))?", text
    ):
        _refuse_password(match[1])
        return Source(match[1], _ref(match[2] or ""))
    name, _, ref = text.partition("@")
    if _GITHUB.fullmatch(name):
        return Source(f"https://github.com/{name}", _ref(ref))
    if re.match(r"[./~]", text):
        raise NotFound("directory", text, "a plugin is named by " + _FORM)
    raise UsageError(f"{bare_addresses(text)[:200]!r} is no source", _FORM)


def _local(text: str, cwd: Path) -> Source | None:
    name, at, ref = text.rpartition("@")
    for place, given in ((text, ""), (name if at else "", ref)):
        path = cwd / os.path.expanduser(place) if place else None  # noqa: PTH111 - it leaves an unknown ~NAME as it is
        if path is not None and _is_directory(path):
            return Source(str(path.resolve()), _ref(given))
    return None


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long
        return False


def _ref(ref: str) -> str:
    if ref and (not _REF.fullmatch(ref) or ".." in ref or ref.endswith((".lock", "/", "."))):
        raise UsageError(f"{ref[:80]!r} is no branch, tag or commit", _FORM)
    return ref


def _refuse_password(place: str) -> None:
    """An address is written down and shown."""
    if re.match(r"https://[^/]*@|ssh://[^/:@]*:[^/]*@|https://.*[?#]", place):
        raise UsageError(
            "the address holds a name, a password or a query", "let git's credential helper know it instead"
        )


def beside(source: Source, place: str, ref: str) -> Source:
    """Another source that this one names, with the same rules. Raises `UsageError`; a path is not allowed."""
    found = read_source(place, Path("/nonexistent"))
    if found.local:
        raise UsageError(f"{source} names the directory {place!r} of this machine", "")
    return replace(found, ref=_ref(ref) or found.ref)


def fetch(source: Source, git: OpenGit) -> Fetched:
    """The files at a source, none of them run or written. Raises `GitFailed`, and `ValueError` with a sentence.

    A directory that is a repository is read at its commit, another as it is.
    """
    if source.local and not (Path(source.place) / ".git").exists() and not source.ref:
        return Fetched(source, read_directory(Path(source.place)))
    with tempfile.TemporaryDirectory(prefix="maestro-") as scratch:
        at = git(Path(scratch))
        at.run("init", "-q", "--bare", "--template=", ".")
        commit = _commit(at, source)
        return Fetched(source, checked(_leaves(at, commit)), commit)


def _commit(git: RunsGit, source: Source) -> str:
    quiet = ("fetch", "-q", "--no-tags", "--no-recurse-submodules")
    try:
        git.run(*quiet, "--depth=1", "--", source.place, source.ref or "HEAD", env=_ENVIRONMENT)
        return git.run("rev-parse", "--verify", "FETCH_HEAD^{commit}").strip()
    except GitFailed:
        if not re.fullmatch(r"[0-9a-f]{7,64}", source.ref):
            raise
    # few servers give a single commit away: it is looked for in all of them
    everything = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    git.run(*quiet, "--", source.place, *everything, env=_ENVIRONMENT)
    return git.run("rev-parse", "--verify", f"{source.ref}^{{commit}}").strip()


def _leaves(git: RunsGit, commit: str) -> Iterator[tuple[str, Leaf]]:
    """Read as git keeps them: a checkout would run the filters that its own attributes name."""
    if file_count(git, commit) > MOST_FILES:
        raise ValueError(f"it has more than {MOST_FILES} files")
    listed = [_entry(each) for each in git.run("ls-tree", "-r", "-z", "-l", commit).split("\0") if each]
    if sum(size for *_, size in listed) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 20} MiB")
    wanted = "".join(f"{sha}\n" for _, _, sha, _ in listed)
    data = git.run("cat-file", "--batch", stdin=wanted).encode("utf-8", "surrogateescape")
    at = 0
    for path, mode, _, size in listed:
        begin = data.index(b"\n", at) + 1
        content, at = data[begin : begin + size], begin + size + 1
        if mode == "120000":
            yield path, Leaf(link=content.decode("utf-8", "replace") or "/")
        else:
            yield path, Leaf(content, mode == "100755")


def _entry(line: str) -> tuple[str, str, str, int]:
    about, _, path = line.partition("\t")
    mode, kind, sha, size = about.split()
    if kind != "blob":
        raise ValueError(f"{path} is a submodule, and those are not fetched")
    return path, mode, sha, int(size)
