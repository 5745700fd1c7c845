from __future__ import annotations

import json
import os

import pytest

from maestro_cli import main
from maestro_cli.commands import version
from maestro_ray import __version__


def run(capsys, *words):
    code = main.run(list(words))
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_version_in_both_forms(capsys):
    assert run(capsys, "--version") == (0, f"maestro {__version__}\n", "")
    code, out, _ = run(capsys, "--version", "--json")
    assert (code, json.loads(out)["maestro"]) == (0, __version__)


def test_an_unknown_command_is_bad_usage_with_a_suggestion(capsys):
    code, out, err = run(capsys, "statuss")

    assert (code, out) == (2, "")
    assert err == "error: No such command 'statuss'. Did you mean 'status'?\nhint: see `maestro --help`\n"


def test_an_error_as_json_is_one_object(capsys):
    code, out, err = run(capsys, "statuss", "--json")

    assert (code, err) == (2, "")
    assert json.loads(out) == {
        "type": "error",
        "error_kind": "usage_error",
        "message": "No such command 'statuss'. Did you mean 'status'?",
        "hint": "see `maestro --help`",
        "exit_code": 2,
    }


def test_a_mistake_of_our_own_shows_no_traceback_unless_asked(capsys, monkeypatch):
    def broken():
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(version.out, "columns", lambda _rows: broken())
    code, _, err = run(capsys, "version")
    assert code == 1
    assert err.splitlines() == [
        "error: this is a mistake of maestro's own: ZeroDivisionError: by zero",
        "hint: --debug shows where it happened",
    ]
    with pytest.raises(ZeroDivisionError):
        main.run(["--debug", "version"])


def test_ctrl_c_is_130(monkeypatch, capsys):
    def interrupted(_rows):
        raise KeyboardInterrupt

    monkeypatch.setattr(version.out, "columns", interrupted)
    assert run(capsys, "version")[0] == 130


@pytest.mark.parametrize(
    "command", [name.name or name.callback.__name__ for name in main.app.registered_commands]
)
def test_every_command_has_help_with_an_example(capsys, command):
    code, out, _ = run(capsys, command, "--help")

    assert code == 0
    assert "Example: maestro" in out


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "-C", "/nonexist", "status"],
        ["--json", "status", "-C"],
        ["--json", "--output-format", "xml", "status"],
        ["--output-format=xml", "--json", "status"],
        ["status", "--json=1"],
        ["--json"],
        ["--json", "daemon"],
        ["--json", "steer", os.fsdecode(b"bad\xff")],
    ],
)
def test_whatever_is_wrong_is_told_in_the_form_that_was_asked_for(capsys, words):
    code, out, err = run(capsys, *words)

    assert (code, err) == (2, "")
    assert json.loads(out)["error_kind"] == "usage_error"


def test_the_form_may_come_from_the_environment(capsys, monkeypatch):
    monkeypatch.setenv("MAESTRO_OUTPUT_FORMAT", "json")
    assert json.loads(run(capsys, "-C", "/nonexist", "status")[1])["exit_code"] == 2
    assert run(capsys, "--output-format=text", "-C", "/nonexist", "status")[1] == ""


def test_a_program_without_a_command_is_told_so_in_a_line(capsys):
    assert run(capsys) == (2, "", "error: maestro needs a command\nhint: see `maestro --help`\n")
    assert run(capsys, "daemon")[2].startswith("error: maestro daemon needs a command\n")


def test_a_deleted_directory(capsys, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    code, _, err = run(capsys, "version")
    assert code == 2
    assert err.startswith("error: the current directory has been deleted\nhint: ")
    assert run(capsys, "-C", str(tmp_path), "version")[0] == 0
