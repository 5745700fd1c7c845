"""What is not seen is not read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.plain_text import exposed, one_line, visible


def test_what_is_not_seen_becomes_a_space() -> None:
    assert visible("a\x00b\x1b[1m\u202ec\td\n") == "a b [1m c\td\n"
    assert one_line(" a\r\n b\u2028c\ud800 ") == "a b c"


@given(st.text())
def test_one_line_is_one(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
    assert one_line(one_line(text)) == one_line(text)


@given(st.text())
def test_what_is_not_seen_is_named(text: str) -> None:
    shown = exposed(text)
    assert all(c in "\n\t" or c.isprintable() for c in shown)
    assert exposed(shown) == shown
    assert shown.count("\n") == text.count("\n")


def test_what_is_seen_stays() -> None:
    assert exposed("git push é 漢 ✓\n\tx") == "git push é 漢 ✓\n\tx"
    assert exposed("a\u202eb\u3164\ufe0f\u2800\u00adc") == "a⟦U+202E⟧b⟦U+3164⟧⟦U+FE0F⟧⟦U+2800⟧⟦U+00AD⟧c"
