from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.toml_places import Path, find_places

TEXT = '''\
title = "P" # [not.a.table]
note = """
[also.not]
key = 1
"""
[a.'b c']
"d.e" = [1, "]", {f = 2}] # x = 1

[[phases]]
x.y = 1
[[phases.tasks]]
id = 'a # b'
  list = [
    "one", # ]
    [ 2,
      3 ],
  ]
[[phases.tasks]]
[phases.tasks.more]
z = 1979-05-27 07:32:00
[[phases]]
[[phases.tasks]]
id = "c"
'''


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("title",), (1, 1)),
        (("note",), (2, 1)),
        (("a", "b c"), (6, 1)),
        (("a", "b c", "d.e"), (7, 1)),
        (("a", "b c", "d.e", 1), (7, 13)),
        (("a", "b c", "d.e", 2, "f"), (7, 19)),
        (("phases", 0), (9, 1)),
        (("phases", 0, "x", "y"), (10, 1)),
        (("phases", 0, "tasks", 0), (11, 1)),
        (("phases", 0, "tasks", 0, "id"), (12, 1)),
        (("phases", 0, "tasks", 0, "list"), (13, 3)),
        (("phases", 0, "tasks", 0, "list", 0), (14, 5)),
        (("phases", 0, "tasks", 0, "list", 1, 1), (16, 7)),
        (("phases", 0, "tasks", 1), (18, 1)),
        (("phases", 0, "tasks", 1, "more", "z"), (20, 1)),
        (("phases", 1), (21, 1)),
        (("phases", 1, "tasks", 0, "id"), (23, 1)),
    ],
)
def test_every_key_and_element_has_its_place(path: Path, place: tuple[int, int]) -> None:
    assert find_places(TEXT)[path] == place


def test_what_only_looks_like_a_key_has_no_place() -> None:
    places = find_places(TEXT)
    assert ("not",) not in places
    assert ("also",) not in places
    assert {path[0] for path in places} == {"title", "note", "a", "phases"}


def test_a_text_without_end_is_read_to_its_end() -> None:
    """Not TOML, so never passed in; but if it were, this must end."""
    for text in ("a = [", "a = {", "a = {b", "a = [=", 'a = ["'):
        find_places(text)


_scalars = st.sampled_from(
    ["1", '"x"', "'[y]'", '"""\nk = 1\n]"""', "true", "1.5", "1979-05-27 07:32:00", "'''#'''"]
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[ " + " ,\n".join(items) + " ]"),
        st.lists(inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"k{n} = {item}" for n, item in enumerate(items)) + "}"
        ),
    ),
    max_leaves=6,
)
_names = st.sampled_from(["a", "b", '"c d"', "'e.f'", "g.h"])
_lines = st.one_of(
    st.tuples(_names, _values).map(" = ".join),
    _names.map(lambda name: f"[{name}]"),
    _names.map(lambda name: f"  [[{name}]] # [x]"),
    st.just("# z = 1"),
)


def _paths(value: object, at: Path = ()) -> set[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {at}.union(*(_paths(item, (*at, key)) for key, item in items))


@given(st.lists(_lines, max_size=8).map("\n".join))
def test_exactly_the_paths_that_tomllib_reads_are_found(text: str) -> None:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(find_places(text)) == _paths(values) - {()}
