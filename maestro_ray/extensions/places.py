"""Where extensions are looked for: from a directory up to the top of its repository, the operator's own, plugins."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_ray.extensions.found import Found, Origin, T
from maestro_ray.small_file import read_small

MOST_ENTRIES = 2000


@dataclass(frozen=True)
class Place:
    """A directory and whose it is. It need not exist."""

    path: Path
    origin: Origin


@dataclass(frozen=True)
class Surroundings:
    """Where one is: the directory, maestro's state directory, and each installed plugin with its directory."""

    cwd: Path
    home: Path
    plugins: tuple[tuple[str, Path], ...] = ()

    def places(self, inside: Sequence[str], kind: str) -> list[Place]:
        """The directories to look in, the first that counts first: `inside` each directory, `kind` elsewhere."""
        top, own = top_of(self.cwd), self.home / kind
        found = []
        for directory in upward(self.cwd, top):
            origin = Origin("repository", (top or directory).resolve())
            found += [Place(directory / name, origin) for name in inside if directory / name != own]
        found.append(Place(own, Origin("user")))
        found += [Place(path / kind, Origin("plugin", path.resolve(), name)) for name, path in self.plugins]
        return found


def top_of(cwd: Path) -> Path | None:
    """The top of the checkout around a directory, None when there is none."""
    return next((each for each in (cwd, *cwd.parents) if _is_checkout(each / ".git")), None)


def _is_checkout(git: Path) -> bool:
    """As git sees it: not an empty directory, and nobody else's, who could have put it above ours."""
    try:
        mine = git.stat().st_uid == os.geteuid()
        return mine and (git.is_file() or (git / "HEAD").exists())
    except OSError:
        return False


def upward(cwd: Path, top: Path | None) -> list[Path]:
    """The directory and its ancestors up to `top`; without one up to the person's home, or it alone."""
    end = top or Path.home()
    if not cwd.is_relative_to(end):
        return [cwd]
    return [each for each in (cwd, *cwd.parents) if each.is_relative_to(end)]


def content(path: Path, within: Path | None) -> str:
    """The text of a small file, which no link may bring from outside `within` (a path without links).

    Raises `ValueError` with a sentence, whatever is wrong with it.
    """
    try:
        if within is not None and not Path(os.path.realpath(path)).is_relative_to(within):
            raise ValueError(f"it is a link that leads out of {within}")
        return read_small(path, follow=True)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 at byte {error.start}") from None
    except FileNotFoundError:
        raise ValueError(f"there is no {path.name}") from None
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror or error}") from None


def is_there(path: Path) -> bool:
    """Whether something is, a link to nowhere too; what may not be looked at is not."""
    try:
        path.lstat()
    except OSError:
        return False
    return True


def entries(place: Place) -> list[Path]:
    """What lies in a place, by name, at most `MOST_ENTRIES`; nothing when it cannot be listed."""
    return _listed(place)[:MOST_ENTRIES]


def left_out(place: Place) -> list[Found[Any]]:
    """That a place has more than is looked at, as one that is broken."""
    if (many := len(_listed(place))) <= MOST_ENTRIES:
        return []
    problem = f"there are {many} here, and the first {MOST_ENTRIES} are looked at"
    return [Found(place.path.name, place.origin, place.path, problem=problem)]


def _listed(place: Place) -> list[Path]:
    """Hidden files are nobody's extension."""
    try:
        return sorted(each for each in place.path.iterdir() if not each.name.startswith("."))
    except OSError:
        return []


def read_each(
    files: Iterable[tuple[str, Path]], origin: Origin, read: Callable[[str, str, Path], Found[T]]
) -> list[Found[T]]:
    """Each `(name, file)` as `read(text, name, file)` finds it; one that cannot be read harms no other."""
    found: list[Found[T]] = []
    for name, path in files:
        try:
            found.append(read(content(path, origin.within), name, path))
        except ValueError as error:
            found.append(Found(name, origin, path, problem=str(error)))
    return found
