from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from maestro_ray.errors import NotWritable
from maestro_ray.extensions import tree
from maestro_ray.extensions.tree import Leaf, checked, digest, put_tree, read_directory, under

from .trees import write


def leaf(text: str = "x") -> Leaf:
    return Leaf(text.encode())


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "",
        ".",
        "a/.",
        ".git/config",
        "a/.GIT/x",
        "a\nb",
        "x" * 401,
    ],
)
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"leads out of it|git's own|too long or not printable"):
        checked([("sound", leaf()), (path, leaf())])


@pytest.mark.parametrize("link", ["/etc/passwd", "../x", "../../x", "d/../../x", ".."])
def test_a_link_that_leads_out_is_refused(link: str) -> None:
    with pytest.raises(ValueError, match="a is a link that leads out of it"):
        checked([("a", Leaf(link=link)), ("d/b", leaf())])


@pytest.mark.parametrize("link", ["none", "other"])
def test_a_link_to_nothing_or_to_another_link_is_refused(link: str) -> None:
    """A link through another can lead out, though neither looks like it: `x -> .` and `y -> d/x/../..`."""
    with pytest.raises(ValueError, match="a is a link to nothing, or to another link"):
        checked([("a", Leaf(link=link)), ("other", Leaf(link="d")), ("d", leaf())])


def test_a_link_inside_becomes_a_copy() -> None:
    found = checked([("s/b", Leaf(link="../d")), ("s/c", Leaf(link="../d/e")), ("d/e", leaf("e"))])
    assert found == {"d/e": leaf("e"), "s/b/e": leaf("e"), "s/c": leaf("e")}


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Copies count: a few links to a large directory are a large tree."""
    monkeypatch.setattr(tree, "MOST_FILES", 3)
    monkeypatch.setattr(tree, "MOST_BYTES", 10)
    with pytest.raises(ValueError, match="more than 3 files"):
        checked([("d/a", leaf()), ("d/b", leaf()), ("l", Leaf(link="d"))])
    with pytest.raises(ValueError, match="larger than"):
        checked([("a", leaf("x" * 6)), ("b", Leaf(link="a"))])
    write(tmp_path, {"a": "x" * 6, "b": "x" * 6})
    with pytest.raises(ValueError, match="larger than"):
        read_directory(tmp_path)


def test_a_directory_is_read_without_git_and_written_as_it_was(tmp_path: Path) -> None:
    root = write(tmp_path / "from", {".git/config": "", "a/run": "#!/bin/sh", "b": b"\xff", ".hidden": ""})
    (root / "a/run").chmod(0o755)
    (root / "link").symlink_to("a")
    found = read_directory(root)
    assert sorted(found) == [".hidden", "a/run", "b", "link/run"]
    put_tree(found, tmp_path / "to" / "it")
    assert read_directory(tmp_path / "to" / "it") == found
    assert os.access(tmp_path / "to/it/link/run", os.X_OK)
    assert digest(read_directory(tmp_path / "to" / "it")) == digest(found)
    assert digest({**found, "b": Leaf(b"\xff", executable=True)}) != digest(found)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is neither a file nor a directory"):
        read_directory(tmp_path)
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_directory(tmp_path / "none")


def test_all_of_it_is_written_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotWritable):
        put_tree({"a": leaf(), "a/b": leaf()}, tmp_path / "to")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "to").mkdir()
    with pytest.raises(FileExistsError):
        put_tree({"a": leaf()}, tmp_path / "to")


def test_a_part_of_a_tree() -> None:
    found = {"a/b": leaf("b"), "ab": leaf("ab")}
    assert under(found, "./a/") == {"b": leaf("b")}
    assert under(found, "./") == under(found, "") == found


def test_many_links_to_a_full_directory_do_not_fill_the_memory() -> None:
    """A thousand links to a thousand files would be a million copies before anybody counts them."""
    files = [(f"d/{n}", Leaf()) for n in range(1000)]
    links = [(f"l{n}", Leaf(link="d")) for n in range(1000)]
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="more than 5000 files"):
            checked([*files, *links])
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
