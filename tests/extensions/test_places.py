from __future__ import annotations

import os
from pathlib import Path

import pytest

from maestro_ray.extensions.definitions import definitions_in
from maestro_ray.extensions.found import Found, Origin
from maestro_ray.extensions.places import (
    MOST_ENTRIES,
    Place,
    Surroundings,
    content,
    entries,
    read_each,
    top_of,
    upward,
)
from maestro_ray.extensions.skills import skills_in

from .trees import around, repository, skill, write


def test_from_the_directory_up_to_the_top_then_ones_own_then_plugins(tmp_path: Path) -> None:
    repo = repository(tmp_path, {"a/b/x": ""})
    where = around(tmp_path, "a/b", tools=tmp_path / "plug")
    assert [
        (str(each.path.relative_to(tmp_path)), str(each.origin)) for each in where.places((".m", ".c"), "s")
    ] == [
        ("repo/a/b/.m", "repository"),
        ("repo/a/b/.c", "repository"),
        ("repo/a/.m", "repository"),
        ("repo/a/.c", "repository"),
        ("repo/.m", "repository"),
        ("repo/.c", "repository"),
        ("home/s", "user"),
        ("plug/s", "plugin tools"),
    ]
    assert top_of(repo / "a") == repo


def test_without_a_repository_the_home_is_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert upward(tmp_path / "a" / "b", None) == [tmp_path / "a" / "b", tmp_path / "a", tmp_path]
    assert upward(Path("/srv/x"), None) == [Path("/srv/x")]


def test_what_only_looks_like_a_repository_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty `.git`, as programs leave it in temporary directories, and one that another user put above ours."""
    (tmp_path / ".git").mkdir()
    assert top_of(tmp_path / "a") != tmp_path
    (tmp_path / ".git/HEAD").write_text("")
    assert top_of(tmp_path / "a") == tmp_path
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert top_of(tmp_path / "a") is None


def test_ones_own_place_is_no_repositorys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the home directory itself `.maestro/skills` is the operator's own, found once."""
    monkeypatch.setenv("HOME", str(tmp_path))
    where = Surroundings(tmp_path, tmp_path / ".maestro")
    assert [(each.path.name, str(each.origin)) for each in where.places((".maestro/skills",), "skills")] == [
        ("skills", "user")
    ]


def test_what_cannot_be_listed_is_empty_and_a_crowd_is_bounded(tmp_path: Path) -> None:
    assert entries(Place(tmp_path / "none", Origin("user"))) == []
    write(tmp_path, {f"d/{number}": "" for number in range(MOST_ENTRIES + 1)} | {"d/.hidden": ""})
    found = entries(Place(tmp_path / "d", Origin("user")))
    assert len(found) == MOST_ENTRIES
    assert not [each for each in found if each.name.startswith(".")]


@pytest.mark.parametrize("inside", [True, False])
def test_a_link_may_lead_about_inside_only(tmp_path: Path, inside: bool) -> None:
    write(tmp_path, {"repo/real": "text", "other/real": "text"})
    link = tmp_path / "repo" / "link"
    link.symlink_to(tmp_path / ("repo" if inside else "other") / "real")
    assert content(link, None) == "text"
    if inside:
        assert content(link, tmp_path / "repo") == "text"
    else:
        with pytest.raises(ValueError, match="it is a link that leads out of"):
            content(link, tmp_path / "repo")


def test_every_file_that_cannot_be_read_has_its_sentence(tmp_path: Path) -> None:
    (tmp_path / "ring").symlink_to(tmp_path / "ring")
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path, {"latin": b"caf\xe9", "large": b"x" * (1 << 21), "dir/x": ""})
    said = {}
    for name in ("none", "ring", "pipe", "latin", "large", "dir"):
        with pytest.raises(ValueError) as refused:
            content(tmp_path / name, tmp_path)
        said[name] = str(refused.value)
    assert said["none"] == "there is no none"
    assert said["ring"].startswith("it cannot be read: ")
    assert said["pipe"] == said["dir"] == "it is not a file"
    assert said["latin"] == "it is not UTF-8 at byte 3"
    assert said["large"] == "it is larger than 1048576 bytes"


def test_one_that_cannot_be_read_harms_no_other(tmp_path: Path) -> None:
    write(tmp_path, {"a": "x"})
    origin = Origin("user")
    found = read_each(
        [("b", tmp_path / "b"), ("a", tmp_path / "a")],
        origin,
        lambda text, name, path: Found(name, origin, path, text),
    )
    assert [(each.name, each.state) for each in found] == [("b", "broken"), ("a", "used")]


def test_what_is_not_looked_at_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maestro_ray.extensions.places.MOST_ENTRIES", 2)
    write(tmp_path, {f"skills/{name}/SKILL.md": skill(name) for name in "abc"})
    write(tmp_path, {f"agents/{name}.md": "---\ndescription: x\n---\nP" for name in "abc"})
    for kind, look in (("skills", skills_in), ("agents", definitions_in)):
        found = look(Place(tmp_path / kind, Origin("user")))
        assert [each.name for each in found] == ["a", "b", kind]
        assert found[-1].problem == "there are 3 here, and the first 2 are looked at"
