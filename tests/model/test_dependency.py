from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.model.dependency import Node, circle, levels, needs, unmet
from maestro_ray.model.task import DONE, TERMINAL, Status


def graph(*nodes: Node) -> dict[str, Node]:
    return {node.id: node for node in nodes}


def waits(task: str, nodes: dict[str, Node]) -> list[str]:
    return [other.id for other in unmet(nodes, [nodes[task]])[task]]


SPLIT = graph(
    Node("whole"),
    Node("part", parent="whole"),
    Node("bit", parent="part"),
    Node("after", ("whole",), parent="whole"),
    Node("next", ("whole",)),
)


def test_who_depends_on_a_task_waits_for_its_parts_too() -> None:
    assert needs(SPLIT)["next"] == {"whole", "part", "bit", "after"}
    # a task does not wait for its own parts, nor a part for those beside it
    assert needs(SPLIT)["whole"] == set()
    assert needs(SPLIT)["after"] == {"whole"}
    assert circle(SPLIT) == []
    assert levels(SPLIT) == {"whole": 0, "part": 0, "bit": 0, "after": 1, "next": 2}


@pytest.mark.parametrize("status", Status)
def test_what_is_named_must_be_done_and_a_part_only_over(status: Status) -> None:
    nodes = graph(
        Node("whole", status=Status.MERGED), Node("part", parent="whole", status=status), Node("next", ("whole",))
    )  # fmt: skip
    assert waits("next", nodes) == ([] if status in TERMINAL else ["part"])
    nodes = graph(Node("whole", status=status), Node("next", ("whole",)))
    assert waits("next", nodes) == ([] if status in DONE else ["whole"])


@pytest.mark.parametrize(
    ("nodes", "around"),
    [
        (graph(Node("a", ("b",)), Node("b", ("a",))), {"a", "b"}),
        (graph(Node("a", ("a",))), {"a"}),
        # the part of a task cannot wait for what waits for that task
        (graph(Node("a"), Node("part", ("b",), parent="a"), Node("b", ("a",))), {"part", "b"}),
        (graph(Node("a", ("b",)), Node("b")), set()),
    ],
)
def test_tasks_that_wait_for_each_other(nodes: dict[str, Node], around: set[str]) -> None:
    found = circle(nodes)
    assert set(found) == around
    assert found[:1] == found[-1:]


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Node]:
    """Each task depends on earlier ones only; parts are added as agents add them."""
    nodes: dict[str, Node] = {}
    for number in range(draw(st.integers(1, 8))):
        name, earlier = f"t{number}", sorted(nodes)
        if earlier and draw(st.booleans()):
            parent = draw(st.sampled_from(earlier))
            nodes[name] = Node(name, (parent,) if draw(st.booleans()) else (), parent)
        else:
            of_plan = [other for other in earlier if nodes[other].parent is None]
            nodes[name] = Node(name, tuple(draw(st.sets(st.sampled_from(of_plan)))) if of_plan else ())
    return nodes


@settings(max_examples=150, deadline=None)
@given(plans())
def test_no_order_of_splitting_makes_a_circle(nodes: dict[str, Node]) -> None:
    assert circle(nodes) == []
    found = levels(nodes)
    assert all(found[other] < found[task] for task, before in needs(nodes).items() for other in before)
    # so there is always somebody who can go on
    drafts = unmet(nodes, nodes.values())
    assert any(not missing for missing in drafts.values())
