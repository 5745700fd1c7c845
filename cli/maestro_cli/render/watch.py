"""Watching a team: a live line per worker on a terminal, a plain log on a pipe, silence for JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from maestro_cli import invocation
from maestro_cli.following import follow_events
from maestro_cli.render import out
from maestro_cli.render.board import INDENT, SUMMARY_HEAD, Board, summary_rows
from maestro_ray.connection.call import Line


class Waiting(Exception):
    """`Waiting(board)`: nothing goes on before the operator decides, and nobody is at the terminal."""


# asks the person about a plan that was proposed, given the event that says so
Ask = Callable[[Mapping[str, Any]], None]


def watch(line: Line, answer: dict[str, Any], ask: Ask | None = None) -> dict[str, Any]:
    """Follow the team that `team.start` answered with to its end; its result. Raises `Waiting`."""
    tasks = (answer.get("plan") or {}).get("tasks", [])
    board = Board(
        {each["name"]: "idle" for each in answer["workers"]},
        {task["id"]: task["status"] for task in tasks},
        {task["id"]: task["title"] for task in tasks},
    )
    with _screen(board) as (show, aside):
        for kind, value in follow_events(line, answer["team"]["id"]):
            if kind == "team.event":
                show(board.take(value))
                if ask and _asks(value, board):
                    with aside():
                        ask(value)
                # what is past may have been answered meanwhile
                if board.waiting and not value.get("past") and not _interactive():
                    raise Waiting(board)
            elif not kind:
                return dict(value or {})
    raise AssertionError("a stream ends with its answer")


def _asks(event: Mapping[str, Any], board: Board) -> bool:
    """Whether it is a card of a proposal that nobody has answered, and somebody here can."""
    waits = event["kind"] == "team.waiting" and bool(board.proposed) and not event.get("past")
    return waits and _interactive() and sys.stdin.isatty()


def _interactive() -> bool:
    return sys.stdout.isatty() and not invocation.current.json


@contextmanager
def _screen(board: Board) -> Iterator[Any]:
    if invocation.current.json:
        yield (lambda _lines: None), nullcontext
    elif not sys.stdout.isatty():
        began = time.monotonic()

        def log(lines: list[str]) -> None:
            for line in lines:
                out.say(f"{time.monotonic() - began:7.1f}s  {line}")

        yield log, nullcontext
    else:
        with _live(board) as screen:
            yield screen


@contextmanager
def _live(board: Board) -> Iterator[Any]:
    """The log scrolls above; below stays a line for each worker."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def below() -> Text:
        steered = f"  ⚑ {board.directives} steering" if board.directives else ""
        burn = f"  {board.burn}" if board.burn else ""
        head = f"{board.done} of {len(board.tasks)} tasks done{steered}{burn}" if board.tasks else f"…{burn}"
        text = Text(head + "\n", style="dim", no_wrap=True, overflow="ellipsis")
        for name, doing in board.lines(time.time()):
            text.append(f"{name:<14}", style="cyan")
            text.append(doing + "\n", style="dim" if doing == "idle" else "")
        return text

    console = Console(highlight=False, soft_wrap=False)

    def begin() -> Live:
        live = Live(console=console, refresh_per_second=8, transient=True, get_renderable=below)
        live.start(refresh=True)
        return live

    live = begin()

    def show(lines: list[str]) -> None:
        for each in lines:
            console.print(Text("\n".join(hanging(each, console.width)), overflow="fold"))
        live.refresh()

    @contextmanager
    def aside() -> Iterator[None]:
        """The person has the terminal. What is below begins anew: one that is started again would first wipe out the
        lines where it was before, which are others now."""
        nonlocal live
        live.stop()
        try:
            yield
        finally:
            live = begin()

    try:
        yield show, aside
    finally:
        live.stop()


def hanging(line: str, width: int) -> list[str]:
    """A line of the log that is longer than `width` goes on below its own words, not below the name before them."""
    from rich.console import Console
    from rich.text import Text

    words = line.lstrip()
    indent = len(line) - len(words) or (INDENT if line[:INDENT].endswith(" ") else 0)
    if width <= 2 * indent:
        return [line]
    pieces = Text(line[indent:]).wrap(Console(width=width), width - indent, overflow="fold")
    return [f"{' ' * indent if n else line[:indent]}{piece.plain.rstrip()}" for n, piece in enumerate(pieces)]


def summary(result: dict[str, Any]) -> str:
    """The table at the end and a line with the outcome of each plan, then what they have used."""
    parts = []
    for plan in result.get("plans", []):
        nothing = ", nothing was merged" if nothing_merged(plan) else ""
        head = f"plan {out.printable(plan['title'])}: {plan['status']}{nothing} in {plan['seconds']:.1f}s"
        if plan["released"]:
            head += f", {plan['base']} is at {plan['released'][:10]}"
        parts += [out.columns(summary_rows(plan), SUMMARY_HEAD, fit=True), head]
    if used := result.get("used"):
        parts.append(f"used {used}")
    return "\n\n".join(parts)


def nothing_merged(plan: dict[str, Any]) -> bool:
    """Every task was cancelled: the plan is completed and has changed nothing."""
    return plan["status"] == "completed" and all(task["status"] == "cancelled" for task in plan["tasks"])
