from __future__ import annotations

import pytest
from transcript.example import AT, HOSTILE, run, transcript, usage

from maestro_cli.render import transcript_words as words
from maestro_ray.transcript.document import Diff, Evidence, Long


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_what_is_shown_does_anything(text):
    shown = words.shown(text)
    assert all(c.isprintable() or c in "\n\t\u3000\xa0" for c in shown)
    shown.encode()
    assert "\n" not in words.one_line(text)


def test_what_is_not_seen_is_named_in_its_place():
    assert words.shown("a\u202eb\x00\ud800") == "a⟦U+202E⟧b⟦U+0000⟧⟦U+D800⟧"
    assert words.shown("\x1b[1;31mred\x1b[0m\r\nnext") == "red\nnext"
    assert words.shown("مرحبا 👩‍💻 ❤️ naïve") == "مرحبا 👩‍💻 ❤️ naïve"


def test_times_and_sums_are_said_shortly():
    assert (words.at(AT), words.at(None), words.day_time(AT)) == ("2026-11-23 06:23:42", "-", "06:23:42")
    assert words.used(usage(unpriced_tokens=5)) == "$0.50 · 1.2k tokens in, 30 out (5 unpriced)"
    assert words.used(usage(input_tokens=0, output_tokens=0, cost_usd=0.0)) == ""
    assert words.left_out(Long(text="x", left_out=1200)) == "1,200 characters more, left out"
    assert words.left_out(Long(text="x", left_out=1), end=True) == "1 character before this, left out"
    assert words.left_out(Long(text="x")) == ""
    assert (
        words.tested(Evidence(command="make", counts={"failed": 1})) == "make was run by an agent: 1 failed"
    )
    assert words.tested(Evidence(command="make", exit_code=0)) == "make exited with 0"
    diff = Diff(what="merged", base="a", commit="b", files=2, insertions=1, deletions=0)
    assert words.size(diff) == "2 files, 1 line added, 0 removed"


def test_a_run_is_one_line():
    parts = words.heading(run("dev-1", attempt=2))
    assert parts == [
        "execute, attempt 2", "dev-1", "succeeded", "06:23:42 to -", "c" * 10, "$0.50 · 1.2k tokens in, 30 out",
    ]  # fmt: skip


def test_caps_are_told_with_what_they_were_raised_to():
    assert words.caps(transcript()) == [
        ("team, usd", "$1.00", "$2.00"),
        ("run, tokens", "5k tokens", ""),
    ]
