"""`maestro mcp`: the MCP servers that agents are given."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from maestro_cli import around
from maestro_cli.render import found as render
from maestro_cli.render import out
from maestro_ray.errors import Conflict, UsageError
from maestro_ray.extensions.found import Found, named
from maestro_ray.extensions.mcp import allowed_to, find_servers, read_server, shown, variables
from maestro_ray.home import Home
from maestro_ray.ports import McpServer

group = typer.Typer(rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]

NONE = "there is no MCP server: they stand in .mcp.json and in [mcp.NAME] of .maestro/config.toml"


@group.command("list", epilog="Example: maestro mcp list")
def show_all() -> None:
    """List every server, where it comes from and what shadows it. No value of a variable or header is shown."""
    found = find_servers(around.here())
    text = render.table(found, _about) or NONE
    out.emit("mcp", "list", "ok", text, servers=[render.told(each, shown) for each in found])


@group.command(epilog="Example: maestro mcp show github")
def show(name: Name) -> None:
    """Show one server, the variables it needs and whether they are set, and others of its name."""
    found = named(find_servers(around.here()), "MCP server", name)
    needs = _needs(found[0])
    text = render.card(
        found, lambda server: [*_rows(server), *((f"${{{key}}}", word) for key, word in needs.items())]
    )
    server = {**render.told(found[0], shown), "variables": needs}
    others = [render.told(each, shown) for each in found[1:]]
    out.emit("mcp", "show", found[0].state, text, server=server, others=others)


@group.command(
    epilog="Example: maestro mcp add files --user -- npx -y @modelcontextprotocol/server-filesystem ."
)
def add(
    name: Name,
    command: Annotated[list[str] | None, typer.Argument(metavar="COMMAND", show_default=False)] = None,
    url: Annotated[str, typer.Option(help="The address of a server, instead of a command.")] = "",
    sse: Annotated[
        bool, typer.Option("--sse", help="It speaks the older form with server-sent events.")
    ] = False,
    env: Annotated[
        list[str] | None, typer.Option("--env", metavar="NAME=TEXT", help="May be repeated.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", metavar="NAME=TEXT", help="May be repeated.")
    ] = None,
    user: around.User = False,
) -> None:
    """Write a server into .maestro/config.toml of this repository, or into your own config.toml."""
    from maestro_ray.toml_edit import set_table

    words = command or []
    values: dict[str, Any] = {
        "type": "sse" if sse else "",
        "command": words[0] if words else "",
        "args": words[1:],
        "url": url,
        "env": _pairs(env, "--env", user),
        "headers": _pairs(header, "--header", user),
    }
    values = {key: value for key, value in values.items() if value}
    try:
        server, _ = read_server(name, values)
    except ValueError as error:
        raise UsageError(f"{name}: {error}", "see `maestro mcp add --help`") from None
    if not user and (shown(server).get("url", url), shown(server).get("args", words[1:])) != (url, words[1:]):
        raise UsageError(
            "the address or an argument looks like a secret, and the repository's file is no place for one",
            "name a variable that holds it: '${NAME}'",
        )
    path = around.config_file(user)
    if any(each.name == name and each.path == path for each in find_servers(around.here())):
        raise Conflict(f"there is a server {name!r} in {path} already", f"maestro mcp remove {name}")
    set_table(path, "mcp", name, values)
    out.emit("mcp", "add", "ok", f"added {name} to {path}", path=str(path), server=shown(server))


def _pairs(words: list[str] | None, option: str, user: bool) -> dict[str, str]:
    """Names and texts. A secret does not belong in a file that is merged and pushed."""
    from maestro_ray.redaction import redact, says_secret

    pairs = {}
    for word in words or []:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} needs NAME=TEXT", f"for example: {option} 'TOKEN=${{TOKEN}}'")
        secret = says_secret(name) or name.lower() == "authorization" or redact(text) != text
        if secret and "${" not in text and not user:
            raise UsageError(
                f"the value of {name} looks like a secret, and the repository's file is no place for one",
                f"name a variable that holds it: {option} '{name}=${{{name.upper().replace('-', '_')}}}'",
            )
        pairs[name] = text
    return pairs


@group.command(epilog="Example: maestro mcp remove files --yes")
def remove(name: Name, yes: around.Yes = False) -> None:
    """Remove a server from .maestro/config.toml of this repository, or from your own config.toml."""
    from maestro_ray.toml_edit import remove_table

    found = named(find_servers(around.here()), "MCP server", name)
    first = next((each for each in found if each.path.name == "config.toml"), None)
    if first is None:
        plugin = found[0].origin.plugin
        hint = f"maestro plugins remove {plugin}" if plugin else "take it out there"
        raise Conflict(f"the server {name!r} stands in {found[0].path}, which maestro does not write", hint)
    around.ask(f"Remove the server {name} from {first.path}?", yes)
    remove_table(first.path, "mcp", name)
    out.emit("mcp", "remove", "ok", f"removed {name} from {first.path}", path=str(first.path))


@group.command(epilog="Example: maestro mcp validate")
def validate() -> None:
    """Check every server's entry, and none by starting it; exit code 1 when one is broken."""
    found = find_servers(around.here())
    status, text = render.verdict(found, "MCP server")
    out.emit("mcp", "validate", status, text, servers=[render.told(each, shown) for each in found])
    if status != "ok":
        raise typer.Exit(1)


@group.command(epilog="Example: maestro mcp serve --line /path/of/a/run/team.sock")
def serve(
    line: Annotated[
        str, typer.Option(metavar="PATH", envvar="MAESTRO_LINE", help="The line of the run it is for.")
    ] = "",
) -> None:
    """Be maestro's own MCP server on standard input and output: team_post, team_read, task_list, report_blocker,
    request_decision.

    An agent of a team is given it with its line, and needs nothing done for it.
    """
    from maestro_ray.agent import relay

    if not line:
        raise UsageError(
            "maestro's own MCP server needs the line of a run", "a team gives it to its agents by itself"
        )
    raise typer.Exit(relay.serve(line))


def _needs(found: Found[McpServer]) -> dict[str, str]:
    if found.value is None:
        return {}
    from maestro_ray.config import Config

    may = allowed_to(found.origin, Config.load(Home.find()).agent_env)
    return {
        name: "not set" if name not in os.environ else "set" if may(name) else "set, but not allowed to it"
        for name in variables(found.value)
    }


def _about(server: McpServer) -> str:
    told = shown(server)
    return f"{server.transport}: {told.get('url') or ' '.join([told['command'], *told['args']])}"


def _rows(server: McpServer) -> list[tuple[str, str]]:
    rows = []
    for key, value in shown(server).items():
        if isinstance(value, dict):
            rows += [(key, f"{name} = {text}") for name, text in value.items()]
        elif key != "name":
            rows.append((key, " ".join(value) if isinstance(value, list) else str(value)))
    return rows
