"""The files of something from elsewhere, in memory: looked at as a whole before the first of them is written."""

from __future__ import annotations

import hashlib
import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from maestro_ray.errors import NotWritable

MOST_FILES = 5000
MOST_BYTES = 64 * 1024 * 1024
LONGEST_PATH = 400


@dataclass(frozen=True)
class Leaf:
    """A file. With `link` it is a symbolic link to there, as it stands in a repository or directory."""

    data: bytes = b""
    executable: bool = False
    link: str = ""


Tree = Mapping[str, Leaf]


def checked(leaves: Iterable[tuple[str, Leaf]]) -> dict[str, Leaf]:
    """The tree of these, without links: each is replaced by a copy of what it leads to.

    Raises `ValueError` with a sentence for a path or a link that leads out of it, for a link to nothing or to another
    link, and for more than `MOST_FILES` or `MOST_BYTES`.
    """
    files: dict[str, Leaf] = {}
    links: dict[str, str] = {}
    for path, leaf in leaves:
        _refuse_path(path)
        if leaf.link:
            links[path] = leaf.link
        else:
            files[path] = leaf
        _refuse_size(len(files) + len(links), 0)
    copies: dict[str, Leaf] = {}
    for path, link in links.items():
        copies |= _copies(path, link, files)
        _refuse_size(len(files) + len(copies), 0)
    return bounded(files | copies)


def bounded(tree: Tree) -> dict[str, Leaf]:
    """The same. Raises `ValueError` with a sentence for more than `MOST_FILES` or `MOST_BYTES`."""
    _refuse_size(len(tree), sum(len(leaf.data) for leaf in tree.values()))
    return dict(tree)


def _refuse_path(path: str) -> None:
    parts = path.split("/")
    if path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"the path {path[:80]!r} leads out of it")
    if any(part.lower() == ".git" for part in parts):
        raise ValueError(f"the path {path[:80]!r} is git's own")
    if len(path) > LONGEST_PATH or not path.isprintable():
        raise ValueError(f"the path {path[:80]!r} is too long or not printable")


def _refuse_size(files: int, size: int) -> None:
    if files > MOST_FILES:
        raise ValueError(f"it has more than {MOST_FILES} files")
    if size > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 20} MiB")


def _copies(path: str, link: str, files: Tree) -> list[tuple[str, Leaf]]:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    if link.startswith("/") or target == ".." or target.startswith("../"):
        raise ValueError(f"{path} is a link that leads out of it: {link[:80]}")
    if target in files:
        return [(path, files[target])]
    below = [
        (path + name[len(target) :], leaf) for name, leaf in files.items() if name.startswith(f"{target}/")
    ]
    if not below:
        raise ValueError(f"{path} is a link to nothing, or to another link: {link[:80]}")
    return below


def under(tree: Tree, directory: str) -> dict[str, Leaf]:
    """What lies below a directory of the tree, which is its top for an empty text, `.` and `./`."""
    inside = posixpath.normpath(directory or ".")
    if inside == ".":
        return dict(tree)
    return {path[len(inside) + 1 :]: leaf for path, leaf in tree.items() if path.startswith(f"{inside}/")}


def digest(tree: Tree) -> str:
    """64 hex digits of every path, mode and byte."""
    whole = hashlib.sha256()
    for path, leaf in sorted(tree.items()):
        whole.update(f"{len(path.encode())} {path} {leaf.executable:d} {len(leaf.data)} ".encode())
        whole.update(leaf.data)
    return whole.hexdigest()


def read_directory(directory: Path) -> dict[str, Leaf]:
    """The tree of a directory without its `.git`. Raises `ValueError` with a sentence, as `checked` does."""
    try:
        return checked(_leaves(directory))
    except OSError as error:
        raise ValueError(f"{error.filename} cannot be read: {error.strerror}") from None


def _leaves(directory: Path) -> Iterator[tuple[str, Leaf]]:
    size = 0
    for place, folders, names in os.walk(directory, onerror=_raise):
        here = Path(place)
        folders[:] = sorted(name for name in folders if name != ".git")
        linked = [name for name in folders if (here / name).is_symlink()]
        for name in (*linked, *sorted(name for name in names if name != ".git")):
            leaf = _leaf(here / name, MOST_BYTES - size)
            size += len(leaf.data)
            yield (here / name).relative_to(directory).as_posix(), leaf


def _raise(error: OSError) -> None:
    raise error


def _leaf(path: Path, most: int) -> Leaf:
    if path.is_symlink():
        return Leaf(link=str(path.readlink()))
    if not path.is_file():
        raise ValueError(f"{path.name} is neither a file nor a directory")
    info = path.stat()
    if info.st_size > most:
        _refuse_size(0, MOST_BYTES + 1)
    return Leaf(path.read_bytes(), bool(info.st_mode & 0o100))


def put_tree(tree: Tree, target: Path) -> None:
    """Write it where nothing is yet: all of it or nothing. Raises `NotWritable`, `FileExistsError`."""
    if target.exists() or target.is_symlink():
        raise FileExistsError(str(target))
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
        try:
            for path, leaf in tree.items():
                _write(fresh / path, leaf)
            fresh.chmod(0o755)
            fresh.rename(target)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    except OSError as error:
        raise NotWritable(str(target), error.strerror or str(error)) from error


def _write(path: Path, leaf: Leaf) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(leaf.data)
    path.chmod(0o755 if leaf.executable else 0o644)
