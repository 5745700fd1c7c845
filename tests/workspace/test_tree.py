from __future__ import annotations

import os
from pathlib import Path

import pytest

from maestro_ray.workspace.tree import remove_traps, remove_tree


def test_what_is_not_there_is_fine(tmp_path: Path) -> None:
    remove_tree(tmp_path / "missing")


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "inside").symlink_to(precious)
    (tmp_path / "top").symlink_to(precious)
    remove_tree(tree)
    remove_tree(tmp_path / "top")
    assert [*tmp_path.iterdir()] == [precious]
    assert (precious / "file").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_directories_nobody_may_write_to(tmp_path: Path) -> None:
    deep = tmp_path / "tree" / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    deep.chmod(0o500)
    deep.parent.chmod(0o000)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


@pytest.mark.parametrize("links", [True, False])
def test_traps_are_pipes_and_if_asked_links(tmp_path: Path, links: bool) -> None:
    tree, beside = tmp_path / "tree", tmp_path / "beside"
    for directory in (tree / "deep", beside):
        directory.mkdir(parents=True)
    for directory in (tree, tree / "deep", beside):
        (directory / "file").write_text("x")
        os.mkfifo(directory / "pipe")
    (tree / "link").symlink_to(beside)
    remove_traps(tree, links=links)
    left = {str(path.relative_to(tree)) for path in tree.rglob("*")}
    assert left == {"file", "deep", "deep/file"} | (set() if links else {"link"})
    assert (beside / "pipe").exists()
    remove_traps(tmp_path / "missing")
