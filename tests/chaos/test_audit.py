"""The audit sees what is wrong: each fault that a run of chaos could leave is planted once."""

from __future__ import annotations

import subprocess
import sys

import pytest
from chaos import audit
from chaos.planted import change, commit, empty_studio, row, run
from chaos.work import TASKS, Work
from e2e.machine import Machine

from maestro_ray.agent.sweep import MARK
from maestro_ray.home import Home

PLAN, TEAM = "plan-1", "team-1"


@pytest.fixture
def work(tmp_path):
    """A machine on which one plan was done as it should be."""
    work = Work.on(Machine(tmp_path))
    empty_studio(work)
    row(work, "projects", id="project-1", key="k", name="p")
    row(work, "teams", id=TEAM, project_id="project-1", name="bot", workspace="w", status="ended")
    row(work, "plans", id=PLAN, project_id="project-1", title="Plan 1", status="completed")
    for number in range(TASKS):
        key = f"p1-t{number}"
        row(
            work,
            "tasks",
            id=f"task-{number}",
            plan_id=PLAN,
            key=key,
            title=f"Task {number}",
            status="completed",
        )
        run(work, f"run-{number}", number, "execute", "succeeded")
        row(
            work,
            "verdicts",
            id=f"verdict-{number}",
            task_id=f"task-{number}",
            run_id=f"run-{number}",
            commit=f"c{number}",
        )
        row(work, "messages", team_id=TEAM, number=number + 1, body={})
        commit(work, f"{key}.txt", f"Task {number} of plan 1")
    return work


def test_a_plan_that_was_done_is_sound(work):
    assert audit.of_studio(work) == {"stuck": [], "lost": [], "doubled": [], "broken": []}
    assert audit.of_machine(work) == {"leaked": [], "worktrees": []}


FAULTS = {
    "a live run": ("stuck", lambda work: run(work, "run-x", 0, "review", "dispatched")),
    "a plan that goes on": ("stuck", lambda work: change(work, "UPDATE plans SET status = 'active'")),
    "an open card": ("stuck", lambda work: row(work, "decisions", id="card", project_id="project-1", question="?",
                                               options={}, status="open")),
    "work that is gone": ("lost", lambda work: (work.machine.git(work.repo, "rm", "-q", "p1-t2.txt"),
                                                commit(work, "other", "gone"))),
    "a task that is not done": ("lost", lambda work: change(work, "UPDATE tasks SET status = 'merged' WHERE key = 'p1-t1'")),
    "a message": ("lost", lambda work: change(work, "DELETE FROM messages WHERE number = 3")),
    "a merge made twice": ("doubled", lambda work: commit(work, "again", "Task 1 of plan 1")),
    "a plan made twice": ("doubled", lambda work: row(work, "plans", id="p2", project_id="project-1", title="Plan 1",
                                                      status="completed")),
    "a run that counts twice": ("doubled", lambda work: run(work, "run-y", 3, "execute", "succeeded")),
    "a second verdict": ("doubled", lambda work: row(work, "verdicts", id="v2", task_id="task-4", run_id="run-4", commit="c4")),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_seen_and_counted_as_what_it_is(work, name):
    kind, plant = FAULTS[name]
    plant(work)
    found = audit.of_studio(work)
    assert found[kind], found
    assert [each for each, words in found.items() if words] == [kind], found


def test_what_is_left_on_the_machine_is_seen(work):
    instance = Home.find(work.machine.env).instance
    left = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={MARK: f"{instance}:t:r"}
    )
    try:
        assert len(audit.of_machine(work)["leaked"]) == 1
    finally:
        left.communicate()
    place = work.machine.home / "worktrees" / "bot" / "dev-1"
    work.machine.git(work.repo, "worktree", "add", "-q", "--detach", str(place))
    assert audit.of_machine(work)["worktrees"] == [str(place)]
