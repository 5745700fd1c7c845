from __future__ import annotations

from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio
from studio.pretend import PretendTeam, Rest

from .surfer import Surfer


async def test_tokens_and_money_where_there_are_any(rest: Rest, surfer: Surfer, studio: Studio) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = (await rest.plan(project, [{"title": "One"}, {"title": "Two"}]))["id"]
    await team.bootstrap()
    for path in (f"/plans/{plan}?part=usage", f"/teams/{team.id}?part=usage"):
        await surfer.open(path)
        assert surfer.text() == ""
    runs = [await team.take("execute", each["id"]) for each in (await rest.tasks(plan)).values()]

    def spend(tx: Transaction) -> None:
        for run, (tokens, cost) in zip(runs, ((1000, 0.5), (2000, 0.25)), strict=True):
            tx.update(t.runs, run["id"], input_tokens=tokens, output_tokens=10, cost_usd=cost)

    await studio.store.write(spend)
    assert "of $" not in surfer.text()
    for path in (f"/plans/{plan}?part=usage", f"/teams/{team.id}?part=usage"):
        await surfer.open(path)
        assert "dev-1 1,000 10 $0.50 dev-2 2,000 10 $0.25 together 3,000 20 $0.75" in surfer.text()


async def test_a_team_shows_how_much_of_its_budget_is_used_and_its_card(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), budget={"team_usd": 5.0})
    plan = (await rest.plan(project))["id"]
    await team.bootstrap()
    run = await team.take("execute")
    await surfer.open(f"/teams/{team.id}?part=usage")
    assert "$0.00 of $5.00 · 0 tokens" in surfer.text()
    models = [{"model": "new", "input_tokens": 120_000, "unpriced_tokens": 20_000, "cost_usd": 5.5}]
    body = {"epoch": run["epoch"], "usage": {"meter": "m", "number": 1, "models": models}, "ask": True}
    await rest.post(f"cli-runs/{run['id']}/spent", body)
    await surfer.open(f"/teams/{team.id}?part=usage")
    assert "$5.50 of $5.00 · 120k tokens (20k unpriced)" in surfer.text()
    await surfer.open(f"/plans/{plan}?part=cards")
    for words in (
        "is used up: $5.50 of $5.00",
        "Raise it by the same amount",
        "Let what has begun end",
        "Stop",
    ):
        assert words in surfer.text()
