"""Tokens on disk: private, renewed by one at a time, whoever and however many need them."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.connection.tokens import MARGIN, TokenFile
from maestro_ray.errors import Unauthenticated


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


def _renew(path: Path, log: Path, barrier: Any) -> None:
    """One of several processes that find the same token too old."""

    def post(_path: str, body: dict[str, Any]) -> dict[str, Any]:
        with log.open("a") as file:
            file.write(body["refresh_token"] + "\n")
        time.sleep(0.05)  # the others are certainly waiting by now
        return {"access_token": "fresh", "refresh_token": "next", "expires_in": 900}

    barrier.wait(20)
    assert TokenFile(path, post).access_token() == "fresh"


def test_processes_that_renew_at_once_make_one_refresh(path: Path, tmp_path: Path) -> None:
    path.write_text(json.dumps({"access_token": "old", "refresh_token": "first", "expires_at": 0}))
    spawn = multiprocessing.get_context("fork")
    barrier = spawn.Barrier(3)
    processes = [spawn.Process(target=_renew, args=(path, tmp_path / "log", barrier)) for _ in range(3)]
    start_all(processes, lambda process: process.start())
    start_all(processes, lambda process: process.join(30))
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "first\n"


def start_all(processes: list[Any], do: Callable[[Any], None]) -> None:
    for process in processes:
        do(process)
