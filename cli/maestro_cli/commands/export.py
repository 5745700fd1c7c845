"""`maestro export`: the whole story of a team, to keep or to give away."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from maestro_cli import invocation
from maestro_cli.commands.auth import Name, Studio, known_identities, present
from maestro_cli.render import out
from maestro_ray.errors import MaestroError, OutputFailed, UsageError
from maestro_ray.home import Home

if TYPE_CHECKING:
    from maestro_ray.transcript.document import Transcript
    from maestro_ray.transcript.read import Which
    from maestro_ray.transcript.spool import Spool
    from maestro_ray.workspace.repo import Repo

FORMATS = ("md", "json", "html")
SUFFIXES = {".md": "md", ".markdown": "md", ".json": "json", ".html": "html", ".htm": "html"}
# of one answer of Studio: how long it may take, in seconds, and its bytes
WITHIN, LARGEST = 60.0, 64 * 1024 * 1024
STDOUT = "-"


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Example: maestro export -o team.html    or: maestro export --run 3fa9c1d2 --format json"
    )(export)


def export(
    team: Annotated[str, typer.Option(metavar="ID|NAME", help="Of this team; also one that has ended.")] = "",
    session: Annotated[
        str, typer.Option(metavar="ID", help="Of one session only: its id, or how that ends.")
    ] = "",
    run: Annotated[
        str, typer.Option(metavar="ID", help="Of one run only, with its task: its id, or how that ends.")
    ] = "",
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="md|json|html",
            autocompletion=lambda: list(FORMATS),
            help="By default as FILE is called, else md.",
        ),
    ] = "",
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write it there, not to standard output.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
    studio: Studio = "",
    identity: Name = "",
) -> None:
    """Print the whole story of a team: messages, directives, decisions, runs, verdicts, diffs and cost.

    Without --team, --session and --run it is the team of this repository that ran last. Secrets that this shell and
    this home know are hidden, and what looks like one; so are the names of your own directories.
    """
    form = _form(form, output)
    _one_of(team=team, session=session, run=run)
    if output in ("", STDOUT):
        if force:
            raise UsageError("--force is about a file", "name it: -o FILE")
        with _read(team, session, run, studio, identity) as (transcript, messages):
            _print(form, transcript, messages)
        return
    from maestro_cli.written import draft

    target = invocation.current.cwd.absolute() / output
    with (
        draft(target, force=force) as file,
        _read(team, session, run, studio, identity) as (transcript, messages),
    ):
        file.write(_pieces(form, transcript, messages))
        size = file.appear()
        text = f"wrote {out.printable(str(target))}: {size:,} bytes, {_sizes(transcript, messages)}"
        told = {**_about(form, transcript, messages), "path": str(target), "bytes": size}
        out.emit("export", "write", "ok", text, **told)


# ── what was asked for ───────────────────────────────────────────────────────────────────────────────────────────────


def _form(form: str, output: str) -> str:
    if form and form not in FORMATS:
        raise UsageError(f"there is no format {form!r}", f"one of: {', '.join(FORMATS)}")
    return form or SUFFIXES.get(Path(output).suffix.lower(), "md")


def _one_of(**given: str) -> None:
    named = [f"--{name}" for name, value in given.items() if value]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} cannot be given together", "a transcript is of one of them")


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _read(
    team: str, session: str, run: str, studio: str, identity: str
) -> Iterator[tuple[Transcript, Spool]]:
    """Everything, before a word of it is written: a Studio that goes away leaves nothing half said."""
    from maestro_ray import __version__
    from maestro_ray.connection.account import Account
    from maestro_ray.transcript.assemble import assemble, concerns, message
    from maestro_ray.transcript.diffs import Diffs
    from maestro_ray.transcript.discreet import discreet
    from maestro_ray.transcript.read import Reading, Which, find
    from maestro_ray.transcript.spool import Spool

    which = Which(team, session, run)
    repo = _repo(which)
    identities = known_identities()
    account = Account(identities, present(identities, identity, studio), WITHIN, LARGEST)
    home = Home.find()
    hiding = discreet(home, os.environ)

    def get(path: str) -> Any:
        return account.call("GET", path)

    with Spool() as messages:
        with _progress() as tell:
            found = find(get, which, _key(repo, home))
            reading = Reading(get, hiding, Diffs(repo.git if repo else None, hiding), tell)
            facts = reading.facts(found)
            messages.extend(message(row, hiding) for row in reading.channel(facts) if concerns(found, row))
        yield assemble(facts, hiding, time.time(), __version__), messages


def _repo(which: Which) -> Repo | None:
    """The one around here. Outside of one a team must be named, and its diffs are not to be had."""
    from maestro_ray.workspace.repo import Repo

    try:
        return Repo.open(invocation.current.cwd)
    except MaestroError:
        if not (which.team or which.session or which.run):
            raise
    return None


def _key(repo: Repo | None, home: Home) -> str:
    from maestro_ray.workspace.remote import project_key

    return project_key(repo, home.machine_id()) if repo else ""


@contextlib.contextmanager
def _progress() -> Iterator[Any]:
    """What is being read, in a line that goes away; on a terminal only, and beside standard output."""
    stream = sys.stderr
    if invocation.current.json or not stream.isatty():
        yield lambda _text: None
        return

    def tell(text: str) -> None:
        stream.write(f"\r\x1b[K{text} …")
        stream.flush()

    try:
        yield tell
    finally:
        stream.write("\r\x1b[K")
        stream.flush()


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _pieces(form: str, transcript: Transcript, messages: Spool) -> Iterator[str]:
    renderer = import_module(f"maestro_cli.render.transcript_{form}")
    pieces: Iterator[str] = renderer.pieces(transcript, messages)
    return pieces


def _print(form: str, transcript: Transcript, messages: Spool) -> None:
    """A form that fails in its middle prints nothing either."""
    pieces = _pieces(form, transcript, messages)
    if invocation.current.json:
        pieces = _as_object(form, transcript, messages, pieces)
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as whole:
        _fill(whole, pieces)
        while piece := whole.read(1 << 16):
            sys.stdout.write(piece)
    sys.stdout.flush()


def _fill(file: TextIO, pieces: Iterable[str]) -> None:
    try:
        for piece in pieces:
            file.write(piece)
        file.flush()
        file.seek(0)
    except OSError as error:
        raise OutputFailed(error.strerror or str(error)) from error


def _as_object(form: str, transcript: Transcript, messages: Spool, pieces: Iterable[str]) -> Iterator[str]:
    """The one object of a command: with the document itself in it, or with the text of another form."""
    told = {"kind": "export", "action": "show", "status": "ok", **_about(form, transcript, messages)}
    plain = (sys.stdout.encoding or "utf-8").lower().replace("-", "") != "utf8"
    yield json.dumps(told, ensure_ascii=plain).removesuffix("}")
    if form == "json":
        yield ', "transcript": '
        # a line break is none within a text
        yield from (_encodable(piece.replace("\n", " "), plain) for piece in pieces)
        yield "}\n"
    else:
        yield ', "text": "'
        yield from (json.dumps(piece, ensure_ascii=plain)[1:-1] for piece in pieces)
        yield '"}\n'


def _encodable(text: str, plain: bool) -> str:
    """JSON whose texts have escapes for what a stream that is no UTF-8 could not hold."""
    return re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], text) if plain else text


def _about(form: str, transcript: Transcript, messages: Spool) -> dict[str, Any]:
    return {
        "format": form,
        "scope": transcript.scope.model_dump(),
        "team": transcript.team.name,
        "project": transcript.project.key,
        "plans": len(transcript.plans),
        "tasks": _tasks(transcript),
        "messages": len(messages),
        "notes": transcript.notes,
    }


def _sizes(transcript: Transcript, messages: Spool) -> str:
    counted = ((_tasks(transcript), "task"), (len(messages), "message"))
    return ", ".join(f"{count:,} {noun}{'s' if count != 1 else ''}" for count, noun in counted)


def _tasks(transcript: Transcript) -> int:
    return sum(len(plan.tasks) for plan in transcript.plans)
