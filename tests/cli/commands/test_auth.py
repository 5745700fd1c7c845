"""`maestro auth` on a laptop, and a real Studio that is not this machine's own."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import time

import pytest
from keyrings import MemoryKeyring, installed

from maestro_cli import main
from maestro_cli.commands import auth
from maestro_cli.commands.auth import _block
from maestro_ray.connection.identities import Identities, Identity
from maestro_ray.errors import Unauthenticated
from maestro_ray.home import Home
from maestro_ray.model.access import Role
from maestro_ray.studio import identity
from maestro_ray.studio import schema as t
from maestro_ray.testing import LocalStudio


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """The laptop's, without a keyring."""
    home = Home(tmp_path / "home", tmp_path / "run")
    monkeypatch.setattr(Home, "find", classmethod(lambda _cls, _environ=None: home))
    with installed(None):
        yield home


@pytest.fixture
async def studio(tmp_path):
    there = Home(tmp_path / "there", tmp_path / "there" / "run")
    there.prepare()
    studio = LocalStudio(there)
    await studio.start()
    await studio.store.write(lambda tx: tx.insert(t.projects, id="p", key="github:acme/p", name="p"))
    yield studio
    await studio.stop()


@pytest.fixture
def maestro(capsys):
    """One command in a thread, for Studio is in this one: exit code, standard output, standard error."""

    async def maestro(*words):
        code = await asyncio.to_thread(main.run, list(words))
        told = capsys.readouterr()
        return code, told.out, told.err

    return maestro


async def invite(studio, role=Role.OWNER, project="*"):
    return f"{studio.url}#{await studio.store.write(identity.invite, role, project)}"


async def test_a_whole_life(maestro, studio, home):
    code, out, err = await maestro("auth", await invite(studio), "--identity", "work", "--name", "ada")
    assert (code, err) == (0, "")
    assert out.splitlines()[:4] == ["signed in", "", "work", f"  Studio  {studio.url}"]

    code, out, _ = await maestro("auth", "status")
    assert code == 0
    assert out.splitlines() == [
        "local",
        "  Studio  the one of this machine",
        "  state   not started",
        "",
        "work",
        f"  Studio  {studio.url}",
        "  state   signed in as ada",
        "  roles   owner everywhere",
        "  tokens  a file for you alone (0600)",
        "          access for 14m, renewable for 29d",
    ]

    code, token, _ = await maestro("auth", "token", "--studio", studio.url)
    assert code == 0
    assert token.count(".") == 2

    code, out, _ = await maestro(
        "auth", "invite", "--role", "member", "--project", "github:acme/p", "--identity", "work"
    )
    assert code == 0
    assert out.splitlines()[0].startswith(f"{studio.url}#")
    assert out.splitlines()[2] == "Whoever redeems it first is member in github:acme/p. It ends in 7d."
    code, out, _ = await maestro("auth", out.splitlines()[0], "--identity", "guest", "--name", "eve")
    assert "  roles   member in github:acme/p" in out

    code, out, _ = await maestro("auth", "logout", "--identity", "guest")
    assert (code, out) == (0, f"signed out of {studio.url} (guest)\n")
    code, out, _ = await maestro("auth", "logout", "--everywhere")
    assert (code, out) == (0, f"signed out of {studio.url} (work)\n")
    assert "identities" not in (home.root / "config.toml").read_text()
    assert not list(home.identities.glob("*.json"))


async def test_the_same_as_json(maestro, studio, home):
    code, out, _ = await maestro(
        "auth", await invite(studio, Role.ARCHITECT, "p"), "--identity", "work", "--json"
    )
    told = json.loads(out)
    assert (code, told["kind"], told["action"], told["status"], told["added"]) == (
        0,
        "auth",
        "redeem",
        "ok",
        False,
    )
    assert told["identity"]["roles"] == {"p": "architect"}

    _, out, _ = await maestro("auth", "status", "--json")
    (local, work) = json.loads(out)["identities"]
    assert (local["state"], work["state"], work["kept"]) == ("not_started", "signed_in", "file")
    assert work["projects"] == [{"id": "p", "key": "github:acme/p", "name": "p", "role": "architect"}]
    assert work["expires_at"] > time.time()

    _, out, _ = await maestro("auth", "token", "--identity", "work", "--json")
    told = json.loads(out)
    assert (told["studio"], told["identity"]) == (studio.url, "work")
    assert told["expires_at"] > time.time() + 300
    _, out, _ = await maestro(
        "auth", "invite", "--role", "member", "--project", "github:acme/p", "--identity", "work", "--json"
    )
    told = json.loads(out)
    assert told["invite"].startswith(f"{studio.url}#")
    assert (told["role"], told["project"]) == ("member", "github:acme/p")
    _, out, _ = await maestro("auth", "logout", "--json")
    told = json.loads(out)
    assert (told["identity"], told["told"], told["everywhere"]) == ("work", True, False)


async def test_an_invite_is_read_from_standard_input(maestro, studio, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(await invite(studio) + "\n"))
    assert (await maestro("auth", "-", "--identity", "work"))[0] == 0
    bare = (await invite(studio)).partition("#")[2]
    monkeypatch.setattr(sys, "stdin", io.StringIO(bare))
    code, out, _ = await maestro("auth", "--studio", studio.url, "-")
    assert (code, out.splitlines()[0]) == (0, "the role was added")


async def test_at_a_terminal_what_is_pasted_is_not_shown(maestro, studio, monkeypatch):
    text = await invite(studio)

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: text + "\n")
    assert (await maestro("auth", "-", "--identity", "work"))[0] == 0


async def test_tokens_are_in_the_keyring_where_there_is_one_and_status_says_so(maestro, studio, home):
    backend = MemoryKeyring()
    with installed(backend):
        await maestro("auth", await invite(studio), "--identity", "work")
        assert "  tokens  the system's keyring" in (await maestro("auth", "status"))[1]
        assert list(backend.secrets) == [("maestro", f"work@{home.instance}")]
        await maestro("auth", await invite(studio), "--identity", "work", "--file")
        assert "a file for you alone (0600)" in (await maestro("auth", "status"))[1]
        assert backend.secrets == {}


async def test_no_command_but_token_and_invite_prints_a_secret(maestro, studio, home):
    text = await invite(studio)
    first = await maestro("auth", text, "--identity", "work")
    tokens = Identities(home).tokens(Identity("work", studio.url)).tokens()
    further = (("status",), ("status", "--json"), (text,), ("invite", "--role", "boss"), ("logout", "--json"))
    said = [first, *[await maestro("auth", *words) for words in further]]
    secrets = (tokens.access_token, tokens.refresh_token, text.partition("#")[2])
    assert not any(secret in str(said) for secret in secrets)


async def test_an_offline_studio_is_said_to_be_and_the_rest_is_shown(maestro, studio):
    await maestro("auth", await invite(studio), "--identity", "work")
    await studio.stop()
    code, out, _ = await maestro("auth", "status")
    assert code == 0
    assert "  state   offline" in out
    assert "does not answer" in out
    assert "renewable for 29d" in out
    code, out, err = await maestro("auth", "logout", "--everywhere")
    assert (code, out) == (1, "")
    assert "does not answer" in err
    code, out, err = await maestro("auth", "logout")
    assert code == 0
    assert err.startswith(
        "warning: Studio was not told, and the sign-in ends there by itself within 30 days: "
    )


async def test_a_used_invite_says_so_and_what_to_do(maestro, studio):
    text = await invite(studio)
    await maestro("auth", text, "--identity", "work")
    code, out, err = await maestro("auth", text, "--identity", "other")
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "error: not signed in: the invite was already used",
        f"hint: {Unauthenticated('').hint}",
    ]
    code, out, _ = await maestro("auth", text, "--identity", "other", "--json")
    assert json.loads(out)["error_kind"] == "unauthenticated"


BARE = "a" * 43


@pytest.mark.parametrize(
    ("words", "message", "exit_code"),
    [
        (("auth", "statsu"), "'statsu' is neither a command nor an invite (did you mean status?)", 2),
        (("auth", BARE), "the invite does not say which Studio it is for", 2),
        (("auth", f"http://studio.example.com#{BARE}"), "http://studio.example.com is plain http: whoever is on the way could read the tokens", 2),
        (("auth", f"ftp://x#{BARE}"), "'ftp://x' is not the address of a Studio", 2),
        (("auth", f"https://x.dev#{BARE}", "--studio", "https://y.dev"), "the invite is for https://x.dev, not for https://y.dev", 2),
        (("auth", f"https://x.dev#{BARE}", "--identity", "a/b"), "'a/b' cannot be the name of an identity", 2),
        (("auth", "invite", "--role", "membr"), "there is no role 'membr' (did you mean member?)", 2),
        (("auth", "invite"), "Missing option '--role'.", 2),
        (("auth", "logout"), "there is no sign-in but that of this machine at its own Studio", 2),
        (("auth", "logout", "--identity", "local"), "the daemon needs the tokens of this machine's own Studio", 1),
        (("auth", "token", "--identity", "nobody"), "there is no identity 'nobody'", 1),
        (("auth", "token", "--studio", "https://x.dev"), "there is no identity at 'https://x.dev'", 1),
    ],
)  # fmt: skip
async def test_bad_words_get_a_sentence_and_nothing_is_sent(maestro, home, words, message, exit_code):
    code, out, err = await maestro(*words)
    assert (code, out) == (exit_code, "")
    assert err.splitlines()[0] == f"error: {message}"
    assert not (home.root / "config.toml").exists()


async def test_a_broken_configuration_costs_no_invite(maestro, studio, home):
    home.prepare()
    (home.root / "config.toml").write_text("[identities\n")
    text = await invite(studio)
    assert (await maestro("auth", text))[0] == 2
    (home.root / "config.toml").unlink()
    assert (await maestro("auth", text))[0] == 0


async def test_plain_http_is_for_those_who_insist(maestro, home, monkeypatch):
    sent = []
    monkeypatch.setattr("maestro_ray.connection.account.redeem", lambda _all, who, *_, **__: sent.append(who))
    monkeypatch.setattr(
        "maestro_ray.connection.account.look",
        lambda *_: {"name": "x", "studio": "y", "state": "offline", "detail": ""},
    )
    assert (await maestro("auth", f"http://10.9.8.7:1#{BARE}"))[0] == 2
    assert sent == []
    assert (await maestro("auth", f"http://10.9.8.7:1#{BARE}", "--insecure"))[0] == 0
    assert sent == [Identity("10-9-8-7-1", "http://10.9.8.7:1", insecure=True)]


def test_what_others_are_called_is_safe_for_a_terminal():
    shown = {
        "name": "x", "studio": "y", "state": "signed_in", "detail": "", "user": "a\x1b[2Jb", "roles": {"p": "lead"},
        "projects": [{"key": "k\n\x1b[31m", "role": "lead"}], "expires_at": 1.0, "refresh_expires_at": 0.0,
    }  # fmt: skip
    assert "\x1b" not in _block(shown)
    assert "access to be renewed" in _block(shown)


def test_status_imports_neither_http_libraries_nor_the_keyring(tmp_path):
    code = "import sys; from maestro_cli import main; main.run(['auth', 'status']); print(sorted({'keyring', 'httpx', 'tomlkit', 'asyncio'} & set(sys.modules)))"
    env = {"PYTHONPATH": ":".join(sys.path), "MAESTRO_HOME": str(tmp_path / "none"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, check=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert not (tmp_path / "none").exists()


def test_the_words_of_the_group_are_those_that_are_suggested():
    assert {each.callback.__name__ for each in auth.app.registered_commands} == {
        "redeem",
        "status",
        "logout",
        "invite",
        "token",
    }
