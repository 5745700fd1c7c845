"""Budgets at work: who may begin or go on, the card that is asked at a cap, and what its answer does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from maestro_ray.model import budget as model
from maestro_ray.model import channels
from maestro_ray.model import dispatch as decide
from maestro_ray.model import run as machine
from maestro_ray.model import task as task_machine
from maestro_ray.model.budget import Amount, Granted, Refused
from maestro_ray.model.run import LEAD_PURPOSES
from maestro_ray.studio import analysis, loop, purses, runs, usage
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

RAISE, FINISH, STOP = "raise", "finish", "stop"
WORKERS = [purpose for purpose in machine.Purpose if purpose not in LEAD_PURPOSES]


# ── while a run goes on ──────────────────────────────────────────────────────────────────────────────────────────────


def spent(tx: Transaction, run_id: str, epoch: int, used: Mapping[str, Any], *, ask: bool) -> dict[str, Any]:
    """Put down what a run has used so far, also one that has changed hands: it was used all the same.

    With `ask` the answer is how much more its holder may use: `{granted, tokens, usd, waits, reason}`, None for no
    limit. What is refused and does not wait is asked of the operator.
    """
    row = tx.get(t.runs, run_id)
    if columns := usage.spend(tx, row, used):
        tx.update(t.runs, run_id, **columns)
        tell(tx, row)
    if not ask:
        return answer_of(Granted())
    held = row["state"] in (machine.State.RUNNING, machine.State.PAUSED) and epoch == row["epoch"]
    if not held:
        return {
            **answer_of(Granted()),
            "granted": False,
            "waits": True,
            "reason": "the run is not held any more",
        }
    decision = purses.reserve(tx, row, tx.get(t.sessions, row["session_id"]))
    if isinstance(decision, Refused) and not decision.waits:
        _ask(tx, row, tx.get(t.sessions, row["session_id"]), decision)
    return answer_of(decision)


def answer_of(decision: Granted | Refused) -> dict[str, Any]:
    if isinstance(decision, Granted):
        limit = decision.limit
        return {"granted": True, "tokens": limit.tokens, "usd": limit.usd, "waits": False, "reason": ""}
    nothing = {"granted": False, "tokens": 0, "usd": 0.0}
    return {**nothing, "waits": decision.waits, "reason": _sentence(decision)}


def is_capped(tx: Transaction, row: Row) -> bool:
    """Whether the holder of this run must ask before it spends."""
    session = tx.find(t.sessions, row["session_id"] or "")
    if session is None or row["purpose"] not in WORKERS:
        return False
    return purses.caps(tx, session["team_id"]) is not None


def waits(tx: Transaction, row: Row) -> bool:
    """Whether a run that pauses does so for its budget: it has cost nothing, and no attempt either."""
    return bool(row["state"] == machine.State.PAUSED and row["resume_at"] is None and is_capped(tx, row))


# ── handing out ──────────────────────────────────────────────────────────────────────────────────────────────────────


def shut(tx: Transaction, seats: Sequence[decide.Seat]) -> dict[str, Refused]:
    """The sessions, among these, whose team has nothing left for a run that begins, and why. The lead uses nothing."""
    teams = {seat.team for seat in seats}
    capped = {
        row["team_id"] for row in tx.all(sa.select(t.budgets.c.team_id).where(t.budgets.c.team_id.in_(teams)))
    }
    if not capped:
        return {}
    found: dict[tuple[str, str], Refused | None] = {}
    for seat in seats:
        if seat.team in capped and seat.role != "lead" and (seat.team, seat.user) not in found:
            found[seat.team, seat.user] = purses.room(tx, tx.get(t.sessions, seat.session))
    refusals = {seat.session: found.get((seat.team, seat.user)) for seat in seats if seat.role != "lead"}
    return {session: refused for session, refused in refusals.items() if refused}


def hand_out(tx: Transaction, row: Row, session_id: str) -> bool:
    """Reserve for a run that is about to begin; False when there is nothing left, and then the operator is asked."""
    if row["purpose"] not in WORKERS:
        return True
    session = tx.get(t.sessions, session_id)
    decision = purses.reserve(tx, row, session)
    if isinstance(decision, Refused):
        ask_for(tx, row["id"], session_id, decision)
    return isinstance(decision, Granted)


def freed(tx: Transaction) -> set[str]:
    """The runs that the operator lets finish, whatever they use."""
    scopes = tx.all(sa.select(t.purses.c.scope).where(t.purses.c.free))
    return {row["scope"].partition(":")[2] for row in scopes}


def ask_for(tx: Transaction, run_id: str, session_id: str, refused: Refused) -> None:
    """Ask the operator for what this run would need; what others may give back is waited for without a word."""
    if not refused.waits:
        _ask(tx, tx.get(t.runs, run_id), tx.get(t.sessions, session_id), refused)


# ── the card ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ask(tx: Transaction, row: Row, session: Row, refused: Refused) -> None:
    """One card an account, whoever meets its cap first."""
    scope = refused.ledger.name
    if purses.card(tx, scope) is None:
        of = {"plan_id": row["plan_id"], "task_id": None, "run_id": row["id"]}
        more = model.worth(_more(tx, session, refused))
        question = (
            f"{_whose(tx, row, session, scope)} {_sentence(refused)}.\n"
            f"{RAISE}: {more} more; {FINISH}: what has begun may end, nothing else begins; "
            f"{STOP}: what has begun ends now, and its tasks wait for you"
        )
        about = {"more": more}
        card = loop.put_card(tx, row["project_id"], "budget", question, _OPTIONS, of, about)
        purses.change(tx, scope, card=card)


_OPTIONS = (RAISE, FINISH, STOP)


def _sentence(refused: Refused) -> str:
    ledger = refused.ledger
    what = {purses.RUN: "this run", purses.TEAM: "the team", purses.DAY: "this day"}[_kind(ledger.name)]
    used = model.burn(ledger.spent, ledger.cap)
    if refused.waits:
        return f"what is left of the budget of {what} is reserved by others ({used} is used)"
    return f"the budget of {what} is used up: {used}"


def _whose(tx: Transaction, row: Row, session: Row, scope: str) -> str:
    task = tx.find(t.tasks, row["task_id"] or "")
    title = task["title"] if task else str(row["purpose"])
    return f"{title}:" if _kind(scope) == purses.RUN else f"{tx.get(t.teams, session['team_id'])['name']}:"


def _kind(scope: str) -> str:
    return scope.partition(":")[0]


def _more(tx: Transaction, session: Row, refused: Refused) -> Amount:
    budget = purses.caps(tx, session["team_id"])
    assert budget is not None
    return refused.ledger.raise_by(purses.said(budget, _kind(refused.ledger.name)))


def answer(tx: Transaction, decision_id: str, word: str, reason: str = "") -> Row:
    """As `loop.answer`, and what it does to a budget."""
    card = loop.answer(tx, decision_id, word, reason)
    if card["kind"] == "budget":
        purse = tx.first(sa.select(t.purses).where(t.purses.c.card == decision_id))
        row = tx.find(t.runs, card["run_id"] or "")
        if purse is not None and row is not None:
            {RAISE: _raise, FINISH: _finish, STOP: _stop}[word](tx, purse["scope"], row)
        _look_again(tx, card["project_id"])
    return card


def _look_again(tx: Transaction, project_id: str) -> None:
    """Dispatch looks at what has changed, and of a purse it knows nothing."""
    living = sa.select(t.teams.c.id).where(t.teams.c.project_id == project_id, t.teams.c.status == "active")
    tx.written.setdefault(t.teams, set()).update(row["id"] for row in tx.all(living))


def _raise(tx: Transaction, scope: str, row: Row) -> None:
    """The same amount again; as often as it takes where more was used than that."""
    for session in _sessions(tx, row):
        budget, who = purses.caps(tx, session["team_id"]), purses.holder(tx, session, row["id"])
        if budget is None or who.scope(_kind(scope)) != scope:
            continue
        more = purses.ledger(tx, budget, who, _kind(scope)).raise_by(purses.said(budget, _kind(scope)))
        purse = purses.find(tx, scope)
        purses.change(
            tx, scope, more_tokens=purse["more_tokens"] + more.tokens, more_usd=purse["more_usd"] + more.usd
        )
        return


def _finish(tx: Transaction, scope: str, row: Row) -> None:
    for each in {row["id"], *(run["id"] for run in _begun(tx, scope))}:
        purses.change(tx, f"{purses.RUN}:{each}", free=True)


def _stop(tx: Transaction, scope: str, row: Row) -> None:
    """What has begun fails; what waits in the same plans is not begun either. Their tasks wait for the operator."""
    begun = _begun(tx, scope)
    plans = {each["plan_id"] for each in (row, *begun)} - {None}
    of = t.runs.c.id == row["id"] if _kind(scope) == purses.RUN else sa.or_(
        t.runs.c.id == row["id"], t.runs.c.plan_id.in_(plans)
    )  # fmt: skip
    queued = runs.live(tx, t.runs.c.state == machine.State.QUEUED, t.runs.c.purpose.in_(WORKERS), of)
    reason = f"stopped by the operator at a cap: {_of_scope(scope)}"
    for each in (*begun, *queued):
        _end(tx, tx.get(t.runs, each["id"]), reason)


def _of_scope(scope: str) -> str:
    return f"the budget of the {_kind(scope)} is used up"


def _end(tx: Transaction, row: Row, reason: str) -> None:
    if row["state"] in (machine.State.RUNNING, machine.State.PAUSED):
        runs.step(tx, row, machine.Failed(row["epoch"]), reason=reason)
    elif row["state"] in machine.LIVE:
        runs.step(tx, row, machine.Cancelled(), reason=reason)
    else:
        return
    if row["task_id"]:
        loop.task_event(tx, row["task_id"], task_machine.OverBudget(machine.Purpose(row["purpose"]), reason))
    elif row["plan_id"] is None:
        analysis.ask(tx, row, reason)


def _begun(tx: Transaction, scope: str) -> list[Row]:
    """Runs of workers that are held on this account."""
    held = runs.live(tx, t.runs.c.state.in_(machine.HELD), t.runs.c.purpose.in_(WORKERS))
    return [each for each in held if _on(tx, each, scope)]


def _on(tx: Transaction, row: Row, scope: str) -> bool:
    session = tx.find(t.sessions, row["session_id"] or "")
    return session is not None and scope in purses.holder(tx, session, row["id"]).scopes


def _sessions(tx: Transaction, row: Row) -> Iterable[Row]:
    """Those through which the cap of an account is known: the run's, and whoever else is of its team or its day."""
    holder = tx.find(t.sessions, row["session_id"] or "")
    if holder is not None:
        yield holder
    living = sa.select(t.sessions).where(
        t.sessions.c.project_id == row["project_id"],
        t.sessions.c.role == "worker",
        t.sessions.c.status != "ended",
    )
    yield from tx.all(living)


# ── for those who watch ──────────────────────────────────────────────────────────────────────────────────────────────


def standing(tx: Transaction, team: Row) -> dict[str, Any]:
    """What a team has used, of how much: `{tokens, usd, unpriced, cap_tokens, cap_usd, reserved_usd, …, burn}`."""
    who = purses.Holder("", team["id"], "", "")
    purse = purses.find(tx, who.scope(purses.TEAM))
    budget = purses.caps(tx, team["id"])
    ledger = purses.ledger(tx, budget, who, purses.TEAM) if budget else model.Ledger("")
    spent_so_far = Amount(purse["tokens"], purse["usd"])
    return {
        "tokens": purse["tokens"],
        "usd": purse["usd"],
        "unpriced_tokens": purse["unpriced"],
        "cap_tokens": ledger.cap.tokens,
        "cap_usd": ledger.cap.usd,
        "reserved_tokens": ledger.reserved.tokens,
        "reserved_usd": ledger.reserved.usd,
        "caps": {name: budget[name] for name in purses.CAPS} if budget else {},
        "burn": model.burn(spent_so_far, ledger.cap, purse["unpriced"]) if purse["tokens"] or budget else "",
    }


def tell(tx: Transaction, row: Row) -> None:
    """Let those who watch a team see how its money goes."""
    session = tx.find(t.sessions, row["session_id"] or "")
    if session is not None and session["team_id"]:
        team = tx.get(t.teams, session["team_id"])
        shown = {"id": team["id"], "name": team["name"], **standing(tx, team)}
        tx.publish(channels.project(row["project_id"]), "budget.updated", team=shown, run_id=row["id"])


def team_over(tx: Transaction, team_id: str) -> None:
    """A team that has ended needs no more."""
    purses.withdraw(tx, f"{purses.TEAM}:{team_id}")
