from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.config import KINDS, Config, ProviderTable
from maestro_ray.errors import BadProvider, ConfigError
from maestro_ray.ports import ProviderSpec
from maestro_ray.providers import registry
from maestro_ray.providers.command import Command
from maestro_ray.providers.registry import build, parse_choice, resolve
from maestro_ray.providers.scripted import Scripted

CONFIG = Config(
    providers={
        "fmt": ProviderTable(argv=("ruff", "format"), env=("RUFF_CACHE_DIR",), verdict="exit-code"),
        "command": ProviderTable(argv=("mine",)),
        "robot": ProviderTable(kind="robot"),
        "odd": ProviderTable(kind="aider"),
        "leak": ProviderTable(argv=("x",), env=("KEY=value",)),
    }
)


def refusal(choice: str, config: Config = CONFIG) -> str:
    role, _, text = choice.partition("=")
    with pytest.raises(BadProvider) as caught:
        resolve({role: text}, config, Path("/repo"))
    return str(caught.value)


def test_a_repository_does_not_say_what_a_kind_is() -> None:
    table = ProviderTable(argv=("true",), verdict="exit-code")
    ours = Config(providers={"command": table})
    theirs = Config(providers={"command": table, "fmt": table}, theirs=frozenset({"command", "fmt"}))

    assert resolve({"review": "command:./judge.sh"}, ours, Path("/repo"))["review"].argv == ("true",)
    assert resolve({"review": "fmt"}, theirs, Path("/repo"))["review"].argv == ("true",)
    assert refusal("review=command:./judge.sh", theirs) == (
        "--provider review=command:./judge.sh: "
        "[providers.command] of the repository has the name of a kind of provider"
    )


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("dev=command:aider --message {prompt}", ("dev", "command", "aider --message {prompt}")),
        ("dev=command:a=b:c", ("dev", "command", "a=b:c")),
        ("test=command", ("test", "command", "")),
        (" my-role = fmt : x ", ("my-role", "fmt", "x")),
    ],
)
def test_a_choice_is_role_name_and_argument(text: str, choice: tuple[str, str, str]) -> None:
    assert parse_choice(text) == choice


@pytest.mark.parametrize(
    "text", ["", "dev", "dev=", "=command", "Dev=command", "dev=:x", "dev:command", "a b=command"]
)
def test_a_choice_without_them_is_refused(text: str) -> None:
    with pytest.raises(BadProvider, match="it names no role and provider") as caught:
        parse_choice(text)
    assert str(caught.value).startswith(f"--provider {text}: ")


def test_a_name_is_a_table_or_a_kind() -> None:
    assert resolve({"dev": "fmt:--fast", "test": "command"}, CONFIG, Path("/repo")) == {
        "dev": ProviderSpec("command", "--fast", ("ruff", "format"), ("RUFF_CACHE_DIR",), "exit-code"),
        "test": ProviderSpec("command", "", ("mine",)),
    }
    assert resolve({"test": "command:x y"}, Config(), Path("/repo")) == {
        "test": ProviderSpec("command", "x y")
    }


def test_a_script_is_found_from_the_directory_and_read(tmp_path: Path) -> None:
    (tmp_path / "play.toml").write_text("[[turns]]\n")
    assert resolve({"dev": "scripted:play.toml"}, Config(), tmp_path)["dev"].arg == str(
        tmp_path / "play.toml"
    )
    (tmp_path / "play.toml").write_text("[[turn]]\n")
    with pytest.raises(ConfigError, match=r"play\.toml:1:1: unknown key 'turn'"):
        resolve({"dev": "scripted:play.toml"}, Config(), tmp_path)


def test_a_mistake_is_told_with_the_words_that_were_given() -> None:
    assert refusal("dev=comand:x") == (
        "--provider dev=comand:x: unknown provider 'comand' (did you mean command?); "
        "there are: acp, claude, codex, command, fmt, gemini, leak, manual, odd, opencode, pi, qwen, robot, scripted"
    )
    words = "works from a template: give [providers.aider] an argv, or write command:… after the role"
    assert refusal("dev=aider", Config()) == f"--provider dev=aider: aider {words}"
    assert refusal("dev=odd") == f"--provider dev=odd: [providers.odd]: aider {words}"
    assert refusal("dev=robot").startswith(
        "--provider dev=robot: [providers.robot]: unknown provider 'robot'; there"
    )
    assert refusal("dev=leak") == "--provider dev=leak: env lists names of variables, and 'KEY=value' is none"
    assert refusal("dev=command:x {nope}").startswith(
        "--provider dev=command:x {nope}: unknown placeholder {nope}"
    )
    assert refusal("dev=scripted").startswith("--provider dev=scripted: it needs a script")


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (
            ProviderTable("acp", ("opencode", "acp"), model="opus"),
            "model means nothing to acp: say it in its argv or args",
        ),
        (
            ProviderTable("command", ("true",), args=("x",)),
            "args means nothing to command: say it in its argv",
        ),
        (ProviderTable("command", ("true",), exec=True), "exec means nothing to command: say it in its argv"),
        (ProviderTable("manual", exec=True), "exec means nothing to manual"),
    ],
)
def test_what_means_nothing_to_a_kind_is_refused(table: ProviderTable, why: str) -> None:
    """Red when it is passed over: another model would do the work."""
    assert refusal("dev=x", Config(providers={"x": table})) == f"--provider dev=x: {why}"


def test_kinds_are_built() -> None:
    assert isinstance(build(ProviderSpec("command", "x")), Command)
    with pytest.raises(BadProvider, match="--provider aider: aider works from a template"):
        build(ProviderSpec("aider"))


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package that brings the kinds robot and broken, and would like to be command."""
    info = tmp_path / "robots-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: robots\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[maestro.providers]\nrobot = some_robots:Robot\nbroken = some_robots:Broken\ncommand = some_robots:Robot\n"
    )
    (tmp_path / "some_robots.py").write_text(
        "class Robot:\n    def __init__(self, spec):\n        self.spec = spec\n"
        "def Broken(spec):\n    raise OSError('no arm')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("some_robots", None)


@pytest.mark.usefixtures("others")
def test_another_package_brings_a_kind_that_is_loaded_only_when_it_is_built() -> None:
    specs = resolve({"dev": "robot:x", "lint": "broken"}, CONFIG, Path("/repo"))
    assert "some_robots" not in sys.modules
    assert type(build(specs["dev"])).__name__ == "Robot"
    with pytest.raises(
        BadProvider, match="--provider broken: some_robots:Broken cannot be loaded: OSError: no arm"
    ):
        build(specs["lint"])
    assert "acp, broken, claude, codex, command" in refusal("dev=nobody", Config())


@pytest.mark.usefixtures("others")
def test_another_package_cannot_take_a_built_in_kind() -> None:
    assert isinstance(build(ProviderSpec("command", "x")), Command)


def test_scripted_is_built(tmp_path: Path) -> None:
    path = tmp_path / "play.toml"
    path.write_text("[[turns]]\n")
    assert isinstance(build(ProviderSpec("scripted", str(path))), Scripted)


@given(st.text() | st.from_regex(r"[a-z-]{0,5}=?[a-z]{0,5}:?.{0,9}"))
def test_any_choice_is_read_or_refused(text: str) -> None:
    try:
        role, name, arg = parse_choice(text)
    except BadProvider:
        return
    assert parse_choice(f"{role}={name}:{arg}") == (role, name, arg)


def test_a_table_may_be_of_every_kind_there_is() -> None:
    assert tuple(registry._BUILT_IN) == KINDS
