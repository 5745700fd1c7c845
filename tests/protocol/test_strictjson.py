from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import BadFrame
from maestro_ray.protocol.strictjson import DEEPEST, dump, is_whole, parse, size

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_what_is_dumped_is_parsed_back_and_is_always_utf8(value: object) -> None:
    text = dump(value)

    assert parse(text) == value
    assert parse(text.encode()) == value
    assert size(text) == len(text.encode())


def test_dump_is_compact_and_keeps_letters() -> None:
    assert dump({"a": [1, "é"]}) == '{"a":[1,"é"]}'


def test_a_file_name_that_is_not_utf8_survives_the_wire() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")

    text = dump({"name": name})

    assert text.isascii()
    assert parse(text.encode()) == {"name": name}


def test_size_counts_bytes() -> None:
    assert size("abc") == 3
    assert size("é") == 2
    assert size(b"\xc3\xa9") == 2
    assert size("\udc80") == 3


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('{"a":', "not JSON"),
        ("", "not JSON"),
        ("{} {}", "not JSON"),
        (b'{"a":"\xff"}', "not UTF-8 at byte 6"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8 at byte 0"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        ('{"a":1,"a":1}', "a key is repeated"),
        ('[{"x":{"a":1,"a":2}}]', "a key is repeated"),
        ("NaN", "not a finite number"),
        ("[Infinity]", "not a finite number"),
        ("[-Infinity]", "not a finite number"),
        ("1e999", "not a finite number"),
        ("9" * 5000, "not JSON"),
        ("[" * 100_000, "nested deeper"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "nested deeper"),
        ('{"a":' * (DEEPEST + 1) + "1" + "}" * (DEEPEST + 1), "nested deeper"),
    ],
)
def test_refusals_say_why(source: str | bytes, reason: str) -> None:
    with pytest.raises(BadFrame, match=reason):
        parse(source)


def test_depth_counts_levels_not_brackets() -> None:
    deepest = "[" * DEEPEST + "1" + "]" * DEEPEST
    wide = "[" + ",".join("[]" for _ in range(1000)) + "]"

    assert json.dumps(parse(deepest)).count("[") == DEEPEST
    assert len(parse(wide)) == 1000
    assert parse('"' + "[" * 1000 + '"') == "[" * 1000


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_garbage_raises_nothing_but_bad_frame(source: str | bytes) -> None:
    with contextlib.suppress(BadFrame):
        parse(source)


def test_dump_refuses_what_json_cannot_hold() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        dump(float("nan"))
    with pytest.raises(TypeError):
        dump(object())


def test_a_bool_is_no_number() -> None:
    assert is_whole(3)
    assert not is_whole(True)
    assert not is_whole(3.0)
