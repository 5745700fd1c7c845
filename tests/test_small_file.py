from __future__ import annotations

import os
from pathlib import Path

import pytest

from maestro_ray.small_file import read_small


def test_a_file_is_read_whole_with_one_kind_of_line_end(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes("ä\r\nb\rc\n".encode())
    assert read_small(tmp_path / "x") == "ä\nb\nc\n"
    assert read_small(tmp_path / "x", most=8) == "ä\nb\nc\n"


@pytest.mark.parametrize("kind", ["pipe", "link", "device", "directory", "large", "bytes"])
def test_a_trap_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    """With `read_text` in its place the pipe is waited for without end, and the device fills the memory."""
    path = tmp_path / "x"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "link":
            (tmp_path / "y").write_text("y")
            path.symlink_to(tmp_path / "y")
        case "device":
            path.symlink_to("/dev/zero")
        case "directory":
            path.mkdir()
        case "large":
            path.write_text("x" * 101)
        case _:
            path.write_bytes(b"\xff")
    with pytest.raises((OSError, ValueError)):
        read_small(path, most=100)
    with pytest.raises((OSError, ValueError)):
        read_small(path, follow=kind != "link", most=100)


def test_a_link_is_followed_when_that_is_asked(tmp_path: Path) -> None:
    (tmp_path / "y").write_text("y")
    (tmp_path / "x").symlink_to("y")
    assert read_small(tmp_path / "x", follow=True) == "y"
