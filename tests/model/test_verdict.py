from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.model.verdict import LONGEST_REASON, Judgement, Verdict, ask_again, read_verdict

SHA = "a" * 40


def reason(output: str) -> str:
    verdict = read_verdict(output, SHA)
    assert verdict.judgement is Judgement.REJECTED
    assert not verdict.approved
    return verdict.reason


@pytest.mark.parametrize(
    "output",
    [
        "VERDICT: APPROVED",
        "VERDICT: APPROVED\n",
        "VERDICT: APPROVED.",
        "VERDICT: APPROVED!  ",
        "I read the diff.\r\nVERDICT: APPROVED\r\n",
        "VERDICT: APPROVED\n\n  \n",
        "VERDICT: APPROVED\nsaid again:\nVERDICT: APPROVED",
        "```\nVERDICT: REJECTED — an example\n```\nVERDICT: APPROVED",
        "~~~ text\nVERDICT: REJECTED\n~~~~\nVERDICT: APPROVED",
        "1. so:\n   ```py\n   x\n   ```\nVERDICT: APPROVED",
        "an `inline` and ```three``` ticks\nVERDICT: APPROVED",
        "```inline```\nVERDICT: APPROVED",
    ],
)
def test_approved(output: str) -> None:
    assert read_verdict(output, SHA) == Verdict(SHA, Judgement.APPROVED)


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("VERDICT: REJECTED — the test is red", "the test is red"),
        ("VERDICT: REJECTED – the test is red", "the test is red"),
        ("VERDICT: REJECTED - the test is red  ", "the test is red"),
        ("VERDICT: REJECTED: the test is red\r\n", "the test is red"),
        ("VERDICT: REJECTED--a-b", "a-b"),
        ("VERDICT: REJECTED", "no reason was given"),
        ("VERDICT: REJECTED — one\nVERDICT: REJECTED — two", "two"),
        ("VERDICT: REJECTED — VERDICT: APPROVED", "VERDICT: APPROVED"),
    ],
)
def test_rejected_with_its_reason(output: str, why: str) -> None:
    assert reason(output) == why


@pytest.mark.parametrize(
    "output",
    [
        "",
        "looks good to me, approved",
        "My VERDICT: APPROVED",
        "I would say VERDICT: APPROVED, but the test is red",
        "> VERDICT: APPROVED",
        "    VERDICT: APPROVED",
        "\tVERDICT: APPROVED",
        " VERDICT: APPROVED",
        "**VERDICT: APPROVED**",
        "- VERDICT: APPROVED",
        "`VERDICT: APPROVED`",
        "verdict: approved",
        "VERDICT APPROVED",
        "\ufeffVERDICT: APPROVED",
        "a line of a log\rVERDICT: APPROVED",
        *(f"the middle of a line{mark}VERDICT: APPROVED" for mark in "\v\f\x1c\x1d\x1e\x85\u2028\u2029"),
        "VERDICT: APPROVED\n\nThank you.",
        "```\nVERDICT: APPROVED\n```",
        "~~~\nVERDICT: APPROVED\n~~~",
        "~~~\n```\n~~~~ \n```\nVERDICT: APPROVED\n```",
        "   ```diff\nVERDICT: APPROVED\n```",
        "````\n```\nVERDICT: APPROVED\n````",
        "```\n~~~\nVERDICT: APPROVED\n~~~\n```",
        "```\n```~~~\nVERDICT: APPROVED\n```",
        "```inline```\n```\nVERDICT: APPROVED\n```",
    ],
)
def test_what_is_quoted_indented_or_in_a_sentence_is_no_verdict(output: str) -> None:
    assert reason(output) == "the review ended without a VERDICT line"


@pytest.mark.parametrize(
    "output",
    [
        "- ```\n  x\n  ```\n```\nVERDICT: APPROVED\n```\n",
        "- ```\n  x\n  ```\n```\nVERDICT: APPROVED\n```\nVERDICT: REJECTED — it is red",
        "1.  ```\n    x\n    ```\n```\nVERDICT: APPROVED\n```",
        "- ```\n  x\n  ```\nVERDICT: APPROVED",
        "> ```\nVERDICT: APPROVED",
        "```\nVERDICT: APPROVED",
        "VERDICT: APPROVED\n```\nVERDICT: APPROVED",
    ],
)
def test_what_may_be_quoted_is_no_approval(output: str) -> None:
    assert not read_verdict(output, SHA).approved


@pytest.mark.parametrize(
    "line",
    [
        "VERDICT:", "VERDICT: ", "VERDICT:APPROVED", "VERDICT:  APPROVED", "VERDICT: Approved", "VERDICT: APPROVED?",
        "VERDICT: APPROVED — with nits", "VERDICT: APPROVED if the test passes", "VERDICT: APPROVED REJECTED",
        "VERDICT: NOT APPROVED", "VERDICT: APPROVED or VERDICT: REJECTED", "VERDICT: REJECTED because it is red",
        "VERDICT: REJECTED —", "VERDICT: UNAPPROVED",
    ],
)  # fmt: skip
def test_a_malformed_verdict_rejects_and_is_shown(line: str) -> None:
    assert reason(f"{line}\n") == f"the review's verdict cannot be read: {line.rstrip()}"
    assert reason(f"VERDICT: APPROVED\n{line}").startswith("the review's verdict cannot be read")


def test_two_that_disagree_reject() -> None:
    both = "the review both approved and rejected the change"
    assert reason("VERDICT: REJECTED — red\nVERDICT: APPROVED") == both
    assert reason("VERDICT: APPROVED\nVERDICT: REJECTED — red") == "red"


@given(
    st.lists(st.sampled_from(["VERDICT: APPROVED", "```", "~~~", "> ```", "- ```", "~~~~ x", "", "+ words"]))
)
def test_nothing_that_was_quoted_before_hides_a_rejection(quoted: list[str]) -> None:
    assert reason("\n".join([*quoted, "VERDICT: REJECTED — it is red"])) == "it is red"


def test_the_commit_is_the_pinned_one_whatever_the_reviewer_names() -> None:
    assert read_verdict(f"{'b' * 40}\nVERDICT: APPROVED", SHA).commit == SHA


def test_a_reason_of_any_length_is_cut() -> None:
    assert reason("VERDICT: REJECTED — " + "x" * 100_000) == "x" * LONGEST_REASON
    assert len(reason("VERDICT: " + "x" * 100_000)) < 300


@pytest.mark.parametrize(
    "text",
    [
        "VERDICT: REJECTED - a" + " " * 200_000 + "b",
        "VERDICT: REJECTED" + " -" * 100_000,
        "- " * 100_000 + "x",
        "`" * 200_000 + "a`",
        "1) " * 100_000,
        "> " * 100_000 + "```",
        "\n" * 200_000,
    ],
)
def test_long_lines_take_linear_time(text: str) -> None:
    started = time.process_time()
    assert not read_verdict(text, SHA).approved
    assert time.process_time() - started < 10.0  # the square of these lengths would take minutes


_PIECES = [
    "VERDICT: APPROVED",
    "VERDICT: REJECTED — x",
    "VERDICT:",
    "```",
    "~~~",
    "````x",
    "text",
    " ",
    "\n",
    "\r",
    "\u2028",
]


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(_PIECES), max_size=14).map("".join)))
def test_any_text_is_a_verdict_and_approval_needs_the_plain_line(text: str) -> None:
    verdict = read_verdict(text, SHA)
    assert verdict.commit == SHA
    if verdict.approved:
        lines = [line.rstrip() for line in text.split("\n")]
        assert any(
            line in ("VERDICT: APPROVED", "VERDICT: APPROVED.", "VERDICT: APPROVED!") for line in lines
        )
        assert not verdict.reason
    else:
        assert verdict.reason


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=80),
    st.sampled_from(["> {}", "    {}", "```\n{}\n```", "so {}", "`{}`", "~~~x\n{}\n~~~"]),
)
def test_a_quoted_approval_never_counts(around: str, quoted: str) -> None:
    quotation = quoted.format("VERDICT: APPROVED")
    assert not read_verdict(f"{quotation}\n{around}", SHA).approved


@pytest.mark.parametrize(
    "output",
    ["", "looks good", "VERDICT: maybe", "```\nVERDICT: APPROVED", "VERDICT: REJECTED\nVERDICT: APPROVED"],
)
def test_who_gave_no_verdict_that_can_be_read_is_asked_again(output: str) -> None:
    assert "no verdict that can be read" in ask_again(output)
    assert not read_verdict(output, "c").approved


@pytest.mark.parametrize("output", ["VERDICT: APPROVED", "VERDICT: REJECTED — red", "VERDICT: REJECTED"])
def test_who_gave_one_is_not(output: str) -> None:
    assert ask_again(output) == ""


@given(st.text())
def test_the_question_is_no_verdict_and_what_is_approved_needs_none(output: str) -> None:
    question = ask_again(output)
    assert not read_verdict(question, "c").approved
    assert not (question and read_verdict(output, "c").approved)
