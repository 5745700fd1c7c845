"""House rules: what holds for the whole project and is cheap to check."""

from __future__ import annotations

import ast
import json
import pickle
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from maestro_ray import __version__, errors

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "maestro_ray").rglob("*.py"), *(ROOT / "cli" / "maestro_cli").rglob("*.py")])
OWN = [path for path in SOURCES if "demo/" not in path.relative_to(ROOT).as_posix()]

# covered where the whole they belong to is tested
TESTED_ELSEWHERE = {
    "maestro_ray/providers/json_turn.py": "tests/providers/test_claude.py",
    "maestro_ray/limits_table.py": "tests/test_config.py",
    "maestro_ray/listen_table.py": "tests/test_config.py",
    "maestro_ray/actors/connections_process.py": "tests/ray/test_runtime.py",
    "maestro_ray/actors/runtime.py": "tests/ray/test_runtime.py",
    "maestro_ray/actors/goal.py": "tests/actors/test_planning.py",
    "maestro_ray/actors/look_bench.py": "tests/actors/test_planning.py",
    "maestro_ray/actors/plan_bench.py": "tests/actors/test_planning.py",
    "maestro_ray/model/knowledge.py": "tests/agent/test_survey_reply.py",
    "maestro_ray/actors/planner.py": "tests/actors/test_planning.py",
    "maestro_ray/actors/answers.py": "tests/actors/test_permits.py",
    "maestro_ray/actors/joining.py": "tests/actors/test_service.py",
    "maestro_ray/actors/messages.py": "tests/actors/test_slot.py",
    "maestro_ray/actors/live_team.py": "tests/actors/test_connections.py",
    "maestro_ray/connection/login.py": "tests/connection/test_studios.py",
    "maestro_ray/agent/bubblewrap.py": "tests/agent/test_sandbox.py",
    "maestro_ray/agent/confined.py": "tests/agent/test_sandbox.py",
    "maestro_ray/agent/landlock.py": "tests/agent/test_sandbox.py",
    "maestro_ray/agent/limits_trial.py": "tests/cli/commands/test_sandbox.py",
    "maestro_ray/agent/trial.py": "tests/agent/test_sandbox.py",
    "maestro_ray/extensions/events.py": "tests/extensions/test_hooks.py",
    "maestro_ray/agent/shim.py": "tests/agent/test_shim.py",
    "maestro_ray/daemon/__main__.py": "tests/e2e/test_lifecycle.py",
    "maestro_ray/model/agent.py": "tests/providers/test_command.py",
    "maestro_ray/ports.py": "tests/providers/test_command.py",
    "maestro_ray/providers/acp_habits.py": "tests/providers/test_acp.py",
    "maestro_ray/providers/acp_tools.py": "tests/providers/test_acp.py",
    "maestro_ray/providers/acp_turn.py": "tests/providers/test_acp.py",
    "maestro_ray/providers/acp_usage.py": "tests/providers/test_acp.py",
    "maestro_ray/providers/installed.py": "tests/providers/test_claude.py",
    "maestro_ray/providers/known.py": "tests/providers/test_auto.py",
    "maestro_ray/providers/scripted_agent.py": "tests/providers/test_scripted_agent.py",
    "maestro_ray/studio/__main__.py": "tests/e2e/test_lifecycle.py",
    "maestro_ray/studio/bodies.py": "tests/studio/test_app.py",
    "maestro_ray/studio/answers.py": "tests/studio/test_raised.py",
    "maestro_ray/studio/bills.py": "tests/studio/test_budget.py",
    "maestro_ray/studio/purses.py": "tests/studio/test_budget.py",
    "maestro_ray/studio/breakers.py": "tests/studio/test_wake.py",
    "maestro_ray/studio/nodes.py": "tests/studio/test_dispatch.py",
    "maestro_ray/studio/queue.py": "tests/studio/test_dispatch.py",
    "maestro_ray/studio/seats.py": "tests/studio/test_dispatch.py",
    "maestro_ray/studio/migrations/columns.py": "tests/studio/migrations/test_versions.py",
    "maestro_ray/studio/migrations/env.py": "tests/studio/migrations/test_versions.py",
    "maestro_ray/studio/judgements.py": "tests/studio/test_reviews.py",
    "maestro_ray/studio/unasked.py": "tests/studio/test_permissions.py",
    "maestro_ray/studio/studio.py": "tests/studio/test_app.py",
    "maestro_ray/studio/api/channels.py": "tests/connection/test_signatures.py",
    "maestro_ray/studio/page/cards.py": "tests/studio/page/test_decisions.py",
    "maestro_ray/studio/page/frame.py": "tests/studio/page/test_view.py",
    "maestro_ray/studio/page/headers.py": "tests/studio/page/test_routes.py",
    "maestro_ray/studio/page/static_files.py": "tests/studio/page/test_routes.py",
    "maestro_ray/studio/api/decisions.py": "tests/studio/api/test_table.py",
    "maestro_ray/studio/api/me.py": "tests/studio/test_tasks.py",
    "maestro_ray/studio/api/usage.py": "tests/studio/test_usage.py",
    "maestro_ray/studio/api/plans.py": "tests/studio/api/test_table.py",
    "maestro_ray/studio/api/projects.py": "tests/studio/api/test_table.py",
    "maestro_ray/studio/api/runs.py": "tests/studio/api/test_table.py",
    "maestro_ray/studio/api/sessions.py": "tests/studio/api/test_table.py",
    "maestro_ray/studio/api/steering.py": "tests/studio/test_inbox.py",
    "maestro_ray/studio/api/tasks.py": "tests/studio/api/test_table.py",
    "maestro_ray/studio/api/teams.py": "tests/studio/api/test_table.py",
    "maestro_ray/studio/api/wire.py": "tests/studio/api/test_table.py",
    "cli/maestro_cli/commands/connect.py": "tests/e2e/test_team.py",
    "cli/maestro_cli/commands/daemon.py": "tests/e2e/test_lifecycle.py",
    "cli/maestro_cli/commands/decide.py": "tests/e2e/test_team.py",
    "cli/maestro_cli/commands/demo.py": "tests/e2e/test_demo.py",
    "cli/maestro_cli/commands/disconnect.py": "tests/e2e/test_bad_input.py",
    "cli/maestro_cli/commands/steer.py": "tests/e2e/test_team.py",
    "cli/maestro_cli/commands/team.py": "tests/e2e/test_bad_input.py",
    "cli/maestro_cli/around.py": "tests/cli/commands/test_skills.py",
    "cli/maestro_cli/render/found.py": "tests/cli/commands/test_skills.py",
    "cli/maestro_cli/daemon_line.py": "tests/e2e/test_lifecycle.py",
}


def test_starting_the_program_loads_nothing_heavy():
    """`--version`, `--help` and `status` are as quick as they are because of this."""
    code = "import json, sys, maestro_cli.main; print(json.dumps(sorted(sys.modules)))"
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}", "PATH": "/usr/bin:/bin"}
    loaded = set(
        json.loads(
            subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True).stdout
        )
    )

    heavy = {
        "ray",
        "textual",
        "starlette",
        "httpx",
        "sqlalchemy",
        "websockets",
        "pydantic",
        "asyncio",
        "rich",
        "uvicorn",
        "keyring",
        "tomlkit",
        "yaml",
        "maestro_ray.extensions",
        "maestro_cli.commands.plugins",
    }
    assert loaded & heavy == set()


def test_the_daemon_loads_nothing_heavy():
    """It must stay small, and above all it must never be a driver of Ray."""
    code = "import json, sys, maestro_ray.daemon.__main__; print(json.dumps(sorted(sys.modules)))"
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}", "PATH": "/usr/bin:/bin"}
    loaded = set(
        json.loads(
            subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True).stdout
        )
    )

    assert (
        loaded
        & {"ray", "starlette", "httpx", "sqlalchemy", "websockets", "pydantic", "typer", "sqlite3", "keyring"}
        == set()
    )


def test_importing_the_package_does_nothing():
    code = "import sys, threading; import maestro_ray; print(threading.active_count(), len(sys.modules))"
    bare = "import sys, threading; print(threading.active_count(), len(sys.modules))"
    run = [
        subprocess.run([sys.executable, "-c", each], cwd=ROOT, capture_output=True, check=True)
        for each in (bare, code)
    ]
    (threads_before, modules_before), (threads, modules) = (map(int, each.stdout.split()) for each in run)

    assert threads == threads_before
    assert modules <= modules_before + 1


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_source_begins_with_a_sentence_and_has_its_test(path):
    name = path.relative_to(ROOT).as_posix()
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    if path.name != "__init__.py":
        expected = TESTED_ELSEWHERE.get(name) or _mirror(path)
        assert (ROOT / expected).is_file(), f"{name} has no test file {expected}"
    assert docstring, f"{name} does not say what it is"
    assert re.match(r"[A-Za-z`].*[.:]", docstring.splitlines()[0] + "."), docstring


def _mirror(path: Path) -> str:
    name = path.relative_to(ROOT)
    if path.parent.name == "versions":  # each is run from each earlier one, all in one place
        return "tests/studio/migrations/test_versions.py"
    inside = (
        name.relative_to("maestro_ray") if name.parts[0] == "maestro_ray" else Path("cli", *name.parts[2:])
    )
    return (Path("tests") / inside.parent / f"test_{inside.name}").as_posix()


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_functions_stay_readable(path):
    text = path.read_text()
    assert text.count("\n") <= 560, "split it: one noun per file"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 75, f"{node.name} has {length} lines"


def _errors():
    found = [errors.MaestroError]
    for error in found:
        found.extend(error.__subclasses__())
    return sorted(
        {error for error in found if error.__module__ == errors.__name__}, key=lambda error: error.__name__
    )


@pytest.mark.parametrize("error", _errors(), ids=lambda error: error.__name__)
def test_every_error_survives_pickling_and_is_drawn_in_the_tree(error):
    """They cross actors, where one with a keyword-only argument would arrive as something else."""
    made = error(*("first", "second", "third", 4)[: 3 if error is errors.RefMoved else 4])
    again = pickle.loads(pickle.dumps(made))

    assert type(again) is error
    assert (again.args, str(again), again.hint, again.kind) == (made.args, str(made), made.hint, made.kind)
    assert re.search(rf"\b{error.__name__}\b", errors.__doc__)


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    constraints = (ROOT / "constraints.txt").read_text()
    ray = next(each for each in project["dependencies"] if each.startswith("ray"))

    assert project["version"] == __version__
    assert f"\n{ray}\n" in constraints
    assert all(
        extra == [] or ray.partition("==")[2] in extra[0]
        for extra in [project["optional-dependencies"]["cluster"]]
    )
    assert f"ray=={ray.partition('==')[2]}" in errors.RayMissing("x").hint


def test_constraints_are_exact_and_name_no_place():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line


def test_the_project_names_no_machine_and_no_index():
    """Neither a path of somebody's machine nor a package index's host stands in what is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    wrong = re.compile(
        "|".join(["/" + "work/main", "/root/" + r"\.", "pypi" + r"\.org", "registry" + r"\.npm"])
    )
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and path.suffix in (".py", ".md", ".toml", ".txt", ".yaml", ".json", ".mjs", ""):
            assert not wrong.search(path.read_text("utf-8", "replace")), name
