"""Accounts at a real Studio: somebody on another machine, with a home of their own."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest
from keyrings import MemoryKeyring, installed

from maestro_ray.connection import account
from maestro_ray.connection.account import Account, look, look_at_all, redeem, replace_local, sign_out
from maestro_ray.connection.identities import Identities, Identity
from maestro_ray.connection.sign_in import sign_in
from maestro_ray.errors import NotFound, StudioRefused, StudioUnavailable, Unauthenticated
from maestro_ray.home import Home
from maestro_ray.model.access import Role
from maestro_ray.studio import identity as identity_of_studio
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction
from maestro_ray.testing import LocalStudio

P = ParamSpec("P")
T = TypeVar("T")

ROOT = Path(__file__).parents[2]


async def run(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Studio runs in this thread."""
    return await asyncio.to_thread(work, *args, **kwargs)


async def invite(studio: LocalStudio, role: Role = Role.OWNER, project: str = "*") -> str:
    return await studio.store.write(identity_of_studio.invite, role, project)


@pytest.fixture
def identities(tmp_path: Path) -> Identities:
    home = Home(tmp_path / "laptop", tmp_path / "laptop" / "run")
    home.prepare()
    return Identities(home)


@pytest.fixture
async def owner(identities: Identities, studio: LocalStudio) -> Identity:
    who = Identity("work", studio.url)
    await run(redeem, identities, who, await invite(studio), "ada")
    return who


async def test_an_invite_is_redeemed_and_the_identity_remembered(
    identities: Identities, studio: LocalStudio
) -> None:
    who = Identity("work", studio.url)
    assert not await run(redeem, identities, who, await invite(studio, Role.MEMBER, "p"), "ada")
    assert identities.further() == [who]
    found = await run(look, identities, who)
    assert (found["state"], found["user"], found["roles"]) == ("signed_in", "ada", {"p": "member"})
    assert [each["key"] for each in found["projects"]] == ["github:acme/p"]
    assert (found["kept"], found["detail"]) == ("file", "")
    assert 0 < found["expires_at"] - time.time() <= 900
    assert 29 * 86400 < found["refresh_expires_at"] - time.time() <= 30 * 86400
    tokens = identities.tokens(who).tokens()
    assert not {tokens.access_token, tokens.refresh_token} & {*str(found).split("'")}


async def test_a_second_invite_adds_its_role_to_the_same_person(
    identities: Identities, studio: LocalStudio
) -> None:
    who = Identity("work", studio.url)
    await studio.store.write(lambda tx: tx.insert(t.projects, id="q", key="github:acme/q", name="q"))
    await run(redeem, identities, who, await invite(studio, Role.MEMBER, "p"), "ada")
    assert await run(redeem, identities, who, await invite(studio, Role.LEAD, "q"), "ignored")
    found = await run(look, identities, who)
    assert (found["user"], found["roles"]) == ("ada", {"p": "member", "q": "lead"})
    assert await studio.store.read(lambda tx: len(tx.all(t.users.select()))) == 1


async def test_who_was_signed_out_meanwhile_is_somebody_new(
    identities: Identities, studio: LocalStudio, owner: Identity
) -> None:
    await run(Account(identities, owner).log_out, everywhere=True)
    assert not await run(redeem, identities, owner, await invite(studio, Role.MEMBER, "p"), "bob")
    assert (await run(look, identities, owner))["roles"] == {"p": "member"}


@pytest.mark.parametrize("known", [False, True])
async def test_a_bad_invite_changes_nothing(identities: Identities, studio: LocalStudio, known: bool) -> None:
    used = await invite(studio)
    who = Identity("work", studio.url)
    await run(redeem, identities, Identity("first", studio.url), used, "ada")
    if known:
        await run(redeem, identities, who, await invite(studio, Role.MEMBER, "p"), "bob")
    before = identities.further()
    for bad, why in ((used, "already used"), ("forged", "unknown or has expired")):
        with pytest.raises(Unauthenticated, match=why):
            await run(redeem, identities, who, bad, "bob")
    assert identities.further() == before
    assert identities.tokens(who).exists() == known
    if known:
        assert (await run(look, identities, who))["roles"] == {"p": "member"}


async def test_several_identities_at_several_studios(
    identities: Identities, studio: LocalStudio, owner: Identity, tmp_path: Path
) -> None:
    other = LocalStudio(Home(tmp_path / "other", tmp_path / "other" / "run"))
    other.home.prepare()
    await other.start()
    try:
        guest = Identity("guest", studio.url)
        await run(redeem, identities, guest, await invite(studio, Role.MEMBER, "p"), "eve")
        await run(
            redeem, identities, Identity("hobby", other.url), await invite(other, Role.ARCHITECT), "ada"
        )
        found = {each["name"]: each for each in await run(look_at_all, identities)}
        assert {name: each["state"] for name, each in found.items()} == {
            "local": "not_started", "work": "signed_in", "guest": "signed_in", "hobby": "signed_in",
        }  # fmt: skip
        roles = [found[name]["roles"] for name in ("work", "guest", "hobby")]
        assert roles == [{"*": "owner"}, {"p": "member"}, {"*": "architect"}]
    finally:
        await other.stop()
    found = {each["name"]: each for each in await run(look_at_all, identities)}
    assert (found["hobby"]["state"], found["work"]["state"]) == ("offline", "signed_in")
    assert "does not answer" in found["hobby"]["detail"]
    assert found["hobby"]["expires_at"] > time.time()


async def test_an_invite_is_for_a_project_or_for_all(
    identities: Identities, studio: LocalStudio, owner: Identity
) -> None:
    given = Account(identities, owner)
    one = await run(given.invite, "member", "github:acme/p")
    assert (one["project_id"], one["expires_in"]) == ("p", 7 * 86400)
    assert (await run(given.invite, "lead"))["project_id"] == "*"
    with pytest.raises(NotFound, match="github:acme/none&x=1"):
        await run(given.invite, "member", "github:acme/none&x=1")
    guest = Identity("guest", studio.url)
    await run(redeem, identities, guest, one["token"], "eve")
    with pytest.raises(StudioRefused, match="invite"):
        await run(Account(identities, guest).invite, "owner")


async def test_a_token_to_hand_out_lasts_a_while(identities: Identities, owner: Identity) -> None:
    given = Account(identities, owner)
    first = await run(given.fresh_token)
    path = identities._home.identities / "work.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "expires_at": time.time() + account.WORTH_HANDING_OUT - 1}))
    assert await run(given.fresh_token) != first


# ── signing out ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_signing_out_ends_it_there_and_here(
    identities: Identities, studio: LocalStudio, owner: Identity
) -> None:
    backend = MemoryKeyring()
    with installed(backend):
        await run(redeem, identities, owner, await invite(studio), "ada")
        held = identities.tokens(owner).tokens()
        assert await run(sign_out, identities, owner, everywhere=False) is None
        assert backend.secrets == {}
    assert identities.further() == []
    assert not identities.tokens(owner).exists()
    with pytest.raises(Unauthenticated, match="revoked"):
        await run(account.ask, "GET", f"{studio.url}/api/v1/me", None, held.access_token)
    with pytest.raises(Unauthenticated, match="already used"):
        await run(
            account.ask, "POST", f"{studio.url}/api/v1/auth/refresh", {"refresh_token": held.refresh_token}
        )


async def test_signing_out_everywhere_reaches_the_other_machine(
    identities: Identities, studio: LocalStudio, owner: Identity
) -> None:
    elsewhere = await studio.store.write(
        lambda tx: identity_of_studio.redeem(
            tx, identity_of_studio.invite(tx), "ada", tx.all(t.users.select())[0]["id"]
        )
    )
    assert await run(sign_out, identities, owner, everywhere=True) is None
    with pytest.raises(Unauthenticated):
        await run(account.ask, "GET", f"{studio.url}/api/v1/me", None, elsewhere["access_token"])


async def test_signing_out_while_studio_is_away(
    identities: Identities, studio: LocalStudio, owner: Identity
) -> None:
    await studio.stop()
    with pytest.raises(StudioUnavailable):
        await run(sign_out, identities, owner, everywhere=True)
    assert identities.further() == [owner]
    assert isinstance(await run(sign_out, identities, owner, everywhere=False), StudioUnavailable)
    assert identities.further() == []


async def test_signing_out_of_what_is_over_is_harmless(identities: Identities, owner: Identity) -> None:
    await run(Account(identities, owner).log_out, everywhere=True)
    assert (await run(look, identities, owner))["state"] == "signed_out"
    with pytest.raises(Unauthenticated):
        await run(sign_out, identities, owner, everywhere=True)
    assert identities.further() == [owner]
    assert isinstance(await run(sign_out, identities, owner, everywhere=False), Unauthenticated)
    assert identities.further() == []


async def test_the_tokens_of_this_machine_are_replaced_without_a_gap(
    home: Home, studio: LocalStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.run / "studio.json").write_text(json.dumps({"url": studio.url}))
    (home.run / "invite").write_text(await invite(studio))
    stolen = (await run(sign_in, home, studio.url)).tokens()
    identities = Identities(home)
    await run(replace_local, identities, identities.named("local"))
    found = await run(look, identities, identities.named("local"))
    assert (found["state"], found["roles"]) == ("signed_in", {"*": "owner"})
    with pytest.raises(Unauthenticated):
        await run(account.ask, "GET", f"{studio.url}/api/v1/me", None, stolen.access_token)
    with pytest.raises(Unauthenticated):
        await run(
            account.ask, "POST", f"{studio.url}/api/v1/auth/refresh", {"refresh_token": stolen.refresh_token}
        )
    roles = await studio.store.read(Transaction.all, t.memberships.select())
    assert [row["role"] for row in roles] == ["owner"]


# ── many at once ─────────────────────────────────────────────────────────────────────────────────────────────────────

RENEW = """
import sys
from pathlib import Path
from maestro_ray.connection.identities import Identities
from maestro_ray.home import Home
identities = Identities(Home(*map(Path, sys.argv[1:])))
tokens = identities.tokens(identities.named("work"))
print("ready", flush=True)
sys.stdin.readline()
print(tokens.access_token(), flush=True)
"""


async def test_processes_that_renew_at_once_keep_the_family_alive(
    identities: Identities, studio: LocalStudio, owner: Identity
) -> None:
    """Against the real Studio, where a refresh token that is used twice ends everything."""
    home = identities._home
    path = home.identities / "work.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "expires_at": 0}))
    program = [sys.executable, "-c", RENEW, str(home.root), str(home.run)]
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    pipe: dict[str, Any] = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    processes = [await asyncio.create_subprocess_exec(*program, env=env, **pipe) for _ in range(3)]
    for process in processes:
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
    answers = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
    fresh = {out.decode().strip() for out, _ in answers}
    assert len(fresh) == 1
    assert fresh != {kept["access_token"]}
    rows = await studio.store.read(Transaction.all, t.refresh_tokens.select())
    assert sorted(row["used_at"] is not None for row in rows) == [False, True], "one renewal for all three"
    assert all(row["revoked_at"] is None for row in rows)
    assert (await run(look, identities, owner))["state"] == "signed_in"


async def test_a_lost_answer_costs_nobody_their_sign_in(
    identities: Identities, studio: LocalStudio, owner: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = identities.tokens(owner)
    post, lost = tokens._post, []

    def cut_once(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = post(path, body)
        if not lost:
            lost.append(answer)
            raise StudioUnavailable(studio.url, "the connection was cut")
        return answer

    monkeypatch.setattr(tokens, "_post", cut_once)
    fresh = await run(tokens.renew, tokens.tokens().access_token)
    assert lost
    assert fresh != lost[0]["access_token"]
    assert (await run(Account(identities, owner).me))["name"] == "ada"
    await run(identities.tokens(owner).renew, fresh)
