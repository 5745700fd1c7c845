"""Whole teams in which an agent asks leave: ruled by the policy, by a hook, or by the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.actors import permits
from maestro_ray.actors.hooking import Hooking
from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.messages import Answer
from maestro_ray.config import Config, SandboxTable
from maestro_ray.errors import MaestroError
from maestro_ray.home import Home
from maestro_ray.model.agent import PermissionAsked
from maestro_ray.model.permission import Place, Situation, policy
from maestro_ray.testing import LocalMaestro, eventually

from .stage import APPROVE, begin, end, nothing_left

# what cannot be looked up in the harmless list, so that without a box it is asked about
COMMAND = "touch made.txt"


def script(tmp_path: Path, *steps: str, purpose: str = "execute") -> str:
    path = tmp_path / f"{purpose}.toml"
    path.write_text(
        "[[turns]]\nsteps = [\n  "
        + ",\n  ".join(steps or (f'{{ ask = "{COMMAND}" }}', '{ run = "echo x > one.txt" }'))
        + ",\n]\n"
    )
    return f"scripted:{path}"


def rules(home: Home, text: str, role: str = "dev") -> None:
    (home.root / "config.toml").write_text(f"[roles.{role}.permissions]\n{text}\n")


async def card(maestro: LocalMaestro) -> Mapping[str, Any]:
    event = await maestro.until("decision.requested")
    found: Mapping[str, Any] = event["decision"]
    return found


async def record(maestro: LocalMaestro) -> list[dict[str, Any]]:
    rows = await maestro.connections.studio.list("audit")
    return [row["detail"] for row in rows if row["action"] == "permission"]


def live(maestro: LocalMaestro) -> LiveTeam:
    (team,) = maestro.connections.teams.values()
    return team


async def started(maestro: LocalMaestro, sample: Sample, tmp_path: Path, *steps: str) -> dict[str, Any]:
    return await begin(maestro, sample, providers={"dev": script(tmp_path, *steps), "review": APPROVE})


async def test_without_a_box_it_is_asked_and_the_run_waits_and_goes_on(
    home: Home, sample: Sample, tmp_path: Path
) -> None:
    async with LocalMaestro(home) as maestro:
        await started(maestro, sample, tmp_path)
        asked = await card(maestro)
        assert (asked["kind"], asked["about"]["command"], asked["about"]["worker"]) == (
            "permission",
            COMMAND,
            "dev-1",
        )
        (team,) = await maestro.call("team.status")
        (dev,) = [each for each in team["workers"] if each["name"] == "dev-1"]
        assert dev["waits"]["decision"] == asked["id"]
        assert dev["waits"]["age"] >= 0
        # nobody at a terminal would ever see it else
        await maestro.until("team.waiting")
        await maestro.call("decide.answer", id=asked["id"], answer="allow")
        await end(maestro)
        assert "made.txt" in sample.files("main")
        assert [(each["ruling"], each["by"]) for each in await record(maestro)] == [("allow", "operator")]
    nothing_left(home, sample)


async def test_a_denial_and_its_reason_reach_the_agent(home: Home, sample: Sample, tmp_path: Path) -> None:
    async with LocalMaestro(home) as maestro:
        await started(maestro, sample, tmp_path)
        asked = await card(maestro)
        await maestro.call("decide.answer", id=asked["id"], answer="deny", reason="never on Friday")
        team = live(maestro)
        await end(maestro)
        said = "".join(event.get("text", "") for event in team.happenings.page(0, 1 << 20)[0])
        assert "refused: the operator says no: never on Friday" in said
        assert "made.txt" not in sample.files("main")


async def test_allowed_for_the_run_is_asked_once(home: Home, sample: Sample, tmp_path: Path) -> None:
    steps = [f'{{ ask = "{COMMAND}" }}', f'{{ ask = "{COMMAND}" }}', '{ run = "echo x > one.txt" }']
    async with LocalMaestro(home) as maestro:
        await started(maestro, sample, tmp_path, *steps)
        asked = await card(maestro)
        await maestro.call("decide.answer", id=asked["id"], answer="allow-run")
        await end(maestro)
        assert [each["ruling"] for each in await record(maestro)] == ["allow-run", "allow"]


async def test_a_policy_denies_without_asking(home: Home, sample: Sample, tmp_path: Path) -> None:
    rules(home, 'unattended = "allow"\ndeny = ["Bash(touch*)"]')
    async with LocalMaestro(home) as maestro:
        await started(maestro, sample, tmp_path)
        await end(maestro)
        assert "made.txt" not in sample.files("main")
        (row,) = await record(maestro)
        assert (row["ruling"], row["by"], row["worker"]) == ("deny", "policy", "dev-1")
        assert row["why"] == "the rule deny shell(touch*)"


async def test_a_hook_denies_before_the_policy(
    home: Home, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules(home, 'allow = ["*"]')

    async def no(_hooking: Hooking, question: PermissionAsked) -> str:
        return f"the hook says no to {question.detail}"

    monkeypatch.setattr(Hooking, "ruling", no)
    async with LocalMaestro(home) as maestro:
        await started(maestro, sample, tmp_path)
        await end(maestro)
        assert "made.txt" not in sample.files("main")
        (row,) = await record(maestro)
        assert (row["ruling"], row["by"], row["why"]) == ("deny", "a hook", f"the hook says no to {COMMAND}")


async def test_an_answer_given_while_connections_was_away_is_found(
    home: Home, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protection: `Asking`, which a worker that waits sends from time to time."""
    monkeypatch.setattr(permits, "LOOK_AGAIN", 0.1)
    async with LocalMaestro(home) as maestro:
        await started(maestro, sample, tmp_path)
        asked = await card(maestro)
        person = await maestro.studio.client()
        monkeypatch.setattr("maestro_ray.actors.answers.Answers.heard", lambda *_: None)
        try:
            await person.post(f"decisions/{asked['id']}/answer", {"answer": "allow"})
        finally:
            await person.close()
        await maestro.kill_connections()
        await end(maestro)
        assert "made.txt" in sample.files("main")


async def test_a_worker_that_dies_leaves_no_card_and_asks_again(
    home: Home, sample: Sample, tmp_path: Path
) -> None:
    async with LocalMaestro(home) as maestro:
        await started(maestro, sample, tmp_path)
        first = await card(maestro)
        await maestro.kill("dev-1")
        await maestro.until("decision.answered")
        with pytest.raises(MaestroError):
            await maestro.call("decide.answer", id=first["id"], answer="allow")
        person = await maestro.studio.client()
        try:
            with pytest.raises(MaestroError, match="waits for no answer any more"):
                await person.post(f"decisions/{first['id']}/answer", {"answer": "allow"})
        finally:
            await person.close()
        second = await eventually(lambda: next(iter(live(maestro).cards.values()), None))
        assert second["about"]["epoch"] > first["about"]["epoch"]
        await maestro.call("decide.answer", id=second["id"], answer="allow")
        await end(maestro)
        assert "made.txt" in sample.files("main")


async def test_in_a_box_nobody_is_asked(home: Home, sample: Sample, tmp_path: Path) -> None:
    config = Config(ping=0.05, lease=1.0, stop_grace=0.3, pool=4, sandbox=SandboxTable("auto"))
    async with LocalMaestro(home, config=config) as maestro:
        answer = await started(maestro, sample, tmp_path)
        if any("no sandbox works here" in each for each in answer["warnings"]):
            pytest.skip("no sandbox works here")
        await end(maestro)
        assert "made.txt" in sample.files("main")
        assert [(each["ruling"], each["by"]) for each in await record(maestro)] == [("allow", "policy")]


async def test_a_team_says_once_whose_agents_cannot_ask(home: Home, sample: Sample) -> None:
    rules(home, 'deny = ["Bash(git push*)"]')
    async with LocalMaestro(home) as maestro:
        answer = await begin(maestro, sample)
        about = [each for each in answer["warnings"] if "permissions" in each]
        assert about == ["[roles.dev.permissions] do not hold for command: its agents cannot ask for leave"]
        await end(maestro)


async def test_a_secret_of_the_team_is_on_no_card(home: Home, sample: Sample, tmp_path: Path) -> None:
    from .parts import ENV

    secret = "sk-ant-" + "q" * 40
    steps = [f'{{ ask = "touch {secret}" }}', '{ run = "echo x > one.txt" }']
    async with LocalMaestro(home) as maestro:
        await begin(
            maestro,
            sample,
            providers={"dev": script(tmp_path, *steps), "review": APPROVE},
            env={**ENV, "ANTHROPIC_API_KEY": secret},
        )
        asked = await card(maestro)
        assert secret not in str(asked)
        assert asked["about"]["hash"]
        await maestro.call("decide.answer", id=asked["id"], answer="deny")
        await end(maestro)


async def test_where_a_link_leads_is_asked_about(home: Home, sample: Sample, tmp_path: Path) -> None:
    steps = [
        '{ run = "ln -s /etc/hosts link" }',
        '{ ask = "echo x > link" }',
        '{ run = "rm link; echo x > one.txt" }',
    ]
    async with LocalMaestro(home) as maestro:
        await started(maestro, sample, tmp_path, *steps)
        asked = await card(maestro)
        await maestro.call("decide.answer", id=asked["id"], answer="deny")
        await end(maestro)


class Written:
    """Of reports and messages only what was reported is kept."""

    def __init__(self) -> None:
        self.bodies: list[Mapping[str, Any]] = []

    def post(self, _kind: str, **_body: Any) -> None:
        """Nobody reads it."""

    async def report(self, _assignment: Any, _action: str, body: Mapping[str, Any]) -> None:
        self.bodies.append(body)


async def test_an_answer_is_for_one_question_also_when_the_agent_names_two_alike() -> None:
    """Protection: questions have names of our own; with those of the agent the second command gets the first's leave."""
    team = SimpleNamespace(env={}, slots={"dev-1": "x"}, project="p", sandbox=SandboxTable("auto"))
    part = SimpleNamespace(name="dev-1", team=team, provider=SimpleNamespace(kind="fake", permissions=()))
    said = Written()
    own = permits.Permits(part, None, said)  # type: ignore[arg-type]
    rules = policy(["ask shell"], Situation())
    own._turn = permits._Turn({"id": "r", "epoch": 1}, 1, rules, Place())
    asking = [
        asyncio.create_task(own.permit(PermissionAsked("1", "Bash", command)))
        for command in ("ls -l", "git push")
    ]
    await eventually(lambda: len(said.bodies) == 2)
    first, second = (each["request"] for each in said.bodies)
    own.answered(Answer("r", 1, first, "allow", ""))
    own.answered(Answer("r", 1, second, "deny", ""))
    assert await asyncio.gather(*asking) == ["", "the operator says no"]
    assert permits.Permits(part, None, said)._life != own._life  # type: ignore[arg-type]
