"""What the daemon answers itself, with a supervisor that only pretends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from maestro_ray.daemon.__main__ import Daemon, only_one, serve
from maestro_ray.errors import DaemonRunning, DaemonStopping, StartFailed
from maestro_ray.home import Home


class Supervisor:
    """Nothing is up; what is started fails as told."""

    studio = node = None

    def __init__(self) -> None:
        self.trouble: dict[str, str] = {}
        self.slow = False

    async def ensure(self, _progress: Any) -> None:
        if self.slow:
            await asyncio.Event().wait()
        raise StartFailed("Ray", "killed")

    async def stop(self, _progress: Any, *, keep_teams: bool = False) -> None:
        pass


@pytest.fixture
def home(tmp_path: Any) -> Home:
    home = Home(tmp_path, tmp_path / "run")
    home.prepare()
    return home


@pytest.fixture
def supervisor() -> Supervisor:
    return Supervisor()


@pytest.fixture
def daemon(home: Home, supervisor: Supervisor) -> Daemon:
    daemon = Daemon(home)
    daemon._supervisor = supervisor  # type: ignore[assignment]
    return daemon


async def ask(daemon: Daemon, method: str) -> Any:
    return await daemon._handle(method, {}, lambda *_: None)


async def test_without_ray_there_are_no_teams_until_ray_was_wanted_once(daemon: Daemon) -> None:
    assert (await ask(daemon, "status"))["teams_known"] is True
    with pytest.raises(StartFailed):
        await ask(daemon, "team.status")
    # it was wanted, so there may be teams that nobody can ask now
    assert (await ask(daemon, "status"))["teams_known"] is False


async def test_whoever_waits_for_a_start_hears_of_the_stop(daemon: Daemon, supervisor: Supervisor) -> None:
    supervisor.slow = True
    waiting = asyncio.create_task(ask(daemon, "team.start"))
    await asyncio.sleep(0)
    await ask(daemon, "daemon.stop")
    with pytest.raises(DaemonStopping, match="is being stopped"):
        await waiting
    # and whoever comes now, when the start that was cut has failed
    supervisor.slow = False
    with pytest.raises(DaemonStopping):
        await ask(daemon, "team.start")


def test_a_second_daemon_is_refused(home: Home) -> None:
    with only_one(home), pytest.raises(DaemonRunning):
        serve(home)
