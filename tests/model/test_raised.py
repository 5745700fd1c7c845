from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.raised import (
    LONGEST,
    LONGEST_OPTION,
    MOST_OPTIONS,
    PER_RUN,
    read_blocker,
    read_question,
    refusal,
)


def test_what_is_raised_is_read_as_one_line() -> None:
    assert read_blocker({"text": "no\n  table\x1b[2J"}) == {"text": "no table [2J"}
    asked = {"question": " Which\nname? ", "options": ["a", " b  c "]}
    assert read_question(asked) == {"question": "Which name?", "options": ["a", "b c"]}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "it needs a question"),
        ({"question": " \n"}, "it needs a question"),
        ({"question": "x" * (LONGEST + 1), "options": ["a", "b"]}, "longer than"),
        ({"question": "x"}, "options must be a list"),
        ({"question": "x", "options": ["a"]}, "options must be a list"),
        ({"question": "x", "options": list("abcdefghij")[: MOST_OPTIONS + 1]}, "options must be a list"),
        ({"question": "x", "options": ["a", 7]}, "an option must be a text"),
        ({"question": "x", "options": ["a", "--force"]}, "an option must be a text"),
        ({"question": "x", "options": ["a", "b" * (LONGEST_OPTION + 1)]}, "an option is longer"),
        ({"question": "x", "options": ["a b", "a\tb"]}, "the same"),
    ],
)
def test_what_is_no_question_is_refused_in_a_sentence(values: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_question(values)


_json = st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=5)


@given(st.dictionaries(st.sampled_from(["text", "question", "options"]), _json))
def test_whatever_comes_is_read_within_its_bounds_or_refused(values: dict[str, Any]) -> None:
    for read in (read_blocker, read_question):
        try:
            found = read(values)
        except ValueError:
            continue
        texts = [found.get("text", ""), found.get("question", ""), *found.get("options", [])]
        assert all(len(text) <= LONGEST and "\n" not in text and "\0" not in text for text in texts)


def test_a_run_raises_a_few() -> None:
    assert refusal(PER_RUN - 1, "blockers") == ""
    assert refusal(PER_RUN, "blockers") == f"a run raises at most {PER_RUN} blockers"
