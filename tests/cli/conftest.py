from __future__ import annotations

import asyncio
import inspect
import io
import json
import threading

import pytest
from workspace.sample import Sample

from maestro_cli import invocation, main
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
        assert self._up.wait(60)

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
        self._thread.join(60)


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


class Ground:
    """A repository, a home and the program run there."""

    def __init__(self, root, capsys, monkeypatch):
        self.repo, self.home, self.root = root / "repo", root / "home", root
        self._capsys, self._monkeypatch = capsys, monkeypatch
        self.write({"repo/.git/HEAD": ""})

    def write(self, files):
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def run(self, *words, stdin="", terminal=False):
        """Exit code, standard output and standard error; at a `terminal` there is somebody who can be asked."""
        source = io.StringIO(stdin)
        source.isatty = lambda: terminal
        self._monkeypatch.setattr("sys.stdin", source)
        code = main.run(["-C", str(self.repo), *words])
        return (code, *self._capsys.readouterr())

    def text(self, *words):
        """The output of what works."""
        code, out, err = self.run(*words)
        assert (code, err) == (0, "")
        return out

    def json(self, *words, code=0, stdin=""):
        """The one object of a command."""
        ended, out, err = self.run("--json", *words, stdin=stdin)
        assert (ended, err) == (code, ""), out
        return json.loads(out)


@pytest.fixture
def ground(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MAESTRO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return Ground(tmp_path, capsys, monkeypatch)
