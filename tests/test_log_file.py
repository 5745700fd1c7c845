"""Logs that stay small, written by one process and by several."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from maestro_ray import log_file as module
from maestro_ray.log_file import KEPT, LogFile, cut

WRITER = """
import logging, sys
from pathlib import Path
from maestro_ray import log_file
log_file.LARGEST, log_file.KEPT = 4000, 1000
log = logging.getLogger("it")
log.addHandler(log_file.LogFile(Path(sys.argv[1]), "%(message)s"))
for number in range(500):
    log.warning("%s %d %s", sys.argv[2], number, "x" * 60)
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    monkeypatch.setattr(module, "LARGEST", 1000)
    log, handler = logging.Logger("it"), LogFile(tmp_path / "it.log", "%(levelname)s %(message)s")
    log.addHandler(handler)
    yield log
    handler.close()


def test_a_file_that_has_grown_is_set_aside_and_the_oldest_goes(tmp_path: Path, log: logging.Logger) -> None:
    for number in range(105):
        log.warning("%04d %s", number, "x" * 87)
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["it.log", *(f"it.log.{n}" for n in range(1, KEPT + 1))]
    assert all(path.stat().st_size <= 1100 for path in files)
    oldest_first = [*reversed(files[1:]), files[0]]
    kept = [int(line.split()[1]) for path in oldest_first for line in path.read_text().splitlines()]
    assert kept == list(range(kept[0], 105))


def test_several_who_write_one_file_lose_no_line(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", WRITER, str(tmp_path / "it.log")]
    writers = [subprocess.Popen([*argv, name]) for name in ("a", "b", "c")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    lines = [line.split()[:2] for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert sorted(lines) == sorted([name, str(number)] for name in "abc" for number in range(500))
    assert len(list(tmp_path.iterdir())) > 10
    assert all(path.stat().st_size < 5000 for path in tmp_path.iterdir())


def test_a_file_is_cut_before_somebody_appends_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 10)
    path = tmp_path / "it.log"
    cut(path)
    path.write_text("short")
    cut(path)
    assert [each.name for each in tmp_path.iterdir()] == ["it.log"]
    path.write_text("much too long")
    cut(path)
    assert [each.name for each in tmp_path.iterdir()] == ["it.log.1"]


def test_no_secret_gets_into_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in words, nor in a traceback. Without `redact` in `Discreet.format` all of them do."""
    monkeypatch.setenv("SOME_API_KEY", "k3y-of-the-shell")
    log, handler = logging.getLogger("discreet"), LogFile(tmp_path / "it.log", "%(message)s")
    log.addHandler(handler)
    try:
        raise ValueError("https://me:s3cret@h/x")
    except ValueError:
        log.exception("with %s", "k3y-of-the-shell")
    finally:
        log.removeHandler(handler)
        handler.close()
    text = (tmp_path / "it.log").read_text()
    assert "with ***" in text
    assert "ValueError: https://***@h/x" in text
