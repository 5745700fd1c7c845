"""`maestro decide`: the open decision cards and their answers."""

from __future__ import annotations

from typing import Annotated

import typer

from maestro_cli.daemon_line import connect
from maestro_cli.render import out
from maestro_ray.errors import UsageError
from maestro_ray.home import Home


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: maestro decide list    or: maestro decide 3fa9c1d2 retry")(decide)


def decide(
    card: Annotated[str, typer.Argument(help="`list`, or the end of a card's id.")] = "list",
    answer: Annotated[str, typer.Argument(help="One of the card's answers.")] = "",
) -> None:
    """Show what waits for the operator, or answer it."""
    with connect(Home.find()) as line:
        if card == "list":
            cards = line.call("decide.list")
            out.emit("decision", "list", "ok", cards_text(cards), decisions=cards)
            return
        if not answer:
            raise UsageError("which answer?", f"for example: maestro decide {card} retry")
        given = line.call("decide.answer", id=card, answer=answer)
    out.emit("decision", "answer", "ok", f"answered: {answer}", decision=given)


def cards_text(cards: list[dict[str, object]]) -> str:
    """Each card with the commands that answer it."""
    if not cards:
        return "nothing waits for you"
    lines = []
    for card in cards:
        short = str(card["id"])[-8:]
        options = card["options"] if isinstance(card["options"], list) else []
        question = "\n  ".join(map(out.printable, str(card["question"]).splitlines()))
        lines.append(f"{out.paint(short, 'bold')}  {card['kind']}: {question}")
        lines += [f"          maestro decide {short} {option}" for option in options]
    return "\n".join(lines)
