"""Tokens on disk: private, renewed by one at a time, whoever and however many need them."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyrings import ForgetfulKeyring, MemoryKeyring, installed

from maestro_ray.connection import tokens as module
from maestro_ray.connection.system_keyring import system_keyring
from maestro_ray.connection.tokens import MARGIN, TokenFile
from maestro_ray.errors import StudioUnavailable, Unauthenticated


class Studio:
    """Gives out numbered tokens; a refresh token that is used twice revokes everything, as the real one does."""

    def __init__(self, lasts: float = 900.0) -> None:
        self.lasts = lasts
        self.calls: list[str] = []

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(path)
        given = body.get("refresh_token", body.get("token"))
        assert path == "auth/redeem" or given == f"refresh-{len(self.calls) - 1}", "a token was used twice"
        number = len(self.calls)
        return {
            "access_token": f"access-{number}",
            "refresh_token": f"refresh-{number}",
            "expires_in": self.lasts,
        }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def test_an_invite_becomes_tokens_that_are_the_owners_alone(path: Path) -> None:
    studio = Studio()
    tokens = TokenFile(path, studio.post)
    assert not tokens.exists()
    assert tokens.redeem("invite", "me") == "access-1" == tokens.access_token()
    assert tokens.exists()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir() if file.suffix not in (".json", ".lock")] == []
    assert studio.calls == ["auth/redeem"]


def test_a_token_is_renewed_before_it_ends(path: Path) -> None:
    studio = Studio(lasts=MARGIN - 1)
    tokens = TokenFile(path, studio.post)
    tokens.redeem("invite", "me")
    studio.lasts = 900
    assert tokens.access_token() == "access-2" == tokens.access_token()
    assert studio.calls == ["auth/redeem", "auth/refresh"]


def test_a_token_that_was_refused_is_renewed_unless_somebody_has_done_it(path: Path) -> None:
    studio = Studio()
    tokens, other = TokenFile(path, studio.post), TokenFile(path, studio.post)
    refused = tokens.redeem("invite", "me")
    assert tokens.renew(refused) == "access-2"
    assert other.renew(refused) == "access-2"
    assert studio.calls.count("auth/refresh") == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"access_token": "x"}', "null"])
def test_a_damaged_file_is_not_signed_in(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(Unauthenticated):
        TokenFile(path, Studio().post).access_token()


def test_without_a_file_nobody_is_signed_in(path: Path) -> None:
    with pytest.raises(Unauthenticated):
        TokenFile(path, Studio().post).access_token()


# ── a Studio that is away, an answer that is lost ────────────────────────────────────────────────────────────────────


def away(_path: str, _body: dict[str, Any]) -> dict[str, Any]:
    raise StudioUnavailable("http://studio", "refused")


def kept(path: Path, left: float) -> None:
    document = {"access_token": "a", "refresh_token": "r", "expires_at": time.time() + left}
    path.write_text(json.dumps(document))


def test_a_token_that_still_counts_is_used_while_studio_is_away(path: Path) -> None:
    kept(path, MARGIN / 2)
    assert TokenFile(path, away).access_token() == "a"
    kept(path, -1)
    with pytest.raises(StudioUnavailable):
        TokenFile(path, away).access_token()


def test_a_renewal_whose_answer_was_lost_is_repeated_with_the_same_token(path: Path) -> None:
    kept(path, -1)
    asked: list[str] = []

    def post(_path: str, body: dict[str, Any]) -> dict[str, Any]:
        asked.append(body["refresh_token"])
        if len(asked) == 1:
            return away(_path, body)
        return {"access_token": "b", "refresh_token": "s", "expires_in": 900}

    assert TokenFile(path, post).access_token() == "b"
    assert asked == ["r", "r"]


def test_a_sign_in_that_has_ended_is_not_asked_about_at_once_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(path, -1)
    asked: list[str] = []

    def post(_path: str, body: dict[str, Any]) -> dict[str, Any]:
        asked.append(body.get("refresh_token", "invite"))
        if asked[-1] == "r":
            raise Unauthenticated("the refresh token was revoked")
        return {"access_token": "b", "refresh_token": "s", "expires_in": 900}

    tokens = TokenFile(path, post)
    for _ in range(3):
        with pytest.raises(Unauthenticated, match="was revoked"):
            tokens.access_token()
    assert asked == ["r"]
    monkeypatch.setattr(module, "ENDED_FOR", 0.0)
    tokens = TokenFile(path, post)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            tokens.access_token()
    assert asked == ["r", "r", "r"]
    # a new sign-in is another token
    tokens.redeem("invite", "me")
    assert tokens.access_token() == "b"


def test_more_time_may_be_asked_for(path: Path) -> None:
    studio = Studio(lasts=200)
    tokens = TokenFile(path, studio.post)
    tokens.redeem("invite", "me")
    assert tokens.access_token() == "access-1"
    assert tokens.access_token(margin=300) == "access-2"


def test_what_another_process_stored_is_seen(path: Path) -> None:
    tokens = TokenFile(path, Studio().post)
    tokens.redeem("invite", "me")
    kept(path, 900)
    assert tokens.access_token() == "a"
    TokenFile(path, away).forget()
    with pytest.raises(Unauthenticated, match="no tokens are stored"):
        tokens.access_token()


# ── the keyring ──────────────────────────────────────────────────────────────────────────────────────────────────────


def in_keyring(path: Path, post: Any) -> TokenFile:
    return TokenFile(path, post, system_keyring, "work@1")


def test_with_a_keyring_the_file_holds_no_token(path: Path) -> None:
    studio, backend = Studio(), MemoryKeyring()
    with installed(backend):
        tokens = in_keyring(path, studio.post)
        tokens.redeem("invite", "me")
        assert tokens.place() == "keyring"
        assert json.loads(path.read_text()) == {"keyring": "work@1"}
        assert "access-1" in backend.secrets["maestro", "work@1"]
        assert in_keyring(path, studio.post).renew("access-1") == "access-2"
        assert (tokens.access_token(), tokens.place()) == ("access-2", "keyring")
        reads = backend.reads
        assert [tokens.access_token() for _ in range(5)] == ["access-2"] * 5
        assert backend.reads == reads, "a keyring is slow: it is asked when something has changed"
        tokens.forget()
        assert (backend.secrets, tokens.exists(), tokens.place()) == ({}, False, "")


@pytest.mark.parametrize("backend", [None, ForgetfulKeyring()])
def test_without_one_that_keeps_them_they_are_in_a_file(path: Path, backend: Any, capfd: Any) -> None:
    with installed(backend):
        tokens = in_keyring(path, Studio().post)
        tokens.redeem("invite", "me")
        assert (tokens.access_token(), tokens.place()) == ("access-1", "file")
    assert path.stat().st_mode & 0o777 == 0o600
    assert capfd.readouterr() == ("", "")


def test_who_wants_a_file_gets_one_and_it_stays_one(path: Path) -> None:
    backend, studio = MemoryKeyring(), Studio()
    with installed(backend):
        tokens = in_keyring(path, studio.post)
        tokens.redeem("invite", "me")
        tokens.redeem("another", "me", in_file=True)
        assert (tokens.place(), backend.secrets) == ("file", {})
        tokens.renew("access-2")
        assert (tokens.place(), backend.secrets) == ("file", {})


def test_a_keyring_that_is_locked_meanwhile_costs_no_token(path: Path) -> None:
    """The old refresh token is used up when the new one cannot be put there."""
    backend, studio = MemoryKeyring(), Studio()
    with installed(backend):
        tokens = in_keyring(path, studio.post)
        tokens.redeem("invite", "me")
        backend.locked = True
        assert tokens.renew("access-1") == "access-2"
        assert tokens.place() == "file"
        assert in_keyring(path, studio.post).access_token() == "access-2"


def test_whoever_is_ended_while_the_keyring_asks_has_the_tokens_still(path: Path) -> None:
    found: list[tuple[int, str]] = []

    class Asking(MemoryKeyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            found.append((path.stat().st_mode & 0o777, TokenFile(path, away).access_token()))
            super().set_password(service, username, password)

    with installed(Asking()):
        tokens = in_keyring(path, Studio().post)
        tokens.redeem("invite", "me")
        tokens.renew("access-1")
    assert found == [(0o600, "access-1"), (0o600, "access-2")]


def test_tokens_that_cannot_be_reached_are_said_to_be_there(path: Path) -> None:
    backend = MemoryKeyring()
    with installed(backend):
        in_keyring(path, Studio().post).redeem("invite", "me")
        backend.locked = True
        with pytest.raises(Unauthenticated, match="KeyringLocked") as locked:
            in_keyring(path, away).access_token()
        assert "--file" in locked.value.hint
        backend.locked = False
        backend.secrets.clear()
        with pytest.raises(Unauthenticated, match="no longer"):
            in_keyring(path, away).access_token()
    with installed(None), pytest.raises(Unauthenticated, match="there is none here"):
        in_keyring(path, away).access_token()


# ── many at once ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_threads_that_renew_at_once_make_one_refresh(path: Path) -> None:
    studio = Studio()
    tokens = TokenFile(path, studio.post)
    refused = tokens.redeem("invite", "me")
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: tokens.renew(refused), range(8)))
    assert found == {"access-2"}
    assert studio.calls == ["auth/redeem", "auth/refresh"]


def _renew(path: Path, log: Path, barrier: Any) -> None:
    """One of several processes that find the same token too old."""

    def post(_path: str, body: dict[str, Any]) -> dict[str, Any]:
        with log.open("a") as file:
            file.write(body["refresh_token"] + "\n")
        time.sleep(0.05)  # the others are certainly waiting by now
        return {"access_token": "fresh", "refresh_token": "next", "expires_in": 900}

    barrier.wait(60)
    assert TokenFile(path, post).access_token() == "fresh"


def test_processes_that_renew_at_once_make_one_refresh(path: Path, tmp_path: Path) -> None:
    path.write_text(json.dumps({"access_token": "old", "refresh_token": "first", "expires_at": 0}))
    spawn = multiprocessing.get_context("fork")
    barrier = spawn.Barrier(3)
    processes = [spawn.Process(target=_renew, args=(path, tmp_path / "log", barrier)) for _ in range(3)]
    start_all(processes, lambda process: process.start())
    start_all(processes, lambda process: process.join(60))
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "first\n"


def start_all(processes: list[Any], do: Callable[[Any], None]) -> None:
    for process in processes:
        do(process)


@given(st.binary(max_size=80) | st.builds(lambda value: json.dumps(value).encode(), st.recursive(
    st.none() | st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["access_token", "refresh_token", "expires_at", "keyring"]), inner), max_leaves=5)))  # fmt: skip
def test_any_file_holds_tokens_or_nobody_is_signed_in(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "tokens.json"
        path.write_bytes(content)
        try:
            TokenFile(path, "http://127.0.0.1:1").tokens()
        except Unauthenticated:
            return
    assert b"access_token" in content
