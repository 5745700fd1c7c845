from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from transcript.example import HOSTILE, messages, transcript

from maestro_cli.render.transcript_md import block, code, inline, paragraph, pieces

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
SAFE = "Plain words"
any_text = st.text(st.sampled_from("`~#*_-+=<>|\\[]()!&@$1.) \n\t{}ax\x1b\u202e\r"), max_size=40)


def whole(text):
    return "".join(pieces(transcript(text), messages(text)))


def shape(text):
    """The blocks of a page without what is said in them, and the kinds of markup within lines."""
    tokens = PARSER.parse(text)
    blocks = [
        (each.type, each.tag, each.level)
        for each in tokens
        if each.type
        in (
            "heading_open",
            "bullet_list_open",
            "ordered_list_open",
            "html_block",
            "hr",
            "table_open",
            "th_open",
            "td_open",
            "blockquote_open",
        )
    ]
    inside = {child.type for each in tokens for child in each.children or ()}
    return blocks, inside


@pytest.mark.parametrize("text", [each for each in HOSTILE if each])
def test_what_others_say_is_no_markup(text):
    """Red with `block` whose fence has always three backticks, and with `inline` that escapes nothing."""
    blocks, inside = shape(whole(text))
    assert blocks == shape(whole(SAFE))[0]
    assert inside <= {"text", "strong_open", "strong_close", "code_inline", "text_special", "softbreak"}


@given(any_text.filter(str.strip))
@settings(max_examples=40)
def test_no_text_makes_another_page_of_it(text):
    """Whatever marks it is made of: the same headings, lists and tables, and no HTML."""
    blocks, inside = shape(whole(text))
    assert blocks == shape(whole(SAFE))[0]
    assert not inside & {"html_inline", "link_open", "image", "em_open", "s_open"}


@given(any_text)
def test_a_fence_holds_all_of_its_text(text):
    (token,) = PARSER.parse(block(text))
    assert token.type == "fence"
    from maestro_cli.render.transcript_words import shown

    assert token.content.rstrip("\n").replace("\r", "\n") == shown(text).strip("\n").rstrip("\n")


@given(any_text)
def test_a_line_of_others_stays_a_line(text):
    for made in (paragraph(text), f"x {inline(text)}", f"x {code(text)}"):
        tokens = PARSER.parse(made)
        assert [each.type for each in tokens if each.nesting >= 0] in ([], ["paragraph_open", "inline"])


def test_names_and_numbers_tell_nobody_on_a_forge():
    assert inline("@ada fixed #12, not a@b.c or C#") == "`@ada` fixed `#12`, not a@b.c or C\\#"
    assert inline("some_name _x_ 2*3 <b>") == "some_name \\_x\\_ 2\\*3 \\<b\\>"


def test_the_page_of_a_plain_team():
    text = whole(SAFE)
    assert text.startswith("# Team Plain words\n\n* Project: `Plain words`\n* Team: Plain words, ended\n")
    for part in (
        "## Cost\n\n\\$0.50 of \\$1.00\n",
        "| team, usd | $1.00 | $2.00 |",
        "At the caps:\n\n* 2026-11-23 06:23:42 Plain words said **raise** to: Plain words\n",
        "* 2026-11-23 06:23:42 **⚑ Plain words** (active)\n\n  Receipts: Plain words: delivered (in-turn)\n",
        "### budget, about Plain words\n",
        "Answered 2026-11-23 06:23:42 by Plain words: **Plain words**\n",
        "### Task: Plain words\n",
        "(7 characters before this, left out)\n\n```text\nPlain words\n```\n",
        "#### REJECTED at `cccccccccc`\n",
        "`bbbbbbbbbbbb` to `cccccccccccc`: 1 file, 1 line added, 0 removed\n\n```diff\n--- a/x\n",
        "Not shown: Plain words.\n",
        "## Messages\n\n* 2026-11-23 06:23:42 **Plain words** Plain words\n",
    ):
        assert part in text, part
