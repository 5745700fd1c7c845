"""What a lead finds at the tip of a plan's epic before it merges, and what it may therefore do.

A lead can be killed between git's merge and its report. Studio never takes that report, so the epic holds a merge that
Studio knows nothing of. Whoever merges next settles it: the same merge is taken as done, another one is put back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum


class Tip(StrEnum):
    KNOWN = "known"
    """Where Studio says it is: go on."""
    DONE = "done"
    """This very merge, unheard of: report it."""
    CUT = "cut"
    """Another task's merge, unheard of: put the epic back. Its task is merged anew, unless it was aborted."""
    FOREIGN = "foreign"
    """Somebody else's commits: touch nothing."""


def judge(known: str, tip: str, parents: Sequence[str], commit: str, cut: Collection[str]) -> Tip:
    """All are full hashes. `parents` are the tip's, `commit` is to be merged onto `known`; `cut` are commits whose
    merge a lead had begun and not told the end of. DONE and CUT hold only if the tip is what git makes of its
    parents."""
    if tip == known:
        return Tip.KNOWN
    match list(parents):
        case [first, second] if first == known and second == commit:
            return Tip.DONE
        case [first, second] if first == known and second in cut:
            return Tip.CUT
        case _:
            return Tip.FOREIGN
