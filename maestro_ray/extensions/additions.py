"""What the operator adds to a place of maestro's own, in the repository or in the state directory, and takes out."""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maestro_ray.errors import Conflict, NotWritable, UsageError
from maestro_ray.extensions.definitions import READERS
from maestro_ray.extensions.found import Found
from maestro_ray.extensions.frontmatter import read_front
from maestro_ray.extensions.places import content
from maestro_ray.extensions.skills import FILES, read_skill
from maestro_ray.extensions.tree import Tree, put_tree, under


def skills_of(tree: Tree) -> dict[str, Tree]:
    """Every skill of a tree by the name of its whole directory. Raises `ValueError` for none, and for two of one name.

    A tree that is one skill itself may have any name, as a repository has.
    """
    folders = sorted({posixpath.dirname(path) for path in tree if posixpath.basename(path) in FILES})
    if not folders:
        raise ValueError("there is no SKILL.md in it")
    if "" in folders:
        return {_name_of(tree): tree}
    names = [posixpath.basename(folder) for folder in folders]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ValueError(f"two directories of it are a skill {twice!r}")
    return {name: under(tree, folder) for name, folder in zip(names, folders, strict=True)}


def _name_of(tree: Tree) -> str:
    return read_front(_text(tree)).text("name")


def _text(tree: Tree) -> str:
    file = next(name for name in FILES if name in tree)
    try:
        return tree[file].data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not UTF-8 at byte {error.start}") from None


def add_skill(place: Path, name: str, tree: Tree) -> Path:
    """Copy a skill into a directory of skills. Raises `UsageError` for a broken one, `Conflict` when it is there."""
    try:
        read_skill(_text(tree), name, place / name / FILES[0])
    except ValueError as error:
        raise UsageError(f"the skill {name!r} is broken: {error}", "nothing was added") from None
    target = place / name
    try:
        put_tree(tree, target)
    except FileExistsError:
        raise Conflict(f"there is a skill in {target} already", f"maestro skills remove {name}") from None
    return target


def add_definition(place: Path, file: Path) -> Path:
    """Copy an agent definition into a directory of them. Raises as `add_skill` does."""
    if file.suffix not in READERS:
        raise UsageError(f"{file.name} is no agent definition", "it is a .md or a .toml file")
    try:
        text = content(file, None)
        definition, _ = READERS[file.suffix](text, file.stem, file, theirs=False)
    except ValueError as error:
        raise UsageError(f"{file} is no agent definition: {error}", "nothing was added") from None
    target = place / f"{definition.name}{file.suffix}"
    _make(place)
    try:
        with open(
            os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8"
        ) as fresh:
            fresh.write(text)
    except FileExistsError:
        raise Conflict(f"there is {target} already", f"maestro agents remove {definition.name}") from None
    except OSError as error:
        raise NotWritable(str(target), error.strerror or str(error)) from error
    return target


def _make(place: Path) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotWritable(str(place), error.strerror or str(error)) from error


def take_out(found: Sequence[Found[Any]], places: Sequence[Path], what: str) -> Path:
    """Remove the first of these that lies in one of maestro's own places. Raises `Conflict` when none does."""
    for each in found:
        path = each.path.parent if what == "skill" else each.path
        if path.parent in places:
            _remove(path)
            return path
    first = found[0]
    hint = (
        f"maestro plugins remove {first.origin.plugin}"
        if first.origin.plugin
        else f"remove {first.path} yourself"
    )
    raise Conflict(f"the {what} {first.name!r} is in a place that is not maestro's: {first.path}", hint)


def _remove(path: Path) -> None:
    try:
        if path.is_symlink() or path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path)
    except OSError as error:
        raise NotWritable(str(path), error.strerror or str(error)) from error
