"""The tip of an epic judged alone, and in every order of merges, cuts, answers and leads that come too late."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.model.tip import Tip, judge


@pytest.mark.parametrize(
    ("tip", "parents", "found"),
    [
        ("head", (), Tip.KNOWN),
        ("x", ("head", "mine"), Tip.DONE),
        ("x", ("head", "other"), Tip.CUT),
        ("x", ("head", "never approved"), Tip.FOREIGN),
        ("x", ("elsewhere", "mine"), Tip.FOREIGN),
        ("x", ("elsewhere", "other"), Tip.FOREIGN),
        ("x", ("mine", "head"), Tip.FOREIGN),
        ("x", ("head",), Tip.FOREIGN),
        ("x", ("head", "mine", "other"), Tip.FOREIGN),
        ("x", (), Tip.FOREIGN),
    ],
)
def test_what_the_tip_is(tip: str, parents: tuple[str, ...], found: Tip) -> None:
    assert judge("head", tip, parents, "mine", {"other"}) is found


@dataclass
class Plan:
    """Studio's knowledge (`head`, `begun`), git's (`tip`, `parents`), and leads that were given up and may still merge."""

    head: str = "e0"
    tip: str = "e0"
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    merged: list[str] = field(default_factory=list)
    aborted: set[str] = field(default_factory=set)
    late: list[tuple[str, str]] = field(default_factory=list)

    def git(self, head: str, commit: str) -> None:
        """Merge onto `head` and move the branch there, if it is there still."""
        if self.tip == head:
            self.tip = f"m{len(self.parents)}"
            self.parents[self.tip] = (head, commit)

    def claim(self, commit: str) -> None:
        """The lead's part, up to where git has merged."""
        self.begun.add(commit)
        found = judge(self.head, self.tip, self.parents.get(self.tip, ()), commit, self.begun - {commit})
        assert found is not Tip.FOREIGN
        if found is Tip.CUT:
            self.tip = self.head
        self.git(self.head, commit)

    def report(self, commit: str) -> None:
        self.head = self.tip
        self.merged.append(commit)
        self.begun.discard(commit)

    def chain(self) -> list[str]:
        """What the epic holds where Studio says it is."""
        found, at = [], self.head
        while at in self.parents:
            at, commit = self.parents[at]
            found.append(commit)
        return found[::-1]


steps = st.lists(
    st.tuples(st.sampled_from(["merge", "cut", "stuck", "late", "abort"]), st.sampled_from("abcd"))
)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_whatever_is_cut_and_aborted_the_epic_holds_what_was_reported_and_no_more(
    history: list[tuple[str, str]],
) -> None:
    plan = Plan()
    for step, commit in history:
        if step == "late" and plan.late:
            plan.git(*plan.late.pop())
        if step == "abort" and commit not in plan.merged:
            plan.aborted.add(commit)
        if commit in plan.merged or commit in plan.aborted:
            continue
        match step:
            case "merge":
                plan.claim(commit)
                plan.report(commit)
            case "cut":
                plan.claim(commit)
            case "stuck":
                plan.begun.add(commit)
                plan.late.append((plan.head, commit))
        assert plan.chain() == plan.merged
        assert not plan.aborted & set(plan.chain())
