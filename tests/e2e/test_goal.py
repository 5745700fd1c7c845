"""A goal in words through the real program, daemon, Ray and agents' processes."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.ray]

PLAN = {"title": "Greet", "tasks": [{"key": "greet", "title": "Write a greeting"}]}


def test_a_goal_is_planned_sent_back_accepted_and_released(warm):
    """Without a terminal each proposal ends the command with 1, and the team goes on when it is answered."""
    repo = warm.repository("goal")
    lead = warm.directory / "lead.sh"
    lead.write_text(f"cat <<'END'\n```json\n{json.dumps(PLAN)}\n```\nEND\n")
    words = [
        "team", "--dev", "1", "--review", "1", "--provider", f"lead=command:sh {lead}",
        "--provider", "dev=command:sh -c 'echo hello > welcome.txt'",
        "--provider", "review=command:sh -c 'echo VERDICT: APPROVED'", "Greet whoever comes",
    ]  # fmt: skip
    first = warm.run(*words, cwd=repo)
    assert first.returncode == 1, first.stdout + first.stderr
    assert re.search(r"proposed +Greet, 1 task$", first.stdout, re.M)
    assert "greet (dev): Write a greeting" in first.stdout
    assert "the team waits for a decision:" in first.stdout
    name = re.search(r"then: maestro team watch (\S+)", first.stdout)[1]

    assert "goal Greet whoever comes: no plan is accepted yet" in warm.run("team", "status", name).stdout
    (card,) = warm.json("decide", "list", cwd=repo)["decisions"]
    assert (card["kind"], card["plan"], card["team"]) == ("proposal", "Greet", name)
    warm.json("decide", card["id"][-8:], "reject", "--reason", "Be kinder.")

    def another():
        cards = warm.json("decide", "list", cwd=repo)["decisions"]
        return next((each for each in cards if each["id"] != card["id"]), None)

    again = warm.until(another)
    warm.json("decide", again["id"][-8:], "approve")
    done = warm.run("team", "watch", name, cwd=repo)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^Write a greeting +completed +3 +1 approved ", done.stdout, re.M)
    assert (repo / "welcome.txt").read_text() == "hello\n"
