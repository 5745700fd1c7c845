"""`maestro decide`: the open decision cards and their answers."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from maestro_cli import invocation
from maestro_cli.daemon_line import connect_to_teams
from maestro_cli.render import out
from maestro_cli.render.judged import judged_lines
from maestro_cli.render.permission import PERMISSION, permission_text
from maestro_ray.errors import MaestroError, UsageError
from maestro_ray.home import Home


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: maestro decide list    or: maestro decide 3fa9c1d2 retry")(decide)


def decide(
    card: Annotated[str, typer.Argument(help="`list`, or the end of a card's id.")] = "list",
    answer: Annotated[str, typer.Argument(help="One of the card's answers.")] = "",
    reason: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Why, for whoever waits for the answer: a rejected plan is made again with it.",
        ),
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="List every project's, not only this repository's.")
    ] = False,
) -> None:
    """Show what waits for the operator, or answer it."""
    if card == "list" and answer:
        raise UsageError(f"`maestro decide list` takes no {answer!r}", "an answer goes after a card's id")
    if card != "list" and not answer:
        raise UsageError("which answer?", f"for example: maestro decide {card} retry")
    if reason and not answer:
        raise UsageError(
            "--reason goes with an answer", "for example: maestro decide 3fa9c1d2 reject --reason TEXT"
        )
    with connect_to_teams(Home.find()) as line:
        if card == "list":
            where = {} if everything else _here()
            _list(line.call("decide.list", **where), here=bool(where))
            return
        given = line.call("decide.answer", id=card, answer=answer, **({"reason": reason} if reason else {}))
    shown = f"{permission_text(given)}\n" if given.get("kind") == PERMISSION else ""
    out.emit("decision", "answer", "ok", f"{shown}answered: {answer}", decision=given)


def _list(answer: dict[str, Any], *, here: bool) -> None:
    cards, away = answer["cards"], answer["away"]
    for each in away:
        out.warn(f"the decisions of {each['studio']} are not listed: {out.printable(each['reason'])}")
    where = " in this repository; `maestro decide --all` lists every project's" if here else ""
    where = where or (" at the Studios that answered" if away else "")
    text = cards_text(cards) if cards else f"nothing waits for you{where}"
    out.emit("decision", "list", "ok", text, decisions=cards, away=away)


def _here() -> dict[str, str]:
    """The repository this is called in, if it is one."""
    from maestro_ray.workspace.repo import Repo

    try:
        Repo.open(invocation.current.cwd)
    except MaestroError:
        return {}
    return {"repo": invocation.current.here}


def _about(card: dict[str, object]) -> str:
    words = [("plan", "plan"), ("project", "project"), ("team", "team")]
    return ", ".join(f"{name} {out.printable(str(card[key]))}" for key, name in words if card.get(key))


def _question(card: dict[str, object]) -> str:
    return "\n  ".join(map(out.printable, str(card["question"]).splitlines()))


def cards_text(cards: list[dict[str, object]]) -> str:
    """Each card with the commands that answer it, below what it is about."""
    lines = []
    for card in cards:
        short = str(card["id"])[-8:]
        options = card["options"] if isinstance(card["options"], list) else []
        asked = permission_text(card) if card["kind"] == PERMISSION else _question(card)
        lines.append(f"{out.paint(short, 'bold')}  {card['kind']}: {asked}")
        lines += [f"          {line}" for line in judged_lines(card)]
        if about := _about(card):
            lines.append(f"          {about}")
        lines += [f"          maestro decide {short} {out.typed(str(option))}" for option in options]
    return "\n".join(lines)
