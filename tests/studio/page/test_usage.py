from __future__ import annotations

from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio
from studio.pretend import Json, PretendTeam, Rest

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
        "Raise it by $5.00 agents go on where they were",
        "Let what has begun end whatever it uses; nothing else begins",
        "Stop now its runs end, and their tasks wait for you",
    ):
        assert words in surfer.text()
    assert "finish:" not in surfer.text(), "each is said beside its button"


async def test_how_near_the_cap_is_and_what_is_put_aside(rest: Rest, surfer: Surfer) -> None:
    caps = {"team_usd": 10.0, "run_tokens": 2_000_000, "day_usd": 40.0}
    team = await PretendTeam.join(rest, project := await rest.project(), budget=caps)
    await rest.plan(project, [{"title": "One"}, {"title": "Two"}])
    await team.bootstrap()
    path = f"/teams/{team.id}?part=usage"
    one, two = [await team.claim(run) for run in await team.held()]
    await _report(rest, one, 4.0, "opus")
    page = await surfer.open(path)
    assert "$4.00 of $10.00" in surfer.text()
    assert "reserved by runs at work at most 2M tokens a run, $40.00 a day" in surfer.text()
    assert '<progress max="1" value="0.4" aria-label' in page
    await _report(rest, two, 5.5, "haiku")
    page = await surfer.open(path)
    assert '<progress max="1" value="0.95" class="late" aria-label' in page


async def test_who_used_it_by_role_and_by_model_the_dearest_first(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project, [{"title": "One"}, {"title": "Two"}])
    await team.bootstrap()
    one, two = [await team.claim(run) for run in await team.held()]
    await _report(rest, one, 0.25, "haiku")
    await _report(rest, two, 2.0, "opus")
    page = await surfer.open(f"/teams/{team.id}?part=usage")
    assert "role in out cost dev 2,000 0 $2.25" in surfer.text()
    assert "model in out cost opus 1,000 0 $2.00 haiku 1,000 0 $0.25" in surfer.text()
    assert "<progress" not in page, "nothing is capped"


async def _report(rest: Rest, run: Json, usd: float, model: str) -> None:
    counts = {"model": model, "input_tokens": 1000, "cost_usd": usd}
    used = {"meter": f"m-{model}", "number": 1, "models": [counts], "session_id": run["session_id"]}
    await rest.post(f"cli-runs/{run['id']}/spent", {"epoch": run["epoch"], "usage": used})
