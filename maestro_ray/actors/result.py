"""What came of a team's plans, as a person or a program gets it at the end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.pool import Pool
from maestro_ray.connection.client import Rest
from maestro_ray.errors import MaestroError
from maestro_ray.workspace.repo import Repo


async def team_result(studio: Rest, team: LiveTeam, pool: Pool) -> dict[str, Any]:
    """Plans with their tasks and verdicts, what was used for them, and the workers as they are now."""
    record = team.record
    plans = []
    for plan_id in record.plans:
        try:
            plan = await studio.get(f"plans/{plan_id}")
        except MaestroError as error:
            plans.append(
                {"id": plan_id, "status": "unknown", "reason": str(error), "tasks": [], "verdicts": []}
            )
        else:
            plans.append(await asyncio.to_thread(_plan, record.repo, plan))
    return {
        "team": record.name,
        "goal": record.goal.text if record.goal else "",
        "repo": record.repo,
        "plans": plans,
        "used": await _used(studio, record.id),
        "workers": workers(team, pool),
    }


async def _used(studio: Rest, team: str) -> str:
    """As status shows it while the team lives; empty when that was nothing, or Studio does not say."""
    try:
        return str((await studio.get(f"teams/{team}"))["budget"]["burn"])
    except MaestroError:
        return ""


def workers(team: LiveTeam, pool: Pool) -> list[dict[str, Any]]:
    """`{name, role, pid, node}` of each worker; the pid is that of its actor."""
    found = []
    for each in team.record.members:
        place = pool.get(each.slot)
        found.append(
            {
                "name": each.name,
                "role": each.role,
                "session": each.session,
                "pid": place.pid if place else 0,
                "node": place.node if place else "",
            }
        )
    return found


def _plan(repo: str, plan: dict[str, Any]) -> dict[str, Any]:
    runs: dict[str, int] = {}
    for run in plan["runs"]:
        runs[run["task_id"]] = runs.get(run["task_id"], 0) + 1
    return {
        "id": plan["id"],
        "title": plan["title"],
        # put away since, it is completed all the same
        "status": "completed" if plan["status"] == "archived" else plan["status"],
        "base": plan["base_branch"],
        "epic": plan["epic_branch"],
        "released": plan["released"],
        "waiting": plan["waiting"],
        "seconds": round((plan["completed_at"] or plan["created_at"]) - plan["created_at"], 3),
        "tasks": [_task(repo, task, runs.get(task["id"], 0)) for task in plan["tasks"]],
        "verdicts": [
            {
                "task": each["task_id"],
                "commit": each["commit"],
                "verdict": each["verdict"],
                "reason": each["reason"],
            }
            for each in plan["verdicts"]
        ],
        "decisions": [
            {"id": card["id"], "kind": card["kind"], "question": card["question"], "options": card["options"]}
            for card in plan["decisions"]
        ],
    }


def _task(repo: str, task: dict[str, Any], runs: int) -> dict[str, Any]:
    return {
        "id": task["id"],
        "key": task["key"],
        "title": task["title"],
        "status": task["status"],
        "revisions": task["revision_count"],
        "runs": runs,
        "commits": _commits(repo, task["base_commit"], task["head"]),
        "merged": task["merged"],
        "seconds": round((task["finished_at"] or task["created_at"]) - task["created_at"], 3),
    }


def _commits(repo: str, base: str, head: str) -> list[str]:
    """The commits of a task's branch, oldest first; none when there is no work yet."""
    if not base or not head:
        return []
    try:
        return Repo.open(Path(repo)).log(base, head)[::-1]
    except MaestroError:
        return [head]
