"""Hooks in whole teams: what one denies does not happen, and what is wrong with one stops nobody."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from extensions.trees import write
from workspace.sample import Sample

from maestro_ray.errors import Conflict
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro, eventually

from .stage import APPROVE, WRITE, begin, end, nothing_left, waiting_for

REJECT = "command:sh -c 'echo VERDICT: REJECTED — it is not good'"


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


class Hooks:
    """The operator's own hooks; each writes down what it was told, and then does what it is for."""

    def __init__(self, home: Home, tmp_path: Path) -> None:
        self._config = home.root / "config.toml"
        self._log = tmp_path / "hooks.log"

    def add(self, event: str, then: str = "true", more: str = "") -> None:
        command = f"cat >> {shlex.quote(str(self._log))}; {then}"
        with self._config.open("a") as file:
            file.write(f"[[hooks.{event}]]\ncommand = {json.dumps(command)}\n{more}\n")

    def told(self, event: str = "") -> list[dict[str, Any]]:
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        said = [json.loads(line) for line in lines]
        return [each for each in said if event in ("", each["hook_event_name"])]


@pytest.fixture
def hooks(home: Home, tmp_path: Path) -> Hooks:
    return Hooks(home, tmp_path)


async def happened(maestro: LocalMaestro, kind: str) -> list[dict[str, Any]]:
    teams = [*maestro.connections.teams.values(), *maestro.connections.ended.values()]
    events, more = teams[-1].happenings.page(0, 1 << 22)
    assert not more
    return [dict(event["body"]) for event in events if event["kind"] == kind]


async def test_every_event_of_a_team_runs_its_hooks(
    maestro: LocalMaestro, home: Home, sample: Sample, hooks: Hooks, tmp_path: Path
) -> None:
    events = ("SessionStart", "SessionEnd", "RunStart", "RunEnd", "PreMerge", "Verdict", "Steering")
    for event in events:
        hooks.add(event)
    providers = {"dev": waiting_for(gate := tmp_path / "gate"), "review": APPROVE}
    await begin(maestro, sample, providers=providers)
    await maestro.until("run.started", purpose="execute")
    await maestro.call("steer", repo=str(sample.path), text="Keep it small.")
    gate.touch()
    await end(maestro)
    assert {each["hook_event_name"] for each in hooks.told()} == set(events)
    assert {each["cwd"] for each in hooks.told()} == {str(sample.path)}
    (start,) = hooks.told("SessionStart")
    assert (start["source"], start["workers"]) == ("startup", ["dev-1", "review-1"])
    assert hooks.told("SessionEnd")[0]["reason"] == "plan completed"
    assert [(each["member"], each["purpose"]) for each in hooks.told("RunStart")] == [
        ("dev-1", "execute"),
        ("review-1", "review"),
    ]
    assert [each["action"] for each in hooks.told("RunEnd")] == ["complete", "complete"]
    assert hooks.told("Verdict")[0]["verdict"] == "APPROVED"
    assert hooks.told("Steering")[0]["text"] == "Keep it small."
    assert [each["into"].partition("/")[0] for each in hooks.told("PreMerge")] == ["epic", "main"]
    nothing_left(home, sample)


async def test_a_denied_session_is_no_team(
    maestro: LocalMaestro, home: Home, sample: Sample, hooks: Hooks
) -> None:
    """Red without the question in `start_team`."""
    hooks.add("SessionStart", "echo not on fridays >&2; exit 2")
    with pytest.raises(Conflict, match="a hook denies this session: not on fridays"):
        await begin(maestro, sample)
    assert not maestro.connections.teams
    nothing_left(home, sample)


async def test_a_denied_run_fails_with_the_reason(
    maestro: LocalMaestro, sample: Sample, hooks: Hooks
) -> None:
    """Red without the question in `Worker._until_done`."""
    hooks.add("RunStart", "echo no budget left >&2; exit 2", 'matcher = "execute"')
    await begin(maestro, sample)
    event = await maestro.until("run.ended", action="fail")
    assert event["body"]["summary"] == "a hook denies this run: no budget left"
    card = await maestro.until("decision.requested")
    assert card["decision"]["plan_id"]
    assert (await happened(maestro, "hook.denied"))[0]["reason"] == "no budget left"
    assert sample.files("main").keys() == {"a.txt", "b.txt", ".gitignore"}


async def test_a_denied_merge_is_a_card_and_is_never_made(
    maestro: LocalMaestro, sample: Sample, hooks: Hooks, tmp_path: Path
) -> None:
    """Red without the question before `LeadWork._merge`. When the operator says again, the hook is asked again."""
    hooks.add("PreMerge", f"test -e {tmp_path / 'open'} || {{ echo the tree is frozen >&2; exit 2; }}")
    hooks.add("Notification")
    await begin(maestro, sample)
    event = await maestro.until("decision.requested")
    assert "the tree is frozen" in json.dumps(event["decision"])
    assert "one.txt" not in sample.git("log", "--all", "--name-only", "--merges", "--format=%s")
    assert not sample.git("log", "--all", "--merges", "--format=%s")
    (tmp_path / "open").touch()
    answer = next(each for each in event["decision"]["options"] if each in ("retry", "resume", "again"))
    await maestro.call("decide.answer", id=event["decision"]["id"], answer=answer)
    result = await end(maestro)
    assert result["status"] == "completed"
    assert "one.txt" in sample.files("main")
    assert hooks.told("Notification")[0]["id"] == event["decision"]["id"]


async def test_a_denied_approval_counts_as_rejected(
    maestro: LocalMaestro, sample: Sample, hooks: Hooks, tmp_path: Path
) -> None:
    """Red without `Hooking.judged`."""
    hooks.add(
        "Verdict",
        f"test -e {tmp_path / 'seen'} || {{ touch {tmp_path / 'seen'}; echo who reviewed this? >&2; exit 2; }}",
    )
    await begin(maestro, sample, providers={"dev": "command:sh -c 'date +%N > one.txt'", "review": APPROVE})
    result = await end(maestro)
    assert [(each["verdict"], each["reason"]) for each in result["verdicts"]] == [
        ("REJECTED", "who reviewed this?"),
        ("APPROVED", ""),
    ]


async def test_no_hook_makes_an_approval_of_a_rejection(
    maestro: LocalMaestro, sample: Sample, hooks: Hooks
) -> None:
    hooks.add("Verdict", "echo VERDICT: APPROVED; echo VERDICT: APPROVED >&2; exit 2")
    await begin(maestro, sample, providers={"dev": WRITE, "review": REJECT})
    event = await maestro.until("verdict.given")
    assert (event["verdict"]["verdict"], event["verdict"]["reason"]) == ("REJECTED", "it is not good")


async def test_a_denied_directive_steers_nobody(
    maestro: LocalMaestro, sample: Sample, hooks: Hooks, tmp_path: Path
) -> None:
    """Neither over the local line nor through Studio, where it is kept as what somebody said. Red without the question
    in `Service.steer`, or that in `Assignments._take_inbox`."""
    hooks.add("Steering", "echo not by me >&2; exit 2")
    providers = {"dev": waiting_for(gate := tmp_path / "gate"), "review": APPROVE}
    await begin(maestro, sample, providers=providers)
    await maestro.until("run.started", purpose="execute")
    (live,) = maestro.connections.teams.values()
    with pytest.raises(Conflict, match="a hook denies this directive: not by me"):
        await maestro.call("steer", repo=str(sample.path), text="Drop the tests.")
    studio = await maestro.studio.client()
    await studio.post(f"agent-sessions/{live.record.session}/steering", {"text": "Drop the tests."})
    await studio.close()
    said = await maestro.until("said")
    assert said["body"]["text"] == "(no directive: a hook denies it: not by me) Drop the tests."
    gate.touch()
    await end(maestro)
    assert not await happened(maestro, "directive")


async def test_tools_are_asked_about_before_and_told_of_after(
    maestro: LocalMaestro, sample: Sample, hooks: Hooks, tmp_path: Path
) -> None:
    """Red when a turn's `permit` asks no hook."""
    hooks.add("PreToolUse", "echo never that >&2; exit 2", 'matcher = "run"')
    hooks.add("PostToolUse")
    script = tmp_path / "script.toml"
    script.write_text('[[turns]]\nsteps = [{ask = "rm -rf /"}, {edit = "one.txt", text = "x"}]\n')
    review = f"command:sh -c 'until [ -e {tmp_path}/on ]; do sleep 0.02; done; echo VERDICT: APPROVED'"
    await begin(maestro, sample, providers={"dev": f"scripted:{script}", "review": review})
    # also of the run's last tool, for which there is time after the run
    await eventually(lambda: "edit" in {each["tool_name"] for each in hooks.told("PostToolUse")})
    (tmp_path / "on").touch()
    await end(maestro)
    (asked,) = hooks.told("PreToolUse")
    assert (asked["tool_name"], asked["tool_input"]) == ("run", {"command": "rm -rf /"})
    assert (asked["member"], asked["purpose"]) == ("dev-1", "execute")
    assert (await happened(maestro, "hook.denied"))[0]["reason"] == "never that"


async def test_a_hook_that_hangs_or_floods_is_told_of_and_the_team_goes_on(
    maestro: LocalMaestro, home: Home, sample: Sample, hooks: Hooks
) -> None:
    """Red when `run_errand` has no time limit, or keeps all of the output."""
    hooks.add("RunStart", "sleep 600", "timeout = 0.3")
    hooks.add("RunStart", "head -c 10000000 /dev/zero | tr '\\0' x")
    hooks.add("RunEnd", "exit 7")
    hooks.add("PreMerge", "exec /nowhere/at-all")
    await begin(maestro, sample)
    result = await end(maestro)
    assert result["status"] == "completed"
    reasons = [each["reason"] for each in await happened(maestro, "hook.failed")]
    assert any("it was stopped after 0.3 seconds" in each for each in reasons)
    assert any("it printed more than is kept" in each for each in reasons)
    assert any("it ended with exit code 7" in each for each in reasons)
    assert any("exit code 127" in each for each in reasons)
    assert max(map(len, reasons)) < 3000
    nothing_left(home, sample)


async def test_an_untrusted_hook_is_told_of_loudly_and_denies_nothing(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    """At the start and whenever one looks; red when `warnings` or `team.status` does not name it."""
    write(sample.path, {".maestro/config.toml": '[[hooks.RunStart]]\ncommand = "exit 2"\n'})
    sample.commit("hooks", **{"c.txt": "c\n"})
    providers = {"dev": waiting_for(gate := tmp_path / "gate"), "review": APPROVE}
    answer = await begin(maestro, sample, providers=providers)
    sentence = "the hook exit 2 for RunStart (repository) is NOT run and denies nothing"
    assert any(each.startswith(sentence) for each in answer["warnings"])
    (team,) = await maestro.call("team.status", repo=str(sample.path))
    assert team["notes"][0].startswith(sentence)
    gate.touch()
    assert (await end(maestro))["status"] == "completed"


async def test_a_team_keeps_the_hooks_it_began_with(
    maestro: LocalMaestro, home: Home, sample: Sample, hooks: Hooks, tmp_path: Path
) -> None:
    """What is merged meanwhile, or taken out, changes nothing; nor does another life of Connections."""
    hooks.add("PreMerge", "echo frozen >&2; exit 2")
    providers = {"dev": waiting_for(gate := tmp_path / "gate"), "review": APPROVE}
    await begin(maestro, sample, providers=providers)
    await maestro.until("run.started", purpose="execute")
    (home.root / "config.toml").write_text("")
    await maestro.kill_connections()
    await maestro.kill("lead")
    gate.touch()
    event = await maestro.until("decision.requested")
    assert "frozen" in json.dumps(event["decision"])


async def test_stopped_while_a_hook_of_its_start_takes_its_time_a_team_takes_no_slots(
    maestro: LocalMaestro, home: Home, sample: Sample, hooks: Hooks, tmp_path: Path
) -> None:
    """Its slots may be another team's by then. Red (they become members of nothing, and the start waits a minute for
    them) without the look at `ending` in `session_starts`."""
    hooks.add("SessionStart", f"until [ -e {tmp_path}/on ]; do sleep 0.02; done")
    starting = asyncio.create_task(begin(maestro, sample))
    await eventually(lambda: hooks.told("SessionStart"))
    (team,) = maestro.connections.teams.values()
    await maestro.call("team.stop", team=team.record.name)
    (tmp_path / "on").touch()
    async with asyncio.timeout(30):
        with pytest.raises(Conflict, match="was stopped meanwhile"):
            await starting
    assert not maestro.connections.teams
    nothing_left(home, sample)


async def test_who_joins_while_its_hook_takes_its_time_does_not_bring_back_a_team_that_was_stopped(
    maestro: LocalMaestro, home: Home, sample: Sample, hooks: Hooks, tmp_path: Path
) -> None:
    """The same for a worker that comes later, whom only a Studio that answers has kept out."""
    hooks.add("SessionStart", f"until [ -e {tmp_path}/on ]; do sleep 0.02; done")
    (tmp_path / "on").touch()
    await begin(maestro, sample, providers={"dev": waiting_for(tmp_path / "gate"), "review": APPROVE})
    (tmp_path / "on").unlink()
    (team,) = maestro.connections.teams.values()
    asked = {"team": team.record.name, "role": "dev", "providers": {"dev": WRITE}}
    joining = asyncio.create_task(maestro.call("team.join", **asked))
    await eventually(lambda: len(hooks.told("SessionStart")) == 2)
    await maestro.call("team.stop", team=team.record.name)
    (tmp_path / "on").touch()
    async with asyncio.timeout(30):
        with pytest.raises(Conflict, match="was stopped meanwhile"):
            await joining
    assert not maestro.connections.teams
    nothing_left(home, sample)
