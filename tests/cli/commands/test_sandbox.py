from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from absent import absent

from maestro_cli.main import run
from maestro_ray.agent import bubblewrap, limits, process, sandbox
from maestro_ray.agent.box import Box, is_private
from maestro_ray.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("MAESTRO_HOME", str(home))
    return home


@pytest.fixture
def none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no layer works."""
    monkeypatch.setattr(sandbox, "tried", lambda name: sandbox.Layer(name, works=False, why="not here"))


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    repo = tmp_path / "repo"
    repo.mkdir()
    who = ["-c", "user.name=x", "-c", "user.email=x@example.invalid"]
    subprocess.run(["git", "init", "-q"], cwd=repo, check=True)
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "begin"], cwd=repo, check=True)
    monkeypatch.chdir(repo)
    return repo


def test_what_holds_here_is_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in shown["layers"]] == ["bubblewrap", "landlock"]
    assert shown["layer"] == sandbox.layer("auto")
    assert shown["promises"]["others"] is (shown["layer"] != "")


def test_a_machine_without_any_layer_says_so(
    home: Path, none: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sandbox"]) == 0
    shown = capsys.readouterr().out
    assert "bubblewrap  missing: not here" in shown
    assert "in use      nothing" in shown
    assert "no   maestro's own files cannot be read" in shown


def test_require_without_a_layer_is_exit_1(
    home: Path, none: None, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "config.toml").write_text('[sandbox]\nmode = "require"\n')
    assert run(["sandbox"]) == 1
    assert run(["sandbox", "run", "--", "true"]) == 1
    assert "no sandbox works here: bubblewrap: not here; landlock: not here" in capsys.readouterr().err


def test_a_command_is_run_as_a_worker_of_the_role(home: Path, repo: Path) -> None:
    if not sandbox.layer("auto"):
        absent(sandbox.missing())
    assert run(["sandbox", "run", "--role", "review", "--", "touch", "it"]) != 0
    assert not (repo / "it").exists()
    assert run(["sandbox", "run", "--", "sh", "-c", "touch it; exit 7"]) == 7
    assert (repo / "it").exists()


# The doors of this machine, and a program that tries to open each: it prints the names of those that opened.
INTRUDER = """
import json, os, socket, sys
for name, path in json.loads(sys.argv[1]).items():
    try:
        if name.endswith("socket"):
            with socket.socket(socket.AF_UNIX) as one:
                one.connect(path)
        else:
            open(path).read()
        print(name)
    except OSError:
        pass
"""
# what Landlock cannot close; docs/how-to/sandbox.md says so
OPEN_TO_LANDLOCK = {"line socket", "docker socket"}


@pytest.fixture
def open_country() -> Iterator[Path]:
    """A directory that no box makes private: in `/tmp` everything would be out of sight anyway."""
    for place in (Path.home(), Path("/opt"), Path("/srv")):
        if not is_private(place) and os.access(place, os.W_OK):
            with tempfile.TemporaryDirectory(prefix=".maestro-test-", dir=place) as directory:
                yield Path(directory)
            return
    absent("only /tmp can be written here")


@pytest.fixture
def doors(open_country: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What an agent must not reach, each with something behind it. Name -> path."""
    person, home = open_country / "person", open_country / "h"
    monkeypatch.setenv("HOME", str(person))
    monkeypatch.setenv("MAESTRO_HOME", str(home))
    home.mkdir(mode=0o700)
    run = Home.find().run
    docker = Path(f"/run/maestro-test-{os.getpid()}.sock")
    files = {
        "token of Ray": run / "ray" / "token",
        "token of Studio": run / "studio.token",
        "worktree of another": home / "worktrees" / "bot-1" / "dev-2" / "secret",
        "scratch of another": home / "scratch" / "bot-1" / "run" / "secret",
        "journal": home / "journal" / "bot-1.db",
        "another home": person / ".maestro" / "run" / "tokens.json",
        "key": person / ".ssh" / "id_ed25519",
    }
    for path in files.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
    sockets = {"line socket": run / "daemon.sock", "docker socket": docker}
    with ExitStack() as stack:
        for path in sockets.values():
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            try:
                server.bind(str(path))
            except PermissionError:
                absent(f"{path} cannot be made")
            stack.callback(path.unlink)
            server.listen()
        yield {name: str(path) for name, path in {**files, **sockets}.items()}
    shutil.rmtree(run, ignore_errors=True)


@pytest.mark.parametrize("layer", sandbox.LAYERS)
def test_no_door_of_this_machine_opens_to_an_agent(
    layer: str,
    doors: dict[str, str],
    repo: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Red for every file without `hidden` in `box_for`; for the sockets without the private `/run` of bubblewrap."""
    if not sandbox.tried(layer).works:  # type: ignore[arg-type]
        absent(sandbox.tried(layer).why)  # type: ignore[arg-type]
    monkeypatch.setattr(sandbox, "LAYERS", (layer,))
    program = ["python3", "-I", "-S", "-c", INTRUDER, json.dumps(doors)]
    # outside every one of them opens
    outside = subprocess.run(program, capture_output=True, text=True, check=True)
    assert set(outside.stdout.splitlines()) == set(doors)

    assert run(["sandbox", "run", "--", *program]) == 0

    opened = set(capfd.readouterr().out.splitlines())
    assert opened == (set() if layer == "bubblewrap" else OPEN_TO_LANDLOCK)


def test_bubblewrap_is_the_one_that_was_tried_whatever_the_path_of_a_team(
    home: Path, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with the bare name `bwrap` as the first word of `bubblewrap.arguments`."""
    if not sandbox.tried("bubblewrap").works:
        absent(sandbox.tried("bubblewrap").why)
    other = tmp_path / "bin" / "bwrap"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\nexit 0\n")
    other.chmod(0o755)
    box = Box(repo, writable=(repo,))
    confined = sandbox.boxed(["sh", "-c", "touch it"], box, "bubblewrap")
    ended, _ = asyncio.run(
        process.run(confined, repo, {"PATH": f"{other.parent}:/usr/bin:/bin"}, f"test{os.getpid()}:x:y")
    )
    assert ended.code == 0
    assert (repo / "it").exists()
    # a worker without any PATH finds it where packages put it, and an entry below the worktree is none
    monkeypatch.setenv("PATH", f":bin:{tmp_path.name}/bin")
    monkeypatch.chdir(tmp_path)
    assert bubblewrap.program() == shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin")


def test_limits_are_tried_and_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "config.toml").write_text('[agents.limits]\nopen_files = 500\nfile_size = "10M"\nmemory = "1G"\n')
    assert run(["sandbox", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert set(shown["limits"]) == {"open_files", "file_size", "memory", "core"}
    assert shown["limits"]["open_files"] == {"kept": True, "why": ""}
    assert shown["limits"]["file_size"]["kept"]
    assert shown["limits"]["core"]["kept"]
    # kept or explained, and never both
    assert shown["limits"]["memory"]["kept"] is (shown["limits"]["memory"]["why"] == "")
    assert shown["reaping"][-2:] == ["descent", "mark"]
    assert run(["sandbox"]) == 0
    assert "yes  limited: the open files of each of its processes" in capsys.readouterr().out


def test_a_limit_that_nothing_keeps_is_a_no(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with findings that are read off the configuration instead of tried: here the shim gets no limit at all."""
    monkeypatch.setattr(limits, "of_each_process", lambda *_: [])
    (home / "config.toml").write_text("[agents.limits]\nopen_files = 500\n")
    assert run(["sandbox", "--json"]) == 0
    assert not json.loads(capsys.readouterr().out)["limits"]["open_files"]["kept"]


def test_a_command_has_the_limits_of_a_worker(
    home: Path, repo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (home / "config.toml").write_text("[agents.limits]\nopen_files = 99\n")
    assert run(["sandbox", "run", "--", "sh", "-c", "ulimit -n; ulimit -c"]) == 0
    assert capfd.readouterr().out.split() == ["99", "0"]


def test_no_command_and_no_program_are_mistakes(
    home: Path, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "config.toml").write_text('[sandbox]\nmode = "off"\n')
    assert run(["sandbox", "run"]) == 2
    assert run(["sandbox", "run", "--", "nothing-like-it"]) == 2
    assert "nothing-like-it cannot be run: No such file or directory" in capsys.readouterr().err
