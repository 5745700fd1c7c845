"""The plugins of this home: what was installed from where, at which commit, and the files as they were then."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from maestro_ray.errors import Conflict, NotFound, UsageError
from maestro_ray.extensions.places import Surroundings
from maestro_ray.extensions.plugins import (
    MANIFEST,
    MARKETPLACE,
    Offer,
    Plugin,
    offers,
    read_marketplace,
    read_plugin,
)
from maestro_ray.extensions.record import change_record, read_record
from maestro_ray.extensions.source import Fetched, OpenGit, Source, beside, fetch
from maestro_ray.extensions.tree import Tree, digest, put_tree, read_directory, under
from maestro_ray.extensions.trust import forget_plugin
from maestro_ray.protocol.strictjson import is_whole
from maestro_ray.toml import did_you_mean

FILE = "plugins.json"
DIRECTORY = "plugins"


@dataclass(frozen=True)
class Pin:
    """What is written down of a plugin. `place` and `ref` are where it was asked for, `chosen` the plugin of a
    marketplace; `commit` is empty for a plain directory; `digest` is over all files; `at` is in Unix seconds.
    """

    place: str
    ref: str
    chosen: str
    commit: str
    digest: str
    version: str
    at: int


@dataclass(frozen=True)
class Installed:
    """One plugin and the directory that its files are in."""

    name: str
    path: Path
    pin: Pin

    def changed(self) -> bool:
        """Whether its files are no longer those that were installed."""
        try:
            return digest(read_directory(self.path)) != self.pin.digest
        except ValueError:
            return True


@dataclass(frozen=True)
class Candidate:
    """A plugin that was fetched and not installed yet."""

    plugin: Plugin
    pin: Pin


def installed(home: Path) -> list[Installed]:
    """Every plugin of the home, by name. Raises `ConfigError` when what is written down cannot be read."""
    return [_installed(home, name, entry) for name, entry in sorted(read_record(home / FILE).items())]


def _installed(home: Path, name: str, entry: Mapping[str, Any]) -> Installed:
    texts = {
        key: str(entry.get(key, "")) for key in ("place", "ref", "chosen", "commit", "digest", "version")
    }
    pin = Pin(**texts, at=entry["at"] if is_whole(entry.get("at")) else 0)
    return Installed(name, _place(home, name, pin), pin)


def _place(home: Path, name: str, pin: Pin) -> Path:
    """Another for other files, so that writing down the pin is what changes a plugin, in one step."""
    return home / DIRECTORY / f"{name}-{pin.digest[:12]}"


def surroundings(cwd: Path, home: Path) -> Surroundings:
    """Where extensions are looked for from `cwd`, installed plugins among them."""
    return Surroundings(cwd, home, tuple((each.name, each.path) for each in installed(home)))


def the_installed(home: Path, name: str) -> Installed:
    """Raises `NotFound` with what was probably meant."""
    every = installed(home)
    found = next((each for each in every if each.name == name), None)
    if found is None:
        names = [each.name for each in every]
        known = f"there are: {', '.join(names)}" if names else "no plugin is installed"
        raise NotFound("plugin", name, f"{known}{did_you_mean(name, names)}")
    return found


def look_up(source: Source, git: OpenGit, chosen: str = "") -> Candidate:
    """Fetch what a source holds: a plugin, or the `chosen` one of a marketplace, which may be elsewhere.

    Raises `UsageError` for what is no plugin or unsafe, and when a marketplace has several and none was chosen.
    """
    fetched = _fetch(source, git)
    tree, offered = fetched.files, None
    if MARKETPLACE in tree and (chosen or MANIFEST not in tree):
        offer = _choose(source, tree, chosen)
        chosen, offered = offer.name, offer.manifest
        if offer.place:
            fetched = _fetch(beside(source, offer.place, offer.ref), git)
        tree = under(fetched.files, offer.inside)
    elif chosen:
        raise UsageError(f"{source} is no marketplace: it has no {MARKETPLACE}", "leave out --plugin")
    try:
        plugin = read_plugin(tree, offered)
    except ValueError as error:
        raise UsageError(
            f"{source} is no plugin: {error}", "see `maestro plugins validate DIRECTORY`"
        ) from None
    files = digest(plugin.files)
    pin = Pin(source.place, source.ref, chosen, fetched.commit, files, plugin.version, int(time.time()))
    return Candidate(plugin, pin)


def _fetch(source: Source, git: OpenGit) -> Fetched:
    try:
        return fetch(source, git)
    except ValueError as error:
        raise UsageError(f"{source} is refused: {error}", "") from None


def _choose(source: Source, tree: Tree, chosen: str) -> Offer:
    try:
        every = offers(read_marketplace(tree))
    except ValueError as error:
        raise UsageError(f"{source} is no marketplace: {error}", "") from None
    names = [each.name for each in every]
    if not chosen and len(every) == 1:
        return every[0]
    if not chosen:
        hint = f"for example: maestro plugins add {source} --plugin {names[0]}" if names else ""
        raise UsageError(f"{source} offers {len(names)} plugins: {', '.join(names) or 'none'}", hint)
    found = next((each for each in every if each.name == chosen), None)
    if found is None:
        raise NotFound("plugin", chosen, f"{source} offers: {', '.join(names)}{did_you_mean(chosen, names)}")
    return found


@contextmanager
def unpacked(candidate: Candidate) -> Iterator[Path]:
    """Its files in a directory that is gone afterwards, to look at what it adds."""
    with tempfile.TemporaryDirectory(prefix="maestro-") as scratch:
        place = Path(scratch) / candidate.plugin.name
        put_tree(candidate.plugin.files, place)
        yield place


def install(home: Path, candidate: Candidate) -> Installed:
    """Put it beside the others, or in the place of what was there of the same source. Nothing of it is run.

    Raises `Conflict` when a plugin of another source has its name.
    """
    name, pin = candidate.plugin.name, candidate.pin
    place = _place(home, name, pin)

    def write_down(entries: dict[str, dict[str, Any]]) -> None:
        before = entries.get(name)
        if before and (before.get("place"), before.get("chosen")) != (pin.place, pin.chosen):
            raise Conflict(
                f"a plugin {name!r} is installed from {before.get('place')}", f"maestro plugins remove {name}"
            )
        if place.exists():  # of an attempt that was cut, or changed since: it is not looked at
            shutil.rmtree(place)
        put_tree(candidate.plugin.files, place)
        entries[name] = asdict(pin)

    change_record(home / FILE, write_down)
    _tidy(home)
    return Installed(name, place, pin)


def remove(home: Path, name: str) -> Installed:
    """Remove a plugin, its files and the trust in its hooks. Raises `NotFound`."""
    found = the_installed(home, name)
    forget_plugin(home, name)

    def forget(entries: dict[str, dict[str, Any]]) -> None:
        entries.pop(name, None)

    change_record(home / FILE, forget)
    _tidy(home)
    return found


def _tidy(home: Path) -> None:
    """What is written down nowhere is of a version before, or of an attempt that was cut."""

    def sweep(_entries: dict[str, dict[str, Any]]) -> None:
        kept = {each.path.name for each in installed(home)}
        for each in (home / DIRECTORY).iterdir() if (home / DIRECTORY).is_dir() else ():
            if each.name not in kept:
                shutil.rmtree(each, ignore_errors=True)

    change_record(home / FILE, sweep)


@dataclass(frozen=True)
class Difference:
    """Paths that an update adds, removes and changes."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def difference(before: Tree, after: Tree) -> Difference:
    """What is other in `after`."""
    both = sorted(set(before) & set(after))
    return Difference(
        tuple(sorted(set(after).difference(before))),
        tuple(sorted(set(before).difference(after))),
        tuple(path for path in both if before[path] != after[path]),
    )
