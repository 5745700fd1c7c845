"""What came of a team's plans, from what Studio and git say."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from workspace.sample import Sample

from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.pool import Pool
from maestro_ray.actors.result import team_result, workers
from maestro_ray.errors import StudioUnavailable

from .test_team_record import RECORD


def a_team(sample: Sample) -> LiveTeam:
    mirror: Any = None
    return LiveTeam(replace(RECORD, repo=str(sample.path)), {}, mirror, mirror)


def a_plan(**task: Any) -> dict[str, Any]:
    fields = {
        "id": "t1", "key": "one", "title": "One", "status": "completed", "revision_count": 1, "base_commit": "",
        "head": "", "merged": "m", "created_at": 1.0, "finished_at": 3.5,
    }  # fmt: skip
    return {
        "id": "plan", "title": "P", "status": "completed", "base_branch": "main", "epic_branch": "e",
        "released": "r", "waiting": "", "completed_at": 11.0, "created_at": 1.0, "tasks": [{**fields, **task}],
        "runs": [{"task_id": "t1"}, {"task_id": "t1"}, {"task_id": None}],
        "verdicts": [{"task_id": "t1", "commit": "c", "verdict": "APPROVED", "reason": "", "id": "v"}],
        "decisions": [{"id": "d", "kind": "k", "question": "q", "options": ["retry"], "status": "open"}],
    }  # fmt: skip


def studio(answer: Any) -> Any:
    async def get(path: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        if path == f"teams/{RECORD.id}":
            return {"budget": {"burn": "$0.12 · 3k tokens"}}
        assert path == "plans/plan"
        return answer

    return SimpleNamespace(get=get)


async def test_a_plan_with_its_tasks_verdicts_and_commits(sample: Sample) -> None:
    base = sample.sha("main")
    first = sample.side("one", x="1")
    second = sample.side("two", first, x="2")
    result = await team_result(studio(a_plan(base_commit=base, head=second)), a_team(sample), Pool(1))
    (plan,) = result["plans"]
    assert (plan["status"], plan["seconds"], plan["base"]) == ("completed", 10.0, "main")
    (task,) = plan["tasks"]
    assert (task["commits"], task["runs"], task["revisions"], task["seconds"]) == ([first, second], 2, 1, 2.5)
    assert plan["verdicts"] == [{"task": "t1", "commit": "c", "verdict": "APPROVED", "reason": ""}]
    assert result["used"] == "$0.12 · 3k tokens"
    assert plan["decisions"] == [{"id": "d", "kind": "k", "question": "q", "options": ["retry"]}]


async def test_a_plan_that_was_put_away_since_is_completed_all_the_same(sample: Sample) -> None:
    archived = {**a_plan(), "status": "archived"}
    result = await team_result(studio(archived), a_team(sample), Pool(1))
    assert result["plans"][0]["status"] == "completed"


async def test_commits_that_git_does_not_know_are_named_as_they_were_reported(sample: Sample) -> None:
    result = await team_result(studio(a_plan(base_commit="a" * 40, head="b" * 40)), a_team(sample), Pool(1))
    assert result["plans"][0]["tasks"][0]["commits"] == ["b" * 40]


async def test_a_studio_that_is_away_is_said_and_keeps_nobody(sample: Sample) -> None:
    result = await team_result(studio(StudioUnavailable("u", "away")), a_team(sample), Pool(1))
    assert result["plans"][0]["status"] == "unknown"
    assert "away" in result["plans"][0]["reason"]
    assert result["used"] == ""


def test_workers_are_named_with_the_process_of_their_actor(sample: Sample) -> None:
    pool, team = Pool(1), a_team(sample)
    assert workers(team, pool)[0]["pid"] == 0
    place = pool.add("slot-3")
    place.pid, place.node = 77, "n"
    assert workers(team, pool) == [
        {"name": "dev-1", "role": "dev", "session": "s-dev", "pid": 77, "node": "n"}
    ]
