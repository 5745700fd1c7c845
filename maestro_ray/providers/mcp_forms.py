"""MCP servers in the form each kind of agent takes them in. Everything here takes servers that are expanded.

What may be a secret goes through a file for the agent alone or through its environment, never through its arguments,
which every process of the machine can read.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maestro_ray.ports import TEAM, McpServer


@dataclass(frozen=True)
class Given:
    """What is added to an agent's start: its arguments, its environment, and files that it alone may read.

    `left_out` are the names of servers that it cannot be given, each with the reason.
    """

    arguments: tuple[str, ...]
    env: Mapping[str, str]
    files: Mapping[Path, bytes] = field(default_factory=dict)
    left_out: tuple[tuple[str, str], ...] = ()


def claude_file(servers: Sequence[McpServer]) -> bytes:
    """The JSON for a file that Claude Code reads; readable by the agent alone, it may hold secrets."""
    return json.dumps({"mcpServers": {each.name: _claude(each) for each in servers}}, indent=1).encode()


def claude_arguments(file: Path, servers: Sequence[McpServer]) -> tuple[str, ...]:
    """Strict: what else is configured on the machine is not started. What speaks to the team asks nobody for leave."""
    own = ("--allowedTools", f"mcp__{TEAM}") if any(each.name == TEAM for each in servers) else ()
    return ("--mcp-config", str(file), "--strict-mcp-config", *own)


def _claude(server: McpServer) -> dict[str, Any]:
    if server.transport != "stdio":
        return {"type": server.transport, "url": server.url, "headers": dict(server.headers)}
    told: dict[str, Any] = {"type": "stdio", "command": server.command, "args": list(server.args)}
    # tools of others are looked up by name when there are many; those of the team are few and always there
    own = {"alwaysLoad": True} if server.name == TEAM else {}
    return told | {"env": dict(server.env)} | ({"cwd": server.cwd} if server.cwd else {}) | own


def codex(servers: Sequence[McpServer], place: Path) -> Given:
    """`-c mcp_servers.NAME.KEY=VALUE` for Codex. A server that does not start is left out, and said to be.

    Codex hands a program no variable that is not in its own environment, where one named OPENAI_BASE_URL would turn
    Codex itself elsewhere. So a server's variables stand in a file in `place`, which a shell reads before it.
    """
    env: dict[str, str] = {}
    files: dict[Path, bytes] = {}
    arguments: list[str] = []
    left_out = []
    for server in servers:
        try:
            values = _codex(server, env, place / f"mcp-{server.name}.sh", files)
        except ValueError as error:
            left_out.append((server.name, str(error)))
            continue
        for key, value in values.items():
            arguments += ["-c", f"mcp_servers.{server.name}.{key}={_toml(value)}"]
    return Given(tuple(arguments), env, files, tuple(left_out))


def _codex(server: McpServer, env: dict[str, str], file: Path, files: dict[Path, bytes]) -> dict[str, Any]:
    if server.transport == "sse":
        raise ValueError("Codex knows no `sse`: use its http address")
    if server.transport == "http":
        names = {header: f"MAESTRO_MCP_{len(env) + n}" for n, header in enumerate(server.headers)}
        env.update({names[header]: value for header, value in server.headers.items()})
        return {"url": server.url} | ({"env_http_headers": names} if names else {})
    told: dict[str, Any] = {"command": server.command, "args": list(server.args)}
    if server.env:
        files[file] = _exports(server.env)
        told = {"command": "sh", "args": ["-c", '. "$0"; exec "$@"', str(file), server.command, *server.args]}
    # what speaks to the team asks nobody for leave
    own = {"default_tools_approval_mode": "approve"} if server.name == TEAM else {}
    return told | ({"cwd": server.cwd} if server.cwd else {}) | own


def _exports(env: Mapping[str, str]) -> bytes:
    if odd := next((name for name in env if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)), ""):
        raise ValueError(f"no shell can set a variable named {odd!r}")
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in env.items()).encode()


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
