"""Asks a person at a terminal whether a plan that the lead has proposed is carried out."""

from __future__ import annotations

import sys
import termios
from collections.abc import Callable, Mapping
from typing import Any

from maestro_cli.render import out

Answer = Callable[[str, str, str], None]


def ask(event: Mapping[str, Any]) -> None:
    """About the first card of the event; stdin is a terminal. Raises `KeyboardInterrupt` when the person leaves
    without an answer."""
    put(event, _input, _decide)


def put(event: Mapping[str, Any], read: Callable[[str], str], answer: Answer) -> None:
    """The same with other hands: `read` shows a question and gives a line, `answer` takes card, word and reason."""
    card = event["decisions"][0]
    if card["options"] != ["approve", "reject"]:
        return
    if _yes(read("Carry out this plan? [y/N] ")):
        answer(card["id"], "approve", "")
        return
    reason = read("What should be different? (nothing: the team ends) ").strip()
    answer(card["id"], "reject", reason)


def _yes(word: str) -> bool:
    return word.strip().lower() in ("y", "yes")


def _input(question: str) -> str:
    # what was typed before the plan could be read is no answer to it
    termios.tcflush(sys.stdin, termios.TCIFLUSH)
    try:
        return input(question)
    except EOFError:  # the card waits, as it does for who presses Ctrl-C
        raise KeyboardInterrupt from None


def _decide(card: str, word: str, reason: str) -> None:
    """On a line of its own: the one that follows the team is busy. Who was faster has decided."""
    from maestro_cli.daemon_line import connect_to_teams
    from maestro_ray.errors import MaestroError
    from maestro_ray.home import Home

    try:
        with connect_to_teams(Home.find()) as line:
            line.call("decide.answer", id=card, answer=word, reason=reason)
    except MaestroError as error:
        out.warn(f"{error}")
