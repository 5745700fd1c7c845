"""What a person at a terminal sees of a team; what is printed on a pipe is in tests/cli/commands/test_team.py."""

from __future__ import annotations

import io

from maestro_cli.render.board import Board
from maestro_cli.render.watch import _live, hanging


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_what_was_printed_before_a_question_stays_when_the_screen_goes_on(monkeypatch):
    """Red when the same `Live` is started again: its first act is to wipe out as many lines as it had before."""
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with _live(Board({"dev-1": "idle", "review-1": "idle"})) as (show, aside):
        show(["proposed      A plan, 1 task", "              one (dev): Write one"])
        with aside():
            screen.write("Carry out this plan? [y/N] y\n")
            before = len(screen.getvalue())
        again = screen.getvalue()[before:]
        assert "dev-1" in again
        assert "\x1b[1A" not in again


def test_a_long_line_goes_on_below_its_own_words():
    line = "dev-1         develop Write the greeting as JSON: 1 file changed, commit 51226bc88d"
    assert hanging(line, 80) == [
        "dev-1         develop Write the greeting as JSON: 1 file changed, commit",
        "              51226bc88d",
    ]
    assert hanging(" " * 18 + "about the task", 40) == [" " * 18 + "about the task"]
    assert hanging("x" * 14 + " y", 12) == ["x" * 12, "xx y"]
    assert hanging("dev-1         " + "y" * 30, 20) == ["dev-1         " + "y" * 30]
