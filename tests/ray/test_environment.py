"""What a real team's agents find in their environment: nothing of Ray, of the daemon, and no token."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from e2e.machine import Machine

from maestro_ray.agent.environment import ALLOWED
from maestro_ray.home import Home

pytestmark = [pytest.mark.ray, pytest.mark.e2e]

# what the shell has that starts the daemon, and nobody named for an agent
OF_THE_SHELL = {
    "RAY_LOG_LEVEL": "daemon-secret-1",
    "ANTHROPIC_API_KEY": "daemon-secret-2",
    "AWS_SECRET_ACCESS_KEY": "daemon-secret-3",
    "GITHUB_TOKEN": "daemon-secret-4",
}
# of shells
SHELL = {"PWD", "OLDPWD", "SHLVL", "_"}

AGENT = """#!/bin/sh
env -0 > {seen}/$MAESTRO_PURPOSE
cat /proc/$PPID/environ > {seen}/parent-of-$MAESTRO_PURPOSE
[ "$MAESTRO_PURPOSE" = execute ] && echo again >> greeting.txt
echo "VERDICT: APPROVED"
"""


@pytest.fixture
def machine(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("m"))
    started = machine.run("daemon", "start", **OF_THE_SHELL)
    assert started.returncode == 0, started.stderr
    yield machine
    machine.close()


def variables(file: Path) -> dict[str, str]:
    entries = file.read_bytes().decode(errors="surrogateescape").split("\0")
    return dict(entry.split("=", 1) for entry in entries if entry)


def token_of_an_actor(machine: Machine) -> str:
    """The way to the key, from the environment of any actor: that of one which begins, or goes, may be empty."""
    for pid, words in machine.processes():
        if words.startswith("ray::"):
            with contextlib.suppress(OSError):
                if token := variables(Path(f"/proc/{pid}/environ")).get("RAY_AUTH_TOKEN_PATH"):
                    return token
    return ""


def test_no_variable_of_ray_or_of_the_daemon_reaches_an_agent(machine, tmp_path):
    """The developer, the reviewer and the release's test, each with the shim above it.

    Red with `env=dict(os.environ)` for the shim in `agent/process.py` (`_spawn`), or with `{**os.environ, **env}` for
    the agent.
    """
    repo, script = machine.repository("environment"), tmp_path / "agent"
    script.write_text(AGENT.format(seen=tmp_path))
    script.chmod(0o755)
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f'title = "Look around"\ntest = "MAESTRO_PURPOSE=release {script}"\n[[tasks]]\ntitle = "Look"\n'
    )
    done = machine.run(
        "team", "--dev", "1", "--review", "1", "--plan", str(plan),
        "--provider", f"dev=command:{script}", "--provider", f"review=command:{script}", cwd=repo,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr

    # there is something to keep away: the actor above the agents has the way to the key of the cluster
    token = machine.until(lambda: token_of_an_actor(machine))
    run = Home.find(machine.env).run
    tokens = {path.read_text().strip() for path in run.rglob("*token*") if path.is_file()} - {""}
    assert tokens
    seen = (
        "execute",
        "review",
        "release",
        *(f"parent-of-{each}" for each in ("execute", "review", "release")),
    )
    for name in seen:
        env = variables(tmp_path / name)
        assert env["MAESTRO_MARK"].startswith(f"{Home.find(machine.env).instance}:"), name
        strange = {
            key for key in env if key not in ALLOWED | SHELL and not key.startswith(("MAESTRO_", "LC_"))
        }
        assert strange - ({"LD_LIBRARY_PATH"} if name.startswith("parent-of") else set()) == set(), name
        assert not {"MAESTRO_HOME", "MAESTRO_TOKEN"} & set(env), name
        told = "\n".join(env.values())
        assert not [secret for secret in (*OF_THE_SHELL.values(), *tokens, token) if secret in told], name
        assert env.get("PATH", machine.env["PATH"]) == machine.env["PATH"], name
