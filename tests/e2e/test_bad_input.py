"""What a person gets wrong: one line that says so, a hint, the right exit code, and nothing half-made."""

from __future__ import annotations

import json
import socket
import time

import pytest

pytestmark = [pytest.mark.e2e]

PROVIDERS = ["--provider", "dev=command:true", "--provider", "review=command:true"]
WORKERS = ["--dev", "1", "--review", "1"]

PLAN = 'title = "Work"\n[[tasks]]\ntitle = "One"\n'


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    from e2e.machine import Machine

    machine = Machine(tmp_path_factory.mktemp("m"))
    machine.repository("repo")
    machine.repository("bare-source")
    machine.git(machine.directory, "clone", "-q", "--bare", "bare-source", "bare.git")
    (machine.directory / "empty").mkdir()
    machine.git(machine.directory / "empty", "init", "-q")
    (machine.directory / "nothing").mkdir()
    detached = machine.repository("detached")
    machine.git(detached, "checkout", "-q", "--detach")
    yield machine
    # a mistake starts nothing: there is no daemon to stop
    assert machine.processes() == []
    assert not (machine.home / "run" / "daemon.sock").exists()
    assert machine.worktrees() == []


CASES = {
    "not a repository": (
        "nothing", [*WORKERS, *PROVIDERS], 1, "not_a_repository", "{dir}/nothing is not inside a git repository"),
    "no commits": ("empty", [*WORKERS, *PROVIDERS], 1, "empty_repository", "{dir}/empty has no commits yet"),
    "bare": ("bare.git", [*WORKERS, *PROVIDERS], 1, "bare_repository", "{dir}/bare.git is a bare repository"),
    "nobody": ("repo", [], 2, "no_workers", "a team needs at least one worker"),
    "zero": ("repo", ["--dev", "0"], 2, "no_workers", "a team needs at least one worker"),
    "unknown role": ("repo", ["--docs", "1"], 2, "unknown_role", "there is no worker role 'docs'"),
    "provider of an unknown role": (
        "repo", [*WORKERS, *PROVIDERS, "--provider", "qa=command:true"], 2, "unknown_role", "there is no worker role 'qa'"),
    "missing program": (
        "repo", ["--dev", "1", "--provider", "dev=command:no-such-program {prompt}"], 1, "provider_missing",
        "the provider of role dev needs the program 'no-such-program', which is not on PATH"),
    "no provider": ("repo", ["--dev", "1"], 1, "no_agent_found", "no coding agent was found here"),
    "a template": ("repo", ["--dev", "1", "--provider", "dev=aider"], 2, "bad_provider", "works from a template"),
    "unknown placeholder": (
        "repo", ["--dev", "1", "--provider", "dev=command:true {promt}"], 2, "bad_provider", "{{promt}}"),
    "a goal without a lead": (
        "repo", [*WORKERS, *PROVIDERS, "make it better"], 1, "no_agent_found", "no coding agent was found here"),
    "a goal and a plan": (
        "repo", [*WORKERS, *PROVIDERS, "--plan", "../good.toml", "make it better"], 2, "usage_error",
        "a goal and a plan cannot be given together"),
    "a goal of one word": ("repo", [*WORKERS, "statsu"], 2, "usage_error", "'statsu' is no command of `maestro team`"),
    "two goals": ("repo", [*WORKERS, "do this", "do that"], 2, "usage_error", "'do that' is no command"),
    "yes to nothing": ("repo", [*WORKERS, "--yes"], 2, "usage_error", "--yes means nothing without a goal"),
    "no such plan": ("repo", [*WORKERS, "--plan", "no.toml"], 2, "usage_error", "the plan {dir}/repo/no.toml cannot be read"),
    "broken plan": (
        "repo", [*WORKERS, *PROVIDERS, "--plan", "../broken.toml"], 2, "plan_file_error", "../broken.toml:3:8: "),
    "unknown dependency": (
        "repo", [*WORKERS, *PROVIDERS, "--plan", "../depends.toml"], 2, "plan_file_error", "../depends.toml:6:12: "),
    "plan without a reviewer": (
        "repo", ["--dev", "1", "--provider", "dev=command:true", "--plan", "../good.toml"], 2, "usage_error",
        "the plan needs a reviewer"),
    "tester without a test": (
        "repo", [*WORKERS, "--test", "1", *PROVIDERS, "--plan", "../good.toml"], 2, "usage_error",
        "the role test runs the test command, but neither the plan nor task 'one' names one"),
    "task and plan": (
        "repo", [*WORKERS, "--task", "x", "--plan", "../good.toml"], 2, "usage_error", "cannot be given together"),
    "detached without a base": (
        "detached", [*WORKERS, *PROVIDERS, "--task", "x"], 2, "usage_error", "{dir}/detached is not on a branch"),
    "unknown base": (
        "repo", [*WORKERS, *PROVIDERS, "--task", "x", "--base", "nope"], 1, "not_found", "there is no branch 'nope'"),
    "an option as a base": (
        "repo", [*WORKERS, *PROVIDERS, "--task", "x", "--base", "--upload-pack=x"], 2, "usage_error", "--upload-pack"),
    "workers in words": ("repo", ["--dev", "two"], 2, "usage_error", "--dev"),
    "not an option": ("repo", ["--dev", "1", "-z"], 2, "usage_error", "there is no option -z"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_told_in_one_line(shared, name):
    where, words, code, kind, message = CASES[name]
    (shared.directory / "broken.toml").write_text('title = "Work"\n[[tasks]]\ntitle == "One"\n')
    (shared.directory / "depends.toml").write_text(PLAN + '[[tasks]]\ntitle = "Two"\ndepends = ["ono"]\n')
    (shared.directory / "good.toml").write_text(PLAN)
    told = shared.run("team", *words, cwd=shared.directory / where)
    as_json = shared.run("team", *words, "--json", cwd=shared.directory / where)
    error = json.loads(as_json.stdout)

    message = message.format(dir=shared.directory)
    assert (told.returncode, as_json.returncode) == (code, code), told.stderr
    assert told.stdout == ""
    first, *rest = told.stderr.splitlines()
    assert first.startswith("error: ")
    assert message in first
    # a hint may have a list below it
    hints = [line for line in rest if not line.startswith("    ")]
    assert len(hints) <= 1
    assert all(line.startswith("hint: ") for line in hints)
    assert set(error) == {"type", "error_kind", "message", "hint", "exit_code"}
    assert (error["type"], error["error_kind"], error["exit_code"]) == ("error", kind, code)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["tem"], 2, "Did you mean 'team'?"),
        (["steer"], 2, "Missing argument"),
        (["steer", "x"], 1, "the maestro daemon is not available: it is not running"),
        (["decide", "abc", "retry"], 1, "the maestro daemon is not available"),
        (["team", "stop"], 1, "the maestro daemon is not available"),
        (["--output-format", "yaml", "version"], 2, "there is no output format 'yaml'"),
        (["-C", "/no/such/place", "status"], 2, "/no/such/place is not a directory"),
        (["connect"], 2, "the screen is not available yet"),
        (["connect", "--no-tui", "--role", "boss"], 2, "there is no session role 'boss'"),
    ],
)
def test_other_commands_tell_theirs(shared, words, code, message):
    done = shared.run(*words)

    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dry_run_says_what_it_would_do(shared):
    answer = shared.json(
        "team", *WORKERS, *PROVIDERS, "--task", "x", "--dry-run", cwd=shared.directory / "repo"
    )

    assert answer["workers"] == ["dev-1", "review-1"]
    assert answer["base"] == "main"
    assert answer["project"].startswith("local:")


def test_a_port_in_use_is_said_at_once_and_leaves_nothing(tmp_path):
    from e2e.machine import Machine

    machine = Machine(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        machine.home.mkdir(mode=0o700, exist_ok=True)
        (machine.home / "config.toml").write_text(f"[studio]\nport = {port}\n")
        try:
            began = time.monotonic()
            done = machine.run("daemon", "start")
            # Ray alone would give up after two minutes
            assert time.monotonic() - began < 110
            assert done.returncode == 1
            assert f"port {port} on 127.0.0.1 is in use" in done.stderr
        finally:
            machine.close()
    assert machine.processes() == []
