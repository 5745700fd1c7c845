"""The MCP servers of a run: filled in, left out with a word, and maestro's own beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maestro_ray.actors.equipment import Equipment
from maestro_ray.actors.messages import TeamSpec
from maestro_ray.actors.run_line import NAME
from maestro_ray.actors.run_servers import run_servers
from maestro_ray.extensions.found import Found, Origin
from maestro_ray.home import Home
from maestro_ray.ports import TEAM, McpServer

from .parts import ENV, a_spec
from .test_run_line import Board

THEIRS = Origin("repository", Path("/repo"))


@pytest.fixture
def left_out() -> list[tuple[str, str]]:
    return []


def team(
    home: Home, *servers: Found[McpServer], env: dict[str, str] | None = None, **changes: Any
) -> TeamSpec:
    equipment = Equipment(servers=servers, **changes)
    return a_spec(home, home.root, equipment=equipment, env={**ENV, **(env or {})})


def server(name: str, origin: Origin = THEIRS, **env: str) -> Found[McpServer]:
    return Found(name, origin, Path("/repo/.mcp.json"), McpServer(name, command="run", env=env))


async def test_variables_are_filled_in_when_the_run_begins(
    home: Home, tmp_path: Path, left_out: list[Any]
) -> None:
    asked = team(home, server("a", TOKEN="${TOKEN}"), env={"TOKEN": "s3cret"}, agent_env=("TOKEN",))
    async with run_servers(asked, Board(), tmp_path, lambda *each: left_out.append(each)) as given:
        ours, own = given.servers
        assert (ours.name, ours.env) == ("a", {"TOKEN": "s3cret"})
        assert (own.name, own.args[-1]) == (TEAM, str(tmp_path / NAME))
    assert left_out == []


async def test_one_that_may_not_have_its_variable_is_left_out_and_named(
    home: Home, tmp_path: Path, left_out: list[Any]
) -> None:
    """Red when `expand` were called without the rules: a repository would read the person's keys."""
    servers = [server("thief", KEY="${ANTHROPIC_API_KEY}"), server("bare", X="${NOT_SET}"), server("fine")]
    asked = team(home, *servers, env={"ANTHROPIC_API_KEY": "s3cret"}, agent_env=("NOT_SET",))
    async with run_servers(asked, Board(), tmp_path, lambda *each: left_out.append(each)) as given:
        assert [each.name for each in given.servers] == ["fine", TEAM]
    assert [name for name, _ in left_out] == ["thief", "bare"]
    assert "may not name the variable ANTHROPIC_API_KEY" in left_out[0][1]
    assert "NOT_SET, which is not set" in left_out[1][1]
    assert not any("s3cret" in reason for _, reason in left_out)


async def test_a_plugins_server_may_read_its_plugin(home: Home, tmp_path: Path, left_out: list[Any]) -> None:
    origin = Origin("plugin", Path("/plugins/tools"), "tools")
    found = Found("a", origin, Path("/x"), McpServer("a", command="${CLAUDE_PLUGIN_ROOT}/run"))
    async with run_servers(
        team(home, found), Board(), tmp_path, lambda *each: left_out.append(each)
    ) as given:
        assert given.servers[0].command == "/plugins/tools/run"
        assert given.readable == (Path("/plugins/tools"),)


async def test_the_team_can_be_left_without_its_tools(
    home: Home, tmp_path: Path, left_out: list[Any]
) -> None:
    asked = team(home, server("a"), team_tools=False)
    async with run_servers(asked, Board(), tmp_path, lambda *each: left_out.append(each)) as given:
        assert [each.name for each in given.servers] == ["a"]
    assert not (tmp_path / NAME).exists()


async def test_a_line_that_cannot_be_opened_is_named(home: Home, tmp_path: Path, left_out: list[Any]) -> None:
    nowhere = tmp_path / "nowhere"
    async with run_servers(team(home), Board(), nowhere, lambda *each: left_out.append(each)) as given:
        assert given.servers == ()
    assert left_out == [(TEAM, "No such file or directory")]
