"""MCP servers: where they are configured, and one value for each that every kind of agent can be given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from maestro_ray.errors import BadFrame, ConfigError, UsageError
from maestro_ray.extensions.found import Found, Origin, shadow
from maestro_ray.extensions.places import Surroundings, content, is_there, top_of, upward
from maestro_ray.ports import McpServer
from maestro_ray.protocol import strictjson
from maestro_ray.redaction import HIDDEN, redact, says_secret
from maestro_ray.toml import did_you_mean, read_toml

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LOCAL_KEYS = ("args", "env", "cwd")
KEYS = ("type", "command", "args", "env", "cwd", "url", "headers")

# what says nothing secret about whoever starts a server; anything else must be allowed to a repository by name
PLAIN = frozenset({"HOME", "USER", "LOGNAME", "PATH", "PWD", "TMPDIR", "SHELL", "LANG", "CLAUDE_PLUGIN_ROOT"})
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
# what Claude, Gemini, Qwen and OpenCode put a variable or a file in place of, whatever we allow
_AGENTS_OWN = re.compile(r"\$\{|\$[A-Z_]|\{(?:env|file):")


def read_server(name: str, values: object) -> tuple[McpServer, tuple[str, ...]]:
    """One entry of a configuration, and notes about keys that are not known. Raises `ValueError` with a sentence."""
    if not NAME.fullmatch(name):
        raise ValueError("the name of a server is made of letters, digits, - and _, at most 64")
    if not isinstance(values, dict):
        raise ValueError("it must be a table of keys and values")
    unknown = [f"unknown key {key!r}{did_you_mean(key, list(KEYS))}" for key in values if key not in KEYS]
    transport = _transport(values, unknown)
    apart = _LOCAL_KEYS if transport != "stdio" else ("headers",)
    odd = [
        f"{key!r} does not go with a {'url' if transport != 'stdio' else 'command'}"
        for key in apart
        if key in values
    ]
    values = {key: value for key, value in values.items() if key not in apart}
    server = McpServer(
        name,
        transport,
        _text(values, "command"),
        _texts(values, "args"),
        _table(values, "env"),
        _text(values, "cwd"),
        _text(values, "url"),
        _table(values, "headers"),
    )
    return server, (*unknown, *odd)


def _transport(values: Mapping[str, Any], unknown: list[str]) -> Literal["stdio", "http", "sse"]:
    command, url = bool(values.get("command")), bool(values.get("url"))
    if command == url:
        odd = f": {unknown[0]}" if unknown else ""
        raise ValueError(f"it needs {'only one of' if url else 'a'} command or url{odd}")
    kind = _text(values, "type") or ("stdio" if command else "http")
    kind = {"streamable-http": "http", "streamable_http": "http", "local": "stdio", "remote": "http"}.get(
        kind, kind
    )
    if kind == "stdio" and command:
        return "stdio"
    if kind in ("http", "sse") and url:
        if not re.match(r"https?://[^\s/]|\$\{", str(values["url"])):
            raise ValueError("its url must begin with https:// or http://")
        return "sse" if kind == "sse" else "http"
    raise ValueError(f"its type {kind[:40]!r} does not go with a {'command' if command else 'url'}")


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key, "")
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"{key!r} must be a text")
    return value


def _texts(values: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = values.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) and "\0" not in each for each in value):
        raise ValueError(f"{key!r} must be a list of texts")
    return tuple(value)


def _table(values: Mapping[str, Any], key: str) -> dict[str, str]:
    """Names and texts. The sentence names no value: it may be a secret."""
    value = values.get(key, {})
    sound = isinstance(value, dict) and all(
        isinstance(each, str) and "\0" not in each for each in value.values()
    )
    if not sound or not all(re.fullmatch(r"[^=\s\0:]+", name) for name in value):
        raise ValueError(f"{key!r} must be a table of names and texts")
    return dict(value)


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_servers(where: Surroundings) -> list[Found[McpServer]]:
    """Every server of every place; one bad entry, or one bad file, rejects no other.

    The operator's own `[mcp.NAME]` win over the repository's, as with providers: a server is a program, and whoever
    can merge into the repository must not put another in its place. Within a repository `.maestro/config.toml` wins
    over `.mcp.json`, and a nearer directory over one above it. Plugins come last.
    """
    top = top_of(where.cwd)
    found = _of_config(where.home / "config.toml", Origin("user"))
    for directory in upward(where.cwd, top):
        origin = Origin("repository", (top or directory).resolve())
        if directory / ".maestro" != where.home:
            found += _of_config(directory / ".maestro" / "config.toml", origin)
        found += servers_of_json(directory / ".mcp.json", origin)
    for name, root in where.plugins:
        found += servers_of_json(root / ".mcp.json", Origin("plugin", root.resolve(), name))
    return shadow(found)


def servers_of_json(path: Path, origin: Origin) -> list[Found[McpServer]]:
    """Those of a `.mcp.json`, nothing when there is none; a file that is no JSON is one broken entry."""
    return _of_file(path, origin, read_json)


def _of_config(path: Path, origin: Origin) -> list[Found[McpServer]]:
    return _of_file(path, origin, lambda text: _mcp_tables(text, path.name))


def _of_file(path: Path, origin: Origin, read: Any) -> list[Found[McpServer]]:
    if not is_there(path):
        return []
    try:
        entries = read(content(path, origin.within))
    except ValueError as error:
        return [Found(path.name, origin, path, problem=str(error))]
    return [entry(name, values, origin, path) for name, values in entries.items()]


def entry(name: str, values: object, origin: Origin, path: Path) -> Found[McpServer]:
    """One entry of a file, sound or broken."""
    try:
        server, notes = read_server(name, values)
    except ValueError as error:
        return Found(name, origin, path, problem=str(error))
    return Found(name, origin, path, server, notes=notes)


def read_json(text: str) -> dict[str, Any]:
    """The entries of a file in Claude's form. Raises `ValueError` with a sentence."""
    try:
        top = strictjson.parse(text)
    except BadFrame as error:
        raise ValueError(str(error.args[0])) from None
    servers = top.get("mcpServers", {}) if isinstance(top, dict) else None
    if not isinstance(servers, dict):
        raise ValueError('it must be an object with "mcpServers", an object of servers by name')
    return servers


def _mcp_tables(text: str, name: str) -> dict[str, Any]:
    try:
        top = read_toml(text, name, ConfigError)
        table = top.table("mcp")
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return {key: table.raw(key) for key in table}


# ── use ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def variables(server: McpServer, *, defaults: bool = False) -> list[str]:
    """Names of the variables without a default that its texts need, each once; with `defaults` the others too."""
    texts = (
        server.command,
        *server.args,
        *server.env.values(),
        server.cwd,
        server.url,
        *server.headers.values(),
    )
    found = [match for text in texts for match in _VARIABLE.finditer(text)]
    return list(dict.fromkeys(match[1] for match in found if defaults or match[2] is None))


def allowed_to(origin: Origin, agent_env: Iterable[str]) -> Callable[[str], bool]:
    """Whether somebody's server may name a variable: the operator's own any, others `PLAIN` and `agent_env`."""
    named = PLAIN.union(agent_env)
    return lambda name: not origin.theirs or name in named


def expand(
    server: McpServer, environ: Mapping[str, str], may: Callable[[str], bool] = lambda _: True
) -> McpServer:
    """The server with the values of its `${VAR}` and `${VAR:-default}`: to be used at once and never kept or shown.

    `may` says which variables it may name. Raises `UsageError` for one that it may not, and for one that is neither
    set nor has a default.
    """

    def value(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if not may(name):
            raise UsageError(
                f"the MCP server {server.name!r} may not name the variable {name}: it is not the operator's own",
                f'if it may, list it in the config.toml of the state directory: [agents] env = ["{name}"]',
            )
        if environ.get(name) or (default is None and name in environ):
            return environ[name]
        if default is None:
            raise UsageError(
                f"the MCP server {server.name!r} needs the variable {name}, which is not set", ""
            )
        return str(default)

    def filled(text: str) -> str:
        return _VARIABLE.sub(value, text)

    return replace(
        server,
        command=filled(server.command),
        args=tuple(map(filled, server.args)),
        env={name: filled(text) for name, text in server.env.items()},
        cwd=filled(server.cwd),
        url=filled(server.url),
        headers={name: filled(text) for name, text in server.headers.items()},
    )


def expand_found(found: Found[McpServer], environ: Mapping[str, str], agent_env: Iterable[str]) -> McpServer:
    """`expand` with the rights of whoever wrote it: what is not the operator's own sees `PLAIN` and `agent_env`.

    Raises `UsageError` as `expand` does, and for an address, header or variable of theirs that the agent would fill in
    after us.
    """
    assert found.value is not None
    if found.origin.theirs:
        _refuse_what_agents_fill_in(found.value)
    inside = {"CLAUDE_PLUGIN_ROOT": str(found.origin.within)} if found.origin.plugin else {}
    return expand(found.value, {**environ, **inside}, allowed_to(found.origin, agent_env))


def _refuse_what_agents_fill_in(server: McpServer) -> None:
    for text in (server.url, *server.headers.values(), *server.env.values()):
        left = _VARIABLE.sub(lambda found: found[2] or "", text)
        if found := _AGENTS_OWN.search(left):
            raise UsageError(
                f"the MCP server {server.name!r} holds {left[found.start() :][:40]!r}, which an agent would fill in "
                "from its own environment",
                "only ${NAME} and ${NAME:-text} are known here",
            )


def shown(server: McpServer) -> dict[str, Any]:
    """What may be shown of it: names of variables and headers without their values, `${VAR}` as it stands."""
    told: dict[str, Any] = {"name": server.name, "transport": server.transport}
    if server.transport == "stdio":
        told |= {"command": redact(server.command), "args": redacted_arguments(server.args)}
        told |= {"env": _hidden(server.env), "cwd": server.cwd}
    else:
        told |= {"url": redact(server.url), "headers": _hidden(server.headers)}
    return told


def redacted_arguments(words: Iterable[str]) -> list[str]:
    """Each alone, and with the option before it: `--token VALUE` shows no value."""
    shown_words: list[str] = []
    for word in words:
        before = shown_words[-1] if shown_words else ""
        paired = redact(f"{before} {word}") if before.startswith("-") else ""
        looks = paired.startswith(before) and paired.endswith(HIDDEN)
        hidden = (looks or _asks_for_secret(before, word)) and not _VARIABLE.search(word)
        shown_words.append(HIDDEN if hidden else redact(word))
    return shown_words


def _asks_for_secret(option: str, word: str) -> bool:
    """Whatever is said after `--password` is one, though it may look like a word."""
    named = option.startswith("-") and "=" not in option and says_secret(option.strip("-"))
    return named and not word.startswith("-")


def _hidden(values: Mapping[str, str]) -> dict[str, str]:
    """A reference says where a secret is kept, and is none."""
    return {
        name: text if _VARIABLE.fullmatch(text) and ":-" not in text else HIDDEN
        for name, text in values.items()
    }
