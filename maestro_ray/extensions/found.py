"""What was found where: the first sound one of a name is used, the others are named beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Literal, TypeVar

from maestro_ray.errors import NotFound, UsageError
from maestro_ray.toml import did_you_mean

T = TypeVar("T")

Level = Literal["repository", "user", "plugin"]


@dataclass(frozen=True)
class Origin:
    """Whose something is. `within` is what no link may lead out of: the repository or plugin, a path without links.

    What is the operator's own may be a link to anywhere. `plugin` is the plugin's name.
    """

    level: Level
    within: Path | None = None
    plugin: str = ""

    @property
    def theirs(self) -> bool:
        """Whether somebody else than the operator may have written it."""
        return self.level != "user"

    def __str__(self) -> str:
        return f"plugin {self.plugin}" if self.plugin else self.level


@dataclass(frozen=True)
class Found(Generic[T]):
    """One thing and the file it stands in. Without a `value` it is broken, and `problem` says why.

    `notes` are about what is odd and does no harm. `shadowed_by` is the file of the one that is used instead.
    """

    name: str
    origin: Origin
    path: Path
    value: T | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()
    shadowed_by: Path | None = None

    @property
    def state(self) -> Literal["used", "shadowed", "broken"]:
        if self.value is None:
            return "broken"
        return "shadowed" if self.shadowed_by else "used"


def shadow(found: Iterable[Found[T]]) -> list[Found[T]]:
    """The same, in their order, with what shadows what. A broken one shadows nothing and is shadowed by nothing."""
    first: dict[str, Path] = {}
    told = []
    for each in found:
        if each.value is None:
            told.append(each)
        elif each.name in first:
            told.append(replace(each, shadowed_by=first[each.name]))
        else:
            first[each.name] = each.path
            told.append(each)
    return told


def used(found: Iterable[Found[T]]) -> list[T]:
    """The values that count, in their order."""
    return [each.value for each in found if each.value is not None and not each.shadowed_by]


def named(found: Iterable[Found[T]], what: str, name: str) -> list[Found[T]]:
    """All of this name, the one that is used first. Raises `NotFound` with what was probably meant."""
    everything = list(found)
    order = ("used", "shadowed", "broken")
    chosen = sorted(
        (each for each in everything if each.name == name), key=lambda each: order.index(each.state)
    )
    if not chosen:
        names = sorted({each.name for each in everything})
        known = f"there are: {', '.join(names[:20])}" if names else f"there is no {what} at all"
        raise NotFound(what, name, f"{known}{did_you_mean(name, names)}")
    return chosen


def chosen(found: Iterable[Found[T]], what: str, names: Iterable[str]) -> list[T]:
    """The values of these names. Raises `NotFound`, and `UsageError` for one that is broken."""
    everything = list(found)
    values = []
    for name in dict.fromkeys(names):
        first = named(everything, what, name)[0]
        if first.value is None:
            raise UsageError(f"the {what} {name!r} is broken: {first.problem}", f"it is in {first.path}")
        values.append(first.value)
    return values
