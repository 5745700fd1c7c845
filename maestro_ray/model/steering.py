"""Steering: the operator's directives, active → cleared, and per worker a receipt accepted → delivered → superseded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from maestro_ray.errors import IllegalEvent
from maestro_ray.model.plain_text import one_line
from maestro_ray.model.table import arrow

BEGIN = "[OPERATOR STEERING]"
END = "[END OF OPERATOR STEERING]"


class DirectiveState(StrEnum):
    ACTIVE = "active"
    CLEARED = "cleared"


class ReceiptState(StrEnum):
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    SUPERSEDED = "superseded"


class How(StrEnum):
    """How a directive reached an agent."""

    IN_TURN = "in-turn"
    NEXT_TURN = "next-turn"
    RESTART = "restart-with-resume"


@dataclass(frozen=True)
class Receipt:
    """`at` is Unix seconds of the last change; `how` is empty until delivered. The first delivery counts."""

    state: ReceiptState
    at: float
    how: str = ""


@dataclass(frozen=True)
class Directive:
    """One operator sentence and where it stands with each worker (by worker name)."""

    id: str
    text: str
    at: float
    state: DirectiveState = DirectiveState.ACTIVE
    receipts: Mapping[str, Receipt] = field(default_factory=dict)


@dataclass(frozen=True)
class Accepted:
    """The journal holds it for this worker."""

    worker: str


@dataclass(frozen=True)
class Delivered:
    """It is in the worker's agent's input."""

    worker: str
    how: How


@dataclass(frozen=True)
class Cleared:
    pass


Event = Accepted | Delivered | Cleared

ARROWS: dict[tuple[DirectiveState, type], DirectiveState] = {
    (DirectiveState.ACTIVE, Accepted): DirectiveState.ACTIVE,
    (DirectiveState.ACTIVE, Delivered): DirectiveState.ACTIVE,
    (DirectiveState.ACTIVE, Cleared): DirectiveState.CLEARED,
    # a delivery already on its way when the operator cleared it did happen, and is told
    (DirectiveState.CLEARED, Delivered): DirectiveState.CLEARED,
    (DirectiveState.CLEARED, Cleared): DirectiveState.CLEARED,
}

RECEIPT_ARROWS: dict[tuple[ReceiptState, type], ReceiptState] = {
    (ReceiptState.ACCEPTED, Delivered): ReceiptState.DELIVERED,
    (ReceiptState.DELIVERED, Delivered): ReceiptState.DELIVERED,
    (ReceiptState.SUPERSEDED, Delivered): ReceiptState.SUPERSEDED,
    (ReceiptState.ACCEPTED, Cleared): ReceiptState.SUPERSEDED,
    (ReceiptState.DELIVERED, Cleared): ReceiptState.SUPERSEDED,
}


def apply(directive: Directive, event: Event, now: float) -> Directive:
    """The directive after the event. Raises `IllegalEvent`, and then nothing has changed. Repeats are harmless."""
    state = arrow("directive", ARROWS, directive.state, event)
    match event:
        case Accepted(worker):
            fresh = {worker: Receipt(ReceiptState.ACCEPTED, now)}
            return replace(directive, receipts={**fresh, **directive.receipts})
        case Delivered(worker, how):
            if worker not in directive.receipts:
                raise IllegalEvent("receipt", "none", f"Delivered to {worker}")
            receipt = _delivered(directive.receipts[worker], event, how, now)
            return replace(directive, receipts={**directive.receipts, worker: receipt})
        case Cleared() if directive.state is DirectiveState.CLEARED:
            return directive
        case Cleared():
            over = {
                worker: replace(receipt, state=arrow("receipt", RECEIPT_ARROWS, receipt.state, event), at=now)
                for worker, receipt in directive.receipts.items()
            }
            return replace(directive, state=state, receipts=over)


def _delivered(receipt: Receipt, event: Delivered, how: How, now: float) -> Receipt:
    state = arrow("receipt", RECEIPT_ARROWS, receipt.state, event)
    return receipt if receipt.how else Receipt(state, now, how.value)


# the kinds of messages that are steering; only a channel writes them
KINDS = ("directive", "accepted", "receipt", "cleared")


def told(
    directives: Mapping[str, Directive], kind: str, body: Mapping[str, Any], at: float
) -> Mapping[str, Directive]:
    """The directives after one message of a channel, in the order of its numbers. Other kinds change nothing.

    Both the channel, which owns them, and whoever reads its messages come to the same state in this way.
    """
    match kind:
        case "directive":
            fresh = Directive(body["id"], body["text"], at)
            for worker in body["workers"]:
                fresh = apply(fresh, Accepted(worker), at)
            return {**directives, fresh.id: fresh}
        case "accepted":
            return _moved(directives, body["directive"], Accepted(body["worker"]), at)
        case "receipt":
            return _moved(directives, body["directive"], Delivered(body["worker"], How(body["how"])), at)
        case "cleared":
            for identifier in body.get("directives") or [each.id for each in active(directives)]:
                directives = _moved(directives, identifier, Cleared(), at)
            return directives
        case _:
            return directives


def active(directives: Mapping[str, Directive]) -> list[Directive]:
    """Those that still hold, oldest first."""
    return [each for each in directives.values() if each.state is DirectiveState.ACTIVE]


def latest(directives: Mapping[str, Directive], most: int) -> Mapping[str, Directive]:
    """The same without the oldest of those that are over, as far as there are more than `most`."""
    over = [each.id for each in directives.values() if each.state is not DirectiveState.ACTIVE]
    gone = set(over[: max(0, len(directives) - most)])
    return {identifier: each for identifier, each in directives.items() if identifier not in gone}


def _moved(
    directives: Mapping[str, Directive], identifier: str, event: Event, at: float
) -> Mapping[str, Directive]:
    if identifier not in directives:
        return directives
    return {**directives, identifier: apply(directives[identifier], event, at)}


def block(texts: Sequence[str]) -> str:
    """The directives as an agent reads them; empty without any. One line each: a directive is one sentence, and the
    block ends where we say."""
    if not texts:
        return ""
    lines = [f"{number}. {one_line(text)}" for number, text in enumerate(texts, 1)]
    words = (
        "The operator of this team says the following; it goes before everything else here, until cleared."
    )
    return "\n".join([BEGIN, words, *lines, END])
