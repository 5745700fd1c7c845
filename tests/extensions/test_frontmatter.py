from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.extensions.frontmatter import LARGEST, read_front


def front(head: str, body: str = "") -> str:
    return f"---\n{head}\n---\n{body}"


def test_the_head_is_text_and_the_rest_is_the_body() -> None:
    read = read_front(
        front("name: a\non: yes\nversion: 1.0\nday: 2026-01-01\nnothing:", "\n# Title\n---\nmore\n")
    )
    assert read.fields == {"name": "a", "on": "yes", "version": "1.0", "day": "2026-01-01", "nothing": ""}
    assert read.body == "# Title\n---\nmore"


def test_dashes_inside_a_value_end_nothing() -> None:
    assert read_front(front("name: a --- b")).text("name") == "a --- b"


def test_lists_and_tables_are_read() -> None:
    read = read_front(front("tools: [Read, Write]\nmetadata:\n  a: b\n  c:\n  - d\nmore: Bash, Edit"))
    assert read.words("tools") == ("Read", "Write")
    assert read.words("more") == ("Bash", "Edit")
    assert read.words("none") == ()
    assert read.fields["metadata"] == {"a": "b", "c": ["d"]}


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_matter() -> None:
    assert read_front("\ufeff---\r\nname: a\r\n---\r\nb".replace("\r\n", "\n")).text("name") == "a"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "there is no frontmatter: the first line must be ---"),
        ("# Title\n---\nname: a\n---\n", "there is no frontmatter: the first line must be ---"),
        ("----\nname: a\n---\n", "there is no frontmatter: the first line must be ---"),
        ("---\nname: a\n", "the frontmatter has no end: a line of --- is missing"),
        (front(""), "the frontmatter is empty"),
        (front("# only this"), "the frontmatter is empty"),
        (front("word"), "the frontmatter must be lines of `key: value`"),
        (front("- a"), "the frontmatter must be lines of `key: value`"),
        (front("a: b\n--- x\nc: d"), "the frontmatter must be one document"),
        (front("a: 1\na: 2"), "line 3: the key 'a' is there twice"),
        (front("[a]: b"), "line 2: a key must be a word"),
        (front("a: &x b\nc: *x"), "line 3: aliases (*name) are not read"),
        (
            front("name: a\ndescription: Use this: always"),
            (
                "the frontmatter is not YAML: line 3: mapping values are not allowed in this context; "
                "quote a value that holds a colon"
            ),
        ),
        (front("a: \x01"), "the frontmatter is not YAML: it holds characters that YAML does not allow"),
        (front(f"a: {'[' * 40}{']' * 40}"), "the frontmatter is nested too deeply"),
        (front("a: " + "x" * LARGEST), f"the frontmatter is longer than {LARGEST} characters"),
    ],
)
def test_what_is_no_head_is_said_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_front(text)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("key", ["a", "b"])
def test_a_value_of_another_kind_is_said(key: str) -> None:
    read = read_front(front("a: {b: c}\nb: [[c]]"))
    with pytest.raises(ValueError, match="must be"):
        read.words(key)
    with pytest.raises(ValueError, match="must be a text"):
        read.text(key)


def test_an_object_of_python_is_text_like_any_other() -> None:
    assert read_front(front("a: !!python/object/apply:os.abort []")).fields == {"a": []}


def test_deep_nesting_ends_no_process_and_takes_no_time() -> None:
    """Without the count of levels the parser's own recursion would run into the stack's end."""
    began = time.monotonic()
    with pytest.raises(ValueError, match="nested too deeply"):
        read_front(front("a: " + "[" * 60_000))
    assert time.monotonic() - began < 60


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    for each in (text, front(text)):
        try:
            read_front(each)
        except ValueError as error:
            assert str(error)
