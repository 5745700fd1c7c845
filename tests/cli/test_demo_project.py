from __future__ import annotations

import subprocess
import sys

import pytest

from maestro_cli.demo_project import prepare
from maestro_ray.config import Config
from maestro_ray.errors import UsageError
from maestro_ray.model.plan_file import parse_plan
from maestro_ray.providers.registry import resolve
from maestro_ray.providers.script import parse_script


def test_the_project_has_one_commit_and_its_tests_fail(tmp_path):
    project = prepare(tmp_path / "demo")
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=project.repo, capture_output=True, check=True
    )
    tests = subprocess.run(
        [sys.executable, "-B", "-m", "unittest", "discover", "-s", "tests"],
        cwd=project.repo,
        capture_output=True,
        check=False,
    )

    assert status.stdout == b""
    assert b"FAILED (errors=8)" in tests.stderr


def test_the_plan_the_script_and_the_providers_fit_together(tmp_path):
    project = prepare(tmp_path / "a {b} 'c'")
    plan = parse_plan(project.plan_file.read_text(), "plan.toml")
    turns = parse_script((tmp_path / "a {b} 'c'" / "script.toml").read_text(), "script.toml").turns
    specs = resolve(project.providers, Config(), project.repo)

    assert len(plan.tasks) >= 4
    assert any(task.depends for task in plan.tasks)
    assert {task.key for task in plan.tasks} == {turn.task for turn in turns}
    assert set(specs) == {"dev", "review", "test"}


def test_a_directory_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(UsageError, match="is not empty"):
        prepare(tmp_path)
