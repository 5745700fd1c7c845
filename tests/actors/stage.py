"""Whole teams in one process: a repository, a plan, and what must be true when it is over."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from workspace.sample import Sample

from maestro_ray.agent.sweep import find
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

from .parts import ENV

APPROVE = "command:sh -c 'echo VERDICT: APPROVED'"
WRITE = 'command:sh -c \'echo "$MAESTRO_KEY" > "$MAESTRO_KEY.txt"\''


def plan(*keys: str, **changes: Any) -> dict[str, Any]:
    """Each task writes a file with its key."""
    return {
        "title": "A plan",
        "tasks": [{"id": key, "title": f"Write {key}"} for key in keys or ("one",)],
        **changes,
    }


async def begin(maestro: LocalMaestro, sample: Sample, **changes: Any) -> dict[str, Any]:
    """Ask for a team of one developer and one reviewer."""
    asked = {
        "repo": str(sample.path),
        "roles": {"dev": 1, "review": 1},
        "providers": {"dev": WRITE, "review": APPROVE},
        "plan": plan(),
        "env": ENV,
    }
    return await maestro.call("team.start", **{**asked, **changes})  # type: ignore[no-any-return]


def waiting_for(gate: Path) -> str:
    """A developer that does nothing before there is this file."""
    return f"command:sh -c 'until [ -e {gate} ]; do sleep 0.02; done; echo x > \"$MAESTRO_KEY.txt\"'"


async def end(maestro: LocalMaestro, team: str = "") -> dict[str, Any]:
    """Follow the team to its end; its plan's result."""
    await maestro.until("team.ended", team, reason="plan completed")
    live = [each for each in maestro.connections.ended.values() if team in ("", each.record.name)][-1]
    assert live.result is not None
    return dict(live.result["plans"][0])


def nothing_left(home: Home, sample: Sample) -> None:
    """No process, no worktree, no scratch, no environment of a team; and only branches that have a reason."""
    assert find(f"{home.instance}:") == []
    assert list(home.worktrees.glob("*")) == []
    assert list((home.root / "scratch").glob("*")) == []
    assert list(home.run.glob("team-*.env")) == []
    assert sample.git("worktree", "list").count("\n") == 0


def once(sample: Sample, result: dict[str, Any], *keys: str) -> None:
    """Every task was merged once and judged once, and is in the base; the plan was released once."""
    assert result["status"] == "completed"
    assert Counter(each["verdict"] for each in result["verdicts"]) == {"APPROVED": len(keys)}
    merges = sample.git("log", "--merges", "--format=%s", "main").split("\n")
    assert Counter(merges) == {"Release: A plan": 1, **{f"Merge: Write {key}": 1 for key in keys}}
    assert {f"{key}.txt" for key in keys} <= sample.files("main").keys()
    assert sample.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"
