"""MCP servers in the form each kind of agent takes them in. Everything here takes servers that are expanded.

What may be a secret goes through a file for the agent alone or through its environment, never through its arguments,
which every process of the machine can read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_ray.errors import UsageError
from maestro_ray.extensions.mcp import McpServer


@dataclass(frozen=True)
class Given:
    """What is added to an agent's start: its arguments and its environment."""

    arguments: tuple[str, ...]
    env: Mapping[str, str]


def claude_file(servers: Sequence[McpServer]) -> bytes:
    """The JSON for a file that Claude Code reads; readable by the agent alone, it may hold secrets."""
    return json.dumps({"mcpServers": {each.name: _claude(each) for each in servers}}, indent=1).encode()


def claude_arguments(file: Path) -> tuple[str, ...]:
    """Strict: what else is configured on the machine is not started."""
    return ("--mcp-config", str(file), "--strict-mcp-config")


def _claude(server: McpServer) -> dict[str, Any]:
    if server.transport != "stdio":
        return {"type": server.transport, "url": server.url, "headers": dict(server.headers)}
    told: dict[str, Any] = {"type": "stdio", "command": server.command, "args": list(server.args)}
    return told | {"env": dict(server.env)} | ({"cwd": server.cwd} if server.cwd else {})


def codex(servers: Sequence[McpServer]) -> Given:
    """`-c mcp_servers.NAME.KEY=VALUE` for Codex, each required: a server that does not start fails the turn.

    A server's variables keep their names on the way through Codex's own environment, so that two servers cannot want
    one name with two values: `UsageError`. Server-sent events are not known to Codex: `UsageError`.
    """
    env: dict[str, str] = {}
    arguments: list[str] = []
    for server in servers:
        for key, value in {**_codex(server, env), "required": True}.items():
            arguments += ["-c", f"mcp_servers.{server.name}.{key}={_toml(value)}"]
    return Given(tuple(arguments), env)


def _codex(server: McpServer, env: dict[str, str]) -> dict[str, Any]:
    if server.transport == "sse":
        raise UsageError(
            f"Codex cannot use the MCP server {server.name!r}: it knows no `sse`", "use its http address"
        )
    if server.transport == "http":
        names = {header: f"MAESTRO_MCP_{len(env) + n}" for n, header in enumerate(server.headers)}
        env.update({names[header]: value for header, value in server.headers.items()})
        return {"url": server.url} | ({"env_http_headers": names} if names else {})
    for name, value in server.env.items():
        if env.setdefault(name, value) != value:
            raise UsageError(
                f"two MCP servers want different values of {name}, which Codex cannot give them", ""
            )
    told: dict[str, Any] = {"command": server.command, "args": list(server.args)}
    told |= {"env_vars": list(server.env)} if server.env else {}
    return told | ({"cwd": server.cwd} if server.cwd else {})


def _toml(value: Any) -> str:
    """TOML on one line. JSON's strings, numbers and lists are TOML's too, but for DEL."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(each)}" for key, each in value.items()) + "}"
    return json.dumps(value).replace("\x7f", "\\u007f")


def acp(servers: Sequence[McpServer], *, http: bool, sse: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """`mcpServers` of `session/new`, and the names of those that this agent says it cannot reach."""
    can = {"stdio": True, "http": http, "sse": sse}
    told = [_acp(each) for each in servers if can[each.transport]]
    return told, [each.name for each in servers if not can[each.transport]]


def _acp(server: McpServer) -> dict[str, Any]:
    if server.transport != "stdio":
        headers = [{"name": name, "value": value} for name, value in server.headers.items()]
        return {"type": server.transport, "name": server.name, "url": server.url, "headers": headers}
    env = [{"name": name, "value": value} for name, value in server.env.items()]
    return {"name": server.name, "command": server.command, "args": list(server.args), "env": env}


def gemini_settings(servers: Sequence[McpServer]) -> dict[str, Any]:
    """`mcpServers` of the settings.json of Gemini and of Qwen."""
    return {"mcpServers": {each.name: _gemini(each) for each in servers}}


def _gemini(server: McpServer) -> dict[str, Any]:
    if server.transport != "stdio":
        key = "httpUrl" if server.transport == "http" else "url"
        return {key: server.url, "headers": dict(server.headers)}
    told: dict[str, Any] = {"command": server.command, "args": list(server.args), "env": dict(server.env)}
    return told | ({"cwd": server.cwd} if server.cwd else {})


def opencode_settings(servers: Sequence[McpServer]) -> dict[str, Any]:
    """`mcp` of OpenCode's configuration."""
    return {"mcp": {each.name: _opencode(each) for each in servers}}


def _opencode(server: McpServer) -> dict[str, Any]:
    if server.transport != "stdio":
        return {"type": "remote", "url": server.url, "headers": dict(server.headers), "enabled": True}
    command = [server.command, *server.args]
    return {"type": "local", "command": command, "environment": dict(server.env), "enabled": True}
