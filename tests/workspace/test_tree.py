from __future__ import annotations

import os
from pathlib import Path

import pytest

from maestro_ray.workspace.tree import remove_tree


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
