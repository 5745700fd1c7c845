from __future__ import annotations

import json
from typing import Any

import pytest

from maestro_ray.agent.json_reply import BadReply
from maestro_ray.agent.survey_reply import LONGEST_BODY, MOST_ITEMS, read_items
from maestro_ray.model.knowledge import FOUND, JUDGED, TOLD
from maestro_ray.studio.analysis import LENGTHS

ITEM = {"kind": "risk", "title": "Money is a float", "body": "It is rounded late.", "path": "src/till.py"}


def mistakes(value: Any) -> list[str]:
    with pytest.raises(BadReply) as caught:
        read_items(f"```json\n{json.dumps(value)}\n```")
    return caught.value.mistakes


def test_items_are_read_as_studio_keeps_them() -> None:
    found = read_items(f"```json\n{json.dumps({'items': [ITEM, {**ITEM, 'path': None}]})}\n```")
    assert found == [ITEM, {**ITEM, "path": ""}]
    assert found[0].keys() == LENGTHS.keys()
    assert LENGTHS["body"] >= LONGEST_BODY


def test_an_agent_judges_and_does_not_count() -> None:
    """What is counted without an agent cannot be replaced by one."""
    assert not set(FOUND) & set(JUDGED)
    assert set(FOUND) | set(JUDGED) < set(TOLD)
    for kind in ("commands", "context"):
        assert mistakes({"items": [{**ITEM, "kind": kind}]}) == [
            f"items[0].kind: '{kind}' is none of {', '.join(JUDGED)}"
        ]


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ([], "the block must be an object with items, a list of at least one"),
        ({"items": []}, "the block must be an object with items, a list of at least one"),
        ({"items": [ITEM] * (MOST_ITEMS + 1)}, f"items: {MOST_ITEMS + 1} are too many, {MOST_ITEMS} are the most"),
        ({"items": ["x"]}, "items[0]: must be an object with kind, title, body, path"),
        ({"items": [{**ITEM, "title": ""}]}, "items[0].title: is missing"),
        ({"items": [{**ITEM, "body": 1}]}, "items[0].body: must be a text"),
        ({"items": [{**ITEM, "body": "\0"}]}, "items[0].body: holds a NUL or half a character"),
        ({"items": [{**ITEM, "body": "x" * 5000}]}, "items[0].body: is longer than 4000 characters"),
        ({"items": [{**ITEM, "more": 1}]}, "items[0].more: there is no such key; those there are: kind, title, body, path"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_place(value: Any, mistake: str) -> None:
    assert mistakes(value) == [mistake]
