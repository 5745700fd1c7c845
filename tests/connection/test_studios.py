"""What connections share: one HTTP client and doorway a Studio, one set of tokens an login, renewed in time."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from maestro_ray.connection import client as client_module
from maestro_ray.connection.login import Login
from maestro_ray.connection.project import ProjectConnection
from maestro_ray.connection.studios import Studios
from maestro_ray.connection.trouble import Trouble
from maestro_ray.studio import identity as sign_in
from maestro_ray.testing import LocalStudio, eventually

from .ears import Ears


async def test_what_is_shared_and_what_is_not(tmp_path: Path) -> None:
    studios = Studios()
    one = Login("https://a.example", "wss://a.example/app/k", str(tmp_path / "1"))
    other = replace(one, tokens=str(tmp_path / "2"))
    third = Login("https://b.example", "wss://b.example/app/k", str(tmp_path / "1"))
    first, second, elsewhere = (studios.access(each) for each in (one, other, third))
    assert studios.access(one) is first
    assert first.rest is not second.rest
    assert first.rest._http is second.rest._http
    assert first.doorway is second.doorway
    assert first.secure is second.secure is elsewhere.secure is not None
    assert elsewhere.rest._http is not first.rest._http
    assert elsewhere.doorway is not first.doorway
    assert studios.access(Login("http://127.0.0.1:1", "ws://127.0.0.1:1/app/k", "t")).secure is None
    await studios.close()


async def test_two_people_at_one_studio_are_two(studio: LocalStudio, tmp_path: Path) -> None:
    studios = Studios()
    mine = await studio.login()
    theirs = replace(mine, tokens=str(tmp_path / "theirs.json"))
    invite = await studio.store.write(sign_in.invite)
    await asyncio.to_thread(studios.access(theirs).rest._tokens.redeem, invite, "somebody")
    users = [(await studios.access(each).rest.get("me"))["id"] for each in (mine, theirs)]
    assert users[0] != users[1]
    await studios.close()


async def test_a_token_is_renewed_before_it_ends_and_the_socket_stays(
    studio: LocalStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asks for anything meanwhile."""
    monkeypatch.setattr(client_module, "TRUSTED", 0.01)
    studios, ears = Studios(), Ears()
    login = await studio.login()
    connection = ProjectConnection("p", studios.access(login), ears)
    connection.subscribe("private-project.p")
    await ears.subscribed("p")
    session = next(iter(connection._sockets))._session
    path = Path(login.tokens)
    before = json.loads(path.read_text())
    path.write_text(json.dumps({**before, "expires_at": time.time() + 30}))
    await eventually(lambda: json.loads(path.read_text())["refresh_token"] != before["refresh_token"])
    studio.hub.publish("private-project.p", "task.updated", {})
    await ears.hears("p")
    assert next(iter(connection._sockets))._session is session is not None
    assert ears.changes == [("p", Trouble.NONE)]
    await connection.close()
    await studios.close()


async def test_a_crowd_that_is_refused_renews_once(
    studio: LocalStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studios = Studios()
    rest = studios.access(await studio.login()).rest
    await rest.get("me")
    renewed: list[str] = []
    renew = rest._tokens.renew

    def counted(refused: str) -> str:
        renewed.append(refused)
        return renew(refused)

    monkeypatch.setattr(rest._tokens, "renew", counted)
    rest._token = "no token at all"
    assert len(await asyncio.gather(*(rest.get("me") for _ in range(30)))) == 30
    assert renewed == ["no token at all"]
    await studios.close()


async def test_a_studio_that_answers_anybody_is_not_away(studio: LocalStudio) -> None:
    studios = Studios()
    access = studios.access(await studio.login())
    access.doorway._failed(False, OSError())
    assert access.doorway.away
    await access.rest.get("me")
    assert not access.doorway.away
    await studios.close()
