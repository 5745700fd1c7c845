"""What an agent knows of a repository, as items: one JSON block in what it says, read strictly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from maestro_ray.agent.json_reply import quoted, read_block, refuse
from maestro_ray.model.knowledge import JUDGED

MOST_ITEMS = 60
LONGEST_BODY, LONGEST_TITLE, LONGEST_PATH = 4_000, 200, 1_000

Item = dict[str, str]
_KEYS = {"kind": 64, "title": LONGEST_TITLE, "body": LONGEST_BODY, "path": LONGEST_PATH}


def read_items(text: str) -> list[Item]:
    """`{kind, title, body, path}` each, at least one. Raises `BadReply` and nothing else, whatever the text is."""
    value = read_block(text)
    refuse(_mistakes(value))
    return [{key: str(item.get(key) or "") for key in _KEYS} for item in value["items"]]


def _mistakes(value: Any) -> Iterator[str]:
    items = value.get("items") if isinstance(value, dict) else None
    if not isinstance(items, list) or not items:
        yield "the block must be an object with items, a list of at least one"
    elif len(items) > MOST_ITEMS:
        yield f"items: {len(items)} are too many, {MOST_ITEMS} are the most"
    else:
        for index, item in enumerate(items):
            yield from _item(f"items[{index}]", item)


def _item(place: str, item: Any) -> Iterator[str]:
    if not isinstance(item, dict):
        yield f"{place}: must be an object with {', '.join(_KEYS)}"
        return
    for key in sorted(item.keys() - _KEYS.keys()):
        yield f"{place}.{quoted(key)[1:-1]}: there is no such key; those there are: {', '.join(_KEYS)}"
    for key, most in _KEYS.items():
        yield from _text(f"{place}.{key}", item.get(key), most, needed=key != "path")
    if isinstance(item.get("kind"), str) and item["kind"] and item["kind"] not in JUDGED:
        yield f"{place}.kind: {quoted(item['kind'])} is none of {', '.join(JUDGED)}"


def _text(place: str, given: Any, most: int, *, needed: bool) -> Iterator[str]:
    if given in (None, ""):
        if needed:
            yield f"{place}: is missing"
    elif not isinstance(given, str):
        yield f"{place}: must be a text"
    elif "\0" in given or any("\ud800" <= each <= "\udfff" for each in given):
        yield f"{place}: holds a NUL or half a character"
    elif len(given) > most:
        yield f"{place}: is longer than {most} characters"
