"""The line of one run: a Unix socket in its scratch directory, over which its agent's MCP servers reach the desk.

Only the box of this run shows the directory, so what comes over it needs no name and no token. The address of a socket
holds 107 bytes and the directory's name may be longer: it is reached by an open descriptor of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
from pathlib import Path

from maestro_ray.agent import relay
from maestro_ray.extensions.mcp_server import Call, Desk, McpSession, answered
from maestro_ray.ports import TEAM, McpServer

NAME = "team.sock"
# an agent, the agents it starts, and a margin
CONNECTIONS_AT_ONCE = 16
PIECE = 65536


def server(line: Path) -> McpServer:
    """maestro's own, as an agent is given it: a relay to the line."""
    words = ("-I", "-S", str(Path(relay.__file__)), str(line))
    return McpServer(TEAM, command=sys.executable, args=words)


class RunLine:
    """Open, then close; in between every client of the same user is served."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._server: asyncio.Server | None = None
        self._served: set[asyncio.Task[None]] = set()

    async def open(self, scratch: Path) -> Path:
        """The path of the socket. Raises `OSError`."""
        path = scratch / NAME
        path.unlink(missing_ok=True)
        place = os.open(scratch, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.bind(f"/proc/self/fd/{place}/{NAME}")
            path.chmod(0o600)
        except OSError:
            line.close()
            raise
        finally:
            os.close(place)
        self._server = await asyncio.start_unix_server(self._begin, sock=line, limit=PIECE)
        return path

    async def close(self) -> None:
        """Cut every client. Harmless when repeated."""
        if self._server is None:
            return
        self._server.close()
        for each in list(self._served):
            each.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)
        self._server = None

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._served) >= CONNECTIONS_AT_ONCE or not _is_ours(writer):
            writer.close()
            return
        serving = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._served.add(serving)
        serving.add_done_callback(self._served.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One call after the other: who does not read its answers is not read either."""
        session = McpSession()
        try:
            while data := await reader.read(PIECE):
                for asked in session.receive(data):
                    said = asked if isinstance(asked, bytes) else await self._answered(session, asked)
                    writer.write(said)
                    await writer.drain()
        except OSError:  # the client is gone
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answered(self, session: McpSession, call: Call) -> bytes:
        return await answered(session, self._desk, call)


def _is_ours(writer: asyncio.StreamWriter) -> bool:
    line: socket.socket = writer.get_extra_info("socket")
    given = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", given)[1]) == os.getuid()
