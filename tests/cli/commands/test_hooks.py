from __future__ import annotations

import re
import tomllib

import pytest

REPO = '[[hooks.PreToolUse]]\ncommand = "./check"\nmatcher = "Bash"\n[[hooks.PreMerg]]\ncommand = "x"\n'


@pytest.fixture
def hooks(ground):
    ground.write(
        {"repo/.maestro/config.toml": REPO, "repo/check": "#!/bin/sh\ncat; echo not so >&2; exit 2\n"}
    )
    (ground.repo / "check").chmod(0o755)
    return ground


def test_hooks_of_a_repository_run_once_they_are_trusted(hooks):
    out = hooks.text("hooks", "list")
    identifier = out.splitlines()[1].split()[0]
    assert re.sub(r"[0-9a-f]{8}", "ID", out) == (
        "ID  EVENT       FROM        STATE      COMMAND\n"
        "ID  PreToolUse  repository  untrusted  ./check (Bash)\n"
        "-         PreMerg     repository  broken     there is no event 'PreMerg' (did you mean PreMerge?)\n"
        "untrusted hooks are not run; look at them, then: maestro hooks install\n"
    ).replace("ID  EVENT", "ID        EVENT")
    said = '{"tool_name": "Bash"}'
    told = hooks.json("hooks", "run", "PreToolUse", stdin=said)
    assert [(each["status"], each["stdout"]) for each in told["outcomes"]] == [("untrusted", "")]
    code, out, err = hooks.run("hooks", "install", identifier)
    assert (code, err.splitlines()[1]) == (2, "hint: say it with --yes")
    assert out == f"{identifier}  PreToolUse  repository: ./check (Bash)\n"
    assert hooks.text("hooks", "install", identifier, "--yes").endswith("trusted 1 hook\n")
    assert hooks.text("hooks", "install") == "there is no hook to trust\n"
    told = hooks.json("hooks", "run", "PreToolUse", code=1, stdin=said)
    assert (told["status"], told["reason"]) == ("denied", "not so")
    assert '"tool_name": "Bash"' in told["outcomes"][0]["stdout"]
    assert hooks.text("hooks", "run", "PreToolUse") == "no hook is meant by this PreToolUse\n"


def test_a_changed_script_is_asked_about_again(hooks):
    hooks.text("hooks", "install", "--yes")
    assert [each["state"] for each in hooks.json("hooks", "list")["hooks"]] == ["trusted", "broken"]
    (hooks.repo / "check").write_text("curl evil")
    assert [each["state"] for each in hooks.json("hooks", "list")["hooks"]] == ["untrusted", "broken"]


def test_what_changes_while_the_person_thinks_is_not_trusted(hooks, monkeypatch):
    def answer(_question):
        (hooks.repo / "check").write_text("curl evil")
        return True

    monkeypatch.setattr("typer.confirm", answer)
    assert hooks.run("hooks", "install", terminal=True)[0] == 0
    assert hooks.json("hooks", "list")["hooks"][0]["state"] == "untrusted"


def test_one_is_shown_and_trusted_no_more(hooks):
    hooks.text("hooks", "install", "--yes")
    identifier = hooks.json("hooks", "list")["hooks"][0]["id"]
    assert hooks.text("hooks", "show", identifier[:5]) == (
        f"id       {identifier}\n"
        "event    PreToolUse\n"
        "from     repository\n"
        "state    trusted\n"
        "command  ./check\n"
        "matcher  Bash\n"
        "timeout  30 s\n"
        f"file     {hooks.repo}/.maestro/config.toml\n"
        f"runs     {hooks.repo}/check\n"
    )
    assert hooks.text("hooks", "remove", identifier) == f"{identifier} is not run any more\n"
    assert hooks.json("hooks", "show", identifier)["hook"]["state"] == "untrusted"


def test_one_is_added_and_trusted_at_once(hooks):
    path = hooks.repo / ".maestro/config.toml"
    told = hooks.json("hooks", "add", "PreMerge", "--timeout", "5", "--", "make", "-j", "check")
    assert (told["hook"]["state"], told["hook"]["command"], told["path"]) == (
        "trusted",
        "make -j check",
        str(path),
    )
    assert path.read_text().startswith(REPO)
    assert tomllib.loads(path.read_text())["hooks"]["PreMerge"] == [
        {"command": ["make", "-j", "check"], "timeout": 5.0}
    ]
    text = hooks.json("hooks", "add", "RunEnd", "--", "make | tee log")["hook"]
    assert text["command"] == "make | tee log"
    assert tomllib.loads(path.read_text())["hooks"]["RunEnd"] == [{"command": "make | tee log"}]
    own = hooks.json("hooks", "add", "PreMerge", "--user", "--", "true")["hook"]
    assert own["state"] == "own"
    assert hooks.run("hooks", "remove", own["id"])[2] == (
        f"error: this hook is your own, in {hooks.home}/config.toml\nhint: take its [[hooks]] table out there\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "PreMerg", "--", "x"], "there is no event 'PreMerg' (did you mean PreMerge?)"),
        (["add", "PreMerge", "--matcher", "x", "--", "x"], "PreMerge takes no matcher"),
        (["add", "RunStart", "--matcher", "(", "--", "x"], "the matcher '(' is no regular expression"),
        (["add", "RunStart", "--timeout", "0", "--", "x"], "'timeout' is more than 0"),
        (["run", "PreMerg"], "there is no event 'PreMerg'"),
        (["show", ""], "'' is the beginning of"),
    ],
)
def test_bad_usage_is_said_and_nothing_is_written(hooks, words, said):
    code, out, err = hooks.run("hooks", *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}")
    assert (hooks.repo / ".maestro/config.toml").read_text() == REPO


@pytest.mark.parametrize("stdin", ["{", "[]"])
def test_what_is_said_of_an_event_is_an_object(hooks, stdin):
    assert hooks.run("hooks", "run", "PreMerge", stdin=stdin)[0] == 2


def test_one_that_is_not_there_and_a_broken_one(hooks):
    assert hooks.run("hooks", "show", "ffffffff")[0] == 1
    assert hooks.run("hooks", "validate")[:2] == (
        1,
        f"{hooks.repo}/.maestro/config.toml: there is no event 'PreMerg' (did you mean PreMerge?)\n2 hooks, 1 broken\n",
    )
