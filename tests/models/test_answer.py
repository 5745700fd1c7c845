from __future__ import annotations

from itertools import islice

from .answer import PIECE, Answer, Call, long_text, text


def test_a_text_comes_in_two_pieces():
    assert text("words").pieces == ("wo", "rds")
    assert text("").pieces == ()
    assert str(text("words")) == "words"


def test_a_long_text_has_its_size_and_no_line_twice():
    long = str(long_text(5 * PIECE + 7))

    assert len(long) == 5 * PIECE + 7
    assert len(set(long.splitlines())) == 6


def test_an_endless_text_does_not_end():
    pieces = list(islice(long_text(None).pieces, 300))

    assert {len(piece) for piece in pieces} == {PIECE}


def test_an_answer_ends_unless_it_calls_a_tool():
    assert Answer((text("Done."),)).ends
    assert not Answer((text("Now:"), Call("Bash", {}))).ends
