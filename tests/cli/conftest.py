from __future__ import annotations

import asyncio
import inspect
import threading

import pytest
from workspace.sample import Sample

from maestro_cli import invocation
from maestro_cli.invocation import Invocation
from maestro_ray.connection.line import LineServer
from maestro_ray.home import Home


@pytest.fixture(autouse=True)
def fresh_invocation(monkeypatch):
    """Each test is an invocation of its own: what another asked for is not in force."""
    monkeypatch.setattr(invocation, "current", Invocation())
    monkeypatch.delenv("MAESTRO_OUTPUT_FORMAT", raising=False)


class FakeDaemon:
    """Serves the local line of a home from a thread; `answers` maps a method to `(params, notify) -> answer`."""

    def __init__(self, home):
        self.answers, self.asked = {}, []
        self._home = home
        self._up, self._over = threading.Event(), None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._up.wait(10)

    async def _handle(self, method, params, notify):
        self.asked.append((method, params))
        answer = self.answers[method](params, notify)
        return await answer if inspect.isawaitable(answer) else answer

    async def _serve(self):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = LineServer(self._home.daemon_socket, self._handle)
        await server.start()
        self._up.set()
        await self._over.wait()
        await asyncio.sleep(0)
        await server.close()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    def stop(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("MAESTRO_HOME", str(tmp_path / "home"))
    return Home.find()


@pytest.fixture
def sample(tmp_path):
    return Sample.make(tmp_path / "sample")


@pytest.fixture
def daemon(home):
    home.prepare()
    daemon = FakeDaemon(home)
    yield daemon
    daemon.stop()
