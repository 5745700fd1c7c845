"""Runs that a person does: which there are, and what the person may say when they are done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.messages import Done
from maestro_ray.actors.team_record import MemberRecord
from maestro_ray.errors import NotFound, UsageError
from maestro_ray.providers.manual import KIND

_LOOK = "see `maestro task list`"


def waits_for_a_person(team: LiveTeam, run: Mapping[str, Any], worktrees: Path) -> dict[str, Any] | None:
    """`{id, purpose, task, title, key, team, worker, worktree}` of a run that a person does; None for an agent's."""
    member = _worker(team, run)
    if member is None or member.provider.kind != KIND:
        return None
    task = run["task"] or {}
    return {
        "id": run["id"],
        "purpose": run["purpose"],
        "task": task.get("id", ""),
        "key": task.get("key", ""),
        "title": task.get("title", ""),
        "team": team.record.name,
        "worker": member.name,
        "worktree": str(worktrees / team.record.name / member.name),
    }


def all_by_hand(teams: Iterable[LiveTeam], worktrees: Path) -> list[tuple[LiveTeam, dict[str, Any]]]:
    found = [
        (team, waits_for_a_person(team, run, worktrees)) for team in teams for run in list(team.runs.values())
    ]
    return [(team, each) for team, each in found if each is not None]


def meant(waiting: list[tuple[LiveTeam, dict[str, Any]]], word: str) -> tuple[LiveTeam, dict[str, Any]]:
    """The one run that the end of its id, or of its task's id, or the key of its task names. Raises `NotFound`, or
    `UsageError` when there are several."""
    found = [
        (team, each)
        for team, each in waiting
        if word and (each["id"].endswith(word) or each["task"].endswith(word) or each["key"] == word)
    ]
    if not found:
        raise NotFound("run that waits for a person", word, _LOOK)
    if len(found) > 1:
        raise UsageError(f"{word!r} may be any of {len(found)} runs", f"use the end of the run's id; {_LOOK}")
    return found[0]


def ended(run: Mapping[str, Any], approve: bool, reject: str | None) -> Done:
    """What the worker is told. Raises `UsageError` when this run has another kind of end."""
    judged = approve or reject is not None
    if run["purpose"] == "execute":
        if judged:
            raise UsageError(
                "whoever makes a change gives no verdict on it", "leave --approve and --reject out"
            )
        return Done(run["id"], "")
    if approve == (reject is not None):
        what = "a review" if run["purpose"] == "review" else "a test"
        raise UsageError(f"{what} ends with a verdict", "say either --approve or --reject REASON")
    reason = " ".join((reject or "").split())
    if not approve and not any(c.isalnum() for c in reason):
        raise UsageError("a rejection needs a reason", 'for example --reject "the last page is missing"')
    return Done(run["id"], "APPROVED" if approve else f"REJECTED — {reason}")


def _worker(team: LiveTeam, run: Mapping[str, Any]) -> MemberRecord | None:
    return next((each for each in team.record.members if each.session == run["session_id"]), None)
