from __future__ import annotations

import pytest
from workspace.sample import Sample

from maestro_ray.extensions.file_count import file_count


def named_often(sample: Sample, levels: int, width: int, inside: str) -> str:
    """A commit of trees in trees, each `width` times the same one."""
    for _ in range(levels):
        entries = "".join(f"040000 tree {inside}\td{n}\n" for n in range(width))
        (sample.path / ".git/entries").write_text(entries)
        inside = sample.git("-c", "alias.tree=!git mktree <.git/entries", "tree")
    return sample.git("commit-tree", "-m", "many", inside)


def test_every_file_of_a_commit_is_counted(sample: Sample) -> None:
    head = sample.commit("more", **{"x/y/z.txt": "", "x/y/\udcff": "", "x/a": "b"})
    assert file_count(sample.repo.git, head) == len(
        sample.git("ls-tree", "-r", "--name-only", head).splitlines()
    )


def test_a_tree_that_is_named_often_counts_as_often_and_is_read_once(sample: Sample) -> None:
    """To list these takes days and all memory."""
    tree = sample.git("rev-parse", "HEAD^{tree}")
    assert file_count(sample.repo.git, named_often(sample, 12, 10, tree)) == 3 * 10**12


def test_what_is_too_deep_is_refused(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maestro_ray.extensions.file_count.DEEPEST", 3)
    tree = sample.git("rev-parse", "HEAD^{tree}")
    assert file_count(sample.repo.git, named_often(sample, 2, 1, tree)) == 3
    with pytest.raises(ValueError, match="deeper than 3"):
        file_count(sample.repo.git, named_often(sample, 3, 1, tree))
