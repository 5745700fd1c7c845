from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from maestro_ray.errors import UsageError
from maestro_ray.extensions import mcp_forms
from maestro_ray.extensions.mcp import McpServer, read_json, read_server

LOCAL = McpServer("files", command="npx", args=("-y", 'a "b"\n\x7f'), env={"KEY": "s3cret"}, cwd="/w")
FAR = McpServer(
    "far", "http", url="https://x.example", headers={"Authorization": "Bearer s3cret", "X-A": "1"}
)
OLD = McpServer("old", "sse", url="https://y.example")


def test_claudes_file_is_read_back_as_the_same_servers() -> None:
    entries = read_json(mcp_forms.claude_file([LOCAL, FAR, OLD]).decode())
    assert [read_server(name, values)[0] for name, values in entries.items()] == [LOCAL, FAR, OLD]
    assert mcp_forms.claude_arguments(Path("/s/mcp.json")) == (
        "--mcp-config",
        "/s/mcp.json",
        "--strict-mcp-config",
    )


def test_codex_gets_settings_in_toml_and_no_secret_in_its_arguments() -> None:
    given = mcp_forms.codex([LOCAL, FAR])
    assert given.arguments[::2] == ("-c",) * (len(given.arguments) // 2)
    settings = tomllib.loads("\n".join(given.arguments[1::2]))["mcp_servers"]
    assert settings == {
        "files": {
            "command": "npx",
            "args": list(LOCAL.args),
            "env_vars": ["KEY"],
            "cwd": "/w",
            "required": True,
        },
        "far": {
            "url": "https://x.example",
            "env_http_headers": {"Authorization": "MAESTRO_MCP_1", "X-A": "MAESTRO_MCP_2"},
            "required": True,
        },
    }
    assert given.env == {"KEY": "s3cret", "MAESTRO_MCP_1": "Bearer s3cret", "MAESTRO_MCP_2": "1"}
    assert "s3cret" not in " ".join(given.arguments)


def test_what_codex_cannot_take_is_said() -> None:
    with pytest.raises(UsageError, match="'old': it knows no `sse`"):
        mcp_forms.codex([OLD])
    with pytest.raises(UsageError, match="different values of KEY"):
        mcp_forms.codex([LOCAL, McpServer("b", command="c", env={"KEY": "other"})])


def test_an_acp_agent_gets_what_it_can_reach() -> None:
    told, left = mcp_forms.acp([LOCAL, FAR, OLD], http=True, sse=False)
    assert told == [
        {
            "name": "files",
            "command": "npx",
            "args": list(LOCAL.args),
            "env": [{"name": "KEY", "value": "s3cret"}],
        },
        {
            "type": "http",
            "name": "far",
            "url": "https://x.example",
            "headers": [{"name": "Authorization", "value": "Bearer s3cret"}, {"name": "X-A", "value": "1"}],
        },
    ]
    assert left == ["old"]


def test_settings_of_gemini_and_opencode() -> None:
    gemini = mcp_forms.gemini_settings([LOCAL, FAR, OLD])["mcpServers"]
    assert gemini["files"] == {
        "command": "npx",
        "args": list(LOCAL.args),
        "env": {"KEY": "s3cret"},
        "cwd": "/w",
    }
    assert (gemini["far"]["httpUrl"], gemini["old"]["url"]) == ("https://x.example", "https://y.example")
    opencode = mcp_forms.opencode_settings([LOCAL, FAR])["mcp"]
    assert opencode == {
        "files": {
            "type": "local",
            "command": ["npx", *LOCAL.args],
            "environment": {"KEY": "s3cret"},
            "enabled": True,
        },
        "far": {"type": "remote", "url": "https://x.example", "headers": dict(FAR.headers), "enabled": True},
    }
    json.dumps([gemini, opencode])
