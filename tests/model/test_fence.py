"""Fences as CommonMark has them; a verdict's tests show what hangs on them."""

from __future__ import annotations

import pytest

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
