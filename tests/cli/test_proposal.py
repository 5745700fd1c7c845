from __future__ import annotations

import os
import sys

import pytest

from maestro_cli import proposal
from maestro_cli.proposal import _answered, ask, put, read_line

CARD = {"id": "c", "options": ["approve", "reject"]}


def answered(*typed, card=CARD):
    told, lines = [], iter(typed)
    put({"decisions": [card]}, lambda _question: next(lines), lambda *answer: told.append(answer))
    return told


@pytest.mark.parametrize("word", ["y", " Yes ", "YES"])
def test_only_a_yes_is_one(word):
    assert answered(word) == [("c", "approve", "")]


@pytest.mark.parametrize("word", ["", "n", "ja", "yep"])
def test_anything_else_is_a_no_with_a_reason_or_without(word):
    assert answered(word, "  smaller ") == [("c", "reject", "smaller")]
    assert answered(word, "") == [("c", "reject", "")]


def test_another_card_is_not_asked_about():
    assert answered(card={"id": "c", "options": ["retry", "abort"]}) == []


def test_who_is_asked_no_more_has_answered_nothing():
    assert answered(None) == []
    assert answered("n", None) == []


@pytest.fixture
def keyboard(monkeypatch):
    """What is written to it is typed at a terminal."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "wb", buffering=0) as keyboard, os.fdopen(theirs) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield keyboard


def test_the_question_goes_when_somebody_else_has_answered(keyboard, capsys):
    """Red with `input`: the terminal waited for a word about what was decided long ago, and showed nothing more."""
    keyboard.write(b"half a wo")
    looks = iter([False, False, True])
    assert read_line("Carry on? ", lambda: next(looks), pause=0.01) is None
    assert capsys.readouterr().out == "Carry on? \nanswered elsewhere\n"
    # and nothing of it is left for whoever reads next
    keyboard.write(b"y\n")
    assert read_line("Again? ", lambda: False) == "y\n"


def test_the_end_of_the_keyboard_is_no_answer(keyboard):
    keyboard.write(b"\x04")
    with pytest.raises(KeyboardInterrupt):
        read_line("Carry on? ", lambda: False)


def test_a_card_is_answered_when_everybody_who_knows_lists_it_no_more(daemon):
    told = {"cards": [{"id": "c"}], "away": []}
    daemon.answers["decide.list"] = lambda *_: told
    assert (_answered("c"), _answered("other")) == (False, True)
    told["away"].append({"studio": "https://s.example", "reason": "away"})
    assert not _answered("other")


def test_a_daemon_that_is_away_has_answered_nothing(home):
    assert not _answered("c")


def test_what_was_typed_before_the_plan_was_shown_is_no_answer(keyboard, monkeypatch):
    """Red without the flush: a plan that nobody has seen is carried out."""
    told = []

    def typed(_question, over):
        keyboard.write(b"n\n")
        return sys.stdin.readline()

    monkeypatch.setattr(proposal, "read_line", typed)
    monkeypatch.setattr(proposal, "_decide", lambda *answer: told.append(answer))
    keyboard.write(b"y\n")
    ask({"decisions": [CARD]})
    assert told == [("c", "reject", "n")]
