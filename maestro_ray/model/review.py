"""A review by several: which verdicts about one commit are enough, and what they come to together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Agreement(StrEnum):
    """How many of the reviewers must approve."""

    ANY = "any"
    MAJORITY = "majority"
    ALL = "all"


@dataclass(frozen=True)
class Vote:
    """What one reviewer's verdict says about one commit; `reviewer` is a session."""

    reviewer: str
    commit: str
    approved: bool
    reason: str = ""


def needed(reviewers: int, agreement: Agreement) -> int:
    """How many approvals it takes."""
    return {Agreement.ANY: 1, Agreement.MAJORITY: reviewers // 2 + 1, Agreement.ALL: reviewers}[agreement]


def about(votes: Sequence[Vote], commit: str) -> list[Vote]:
    """The votes that count: those about this very commit, and of each reviewer the first."""
    found: dict[str, Vote] = {}
    for vote in votes:
        if vote.commit == commit:
            found.setdefault(vote.reviewer, vote)
    return list(found.values())


def missing(votes: Sequence[Vote], commit: str, reviewers: int) -> int:
    """How many more must judge this commit, unless it is decided before."""
    return max(0, reviewers - len(about(votes, commit)))


def decided(votes: Sequence[Vote], commit: str, reviewers: int, agreement: Agreement) -> bool | None:
    """Whether the commit is approved; None as long as either may still come."""
    counted = about(votes, commit)
    approvals = sum(vote.approved for vote in counted)
    enough = needed(reviewers, agreement)
    if approvals >= enough:
        return True
    # no approval that is still to come would make it enough
    return False if len(counted) - approvals > reviewers - enough else None


def reason(votes: Sequence[Vote], commit: str) -> str:
    """Why it was rejected, in the words of everybody who did."""
    against = [vote.reason for vote in about(votes, commit) if not vote.approved]
    return against[0] if len(against) == 1 else "\n".join(f"{n}. {each}" for n, each in enumerate(against, 1))
