from __future__ import annotations

import os
from pathlib import Path

import pytest

from maestro_cli.written import draft
from maestro_ray.errors import Conflict, NotWritable, UsageError


def write_pieces(target, pieces, force=False):
    with draft(target, force=force) as file:
        file.write(pieces)
        return file.appear()


def write(target, *pieces, force=False):
    return write_pieces(target, pieces, force)


def test_a_file_appears_when_it_is_whole(tmp_path):
    target = tmp_path / "a.md"
    with draft(target) as file:
        file.write(["one\n", "zwei ü\n"])
        assert not target.exists()
        assert file.appear() == len("one\nzwei ü\n".encode())
    assert target.read_text(encoding="utf-8") == "one\nzwei ü\n"
    assert os.listdir(tmp_path) == ["a.md"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_is_cut_leaves_nothing_and_changes_nothing(tmp_path, error):
    """Red where the target itself is opened."""
    target = tmp_path / "a.md"
    target.write_text("before")

    def pieces():
        yield "half"
        raise error

    with pytest.raises(error):
        write_pieces(target, pieces(), force=True)
    assert (target.read_text(), os.listdir(tmp_path)) == ("before", ["a.md"])


def test_another_file_is_only_replaced_when_that_was_said(tmp_path):
    target = tmp_path / "a.md"
    target.write_text("theirs")
    with pytest.raises(Conflict, match="exists already"):
        write(target, "ours")
    assert target.read_text() == "theirs"
    write(target, "ours", force=True)
    assert target.read_text() == "ours"


def test_one_that_is_made_meanwhile_stays(tmp_path):
    """Red where it appears by `replace` alone."""
    target = tmp_path / "a.md"
    with draft(target) as file:
        file.write(["ours"])
        target.write_text("theirs")
        with pytest.raises(Conflict):
            file.appear()
    assert (target.read_text(), os.listdir(tmp_path)) == ("theirs", ["a.md"])


def test_a_link_is_replaced_and_not_what_it_leads_to(tmp_path):
    other, target = tmp_path / "other", tmp_path / "a.md"
    other.write_text("theirs")
    target.symlink_to(other)
    with pytest.raises(Conflict):
        write(target, "ours")
    write(target, "ours", force=True)
    assert (other.read_text(), target.read_text(), target.is_symlink()) == ("theirs", "ours", False)
    target.unlink()
    target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(Conflict):
        write(target, "ours")


@pytest.mark.parametrize("force", [False, True])
def test_what_can_be_no_file_is_refused_before_anything_is_written(tmp_path, force):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a directory"):
        write(tmp_path, "x", force=force)
    with pytest.raises(UsageError, match="is no file that could be replaced"):
        write(Path(os.devnull), "x", force=force)
    for target in (tmp_path / "no" / "a.md", tmp_path / "file" / "a.md", tmp_path / ("x" * 300)):
        with pytest.raises(NotWritable):
            write(target, "x", force=force)
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    target = tmp_path / "a.md"

    def pieces():
        yield "half"
        raise OSError(28, "No space left on device")

    with pytest.raises(NotWritable, match="No space left"):
        write_pieces(target, pieces())
    assert os.listdir(tmp_path) == []
