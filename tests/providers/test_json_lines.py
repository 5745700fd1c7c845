"""JSON lines, however they are split and whatever they hold."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.providers.json_lines import JsonLines


def test_objects_come_out_and_other_lines_as_text() -> None:
    lines = JsonLines()
    assert lines.feed(b'{"a": 1}\n\nwords\n[1]\n{"b"') == [{"a": 1}, "words", "[1]"]
    assert lines.feed(b": 2}") == []
    assert lines.close() == [{"b": 2}]
    assert lines.close() == []


def test_of_a_line_that_is_too_long_only_a_remark_is_kept() -> None:
    """Red without the bound: an endless line would fill the memory of the worker."""
    lines = JsonLines(10)
    for _ in range(100):
        assert lines.feed(b"x" * 7) == []
        assert lines._held <= 10
    assert lines.feed(b'\n{"a": 1}\n') == ["[… a line of 700 bytes left out …]", {"a": 1}]


def test_what_is_nested_too_deep_is_text() -> None:
    deep = "[" * 100_000
    assert JsonLines().feed(f'{{"a": {deep}\n'.encode()) == [f'{{"a": {deep}']


@given(st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=5), max_size=3), max_size=5), st.data())
def test_how_the_bytes_are_split_changes_nothing(values: list[dict[str, str]], data: st.DataObject) -> None:
    whole = b"".join(json.dumps(value).encode() + b"\n" for value in values)
    lines, found, rest = JsonLines(), [], whole
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        found += lines.feed(rest[:size])
        rest = rest[size:]
    assert found + lines.close() == values


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_nothing_makes_it_raise(pieces: list[bytes]) -> None:
    lines = JsonLines(40)
    for piece in pieces:
        lines.feed(piece)
    lines.close()
