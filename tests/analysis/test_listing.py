from __future__ import annotations

import pytest
from workspace.sample import Sample

from maestro_ray.analysis.listing import Listed, below, contents, files_of


def test_regular_files_of_a_commit_and_nothing_else(sample: Sample) -> None:
    (sample.path / "link").symlink_to("/etc/passwd")
    head = sample.commit("more", **{"src/a b.py": "x = 1\n", "new\nline.md": "", "ü.txt": "ü"})
    sample.write("untracked.py", "no")
    files = files_of(sample.repo.git, head)
    assert [each.path for each in files] == [
        ".gitignore", "a.txt", "b.txt", "new\nline.md", "src/a b.py", "ü.txt",
    ]  # fmt: skip
    assert {each.path: each.size for each in files}["src/a b.py"] == 6


def test_text_is_read_and_what_is_none_or_too_long_is_not(sample: Sample) -> None:
    (sample.path / "latin").write_bytes(b"caf\xe9")
    (sample.path / "picture").write_bytes(b"a\0b")
    head = sample.commit("more")
    git = sample.repo.git
    by_path = {each.path: each for each in files_of(git, head)}
    assert contents(git, head, by_path["a.txt"], 100) == "1\n2\n3\n"
    assert contents(git, head, by_path["a.txt"], 5) == ""
    assert contents(git, head, by_path["picture"], 100) == ""
    assert contents(git, head, by_path["latin"], 100) == "caf?"


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("src/a.py", True),
        ("node_modules/x/a.js", False),
        ("web/vendor/a.go", False),
        ("vendor", True),
        ("package-lock.json", False),
        ("static/a.min.js", False),
        ("api/x_pb2.py", False),
        ("building/a.py", True),
    ],
)
def test_what_was_copied_or_made_is_not_the_projects_own(path: str, own: bool) -> None:
    assert Listed(path, 1).own is own


def test_names_and_places() -> None:
    file = Listed("src/Main.PY", 1)
    assert (file.name, file.suffix, Listed("src/.env", 1).suffix) == ("Main.PY", ".py", "")
    files = [Listed("a", 1), Listed("src/b", 1), Listed("srcs/c", 1)]
    assert [each.path for each in below(files, "src")] == ["src/b"]
    assert below(files, "") == files
