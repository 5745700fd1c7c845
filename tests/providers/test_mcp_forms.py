from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

from maestro_ray.extensions.mcp import read_json, read_server
from maestro_ray.ports import TEAM, McpServer
from maestro_ray.providers import mcp_forms

LOCAL = McpServer("files", command="npx", args=("-y", 'a "b"\n\x7f'), env={"KEY": "s3cret"}, cwd="/w")
FAR = McpServer(
    "far", "http", url="https://x.example", headers={"Authorization": "Bearer s3cret", "X-A": "1"}
)
PLACE = Path("/s")
OLD = McpServer("old", "sse", url="https://y.example")


def test_claudes_file_is_read_back_as_the_same_servers() -> None:
    entries = read_json(mcp_forms.claude_file([LOCAL, FAR, OLD]).decode())
    assert [read_server(name, values)[0] for name, values in entries.items()] == [LOCAL, FAR, OLD]
    named = ("--mcp-config", "/s/mcp.json", "--strict-mcp-config")
    assert mcp_forms.claude_arguments(Path("/s/mcp.json"), [LOCAL]) == named


def test_what_speaks_to_the_team_is_always_there_and_asks_nobody() -> None:
    ours = McpServer(TEAM, command="relay", args=("line",))
    (told,) = json.loads(mcp_forms.claude_file([ours]))["mcpServers"].values()
    assert told["alwaysLoad"] is True
    assert mcp_forms.claude_arguments(Path("/f"), [ours])[-2:] == ("--allowedTools", "mcp__maestro")
    settings = tomllib.loads("\n".join(mcp_forms.codex([ours], PLACE).arguments[1::2]))["mcp_servers"]
    assert settings[TEAM]["default_tools_approval_mode"] == "approve"


def test_codex_gets_settings_in_toml_and_no_secret_in_its_arguments() -> None:
    given = mcp_forms.codex([LOCAL, FAR], PLACE)
    assert given.arguments[::2] == ("-c",) * (len(given.arguments) // 2)
    settings = tomllib.loads("\n".join(given.arguments[1::2]))["mcp_servers"]
    assert settings == {
        "files": {
            "command": "sh",
            "args": ["-c", '. "$0"; exec "$@"', "/s/mcp-files.sh", "npx", *LOCAL.args],
            "cwd": "/w",
        },
        "far": {
            "url": "https://x.example",
            "env_http_headers": {"Authorization": "MAESTRO_MCP_0", "X-A": "MAESTRO_MCP_1"},
        },
    }
    assert given.env == {"MAESTRO_MCP_0": "Bearer s3cret", "MAESTRO_MCP_1": "1"}
    assert given.files == {Path("/s/mcp-files.sh"): b"export KEY=s3cret\n"}
    assert "s3cret" not in " ".join(given.arguments)


def test_a_servers_variables_reach_it_and_not_codex_itself(tmp_path: Path) -> None:
    """One named as Codex's own address would send the operator's key elsewhere."""
    value = "a 'b' $HOME\nc"
    server = McpServer(
        "x", command="sh", args=("-c", 'printf %s "$OPENAI_BASE_URL"'), env={"OPENAI_BASE_URL": value}
    )
    given = mcp_forms.codex([server], tmp_path)
    assert given.env == {}
    for path, content in given.files.items():
        path.write_bytes(content)
    told = tomllib.loads("\n".join(given.arguments[1::2]))["mcp_servers"]["x"]
    assert subprocess.check_output([told["command"], *told["args"]], text=True) == value


def test_what_codex_cannot_take_is_left_out_and_said() -> None:
    odd = McpServer("odd", command="c", env={"A-B": "1"})
    given = mcp_forms.codex([OLD, odd, LOCAL], PLACE)
    assert [name for name, _ in given.left_out] == ["old", "odd"]
    assert given.left_out[0][1].startswith("Codex knows no `sse`")
    assert "mcp_servers.files" in " ".join(given.arguments)


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
