from __future__ import annotations

import pytest

from maestro_ray.analysis.languages import Language, language_of, languages
from maestro_ray.analysis.listing import Listed


def test_the_largest_comes_first_and_what_is_no_program_does_not_count() -> None:
    sizes = {"a.py": 10, "b.py": 20, "web/c.ts": 60, "web/d.min.js": 9000, "README.md": 500, "Makefile": 10}
    found = languages([Listed(path, size) for path, size in sizes.items()])
    assert found == [
        Language("TypeScript", 1, 60, 0.6), Language("Python", 2, 30, 0.3), Language("Makefile", 1, 10, 0.1),
    ]  # fmt: skip
    assert languages([Listed("README.md", 5), Listed("empty.py", 0)]) == [Language("Python", 1, 0, 0.0)]


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/x.RS", "Rust"),
        ("Dockerfile", "Dockerfile"),
        ("CMakeLists.txt", "CMake"),
        ("notes.txt", ""),
        ("py", ""),
    ],
)
def test_a_name_gives_a_language_away(path: str, language: str) -> None:
    assert language_of(Listed(path, 1)) == language
