from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.command_line import UNKNOWN
from maestro_ray.model.glob import may_match, must_match, path_matches

globs = st.text(alphabet="ab*?", max_size=8)
texts = st.text(alphabet="ab", max_size=8)


@given(globs, texts)
def test_it_is_what_a_glob_is(pattern: str, text: str) -> None:
    expected = re.match(fnmatch.translate(pattern), text) is not None
    assert must_match(pattern, text) == may_match(pattern, text) == expected


@given(globs, texts, texts, texts)
def test_what_is_not_known_can_be_anything(pattern: str, before: str, hidden: str, after: str) -> None:
    if must_match(pattern, before + hidden + after):
        assert may_match(pattern, before + UNKNOWN + after)
    if must_match(pattern, before + UNKNOWN + after):
        assert must_match(pattern, before + hidden + after)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("src/**", "src/a/b", True), ("src/**", "src", True), ("src/**", "srca", False), ("*.py", "a.py", True),
        ("*.py", "a/b.py", False), ("**/*.py", "a/b.py", True), ("**/*.py", "b.py", True), ("a/*/c", "a/b/c", True),
        ("a/*/c", "a/b/b/c", False), ("a/**/c", "a/c", True), ("/etc/**", "/etc/a", True), ("**", "x/y", True),
    ],
)  # fmt: skip
def test_paths(pattern: str, path: str, matches: bool) -> None:
    assert path_matches(pattern, path) is matches


def test_no_pattern_takes_long() -> None:
    """A pattern of a repository must not hang a worker: a backtracking matcher would never end here."""
    assert not must_match("*a" * 200 + "b", "a" * 20_000)
    assert not path_matches("/".join(["**", "a"] * 60) + "/b", "/".join("a" * 400))
