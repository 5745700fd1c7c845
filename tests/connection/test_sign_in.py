"""Signing in to one's own Studio: with what is in the home, once."""

from __future__ import annotations

import asyncio

import pytest

from maestro_ray.connection.sign_in import sign_in, studio_address, studio_tokens
from maestro_ray.errors import Unauthenticated
from maestro_ray.home import Home
from maestro_ray.studio import identity
from maestro_ray.testing import LocalStudio


async def test_the_invite_is_redeemed_once_and_then_gone(home: Home, studio: LocalStudio) -> None:
    invite = home.run / "invite"
    invite.write_text(await studio.store.write(identity.invite) + "\n")
    tokens = await asyncio.to_thread(sign_in, home, studio.url)
    assert not invite.exists()
    token = tokens.access_token()
    again = await asyncio.to_thread(sign_in, home, studio.url)
    assert again.access_token() == token
    fresh = await asyncio.to_thread(tokens.renew, token)
    assert fresh != token == token
    assert studio_tokens(home, studio.url).access_token() == fresh


async def test_a_false_invite_opens_nothing(home: Home, studio: LocalStudio) -> None:
    (home.run / "invite").write_text("forged\n")
    with pytest.raises(Unauthenticated):
        await asyncio.to_thread(sign_in, home, studio.url)
    assert not (home.run / "tokens.json").exists()


async def test_a_home_knows_where_its_studio_is(home: Home) -> None:
    path = home.run / "studio.json"
    assert studio_address(home) == ""
    path.write_text('{"url": "http://127.0.0.1:7"}')
    assert studio_address(home) == "http://127.0.0.1:7"
    for broken in ("", "[]", "{}"):
        path.write_text(broken)
        assert studio_address(home) == ""
