"""Connections and its teams when things die: the plan still completes, nothing is lost, doubled, stuck or left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.actors import channel
from maestro_ray.actors.messages import Delivery, Ping, Pings, Roster, Shown, WhoAmI
from maestro_ray.agent.sweep import find
from maestro_ray.errors import IllegalEvent
from maestro_ray.home import Home
from maestro_ray.journal import Entry
from maestro_ray.testing import Faults, LocalActors, LocalMaestro, eventually

from .stage import APPROVE, begin, end, nothing_left, once, plan, waiting_for


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


async def at_work(maestro: LocalMaestro, home: Home, sample: Sample, gate: Path, **changes: Any) -> str:
    """A team whose developer's agent runs and waits for the gate; the team's name."""
    answer = await begin(maestro, sample, providers={"dev": waiting_for(gate), "review": APPROVE}, **changes)
    await maestro.until("run.started", purpose="execute")
    await eventually(lambda: find(f"{home.instance}:"))
    return str(answer["team"]["name"])


@pytest.mark.parametrize("victim", ["dev-1", "lead", "channel", "connections"])
async def test_whoever_is_killed_in_the_middle_the_plan_completes_and_nothing_is_doubled(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path, victim: str
) -> None:
    name = await at_work(maestro, home, sample, tmp_path / "gate")
    if victim == "connections":
        await maestro.kill_connections()
    else:
        await maestro.kill(victim)
        await maestro.until("worker.lost", worker=victim)
    (tmp_path / "gate").touch()
    once(sample, await end(maestro), "one")
    nothing_left(home, sample)
    messages = await all_messages(maestro, name)
    assert [message["number"] for message in messages] == list(range(1, len(messages) + 1))
    executes = [m for m in messages if m["kind"] == "run.ended" and m["body"]["purpose"] == "execute"]
    assert [each["body"]["action"] for each in executes] == ["complete"]


async def test_what_the_operator_said_before_a_worker_died_is_in_the_next_prompt(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    """Red without `Worker._hear_what_holds`: its new life was told nothing."""
    prompts, gate, script = tmp_path / "prompts", tmp_path / "gate", tmp_path / "script.toml"
    prompts.mkdir()
    work = f"cp $MAESTRO_PROMPT_FILE {prompts}/$$; until [ -e {gate} ]; do sleep 0.02; done; echo x > x"
    script.write_text(f"[[turns]]\nsteps = [{{ run = '{work}' }}]\n")
    await begin(maestro, sample, providers={"dev": f"scripted:{script}", "review": APPROVE})
    (first,) = await eventually(lambda: list(prompts.iterdir()))
    await maestro.call("steer", repo=str(sample.path), text="Mind the gap")
    await maestro.until("receipt")
    await maestro.kill("dev-1")
    await eventually(lambda: len(list(prompts.iterdir())) == 2)
    (second,) = set(prompts.iterdir()) - {first}
    gate.touch()
    await end(maestro)
    assert second.read_text().count("Mind the gap") == 1


async def all_messages(maestro: LocalMaestro, name: str) -> list[dict[str, Any]]:
    team = next(each for each in maestro.connections.ended.values() if each.record.name == name)
    found = await maestro.connections.studio.get(f"teams/{team.record.id}/messages", after="0")
    return list(found)


async def test_a_new_lead_learns_who_is_here(maestro: LocalMaestro, sample: Sample) -> None:
    name = (await begin(maestro, sample, plan=None))["team"]["name"]
    await maestro.until("team.up")
    await maestro.kill("lead")
    async with asyncio.timeout(60):
        while (await maestro.call("team.status", team=name))[0]["state"] != "active":
            await asyncio.sleep(0.01)


async def test_killed_at_every_step_of_the_way(maestro: LocalMaestro, home: Home, sample: Sample) -> None:
    """Everybody dies once, each when another run has just begun."""
    await begin(maestro, sample, plan=plan("one"))
    await maestro.until("run.started", purpose="execute")
    await maestro.kill("lead")
    await maestro.until("run.started", purpose="review")
    await maestro.kill("review-1")
    await maestro.kill_connections()
    await maestro.until("run.started", purpose="merge")
    await maestro.kill("lead")
    await maestro.until("run.started", purpose="release")
    await maestro.kill("channel")
    await maestro.kill("lead")
    once(sample, await end(maestro), "one")
    nothing_left(home, sample)


@pytest.mark.parametrize("seed", [1, 2])
async def test_mail_that_is_lost_doubled_and_late_changes_nothing(
    home: Home, sample: Sample, seed: int
) -> None:
    """Red when mailboxes take repeats and the channel takes the same id twice; one of the two is enough for this."""
    faults = Faults(lost=0.1, unanswered=0.1, doubled=0.15, late=0.1)
    async with LocalMaestro(home, actors=LocalActors(faults=faults, seed=seed)) as maestro:
        name = (await begin(maestro, sample))["team"]["name"]
        once(sample, await end(maestro), "one")
        nothing_left(home, sample)
        messages = await all_messages(maestro, name)
        started = [m["body"]["run"] for m in messages if m["kind"] == "run.started"]
        assert len(started) == len(set(started))
        assert [m["number"] for m in messages] == list(range(1, len(messages) + 1))
        ended = [m["body"]["run"] for m in messages if m["kind"] == "run.ended"]
        assert len(ended) == len(set(ended))
        # the end of the last run ends the team, and may be told to nobody any more
        assert {*started[:-1]} <= {*ended} <= {*started}


async def test_worker_and_connections_both_die_and_the_run_is_taken_up(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    """The new Connections cannot know that the worker died, and the new worker knows nothing of its run."""
    await at_work(maestro, home, sample, tmp_path / "gate")
    (live,) = maestro.connections.teams.values()
    await asyncio.gather(maestro.kill_connections(), maestro.actors.kill(live.record.slots["dev-1"]))
    (tmp_path / "gate").touch()
    once(sample, await end(maestro), "one")


async def test_a_studio_that_restarts_loses_nothing(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    await at_work(maestro, home, sample, tmp_path / "gate")
    await maestro.studio.stop()
    (tmp_path / "gate").touch()
    await maestro.until("run.ended", purpose="execute")
    await eventually(lambda: len(maestro.connections.reports.outbox))
    await maestro.studio.start()
    once(sample, await end(maestro), "one")
    assert len(maestro.connections.reports.outbox) == 0


# ── beginnings and ends that are cut ─────────────────────────────────────────────────────────────────────────────


async def test_an_end_that_is_cut_is_taken_up_again(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await at_work(maestro, home, sample, tmp_path / "gate")
    (live,) = maestro.connections.teams.values()
    never = asyncio.Event()
    monkeypatch.setattr(maestro.connections, "_leave", lambda _slot: never.wait())
    stopping = asyncio.create_task(maestro.call("team.stop", team=live.record.name))
    await maestro.until("team.ending")
    await eventually(
        lambda: any(entry.kind == "team.ending" for entry in maestro.connections._ledger._journal.read())
    )
    await maestro.kill_connections()
    stopping.cancel()
    await eventually(lambda: live.record.id in maestro.connections.ended)
    nothing_left(home, sample)
    assert (await maestro.connections.studio.get(f"teams/{live.record.id}"))["status"] == "ended"


async def test_a_start_that_is_cut_leaves_no_team(
    maestro: LocalMaestro, home: Home, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = asyncio.Event()
    monkeypatch.setattr("maestro_ray.actors.start._hand_over_plan", lambda *_: never.wait())
    starting = asyncio.create_task(begin(maestro, sample))
    await eventually(lambda: [team for team in maestro.connections.teams.values() if team.up.is_set()])
    (live,) = maestro.connections.teams.values()
    await maestro.kill_connections()
    starting.cancel()
    await eventually(lambda: live.record.id in maestro.connections.ended)
    nothing_left(home, sample)


async def test_an_end_goes_on_whatever_a_step_of_it_meets(
    maestro: LocalMaestro, home: Home, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = (await begin(maestro, sample, plan=None))["team"]["name"]

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr("maestro_ray.actors.connections.team_result", broken)
    monkeypatch.setattr(maestro.connections.studio, "delete", broken)
    monkeypatch.setattr(maestro.connections._env, "clear", broken)
    await maestro.call("team.stop", team=name)
    assert maestro.connections.teams == {}


async def test_a_member_that_does_not_leave_is_ended(
    maestro: LocalMaestro, home: Home, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maestro_ray.actors.connections.LEAVING", 0.05)
    name = (await begin(maestro, sample, plan=None))["team"]["name"]
    (live,) = maestro.connections.teams.values()
    stuck = live.record.slots["dev-1"]
    never = asyncio.Event()
    occupant = maestro.actors.slots[stuck]._occupant
    assert occupant
    monkeypatch.setattr(occupant, "quit", never.wait)
    await maestro.call("team.stop", team=name)
    assert stuck not in maestro.actors.slots
    assert maestro.connections.pool.get(stuck) is None


# ── the slot table ───────────────────────────────────────────────────────────────────────────────────────────────


async def ask(maestro: LocalMaestro, message: Any, number: int = 1) -> Any:
    return (await maestro.connections.receive(f"asker-{number}", [(1, message)]))[0]


async def test_blank_slots_are_known_again_after_a_death(
    maestro: LocalMaestro, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maestro_ray.actors.slot.HELLO_EVERY", 0.02)
    maestro.connections.fill_pool()
    await eventually(lambda: all(place.pid for place in maestro.connections.pool.all()))
    names = {place.name for place in maestro.connections.pool.all()}
    assert len(names) == 4
    await maestro.kill_connections()
    await eventually(lambda: {p.name for p in maestro.connections.pool.all() if p.pid} == names)
    assert maestro.actors.slots.keys() == names


async def test_slots_beyond_the_pool_are_ended(maestro: LocalMaestro) -> None:
    for number in range(7):
        await ask(maestro, WhoAmI(f"slot-{number}", 100 + number, "n"), number)
    await eventually(lambda: len(maestro.connections.pool.all()) == 4)


async def test_a_ping_of_who_belongs_nowhere_is_answered_no_and_makes_no_slot(maestro: LocalMaestro) -> None:
    assert await ask(maestro, Ping("slot-ghost", 7, "n", "no-team")) is False
    assert maestro.connections.pool.get("slot-ghost") is None


async def test_the_members_of_a_team_are_told_of_by_one_of_them(
    maestro: LocalMaestro, sample: Sample
) -> None:
    """Red with no `pulses` in the team's spec."""
    told: list[Pings] = []
    renew = maestro.connections._mailbox._handle

    def listen(sender: str, message: Any) -> Any:
        if isinstance(message, Pings):
            told.append(message)
        return renew(sender, message)

    maestro.connections._mailbox._handle = listen
    await begin(maestro, sample, plan=None)
    (live,) = maestro.connections.teams.values()
    slots = set(live.record.slots.values())
    await eventually(lambda: any({each.slot for each in one.shown} == slots for one in told))
    pulses = maestro.home.pulses / "local"
    assert slots <= {each.name for each in pulses.iterdir()}
    # boxes hide the state directories, and so this one
    spec = next(place.part for place in maestro.connections.pool.all() if place.part).team
    assert any(Path(spec.pulses).is_relative_to(each) for each in spec.state)  # type: ignore[union-attr]
    await maestro.connections.end_team(live, "done")
    await eventually(lambda: {each.name for each in pulses.iterdir()} <= {".teller"})


async def test_another_renews_only_who_lives_by_its_own_word(maestro: LocalMaestro, sample: Sample) -> None:
    """What is told late, or of another process, raises nobody. Red with each condition of `_renew` left out."""
    await begin(maestro, sample, plan=None)
    (live,) = maestro.connections.teams.values()
    connections, slot = maestro.connections, live.record.slots["dev-1"]
    place, now = connections.pool[slot], connections.clock.monotonic
    team = live.record.id

    def count(node: str = "local", **changes: Any) -> bool:
        shown = {"slot": slot, "pid": place.pid, "team": team, "age": 0.2, **changes}
        (counted,) = connections._handle("a", Pings(node, (Shown(**shown),)))
        return bool(counted)

    connections.slots.end(slot)  # nobody else speaks for it from here on
    place.beat = now() - 0.5
    assert count()
    assert now() - 0.4 < place.beat < now() - 0.1, "worth what it was when it was given"
    before = place.beat
    assert count(age=5)
    assert place.beat == before, "an older sign takes nothing away"
    assert not count(slot="slot-ghost")
    assert not count(pid=place.pid + 1)
    assert not count(node="far")
    assert not count(team="another")
    place.team = "gone"
    assert not count(team="gone")
    place.team = team
    assert place.beat == before
    connections.member_died(live, place)
    assert not count()
    assert place.beat is None
    assert "dev-1" not in live.beaten


async def test_a_slot_of_a_team_that_ends_gets_no_part_again(maestro: LocalMaestro, sample: Sample) -> None:
    name = (await begin(maestro, sample, plan=None))["team"]["name"]
    (live,) = maestro.connections.teams.values()
    slot = live.record.slots["dev-1"]
    assert await ask(maestro, WhoAmI(slot, maestro.connections.pool[slot].pid, "n")) is not None
    stopping = asyncio.create_task(maestro.call("team.stop", team=name))
    await eventually(lambda: live.ending)
    assert await ask(maestro, WhoAmI(slot, 999, "n"), 2) is None
    await stopping


async def test_what_is_not_for_connections_is_refused(maestro: LocalMaestro) -> None:
    assert isinstance(await ask(maestro, Roster()), IllegalEvent)


# ── messages and reports ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_that_is_missing_is_asked_for_again(maestro: LocalMaestro, sample: Sample) -> None:
    await begin(maestro, sample, plan=None)
    (live,) = maestro.connections.teams.values()
    await eventually(lambda: live.seen == 1)  # team.up

    def delivery(*numbers: int) -> Delivery:
        return Delivery(live.record.id, [Entry(n, "x", "said", {"n": n}, 0.0) for n in numbers])

    assert await ask(maestro, delivery(5, 6), 1) == 1
    assert await ask(maestro, delivery(1, 2), 2) == 2
    assert await ask(maestro, delivery(1, 2), 3) == 2
    said = [event["number"] for event in live.happenings.after(0) if event["kind"] == "said"]
    assert said == [2]
    assert await ask(maestro, Delivery("unknown", delivery(7).entries), 4) == 7


async def test_a_new_life_is_told_what_is_left_of_a_long_channel(
    maestro: LocalMaestro, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red (it is asked for message 1 for ever) when `Delivery.first` is not looked at."""
    monkeypatch.setattr(channel, "KEPT_IN_JOURNAL", 10)
    monkeypatch.setattr(channel, "SLACK", 10)
    name = (await begin(maestro, sample, plan=None))["team"]["name"]
    for n in range(60):
        await maestro.call("steer", team=name, text=str(n))
    (live,) = maestro.connections.teams.values()
    await eventually(lambda: live.seen > 60)
    await maestro.kill_connections()
    (again,) = maestro.connections.teams.values()
    await maestro.call("steer", team=name, text="one more")
    await eventually(lambda: again.seen > live.seen)
    numbers = [event["number"] for event in again.happenings.after(0) if "number" in event]
    assert 10 <= len(numbers) < 40
    assert "whole" not in {event["kind"] for event in again.happenings.after(0)}


async def test_a_team_that_serves_all_tells_of_its_last_plans(
    maestro: LocalMaestro, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maestro_ray.actors.connections.ENDED_PLANS_KEPT", 2)
    await begin(maestro, sample, plan=None)
    (live,) = maestro.connections.teams.values()
    await maestro.connections.add_plan(live, "open")
    for name in ("a", "b", "c", "d"):
        await maestro.connections.add_plan(live, name)
        live.open_plans.discard(name)
    assert live.record.plans == ("open", "b", "c", "d")
