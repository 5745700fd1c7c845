"""What a shell would run: checked by what a real shell does run, and by texts nobody would write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.command_line import LONGEST, MOST_SPELLED, UNKNOWN, commands


@given(st.text())
def test_any_text_is_taken_apart_or_not(text: str) -> None:
    found = commands(text)
    assert found is None or all(isinstance(word, str) for each in found for word in each.words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("ls -l", [["ls", "-l"]]),
        ("a && b; c | d & e || f\ng", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"], ["g"]]),
        ("a # b; c", [["a"]]),
        ("'a b' \"c $d\" e\\ f", [["a b", f"c {UNKNOWN}", "e f"]]),
        ("a $(b; c) `d`", [["b"], ["c"], ["d"], ["a", UNKNOWN, UNKNOWN]]),
        ("X=1 a", [["X=1", "a"]]),
        ("a*b [cd]e", [[f"a{UNKNOWN}b", UNKNOWN]]),
        ("find . -name {} x{1..3}", [["find", ".", "-name", "{}", UNKNOWN]]),
        ("if a; then b; else c; fi", [["a"], ["b"], ["c"]]),
        ("while ! a; do b; done", [["a"], ["b"]]),
        ("cat <<E\n$(not read)\nE", None),
        ("cat <<'E'\n$(words)\nE\nb", [["cat"], ["b"]]),
        ("bash -lc 'a; b'", [["a"], ["b"]]),
        ("bash script.sh a", [["bash", "script.sh", "a"]]),
        ("a $((1 + 2))", [["a", UNKNOWN]]),
        ("a ${B}", [["a", UNKNOWN]]),
        ("a ${B:-$(c)}", None),
        ("a $((b$(c)))", None),
        ("(a", None),
        ("a)", None),
        ("a 'b", None),
        ('a "b', None),
        ("a `b", None),
        ("a <", None),
        ("f() { a; }", None),
        ("x=(a)", None),
        ("[[ a && b ]]", None),
        ("[ -f a ] && b", [["[", "-f", "a", "]"], ["b"]]),
        ("bash", None),
        ("bash -c $A", None),
        ("a\x1b", None),
        (f"a {UNKNOWN}", None),
        ("a" * (LONGEST + 1), None),
        ("$(" * 30 + ")" * 30, None),
    ],
)
def test_commands(text: str, expected: list[list[str]] | None) -> None:
    found = commands(text)
    assert (None if found is None else [list(each.words) for each in found]) == expected


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("a > b", ["b"]), ("a >> b 2> c", ["b", "c"]), ("a &> b", ["b"]), ("a 2>&1", []), ("a >&-", []), ("a < b", []),
        ("a >| b", ["b"]), ("> b", ["b"]), ("a > $B", [UNKNOWN]), ("a > 'b c'", ["b c"]), ("a 3>b", ["b"]),
        ("(a; b) > c", ["c"]), ("a >&b", ["b"]), ("a <> b", ["b"]),
    ],
)  # fmt: skip
def test_files_that_are_written(text: str, files: list[str]) -> None:
    found = commands(text)
    assert found is not None
    assert [path for each in found for path in each.writes] == files


@pytest.mark.parametrize(
    "text", ["env " * 10_000, "sudo -a " * 4_000, "X=1 env -a " * 3_000, "git -a " + "-a " * 16_000]
)
def test_one_of_very_many_words_cannot_be_taken_apart(text: str) -> None:
    """All the ways to write it would be matched with each rule: red without `MOST_SPELLED`, for hours."""
    assert commands(text) is None


@pytest.mark.parametrize(
    "text", ["xargs cat " + "a.txt " * 80, "rm -f " + "src/a.txt " * 500, "ls " + "a.txt " * 600]
)
def test_one_of_many_files_can(text: str) -> None:
    found = commands(text)
    assert found is not None
    (simple,) = found
    assert sum(map(len, simple.spellings())) <= simple.spelled <= MOST_SPELLED
