from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from maestro_ray.config import Config, Home
from maestro_ray.errors import PortTaken
from maestro_ray.studio import __main__ as module
from maestro_ray.studio.__main__ import _write_private, bind
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .browser import Client
from .pretend import PretendTeam, Rest


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.find({"MAESTRO_HOME": str(tmp_path / "home")})
    home.prepare()
    return home


@contextmanager
def listening(home: Home, port: int = 0, *, stay: bool = False) -> Iterator[int]:
    listener = bind(home, port, stay)
    try:
        assert listener.getsockname()[0] == "127.0.0.1"
        assert listener.proto == socket.IPPROTO_TCP, "answers would wait 40 ms for Nagle"
        yield listener.getsockname()[1]
    finally:
        listener.close()


@contextmanager
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_is_chosen_once_and_kept(home: Home) -> None:
    with listening(home) as first:
        pass
    with listening(home) as again:
        assert again == first


def test_a_kept_port_that_is_in_use_is_given_up(home: Home) -> None:
    with taken() as port:
        (home.run / "studio.port").write_text(str(port))
        with listening(home) as other:
            assert other != port
    assert (home.run / "studio.port").read_text() == str(other)


def test_a_port_that_somebody_knows_is_the_only_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the configuration says by now: who looks for Studio looks where it was."""
    monkeypatch.setattr(module, "PORT_WITHIN", 0.1)
    with listening(home) as first:
        pass
    with listening(home, 1, stay=True) as again:
        assert again == first
    with taken() as port:
        (home.run / "studio.port").write_text(str(port))
        with pytest.raises(PortTaken) as raised:
            bind(home, 0, stay=True)
        assert raised.value.args == (port,)
        assert (home.run / "studio.port").read_text() == str(port)
    (home.run / "studio.port").unlink()
    with listening(home, stay=True) as fresh:
        assert fresh


def test_a_port_that_somebody_knows_is_waited_for(home: Home) -> None:
    with taken() as port:
        (home.run / "studio.port").write_text(str(port))
        bound: list[socket.socket] = []
        waiting = threading.Thread(target=lambda: bound.append(bind(home, 0, stay=True)))
        waiting.start()
        waiting.join(0.2)
        assert bound == []
    waiting.join(60)
    assert bound[0].getsockname()[1] == port
    bound[0].close()


@pytest.mark.parametrize("kept", ["", "eighty", "-1", "0", "99999", "8" * 5000])
def test_a_kept_port_that_is_none_is_chosen_anew(home: Home, kept: str) -> None:
    (home.run / "studio.port").write_text(kept)
    with listening(home) as port:
        assert (home.run / "studio.port").read_text() == str(port)


def test_a_configured_port_in_use_is_an_error_that_names_it(home: Home) -> None:
    with taken() as port, pytest.raises(PortTaken) as raised:
        bind(home, port)
    assert raised.value.args == (port,)
    assert not (home.run / "studio.port").exists()


def test_a_secret_is_for_its_owner_alone_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "invite"
    for words in ("one", "two"):
        _write_private(path, words)
        assert path.read_text() == f"{words}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["invite"]


@contextmanager
def running(
    home: Home, log: IO[bytes] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """Studio as the daemon starts it, and its ready line."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "maestro_ray.studio", "--ready", str(writing)],
        env={**os.environ, "MAESTRO_HOME": str(home.root), "PYTHONPATH": os.pathsep.join(sys.path)},
        pass_fds=[writing],
        stderr=log,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as ready:
            yield process, json.loads(ready.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_studio_as_a_process_comes_back_as_the_same(home: Home) -> None:
    with running(home) as (process, info):
        assert info["pid"] == process.pid
        assert json.loads((home.run / "studio.json").read_text()) == info
        invite = home.run / "invite"
        assert stat.S_IMODE(invite.stat().st_mode) == 0o600
        with httpx.Client(base_url=f"{info['url']}/api/v1", trust_env=False) as http:
            tokens = http.post("/auth/redeem", json={"token": invite.read_text().strip()}).json()
    assert process.returncode in (0, -signal.SIGTERM)
    with running(home) as (_, again):
        assert {**again, "pid": 0} == {**info, "pid": 0}
        answer = httpx.get(
            f"{again['url']}/api/v1/projects",
            headers={"authorization": f"Bearer {tokens['access_token']}"},
            trust_env=False,
        )
        assert (answer.status_code, answer.json()) == (200, [])


def test_numbers_of_events_never_go_back(home: Home) -> None:
    """A subscriber who remembers the last one would take what comes after a restart for old news."""

    async def first_number() -> int:
        studio = await Studio.open(home.studio_database, Config(), FakeClock(wall=1_800_000_000.0))
        studio.hub.publish("private-team.x", "told", {})
        await studio.store.close()
        return studio.hub.number("private-team.x")

    one, two, three = [asyncio.run(first_number()) for _ in range(3)]
    assert 0 < one < two < three < 2**53, "a browser's numbers are exact up to here"
    # a copy that is put back is older
    home.studio_database.unlink()
    later = FakeClock(wall=1_800_000_100.0)

    async def after_a_restore() -> int:
        studio = await Studio.open(home.studio_database, Config(), later)
        await studio.store.close()
        return studio.hub.number("private-team.x")

    assert asyncio.run(after_a_restore()) > three


def test_two_homes_share_a_server_and_its_password_is_nowhere(
    home: Home, tmp_path: Path, postgres_database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    other = Home.find({"MAESTRO_HOME": str(tmp_path / "other")})
    other.prepare()
    for each in (home, other):
        address = postgres_database.replace("maestro@", "maestro:hunter2@")
        (each.root / "config.toml").write_text(f'[studio]\ndatabase = "{address}"\n')
    with running(home) as (_, one), running(other) as (_, two):
        assert one["key"] == two["key"]
        assert one["url"] != two["url"]
        tokens = httpx.post(
            f"{one['url']}/api/v1/auth/redeem",
            json={"token": (other.run / "invite").read_text().strip()},
            trust_env=False,
        ).json()
        answer = httpx.get(
            f"{two['url']}/api/v1/me",
            headers={"authorization": f"Bearer {tokens['access_token']}"},
            trust_env=False,
        )
        assert answer.status_code == 200
        said = json.dumps([one, two])
    assert not home.studio_database.exists()
    written = [path.read_text() for path in home.run.iterdir() if path.is_file()]
    assert "hunter2" not in " ".join([said, *written, *capfd.readouterr()])


async def _listener(info: dict[str, Any], rest: Rest, channel: str) -> Client:
    """Somebody who listens at this process, with a signature from whichever `rest` speaks to."""
    client = await Client.arrive(int(info["url"].rpartition(":")[2]), info["key"])
    asked = {"socket_id": client.socket_id, "channel_name": channel}
    signed = (await rest.http.post("/broadcasting/auth", json=asked)).json()
    await client.say("pusher:subscribe", {"channel": channel, **signed})
    told, data = await client.next()
    assert told == "pusher_internal:subscription_succeeded", data
    return client


async def test_two_processes_serve_one_team_and_when_one_is_killed_the_other_goes_on(
    home: Home, tmp_path: Path, postgres_database: str
) -> None:
    other = Home.find({"MAESTRO_HOME": str(tmp_path / "other")})
    other.prepare()
    for each in (home, other):
        (each.root / "config.toml").write_text(f'[studio]\ndatabase = "{postgres_database}"\n')
    with running(home) as (process, one), running(other) as (_, two):
        async with (
            httpx.AsyncClient(base_url=one["url"], trust_env=False) as first,
            httpx.AsyncClient(base_url=two["url"], trust_env=False) as second,
        ):
            here, there = Rest(first), Rest(second)
            await here.sign_in((home.run / "invite").read_text().strip())
            await there.sign_in((other.run / "invite").read_text().strip())
            project = await here.project()
            channel = f"private-project.{project}"
            # each asks the one for a signature that is shown to the other
            clients = [await _listener(two, here, channel), await _listener(two, there, channel)]
            member = await _listener(two, there, f"presence-project.{project}")
            team = await PretendTeam.join(here, project, [("dev-1", "dev")])
            for client in clients:
                while (await client.next())[0] != "team.allocated":
                    pass
            await _listener(one, here, f"presence-project.{project}")
            assert (await member.next())[0] == "pusher_internal:member_added"
            # whose sign-in ends there hears no more here
            await here.post("auth/logout", status=204)
            assert await clients[0].until_closed() == 4200
            process.kill()
            process.wait(60)
            await there.delete(f"teams/{team.id}")
            while (await clients[1].next())[0] != "team.ended":
                pass
            await Client.all_leave()


@pytest.mark.parametrize(
    ("database", "kind"),
    [
        ("postgresql://ada:hunter2@127.0.0.1:1/x", "database_unavailable"),
        ("postgresql://ada:hunter2@[::1/x", "config_error"),
        ("mysql://ada:hunter2@h/x", "config_error"),
    ],
)
def test_a_database_that_cannot_be_reached_is_named_without_its_password(
    home: Home, capfd: pytest.CaptureFixture[str], database: str, kind: str
) -> None:
    (home.root / "config.toml").write_text(f'[studio]\ndatabase = "{database}"\n')
    with running(home) as (process, said):
        assert said["error_kind"] == kind
        assert process.wait(60) == 1
    assert "hunter2" not in " ".join([json.dumps(said), *capfd.readouterr()])


def test_a_second_studio_on_the_same_file_is_refused_and_the_first_goes_on(home: Home) -> None:
    with running(home) as (first, info):
        with running(home) as (second, said):
            assert said["error_kind"] == "database_in_use"
            assert str(first.pid) in said["message"]
            assert second.wait(60) == 1
        assert httpx.get(f"{info['url']}/up", trust_env=False).status_code == 200
        assert (home.run / "studio.port").read_text() == info["url"].rpartition(":")[2]


def test_its_log_is_json_lines_and_prometheus_has_a_token(home: Home) -> None:
    (home.root / "config.toml").write_text('[studio]\nlog = "info"\n')
    with (home.logs / "studio.log").open("wb") as log, running(home, log) as (_, info):
        path = home.run / "metrics.token"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        secret = path.read_text().strip()
        answer = httpx.get(
            f"{info['url']}/metrics", headers={"authorization": f"Bearer {secret}"}, trust_env=False
        )
        assert answer.status_code == 200
    text = (home.logs / "studio.log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    (request,) = [line for line in lines if line["logger"] == "maestro_ray.studio.observed"]
    assert (request["level"], request["path"], request["status"]) == ("info", "/metrics", 200)
    assert request["request_id"] == answer.headers["x-request-id"]
    assert secret not in text


def test_a_studio_that_cannot_start_says_why(home: Home) -> None:
    with taken() as port:
        (home.root / "config.toml").write_text(f"[studio]\nport = {port}\n")
        with running(home) as (process, said):
            assert said["error_kind"] == "port_taken"
            assert str(port) in said["message"]
            assert process.wait(60) == 1
