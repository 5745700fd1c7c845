from __future__ import annotations

import pytest
import sqlalchemy as sa

from maestro_ray.studio import schema as t
from maestro_ray.studio.studio import Studio
from studio.pretend import PretendTeam, Rest, sha

PROJECT = {"key": "github:acme/shop", "name": "shop"}


async def test_a_request_repeated_with_its_key_gets_the_first_answer_and_does_nothing_more(
    rest: Rest,
) -> None:
    project = await rest.project()
    body = {"project_id": project, "role": "lead", "name": "maestro"}
    first = await rest.post("agent-sessions", body, status=201, key="k1")
    assert await rest.post("agent-sessions", body, status=201, key="k1") == first
    assert (await rest.post("agent-sessions", body, status=201, key="k2"))["id"] != first["id"]


async def test_a_repeated_report_takes_effect_once(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    run = await team.take("bootstrap_epic")
    body = {"epoch": run["epoch"], "result": {"commit": sha("epic")}}
    path = f"cli-runs/{run['id']}/complete"
    await rest.post(path, body, status=204, key="r1")
    held = await team.held()
    await rest.post(path, body, status=204, key="r1")
    assert await team.held() == held
    # without the key the same report is one too many, and is told so
    assert await rest.refused("POST", path, body) == "illegal_event"


async def test_a_key_counts_for_its_own_path_and_only_after_a_success(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    run = await team.take("bootstrap_epic")
    path = f"cli-runs/{run['id']}"
    bad = {"epoch": run["epoch"], "result": {"commit": "HEAD"}}
    assert (await rest.post(f"{path}/complete", bad, status=409, key="k"))["code"] == "conflict"
    await rest.post(f"{path}/pause", {"epoch": run["epoch"]}, status=204, key="k")
    good = {"epoch": run["epoch"], "result": {"commit": sha("epic")}}
    await rest.post(f"{path}/complete", good, status=204, key="k")
    assert [run["purpose"] for run in await team.held()] == ["execute"]


async def test_another_body_under_the_same_key_is_refused(rest: Rest) -> None:
    body = {"project_id": await rest.project(), "role": "lead", "name": "maestro"}
    first = await rest.post("agent-sessions", body, status=201, key="k")
    other = await rest.post("agent-sessions", {**body, "name": "other"}, status=409, key="k")
    assert other["code"] == "conflict"
    assert await rest.post("agent-sessions", dict(reversed(body.items())), status=201, key="k") == first


async def test_the_method_and_the_query_belong_to_the_key(rest: Rest) -> None:
    team = await PretendTeam.join(rest, await rest.project())
    path = f"agent-sessions/{team.lead}/steering"
    for text in ("one", "two"):
        await rest.post(path, {"text": text}, status=201, key=f"k-{text}")
    for directive in await rest.get(path):
        address = f"/api/v1/{path}?directive={directive['id']}"
        await rest.http.delete(address, headers={"Idempotency-Key": "k-one"})
    queued = [each["kind"] for each in await rest.get(f"teams/{team.id}/inbox")]
    assert queued == ["directive", "directive", "cleared", "cleared"]


async def test_no_answer_with_a_secret_is_kept(rest: Rest, studio: Studio) -> None:
    body = {"role": "member"}
    one, two = [(await rest.post("auth/invites", body, status=201, key="k"))["token"] for _ in range(2)]
    assert one != two
    channels = {"channels": [f"private-project.{await rest.project()}"]}
    await rest.post("auth/token", channels, status=201, key="k")
    await rest.post("auth/page-link", status=201, key="k")
    assert await studio.store.read(lambda tx: tx.all(sa.select(t.replies))) == []


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_long_list_comes_in_pages(rest: Rest) -> None:
    ids = [await rest.project(f"github:acme/{number}") for number in range(5)]
    seen: list[str] = []
    path: str | None = "?limit=2"
    while path:
        # as a proxy gives it that has Studio below a path of its own
        assert path.startswith("?")
        answer = await rest.http.get(f"/api/v1/projects{path}")
        seen += [each["id"] for each in answer.json()]
        path = answer.links.get("next", {}).get("url")
    assert seen == ids


@pytest.mark.parametrize("limit", ["0", "501", "x", "-1"])
async def test_a_page_has_a_size(rest: Rest, limit: str) -> None:
    await rest.call("GET", "projects", status=400, params={"limit": limit})


# ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_has_not_changed_is_not_sent_again(rest: Rest) -> None:
    plan = (await rest.plan(await rest.project()))["id"]
    tag = (await rest.http.get(f"/api/v1/plans/{plan}")).headers["etag"]
    again = await rest.http.get(f"/api/v1/plans/{plan}", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    await rest.post(f"plans/{plan}/pause")
    assert (await rest.http.get(f"/api/v1/plans/{plan}", headers={"if-none-match": tag})).status_code == 200


async def test_a_change_of_what_has_changed_meanwhile_is_refused(rest: Rest) -> None:
    plan = (await rest.plan(await rest.project()))["id"]
    tag = (await rest.http.get(f"/api/v1/plans/{plan}")).headers["etag"]
    await rest.post(f"plans/{plan}/pause")
    late = await rest.http.post(f"/api/v1/plans/{plan}/resume", headers={"if-match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "outdated")
    tag = (await rest.http.get(f"/api/v1/plans/{plan}")).headers["etag"]
    assert (
        await rest.http.post(f"/api/v1/plans/{plan}/resume", headers={"if-match": tag})
    ).status_code == 200
