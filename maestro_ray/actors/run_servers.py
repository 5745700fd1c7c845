"""The MCP servers of one run: those of its team with their variables filled in, and maestro's own with a line to it.

Values are filled in now and go to the agent alone. A server that cannot be given is named, and the run goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from maestro_ray.actors.messages import TeamSpec
from maestro_ray.actors.run_line import RunLine, server
from maestro_ray.errors import UsageError
from maestro_ray.extensions.mcp import expand_found
from maestro_ray.extensions.mcp_server import Desk
from maestro_ray.ports import TEAM, McpServer


@dataclass(frozen=True)
class RunServers:
    """`readable` are the directories of plugins that bring them."""

    servers: tuple[McpServer, ...] = ()
    readable: tuple[Path, ...] = ()


@contextlib.asynccontextmanager
async def run_servers(
    team: TeamSpec, desk: Desk, scratch: Path, left_out: Callable[[str, str], None]
) -> AsyncIterator[RunServers]:
    """As long as the run lasts. `left_out` is told the name of a server and why it is not given."""
    given = _of_the_team(team, left_out)
    line = RunLine(desk)
    try:
        if team.equipment.team_tools:
            try:
                given.append(server(await line.open(scratch)))
            except OSError as error:
                left_out(TEAM, error.strerror or str(error))
        roots = [each.origin.within for each in team.equipment.servers if each.origin.plugin]
        yield RunServers(tuple(given), tuple(root for root in roots if root is not None))
    finally:
        await line.close()


def _of_the_team(team: TeamSpec, left_out: Callable[[str, str], None]) -> list[McpServer]:
    given = []
    for each in team.equipment.servers:
        try:
            given.append(expand_found(each, team.env, team.equipment.agent_env))
        except UsageError as error:
            left_out(each.name, f"{error}. {error.hint}".removesuffix(". "))
    return given
