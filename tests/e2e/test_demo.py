"""The main job, as `maestro demo` runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.ray]


def test_the_demo_goes_from_failing_tests_to_a_merged_plan(machine, tmp_path):
    """From a stopped machine: two developers, a tester, a reviewer who once says no; then nothing is left."""
    demo = machine.begin("demo", "--json", "--keep", str(tmp_path / "demo"))
    status = machine.until(lambda: _team_that_is_up(machine), within=120)
    actors = {each["pid"]: Path(f"/proc/{each['pid']}/cmdline").read_text() for each in status["workers"]}
    output, _ = demo.communicate(timeout=180)
    result = json.loads(output)

    assert demo.returncode == 0
    assert all(title.startswith("ray::") for title in actors.values())
    assert result["kind"] == "demo"
    assert result["status"] == "completed"
    assert result["base"] == "main"
    assert {task["status"] for task in result["tasks"]} == {"completed"}
    assert len(result["tasks"]) >= 4
    assert sorted(each["name"] for each in result["workers"]) == ["dev-1", "dev-2", "review-1", "test-1"]
    assert {each["pid"] for each in result["workers"]} <= set(actors)
    _one_task_was_rejected_once(result)
    _main_is_green_and_holds_every_commit(machine, result)
    assert machine.agents() == []
    assert machine.worktrees() == []


def _team_that_is_up(machine):
    answer = machine.status()
    teams = (answer.get("connections") or {}).get("teams", [])
    return teams[0] if teams and teams[0]["state"] == "active" else None


def _one_task_was_rejected_once(result):
    rejected = [each for each in result["verdicts"] if each["verdict"] == "REJECTED"]
    assert len(rejected) == 1
    (task,) = (task for task in result["tasks"] if task["id"] == rejected[0]["task"])
    assert task["revisions"] == 1
    assert len(task["commits"]) == 2
    assert rejected[0]["commit"] == task["commits"][0]
    assert "the tester's" in rejected[0]["reason"]
    approved = {each["commit"] for each in result["verdicts"] if each["verdict"] == "APPROVED"}
    assert all(task["commits"][-1] in approved for task in result["tasks"])


def _main_is_green_and_holds_every_commit(machine, result):
    repo = Path(result["repo"])
    assert repo.is_absolute()
    tests = subprocess.run(
        [sys.executable, "-m", "unittest", "discover", "-s", "tests"],
        cwd=repo,
        capture_output=True,
        check=False,
    )
    assert tests.returncode == 0, tests.stderr.decode()
    on_main = set(machine.git(repo, "rev-list", "main").split())
    assert {commit for task in result["tasks"] for commit in task["commits"]} <= on_main
    assert machine.git(repo, "branch", "--list", "--format=%(refname:short)").split() == ["main"]
    assert machine.git(repo, "status", "--porcelain", "--ignored").splitlines() in (
        [],
        ["!! tests/__pycache__/", "!! wordkit/__pycache__/"],
    )
    trailers = machine.git(
        repo, "log", "-1", "--format=%(trailers:only)%an %cn", result["tasks"][0]["commits"][-1]
    )
    assert all(word in trailers for word in ("Maestro-Run:", "Maestro-Task:", "Maestro-Session:", "dev-"))


def test_prepare_only_starts_nothing(machine, tmp_path):
    answer = machine.json("demo", "--prepare-only", "--keep", str(tmp_path / "demo"))

    assert Path(answer["repo"]).is_dir()
    assert Path(answer["plan_file"]).is_file()
    assert set(answer["providers"]) == {"dev", "review", "test"}
    assert machine.processes() == []


def test_a_directory_that_is_not_empty_is_left_alone(machine, tmp_path):
    (tmp_path / "mine").write_text("precious")
    done = machine.run("demo", "--prepare-only", "--keep", str(tmp_path))

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path} is not empty\nhint: ")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
