from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transcript.example import HOSTILE, messages, transcript

from maestro_cli.render.transcript_html import patch_lines, pieces

SAFE = "Plain words"


def whole(text):
    return "".join(pieces(transcript(text), messages(text)))


class Tags(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def tags(text):
    """Without the lines of diffs, of which a text of several has more."""
    return [each for each in Tags(text).tags if each[0] != "span"]


@pytest.mark.parametrize("text", [each for each in HOSTILE if each.strip()])
def test_what_others_say_is_no_tag(text):
    """Red with `autoescape=False`."""
    page = Tags(whole(text))
    assert page.open == []
    assert [each for each in page.tags if each[0] != "span"] == tags(whole(SAFE))


@given(st.text(st.sampled_from("<>&\"'/!-=aps \n{}%#"), min_size=1, max_size=30))
@settings(max_examples=40)
def test_no_text_makes_another_page_of_it(text):
    assert tags(whole(f"x{text}")) == tags(whole(SAFE))


def test_the_page_stands_alone():
    """No script, nothing that is fetched; light, dark and on paper."""
    text = whole(SAFE)
    page = Tags(text)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "form"}
    for _, attributes in page.tags:
        for name, value in attributes:
            assert not name.startswith("on")
            assert name not in ("src", "action")
            assert name != "href" or value.startswith("#")
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "url(" not in text
    ids = [value for _, attributes in page.tags for name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value[1:] for _, attributes in page.tags for name, value in attributes if name == "href"} <= set(
        ids
    )


def test_everything_is_on_the_page():
    text = Tags(whole("Some words")).text
    for part in (
        "Team Some words",
        "$0.50 of $1.00",
        "REJECTED at",
        "1 file, 1 line added, 0 removed",
        "raise",
    ):
        assert part in text
    assert text.count("Some words") > 40


def test_the_lines_of_a_diff_have_their_kinds():
    patch = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n c\n"
    kinds = [kind for kind, _ in patch_lines(patch)]
    assert kinds == ["file", "file", "file", "hunk", "less", "more", ""]


def test_messages_are_taken_one_by_one():
    taken = []

    def source():
        for number in range(5000):
            taken.append(number)
            yield messages()[0]

    made = pieces(transcript(), source())
    while not taken:
        next(made)
    assert len(taken) < 10
    made.close()
