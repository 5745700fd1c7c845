"""What a task waits for: the tasks it depends on and the parts these were split into, never in a circle."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from maestro_ray.model.task import DONE, TERMINAL, Status


@dataclass(frozen=True)
class Node:
    """A task among those of its plan. `parent` is the task it is a part of."""

    id: str
    needs: tuple[str, ...] = ()
    parent: str | None = None
    status: Status = Status.DRAFT
    title: str = ""


Nodes = Mapping[str, Node]


def needs(nodes: Nodes) -> dict[str, set[str]]:
    """The tasks each one waits for: those it names, and their parts, unless it is such a part itself."""
    parts = _parts(nodes)
    return {node.id: _needs(node, parts) for node in nodes.values()}


def _needs(node: Node, parts: Mapping[str, set[str]]) -> set[str]:
    found = set(node.needs)
    for other in node.needs:
        inside = parts.get(other, set())
        if node.id not in inside:
            found |= inside
    return found


def _parts(nodes: Nodes) -> dict[str, set[str]]:
    """By task, its parts and theirs; tasks without parts are left out."""
    found: dict[str, set[str]] = {}
    for node in nodes.values():
        above = node.parent
        while above is not None:
            found.setdefault(above, set()).add(node.id)
            above = nodes[above].parent
    return found


def unmet(nodes: Nodes, wanted: Iterable[Node]) -> dict[str, list[Node]]:
    """By task of `wanted`, what it still waits for. A task that is named must be done, a part only over."""
    parts = _parts(nodes)
    found = {}
    for node in wanted:
        named = set(node.needs)
        waits = (nodes[other] for other in sorted(_needs(node, parts)))
        found[node.id] = [
            other for other in waits if other.status not in (DONE if other.id in named else TERMINAL)
        ]
    return found


def circle(nodes: Nodes) -> list[str]:
    """Tasks that wait for each other, the first one again at the end; empty when there are none."""
    try:
        graphlib.TopologicalSorter(needs(nodes)).prepare()
    except graphlib.CycleError as error:
        return list(reversed(error.args[1]))
    return []


def levels(nodes: Nodes) -> dict[str, int]:
    """How deep each task stands in the dependencies of its plan: 0 when it needs no other."""
    before = needs(nodes)
    found: dict[str, int] = {}
    for task in graphlib.TopologicalSorter(before).static_order():
        found[task] = 1 + max((found[other] for other in before[task]), default=-1)
    return found
