"""A verdict: what a reviewer's words mean for one exact commit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from maestro_ray.model.fence import ANYWHERE, PLAIN, Fence


class Judgement(StrEnum):
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


@dataclass(frozen=True)
class Verdict:
    """A judgement about `commit`, which Studio pinned; the reviewer never names it."""

    commit: str
    judgement: Judgement
    reason: str = ""

    @property
    def approved(self) -> bool:
        return self.judgement is Judgement.APPROVED


# what a comment, an event and a prompt carry of it; the whole output is kept with the run
LONGEST_REASON = 4000

_LINE = re.compile(r"VERDICT: (?:(APPROVED)[.!]?|(REJECTED)(?:\s*[\u2014\u2013:-]+\s*(\S.*))?)")


def read_verdict(output: str, commit: str) -> Verdict:
    """The verdict in a reviewer's output.

    Its last line that is not empty is the judgement: whatever the reviewer has quoted before, its own words come
    after that. An approval counts only when no other line that begins with `VERDICT:` says anything else, and when
    no reading of the code fences makes it a quotation. Everything else is a rejection with that reason.
    """

    reason, _ = _read(output)
    judgement = Judgement.REJECTED if reason else Judgement.APPROVED
    return Verdict(commit, judgement, reason[:LONGEST_REASON])


def ask_again(output: str) -> str:
    """What to say to a reviewer whose output holds no verdict that can be read; empty when it holds one.

    A rejection is one, whatever else is there. The answer is read like any other output, and only that.
    """
    reason, sound = _read(output)
    if sound:
        return ""
    return (
        f"Your answer had no verdict that can be read: {reason}. End your review now: answer with your reason in a few "
        "words, and then with exactly one last line of its own, not in a code block and not quoted, that begins with "
        "the word VERDICT and a colon, as you were told at the beginning. Change no file."
    )


def _read(output: str) -> tuple[str, bool]:
    """Why it is rejected, empty when it is approved; and whether the reviewer has said so itself."""
    # only a line feed ends a line: what other separators begin would look to a person like the middle of one
    output_lines = [line.rstrip() for line in output.split("\n") if line.strip()]
    last = output_lines[-1] if output_lines else ""
    if not last.startswith("VERDICT:"):
        return "the review ended without a VERDICT line", False
    match = _LINE.fullmatch(last)
    if match is None:
        return f"the review's verdict cannot be read: {last[:200]}", False
    if match[2]:
        return match[3] or "no reason was given", True
    outside = _verdict_lines(output_lines, PLAIN)
    if outside != _verdict_lines(output_lines, ANYWHERE) or len(output_lines) - 1 not in outside:
        return "its code fences leave open whether the review's verdict is quoted", False
    for number in outside:
        match = _LINE.fullmatch(output_lines[number])
        if match is None:
            return f"the review's verdict cannot be read: {output_lines[number][:200]}", False
        if match[2]:
            return "the review both approved and rejected the change", False
    return "", True


def _verdict_lines(lines: list[str], fence: re.Pattern[str]) -> list[int]:
    """Where lines begin with `VERDICT:` outside of what this kind of fence encloses."""
    reading = Fence(fence)
    return [
        number
        for number, line in enumerate(lines)
        if not reading.encloses(line) and line.startswith("VERDICT:")
    ]
