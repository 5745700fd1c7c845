from __future__ import annotations

import os
import select
import subprocess
import sys

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


def test_what_was_typed_before_the_question_is_no_answer():
    """Red without the flush: a plan that nobody has seen is carried out."""
    code = """
import sys
from maestro_cli import proposal
print("started", flush=True)
sys.stdin.buffer.raw.read(1)
print(proposal._input("? "))
"""
    ours, theirs = os.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs) as asked:
        os.close(theirs)

        def until(words: str, seen: str = "") -> str:
            while words not in seen:
                assert select.select([ours], [], [], 30)[0], seen
                seen += os.read(ours, 1000).decode()
            return seen

        until("started")
        os.write(ours, b"xy\n")
        until("? ")
        os.write(ours, b"no\n")
        assert "no" in until("no\r\nno").rpartition("? ")[2]
        assert asked.wait() == 0
    os.close(ours)
