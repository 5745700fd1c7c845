"""A job to try a provider with, and a worker's part in running its program."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maestro_ray.model.agent import AgentEvent
from maestro_ray.ports import Conversation, Job

JOB = Job(
    run="run-1",
    purpose="execute",
    task="0197-task",
    key="add",
    title="Add numbers",
    prompt="Please add.\n",
    worktree=Path("/work tree"),
    scratch=Path("/scratch"),
    base="b" * 40,
    commit="c" * 40,
    branch="task/add",
    test="pytest -q",
)


def a_job(**changes: Any) -> Job:
    return replace(JOB, **changes)


def job_in(directory: Path, **changes: Any) -> Job:
    """One whose worktree and scratch directory exist."""
    for name in ("tree", "scratch"):
        (directory / name).mkdir(exist_ok=True)
    return a_job(worktree=directory / "tree", scratch=directory / "scratch", **changes)


@dataclass
class Ran:
    events: list[AgentEvent]
    stdout: bytes

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def start(job: Job, conversation: Conversation, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """The program as a worker starts it, with its first input written."""
    launch = conversation.launch
    for path, content in launch.files.items():
        path.write_bytes(content)
    process = subprocess.Popen(
        launch.argv,
        cwd=job.worktree,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **launch.env, **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if launch.merge_stderr else subprocess.PIPE,
    )
    assert process.stdin
    process.stdin.write(launch.stdin)
    process.stdin.flush()
    return process


def play(job: Job, conversation: Conversation) -> Ran:
    """Run it to its end."""
    with start(job, conversation) as process:
        out, err = process.communicate(timeout=60)
    code = process.returncode if process.returncode >= 0 else None
    events = [*conversation.feed(out), *conversation.exited(code, (err or b"").decode())]
    return Ran(events, out)
