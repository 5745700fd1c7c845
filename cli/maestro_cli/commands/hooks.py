"""`maestro hooks`: commands that are run when something happens, and which of other people's are trusted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from maestro_cli import around, invocation
from maestro_cli.render import found as render
from maestro_cli.render import out
from maestro_ray.errors import NotFound, UsageError
from maestro_ray.extensions import trust
from maestro_ray.extensions.events import EVENTS
from maestro_ray.extensions.found import Found
from maestro_ray.extensions.hook_run import run_hooks
from maestro_ray.extensions.hooks import Hook, find_hooks, read_hook
from maestro_ray.home import Home
from maestro_ray.toml import did_you_mean

group = typer.Typer(rich_markup_mode=None)

Id = Annotated[
    str, typer.Argument(metavar="ID", show_default=False, help="The beginning of one, as `list` shows it.")
]

NONE = "there is no hook: they stand in config.toml as [[hooks.EVENT]]"
_STATES = {"trusted": "green", "own": "green", "untrusted": "yellow", "broken": "red"}


@group.command("list", epilog="Example: maestro hooks list")
def show_all() -> None:
    """List every hook in the order they are run, where it comes from and whether it may run."""
    found, known = find_hooks(around.here()), trust.trusted(Home.find().root)
    rows = [
        [
            _id(each),
            out.printable(each.name),
            out.printable(str(each.origin)),
            _painted(each, known),
            _about(each),
        ]
        for each in found
    ]
    text = out.columns(rows, ["ID", "EVENT", "FROM", "STATE", "COMMAND"]) if rows else NONE
    if any(_state(each, known) == "untrusted" for each in found):
        text += "\nuntrusted hooks are not run; look at them, then: maestro hooks install"
    out.emit("hook", "list", "ok", text, hooks=[_told(each, known) for each in found])


@group.command(epilog="Example: maestro hooks show 3fa9c1d2")
def show(identifier: Id) -> None:
    """Show one hook whole, with the files whose content its trust is about."""
    found, known = _named(identifier), trust.trusted(Home.find().root)
    hook = found.value
    assert hook is not None
    rows = [
        ("id", _id(found)),
        ("event", hook.event),
        ("from", str(found.origin)),
        ("state", _state(found, known)),
    ]
    rows += [("command", hook.words), ("matcher", hook.matcher), ("timeout", f"{hook.timeout:g} s")]
    rows += [("file", str(found.path)), *(("runs", str(path)) for path in trust.named_files(found))]
    text = out.columns([[key, out.printable(value)] for key, value in rows if value])
    out.emit("hook", "show", "ok", text, hook=_told(found, known))


@group.command(epilog="Example: maestro hooks install --yes")
def install(
    identifiers: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="By default all that are not trusted yet.")
    ] = None,
    yes: around.Yes = False,
) -> None:
    """Trust hooks of this repository and of plugins, as they are now; a change of one is asked about again."""
    root = Home.find().root
    known = trust.trusted(root)
    chosen = [_named(each) for each in identifiers or []] or [
        each for each in find_hooks(around.here()) if _state(each, known) == "untrusted"
    ]
    # what is trusted is what was looked at, also when a file changes while the person thinks
    wanted = {trust.fingerprint(each): each for each in chosen if each.origin.theirs}
    for each in wanted.values():
        out.say(f"{_id(each)}  {each.name}  {out.printable(str(each.origin))}: {_about(each)}")
    if wanted:
        around.ask("These run with your rights, outside of any sandbox. Trust them?", yes)
        trust.trust(root, wanted)
    text = (
        f"trusted {len(wanted)} hook{'s' if len(wanted) > 1 else ''}"
        if wanted
        else "there is no hook to trust"
    )
    out.emit(
        "hook", "install", "ok", text, hooks=[_told(each, trust.trusted(root)) for each in wanted.values()]
    )


@group.command(epilog="Example: maestro hooks add PreMerge -- make check")
def add(
    event: Annotated[str, typer.Argument(metavar="EVENT", show_default=False, help=", ".join(EVENTS))],
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND", show_default=False, help="Words, or one text for sh.")
    ],
    matcher: Annotated[str, typer.Option(help="Only for what this regular expression matches.")] = "",
    timeout: Annotated[float, typer.Option(help="Seconds after which it is stopped.")] = 30.0,
    user: around.User = False,
) -> None:
    """Write a hook at the end of this repository's .maestro/config.toml, or of your own, and trust it."""
    from maestro_ray.toml_edit import append_table

    _refuse_event(event)
    root = Home.find().root
    path = around.config_file(user)
    # one word with blanks in it is no program's name
    text = command[0] if len(command) == 1 and " " in command[0] else ""
    values: dict[str, Any] = {"command": text or command}
    values |= {"matcher": matcher} if matcher else {}
    values |= {"timeout": timeout} if timeout != 30.0 else {}
    _refuse_broken(event, values)
    append_table(path, "hooks", event, values)
    added = [each for each in find_hooks(around.here()) if each.path == path and each.name == event][-1]
    if added.origin.theirs:
        trust.trust(root, {trust.fingerprint(added): added})
    out.emit(
        "hook",
        "add",
        "ok",
        f"added {_id(added)} to {path}",
        path=str(path),
        hook=_told(added, trust.trusted(root)),
    )


def _refuse_broken(event: str, values: dict[str, Any]) -> None:
    from maestro_ray.errors import ConfigError
    from maestro_ray.toml import as_table

    try:
        read_hook(as_table(values, "", ConfigError), event, Path())
    except ConfigError as error:
        raise UsageError(str(error.args[3]), "see `maestro hooks add --help`") from None
    except ValueError as error:
        raise UsageError(str(error), "see `maestro hooks add --help`") from None


@group.command(epilog="Example: maestro hooks remove 3fa9c1d2")
def remove(identifier: Id) -> None:
    """Trust a hook of others no more. What stands in your own config.toml is taken out there."""
    from maestro_ray.errors import Conflict

    found, root = _named(identifier), Home.find().root
    if not found.origin.theirs:
        raise Conflict(f"this hook is your own, in {found.path}", "take its [[hooks]] table out there")
    trust.withdraw(root, [trust.fingerprint(found)])
    out.emit(
        "hook", "remove", "ok", f"{_id(found)} is not run any more", hook=_told(found, trust.trusted(root))
    )


@group.command(epilog="Example: maestro hooks run PreMerge < event.json")
def run(
    event: Annotated[str, typer.Argument(metavar="EVENT", show_default=False, help=", ".join(EVENTS))],
) -> None:
    """Run the hooks of an event, with one JSON object from standard input; exit code 1 when one denies it."""
    import asyncio
    import os

    from maestro_ray.agent.environment import allowed
    from maestro_ray.agent.errand import run_errand

    _refuse_event(event)
    here = around.here()
    known, cwd = trust.trusted(Home.find().root), invocation.current.cwd.resolve()
    ruling = asyncio.run(
        run_hooks(
            find_hooks(here), event, _said(), run=run_errand, known=known, cwd=cwd, env=allowed(os.environ)
        )
    )
    lines = [_line(each.hook.words, each.status, each.reason, each.stdout) for each in ruling.outcomes]
    told = [
        {"command": each.hook.words, "status": each.status, "reason": each.reason, "seconds": round(each.seconds, 3),
         "stdout": each.stdout, "stderr": each.stderr}
        for each in ruling.outcomes
    ]  # fmt: skip
    text = "\n".join(lines) or f"no hook is meant by this {event}"
    out.emit("hook", "run", "denied" if ruling.denied else "ok", text, reason=ruling.denied, outcomes=told)
    if ruling.denied:
        raise typer.Exit(1)


def _said() -> dict[str, Any]:
    from maestro_ray.errors import BadFrame
    from maestro_ray.protocol import strictjson

    text = "" if sys.stdin.isatty() else sys.stdin.read(1_000_000).strip()
    try:
        said = strictjson.parse(text) if text else {}
    except BadFrame as error:
        raise UsageError(f"standard input is {error.args[0]}", "it is one JSON object, or empty") from None
    if not isinstance(said, dict):
        raise UsageError("standard input is no JSON object", "it is one JSON object, or empty")
    return said


def _line(words: str, status: str, reason: str, stdout: str) -> str:
    head = f"{status}: {out.printable(words)}" + (f": {out.printable(reason)}" if reason else "")
    return "\n".join([head, *(f"    {out.printable(line)}" for line in stdout.splitlines()[:20])])


@group.command(epilog="Example: maestro hooks validate")
def validate() -> None:
    """Check every hook's entry, and none by running it; exit code 1 when one is broken."""
    found, known = find_hooks(around.here()), trust.trusted(Home.find().root)
    status, text = render.verdict(found, "hook")
    out.emit("hook", "validate", status, text, hooks=[_told(each, known) for each in found])
    if status != "ok":
        raise typer.Exit(1)


def _refuse_event(event: str) -> None:
    if event not in EVENTS:
        raise UsageError(f"there is no event {event!r}{did_you_mean(event, list(EVENTS))}", ", ".join(EVENTS))


def _named(identifier: str) -> Found[Hook]:
    sound = [each for each in find_hooks(around.here()) if each.value is not None]
    found = {
        trust.fingerprint(each): each for each in sound if trust.fingerprint(each).startswith(identifier)
    }
    if len(found) > 1 or not identifier:
        raise UsageError(f"{identifier!r} is the beginning of {len(found)} hooks", "write more of it")
    if not found:
        raise NotFound("hook", identifier, "those there are: `maestro hooks list`")
    return next(iter(found.values()))


def _id(found: Found[Hook]) -> str:
    return trust.fingerprint(found)[:8] if found.value else "-"


def _state(found: Found[Hook], known: frozenset[str]) -> str:
    if found.value is None:
        return "broken"
    if not found.origin.theirs:
        return "own"
    return "trusted" if trust.allowed(found, known) else "untrusted"


def _painted(found: Found[Hook], known: frozenset[str]) -> str:
    state = _state(found, known)
    return out.paint(state, _STATES[state])


def _about(found: Found[Hook]) -> str:
    if found.value is None:
        return out.printable(found.problem)
    matcher = f" ({found.value.matcher})" if found.value.matcher else ""
    # all of it: whoever trusts a command must have seen its end
    return out.printable(found.value.words + matcher)


def _told(found: Found[Hook], known: frozenset[str]) -> dict[str, Any]:
    told = render.told(
        found, lambda hook: {"command": hook.words, "matcher": hook.matcher, "timeout": hook.timeout}
    )
    told |= {"event": told.pop("name"), "id": _id(found), "state": _state(found, known)}
    del told["shadowed_by"]
    return told
