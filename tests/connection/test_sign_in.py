"""Signing in to one's own Studio: with what is in the home, once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from maestro_ray.connection.ask import ask
from maestro_ray.connection.sign_in import sign_in, studio_address, studio_tokens
from maestro_ray.errors import Unauthenticated
from maestro_ray.home import Home
from maestro_ray.studio import backup, identity
from maestro_ray.testing import LocalStudio


async def test_the_invite_is_redeemed_once_and_then_gone(home: Home, studio: LocalStudio) -> None:
    invite = home.run / "invite"
    invite.write_text(await studio.store.write(identity.invite) + "\n")
    tokens = await asyncio.to_thread(sign_in, home, studio.url)
    assert not invite.exists()
    before = tokens.access_token()
    again = await asyncio.to_thread(sign_in, home, studio.url)
    # Studio was asked, and is the only one who can know
    token = again.access_token()
    assert token != before
    fresh = await asyncio.to_thread(tokens.renew, token)
    assert fresh != token == token
    assert studio_tokens(home, studio.url).access_token() == fresh


async def _restarted(home: Home) -> LocalStudio:
    """As the daemon starts it: with an invite for this home."""
    studio = LocalStudio(home)
    await studio.start()
    (home.run / "invite").write_text(await studio.store.write(identity.invite))
    await asyncio.to_thread(sign_in, home, studio.url)
    return studio


@pytest.mark.parametrize("known", [True, False])
async def test_a_home_is_signed_in_again_after_a_restore(home: Home, known: bool) -> None:
    """The copy knows nothing of the tokens that are kept; of their owner it may."""
    copy = home.root / "copy.db"
    if not known:
        empty = LocalStudio(home)
        await empty.start()
        await asyncio.to_thread(backup.make, home.studio_database, copy)
        await empty.stop()
    studio = await _restarted(home)
    tokens = studio_tokens(home, studio.url)
    if known:
        await asyncio.to_thread(backup.make, home.studio_database, copy)
    before = await asyncio.to_thread(_me, studio, tokens.access_token())
    await asyncio.to_thread(tokens.renew, tokens.access_token())
    await studio.stop()
    backup.restore(home.studio_database, copy)
    studio = await _restarted(home)
    try:
        tokens = studio_tokens(home, studio.url)
        after = await asyncio.to_thread(
            _me, studio, await asyncio.to_thread(tokens.renew, tokens.access_token())
        )
        assert after["roles"] == {"*": "owner"}
        assert (after["id"] == before["id"]) is known
    finally:
        await studio.stop()


def _me(studio: LocalStudio, token: str) -> Any:
    return ask("GET", f"{studio.url}/api/v1/me", token=token)


async def test_without_an_invite_it_is_said_what_leads_back(home: Home, studio: LocalStudio) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await asyncio.to_thread(sign_in, home, studio.url)
    assert "`maestro daemon restart`" in caught.value.hint


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
