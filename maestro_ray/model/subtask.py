"""How far an agent may split its task: a bound on number and on depth, so that no agent plans for ever."""

from __future__ import annotations

# parts of one task, and how often a part may be split again
PER_TASK = 10
DEPTH = 2


def refusal(depth: int, siblings: int) -> str:
    """Why a task at this depth (0: one of the plan) with so many parts gets no further one; empty when it may."""
    if depth >= DEPTH:
        return f"a part of a part is not split again: at most {DEPTH} levels below a task of the plan"
    if siblings >= PER_TASK:
        return f"the task has {siblings} parts already, and {PER_TASK} are the most"
    return ""
