from __future__ import annotations

import signal
import socket

import httpx
import pytest
from starlette.applications import Starlette

from maestro_ray.studio.server import Server


async def up(port: int) -> int:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"http://127.0.0.1:{port}/up")).status_code


@pytest.mark.sqlite_only("no database is asked")
async def test_it_answers_from_begin_to_stop(app: Starlette) -> None:
    server = Server(app, grace=1, signals=False)
    before = signal.getsignal(signal.SIGTERM)
    port = await server.begin()
    assert signal.getsignal(signal.SIGTERM) is before
    assert await up(port) == 200
    await server.stop()
    with pytest.raises(httpx.ConnectError):
        await up(port)


@pytest.mark.sqlite_only("no database is asked")
async def test_it_serves_the_sockets_it_is_given(app: Starlette) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(app, grace=1, signals=False)
        assert await server.begin([listener]) == listener.getsockname()[1]
        assert await up(listener.getsockname()[1]) == 200
        await server.stop()
