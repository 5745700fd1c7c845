from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from maestro_ray.home import Home

from .markdown import DOCS, ROOT, blocks
from .shell import Shell, Step, steps

# Ray alone takes 15 s to start on a busy machine
SECONDS = 180.0


@pytest.fixture
def reader_env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A machine on which nobody has used maestro or git before; nothing of it may be left running."""
    programs = tmp_path / "bin"
    programs.mkdir()
    paths = shlex.quote(f"{ROOT}{os.pathsep}{ROOT / 'cli'}")
    wrapper = programs / "maestro"
    wrapper.write_text(
        f'#!/bin/sh\nPYTHONPATH={paths} exec {shlex.quote(sys.executable)} -m maestro_cli.main "$@"\n'
    )
    wrapper.chmod(0o755)
    home = tmp_path / "state"
    env = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "MAESTRO_HOME": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    try:
        yield env
    finally:
        stop = [str(wrapper), "daemon", "stop"]
        stopped = subprocess.run(stop, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
        left = processes_of(home)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(Home.find(env).run, ignore_errors=True)
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        assert not left, f"left running: {left}"


def processes_of(home: Path) -> dict[int, str]:
    """Command lines of the processes that name this state directory, in them or in their environment."""
    name, found = os.fsencode(home), {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            told = Path(f"/proc/{pid}/cmdline").read_bytes()
            if name in told or name in Path(f"/proc/{pid}/environ").read_bytes():
                found[int(pid)] = told.replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended, or it is somebody else's
    return found


@pytest.mark.e2e
@pytest.mark.ray
@pytest.mark.timeout(600)
def test_the_tutorial_does_what_it_says(reader_env: dict[str, str], tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    reader = Shell(work, tmp_path / "reader", reader_env, SECONDS)
    typed = [step for block in blocks(DOCS / "tutorial.md") for step in steps(block)]

    for step in typed:
        reader.run(step)

    assert len(typed) > 10
    assert not (tmp_path / "state" / "worktrees").exists() or not list(
        (tmp_path / "state" / "worktrees").iterdir()
    )


def test_a_process_with_the_home_in_its_environment_is_found(tmp_path: Path) -> None:
    env = {**os.environ, "MAESTRO_HOME": str(tmp_path)}
    with subprocess.Popen(
        ["cat"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin
        assert process.stdout
        # its echo says that it is there: for a moment after its start a program has no environment to see
        process.stdin.write(b"here\n")
        assert process.stdout.readline() == b"here\n"
        assert processes_of(tmp_path) == {process.pid: "cat "}
        process.stdin.close()
    assert processes_of(tmp_path) == {}


def test_a_reader_stays_where_a_command_went_and_learns_the_ids(tmp_path: Path) -> None:
    reader = Shell(tmp_path, tmp_path / "reader", dict(os.environ), 20)
    (tmp_path / "there").mkdir()

    reader.run(Step("1", "cd there", ()))
    reader.run(Step("2", "echo card abc1234f in 2.5s; false", ("card 0123456f in 71.0s",), 1))
    reader.run(Step("3", "test 0123456f = abc1234f && basename $PWD", ("there",)))


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (("one", "three"), "one\ntwo\nthree"),
        (("one", "…"), "zero\none"),
        (("a 0123456f 0123456f",), "a 1111111a 2222222b"),
        ((), "something"),
        (("in 1.0s",), "in 10s"),
    ],
)
def test_output_that_is_not_as_shown_is_noticed(tmp_path: Path, shown: tuple[str, ...], printed: str) -> None:
    reader = Shell(tmp_path, tmp_path / "reader", dict(os.environ), 20)

    with pytest.raises(AssertionError, match="printed"):
        reader.run(Step("here", f"printf '%s\\n' '{printed}'", shown))
