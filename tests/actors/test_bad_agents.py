"""Agents that do not do as they should, each a program in the place of Claude Code: the run ends with a reason, the
team goes on, and nothing is lost or left.

Where else bad agents are tested: one that is missing in `test_request.py`, `test_worker.py` and `e2e/test_bad_input.py`;
an account that is refused in `studio/test_wake.py`; edits outside the worktree in `e2e/test_sandbox.py` and
`agent/test_sandbox.py`; a tree that ignores SIGTERM or leaves its session in `agent/test_process_end.py`; a worktree
that is broken in `workspace/test_worktree.py`; a hook that hangs or prints 10 MB in `agent/test_errand.py`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.config import Config, SandboxTable
from maestro_ray.home import Home
from maestro_ray.limits_table import LimitsTable
from maestro_ray.testing import LocalMaestro

from .parts import ENV
from .stage import APPROVE, begin, end, nothing_left

RESULT = """echo '{"type":"result","subtype":"success","is_error":false,"result":"Done."}'"""
GOOD = f"echo good > one.txt\n{RESULT}"


@pytest.fixture
async def maestro(home: Home, request: pytest.FixtureRequest) -> AsyncIterator[LocalMaestro]:
    # those that end by themselves have as long as a slow machine needs
    limits = LimitsTable(time=5 if "never ends" in request.node.name else 200)
    config = Config(ping=0.05, lease=1.0, stop_grace=0.3, pool=4, sandbox=SandboxTable("off"), limits=limits)
    async with LocalMaestro(home, config=config) as maestro:
        yield maestro


def agent(directory: Path, bad: str, good: str = GOOD, version: str = "2.1.330") -> dict[str, str]:
    """The environment of a Claude Code that is bad the first time and good afterwards."""
    (directory / "bin").mkdir()
    path = directory / "bin" / "claude"
    path.write_text(
        f"#!/bin/sh\ncase $1 in --version) echo '{version} (Claude Code)'; exit;; esac\n"
        f"if mkdir {directory}/before 2>/dev/null; then\n{bad}\nelse\n{good}\nfi\n"
    )
    path.chmod(0o755)
    return {
        **ENV,
        "PATH": f"{directory / 'bin'}:{ENV['PATH']}",
        "HOME": str(directory),
        "ANTHROPIC_API_KEY": "sk",
    }


async def first_end(maestro: LocalMaestro) -> dict[str, Any]:
    ended = await maestro.until("run.ended", purpose="execute")
    return dict(ended["body"])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param("exit 3", "claude ended with code 3 and gave no result", id="crashes at start"),
        pytest.param("kill -SEGV $$", "claude was ended by a signal and gave no result", id="crashes by a signal"),
        pytest.param(
            "echo \"error: unknown option '--permission-prompt-tool'\" >&2; exit 1",
            "claude ended with code 1 and gave no result: error: unknown option '--permission-prompt-tool'",
            id="an older one",
        ),
        pytest.param(
            "head -c 3000000 /dev/urandom; echo; echo '[]'; echo '{\"type\": 7}'",
            "claude ended with code 0 and gave no result", id="prints garbage",
        ),
        pytest.param(
            "head -c 40000000 /dev/zero | tr '\\0' x",
            "claude ended with code 0 and gave no result", id="prints one endless line",
        ),
        pytest.param(
            "echo late > one.txt; exec sleep 600",
            "it reached its limit of 5 seconds for a turn ([agents.limits] time)", id="never ends",
        ),
        pytest.param(
            "trap '' TERM INT; while :; do sleep 1; done",
            "it reached its limit of 5 seconds for a turn ([agents.limits] time)", id="never ends and ignores SIGTERM",
        ),
        pytest.param(f"rm -rf .git; mkdir .git; echo x > .git/HEAD; {RESULT}", "", id="replaces .git"),
        pytest.param(RESULT, "the agent changed nothing", id="says that it is done"),
    ],
)  # fmt: skip
async def test_a_bad_attempt_ends_with_a_reason_and_the_next_one_counts(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path, bad: str, reason: str
) -> None:
    """Those that never end: red without `agents.limits.time`, when nobody ends such a turn."""
    before = sample.git("rev-parse", "HEAD")
    env = agent(tmp_path, bad)
    await begin(maestro, sample, providers={"dev": "claude", "review": APPROVE}, env=env)
    ended = await first_end(maestro)
    assert ended["action"] == "fail"
    assert ended["summary"].startswith(reason)
    assert ended["summary"]
    result = await end(maestro)
    assert result["status"] == "completed"
    assert sample.git("show", "main:one.txt") == "good"
    assert sample.git("merge-base", before, "main") == before
    nothing_left(home, sample)


async def test_work_beside_a_git_that_was_deleted_is_not_lost(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    """The file `.git` of a worktree is ours to write again; only outside of a box can an agent delete it."""
    env = agent(tmp_path, f"echo kept > one.txt; rm -rf .git; {RESULT}")
    await begin(maestro, sample, providers={"dev": "claude", "review": APPROVE}, env=env)
    assert (await end(maestro))["status"] == "completed"
    assert sample.git("show", "main:one.txt") == "kept"
    nothing_left(home, sample)


async def test_an_account_that_is_refused_is_asked_about_once_and_the_work_goes_on(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    refused = {
        "type": "result",
        "subtype": "success",
        "is_error": True,
        "api_error_status": 401,
        "result": "No.",
    }
    env = agent(tmp_path, f"echo '{json.dumps(refused)}'; exit 1")
    await begin(maestro, sample, providers={"dev": "claude", "review": APPROVE}, env=env)
    card = (await maestro.until("decision.requested"))["decision"]
    assert card["kind"] == "signed_out"
    await maestro.call("decide.answer", id=card["id"], answer="retry")
    assert (await end(maestro))["status"] == "completed"


@pytest.mark.timeout(400)
async def test_ten_thousand_files_are_committed_and_told_in_part(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    many = f"mkdir many; seq 10000 | split -l 1 -a 4 - many/; {RESULT}"
    env = agent(tmp_path, many, many)
    await begin(maestro, sample, providers={"dev": "claude", "review": APPROVE}, env=env)
    async with asyncio.timeout(300):  # git writes a file for each of them
        async for event in maestro.events():
            if event["kind"] == "team.ended":
                break
    assert (await first_end(maestro))["summary"].startswith("10000 files changed, commit ")
    assert (await end(maestro))["status"] == "completed"
    assert sample.git("ls-tree", "-r", "--name-only", "main", "many/").count("\n") == 9999
    nothing_left(home, sample)


async def test_a_server_that_is_left_running_ends_with_its_turn(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    """In a session of its own, with its output closed. Red when only the program itself is waited for."""
    server = f"setsid sh -c 'exec sleep 600' >/dev/null 2>&1 </dev/null &\n{GOOD}"
    env = agent(tmp_path, server, server)
    await begin(maestro, sample, providers={"dev": "claude", "review": APPROVE}, env=env)
    assert (await end(maestro))["status"] == "completed"
    nothing_left(home, sample)


async def test_an_older_version_is_warned_about_and_the_team_starts(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    env = agent(tmp_path, GOOD, GOOD, version="1.0.3")
    answer = await begin(maestro, sample, providers={"dev": "claude", "review": APPROVE}, env=env)
    assert any("claude 1.0.3 is older than 2.1" in each for each in answer["warnings"])
    assert (await end(maestro))["status"] == "completed"


async def test_without_a_word_about_it_the_first_agent_there_is_does_the_work(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    """Red when a role without a provider has none."""
    env = agent(tmp_path, GOOD, GOOD)
    await begin(maestro, sample, providers={"review": APPROVE}, env=env)
    assert (await end(maestro))["status"] == "completed"
    assert sample.git("show", "main:one.txt") == "good"
