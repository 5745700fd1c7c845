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

    def rejected(reason: str) -> Verdict:
        return Verdict(commit, Judgement.REJECTED, reason[:LONGEST_REASON])

    # only a line feed ends a line: what other separators begin would look to a person like the middle of one
    output_lines = [line.rstrip() for line in output.split("\n") if line.strip()]
    last = output_lines[-1] if output_lines else ""
    if not last.startswith("VERDICT:"):
        return rejected("the review ended without a VERDICT line")
    match = _LINE.fullmatch(last)
    if match is None:
        return rejected(f"the review's verdict cannot be read: {last[:200]}")
    if match[2]:
        return rejected(match[3] or "no reason was given")
    outside = _verdict_lines(output_lines, PLAIN)
    if outside != _verdict_lines(output_lines, ANYWHERE) or len(output_lines) - 1 not in outside:
        return rejected("its code fences leave open whether the review's verdict is quoted")
    for number in outside:
        match = _LINE.fullmatch(output_lines[number])
        if match is None:
            return rejected(f"the review's verdict cannot be read: {output_lines[number][:200]}")
        if match[2]:
            return rejected("the review both approved and rejected the change")
    return Verdict(commit, Judgement.APPROVED)


def _verdict_lines(lines: list[str], fence: re.Pattern[str]) -> list[int]:
    """Where lines begin with `VERDICT:` outside of what this kind of fence encloses."""
    reading = Fence(fence)
    return [
        number
        for number, line in enumerate(lines)
        if not reading.encloses(line) and line.startswith("VERDICT:")
    ]
