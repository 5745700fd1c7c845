"""Asks a person at a terminal whether a plan that the lead has proposed is carried out."""

from __future__ import annotations

import select
import sys
import termios
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from maestro_cli.render import out

Answer = Callable[[str, str, str], None]
# how often it is looked whether somebody else has answered meanwhile, in seconds
PAUSE = 2.0


def ask(event: Mapping[str, Any]) -> None:
    """About the first card of the event; stdin is a terminal. Raises `KeyboardInterrupt` when the person leaves
    without an answer."""
    # what was typed before the plan could be read is no answer to it
    _forget_typed()
    card = event["decisions"][0]["id"]
    put(event, partial(read_line, over=lambda: _answered(card)), _decide)


def put(event: Mapping[str, Any], read: Callable[[str], str | None], answer: Answer) -> None:
    """The same with other hands: `read` shows a question and gives a line, or None when nobody needs to answer any
    more; `answer` takes card, word and reason."""
    card = event["decisions"][0]
    if card["options"] != ["approve", "reject"]:
        return
    word = read("Carry out this plan? [y/N] ")
    if word is None:
        return
    if _yes(word):
        answer(card["id"], "approve", "")
        return
    reason = read("What should be different? (nothing: the team ends) ")
    if reason is not None:
        answer(card["id"], "reject", reason.strip())


def _yes(word: str) -> bool:
    return word.strip().lower() in ("y", "yes")


def read_line(question: str, over: Callable[[], bool], pause: float = PAUSE) -> str | None:
    """What the person types, or None when it is `over` before. Raises `KeyboardInterrupt` when they leave."""
    sys.stdout.write(question)
    sys.stdout.flush()
    while not _typed(pause):
        if over():
            # what was begun is no word for the shell
            _forget_typed()
            out.say("\nanswered elsewhere")
            return None
    line = sys.stdin.readline()
    if not line:  # the card waits, as it does for who presses Ctrl-C
        raise KeyboardInterrupt
    return line


def _forget_typed() -> None:
    with suppress(OSError):  # it is no file, and has what it will ever have
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def _typed(within: float) -> bool:
    """Whether a line is there, or the end of all lines."""
    try:
        return bool(select.select([sys.stdin], [], [], within)[0])
    except (OSError, ValueError):  # it is no file, so nothing is waited for there
        return True


def _answered(card: str) -> bool:
    """Whether it waits for nobody any more; not while that cannot be known."""
    from maestro_cli.daemon_line import connect
    from maestro_ray.errors import MaestroError
    from maestro_ray.home import Home

    try:
        with connect(Home.find()) as line:
            listed = line.call("decide.list")
    except MaestroError:
        return False
    return not listed["away"] and card not in [each["id"] for each in listed["cards"]]


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
