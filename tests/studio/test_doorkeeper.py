from __future__ import annotations

import asyncio
from typing import Any

import pytest

from maestro_ray.config import Config
from maestro_ray.errors import TooManyRequests, Unauthenticated
from maestro_ray.model.access import Role
from maestro_ray.studio import doorkeeper, identity
from maestro_ray.studio.database import Place
from maestro_ray.studio.doorkeeper import CUTS_KEPT, Doorkeeper
from maestro_ray.studio.store import Store
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock


@pytest.fixture
async def door(store: Store, clock: FakeClock) -> Doorkeeper:
    return Doorkeeper(store, await store.write(identity.setting, "jwt_secret"), clock)


async def sign_in(store: Store) -> str:
    tokens = await store.write(identity.redeem, await store.write(identity.invite), "ada")
    return str(tokens["access_token"])


async def test_a_token_tells_who_comes_and_as_what(door: Doorkeeper, store: Store) -> None:
    caller = await door.caller(await sign_in(store))
    assert caller.roles == {"*": Role.OWNER}
    assert caller.channels is None


async def test_a_sign_in_that_was_ended_counts_no_longer(
    door: Doorkeeper, store: Store, clock: FakeClock
) -> None:
    mine, other = await sign_in(store), await sign_in(store)
    caller = await door.caller(mine)
    clock.advance(1)
    await store.write(identity.logout, caller)
    door.look_again()
    with pytest.raises(Unauthenticated, match="revoked"):
        await door.caller(mine)
    await door.caller(other)


async def test_what_another_process_cut_is_known_a_second_later(
    door: Doorkeeper, store: Store, clock: FakeClock
) -> None:
    token = await sign_in(store)
    await store.write(identity.logout, await door.caller(token), everywhere=True)
    clock.advance(CUTS_KEPT)
    with pytest.raises(Unauthenticated, match="revoked"):
        await door.caller(token)


async def test_nobody_is_let_in_while_the_cuts_are_read(
    door: Doorkeeper, store: Store, clock: FakeClock
) -> None:
    token = await sign_in(store)
    await store.write(identity.logout, await door.caller(token))
    fresh = Doorkeeper(store, door.secret, clock)
    answers = await asyncio.gather(*(fresh.caller(token) for _ in range(4)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unauthenticated] * 4


async def test_what_is_cut_while_the_cuts_are_read_is_looked_for_again(
    door: Doorkeeper, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await sign_in(store)
    caller = await door.caller(token)
    clock_stands = Doorkeeper(store, door.secret, FakeClock(wall=1_800_000_000.0, monotonic=50.0))
    read = store.read

    async def slow(*asked: Any) -> Any:
        rows = await read(*asked)
        monkeypatch.setattr(store, "read", read)
        await store.write(identity.logout, caller)
        clock_stands.look_again()
        return rows

    monkeypatch.setattr(store, "read", slow)
    await clock_stands.caller(token)
    with pytest.raises(Unauthenticated, match="revoked"):
        await clock_stands.caller(token)


async def test_all_who_wait_for_a_database_that_hangs_are_told_at_once(
    door: Doorkeeper, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other the last of a hundred would wait for a hundred attempts."""
    token, attempts, gone = await sign_in(store), 0, asyncio.Event()

    async def hangs(*_asked: Any) -> Any:
        nonlocal attempts
        attempts += 1
        await gone.wait()
        raise OSError("away")

    monkeypatch.setattr(store, "read", hangs)
    waiting = [asyncio.ensure_future(door.caller(token)) for _ in range(4)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # the one whose look it is goes, and the others still hear
    gone.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError, OSError, OSError, OSError]
    assert attempts == 1
    monkeypatch.undo()
    assert await door.caller(token)


async def test_who_comes_while_the_cuts_are_read_knows_what_was_cut_until_then(
    door: Doorkeeper, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that was begun before says nothing about it."""
    token = await sign_in(store)
    caller = await door.caller(token)
    door.look_again()
    read, began, go_on = store.read, asyncio.Event(), asyncio.Event()

    async def slow(*asked: Any) -> Any:
        rows = await read(*asked)
        began.set()
        await go_on.wait()
        return rows

    monkeypatch.setattr(store, "read", slow)
    early = asyncio.ensure_future(door.caller(token))
    await began.wait()
    await store.write(identity.logout, caller)
    door.look_again()
    late = asyncio.ensure_future(door.caller(token))
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(Unauthenticated, match="revoked"):
        await late
    await early


async def test_a_studio_knows_what_was_cut_when_it_opens(
    door: Doorkeeper, store: Store, database: Place, clock: FakeClock
) -> None:
    caller = await door.caller(await sign_in(store))
    await store.write(identity.logout, caller)
    studio = await Studio.open(database, Config(), clock)
    assert studio.door.is_cut([caller.family], caller.issued)
    await studio.store.close()


async def test_a_token_made_after_the_cut_counts(door: Doorkeeper, store: Store, clock: FakeClock) -> None:
    caller = await door.caller(await sign_in(store))
    await store.write(identity.logout, caller, everywhere=True)
    door.look_again()
    clock.advance(0.01)
    invite = await store.write(identity.invite)
    fresh = await store.write(identity.redeem, invite, "ada", caller.user)
    assert (await door.caller(fresh["access_token"])).user == caller.user


async def test_nobody_guesses_too_often(door: Doorkeeper, store: Store, clock: FakeClock) -> None:
    for guess in range(30):
        door.knock("10.0.0.1", str(guess))
    with pytest.raises(TooManyRequests):
        door.knock("10.0.0.1", "another")
    door.knock("10.0.0.2", "another")
    ours = await store.write(identity.invite)
    for _ in range(30):
        door.knock("10.0.0.1", ours)
    # one that Studio made is not tried for ever either, and that is nothing to the others
    with pytest.raises(TooManyRequests):
        door.knock("10.0.0.2", ours)
    door.knock("10.0.0.1", await store.write(identity.invite))
    clock.advance(2)
    door.knock("10.0.0.1", "another")


async def test_the_scrapers_token_is_compared_in_constant_time(
    door: Doorkeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `==` in `may_scrape` the time of an answer would tell how much of a guess is right."""
    compared: list[tuple[bytes, bytes]] = []
    good = identity.scrape_token(door.secret)
    monkeypatch.setattr(
        doorkeeper.hmac, "compare_digest", lambda one, two: compared.append((one, two)) or one == two
    )
    assert door.may_scrape(good)
    assert not door.may_scrape("é")
    assert compared == [(good.encode(), good.encode()), ("é".encode(), good.encode())]
