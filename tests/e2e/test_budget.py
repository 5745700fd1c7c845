"""`maestro team --max-cost`: it stops there, says so on a pipe, and goes on when it may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.ray]

REVIEW = "review=command:sh -c 'echo VERDICT: APPROVED'"


def prepare(directory: Path) -> tuple[str, str]:
    """A plan of one task, and a script whose developer pays 30 cents for each of four steps; the last waits for `on`."""
    step = "{ run = 'echo step >> steps.txt' }, { usage = { input = 1000, output = 100, cost = 0.3 } }, { wait = 0.5 }"
    script = directory / "spend.toml"
    gate = f"{{ until = {json.dumps(str(directory / 'on'))} }}"
    script.write_text(f"[[turns]]\nsteps = [{', '.join([step] * 3 + [gate, step])}]\n")
    work = directory / "plan.toml"
    work.write_text(f"title = {json.dumps('Work')}\n[[tasks]]\ntitle = 'Step'\n")
    return str(script), str(work)


def test_a_team_stops_at_its_cost_and_goes_on_when_it_may(warm):
    repo = warm.repository("thrifty")
    script, plan = prepare(warm.directory)
    words = ["--plan", plan, "--provider", f"dev=scripted:{script}", "--provider", REVIEW]
    done = warm.run("team", "--dev", "1", "--review", "1", *words, "--max-cost", "0.7", cwd=repo)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "the team waits for a decision" in done.stdout
    (card,) = warm.json("decide", "list", cwd=repo)["decisions"]
    assert "is used up: $0.90 of $0.70" in card["question"]
    assert "used $0.90 of $0.70 · 3.3k tokens" in warm.run("team", "status", cwd=repo).stdout

    (warm.directory / "on").touch()
    # a turn that is stopped in the middle of a step pays for that step again, so once may not be enough
    for _ in range(3):
        for each in warm.json("decide", "list", cwd=repo)["decisions"]:
            warm.run("decide", each["id"][-8:], "raise", cwd=repo)
        done = warm.run("team", "watch", cwd=repo)
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    # no step was taken twice: each pause went on in the same session
    assert (repo / "steps.txt").read_text() == "step\n" * 4
