"""A whole machine with secrets of every kind: none is in a log, a process list, an answer, a database or an agent."""

from __future__ import annotations

import json
import sqlite3
import stat
from pathlib import Path

import pytest

from maestro_ray.home import Home

pytestmark = [pytest.mark.e2e, pytest.mark.ray]

KEY, PASSWORD = "k3y-that-is-for-agents-only", "Zq7-of-the-remote"

AGENT = """#!/bin/sh
env > "{directory}/env-$MAESTRO_PURPOSE"
env
cat /proc/$PPID/cmdline | tr '\\0' ' '; echo
until [ -e "{directory}/gate" ]; do sleep 0.05; done
if [ "$MAESTRO_PURPOSE" = review ]; then echo 'VERDICT: APPROVED'; else echo x > new.txt; fi
"""


def secrets_of(home: Home, invite: str) -> dict[str, str]:
    """What this machine keeps to itself."""
    tokens = json.loads((home.run / "tokens.json").read_text())
    database = sqlite3.connect(f"file:{home.studio_database}?mode=ro", uri=True)
    try:
        settings = dict(database.execute("SELECT name, value FROM settings"))
    finally:
        database.close()
    return {
        "Ray's token": (home.run / "ray.token").read_text().strip(),
        "the owner's access token": tokens["access_token"],
        "the owner's refresh token": tokens["refresh_token"],
        "an invite": invite.rpartition("#")[2],
        "the metrics' token": (home.run / "metrics.token").read_text().strip(),
        "what tokens are signed with": settings["jwt_secret"],
        "the agents' key": KEY,
        "the remote's password": PASSWORD,
    }


def test_no_secret_of_the_machine_is_where_it_need_not_be(machine):
    """Each of these fails it: the token in `start_head`'s arguments instead of a path, `RAY_` let through in
    `agent/environment.py`, no `Secrets` in `Worker`, no `redact` in `LogFile`, the remote's whole address as the key."""
    repo = machine.repository()
    machine.git(repo, "remote", "add", "origin", f"https://me:{PASSWORD}@git.example/owner/repo.git?x=1")
    agent = machine.directory / "agent.sh"
    agent.write_text(AGENT.format(directory=machine.directory))
    with (machine.home / "config.toml").open("a") as file:
        file.write(f'[providers.nosy]\nkind = "command"\nargv = ["sh", "{agent}"]\nenv = ["SOME_API_KEY"]\n')
    machine.env["SOME_API_KEY"] = KEY
    team = machine.begin(
        "team", "--dev", "1", "--review", "1", "--task", "Write it", "--provider", "dev=nosy", "--provider",
        "review=nosy", cwd=repo,
    )  # fmt: skip
    machine.until(lambda: (machine.directory / "env-execute").exists())
    home = Home.find(machine.env)
    secrets = secrets_of(home, machine.json("auth", "invite", "--role", "member")["invite"])
    running = "\n".join(words for _, words in machine.processes())
    status = machine.run("status", "--json").stdout
    for socket in (home.daemon_socket, home.connections_socket):
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.run.stat().st_mode) == 0o700
    (machine.directory / "gate").touch()
    told, _ = team.communicate(timeout=60)
    assert team.returncode == 0, told
    logs = machine.run("team", "logs", "--json", cwd=repo).stdout

    shown = {
        "the process list": running,
        "the answers": told + status + logs,
        **{str(path): _content(path) for path in [*_files(home.logs), *_files(home.ray_directory)]},
    }
    assert len(running) > 500
    assert "SOME_API_KEY=***" in logs
    assert "git.example:owner/repo" in status + told
    for name, secret in secrets.items():
        for place, text in shown.items():
            assert secret not in text, f"{name} is in {place}"
    for environment in machine.directory.glob("env-*"):
        for name, secret in secrets.items():
            assert (secret in environment.read_text()) == (secret == KEY), f"{name} in {environment.name}"
        assert "RAY_" not in environment.read_text()
    kept = "".join(_content(path) for path in [*_files(home.studio), *_files(home.journal)])
    for name in ("the owner's access token", "the owner's refresh token", "an invite", "the agents' key",
                 "the remote's password"):  # fmt: skip
        assert secrets[name] not in kept, f"{name} is in a database"


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]


def _content(path: Path) -> str:
    return path.read_bytes().decode("latin-1")
