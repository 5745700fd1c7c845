from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette

from maestro_ray.studio import browser, housekeeping, identity
from maestro_ray.studio import schema as t
from maestro_ray.studio.housekeeping import REPLY_SECONDS, keep_house, tidy
from maestro_ray.studio.identity import ACCESS_SECONDS, INVITE_SECONDS, REFRESH_SECONDS
from maestro_ray.studio.store import Row, Store
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .pretend import Rest

NOTHING = {"replies": 0, "invites": 0, "refresh_tokens": 0, "browsers": 0, "cuts": 0}


async def sign_in(store: Store) -> Row:
    return await store.write(identity.redeem, await store.write(identity.invite), "ada")


async def count(store: Store, table: sa.Table) -> int:
    return len(await store.read(lambda tx: tx.all(sa.select(table))))


async def test_what_is_of_use_stays(rest: Rest, store: Store, studio: Studio) -> None:
    await rest.post("projects", {"key": "github:a/b", "name": "b"}, status=201, key="k")
    await rest.post("auth/logout", status=204)
    await sign_in(studio.store)
    await studio.store.write(identity.invite)
    # the family of the one who has logged out is dead at once
    assert await tidy(studio.store) == {**NOTHING, "refresh_tokens": 1}
    assert await tidy(studio.store) == NOTHING


async def test_a_reply_is_kept_for_a_week(rest: Rest, studio: Studio, clock: FakeClock) -> None:
    body = {"project_id": await rest.project(), "role": "lead", "name": "maestro"}
    await rest.post("agent-sessions", body, status=201, key="k")
    clock.advance(REPLY_SECONDS)
    assert (await tidy(studio.store))["replies"] == 0
    clock.advance(1)
    assert (await tidy(studio.store))["replies"] == 1
    assert await count(studio.store, t.replies) == 0


async def test_an_invite_goes_when_it_has_expired(store: Store, clock: FakeClock) -> None:
    used = await store.write(identity.invite)
    await store.write(identity.redeem, used, "ada")
    await store.write(identity.invite)
    clock.advance(INVITE_SECONDS - 1)
    assert (await tidy(store))["invites"] == 0
    clock.advance(1)
    assert (await tidy(store))["invites"] == 2


async def test_a_used_token_of_a_living_family_still_gives_a_thief_away(
    store: Store, clock: FakeClock
) -> None:
    stolen = (await sign_in(store))["refresh_token"]
    mine = await store.write(identity.refresh, stolen)
    assert mine is not None
    mine = await store.write(identity.refresh, mine["refresh_token"])
    clock.advance(3600)
    assert await tidy(store) == NOTHING
    assert await store.write(identity.refresh, stolen) is None
    assert mine is not None
    assert await store.write(identity.refresh, mine["refresh_token"]) is None
    # now nothing of this family lives
    assert (await tidy(store))["refresh_tokens"] == 3


async def test_a_token_goes_when_it_has_expired_and_a_living_one_does_not(
    store: Store, clock: FakeClock
) -> None:
    old = await sign_in(store)
    clock.advance(REFRESH_SECONDS - 1)
    fresh = await store.write(identity.refresh, old["refresh_token"])
    assert fresh is not None
    clock.advance(1)
    assert (await tidy(store))["refresh_tokens"] == 1
    assert await store.write(identity.refresh, fresh["refresh_token"]) is not None


async def test_a_cut_goes_with_the_last_token_it_could_be_about(store: Store, clock: FakeClock) -> None:
    tokens = await sign_in(store)
    caller = identity.verify(
        tokens["access_token"], await store.write(identity.setting, "jwt_secret"), clock.wall()
    )
    await store.write(lambda tx: identity._cut(tx, caller["sub"]))
    clock.advance(ACCESS_SECONDS)
    assert (await tidy(store))["cuts"] == 0
    clock.advance(1)
    assert (await tidy(store))["cuts"] == 1


async def test_one_go_is_bounded_and_the_rest_comes_soon(
    studio: Studio, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        await studio.store.write(identity.invite)
    clock.advance(INVITE_SECONDS)
    assert (await tidy(studio.store, at_once=3))["invites"] == 3
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            raise asyncio.CancelledError

    counts = iter([{"invites": housekeeping.AT_ONCE}, {"invites": 2}, None])

    async def some(_store: Store) -> dict[str, int]:
        if (found := next(counts)) is None:
            raise sa.exc.OperationalError("DELETE", {}, Exception("locked"))
        return found

    monkeypatch.setattr(housekeeping.asyncio, "sleep", pause)
    monkeypatch.setattr(housekeeping, "tidy", some)
    with pytest.raises(asyncio.CancelledError):
        await keep_house(studio)
    assert pauses == [housekeeping.FIRST, housekeeping.SOON, housekeeping.EVERY, housekeeping.EVERY]


async def test_it_begins_with_the_application_and_ends_with_it(
    app: Starlette, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidied = asyncio.Event()

    async def some(_store: Store) -> dict[str, int]:
        tidied.set()
        return dict(NOTHING)

    monkeypatch.setattr(housekeeping, "FIRST", 0)
    monkeypatch.setattr(housekeeping, "tidy", some)
    async with app.router.lifespan_context(app):
        await asyncio.wait_for(tidied.wait(), 60)
    assert len(asyncio.all_tasks()) == 1


async def test_a_browser_that_stayed_its_time_is_forgotten(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    link = (await rest.post("auth/page-link", status=201))["token"]
    await rest.post("auth/page-link", status=201)
    await studio.store.write(browser.enter, link)
    clock.advance(browser.LINK_SECONDS)
    assert (await tidy(studio.store))["browsers"] == 1
    clock.advance(browser.STAY_SECONDS)
    assert (await tidy(studio.store))["browsers"] == 1
    assert await count(studio.store, t.browsers) == 0
