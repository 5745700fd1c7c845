from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from maestro_ray.errors import Unauthenticated
from maestro_ray.model.access import Caller, Role
from maestro_ray.studio import browser, identity
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Store, Transaction
from maestro_ray.testing import FakeClock


async def owner(store: Store) -> str:
    await store.write(identity.redeem, await store.write(identity.invite), "ada")
    row = await store.read(Transaction.first, sa.select(t.users))
    assert row
    return str(row["id"])


async def test_a_link_lets_one_browser_in_once(store: Store) -> None:
    user = await owner(store)
    link = await store.write(browser.link, user)
    cookie = await store.write(browser.enter, link)
    found = await store.read(browser.find, cookie)
    assert (found.caller.user, found.caller.roles, found.name) == (user, {"*": Role.OWNER}, "ada")
    with pytest.raises(Unauthenticated, match="already used"):
        await store.write(browser.enter, link)


async def test_two_browsers_at_once_and_one_is_in(store: Store) -> None:
    link = await store.write(browser.link, await owner(store))
    came = await asyncio.gather(*(store.write(browser.enter, link) for _ in range(5)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in came) == ["Unauthenticated"] * 4 + ["str"]


@pytest.mark.parametrize("after", [browser.LINK_SECONDS - 1, browser.LINK_SECONDS])
async def test_a_link_is_good_for_two_minutes(store: Store, clock: FakeClock, after: float) -> None:
    link = await store.write(browser.link, await owner(store))
    clock.advance(after)
    if after < browser.LINK_SECONDS:
        await store.write(browser.enter, link)
    else:
        with pytest.raises(Unauthenticated):
            await store.write(browser.enter, link)


async def test_a_link_is_no_cookie_and_a_cookie_no_link(store: Store) -> None:
    link = await store.write(browser.link, await owner(store))
    with pytest.raises(Unauthenticated):
        await store.read(browser.find, link)
    cookie = await store.write(browser.enter, link)
    with pytest.raises(Unauthenticated):
        await store.write(browser.enter, cookie)


async def test_only_hashes_are_kept(store: Store) -> None:
    user = await owner(store)
    link = await store.write(browser.link, user)
    (row,) = await store.read(Transaction.all, sa.select(t.browsers))
    assert link not in str(row)
    cookie = await store.write(browser.enter, link)
    (row,) = await store.read(Transaction.all, sa.select(t.browsers))
    assert cookie not in str(row)
    assert browser.form_token(cookie) not in str(row)
    assert cookie not in browser.form_token(cookie)


async def test_a_stay_ends_by_itself_by_leaving_and_everywhere(store: Store, clock: FakeClock) -> None:
    user = await owner(store)
    one, two, three = [
        await store.write(browser.enter, await store.write(browser.link, user)) for _ in range(3)
    ]
    await store.write(browser.leave, one)
    await store.write(browser.leave, one)
    with pytest.raises(Unauthenticated):
        await store.read(browser.find, one)
    await store.read(browser.find, two)
    await store.write(identity.logout, Caller(user, "", {}), everywhere=True)
    with pytest.raises(Unauthenticated):
        await store.read(browser.find, two)
    four = await store.write(browser.enter, await store.write(browser.link, user))
    clock.advance(browser.STAY_SECONDS)
    for cookie in (three, four):
        with pytest.raises(Unauthenticated):
            await store.read(browser.find, cookie)


async def test_a_role_that_is_taken_away_is_gone_at_the_next_look(store: Store) -> None:
    user = await owner(store)
    cookie = await store.write(browser.enter, await store.write(browser.link, user))
    await store.write(identity.expel, user, "*")
    assert (await store.read(browser.find, cookie)).caller.roles == {}
