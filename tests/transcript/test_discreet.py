from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.home import Home
from maestro_ray.redaction import Secrets
from maestro_ray.transcript.discreet import REACH, Discreet, discreet, secrets_of

SECRET = "hunter2-and-more"


def hiding(*secrets: str, **places: str) -> Discreet:
    return Discreet(Secrets(secrets or [SECRET]), {path: instead for instead, path in places.items()})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "ada" / "state", tmp_path / "ada" / "state" / "run")
    home.prepare()
    return home


def test_secrets_places_and_what_is_no_text_are_hidden() -> None:
    each = Discreet(Secrets([SECRET]), {"/home/ada": "~", "/home/ada/state": "$MAESTRO_HOME"})
    assert (
        each.hide(f"{SECRET} ghp_{'a1B2' * 9} https://me:pw@example.com/x")
        == "*** *** https://***@example.com/x"
    )
    assert each.hide("in /home/ada/x, (/home/ada) and /home/ada/state/worktrees/w") == (
        "in ~/x, (~) and $MAESTRO_HOME/worktrees/w"
    )
    assert each.hide("file:///home/ada/x") == "file://~/x"
    assert each.hide("a/home/ada b /home/adalbert /home/ada-2 x/home/ada") == (
        "a/home/ada b /home/adalbert /home/ada-2 x/home/ada"
    )
    assert each.hide("a\ud800b") == "a\ufffdb"


def test_every_text_of_a_value_is_hidden_also_names() -> None:
    told = hiding().hide_all({SECRET: [SECRET, 1, None, True, {"api_token": "abc"}], "n": (SECRET,)})
    assert told == {"***": ["***", 1, None, True, {"api_token": "***"}], "n": ["***"]}


@given(st.integers(0, 60), st.integers(1, 120))
def test_a_secret_that_is_cut_in_two_is_not_there_either(before: int, most: int) -> None:
    """Red with `hide(text[:most])`."""
    text = "x" * before + " " + SECRET + " " + "y" * 3 * REACH
    begins = hiding().beginning(text, most)
    ends = hiding().ending(text[::-1].replace(SECRET[::-1], SECRET), most)
    assert len(begins) <= most
    assert len(ends) <= most
    for kept in (begins, ends):
        assert not any(SECRET[at : at + 5] in kept for at in range(len(SECRET) - 4))


def test_short_texts_are_whole() -> None:
    assert hiding().beginning("short", 100) == hiding().ending("short", 100) == "short"
    assert (hiding().beginning("abcdef", 3), hiding().ending("abcdef", 3)) == ("abc", "def")
    assert (hiding().beginning("abc", 0), hiding().ending("abc", 0)) == ("", "")


def test_what_this_shell_and_this_home_know_is_hidden(home: Home, tmp_path: Path) -> None:
    """Each of the files, as whoever writes it has it. Red without its line in `secrets_of`."""
    tokens = {"access_token": "access-token-1", "refresh_token": "refresh-token-1", "expires_at": 1.0}
    (home.run / "tokens.json").write_text(json.dumps(tokens))
    (home.identities / "far.json").write_text(json.dumps({"refresh_token": "refresh-token-2"}))
    (home.run / "team-1.env").write_text(json.dumps({"MY_API_KEY": "key-of-a-team", "LANG": "de_DE.UTF-8"}))
    (home.run / "invite").write_text("invite-of-the-home\n")
    assert set(secrets_of(home)) == {
        "access-token-1", "refresh-token-1", "refresh-token-2", "key-of-a-team", "invite-of-the-home",
    }  # fmt: skip
    each = discreet(home, {"HOME": str(tmp_path / "ada"), "DB_PASSWORD": SECRET, "LANG": "de_DE.UTF-8"})
    said = f"refresh-token-2 key-of-a-team {SECRET} de_DE.UTF-8 {home.root}/x {tmp_path}/ada/y {tmp_path}"
    assert each.hide(said) == f"*** *** *** de_DE.UTF-8 $MAESTRO_HOME/x ~/y {tmp_path}"


def test_broken_files_of_the_home_keep_nothing_up(home: Home) -> None:
    for text in ("", "[1]", "{", "[" * 100_000, '{"access_token": 5}'):
        (home.run / "tokens.json").write_text(text)
        assert list(secrets_of(home)) == []


def test_a_home_that_is_a_link_is_hidden_by_both_names(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    home = Home(tmp_path / "state", tmp_path / "state" / "run")
    each = discreet(home, {"HOME": str(link)})
    assert each.hide(f"{link}/a {real}/b") == "~/a ~/b"


def test_the_root_of_all_is_no_home(tmp_path: Path) -> None:
    home = Home(tmp_path / "state", tmp_path / "state" / "run")
    assert discreet(home, {"HOME": "/"}).hide("/etc/x / y") == "/etc/x / y"
