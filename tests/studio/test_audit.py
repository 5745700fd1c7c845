from __future__ import annotations

import sqlalchemy as sa

from maestro_ray.model.access import EVERYWHERE, Action, Caller
from maestro_ray.studio import schema as t
from maestro_ray.studio.audit import note
from maestro_ray.studio.store import Store, Transaction

from .pretend import PretendTeam, Rest


async def test_what_people_do_is_on_record_and_what_agents_report_is_not(rest: Rest) -> None:
    project = await rest.project()
    plan = (await rest.plan(project))["id"]
    await PretendTeam.join(rest, project)
    said = [(each["action"], each["subject"], each["project_id"]) for each in await rest.get("audit")]
    assert ("manage", "/api/v1/projects", None) in said
    assert ("plan", "/api/v1/plans", project) in said
    assert ("plan", f"/api/v1/plans/{plan}/activate", project) in said
    assert {action for action, _, _ in said} == {"manage", "plan", "lead"}


async def test_what_was_refused_did_not_happen(rest: Rest) -> None:
    project = await rest.project()
    await rest.refused("POST", "plans", {"project_id": project, "draft": {}}, status=422)
    assert [each["action"] for each in await rest.get("audit")] == ["manage"]


async def test_it_is_kept_by_project(rest: Rest) -> None:
    one, two = await rest.project(), await rest.project("github:acme/other")
    await rest.plan(one)
    assert await rest.get("audit", project_id=two) == []
    assert {each["project_id"] for each in await rest.get("audit", project_id=one)} == {one}


async def test_no_secret_is_kept(store: Store) -> None:
    """Without `redact` in `note` what somebody put into an address or a detail is kept for ever."""
    caller = Caller("u", "f", {})
    await store.write(
        note, caller, Action.COMMENT, EVERYWHERE, "/api/v1/x?token=abc", url="https://me:pw@h", api_key="k"
    )
    (row,) = await store.read(Transaction.all, sa.select(t.audit))
    assert (row["subject"], row["detail"]) == (
        "/api/v1/x?token=***",
        {"url": "https://***@h", "api_key": "***"},
    )
