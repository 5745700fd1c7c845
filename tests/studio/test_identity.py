from __future__ import annotations

import jwt
import pytest
import sqlalchemy as sa

from maestro_ray.errors import Unauthenticated
from maestro_ray.studio import identity
from maestro_ray.studio import schema as t
from maestro_ray.studio.identity import (
    ACCESS_SECONDS,
    AUDIENCE,
    INVITE_SECONDS,
    REFRESH_SECONDS,
    verify,
)
from maestro_ray.studio.store import Store
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .pretend import Enter, Rest

SECRET = "s" * 64
CLAIMS = {"sub": "u", "fam": "f", "aud": AUDIENCE, "iat": 1.5, "exp": 100, "roles": {"*": "owner"}}


def token(**claims: object) -> str:
    return jwt.encode({**CLAIMS, **claims}, SECRET, algorithm="HS256")


def without(name: str) -> str:
    rest = {key: value for key, value in CLAIMS.items() if key != name}
    return jwt.encode(rest, SECRET, algorithm="HS256")


# ── invites ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_invite_is_good_once(stranger: Rest, studio: Studio) -> None:
    invite = await studio.store.write(identity.invite)
    tokens = await stranger.sign_in(invite)
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    assert await stranger.get("projects") == []
    assert await stranger.refused("POST", "auth/redeem", {"token": invite}, status=401) == "unauthenticated"


async def test_an_invite_expires(stranger: Rest, studio: Studio, clock: FakeClock) -> None:
    invite = await studio.store.write(identity.invite)
    clock.advance(INVITE_SECONDS)
    assert await stranger.refused("POST", "auth/redeem", {"token": invite}, status=401) == "unauthenticated"


async def test_an_invite_of_somebody_who_was_expelled_counts_no_longer(
    rest: Rest, stranger: Rest, enter: Enter
) -> None:
    project, other = await rest.project(), await rest.project("github:acme/other")
    eve = await enter("architect", project)
    more = (await rest.post("auth/invites", {"role": "architect", "project_id": other}, status=201))["token"]
    await eve.sign_in(more, also=True)
    asked = [{"role": "member", "project_id": each} for each in (project, other)]
    gone, good = [(await eve.post("auth/invites", each, status=201))["token"] for each in asked]
    await rest.delete(f"projects/{project}/members/{(await eve.get('me'))['id']}")
    assert await stranger.refused("POST", "auth/redeem", {"token": gone}, status=401) == "unauthenticated"
    # where they may invite still nothing changes
    await stranger.sign_in(good)


async def test_a_made_up_invite_is_refused(stranger: Rest) -> None:
    assert await stranger.refused("POST", "auth/redeem", {"token": "x" * 43}, status=401) == "unauthenticated"


async def test_no_secret_is_kept_as_it_is(store: Store) -> None:
    invite = await store.write(identity.invite)
    tokens = await store.write(identity.redeem, invite, "ada")
    kept = await store.read(lambda tx: [tx.all(sa.select(table)) for table in (t.invites, t.refresh_tokens)])
    assert invite not in repr(kept)
    assert tokens["refresh_token"] not in repr(kept)
    assert identity.digest(invite) in repr(kept)


async def test_a_setting_is_chosen_once(store: Store) -> None:
    first = await store.write(identity.setting, "app_key", 10)
    assert len(first) == 20
    assert await store.write(identity.setting, "app_key", 10) == first
    assert await store.write(identity.setting, "app_secret", 10) != first


# ── refresh tokens ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refresh_token_is_exchanged_for_fresh_tokens(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    tokens = await rest.sign_in(await studio.store.write(identity.invite))
    clock.advance(ACCESS_SECONDS)
    assert await rest.refused("GET", "projects", status=401) == "unauthenticated"
    fresh = await rest.post("auth/refresh", {"refresh_token": tokens["refresh_token"]})
    assert fresh["refresh_token"] != tokens["refresh_token"]
    rest.http.headers["authorization"] = f"Bearer {fresh['access_token']}"
    assert await rest.get("projects") == []


async def test_a_refresh_token_seen_twice_revokes_its_whole_family(rest: Rest, studio: Studio) -> None:
    stolen = await rest.sign_in(await studio.store.write(identity.invite))
    other = await rest.sign_in(await studio.store.write(identity.invite))
    fresh = await rest.post("auth/refresh", {"refresh_token": stolen["refresh_token"]})
    fresh = await rest.post("auth/refresh", {"refresh_token": fresh["refresh_token"]})
    for dead in (stolen, fresh, fresh):
        body = {"refresh_token": dead["refresh_token"]}
        assert await rest.refused("POST", "auth/refresh", body, status=401) == "unauthenticated"
    # somebody else's is another family
    await rest.post("auth/refresh", {"refresh_token": other["refresh_token"]})


@pytest.mark.parametrize("away", [0.0, 3600.0, REFRESH_SECONDS - 60.0])
async def test_a_client_whose_answer_was_lost_may_ask_again_however_late(
    rest: Rest, studio: Studio, clock: FakeClock, away: float
) -> None:
    tokens = await rest.sign_in(await studio.store.write(identity.invite))
    lost = await rest.post("auth/refresh", {"refresh_token": tokens["refresh_token"]})
    clock.advance(away)
    again = await rest.post("auth/refresh", {"refresh_token": tokens["refresh_token"]})
    await rest.post("auth/refresh", {"refresh_token": again["refresh_token"]})
    # who comes with the lost one now has read somebody's mail
    body = {"refresh_token": lost["refresh_token"]}
    assert await rest.refused("POST", "auth/refresh", body, status=401) == "unauthenticated"


async def test_a_thief_who_is_quick_is_found_out_when_the_owner_comes_back(
    rest: Rest, studio: Studio
) -> None:
    tokens = await rest.sign_in(await studio.store.write(identity.invite))
    owners = await rest.post("auth/refresh", {"refresh_token": tokens["refresh_token"]})
    thiefs = await rest.post("auth/refresh", {"refresh_token": tokens["refresh_token"]})
    for dead in (owners, thiefs):
        body = {"refresh_token": dead["refresh_token"]}
        assert await rest.refused("POST", "auth/refresh", body, status=401) == "unauthenticated"


async def test_a_refresh_token_expires(rest: Rest, studio: Studio, clock: FakeClock) -> None:
    tokens = await rest.sign_in(await studio.store.write(identity.invite))
    clock.advance(REFRESH_SECONDS)
    body = {"refresh_token": tokens["refresh_token"]}
    assert await rest.refused("POST", "auth/refresh", body, status=401) == "unauthenticated"


# ── access tokens ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_claims_of_a_good_token() -> None:
    assert verify(token(), SECRET, 99.9)["sub"] == "u"


def test_a_token_that_was_good_is_good_until_its_end_and_for_its_own_secret() -> None:
    assert verify(token(), SECRET, 99.9) == verify(token(), SECRET, 99.9)
    with pytest.raises(Unauthenticated, match="expired"):
        verify(token(), SECRET, 100.0)
    with pytest.raises(Unauthenticated, match="not valid"):
        verify(token(), "f" * 64, 99.9)


@pytest.mark.parametrize(
    "bad",
    [
        token(exp=99),
        token(exp="soon"),
        token(aud="another-service"),
        token(aud=[]),
        *(without(name) for name in CLAIMS),
        jwt.encode(CLAIMS, "f" * 64, algorithm="HS256"),
        jwt.encode(CLAIMS, SECRET, algorithm="HS512"),
        jwt.encode(CLAIMS, None, algorithm="none"),
        token()[:-2],
        "",
        "a.b.c",
        "é\x00",
    ],
)
def test_a_token_that_is_expired_forged_or_for_somebody_else_is_refused(bad: str) -> None:
    with pytest.raises(Unauthenticated):
        verify(bad, SECRET, 99.0)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", f"Bearer {token()}", "Bearer x"])
async def test_a_request_without_a_token_of_this_studio_is_refused(stranger: Rest, header: str) -> None:
    answer = await stranger.http.get("/api/v1/projects", headers={"authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthenticated"
