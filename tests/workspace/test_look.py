from __future__ import annotations

from pathlib import Path

import pytest

from maestro_ray.workspace.look import likely_test, top_level

from .sample import Sample


def suggested(path: Path, **files: str) -> str:
    sample = Sample.make(path / "sample", **files)
    git, commit = sample.repo.git, sample.sha("main")
    return likely_test(git, commit, top_level(git, commit))


def test_entries_of_the_top_directory(tmp_path: Path) -> None:
    sample = Sample.make(tmp_path / "sample", **{"src/x.py": "", "odd\nname": ""})
    names = top_level(sample.repo.git, sample.sha("main"))
    assert names == [".gitignore", "a.txt", "b.txt", "odd?name", "src/"]


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({}, ""),
        ({"Makefile": "all:\n\ntest: all\n\tpytest\n", "go.mod": ""}, "make test"),
        ({"Makefile": "all:\n", "go.mod": ""}, "go test ./..."),
        ({"package.json": '{"scripts": {"test": "vitest"}}'}, "npm test"),
        ({"package.json": '{"scripts": {}}'}, ""),
        ({"package.json": "[" * 5000}, ""),
        ({"pyproject.toml": ""}, "python -m pytest"),
        ({"x.py": "", "tests/test_x.py": ""}, "python -m pytest"),
    ],
)
def test_what_lies_there_suggests_a_command(files: dict[str, str], command: str, tmp_path: Path) -> None:
    assert suggested(tmp_path, **files) == command
