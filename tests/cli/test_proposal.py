from __future__ import annotations

import pytest

from maestro_cli.proposal import put

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
