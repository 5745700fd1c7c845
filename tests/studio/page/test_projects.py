from __future__ import annotations

from studio.pretend import PretendTeam, Rest

from .conftest import Enter
from .surfer import Surfer


async def test_without_a_project_it_says_how_to_begin(surfer: Surfer) -> None:
    await surfer.open("/")
    assert "maestro team --dev 2" in surfer.text()


async def test_each_project_with_what_goes_on_in_it(rest: Rest, surfer: Surfer) -> None:
    project = await rest.project()
    await rest.project("github:acme/idle")
    team = await PretendTeam.join(rest, project)
    await rest.plan(project)
    await team.fail(await team.take("bootstrap_epic"), "no such branch: main", hold=True)
    await surfer.open("/")
    text = surfer.text()
    assert "shop github:acme/shop 1 to decide 1 team 1 active plan" in text
    assert "shop github:acme/idle 0 active plans" in text
    assert "Decisions 1 waiting" in text


async def test_only_projects_one_has_a_role_in(rest: Rest, enter: Enter) -> None:
    mine, other = await rest.project(), await rest.project("github:acme/other")
    team = await PretendTeam.join(rest, other)
    await rest.plan(other)
    await team.fail(await team.take("bootstrap_epic"), "no such branch: main", hold=True)
    guest = await enter("member", mine)
    await guest.open("/")
    assert "github:acme/shop" in guest.text()
    assert "github:acme/other" not in guest.text()
    assert "waiting" not in guest.text()
    assert other not in guest.page
