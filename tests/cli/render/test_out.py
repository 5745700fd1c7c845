from __future__ import annotations

import io
import json

import pytest

from maestro_cli import invocation
from maestro_cli.invocation import Invocation
from maestro_cli.render import out
from maestro_ray.errors import NotARepository, NotFound, Reported


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def as_json(monkeypatch):
    monkeypatch.setattr(invocation, "current", Invocation(json=True))


def test_an_outcome_as_text(capsys):
    out.emit("team", "stop", "ok", "ended: a", teams=["a"])
    assert capsys.readouterr().out == "ended: a\n"


def test_an_outcome_as_json_is_one_object_whose_words_win(capsys, as_json):
    out.say("progress")
    out.emit("team", "stop", "ok", "ended: a", teams=["ä"], kind="other", text="kept")
    assert json.loads(capsys.readouterr().out) == {
        "kind": "team", "action": "stop", "status": "ok", "teams": ["ä"], "text": "kept",
    }  # fmt: skip


def test_an_error_goes_to_stderr_with_its_hint(capsys):
    out.fail(NotARepository("/x"))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "error: /x is not inside a git repository\nhint: run `git init` there, or name a repository with -C\n"
    )


def test_a_reported_error_brings_its_exit_code():
    assert out.exit_code(Reported("plan_file_error", "x", "", 2)) == 2
    assert out.exit_code(NotARepository("/x")) == 1


def test_colours_are_for_terminals_that_want_them(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert out.paint("x", "red", Terminal()) == "\x1b[31mx\x1b[0m"
    assert out.paint("x", "red", io.StringIO()) == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert out.paint("x", "red", Terminal()) == "x"


def test_columns_are_aligned_and_end_without_blanks():
    assert out.columns([["a", "b"], ["ccc", ""]], ["x", "y"]) == "x    y\na    b\nccc"
    assert out.columns([]) == ""


def test_what_others_wrote_cannot_move_the_cursor():
    assert out.printable("a\x1b[2Jb\r\nc\t") == "a [2Jb  c"


def test_a_table_that_is_too_wide_for_a_terminal_has_shorter_names(monkeypatch):
    rows = [["Write the greeting as JSON", "y" * 20], ["計画" * 10, "y"]]
    monkeypatch.setenv("COLUMNS", "40")
    assert out.columns(rows, fit=True).splitlines()[0].startswith("Write the greeting as JSON")
    monkeypatch.setattr("sys.stdout", Terminal())
    assert out.columns(rows, fit=True).splitlines() == [
        "Write the greetin…  " + "y" * 20,
        "計画計画計画計画…   y",
    ]
    monkeypatch.setenv("COLUMNS", "10")
    assert out.columns(rows[:1], fit=True) == "Write the g…  " + "y" * 20


def test_wide_characters_take_two_columns():
    assert (
        out.columns([["計画", "x"], ["plan", "y"], ["e\u0301te", "z"]]) == "計画  x\nplan  y\ne\u0301te   z"
    )


def test_json_for_a_stream_that_cannot_hold_it(monkeypatch):
    monkeypatch.setattr(out.sys, "stdout", io.TextIOWrapper(io.BytesIO(), "latin-1"))
    assert out.json_line({"a": "é😀"}) == '{"a": "\\u00e9\\ud83d\\ude00"}\n'


def test_an_error_is_shown_without_secrets(capsys, as_json):
    """A terminal's text is sent to others when they are asked for help. Without `redact` in `fail` they see it."""
    error = NotARepository("https://me:s3cret@h/x")
    out.fail(error)
    out.fail(error, as_json=False)
    told = capsys.readouterr()
    assert "s3cret" not in told.out + told.err
    assert "https://***@h/x" in told.out
    assert "https://***@h/x" in told.err


def test_no_error_brings_an_escape_of_somebody_else_to_the_terminal(capsys):
    out.fail(NotFound("skill", "x\x1b[2J", "there are:\n  evil\x1b]0;title\x07"))
    assert (
        capsys.readouterr().err
        == "error: there is no skill 'x\\x1b[2J'\nhint: there are:\n  evil ]0;title \n"
    )
