from __future__ import annotations

import pytest

from maestro_ray.studio import chunks
from maestro_ray.studio.chunks import KEPT, Chunks

from .conftest import Published
from .pretend import PretendTeam, Rest


def test_the_end_of_what_was_said_is_kept() -> None:
    kept = Chunks()
    kept.add("r", "a" * KEPT)
    kept.add("r", "end")
    assert len(kept.tail("r")) == KEPT
    assert kept.tail("r").endswith("aend")
    assert kept.tail("another") == ""


def test_runs_that_have_been_silent_longest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "RUNS", 2)
    kept = Chunks()
    for run in ("one", "two", "one", "three"):
        kept.add(run, run)
    assert [kept.tail(run) for run in ("one", "two", "three")] == ["oneone", "", "three"]


async def test_text_is_passed_on_to_the_team_and_read_again(
    rest: Rest, studio: object, published: Published
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    run = (await team.take("bootstrap_epic"))["id"]
    for text in ("reading\n", "writing\n"):
        await rest.post(f"cli-runs/{run}/chunks", {"worker": "lead", "text": text}, status=204)
    assert await rest.get(f"cli-runs/{run}/chunks") == {"text": "reading\nwriting\n"}


async def test_a_run_that_nobody_holds_says_nothing(rest: Rest) -> None:
    plan = await rest.plan(await rest.project())
    run = (await rest.get(f"plans/{plan['id']}"))["runs"][0]["id"]
    body = {"worker": "dev-1", "text": "x"}
    assert await rest.refused("POST", f"cli-runs/{run}/chunks", body) == "conflict"
