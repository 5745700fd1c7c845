"""Budgets: what is granted never goes over a cap, whoever asks in whatever order."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from maestro_ray.model.budget import Amount, Cap, Granted, Ledger, Refused, burn, count, decide, money, worth

RUNS = st.sampled_from(["a", "b", "c"])
amounts = st.builds(Amount, st.integers(0, 5_000), st.integers(0, 500).map(lambda cents: cents / 100))


@dataclass
class Held:
    granted: Amount = field(default_factory=Amount)
    left: Amount = field(default_factory=Amount)


class Team(RuleBasedStateMachine):
    """Runs that share a team's and a day's account, each asking, spending and ending when it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.ledgers = [Ledger("team", Cap(10_000, 5.0)), Ledger("day", Cap(12_000, 4.0))]
        self.held: dict[str, Held] = {}
        self.over = Amount()

    @rule(run=RUNS, wanted=amounts.map(lambda amount: amount.at_least(Amount(1, 0.01))))
    def ask(self, run: str, wanted: Amount) -> None:
        """What it had reserved before is given back first, as Studio does. Red with `free` that forgets `reserved`."""
        self.end(run)
        decision = decide(self.ledgers, wanted)
        if isinstance(decision, Refused):
            assert decision.waits == (not any(each.used_up() for each in self.ledgers))
            assert not decision.waits or self.held
            return
        amount = decision.amount()
        assert amount.tokens <= wanted.tokens
        assert amount.usd <= wanted.usd
        self.ledgers = [each.reserve(amount) for each in self.ledgers]
        for each in self.ledgers:
            assert (each.spent + each.reserved).tokens <= (each.cap.tokens or 0)
            assert (each.spent + each.reserved).usd <= (each.cap.usd or 0.0) + 1e-6
        self.held[run] = Held(amount, amount)

    @rule(run=RUNS, used=amounts)
    def spend(self, run: str, used: Amount) -> None:
        held = self.held.get(run)
        if held is not None and (held.left.tokens > 0 and held.left.usd > 0):
            self.ledgers = [each.settle(used, held.left) for each in self.ledgers]
            # beyond its grant goes one answer: it is stopped then
            self.over += used.less(held.left)
            held.left = held.left.less(used)

    @rule(run=RUNS)
    def end(self, run: str) -> None:
        if held := self.held.pop(run, None):
            self.ledgers = [each.release(held.left) for each in self.ledgers]

    @invariant()
    def nothing_is_spent_over_a_cap_but_the_answers_that_crossed_it(self) -> None:
        for each in self.ledgers:
            assert each.spent.tokens <= (each.cap.tokens or 0) + self.over.tokens
            assert each.spent.usd <= (each.cap.usd or 0.0) + self.over.usd + 1e-6

    @invariant()
    def what_is_reserved_is_what_is_held(self) -> None:
        left = Amount()
        for held in self.held.values():
            left += held.left
        for each in self.ledgers:
            assert each.reserved.tokens == left.tokens
            assert each.reserved.usd == pytest.approx(left.usd, abs=1e-6)


TestTeam = Team.TestCase


def test_without_a_cap_nothing_is_limited() -> None:
    assert decide([Ledger("team"), Ledger("day")], Amount(5, 1.0)) == Granted(Cap(None, None))


def test_nobody_gets_all_that_is_left_while_half_of_it_is_worth_a_turn() -> None:
    team = Ledger("team", Cap(usd=1.0))
    first = decide([team], Amount(0, 5.0))
    assert first == Granted(Cap(None, 1.0)), "less than a quarter of what is wanted is no use to anybody"
    assert decide([team], Amount(0, 1.0)) == Granted(Cap(None, 0.5))
    assert decide([team], Amount(0, 0.1)) == Granted(Cap(None, 0.1))


def test_what_is_used_up_refuses_and_what_is_reserved_only_waits() -> None:
    spent = Ledger("day", Cap(usd=1.0), Amount(0, 1.0))
    full = Ledger("team", Cap(usd=1.0), Amount(0, 0.5), Amount(0, 0.5))
    assert decide([full], Amount(1, 1.0)) == Refused(full, waits=True)
    assert decide([full, spent], Amount(1, 1.0)) == Refused(spent)


def test_a_raise_is_the_same_amount_as_often_as_it_takes_and_only_of_what_is_used_up() -> None:
    step = Cap(1000, 5.0)
    assert Ledger("team", step, Amount(10, 5.0)).raise_by(step) == Amount(0, 5.0)
    assert Ledger("team", step, Amount(10, 12.0)).raise_by(step) == Amount(0, 10.0)
    assert Ledger("team", step, Amount(1000, 1.0)).raise_by(step) == Amount(1000, 0.0)


@given(
    step=st.integers(1, 500).map(lambda cents: cents / 100), spent=st.integers(0, 5000).map(lambda c: c / 100)
)
def test_after_a_raise_there_is_room(step: float, spent: float) -> None:
    ledger = Ledger("team", Cap(usd=step), Amount(0, spent))
    more = ledger.raise_by(Cap(usd=step))
    raised = Ledger("team", Cap(usd=step + more.usd), ledger.spent)
    assert not raised.used_up()
    assert bool(more.usd) == ledger.used_up()


@pytest.mark.parametrize(
    ("tokens", "words"), [(0, "0"), (950, "950"), (1200, "1.2k"), (120_000, "120k"), (2_000_000, "2M")]
)
def test_tokens_for_people(tokens: int, words: str) -> None:
    assert count(tokens) == words


def test_money_for_people() -> None:
    assert [money(usd) for usd in (0.0, 0.0012, 1.234, 20.0)] == ["$0.00", "$0.0012", "$1.23", "$20.00"]


def test_what_a_raise_is_worth() -> None:
    assert worth(Amount(200_000, 5.0)) == "$5.00 and 200k tokens"
    assert worth(Amount(0, 5.0)) == "$5.00"
    assert worth(Amount(500, 0.0)) == "500 tokens"


def test_the_burn_is_one_line() -> None:
    assert burn(Amount(120_000, 1.23), Cap(usd=5.0)) == "$1.23 of $5.00 · 120k tokens"
    assert burn(Amount(120_000, 0.0), Cap(tokens=200_000), 120_000) == (
        "$0.00 · 120k of 200k tokens (120k unpriced)"
    )
