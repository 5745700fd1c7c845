from __future__ import annotations

from pathlib import Path

import pytest
from keyrings import MemoryKeyring, installed

from maestro_ray.connection.identities import Identities, Identity, check_name
from maestro_ray.errors import ConfigError, Conflict, NotFound, UsageError
from maestro_ray.home import Home

WORK, HOBBY = "https://work.example.com", "https://hobby.example.com:8443"


@pytest.fixture
def identities(home: Home) -> Identities:
    (home.run / "studio.json").write_text('{"url": "http://127.0.0.1:4711"}')
    return Identities(home)


def names(found: list[Identity]) -> list[str]:
    return [each.name for each in found]


def test_local_is_always_there_and_the_others_stand_in_the_file(identities: Identities, home: Home) -> None:
    assert identities.all() == [Identity("local", "http://127.0.0.1:4711")]
    identities.add(Identity("work", WORK))
    identities.add(Identity("lan", "http://10.0.0.7:1", insecure=True))
    assert names(identities.all()) == ["local", "work", "lan"]
    assert Identities(home).named("lan") == Identity("lan", "http://10.0.0.7:1", insecure=True)
    (home.run / "studio.json").unlink()
    assert identities.all()[0] == Identity("local", "")


def test_one_is_chosen_by_name_or_by_studio(identities: Identities) -> None:
    identities.add(Identity("work", WORK))
    assert identities.choose("", f"{WORK}:443/").name == "work"
    assert identities.choose("local", "").local
    assert identities.at("http://127.0.0.1:4711").local
    assert identities.choose("work", WORK).name == "work"
    with pytest.raises(UsageError, match="is at https://work"):
        identities.choose("work", HOBBY)
    with pytest.raises(NotFound, match="'nobody'"):
        identities.choose("nobody", "")
    with pytest.raises(NotFound, match="hobby"):
        identities.at(HOBBY)
    identities.add(Identity("boss", WORK))
    with pytest.raises(UsageError, match="which identity: work, boss") as several:
        identities.at(WORK)
    assert several.value.hint == "for example: --identity work"


def test_an_invite_is_for_who_is_there_or_for_somebody_new(identities: Identities) -> None:
    new = identities.invited(HOBBY)
    assert new == Identity("hobby-example-com-8443", HOBBY)
    identities.add(Identity("work", WORK))
    assert identities.invited(WORK).name == "work"
    assert identities.invited(WORK, "boss").name == "boss"
    identities.add(Identity("hobby-example-com-8443", WORK))
    assert identities.invited(HOBBY).name == "hobby-example-com-8443-2"
    with pytest.raises(Conflict, match="at another Studio"):
        identities.invited(HOBBY, "work")
    with pytest.raises(Conflict, match="the Studio of this machine"):
        identities.invited("http://127.0.0.1:4711")
    assert identities.invited("http://127.0.0.1:4711", "guest").name == "guest"


@pytest.mark.parametrize("name", ["local", "", "a/b", "..", "-x", "a" * 65, "ä"])
def test_a_name_is_a_word(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)
    assert check_name("Work_2-b") == "Work_2-b"


@pytest.mark.parametrize(
    "text",
    [
        "[identities.x]\n",
        '[identities.x]\nstudio = "x.dev"\n',
        '[identities.x]\nstudio = "https://u:p@x.dev"\n',
        '[identities.local]\nstudio = "https://x.dev"\n',
        '[identities."a/b"]\nstudio = "https://x.dev"\n',
        '[identities.x]\nstudio = "https://x.dev"\ntoken = "secret"\n',
        '[identities.x]\nstudio = "https://x.dev"\ninsecure = "yes"\n',
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(identities: Identities, home: Home, text: str) -> None:
    (home.root / "config.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"config.toml:\d:\d: "):
        identities.all()


def test_tokens_of_local_are_never_in_a_keyring(identities: Identities, home: Home) -> None:
    backend = MemoryKeyring()
    answer = {"access_token": "a", "refresh_token": "r", "expires_in": 900}
    with installed(backend):
        tokens = identities.tokens(identities.named("local"))
        tokens.keep(answer)
        assert (tokens.place(), backend.secrets) == ("file", {})
        assert (home.run / "tokens.json").exists()
        work = identities.tokens(Identity("work", WORK))
        work.keep(answer)
        assert (work.place(), list(backend.secrets)) == ("keyring", [("maestro", f"work@{home.instance}")])
        identities.add(Identity("work", WORK))
        identities.remove(Identity("work", WORK))
        assert (backend.secrets, names(identities.all())) == ({}, ["local"])
    assert not (home.identities / "work.json").exists()


def test_no_tokens_go_over_plain_http_to_another_machine(identities: Identities) -> None:
    """Also when somebody has edited the file by hand."""
    with pytest.raises(UsageError, match="plain http"):
        identities.tokens(Identity("lan", "http://10.0.0.7"))
    identities.tokens(Identity("lan", "http://10.0.0.7", insecure=True))
    identities.add(Identity("lan", "http://10.0.0.7"))
    identities.remove(Identity("lan", "http://10.0.0.7"))


def test_a_repository_names_no_identities(home: Home, tmp_path: Path) -> None:
    from maestro_ray.config import Config

    (tmp_path / ".maestro").mkdir()
    (tmp_path / ".maestro" / "config.toml").write_text(f'[identities.x]\nstudio = "{WORK}"\n')
    with pytest.raises(ConfigError, match=r"belongs in the config\.toml of the state directory"):
        Config.load(home, tmp_path)
