from __future__ import annotations

import pytest

from maestro_ray.errors import Forbidden
from maestro_ray.model.access import Caller, Role
from maestro_ray.studio import channels
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Store, Transaction


@pytest.fixture
async def furnished(store: Store) -> Store:
    """Two projects, the first with a team; Ada is a lead in the first."""

    def furnish(tx: Transaction) -> None:
        for project in ("p", "q"):
            tx.insert(t.projects, id=project, key=f"local:{project}/x", name=project)
        tx.insert(t.teams, project_id="p", name="shop")
        tx.insert(t.users, id="u", name="ada")

    await store.write(furnish)
    return store


ADA = Caller("u", "f", {"p": Role.LEAD})
OWNER = Caller("u", "f", {"*": Role.OWNER})


async def may(store: Store, caller: Caller, channel: str) -> bool:
    try:
        await store.read(channels.may_listen, caller, channel)
    except Forbidden as refused:
        assert channel in str(refused)
        return False
    return True


@pytest.mark.parametrize("kind", ["private", "presence"])
async def test_one_listens_where_one_has_a_role_and_to_nothing_that_is_not_there(
    furnished: Store, kind: str
) -> None:
    for name in (f"{kind}-project.p", f"{kind}-team.shop"):
        assert await may(furnished, ADA, name)
    assert not await may(furnished, ADA, f"{kind}-project.q")
    for caller in (ADA, OWNER):
        for name in (f"{kind}-project.ghost", f"{kind}-team.ghost", f"{kind}-chat", "chat"):
            assert not await may(furnished, caller, name)


async def test_a_token_for_channels_listens_to_these(furnished: Store) -> None:
    narrow = Caller("u", "f", {"*": Role.OWNER}, ("private-team.shop",))
    assert await may(furnished, narrow, "private-team.shop")
    assert not await may(furnished, narrow, "presence-team.shop")


async def test_the_others_see_a_members_name_and_role(furnished: Store) -> None:
    for caller, role in ((ADA, "lead"), (OWNER, "owner")):
        assert await furnished.read(channels.member, caller, "presence-team.shop") == {
            "user_id": "u",
            "user_info": {"name": "ada", "role": role},
        }
