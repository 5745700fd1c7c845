from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.agent.json_reply import MOST_TOLD, BadReply, quoted, read_block, refuse


def test_the_last_block_counts() -> None:
    assert read_block('```json\n{"a": 1}\n```\nand better:\n~~~~\n{"b": 2}\n~~~~\n') == {"b": 2}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "there is no fenced JSON block"),
        ('```json\n{"a": 1}\n', "there is no fenced JSON block"),
        ("```python\n{}\n```", "there is no fenced JSON block"),
        ("```json\n{\n```", "the block is"),
        (f"```json\n[{'1,' * 200_000}1]\n```", "the block is longer than 200000 characters"),
    ],
)
def test_what_is_no_block_is_told(text: str, mistake: str) -> None:
    with pytest.raises(BadReply) as caught:
        read_block(text)
    assert caught.value.mistakes[0].startswith(mistake)


def test_a_mark_with_very_many_blanks_takes_no_time() -> None:
    """Red when the blanks can be shared out in many ways: for hours."""
    with pytest.raises(BadReply):
        read_block("```" + " " * 1_000_000 + "!")


def test_of_many_mistakes_the_first_are_told() -> None:
    with pytest.raises(BadReply) as caught:
        refuse(str(number) for number in range(10**9))
    assert caught.value.mistakes == [*map(str, range(MOST_TOLD)), "and more"]
    refuse([])


def test_what_an_agent_wrote_is_short_and_on_one_line() -> None:
    assert quoted("a\nb") == "'a\\nb'"
    assert len(quoted("x" * 1000)) < 70
    assert quoted({"ü": 1}) == "{'\\xfc': 1}"


@given(st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        read_block(f"```json\n{text}\n```")
    except BadReply as bad:
        assert bad.mistakes
