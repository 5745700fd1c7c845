"""A team on paper: its spec, its members' parts, and runs as Studio would hand them out."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from maestro_ray.actors.messages import BeChannel, BeLead, BeWorker, TeamSpec
from maestro_ray.config import SandboxTable
from maestro_ray.home import Home
from maestro_ray.ports import ProviderSpec

ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


def a_spec(home: Home, repo: Path, **changes: Any) -> TeamSpec:
    spec = TeamSpec(
        id="team-id",
        name="bot-1",
        channel="private-team.bot-1",
        bot="maestro",
        repo=str(repo),
        worktrees=str(home.worktrees / "bot-1"),
        scratch=str(home.root / "scratch" / "bot-1"),
        journal=str(home.journal / "bot-1.db"),
        instance=home.instance,
        slots={"lead": "slot-lead", "channel": "slot-channel", "dev-1": "slot-dev", "dev-2": "slot-dev2"},
        env=ENV,
        ping=0.02,
        lease=0.5,
        stop_grace=0.3,
        # agents of tests wait for files, and leave some, beside their worktrees
        sandbox=SandboxTable("off"),
    )
    return replace(spec, **changes)


def a_worker(home: Home, repo: Path, provider: ProviderSpec, role: str = "dev", **changes: Any) -> BeWorker:
    return BeWorker(a_spec(home, repo, **changes), f"{role}-1", role, f"session-{role}", provider)


def a_lead(home: Home, repo: Path, **changes: Any) -> BeLead:
    members = [("dev-1", "dev", "session-dev"), ("dev-2", "dev", "session-dev2")]
    return BeLead(a_spec(home, repo, **changes), "session-lead", members)


def a_channel(home: Home, repo: Path, *readers: str, **changes: Any) -> BeChannel:
    return BeChannel(a_spec(home, repo, **changes), readers)


def command(text: str, **changes: Any) -> ProviderSpec:
    """A provider that is one line of shell."""
    return ProviderSpec("command", argv=("sh", "-c", text), **changes)


def a_run(base: str, purpose: str = "execute", **changes: Any) -> dict[str, Any]:
    """A claimed run of a task that begins at `base`."""
    task = {
        "id": "task-id", "key": "add", "title": "Add it", "description": "Because.", "role": "dev", "skill": "",
        "test": "", "branch_name": "task/add-it", "revision_count": 0, "approved": "",
    }  # fmt: skip
    run = {
        "id": "run-1", "purpose": purpose, "state": "running", "epoch": 1, "attempt": 1, "base": base,
        "commit": base, "onto": "", "note": "", "session_id": "session-dev",
        "plan": a_plan(base), "task": task, "evidence": None, "comments": [],
    }  # fmt: skip
    return {**run, **changes, "task": {**task, **changes.get("task", {})}}


def a_plan(epic_head: str = "", **changes: Any) -> dict[str, Any]:
    plan = {
        "id": "plan-id", "title": "A plan", "description": "", "base_branch": "main",
        "epic_branch": "epic/a-plan-1", "epic_head": epic_head, "test": "", "status": "active",
    }  # fmt: skip
    return {**plan, **changes}


def a_lead_run(purpose: str, epic_head: str = "", **changes: Any) -> dict[str, Any]:
    """A claimed run of the lead about a whole plan."""
    run = {
        "id": f"run-{purpose}", "purpose": purpose, "state": "running", "epoch": 1, "attempt": 1, "base": "",
        "commit": "", "onto": "", "note": "", "session_id": "session-lead",
        "plan": a_plan(epic_head), "task": None, "evidence": None, "branches": [], "merged": 1,
    }  # fmt: skip
    return {**run, **changes, "plan": {**a_plan(epic_head), **changes.get("plan", {})}}
