"""What can be asked over the local line, asked of whole teams: real git, agents and Studio, actors without Ray."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.actors import service as module
from maestro_ray.agent.sweep import find
from maestro_ray.connection.ask import ask
from maestro_ray.connection.login import Login
from maestro_ray.connection.tokens import TokenFile
from maestro_ray.errors import Conflict, MaestroError, NotFound, UsageError
from maestro_ray.home import Home
from maestro_ray.studio import loop
from maestro_ray.testing import LocalMaestro, eventually

from .parts import ENV
from .stage import APPROVE, WRITE, begin, end, nothing_left, once, plan, waiting_for


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


async def test_a_plan_goes_from_the_request_to_the_base_and_nothing_is_left(
    maestro: LocalMaestro, home: Home, sample: Sample
) -> None:
    answer = await begin(
        maestro, sample, roles={"dev": 2, "review": 1, "test": 1},
        plan={**plan("one", "two"), "test": "ls *.txt"},
    )  # fmt: skip
    assert [each["name"] for each in answer["workers"]] == ["dev-1", "dev-2", "review-1", "test-1"]
    assert all(each["pid"] for each in answer["workers"])
    assert (answer["repo"], answer["base"], answer["warnings"]) == (str(sample.path), "main", [])
    assert {"allocate", "place", "up", "plan"} <= answer["timings"].keys()
    channel = answer["team"]["id"]
    result = await end(maestro)
    once(sample, result, "one", "two")
    nothing_left(home, sample)
    for task in result["tasks"]:
        assert (task["status"], task["revisions"], len(task["commits"])) == ("completed", 0, 1)
    assert result["released"] == sample.sha("main")

    studio = maestro.connections.studio
    team = await studio.get(f"teams/{channel}")
    assert team["status"] == "ended"
    assert {session["status"] for session in team["sessions"]} == {"ended"}
    messages = await studio.get(f"teams/{channel}/messages", after="0")
    assert [message["number"] for message in messages] == list(range(1, len(messages) + 1))
    assert {"team.up", "run.started", "run.ended"} <= {message["kind"] for message in messages}
    status = await maestro.call("status")
    assert status["teams"] == []
    assert status["outbox"] == 0
    assert not [place for place in maestro.connections.pool.all() if place.team]


async def test_stopping_in_the_middle_leaves_nothing_and_can_be_watched(
    maestro: LocalMaestro, home: Home, sample: Sample
) -> None:
    await begin(
        maestro, sample, providers={"dev": "command:sh -c 'setsid sleep 60 & sleep 60'", "review": APPROVE}
    )
    await eventually(lambda: len(find(f"{home.instance}:")) >= 3)
    before = sample.sha("main")
    seen: list[dict[str, Any]] = []

    async def look(_method: str, event: dict[str, Any]) -> None:
        seen.append(event)

    watching = asyncio.create_task(maestro.service.handle("team.watch", {"repo": str(sample.path)}, look))
    await eventually(lambda: seen)
    (stopped,) = await maestro.call("team.stop", repo=str(sample.path))
    assert stopped["result"]["plans"][0]["status"] == "active"
    nothing_left(home, sample)
    assert (await watching)["team"] == stopped["name"]
    assert seen[-1]["kind"] == "team.ended"
    assert sample.sha("main") == before
    with pytest.raises(NotFound):
        await maestro.call("team.stop", repo=str(sample.path))
    # who comes later can still see what happened, and how it ended
    logs = await maestro.call("team.logs", team=stopped["name"], after=seen[-2]["n"])
    assert [event["kind"] for event in logs["events"]] == ["team.ended"]
    assert (await maestro.call("team.watch", team=stopped["name"]))["team"] == stopped["name"]


async def test_a_directive_reaches_the_running_agent_and_later_prompts_until_cleared(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    script = tmp_path / "script.toml"
    script.write_text(
        '[[turns]]\nsteps = [{ say = "ready" }, { until = "go" }, { edit = "one.txt", text = "x" }]\n'
    )
    review = "command:sh -c 'cat \"$MAESTRO_PROMPT_FILE\" > /dev/stderr; echo VERDICT: APPROVED'"
    await begin(maestro, sample, providers={"dev": f"scripted:{script}", "review": review})
    await maestro.until("text", sender="dev-1")
    repo = str(sample.path)
    told = await maestro.call("steer", repo=repo, text="mind the API", id="d1")
    again = await maestro.call("steer", repo=repo, text="mind the API", id="d1")
    assert told == again
    await maestro.until("receipt", directive="d1", worker="dev-1", how="in-turn")
    (directives,) = (await maestro.call("steering.list", repo=repo)).values()
    assert [(each["id"], each["receipts"]["dev-1"]["how"]) for each in directives] == [("d1", "in-turn")]
    (home.worktrees / next(iter(maestro.connections.teams.values())).record.name / "dev-1" / "go").touch()
    await maestro.until("receipt", directive="d1", worker="review-1", how="next-turn")
    await maestro.call("steering.clear", repo=repo)
    await end(maestro)
    with pytest.raises(UsageError):
        await maestro.call("steer", repo=repo, text="  ")
    with pytest.raises(NotFound):
        await maestro.call("steer", repo=repo, text="nobody is here")


async def test_a_directive_that_was_not_answered_in_time_is_the_same_when_it_is_repeated(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is on its way for ever, so it arrives in the end; whoever was told to try again must not double it."""
    monkeypatch.setattr(module, "CHANNEL_WITHIN", 0.2)
    await begin(maestro, sample, providers={"dev": waiting_for(tmp_path / "gate"), "review": APPROVE})
    (live,) = maestro.connections.teams.values()
    channel, repo = live.record.channel, str(sample.path)
    receive, awake = maestro.actors.slots[channel].receive, asyncio.Event()

    async def late(*letters: Any) -> Any:
        await awake.wait()
        return await receive(*letters)

    async def texts() -> list[str]:
        (directives,) = (await maestro.call("steering.list", repo=repo)).values()
        return [each["text"] for each in directives]

    maestro.actors.host(channel, late)
    for _ in range(2):
        with pytest.raises(Conflict, match="does not answer"):
            await maestro.call("steer", repo=repo, text="mind the API")
    monkeypatch.setattr(module, "CHANNEL_WITHIN", 60.0)
    awake.set()
    await maestro.until("directive")
    await maestro.call("steer", repo=repo, text="mind the API")
    assert await texts() == ["mind the API"]
    await maestro.call("steer", repo=repo, text="mind the API")
    assert await texts() == ["mind the API"] * 2


async def test_workers_come_and_go(maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    await begin(
        maestro, sample, providers={"dev": waiting_for(gate), "review": APPROVE}, plan=plan("one", "two")
    )
    repo = str(sample.path)
    joins = [maestro.call("team.join", repo=repo, role="dev", providers={"dev": WRITE}) for _ in range(2)]
    joined = [answer["worker"] for answer in await asyncio.gather(*joins)]
    assert sorted(each["name"] for each in joined) == ["dev-2", "dev-3"]
    assert all(each["pid"] for each in joined)
    # the second task did not wait for the first developer
    await maestro.until("run.ended", action="complete", title="Write two")
    with pytest.raises(Conflict):
        await maestro.call("team.join", repo=repo, role="dev", name="dev-2", providers={"dev": WRITE})
    with pytest.raises(UsageError):
        await maestro.call("team.join", repo=repo, role="dev", name="../x", providers={"dev": WRITE})
    for nonsense in (["a b:3"], ["python:99"], [7], "python"):
        with pytest.raises(UsageError, match=r"skill|proficiency"):
            await maestro.call(
                "team.join", repo=repo, role="dev", providers={"dev": WRITE}, skills=nonsense, name="x"
            )
    with pytest.raises(NotFound):
        await maestro.call("team.leave", repo=repo, worker="stranger")
    # what the one who leaves was doing is done by another
    await maestro.call("team.leave", repo=repo, worker="dev-1")
    live = next(iter(maestro.connections.teams.values()))
    assert not (home.worktrees / live.record.name / "dev-1").exists()
    once(sample, await end(maestro), "one", "two")
    nothing_left(home, sample)


async def test_two_teams_at_once_do_not_meet(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    other = Sample.make(tmp_path / "other")
    first, second = await asyncio.gather(begin(maestro, sample), begin(maestro, other, plan=plan("uno")))
    results = await asyncio.gather(end(maestro, first["team"]["name"]), end(maestro, second["team"]["name"]))
    once(sample, results[0], "one")
    once(other, results[1], "uno")
    nothing_left(home, sample)


async def test_several_teams_here_must_be_told_apart(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    gate, repo = tmp_path / "gate", str(sample.path)
    names = {
        (await begin(maestro, sample, providers={"dev": waiting_for(gate), "review": APPROVE}))["team"][
            "name"
        ]
        for _ in range(2)
    }
    with pytest.raises(Conflict) as caught:
        await maestro.call("team.watch", repo=repo)
    assert all(name in str(caught.value) for name in names)
    assert {team["name"] for team in await maestro.call("team.status", repo=repo)} == names
    ended = await maestro.call("disconnect", repo=repo)
    assert set(ended["teams"]) == names


async def test_a_plan_that_waits_says_so_and_goes_on_when_decided(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    (home.root / "config.toml").write_text("[team]\nattempts = 1\n")
    gate = tmp_path / "gate"
    await begin(
        maestro,
        sample,
        providers={"dev": f"command:sh -c 'test -e {gate} && echo x > one.txt'", "review": APPROVE},
    )
    (card,) = (await maestro.until("team.waiting"))["decisions"]
    assert "Write one" in card["question"]
    assert card["options"] == ["retry", "abort"]
    (listed,) = (await maestro.call("decide.list", repo=str(sample.path)))["cards"]
    assert listed["id"] == card["id"]
    (team,) = await maestro.call("team.status", repo=str(sample.path))
    assert (listed["plan"], listed["team"]) == (team["plans"][0]["title"], team["name"])
    assert listed["project"] == team["project"]
    with pytest.raises(NotFound):
        await maestro.call("decide.answer", id="", answer="retry")
    with pytest.raises(UsageError) as refused:
        await maestro.call("decide.answer", id=card["id"], answer="perhaps")
    assert refused.value.hint == "one of: retry, abort"
    gate.touch()
    await maestro.call("decide.answer", id=card["id"][-8:], answer="retry")
    once(sample, await end(maestro), "one")
    assert await maestro.call("decide.list", repo=str(sample.path)) == {"cards": [], "away": []}


async def test_a_card_about_no_plan_is_listed(maestro: LocalMaestro) -> None:
    studio = maestro.connections.studio
    project = await studio.post("projects", {"key": "github:acme/shop", "name": "shop"})
    lead = await studio.post("agent-sessions", {"project_id": project["id"], "role": "lead", "name": "m"})
    workers = [{"name": "a", "role": "architect"}, {"name": "d", "role": "dev"}]
    await studio.post(f"agent-sessions/{lead['id']}/team", {"workers": workers, "serves_all": True})
    await studio.post(f"projects/{project['id']}/analysis", {"role": ""})
    (run,) = await studio.get(f"agent-sessions/{lead['id']}/spawn-queue")
    held = await studio.post(f"agent-sessions/{run['session_id']}/run", {"run_id": run["id"]})
    failed = {"epoch": held["epoch"], "reason": "no", "hold": True}
    await studio.post(f"cli-runs/{run['id']}/fail", failed)
    (card,) = (await maestro.call("decide.list"))["cards"]
    assert (card["plan_id"], card["plan"], card["project"], card["team"]) == (
        None,
        "",
        "github:acme/shop",
        "",
    )


@pytest.mark.parametrize("local_first", [True, False])
async def test_a_card_that_two_identities_see_is_one_card(
    maestro: LocalMaestro, home: Home, monkeypatch: pytest.MonkeyPatch, local_first: bool
) -> None:
    """It is answered as whoever of them may: the other is a member."""
    studio, key = maestro.connections.studio, "github:acme/shop"
    project = await studio.post("projects", {"key": key, "name": "shop"})
    draft = {"title": "P", "base": "main", "test": "x", "tasks": [{"title": "One"}]}
    plan = await studio.post("plans", {"project_id": project["id"], "draft": draft})
    await maestro.studio.store.write(loop.ask, plan["id"], "attempts", "It failed")
    invite = await studio.post("auth/invites", {"role": "member", "project_id": project["id"]})
    path = home.root / "member.json"
    tokens = TokenFile(path, lambda path, body: ask("POST", f"{maestro.studio.url}/api/v1/{path}", body))
    await asyncio.to_thread(tokens.redeem, invite["token"], "bob")
    maestro.logins[key] = Login(maestro.studio.url, maestro.studio.ws_url, str(path))
    switchboard = maestro.connections.switchboard
    switchboard.connection(key)
    rests = switchboard.rests()
    assert len(rests) == 2
    monkeypatch.setattr(switchboard, "rests", lambda: rests if local_first else rests[::-1])
    (card,) = (await maestro.call("decide.list"))["cards"]
    given = await maestro.call("decide.answer", id=card["id"], answer="abort")
    assert given["status"] == "answered"


async def test_a_team_without_a_plan_serves_those_of_the_project(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first = await begin(maestro, sample, providers={"dev": waiting_for(gate), "review": APPROVE})
    await maestro.call("team.stop", team=first["team"]["name"])
    gate.touch()
    second = await begin(maestro, sample, plan=None)
    name = second["team"]["name"]
    await maestro.until("plan.updated", name)
    studio = maestro.connections.studio

    async def completed() -> bool:
        return bool((await studio.get(f"plans/{first['plan']['id']}"))["status"] == "completed")

    async with asyncio.timeout(60):
        while not await completed():
            await asyncio.sleep(0.05)
    # it was not started for that plan, so it stays
    assert name in {team["name"] for team in await maestro.call("team.status")}
    await maestro.call("team.stop", team=name)
    nothing_left(home, sample)


async def test_status_says_who_does_what(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    await begin(maestro, sample, providers={"dev": waiting_for(gate), "review": APPROVE})
    await maestro.until("run.started", purpose="execute")
    (team,) = await maestro.call("team.status", repo=str(sample.path))
    assert (team["state"], team["repo"]) == ("active", str(sample.path))
    assert (team["plans"][0]["done"], team["plans"][0]["tasks"]) == (0, 1)
    members = {each["name"]: each for each in team["workers"]}
    assert members.keys() == {"lead", "channel", "dev-1", "review-1"}
    assert members["dev-1"]["run"]["task"] == "Write one"
    assert members["review-1"]["run"] is None
    assert all(each["state"] == "up" and each["pid"] and each["lease_age"] < 20 for each in members.values())
    # a lead that cannot answer is a state, and no error
    lead = next(iter(maestro.connections.teams.values())).record.lead
    maestro.actors.unhost(lead)
    (team,) = await maestro.call("team.status", repo=str(sample.path))
    assert team["state"] == "lead does not answer"
    maestro.actors.host(lead, maestro.actors.slots[lead].receive)
    gate.touch()
    await end(maestro)


@pytest.mark.parametrize("connected", [False, True], ids=["asked", "connected"])
async def test_status_tells_a_studio_that_is_away_from_one_that_signed_us_out(
    maestro: LocalMaestro, sample: Sample, connected: bool
) -> None:
    async def becomes(wanted: str) -> None:
        async with asyncio.timeout(60):
            while (status := await maestro.call("status"))["studio"]["trouble"] != wanted:
                await asyncio.sleep(0.02)
        assert status["studio"]["connected"] is (wanted == "")
        assert [each["trouble"] for each in status["connections"]] == [wanted] * connected

    if connected:
        await begin(maestro, sample, plan=None)
    await becomes("")
    await maestro.connections.studio.post("auth/logout")
    await becomes("signed_out")
    await maestro.studio.stop()
    await becomes("away")


async def test_a_worker_joins_with_its_levels(maestro: LocalMaestro, sample: Sample) -> None:
    team = (await begin(maestro, sample, plan=None))["team"]
    repo = str(sample.path)
    await maestro.call(
        "team.join", repo=repo, role="dev", providers={"dev": WRITE}, skills=["python:4", "sql"], name="ada"
    )
    sessions = (await maestro.connections.studio.get(f"teams/{team['id']}"))["sessions"]
    (skills,) = [session["skills"] for session in sessions if session["name"] == "ada"]
    assert skills == {"python": 4, "sql": 3}


async def test_a_team_is_found_in_a_repository_that_broke(maestro: LocalMaestro, sample: Sample) -> None:
    await begin(maestro, sample, plan=None)
    (sample.path / "sub").mkdir()
    sample.git("config", "core.bare", "true")
    (sample.path / ".git" / "HEAD").rename(sample.path / ".git" / "DAEH")
    with pytest.raises(MaestroError, match="not inside a git repository"):
        await maestro.call("team.stop", repo=str(sample.path.parent))
    (team,) = await maestro.call("team.status", repo=str(sample.path / "sub"))
    (stopped,) = await maestro.call("team.stop", repo=str(sample.path))
    assert stopped["name"] == team["name"]


async def test_a_plan_is_released_beside_a_branch_without_commits(
    maestro: LocalMaestro, home: Home, sample: Sample
) -> None:
    sample.git("checkout", "-q", "--orphan", "fresh")
    sample.git("reset", "-q", "--hard")
    await begin(maestro, sample, base="main")
    result = await end(maestro)
    assert result["released"] == sample.sha("main")
    assert sample.git("symbolic-ref", "HEAD") == "refs/heads/fresh"


async def test_bad_calls_are_errors_of_the_caller(maestro: LocalMaestro) -> None:
    bad: list[tuple[str, dict[str, Any], type[MaestroError]]] = [
        ("team.dance", {}, NotFound),
        ("team.start", {}, UsageError),
        ("team.start", {"repo": "/x", "surprise": 1}, UsageError),
        ("team.watch", {"team": "nobody"}, NotFound),
        ("team.stop", {"team": "nobody"}, NotFound),
        ("team.logs", {}, NotFound),
        ("team.join", {"team": "nobody"}, NotFound),
        ("steer", {"text": "half \udcff"}, UsageError),
    ]
    for method, params, error in bad:
        with pytest.raises(error):
            await maestro.call(method, **params)


NASTY: list[Any] = [
    5, 10**30, 1.5, "a\0b", "\ud800", "\udcff", "/" + "x" * 5000, [5], [[]], ["\0"],
    {"dev": 10**30}, {"dev": "\0"}, {"dev": "command:\ud800"}, {"\0": "x"}, {"a": {}},
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "right", "words"),
    [
        ("team.start", {"roles": {"dev": 0}}, "repo roles providers plan env base name alone surprise"),
        ("team.join", {"role": "nobody"}, "team role name providers skills env"),
        ("team.leave", {"worker": "nobody"}, "repo worker"),
        ("team.logs", {}, "team after"),
        ("team.watch", {"team": "nobody"}, "team after"),
        ("steer", {"team": "nobody", "text": "words"}, "repo text id"),
        ("decide.list", {}, "repo"),
        ("decide.answer", {"id": "none", "answer": "retry"}, "id answer"),
        ("disconnect", {"team": "nobody"}, "team all"),
    ],
)
async def test_nothing_a_caller_sends_is_a_mistake_of_ours(
    maestro: LocalMaestro, sample: Sample, method: str, right: dict[str, Any], words: str
) -> None:
    """Each word of each method with every kind of nonsense in it, beside others that are right."""
    await begin(maestro, sample, plan=None)
    for word in words.split():
        for value in NASTY:
            with contextlib.suppress(MaestroError):
                await maestro.call(method, **{"repo": str(sample.path), **right, word: value})
    assert len(maestro.connections.teams) == 1


async def test_a_number_that_is_none_is_refused(maestro: LocalMaestro, sample: Sample) -> None:
    name = (await begin(maestro, sample, plan=None))["team"]["name"]
    for after in ("5", True, None):
        with pytest.raises(UsageError):
            await maestro.call("team.logs", team=name, after=after)


async def test_a_long_record_comes_in_pages(
    maestro: LocalMaestro, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = (await begin(maestro, sample, plan=None))["team"]["name"]
    await maestro.call("team.stop", team=name)
    whole = await maestro.call("team.logs", team=name)
    assert (whole["more"], len(whole["events"]) > 3) == (False, True)
    monkeypatch.setattr(module, "PAGE", 300)
    found: list[Any] = []
    more = True
    while more:
        page = await maestro.call("team.logs", team=name, after=found[-1]["n"] if found else 0)
        assert page["events"]
        found, more = [*found, *page["events"]], page["more"]
    assert found == whole["events"]


async def test_the_environment_of_the_shell_is_the_agents(
    maestro: LocalMaestro, home: Home, sample: Sample
) -> None:
    (home.root / "config.toml").write_text(
        '[providers.keyed]\nkind = "command"\nargv = ["sh", "-c", "echo $MY_KEY > one.txt"]\nenv = ["MY_KEY"]\n'
    )
    await begin(
        maestro,
        sample,
        providers={"dev": "keyed", "review": APPROVE},
        env={**ENV, "MY_KEY": "k3y", "OTHER": "x"},
    )
    await end(maestro)
    assert sample.files("main")["one.txt"] == "k3y\n"
    journals = b"".join(path.read_bytes() for path in home.journal.iterdir())
    assert b"k3y" not in journals
