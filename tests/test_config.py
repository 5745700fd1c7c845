from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.config import KEYS, Config, ProviderTable, RoleTable
from maestro_ray.errors import ConfigError
from maestro_ray.home import Home


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    return home


def load(home, text, repo_text=None):
    (home.root / "config.toml").write_text(text)
    repo = home.root.parent / "repo"
    if repo_text is not None:
        (repo / ".maestro").mkdir(parents=True)
        (repo / ".maestro" / "config.toml").write_text(repo_text)
    return Config.load(home, repo)


def test_without_files_the_defaults_hold(home):
    assert Config.load(home) == Config()


def test_the_repository_wins_over_the_home_key_by_key(home):
    text = (
        '[team]\nattempts = 5\nrevision_cap = 1\n[providers.a]\nargv = ["a"]\n[providers.b]\nargv = ["b"]\n'
    )
    config = load(
        home, text, '[team]\nattempts = 7\n[providers.a]\nargv = ["other"]\nverdict = "exit-code"\n'
    )

    assert (config.attempts, config.revision_cap) == (7, 1)
    assert config.providers["a"] == ProviderTable("command", ("other",), (), "exit-code")
    assert config.providers["b"].argv == ("b",)


def test_every_key_can_be_set(home):
    values = {"name": '"ada"', "port": "4711", "log": '"info"'}
    for table, keys in KEYS.items():
        for key, (field, _) in keys.items():
            config = load(home, f"[{table}]\n{key} = {values.get(key, 7)}\n")
            assert getattr(config, field) != getattr(Config(), field), f"{table}.{key}"


def test_roles_make_worker_roles(home):
    config = load(home, '[roles.docs]\nprovider = "command:true"\nskills = ["prose:5"]\n')

    assert config.roles == {"docs": RoleTable("command:true", ("prose:5",))}


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("[team]\natempts = 3\n", 2, 1, "unknown key 'atempts' (did you mean attempts?)"),
        ("[tema]\n", 1, 1, "unknown key 'tema' (did you mean team?)"),
        ('[team]\nattempts = "3"\n', 2, 1, "'attempts' must be a whole number, not a string"),
        ("[team]\nattempts = -1\n", 2, 1, "'attempts' cannot be negative"),
        ("[team]\nattempts = 0\n", 2, 1, "'attempts' must be at least 1"),
        ("[roles.lead]\n", 1, 1, "'lead' cannot be the name of a worker role: that is maestro's own"),
        (
            '[roles."a b"]\n',
            1,
            1,
            "'a b' cannot be the name of a worker role: use small letters, digits and '-'",
        ),
        (
            '[providers.x]\nkind = "nope"\n',
            2,
            1,
            "there is no kind of provider 'nope': command, scripted or one of a package",
        ),
        ("[lease]\nping = 0\n", 2, 1, "'ping' must be more than 0 seconds"),
        ("[studio]\nport = 70000\n", 2, 1, "'port' is a port, 0 to 65535"),
        ('[studio]\nlog = "loud"\n', 2, 1, "'log' is one of debug, info, warning, error"),
        ('[bot]\nname = " "\n', 2, 1, "'name' must be a name"),
        ('[providers.x]\nverdict = "maybe"\n', 2, 1, 'verdict is "line" or "exit-code"'),
        ("a = \n", 1, 5, "Invalid value"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_the_file_is_left_alone(home, text, line, column, message):
    with pytest.raises(ConfigError) as caught:
        load(home, text)

    assert caught.value.args == (str(home.root / "config.toml"), line, column, message)
    assert (home.root / "config.toml").read_text() == text


def test_a_file_that_is_no_text_is_told(home):
    (home.root / "config.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        Config.load(home)


@given(st.text())
def test_no_text_raises_anything_else(tmp_path_factory, text):
    home = Home(tmp_path_factory.mktemp("h"), tmp_path_factory.mktemp("r"))
    (home.root / "config.toml").write_text(text, encoding="utf-8", errors="replace")
    try:
        Config.load(home)
    except ConfigError as error:
        assert error.args[1] >= 1
