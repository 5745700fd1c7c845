from __future__ import annotations

import pytest
from workspace.sample import Sample

from maestro_ray.analysis.glance import glance


def test_entries_of_the_top_directory(sample: Sample) -> None:
    head = sample.commit("more", **{"src/x.py": "", "odd\nname": ""})
    assert list(glance(sample.repo.git, head).entries) == [
        ".gitignore", "a.txt", "b.txt", "odd\nname", "src/",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({}, ""),
        ({"Makefile": "all:\n\ntest: all\n\tpytest\n", "go.mod": ""}, "make test"),
        ({"Makefile": "all:\n", "go.mod": ""}, "go test ./..."),
        ({"package.json": '{"scripts": {"test": "vitest"}}'}, "npm test"),
        ({"package.json": "[" * 5000}, ""),
        ({"pyproject.toml": "", "tests/test_x.py": ""}, "python -m pytest"),
        ({"pyproject.toml": ""}, ""),
        ({"x.py": "", "tests/test_x.py": ""}, "python -m pytest"),
        ({"tests/x.js": ""}, ""),
    ],
)
def test_what_lies_there_suggests_a_command(files: dict[str, str], command: str, sample: Sample) -> None:
    assert glance(sample.repo.git, sample.commit("more", **files)).test == command
