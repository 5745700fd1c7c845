from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from maestro_cli import main

ROOT = Path(__file__).parents[2]
LATER = ("skills", "agents", "mcp", "hooks", "plugins")


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["version"]])
def test_commands_are_loaded_only_when_one_of_them_is_asked_for(words):
    """The whole tree of commands costs a quarter of the start of `maestro --version`."""
    code = (
        f"import sys; from maestro_cli import main; main.run({words!r}); "
        "print(*[each for each in sys.modules if 'ray.extensions' in each or 'commands.plugins' in each])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/cli"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().splitlines()[-1] == ""


@pytest.mark.parametrize("name", LATER)
def test_they_are_there_when_they_are(capsys, name):
    group = typer.main.get_command(main.app).commands[name]
    assert {"list", "show", "add", "remove", "validate"} <= set(group.commands)
    assert main.run([name, "--help"]) == 0
    assert "\n  validate " in capsys.readouterr().out
    assert main.run([name]) == 2
    assert main.run([name, "lst"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: maestro {name} needs a command\n")
    assert "No such command 'lst'. Did you mean 'list'?" in told
