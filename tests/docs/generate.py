"""Writes the parts of the reference that the code knows best: `python -m tests.docs.generate`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer
from typer.testing import CliRunner

from maestro_cli.main import app
from maestro_ray.model import plan, run, steering, task, team
from maestro_ray.model.access import MAY, MEANING, Action, Role
from maestro_ray.protocol import states
from maestro_ray.protocol.codes import ErrorCode
from maestro_ray.protocol.pusher import Code, advise
from maestro_ray.transcript import document

from .markdown import DOCS, ROOT, fill

WIDTH = 96


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its words, groups included, in the order of `maestro --help`."""
    yield "maestro", (top := typer.main.get_command(app))
    for name, command in top.commands.items():
        yield f"maestro {name}", command
        for inner, further in getattr(command, "commands", {}).items():
            yield f"maestro {name} {inner}", further


def help_of(words: str) -> str:
    """What `--help` prints, without colours and at a fixed width."""
    arguments = [*words.split()[1:], "--help"]
    result = CliRunner().invoke(app, arguments, prog_name="maestro", terminal_width=WIDTH)
    assert result.exit_code == 0, result.output
    return re.sub(r" +$", "", result.output, flags=re.MULTILINE).strip()


def command_line() -> str:
    """A heading and the help of every command."""
    return "\n\n".join(f"### {words}\n\n```text\n{help_of(words)}\n```" for words, _ in commands())


def error_codes() -> str:
    rows = [[f"{int(code)}", f"`{code.name}`", code.todo] for code in ErrorCode]
    return _table(["code", "name", "what the caller should do"], rows)


def roles() -> str:
    rows = [
        [f"`{action.value}`", MEANING[action], *("✓" if role in MAY[action] else "" for role in Role)]
        for action in Action
    ]
    return _table(["may", "that is", *(role.value for role in Role)], rows)


def pusher_codes() -> str:
    rows = [[f"{int(code)}", f"`{code.name}`", advise(code).value] for code in Code]
    return _table(["code", "name", "what a client does"], rows)


def machine(arrows: Mapping[tuple[Any, type], Any]) -> str:
    """One row for each state and event; events that only the machine itself makes are left out of the names."""
    rows = [
        [f"`{state.value}`", f"`{_event(event)}`", f"`{after.value}`"]
        for (state, event), after in sorted(arrows.items(), key=lambda item: _order(item[0][0]))
    ]
    return _table(["state", "event", "next state"], rows)


def moves(arrows: Mapping[Any, Mapping[Any, Any]]) -> str:
    rows = [
        [f"`{state.value}`", f"`{move.value}`", f"`{after.value}`"]
        for state, further in arrows.items()
        for move, after in further.items()
    ]
    return _table(["state", "move", "next state"], rows)


PROTOCOL = {
    "error codes": error_codes,
    "pusher codes": pusher_codes,
    "roles": roles,
    "plan": lambda: machine(plan.ARROWS),
    "task": lambda: machine(task.ARROWS),
    "run": lambda: machine(run.ARROWS),
    "team": lambda: machine(team.ARROWS),
    "directive": lambda: machine(steering.ARROWS),
    "receipt": lambda: machine(steering.RECEIPT_ARROWS),
    "connection": lambda: moves(states.CONNECTION),
    "subscription": lambda: moves(states.SUBSCRIPTION),
}


def parts() -> str:
    """A table of the fields of each part of a transcript, the whole first, each part behind one that has it."""
    shown, left = [], [document.Transcript, document.Message]
    for part in left:
        left += [each for each in _parts_in(part) if each not in left]
        fields = part.model_fields.items()
        rows = [[f"`{name}`", f"`{_kind(field)}`", field.description or ""] for name, field in fields]
        # one sentence a line, as in every page
        about = re.sub(r"(?<=[a-z`)][.!?]) (?=[A-Z`])", "\n", " ".join((part.__doc__ or "").split()))
        shown.append(f"### {part.__name__}\n\n{about}\n\n{_table(['field', 'kind', 'meaning'], rows)}")
    return "\n\n".join(shown)


def _parts_in(part: type[document.Part]) -> Iterator[type[document.Part]]:
    kinds = " ".join(str(field.annotation) for field in part.model_fields.values())
    for each in vars(document).values():
        if isinstance(each, type) and re.search(rf"document\.{each.__name__}\b", kinds):
            yield each


def _kind(field: Any) -> str:
    annotation = field.annotation
    named = (
        annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    )
    return re.sub(r"\b(?:maestro_ray\.transcript\.document|typing)\.", "", named).replace("|", "or")


def wanted() -> dict[Path, str]:
    """The pages with generated sections, as they should be."""
    cli, protocol = DOCS / "reference" / "cli.md", DOCS / "reference" / "protocol.md"
    text = protocol.read_text(encoding="utf-8")
    for name, generated in PROTOCOL.items():
        text = fill(text, name, generated())
    transcript = DOCS / "reference" / "transcript.md"
    made = fill(transcript.read_text(encoding="utf-8"), "parts", parts())
    return {
        transcript: made,
        cli: fill(cli.read_text(encoding="utf-8"), "commands", command_line()),
        protocol: text,
    }


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _order(state: Enum) -> int:
    return list(type(state)).index(state)


def _event(event: type) -> str:
    return event.__name__.removeprefix("_")


def main() -> None:
    for page, text in wanted().items():
        if page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
            print(f"written: {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
