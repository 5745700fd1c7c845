"""`maestro plugins`: skills, agents, MCP servers and hooks of others, pinned to a commit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from maestro_cli import around, invocation
from maestro_cli.render import out
from maestro_ray.errors import UsageError
from maestro_ray.extensions import installed as store
from maestro_ray.extensions.installed import Candidate, Difference, Installed, Pin
from maestro_ray.extensions.mcp import shown
from maestro_ray.extensions.plugins import Parts, parts
from maestro_ray.extensions.source import Source, read_source
from maestro_ray.extensions.tree import read_directory, under
from maestro_ray.home import Home
from maestro_ray.ports import McpServer

group = typer.Typer(rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]

NONE = "no plugin is installed: see `maestro plugins add --help`"


@group.command("list", epilog="Example: maestro plugins list")
def show_all() -> None:
    """List the plugins that are installed, where they come from and the commit they are pinned to."""
    found = store.installed(Home.find().root)
    rows = [
        [each.name, out.printable(each.pin.version) or "-", _commit(each.pin), _origin(each.pin)]
        for each in found
    ]
    text = out.columns(rows, ["NAME", "VERSION", "COMMIT", "FROM"]) if rows else NONE
    out.emit("plugin", "list", "ok", text, plugins=[_told(each) for each in found])


@group.command(epilog="Example: maestro plugins show tools")
def show(name: Name) -> None:
    """Show one plugin: its pin, its files and what it adds."""
    found = store.the_installed(Home.find().root, name)
    adds = parts(found.path, name)
    rows = [
        ["name", name],
        ["version", out.printable(found.pin.version) or "-"],
        ["from", _origin(found.pin)],
    ]
    rows += [["commit", _commit(found.pin)], ["files", str(found.path)], *_rows(adds)]
    out.emit("plugin", "show", "ok", out.columns(rows), plugin={**_told(found), "adds": _adds(adds)})


@group.command(epilog="Example: maestro plugins add owner/repo@v1.2")
def add(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE[@REF]", help="A directory, OWNER/REPO on GitHub, or an address.")
    ],
    plugin: Annotated[str, typer.Option("--plugin", metavar="NAME", help="Which one of a marketplace.")] = "",
    yes: around.Yes = False,
) -> None:
    """Fetch a plugin, show what it adds, and install it when you say so. Nothing of it is run."""
    candidate = store.look_up(read_source(source, invocation.current.cwd), around.git, plugin)
    adds = _look(candidate)
    around.ask(f"Install the plugin {candidate.plugin.name}?", yes)
    found = store.install(Home.find().root, candidate)
    text = f"installed {found.name}"
    if adds["hooks"]:
        text += "\nits hooks are not run before you trust them: maestro hooks install"
    out.emit("plugin", "add", "ok", text, plugin={**_told(found), "adds": adds})


@group.command(epilog="Example: maestro plugins update tools")
def update(name: Name, yes: around.Yes = False) -> None:
    """Fetch a plugin anew from where it came, show the difference, and take it over when you say so."""
    root = Home.find().root
    before = store.the_installed(root, name)
    candidate = store.look_up(Source(before.pin.place, before.pin.ref), around.git, before.pin.chosen)
    if candidate.plugin.name != name:
        raise UsageError(
            f"the plugin {name!r} is now called {candidate.plugin.name!r}", "remove it, and add that one"
        )
    try:
        changes = store.difference(read_directory(before.path), candidate.plugin.files)
    except ValueError:  # its directory is gone, or was changed into something that cannot be read
        changes = store.difference({}, candidate.plugin.files)
    if not changes:
        out.emit(
            "plugin",
            "update",
            "unchanged",
            f"{name} is up to date",
            plugin=_told(before),
            changes=_changes(changes),
        )
        return
    for line in _difference(before.pin, candidate.pin, changes):
        out.say(line)
    adds = _look(candidate)
    around.ask(f"Update the plugin {name}?", yes)
    found = store.install(root, candidate)
    told = {**_told(found), "adds": adds}
    out.emit(
        "plugin",
        "update",
        "ok",
        f"updated {name}",
        plugin=told,
        before=_told(before),
        changes=_changes(changes),
    )


@group.command(epilog="Example: maestro plugins remove tools --yes")
def remove(name: Name, yes: around.Yes = False) -> None:
    """Remove a plugin and its files."""
    root = Home.find().root
    store.the_installed(root, name)
    around.ask(f"Remove the plugin {name}?", yes)
    found = store.remove(root, name)
    out.emit("plugin", "remove", "ok", f"removed {name}", plugin=_told(found))


@group.command(epilog="Example: maestro plugins validate ./my-plugin")
def validate(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIRECTORY", help="By default every plugin that is installed.")
    ] = None,
) -> None:
    """Check a plugin or marketplace in a directory, or those installed; exit code 1 when one is broken."""
    problems = _of_directory(invocation.current.cwd / directory) if directory else _of_installed()
    status = "broken" if problems else "ok"
    text = "\n".join(map(out.printable, problems)) or "all sound"
    out.emit("plugin", "validate", status, text, problems=problems)
    if problems:
        raise typer.Exit(1)


def _of_directory(directory: Path) -> list[str]:
    from maestro_ray.extensions.plugins import (
        MARKETPLACE,
        Offer,
        offers,
        parts,
        read_marketplace,
        read_plugin,
    )

    try:
        tree = read_directory(directory)
        found = read_marketplace(tree) if MARKETPLACE in tree else [Offer("", inside=".")]
    except ValueError as error:
        return [f"{directory}: {error}"]
    problems = [f"{directory}: {each}" for each in found if isinstance(each, str)]
    for offer in offers(found):
        if offer.place:
            continue
        try:
            plugin = read_plugin(under(tree, offer.inside), offer.manifest)
        except ValueError as error:
            problems.append(f"{offer.name or directory}: {error}")
            continue
        with store.unpacked(Candidate(plugin, Pin("", "", "", "", "", "", 0))) as place:
            problems += [f"{plugin.name}: {each}" for each in parts(place, plugin.name).problems()]
    return problems


def _of_installed() -> list[str]:
    problems = []
    for each in store.installed(Home.find().root):
        if each.changed():
            problems.append(f"{each.name}: its files in {each.path} are not those that were installed")
        problems += [f"{each.name}: {problem}" for problem in parts(each.path, each.name).problems()]
    return problems


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _look(candidate: Candidate) -> dict[str, Any]:
    """Say what it would add; as an object."""
    with store.unpacked(candidate) as place:
        adds = parts(place, candidate.plugin.name)
        rows = [[candidate.plugin.name, candidate.plugin.description or "-"]]
        rows += [["version", candidate.plugin.version or "-"], ["from", _origin(candidate.pin)]]
        rows += [["commit", _commit(candidate.pin)], *_rows(adds)]
        out.say(out.columns([[key, out.printable(value)] for key, value in rows]))
        return _adds(adds)


def _rows(adds: Parts) -> list[list[str]]:
    """Commands are shown whole: whoever installs them must have seen their end."""
    rows = [["skill", f"{each.name}: {each.value.description}"] for each in adds.skills if each.value]
    rows += [["agent", f"{each.name}: {each.value.description}"] for each in adds.agents if each.value]
    rows += [["mcp", f"{each.name}: {_server(each.value)}"] for each in adds.servers if each.value]
    rows += [["hook", f"{each.name}: {each.value.words}"] for each in adds.hooks if each.value]
    rows += [["broken", problem] for problem in adds.problems()]
    rows += [["unused", each] for each in adds.unused]
    return [[key, out.printable(value)] for key, value in rows]


def _server(server: McpServer) -> str:
    told = shown(server)
    return str(told.get("url") or " ".join([told["command"], *told["args"]]))


def _adds(adds: Parts) -> dict[str, Any]:
    return {
        "skills": [each.name for each in adds.skills if each.value],
        "agents": [each.name for each in adds.agents if each.value],
        "servers": [shown(each.value) for each in adds.servers if each.value],
        "hooks": [{"event": each.name, "command": each.value.words} for each in adds.hooks if each.value],
        "problems": adds.problems(),
        "unused": list(adds.unused),
    }


def _told(found: Installed) -> dict[str, Any]:
    pin = found.pin
    return {
        "name": found.name,
        "version": pin.version,
        "source": pin.place,
        "ref": pin.ref,
        "chosen": pin.chosen,
        "commit": pin.commit or None,
        "digest": pin.digest,
        "path": str(found.path),
        "installed_at": pin.at,
    }


def _commit(pin: Pin) -> str:
    return pin.commit[:12] or f"files {pin.digest[:12]}"


def _origin(pin: Pin) -> str:
    return out.printable(
        f"{pin.place}{f'@{pin.ref}' if pin.ref else ''}{f' ({pin.chosen})' if pin.chosen else ''}"
    )


def _difference(before: Pin, after: Pin, changes: Difference) -> list[str]:
    lines = [f"{_commit(before)} → {_commit(after)}"]
    for sign, paths in (("+", changes.added), ("-", changes.removed), ("~", changes.changed)):
        lines += [f"{sign} {out.printable(path)}" for path in paths]
    return lines


def _changes(changes: Difference) -> dict[str, list[str]]:
    return {"added": list(changes.added), "removed": list(changes.removed), "changed": list(changes.changed)}
