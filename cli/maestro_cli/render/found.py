"""What was found where, as a table for people and as objects for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from maestro_cli.render import out
from maestro_ray.extensions.found import Found, T

_COLOURS = {"used": "green", "shadowed": "dim", "broken": "red"}
WIDTH = 100


def table(found: Sequence[Found[T]], about: Callable[[T], str]) -> str:
    """A line for each: its name, whose it is, whether it counts, and what it is for or why it does not count."""
    rows = [
        [out.printable(each.name), out.printable(str(each.origin)), out.paint(each.state, _COLOURS[each.state]),
         _why(each, about)]
        for each in found
    ]  # fmt: skip
    return out.columns(rows, ["NAME", "FROM", "STATE", "ABOUT"]) if rows else ""


def _why(found: Found[T], about: Callable[[T], str]) -> str:
    if found.value is None:
        return f"{out.printable(found.problem)} ({out.printable(str(found.path))})"
    return f"by {out.printable(str(found.shadowed_by))}" if found.shadowed_by else short(about(found.value))


def short(text: str) -> str:
    """Some words of a long text, on one line."""
    words = out.printable(text)
    return words if len(words) <= WIDTH else words[: WIDTH - 1].rstrip() + "…"


def told(found: Found[T], details: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """One as an object."""
    return {
        "name": found.name,
        "from": found.origin.level,
        "plugin": found.origin.plugin,
        "path": str(found.path),
        "state": found.state,
        "problem": found.problem,
        "notes": list(found.notes),
        "shadowed_by": str(found.shadowed_by) if found.shadowed_by else None,
        **(details(found.value) if found.value is not None else {}),
    }


def card(found: Sequence[Found[T]], rows: Callable[[T], Sequence[tuple[str, str]]]) -> str:
    """Everything about the first, and where the others of its name are."""
    first = found[0]
    lines = [
        ("name", first.name),
        ("from", str(first.origin)),
        ("state", first.state),
        ("file", str(first.path)),
    ]
    lines += [("problem", first.problem)] if first.problem else []
    lines += rows(first.value) if first.value is not None else []
    lines += [("note", note) for note in first.notes]
    lines += [("also in", f"{each.path} ({each.state})") for each in found[1:]]
    return out.columns([[key, out.printable(value)] for key, value in lines if value])


def verdict(found: Sequence[Found[Any]], what: str) -> tuple[str, str]:
    """The status and the text of a check: a line for each that is broken or odd."""
    lines = [
        f"{out.printable(str(each.path))}: {out.printable(each.problem)}" for each in found if each.problem
    ]
    lines += [
        f"{out.printable(str(each.path))}: note: {out.printable(note)}"
        for each in found
        for note in each.notes
    ]
    broken = sum(1 for each in found if each.problem)
    many = f"{len(found)} {what}{'' if len(found) == 1 else 's'}"
    lines.append(f"{many}, {broken} broken" if broken else f"{many}, sound")
    return "broken" if broken else "ok", "\n".join(lines)
