"""A goal in words: the lead's agent makes a plan of it, a person decides, and the rest goes on as ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.actors import planning
from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.connection.client import Rest
from maestro_ray.errors import BadProvider, StudioUnavailable, UsageError
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro, eventually

from .stage import APPROVE, WRITE, begin, end, nothing_left

PLAN = {"title": "A plan", "tasks": [{"key": "one", "title": "Write one"}]}
BLOCK = f"```json\n{json.dumps(PLAN)}\n```\n"
WRONG = '```json\n{"title": "A plan"}\n```\n'


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


def turns(*turns: str) -> str:
    return "\n".join(f"[[turns]]\npurpose = 'plan'\n{turn}" for turn in turns)


def say(text: str) -> str:
    return f"[[turns.steps]]\nsay = '''\n{text}'''\n"


def script(path: Path, *parts: str) -> str:
    (path / "lead.toml").write_text(turns(*parts))
    return f"scripted:{path / 'lead.toml'}"


async def ask(maestro: LocalMaestro, sample: Sample, lead: str, **changes: Any) -> dict[str, Any]:
    providers = {"dev": WRITE, "review": APPROVE, "lead": lead}
    asked = {"plan": None, "goal": "Write one.", "providers": providers}
    return await begin(maestro, sample, **{**asked, **changes})


async def answer(maestro: LocalMaestro, word: str, reason: str = "", seen: str = "") -> str:
    """Answer the card of a proposal that is not `seen`; its id."""
    async for event in maestro.events():
        if event["kind"] == "plan.proposed" and event["decision"]["id"] > seen:
            identifier = str(event["decision"]["id"])
            await maestro.call("decide.answer", id=identifier, answer=word, reason=reason)
            return identifier
    raise AssertionError("no plan was proposed")


async def studio(maestro: LocalMaestro, path: str) -> Any:
    client = await maestro.studio.client()
    try:
        return await client.get(path)
    finally:
        await client.close()


async def over(maestro: LocalMaestro) -> tuple[str, dict[str, Any]]:
    """Why the team ended, and its result."""
    (reason,) = [
        event["reason"]
        async for event in maestro.events()
        if event["kind"] == "team.ended" and "reason" in event
    ]
    (live,) = maestro.connections.ended.values()
    assert live.result is not None
    return reason, dict(live.result)


async def test_a_goal_becomes_a_plan_that_is_accepted_and_released(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    started = await ask(maestro, sample, script(tmp_path, say("I looked.\n" + BLOCK)))
    assert (started["goal"], started["plan"]) == ("Write one.", None)
    shown = await maestro.until("plan.proposed")
    assert [(task["key"], task["title"], task["role"]) for task in shown["plan"]["tasks"]] == [
        ("one", "Write one", "dev")
    ]
    waiting = await maestro.until("team.waiting")
    assert [card["kind"] for card in waiting["decisions"]] == ["proposal"]
    (card,) = (await maestro.call("decide.list"))["cards"]
    assert (card["plan"], card["team"]) == ("A plan", started["team"]["name"])
    await answer(maestro, "approve")
    result = await end(maestro)
    assert (result["status"], result["title"]) == ("completed", "A plan")
    assert "one.txt" in sample.files("main")
    (team,) = maestro.connections.ended.values()
    told = [event async for event in team.happenings.follow(0)]
    # the plan is told with its card; red without `Planning.tells_of`: whoever watched was shown it twice
    assert [event for event in told if event["kind"] == "decision.requested"] == []
    nothing_left(home, sample)


async def test_with_yes_nobody_is_asked(maestro: LocalMaestro, sample: Sample, tmp_path: Path) -> None:
    await ask(maestro, sample, script(tmp_path, say(BLOCK)), yes=True)
    assert (await end(maestro))["status"] == "completed"
    assert [event["kind"] async for event in maestro.events() if event["kind"] == "team.waiting"] == []


async def test_the_plan_of_a_goal_is_judged_by_as_many_as_the_configuration_asks_for(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    """Red when only a plan that was given is told `[review]`: one approval merged what two were to judge."""
    (home.root / "config.toml").write_text('[review]\nreviewers = 2\npolicy = "majority"\n')
    await ask(maestro, sample, script(tmp_path, say(BLOCK)), roles={"dev": 1, "review": 2}, yes=True)
    result = await end(maestro)
    plan = await studio(maestro, f"plans/{result['id']}")
    assert (plan["reviewers"], plan["review_policy"]) == (2, "majority")
    assert [each["verdict"] for each in result["verdicts"]] == ["APPROVED"] * 2


async def test_a_command_can_be_the_lead_and_sees_the_goal_in_a_tree_it_does_not_change(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    program, seen = tmp_path / "lead.sh", tmp_path / "seen"
    (tmp_path / "reply").write_text(BLOCK)
    program.write_text(
        f'cp "$MAESTRO_PROMPT_FILE" {seen}; ls > {seen}.ls; echo x > junk; cat {tmp_path}/reply'
    )
    await ask(maestro, sample, f"command:sh {program}", yes=True)
    assert (await end(maestro))["status"] == "completed"
    words = seen.read_text()
    assert "## Goal\nWrite one.\n" in words
    assert "* 1 × dev\n* 1 × review\n" in words
    assert "Top-level entries: .gitignore, a.txt, b.txt\n" in words
    assert "a.txt" in Path(f"{seen}.ls").read_text()
    assert "junk" not in sample.files("main")
    nothing_left(home, sample)


@pytest.mark.parametrize("resumes", [True, False])
async def test_a_reply_that_is_no_plan_is_mended_once(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path, *, resumes: bool
) -> None:
    """Red with `look_bench.REPAIRS = 0`. An agent that remembers is told the mistakes alone, another everything again."""
    if resumes:
        lead = script(tmp_path, "revision = 0\n" + say(WRONG), "revision = 1\n" + say(BLOCK))
    else:
        program, seen = tmp_path / "lead.sh", tmp_path / "seen"
        (tmp_path / "wrong").write_text(WRONG)
        (tmp_path / "reply").write_text(BLOCK)
        program.write_text(
            f'[ -e {seen} ] && cp "$MAESTRO_PROMPT_FILE" {seen}2 && exec cat {tmp_path}/reply\n'
            f"touch {seen}; cat {tmp_path}/wrong"
        )
        lead = f"command:sh {program}"
    await ask(maestro, sample, lead, yes=True)
    assert (await end(maestro))["status"] == "completed"
    if not resumes:
        words = (tmp_path / "seen2").read_text()
        assert "* tasks: must be a list of at least one task" in words
        assert '> {"title": "A plan"}' in words


async def test_wrong_again_it_is_a_card_and_nothing_half_made(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    await ask(maestro, sample, script(tmp_path, say(WRONG)), yes=True)
    card = (await maestro.until("decision.requested"))["decision"]
    assert (card["kind"], card["options"]) == ("plan", ["retry", "abort"])
    assert "tasks: must be a list of at least one task" in card["question"]
    await maestro.until("team.waiting")
    assert await studio(maestro, "plans") == []
    await maestro.call("decide.answer", id=card["id"], answer="abort")
    reason, result = await over(maestro)
    assert reason.startswith("no plan was made: plan failed")
    assert (result["plans"], result["goal"]) == ([], "Write one.")


async def test_a_plan_that_is_rejected_with_a_reason_is_made_again_with_it(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    program, count = tmp_path / "lead.sh", tmp_path / "count"
    (tmp_path / "reply").write_text(BLOCK)
    program.write_text(f'cat "$MAESTRO_PROMPT_FILE" >> {count}; cat {tmp_path}/reply')
    await ask(maestro, sample, f"command:sh {program}")
    seen = await answer(maestro, "reject", "Too small.")
    await answer(maestro, "approve", seen=seen)
    assert (await end(maestro))["status"] == "completed"
    words = count.read_text()
    assert words.count("You are the lead") == 2
    assert words.count("> Why not: Too small.") == 1


async def test_a_plan_that_is_rejected_without_one_ends_the_team(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    await ask(maestro, sample, script(tmp_path, say(BLOCK)))
    await answer(maestro, "reject")
    reason, _ = await over(maestro)
    assert reason == "the plan was rejected"
    nothing_left(home, sample)


async def test_the_lead_is_steered_while_it_plans_and_not_afterwards(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    waits = f"{say('begun')}[[turns.steps]]\nuntil = 'go'\n{say(BLOCK)}"
    started = await ask(maestro, sample, script(tmp_path, waits))
    await maestro.until("text", sender="lead")
    await maestro.call("steer", team=started["team"]["name"], text="steered: one task only")
    receipt = await maestro.until("receipt", worker="lead")
    assert receipt["body"]["how"] == "in-turn"
    (home.worktrees / started["team"]["name"] / "lead" / "go").touch()
    await answer(maestro, "approve")
    await eventually(lambda: not maestro.connections.planning._looking)
    await maestro.call("steer", team=started["team"]["name"], text="for those who work")
    told = [event async for event in maestro.events() if event["kind"] == "directive"]
    assert [event["body"]["workers"] for event in told] == [
        ["dev-1", "lead", "review-1"],
        ["dev-1", "review-1"],
    ]


@pytest.mark.parametrize("who", ["channel", "lead"])
async def test_who_dies_meanwhile_does_not_keep_the_lead_from_being_steered(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path, who: str
) -> None:
    """Red (the channel has forgotten that the lead has an agent) without `Planning.on_up`."""
    waits = f"{say('begun')}[[turns.steps]]\nuntil = 'go'\n{say(BLOCK)}"
    started = await ask(maestro, sample, script(tmp_path, waits))
    await maestro.until("text", sender="lead")
    await maestro.kill(who)
    await maestro.call("steer", team=started["team"]["name"], text="one task only")
    await maestro.until("receipt", worker="lead")
    (home.worktrees / started["team"]["name"] / "lead" / "go").touch()
    await answer(maestro, "approve")
    await end(maestro)


@pytest.mark.parametrize("who", ["lead", "connections"])
async def test_planning_outlives_a_death(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path, who: str
) -> None:
    """Red when a team with a goal and no plan is taken for one whose start was cut: `Connections._end_if_cut`."""
    program, go = tmp_path / "lead.sh", tmp_path / "go"
    (tmp_path / "reply").write_text(BLOCK)
    program.write_text(f"echo begun; until [ -e {go} ]; do sleep 0.02; done; cat {tmp_path}/reply")
    await ask(maestro, sample, f"command:sh {program}", yes=True)
    await maestro.until("text", sender="lead")
    await (maestro.kill("lead") if who == "lead" else maestro.kill_connections())
    go.touch()
    assert (await end(maestro))["status"] == "completed"
    nothing_left(home, sample)


async def test_a_proposal_waits_through_a_new_life(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    await ask(maestro, sample, script(tmp_path, say(BLOCK)))
    await maestro.until("plan.proposed")
    await maestro.kill_connections()
    await answer(maestro, "approve")
    assert (await end(maestro))["status"] == "completed"


async def test_stopped_while_it_plans_a_team_leaves_nothing(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    started = await ask(maestro, sample, "command:sh -c 'echo begun; sleep 600'")
    await maestro.until("text", sender="lead")
    await maestro.call("team.stop", team=started["team"]["name"])
    nothing_left(home, sample)
    assert await studio(maestro, "plans") == []


async def test_a_rate_limit_of_the_lead_is_a_pause(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    limited = "[[turns.steps]]\nrate_limit = 0.2\n" + say(BLOCK)
    await ask(maestro, sample, script(tmp_path, limited), yes=True)
    await maestro.until("run.paused")
    assert (await end(maestro))["status"] == "completed"


@pytest.mark.parametrize(
    ("changes", "kind", "why"),
    [
        ({"goal": " "}, UsageError, "a goal is a text"),
        ({"goal": "x" * 30_000}, UsageError, "a goal is a text"),
        ({"goal": 7}, UsageError, "goal must be a string"),
        ({"yes": "please"}, UsageError, "yes must be true or false"),
        ({"plan": {"title": "x", "tasks": [{"title": "x"}]}}, UsageError, "cannot be given together"),
        ({"roles": {"dev": 1}}, UsageError, "the plan needs a reviewer"),
        ({"roles": {"dev": 1, "review": 1, "lead": 1}}, UsageError, "no worker role 'lead'"),
        (
            {"providers": {"dev": WRITE, "review": APPROVE, "lead": "manual"}},
            UsageError,
            "writes a plan file",
        ),
        ({"roles": {"review": 1}}, UsageError, "nobody in the team makes changes"),
        ({"providers": {"dev": WRITE, "review": APPROVE, "lead": "nobody"}}, BadProvider, "lead=nobody"),
    ],
)
async def test_a_goal_that_cannot_be_is_refused_before_anything_starts(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path, changes: dict[str, Any], kind: type, why: str
) -> None:
    with pytest.raises(kind, match=why):
        await ask(maestro, sample, script(tmp_path, say(BLOCK)), **changes)
    assert not maestro.connections.teams


async def test_what_the_lead_says_is_seen_and_what_it_uses_is_counted(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    used = "[[turns.steps]]\nusage = { input = 7, output = 3, cost = 0.5 }\n" + say(BLOCK)
    await ask(maestro, sample, script(tmp_path, used), yes=True)
    await maestro.until("text", sender="lead")
    await end(maestro)
    (project,) = await studio(maestro, "projects")
    (usage,) = await studio(maestro, f"usage?by=project&project_id={project['id']}")
    assert (usage["input_tokens"], usage["output_tokens"], usage["cost_usd"]) == (7, 3, 0.5)


async def test_a_lead_that_meets_a_cap_waits_for_money_and_goes_on(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red (who watches a pipe waits for ever) when a run at work hides its card: `planning.of_team`."""
    monkeypatch.setattr("maestro_ray.actors.worker.AGAIN", 0.05)
    used = "[[turns.steps]]\nusage = { input = 7, output = 3, cost = 0.5 }\n[[turns.steps]]\nwait = 0.2\n"
    lead = script(tmp_path, used + used + say(BLOCK))
    await ask(maestro, sample, lead, yes=True, budget={"team_usd": 0.4})
    waiting = await maestro.until("team.waiting")
    assert [card["kind"] for card in waiting["decisions"]] == ["budget"]
    await maestro.call("decide.answer", id=waiting["decisions"][0]["id"], answer="finish")
    await maestro.until("plan.proposed")


async def test_a_lead_asks_for_leave_like_a_worker(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    (home.root / "config.toml").write_text('[roles.lead.permissions]\nask = ["Bash(ls*)"]\n')
    lead = script(tmp_path, f"[[turns.steps]]\nask = 'ls'\n{say(BLOCK)}")
    await ask(maestro, sample, lead, yes=True)
    waiting = await maestro.until("team.waiting")
    assert [card["kind"] for card in waiting["decisions"]] == ["permission"]
    await maestro.call("decide.answer", id=waiting["decisions"][0]["id"], answer="allow")
    assert (await end(maestro))["status"] == "completed"


async def test_what_looks_like_a_key_is_in_no_plan(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    """Red without `redact` in `LookBench.outcome` and `Outcome.without`: either is enough."""
    plan = {"title": "Use AKIA0123456789ABCDEF", "tasks": [{"key": "one", "title": "Write one"}]}
    await ask(maestro, sample, script(tmp_path, say(f"```json\n{json.dumps(plan)}\n```\n")))
    shown = await maestro.until("plan.proposed")
    assert shown["plan"]["title"].startswith("Use ")
    (live,) = maestro.connections.teams.values()
    assert "AKIA0123456789ABCDEF" not in json.dumps(live.happenings.after(0))
    (stored,) = await studio(maestro, "plans")
    assert "AKIA0123456789ABCDEF" not in json.dumps(stored)


async def test_an_acceptance_seen_when_the_team_has_ended_does_not_bring_it_back(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Studio was slow, and whoever waited has stopped the team. Red (its slots are taken again, and the journal has it)
    without the second look at `ending` in `Planning.look`."""
    started = await ask(maestro, sample, script(tmp_path, say(BLOCK)))
    card = (await maestro.until("plan.proposed"))["decision"]
    assignments = maestro.connections.assignments
    asked, gate, from_studio = asyncio.Event(), asyncio.Event(), assignments.from_studio

    async def slow(team: LiveTeam, path: str) -> Any:
        found = await from_studio(team, path)
        if path.endswith("/planning") and found["state"] == "accepted":
            asked.set()
            await gate.wait()
        return found

    monkeypatch.setattr(assignments, "from_studio", slow)
    (team,) = maestro.connections.teams.values()
    await maestro.call("decide.answer", id=card["id"], answer="approve")
    await asked.wait()
    lock = maestro.connections.planning._looking[team.record.id]
    await maestro.call("team.stop", team=started["team"]["name"])
    gate.set()
    async with lock:
        pass
    assert not maestro.connections.planning._looking
    assert not maestro.connections.teams
    assert not maestro.connections._ledger.teams
    nothing_left(home, sample)


async def test_nothing_is_approved_for_a_team_that_was_stopped_while_studio_was_away(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red (asked for ever, and approved when Studio is back) with an approval that does not look at `ending`."""
    tried, post = 0, Rest.post

    async def away(rest: Rest, path: str, *arguments: Any, **named: Any) -> Any:
        nonlocal tried
        if path != "decisions/card/answer":
            return await post(rest, path, *arguments, **named)
        tried += 1
        raise StudioUnavailable("http://studio", "away")

    monkeypatch.setattr(planning, "PATIENCE", 0.01)
    monkeypatch.setattr(Rest, "post", away)
    await ask(maestro, sample, script(tmp_path, f"[[turns.steps]]\nuntil = 'go'\n{say(BLOCK)}"), yes=True)
    (team,) = maestro.connections.teams.values()
    approving = asyncio.create_task(maestro.connections.planning._approve(team, "card"))
    await eventually(lambda: tried > 2)
    await maestro.connections.end_team(team, "enough")
    async with asyncio.timeout(60):
        await approving
