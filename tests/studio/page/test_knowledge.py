from __future__ import annotations

from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio
from studio.pretend import REJECTED, PretendTeam, Rest, sha

from .surfer import Surfer


async def test_what_is_known_of_a_project(rest: Rest, surfer: Surfer, studio: Studio) -> None:
    project = await rest.project()
    await surfer.open(f"/projects/{project}/knowledge")
    assert (
        "The repository has not been analysed. Analyse Sent back by reviewers Nothing was sent back."
        in surfer.text()
    )
    team = await PretendTeam.join(
        rest, project, skills={"dev-1": {"python": 5}, "dev-2": {"python": 2, "css": 4}}
    )
    plan = (await rest.plan(project))["id"]
    await team.bootstrap()
    (one,) = (await rest.tasks(plan)).values()
    await team.work(one["id"], sha("a"))
    await team.test(one["id"])
    await team.review(one["id"], REJECTED)
    run = (await rest.get(f"plans/{plan}"))["runs"][0]["id"]

    def write(tx: Transaction) -> None:
        tx.insert(
            t.knowledge,
            project_id=project,
            run_id=run,
            kind="convention",
            title="Errors are raised",
            path="a.py",
            body="Never returned.",
        )

    await studio.store.write(write)
    await surfer.open(f"/projects/{project}/knowledge")
    text = surfer.text()
    assert "convention Errors are raised a.py Never returned." in text
    assert "REJECTED One" in text
    assert "the test is red" in text
    assert "css dev-2 up to 4 of 5 python dev-1, dev-2 up to 5 of 5" in text
    other = await rest.project("github:acme/other")
    await surfer.open(f"/projects/{other}/knowledge")
    assert "Errors are raised" not in surfer.text()
    assert "REJECTED" not in surfer.text()


async def test_an_analysis_is_asked_for_on_the_page(rest: Rest, surfer: Surfer) -> None:
    project = await rest.project()
    await surfer.open(f"/projects/{project}/knowledge")
    await surfer.submit(f"/do/projects/{project}/analysis")
    assert "An analysis is under way" in surfer.text()
    assert not [form for form in surfer.forms() if form.endswith("/analysis")]
