"""Fences as CommonMark has them; a verdict's tests show what hangs on them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.fence import ANYWHERE, PLAIN, Fence


def own(text: str, fence: Fence) -> str:
    return "".join(line for line in text.split("\n") if not fence.encloses(line))


@pytest.mark.parametrize(
    ("text", "plain", "anywhere"),
    [
        ("a\nb", "ab", "ab"),
        ("a\n```\nb\n```\nc", "ac", "ac"),
        ("a\n````\n```\nb\n````\nc", "ac", "ac"),
        ("a\n~~~ text\n```\n~~~\nc", "ac", "ac"),
        ("```python\n``` x\nb\n```\nc", "c", "c"),
        ("a\n```\nb", "a", "a"),
        ("> ```\nb", "> ```b", ""),
        ("- ```\nb", "- ```b", ""),
        ("a `` b", "a `` b", "a `` b"),
    ],
)
def test_what_stands_inside_is_quoted(text: str, plain: str, anywhere: str) -> None:
    assert own(text, Fence(PLAIN)) == plain
    assert own(text, Fence(ANYWHERE)) == anywhere


LINES = st.text(st.sampled_from("ab `~>-1. \t"), max_size=12).map(str.rstrip)


@given(st.lists(st.text(st.characters(exclude_characters="`~\n"), max_size=20)))
def test_without_marks_nothing_is_quoted(lines: list[str]) -> None:
    for kind in (PLAIN, ANYWHERE):
        fence = Fence(kind)
        assert not any(fence.encloses(line) for line in lines)


@given(st.lists(LINES), st.sampled_from(["```", "~~~~", "````` x"]))
def test_what_was_opened_is_quoted_until_its_own_end(lines: list[str], mark: str) -> None:
    for kind in (PLAIN, ANYWHERE):
        fence = Fence(kind)
        assert fence.encloses(mark)
        body = [line for line in lines if not kind.fullmatch(line)]
        assert all(fence.encloses(line) for line in body)
        assert fence.encloses(mark.partition(" ")[0])
        assert not fence.encloses("after it")
