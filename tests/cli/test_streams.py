"""The whole program with streams that are closed, full, gone or poor; each case is a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from maestro_cli.streams import Output, ReaderGone, safe
from maestro_ray.errors import OutputFailed

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shell(tmp_path):
    def run(script, **env):
        return subprocess.run(
            ["bash", "-c", script.replace("maestro", f"{sys.executable} -m maestro_cli.main")],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}",
                "MAESTRO_HOME": str(tmp_path / "h"),
                "LANG": "C.UTF-8",
                **env,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.mark.parametrize("words", ["status", "--help", "team --help"])
def test_a_reader_who_leaves_early_is_no_failure(shell, words):
    # the other end is closed before anything is written
    done = shell(f"(sleep 0.1; maestro {words}; echo code $? >&2) | exec 0<&- true")
    assert done.stderr == "code 0\n"


@pytest.mark.parametrize("words", ["status", "--json status", "--help"])
def test_a_full_disk_is_one_sentence(shell, words):
    done = shell(f"maestro {words} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: the output cannot be written: No space left on device",
        "hint: what was done is done; only its words are lost",
    ]


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_are_none_of_the_commands_business(shell, closed):
    done = shell(f"maestro version {closed}")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_poor_encoding_shows_escapes(shell):
    assert "\\u8a08" in shell("maestro '計画'", PYTHONIOENCODING="ascii").stderr
    told = shell("maestro --json '計画 é 😀'", PYTHONIOENCODING="latin-1")
    assert "計画 é 😀" in json.loads(told.stdout)["message"]


def test_the_failures_of_a_stream_have_names():
    reading, writing = os.pipe()
    os.close(reading)
    with Output(os.fdopen(writing, "wb"), "utf-8") as gone, pytest.raises(ReaderGone):
        print("x", file=gone, flush=True)
    with Output(open("/dev/full", "wb"), "utf-8") as full, pytest.raises(OutputFailed):
        print("x", file=full, flush=True)


def test_a_closed_stream_leads_nowhere():
    with safe(None) as nowhere:
        print("計", file=nowhere, flush=True)
