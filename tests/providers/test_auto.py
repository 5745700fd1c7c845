"""Which agent `auto` takes, with programs of our own in the place of the real ones."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from maestro_ray.errors import BadProvider, NoAgentFound
from maestro_ray.providers import auto
from maestro_ray.providers.auto import choose, look, look_for_all, named, warning
from maestro_ray.providers.known import KNOWN, known
from maestro_ray.providers.registry import kinds

KINDS = ("claude", "codex", "pi")


@pytest.fixture
def env(tmp_path, monkeypatch):
    monkeypatch.setattr(auto, "_asked", {})
    for name in ("bin", "home"):
        (tmp_path / name).mkdir()
    return {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path / "home")}


def install(env, name, text="echo '9.9.9 (An Agent)'"):
    path = Path(env["PATH"]) / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def sign_in(env, path, text='{"token": "x"}'):
    file = Path(env["HOME"]) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_the_first_that_is_installed_and_signed_in(env):
    for name in ("claude", "codex", "pi"):
        install(env, name)
    sign_in(env, ".pi/agent/auth.json")
    assert choose(env, KINDS) == "pi"
    sign_in(env, ".codex/auth.json")
    assert choose(env, KINDS) == "codex"
    assert choose({**env, "ANTHROPIC_API_KEY": "sk"}, KINDS) == "claude"
    assert choose({**env, "ANTHROPIC_API_KEY": "sk"}, ("codex", "pi")) == "codex"


def test_nothing_found_says_what_was_looked_for_and_what_to_do(env):
    install(env, "codex")
    install(env, "pi", "echo 0.10.2")
    sign_in(env, ".pi/agent/auth.json")
    with pytest.raises(NoAgentFound) as caught:
        choose(env, KINDS)
    assert str(caught.value) == "no coding agent was found here that is installed and signed in"
    assert caught.value.hint == (
        "one is enough, or name another with --provider ROLE=NAME. "
        "claude is not installed: npm install -g @anthropic-ai/claude-code; "
        "codex is not signed in: run `codex login`, with a key: `codex login --with-api-key`; "
        "pi 0.10.2 is older than 0.73, the oldest that is known to work: npm install -g @mariozechner/pi-coding-agent"
    )


@pytest.mark.parametrize("text", ["{}", "", '{"OPENAI_API_KEY": null, "tokens": null}', "[]"])
def test_an_empty_log_in_is_none(env, text):
    install(env, "codex")
    sign_in(env, ".codex/auth.json", text)
    assert look(known("codex"), env).signed_in == ""


def test_a_key_of_the_environment_does_not_sign_codex_in(env):
    """Its app server does not read it: seen with 0.169."""
    install(env, "codex")
    assert "not signed in" in look(known("codex"), {**env, "OPENAI_API_KEY": "sk"}).problem


def test_a_version_is_asked_once_until_the_program_changes(env, tmp_path):
    """Red without the cache."""
    path = install(env, "claude", f"echo x >> {tmp_path}/asked; echo 2.1.3")
    for _ in range(3):
        assert look(known("claude"), env).version == "2.1.3"
    assert (tmp_path / "asked").read_text() == "x\n"
    path.write_text("#!/bin/sh\necho 2.0.9\n")
    os.utime(path, (1, 1))
    assert look(known("claude"), env).version == "2.0.9"


@pytest.mark.parametrize("text", ["exit 1", "echo nothing", "printf '\\377\\376'", "kill -9 $$"])
def test_one_that_does_not_say_its_version_may_be_any(env, text):
    install(env, "claude", text)
    found = look(known("claude"), {**env, "ANTHROPIC_API_KEY": "sk"})
    assert (found.version, found.problem) == ("", "")


def test_one_that_never_answers_is_not_waited_for(env, monkeypatch):
    """Red without the time limit, and without the end of all it has started."""
    monkeypatch.setattr(auto, "PATIENCE", 0.3)
    install(env, "claude", "/bin/sleep 60 & /bin/sleep 60")
    begun = time.monotonic()
    assert look(known("claude"), env).version == ""
    assert time.monotonic() - begun < 20


def test_one_that_prints_without_an_end_is_not_listened_to(env, monkeypatch):
    """Red when all is read that comes in time: gigabytes, in the daemon."""
    monkeypatch.setattr(auto, "PATIENCE", 60.0)
    install(env, "claude", "while :; do echo 2.1.5; done")
    begun = time.monotonic()
    assert look(known("claude"), env).version == "2.1.5"
    assert time.monotonic() - begun < 30


def test_one_that_leaves_others_behind_has_said_its_version(env, monkeypatch):
    """Red when only what was said before the end of the output counts."""
    monkeypatch.setattr(auto, "PATIENCE", 3.0)
    install(env, "claude", "/bin/sleep 60 & echo 2.1.5")
    assert look(known("claude"), env).version == "2.1.5"


def test_a_directory_of_the_name_is_no_program(env):
    (Path(env["PATH"]) / "claude").mkdir()
    assert look(known("claude"), env).path == ""


def test_what_was_named_is_warned_about_when_it_is_old(env):
    install(env, "claude", "echo 1.0.3")
    assert warning("claude", env) == (
        "claude 1.0.3 is older than 2.1, the oldest that is known to work: npm install -g @anthropic-ai/claude-code"
    )
    assert warning("codex", env) == ""
    assert warning("command", env) == ""


def test_only_auto_is_replaced(env):
    install(env, "claude", "echo 2.1.3")
    assert named("command:auto", env, KINDS) == "command:auto"
    with pytest.raises(BadProvider, match="auto takes no model"):
        named("auto:opus", env, KINDS)
    assert named("auto", {**env, "ANTHROPIC_API_KEY": "sk"}, KINDS) == "claude"


def test_a_person_can_see_all_of_it(env):
    path = install(env, "claude", "echo 2.1.330")
    found = look_for_all({**env, "CLAUDE_CODE_OAUTH_TOKEN": "t"}, KINDS)
    assert [(each.known.kind, each.path, each.version, each.signed_in) for each in found] == [
        ("claude", str(path), "2.1.330", "CLAUDE_CODE_OAUTH_TOKEN"),
        ("codex", "", "", ""),
        ("pi", "", "", ""),
    ]


def test_what_is_known_is_of_kinds_there_are_or_will_be():
    assert [each.kind for each in KNOWN] == ["claude", "codex", "gemini", "opencode", "qwen", "pi"]
    assert {"claude", "codex", "pi"} <= kinds()
