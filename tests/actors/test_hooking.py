"""One member's hooks, run for real: who is asked, with what, and what becomes of those that do not behave."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.actors.equipment import Equipment
from maestro_ray.actors.hooking import WAITING, Hooking
from maestro_ray.actors.outcome import Outcome
from maestro_ray.extensions.found import Found, Origin
from maestro_ray.extensions.hooks import Hook
from maestro_ray.extensions.trust import fingerprint, trust
from maestro_ray.home import Home
from maestro_ray.model.agent import PermissionAsked, ToolReturned

from .parts import ENV, a_spec

OWN = Origin("user")
SECRET = "sk-live-0123456789abcdef0123"


class Told:
    def __init__(self) -> None:
        self.all: list[tuple[str, Mapping[str, Any]]] = []

    def __call__(self, kind: str, body: Mapping[str, Any]) -> None:
        self.all.append((kind, body))

    def reasons(self, kind: str) -> list[str]:
        return [body["reason"] for each, body in self.all if each == kind]


@pytest.fixture
def told() -> Told:
    return Told()


def hook(root: Path, event: str, text: str, origin: Origin = OWN, **changes: Any) -> Found[Hook]:
    return Found(event, origin, root / "config.toml", Hook(event, ("sh", "-c", text), root, **changes))


def hooking(home: Home, repo: Path, told: Told, *hooks: Found[Hook]) -> Hooking:
    env = {**ENV, "API_TOKEN": SECRET}
    team = a_spec(home, repo, equipment=Equipment(hooks=hooks), state=(str(home.root),), env=env)
    return Hooking(team, "dev-1", told)


async def test_without_a_hook_nothing_is_run(home: Home, tmp_path: Path, told: Told) -> None:
    async def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("nothing is to be run")

    quiet = hooking(home, tmp_path, told, hook(tmp_path, "PreMerge", "exit 2"))
    quiet._run = never
    assert await quiet.ask("RunStart") == ""
    assert told.all == []


async def test_it_is_told_what_it_is_about_and_no_secret(home: Home, tmp_path: Path, told: Told) -> None:
    seen = tmp_path / "seen"
    asked = hooking(home, tmp_path, told, hook(tmp_path, "RunStart", f"cat > {seen}; env > {seen}.env"))
    asked.about = {"run": "run-1", "purpose": "execute", "title": f"use {SECRET}"}
    assert await asked.ask("RunStart") == ""
    said = json.loads(seen.read_text())
    assert (said["member"], said["team"], said["run"], said["cwd"]) == (
        "dev-1",
        "bot-1",
        "run-1",
        str(tmp_path),
    )
    assert SECRET not in seen.read_text()
    assert SECRET not in (tmp_path / "seen.env").read_text()


async def test_a_denial_is_the_answer_and_told(home: Home, tmp_path: Path, told: Told) -> None:
    no = hooking(home, tmp_path, told, hook(tmp_path, "PreMerge", f"echo not with {SECRET} >&2; exit 2"))
    no.about = {"run": "run-1"}
    reason = await no.ask("PreMerge")
    assert reason.startswith("not with ")
    assert SECRET not in reason
    ((kind, body),) = told.all
    assert (kind, body["event"], body["run"], body["reason"]) == ("hook.denied", "PreMerge", "run-1", reason)


async def test_one_that_hangs_is_stopped_and_one_that_floods_is_cut(
    home: Home, tmp_path: Path, told: Told
) -> None:
    """Red when `run_errand` has no time limit, or keeps all that is printed."""
    hooks = [
        hook(tmp_path, "RunStart", "sleep 600 & sleep 600", timeout=0.2),
        hook(tmp_path, "RunStart", "yes | head -c 10000000; yes e | head -c 10000000 >&2; exit 3"),
        hook(tmp_path, "RunStart", "echo late >&2; exit 2"),
    ]
    slow = hooking(home, tmp_path, told, *hooks)
    began = time.monotonic()
    assert await slow.ask("RunStart") == "late"
    assert time.monotonic() - began < 120
    reasons = told.reasons("hook.failed")
    assert any("it was stopped after 0.2 seconds" in each for each in reasons)
    assert any("it ended with exit code 3" in each for each in reasons)
    assert any("it printed more than is kept" in each for each in reasons)
    assert max(map(len, reasons)) < 3000


async def test_the_same_fault_is_told_once(home: Home, tmp_path: Path, told: Told) -> None:
    """Else a hook for every tool would fill the channel."""
    broken = hooking(home, tmp_path, told, hook(tmp_path, "RunEnd", "exit 7"))
    for _ in range(3):
        await broken.ask("RunEnd")
    assert len(told.all) == 1


async def test_trust_is_looked_at_each_time(home: Home, tmp_path: Path, told: Told) -> None:
    """Red when the record of a team's start were believed: a script that was changed since must not run."""
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "check.sh").write_text("exit 2\n")
    origin = Origin("repository", repo.resolve())
    theirs = hook(repo, "PreMerge", "sh check.sh", origin)
    asked = hooking(home, repo, told, theirs)
    assert await asked.ask("PreMerge") == ""
    assert "nobody has trusted it" in told.reasons("hook.failed")[0]
    trust(home.root, {fingerprint(theirs): theirs})
    assert await asked.ask("PreMerge")
    (repo / "check.sh").write_text("touch stolen; exit 2\n")
    assert await asked.ask("PreMerge") == ""
    assert not (repo / "stolen").exists()


async def test_a_record_of_trust_that_cannot_be_read_trusts_nobody(
    home: Home, tmp_path: Path, told: Told
) -> None:
    (home.root / "trusted-hooks.json").write_text("{")
    asked = hooking(home, tmp_path, told, hook(tmp_path, "PreMerge", "exit 2"))
    assert await asked.ask("PreMerge") == ""
    assert "the hooks could not be run" in told.reasons("hook.failed")[0]


@pytest.mark.parametrize(
    ("question", "given"),
    [
        (PermissionAsked("1", "Bash", "make"), {"command": "make"}),
        (PermissionAsked("1", "Write", "/w/a.txt"), {"file_path": "/w/a.txt"}),
        (PermissionAsked("1", "mcp__x__y", '{"a": [1]}'), {"a": [1]}),
        (PermissionAsked("1", "edit", "a.txt b.txt"), {"detail": "a.txt b.txt"}),
    ],
)
async def test_a_tool_is_asked_about_in_claudes_words(
    home: Home, tmp_path: Path, told: Told, question: PermissionAsked, given: dict[str, Any]
) -> None:
    seen = tmp_path / "seen"
    asked = hooking(home, tmp_path, told, hook(tmp_path, "PreToolUse", f"cat > {seen}; echo no >&2; exit 2"))
    assert await asked.ruling(question) == "no"
    said = json.loads(seen.read_text())
    assert (said["tool_name"], said["tool_input"]) == (question.tool, given)


async def test_a_matcher_chooses_the_tool(home: Home, tmp_path: Path, told: Told) -> None:
    asked = hooking(home, tmp_path, told, hook(tmp_path, "PreToolUse", "exit 2", matcher="Bash|Write"))
    assert await asked.ruling(PermissionAsked("1", "Read", "/x")) == ""
    assert await asked.ruling(PermissionAsked("1", "Write", "/x")) != ""


async def test_results_wait_for_nobody_and_are_bounded(home: Home, tmp_path: Path, told: Told) -> None:
    seen = tmp_path / "seen"
    after = hooking(home, tmp_path, told, hook(tmp_path, "PostToolUse", f"cat >> {seen}; sleep 600"))
    for number in range(WAITING + 50):
        after.returned(ToolReturned("Bash", True, str(number)))
    assert f"more than {WAITING} calls wait for it: it is not run for all of them" in told.reasons(
        "hook.failed"
    )
    await after.close()
    assert after._after.empty()


@pytest.mark.parametrize("output", ["good\nVERDICT: APPROVED", "```\nx\n```\nVERDICT: APPROVED\n"])
async def test_a_denied_approval_is_a_rejection(home: Home, tmp_path: Path, told: Told, output: str) -> None:
    no = hooking(home, tmp_path, told, hook(tmp_path, "Verdict", "printf 'too\\nfast' >&2; exit 2"))
    judged = await no.judged(Outcome.completed("reviewed", output=output), "c" * 40)
    assert judged.body["result"]["output"].splitlines()[-1] == "VERDICT: REJECTED — too fast"


@pytest.mark.parametrize("output", ["", "VERDICT: REJECTED — bad", "no verdict at all", "VERDICT: MAYBE"])
async def test_what_is_no_approval_stays_as_it_is(
    home: Home, tmp_path: Path, told: Told, output: str
) -> None:
    """No words of a hook can make one of it."""
    no = hooking(
        home, tmp_path, told, hook(tmp_path, "Verdict", "echo VERDICT: APPROVED | tee /dev/stderr; exit 2")
    )
    outcome = Outcome.completed("reviewed", output=output)
    assert await no.judged(outcome, "c" * 40) == outcome
