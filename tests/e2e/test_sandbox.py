"""A real team whose agents try to leave their boxes."""

from __future__ import annotations

import pytest
from absent import absent

from maestro_ray.agent import sandbox
from maestro_ray.home import Home

from .test_team import plan

pytestmark = [pytest.mark.e2e, pytest.mark.ray]

DEVELOPER = """#!/bin/sh
{{
    echo hello there
    cat {home}/studio/studio.db > stolen && echo reads the state || rm -f stolen
    ls {pulses} && echo sees who lives
    touch {pulses}/slot && echo says who lives
    echo mine > {repo}/greeting.txt
    git update-ref refs/heads/main HEAD~0 && git branch -f mine HEAD && echo moves branches
    echo x > {repo}/.git/hooks/post-merge && echo leaves a hook
    git hash-object -w errors.txt && echo writes objects
    for each in {repo}/.git/objects/??/*; do echo evil > "$each" && echo rewrites objects; done
    true
}} > greeting.txt 2> errors.txt
rm -f errors.txt
"""
REVIEWER = """#!/bin/sh
echo more >> greeting.txt && echo "VERDICT: REJECTED — I could write" && exit 0
echo "VERDICT: APPROVED"
"""


def test_agents_change_nothing_but_their_own(machine):
    if not (layer := sandbox.layer("auto")):
        absent(sandbox.missing())
    (machine.home / "config.toml").unlink()
    repo = machine.repository("boxes")
    pulses = Home.find(machine.env).pulses
    scripts = {"dev": DEVELOPER.format(home=machine.home, repo=repo, pulses=pulses), "review": REVIEWER}
    for name, text in scripts.items():
        (machine.directory / name).write_text(text)
        (machine.directory / name).chmod(0o755)
    done = machine.run(
        "team", "--dev", "1", "--review", "1", "--plan", plan(machine.directory, {"title": "Greet"}),
        "--provider", f"dev=command:{machine.directory}/dev", "--provider", f"review=command:{machine.directory}/review",
        cwd=repo,
    )  # fmt: skip

    assert done.returncode == 0, f"{layer}\n{done.stdout}{done.stderr}"
    assert "no sandbox works here" not in done.stderr
    assert (repo / "greeting.txt").read_text() == "hello there\n"
    assert machine.git(repo, "branch", "--format=%(refname:short)").split() == ["main"]
    assert not (repo / ".git" / "hooks" / "post-merge").exists()
