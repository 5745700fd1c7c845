from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.config import KEYS, OF_THE_HOME, Config, ProviderTable, RoleTable
from maestro_ray.errors import ConfigError
from maestro_ray.home import Home
from maestro_ray.limits_table import LimitsTable

DATABASE = (
    "'database' is an address of the form postgresql://USER:PASSWORD@HOST:PORT/NAME,"
    " with special characters of the password as %XX"
)


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
    config = load(home, "[team]\nattempts = 5\nrevision_cap = 1\n", "[team]\nattempts = 7\n")

    assert (config.attempts, config.revision_cap) == (7, 1)


def test_a_repository_does_not_redefine_the_operators_providers_and_roles(home):
    config = load(
        home,
        '[providers.judge]\nargv = ["strict-judge"]\n[roles.review]\nprovider = "judge"\n',
        '[providers.judge]\nargv = ["true"]\nverdict = "exit-code"\nenv = ["SECRET"]\n'
        '[providers.fmt]\nargv = ["fmt"]\n'
        '[roles.review]\nprovider = "fmt"\n[roles.dev]\nprovider = "fmt"\n',
    )

    assert config.providers == {
        "judge": ProviderTable(argv=("strict-judge",)),
        "fmt": ProviderTable(argv=("fmt",)),
    }
    assert config.roles == {"review": RoleTable("judge"), "dev": RoleTable("fmt")}
    assert config.theirs == {"fmt"}


def test_a_repository_names_no_variable_that_the_operator_does_not_allow(home):
    table = '[providers.fmt]\nargv = ["fmt"]\nenv = ["FMT_KEY", "GITHUB_TOKEN"]\n'
    with pytest.raises(ConfigError) as caught:
        load(home, '[agents]\nenv = ["FMT_KEY"]\n', table)
    path = str(home.root.parent / "repo" / ".maestro" / "config.toml")
    assert caught.value.args[:4] == (
        path, 3, 19, "a repository may not name the variable 'GITHUB_TOKEN' for an agent",
    )  # fmt: skip
    assert '[agents] env = ["GITHUB_TOKEN"]' in caught.value.hint

    (home.root / "config.toml").write_text('[agents]\nenv = ["FMT_KEY", "GITHUB_TOKEN"]\n')
    config = Config.load(home, home.root.parent / "repo")
    assert config.providers["fmt"].env == ("FMT_KEY", "GITHUB_TOKEN")


@pytest.mark.parametrize("name", OF_THE_HOME)
def test_what_is_about_the_machine_is_not_for_a_repository(home, name):
    with pytest.raises(ConfigError, match=rf"\[{name}\] belongs in the config.toml of the state directory"):
        load(home, "", f"[{name}]\n")


def test_every_key_can_be_set(home):
    values = {
        "name": '"ada"',
        "port": "4711",
        "database": '"postgresql://db/maestro"',
        "log": '"info"',
        "ping": "2",
        "session": "100",
        "env": '["X"]',
        "policy": '"any"',
        "team_tools": "false",
    }
    for table, keys in KEYS.items():
        for key, (field, _) in keys.items():
            config = load(home, f"[{table}]\n{key} = {values.get(key, 7)}\n")
            assert getattr(config, field) != getattr(Config(), field), f"{table}.{key}"


def test_a_database_is_of_the_home_and_its_password_is_not_shown(home):
    config = load(home, '[studio]\ndatabase = "postgres://ada:hunter2@db/x?host=/run/pg"\n')
    assert config.studio_database == "postgresql://ada:hunter2@db/x?host=/run/pg"
    assert "hunter2" not in repr(config)
    with pytest.raises(ConfigError, match=r"belongs in the config\.toml of the state directory"):
        load(home, "", '[studio]\ndatabase = "postgresql://ada:hunter2@db/x"\n')


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
        ("[ray]\nconnections_per_actor = 0\n", 2, 1, "'connections_per_actor' must be at least 1"),
        ("[team]\nattempts = 0\n", 2, 1, "'attempts' must be at least 1"),
        ('[roles.lead]\nskills = ["python"]\n', 2, 1, "unknown key 'skills'"),
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
            "there is no kind of provider 'nope': claude, codex, gemini, opencode, qwen, pi, acp, command, manual, scripted or one of a package",
        ),
        ("[lease]\nping = 0\n", 2, 1, "'ping' must be more than 0 seconds"),
        ("[studio]\nport = 70000\n", 2, 1, "'port' is a port, 0 to 65535"),
        ('[studio]\nlog = "loud"\n', 2, 1, "'log' is one of debug, info, warning, error"),
        ("[ray]\npool = 257\n", 2, 1, "'pool' is at most 256: each of them is a process"),
        ("[lease]\nping = 4\n", 2, 1, "'ping' (4 s) must be less than 'worker' (4 s)"),
        ("[lease]\nping = 0.6\nworker = 0.5\n", 3, 1, "'ping' (0.6 s) must be less than 'worker' (0.5 s)"),
        ("[lease]\nsession = 20\n", 2, 1, "'session_heartbeat' (30 s) must be less than 'session' (20 s)"),
        ("[lease]\nsession_heartbeat = 1e9\n", 2, 1,
         "'session_heartbeat' (1e+09 s) must be less than 'session' (90 s)"),
        ('[bot]\nname = " "\n', 2, 1, "'name' must be a name"),
        ('[providers.x]\nverdict = "maybe"\n', 2, 1, 'verdict is "line" or "exit-code"'),
        ('[studio]\ndatabase = "mysql://ada:hunter2@h/x"\n', 2, 1, DATABASE),
        ('[studio]\ndatabase = "postgresql://ada:hunter2@h:port/x"\n', 2, 1, DATABASE),
        ('[studio]\ndatabase = "postgresql://ada:hunter2@[h/x"\n', 2, 1, DATABASE),
        ('[studio]\ndatabase = "/home/ada/studio.db"\n', 2, 1, DATABASE),
        ('[agents.limits]\nmemory = "lots"\n', 2, 1,
         "'memory' is a number of bytes, or a text such as \"512M\" or \"2G\""),
        ('[agents.limits]\nmemory = "1K"\n', 2, 1, "'memory' is at least 1048576: nothing runs with less"),
        ("[agents.limits]\nopen_files = 3\n", 2, 1, "'open_files' is at least 16: nothing runs with less"),
        ("[agents.limits]\ncpu = -1\n", 2, 1, "'cpu' cannot be negative"),
        ('[agents.limits]\nfile_size = "999999999T"\n', 2, 1, "'file_size' is more than any machine has"),
        ("[agents.limits]\nmem = 1\n", 2, 1, "unknown key 'mem' (did you mean memory?)"),
        ("a = \n", 1, 5, "Invalid value"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_the_file_is_left_alone(home, text, line, column, message):
    with pytest.raises(ConfigError) as caught:
        load(home, text)

    assert caught.value.args == (str(home.root / "config.toml"), line, column, message)
    assert (home.root / "config.toml").read_text() == text


def test_limits_are_numbers_or_sizes(home):
    text = '[agents]\nstop_grace = 1\n[agents.limits]\nmemory = "2G"\ndata = "512 MiB"\nfile_size = 1000\ncpu = 60\n'
    config = load(home, text)
    assert config.limits == LimitsTable(memory=2 << 30, data=512 << 20, file_size=1000, cpu=60)
    assert config.stop_grace == 1


def test_limits_are_the_machines_matter(home):
    with pytest.raises(ConfigError, match=r"\[agents\] belongs in the config.toml of the state directory"):
        load(home, "", "[agents.limits]\nmemory = 0\n")


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


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("out", "cannot be read: it is a link that leads out of the repository"),
        ("device", "cannot be read: it is a link that leads out of the repository"),
        ("pipe", "cannot be read: it is not a file"),
        ("directory", "cannot be read: it is not a file"),
        ("large", "cannot be read: it is larger than 1048576 bytes"),
    ],
)
def test_a_repositorys_file_that_is_a_trap_is_refused(home, kind, said):
    """Without `_content` a link shows the names in somebody's file, a device fills the memory, a pipe hangs."""
    repo = home.root.parent / "repo"
    (repo / ".maestro").mkdir(parents=True)
    path = repo / ".maestro" / "config.toml"
    match kind:
        case "out":
            (home.root.parent / "keys.toml").write_text("secret_name = 1\n")
            path.symlink_to(home.root.parent / "keys.toml")
        case "device":
            path.symlink_to("/dev/zero")
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case _:
            path.write_text("# " + "x" * 1024 * 1024)
    with pytest.raises(ConfigError) as caught:
        Config.load(home, repo)
    assert caught.value.args[3] == said


def test_a_link_inside_of_the_repository_is_followed(home):
    repo = home.root.parent / "repo"
    (repo / ".maestro").mkdir(parents=True)
    (repo / "shared.toml").write_text("[team]\nattempts = 7\n")
    (repo / ".maestro" / "config.toml").symlink_to("../shared.toml")
    assert Config.load(home, repo).attempts == 7


def test_a_repository_gives_no_arguments_to_an_agent_with_a_log_in(home, tmp_path):
    """An argument can send the operator's key to another address. Red without `_arguments_are_ours`."""
    repo = tmp_path / "repo"
    (repo / ".maestro").mkdir(parents=True)
    path = repo / ".maestro" / "config.toml"
    for line in ('args = ["--settings", "x"]', 'argv = ["--settings", "x"]'):
        path.write_text(f'[providers.mine]\nkind = "claude"\nmodel = "opus"\n{line}\n')
        with pytest.raises(
            ConfigError, match=r"config\.toml:4:1: a repository may not give arguments"
        ) as caught:
            Config.load(home, repo)
        assert "state directory" in caught.value.hint
    path.write_text('[providers.mine]\nkind = "claude"\nmodel = "opus"\n')
    assert Config.load(home, repo).providers["mine"].model == "opus"
    (home.root / "config.toml").write_text(
        '[providers.mine]\nkind = "codex"\nargs = ["-c", "a=1"]\nexec = true\n'
    )
    assert Config.load(home, repo).providers["mine"] == ProviderTable("codex", args=("-c", "a=1"), exec=True)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("reviewers = 3\npolicy = 'majority'", "reviewers = 1\npolicy = 'any'", (3, "majority")),
        ("reviewers = 2\npolicy = 'any'", "reviewers = 3\npolicy = 'all'", (3, "all")),
        ("reviewers = 2\npolicy = 'any'", "", (2, "any")),
    ],
)
def test_a_repository_asks_for_no_fewer_reviewers(home, ours, theirs, expected):
    """Protection: `_with_their_reviews`."""
    config = load(home, f"[review]\n{ours}\n", f"[review]\n{theirs}\n")
    assert (config.reviewers, config.review_policy) == expected


@pytest.mark.parametrize("text", ["reviewers = 0", "reviewers = 101", "policy = 'most'"])
def test_mistakes_about_reviews(home, text):
    with pytest.raises(ConfigError):
        load(home, f"[review]\n{text}\n")
