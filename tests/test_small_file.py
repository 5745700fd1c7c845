from __future__ import annotations

import os
from pathlib import Path

import pytest

from maestro_ray.small_file import put_small, read_small


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


@pytest.mark.parametrize("planted", ["nothing", "file", "link", "link to nowhere", "pipe"])
def test_what_is_put_there_goes_nowhere_else(tmp_path: Path, planted: str) -> None:
    """With `write_bytes` in its place a link is followed: whoever planted it changes a file that is another's."""
    (tmp_path / "theirs").write_text("theirs")
    place = tmp_path / "place"
    match planted:
        case "file":
            place.write_text("before")
        case "link":
            place.symlink_to(tmp_path / "theirs")
        case "link to nowhere":
            place.symlink_to(tmp_path / "nowhere")
        case "pipe":
            os.mkfifo(place)
    put_small(place, b"ours")
    assert place.read_bytes() == b"ours"
    assert not place.is_symlink()
    assert place.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["place", "theirs"]


def test_what_cannot_be_put_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    with pytest.raises(IsADirectoryError):
        put_small(tmp_path / "place", b"ours")
    assert [each.name for each in tmp_path.iterdir()] == ["place"]
