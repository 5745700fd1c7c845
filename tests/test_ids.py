from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.ids import new_id, short, slug, suffix


def test_ids_are_version_seven_and_sort_by_age():
    ids = [new_id() for _ in range(200)]

    assert {uuid.UUID(each).version for each in ids} == {7}
    assert {uuid.UUID(each).variant for each in ids} == {uuid.RFC_4122}
    assert ids == sorted(ids)
    assert len({short(each) for each in ids}) == 200


def test_a_suffix_has_the_length_asked_for():
    assert [len(suffix(length)) for length in (1, 6, 7)] == [1, 6, 7]
    assert suffix() != suffix()


def test_slugs():
    assert slug("Ünï code: the Thing!") == "uni-code-the-thing"
    assert slug("日本語") == "untitled"
    assert slug("a" * 50) == "a" * 40


@given(st.text())
def test_a_slug_is_always_safe_in_a_ref_and_a_file_name(text):
    made = slug(text)

    assert made
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not made.startswith("-")
    assert not made.endswith("-")
