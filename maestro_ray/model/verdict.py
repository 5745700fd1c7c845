"""A verdict: what a reviewer's words mean for one exact commit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


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


_LINE = re.compile(r"VERDICT: (?:(APPROVED)[.!]?|(REJECTED)(?:\s*[\u2014\u2013:-]+\s*(\S.*?))?)\s*")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")


def read_verdict(output: str, commit: str) -> Verdict:
    """The verdict in a reviewer's output.

    Only lines that begin with `VERDICT:` outside code fences count: what is quoted, indented or inside a sentence
    is not a judgement. No such line, one that cannot be read, or two that disagree is a rejection with that reason.
    """
    lines = _verdict_lines(output)
    if not lines:
        return Verdict(commit, Judgement.REJECTED, "the review ended without a VERDICT line")
    found = [_LINE.fullmatch(line) for line in lines]
    if bad := next((line for line, match in zip(lines, found, strict=True) if match is None), None):
        return Verdict(commit, Judgement.REJECTED, f"the review's verdict cannot be read: {bad[:200]}")
    matches = [match for match in found if match]
    if len({bool(match[1]) for match in matches}) == 2:
        return Verdict(commit, Judgement.REJECTED, "the review both approved and rejected the change")
    last = matches[-1]
    if last[1]:
        return Verdict(commit, Judgement.APPROVED)
    return Verdict(commit, Judgement.REJECTED, last[3] or "no reason was given")


def _verdict_lines(output: str) -> list[str]:
    lines, fence = [], ""
    for line in output.splitlines():
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip().startswith(fence) and not line.strip(" `~"):
            fence = ""
        elif not fence and line.startswith("VERDICT:"):
            lines.append(line)
    return lines
