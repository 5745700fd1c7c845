from __future__ import annotations

import os
import threading
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import ConfigError, Conflict, NotWritable
from maestro_ray.toml_edit import _edited, append_table, remove_table, set_table

MINE = """# my settings
[bot]
name = "ada"   # after her

[identities.work]  # the office
studio = "https://work.example.com"

# last words
[team]
attempts = 5
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config.toml"


def put(path, name="home", **values):
    set_table(path, "identities", name, values or {"studio": "https://h.example.com"})


def test_a_file_is_made_for_its_owner_alone(path):
    put(path)

    assert path.read_text() == '[identities.home]\nstudio = "https://h.example.com"\n'
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir() if not each.name.endswith(".lock")] == ["config.toml"]


def test_comments_and_order_survive(path):
    path.write_text(MINE)
    path.chmod(0o644)
    put(path)
    text = path.read_text()

    assert text.startswith(MINE)
    assert tomllib.loads(text)["identities"]["home"] == {"studio": "https://h.example.com"}
    assert path.stat().st_mode & 0o777 == 0o644
    remove_table(path, "identities", "home")
    assert path.read_text() == MINE
    put(path, "work", studio="https://new.example.com")
    assert path.read_text() == MINE.replace("https://work", "https://new")
    remove_table(path, "identities", "work")
    assert path.read_text() == MINE.replace(
        '\n[identities.work]  # the office\nstudio = "https://work.example.com"\n', ""
    )


def test_a_table_is_replaced_and_the_last_one_takes_the_section_along(path):
    path.write_text('[bot]\nname = "ada"\n')
    put(path, studio="a", insecure=True)
    put(path, studio="b")
    assert tomllib.loads(path.read_text())["identities"] == {"home": {"studio": "b"}}
    remove_table(path, "identities", "home")
    assert tomllib.loads(path.read_text()) == {"bot": {"name": "ada"}}
    remove_table(path, "identities", "home")


@pytest.mark.parametrize(
    "text",
    [
        'identities = {work = {studio = "w"}}\n',
        'identities.work.studio = "w"\n[bot]\nname = "x"\n',
        '[bot]\n[identities]\n[identities.work]\nstudio = "w"\n',
        '[identities.work]\nstudio = "w"\n[bot]\nname = "x"\n[identities.other]\nstudio = "o"\n',
        '\ufeff[identities.work]\r\nstudio = "w"\r\n',
    ],
)
def test_however_it_is_written_nothing_else_changes(path, text):
    path.write_text(text, newline="")
    put(path, studio="h")
    after = tomllib.loads(path.read_bytes().decode().removeprefix("\ufeff"))
    before = tomllib.loads(text.removeprefix("\ufeff"))

    assert after == {**before, "identities": {**before["identities"], "home": {"studio": "h"}}}
    assert path.read_bytes().startswith(b"\xef\xbb\xbf") == text.startswith("\ufeff")
    remove_table(path, "identities", "home")
    assert tomllib.loads(path.read_bytes().decode().removeprefix("\ufeff")) == before


@pytest.mark.parametrize("text", ["a = \n", "[identities\nx = 1", b"\xff\xfe"])
def test_a_broken_file_is_told_and_left_alone(path, text):
    raw = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(raw)
    with pytest.raises(ConfigError):
        put(path)
    assert path.read_bytes() == raw


def test_a_link_stays_a_link(path, tmp_path):
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles" / "maestro.toml"
    real.write_text("# mine\n")
    path.symlink_to(real)
    put(path)

    assert path.is_symlink()
    assert "# mine" in real.read_text()
    assert "identities" in real.read_text()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable, match="file"):
        put(tmp_path / "file" / "config.toml")


def test_two_that_write_at_once_lose_nothing(path):
    names = [f"n{number}" for number in range(8)]
    threads = [threading.Thread(target=put, args=(path, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(tomllib.loads(path.read_text())["identities"]) == names
    assert not list(path.parent.glob(f".*.{os.getpid()}"))


WORD = st.text("abcXYZ019_-", min_size=1, max_size=8)


@given(st.dictionaries(WORD, st.dictionaries(WORD, st.text(max_size=5), max_size=2), max_size=3), WORD)
def test_any_tables_survive(tables, name):
    import tomlkit

    text = tomlkit.dumps({"identities": tables}) if tables else ""
    fresh = _edited(text, "identities", name, {"studio": "s"})
    assert tomllib.loads(fresh) == {"identities": {**tables, name: {"studio": "s"}}}
    again = _edited(fresh, "identities", name, None)
    rest = {key: value for key, value in tables.items() if key != name}
    assert tomllib.loads(again).get("identities", {}) == rest


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# mine\n[bot]\nname = 'ada'",
        "[[hooks.PreMerge]]\ncommand = 'x'\n\n[hooks.other]\n",
        "hooks.RunEnd = [{command = 'x'}]\n",
        "\ufeff[bot]\r\nname = 'ada'\r\n",
    ],
)
def test_a_further_table_is_appended_and_nothing_else_changes(path, before):
    path.write_text(before, newline="")
    tables = tomllib.loads(before.removeprefix("\ufeff"))
    append_table(path, "hooks", "PreMerge", {"command": ["a", 'b "c"'], "timeout": 5.0})
    after = path.read_bytes().decode()
    assert after.startswith(before)
    found = tomllib.loads(after.removeprefix("\ufeff"))
    assert found["hooks"]["PreMerge"][-1] == {"command": ["a", 'b "c"'], "timeout": 5.0}
    assert found["hooks"]["PreMerge"][:-1] == tables.get("hooks", {}).get("PreMerge", [])
    assert found.get("bot") == tables.get("bot")


def test_one_that_is_written_in_one_line_takes_no_more(path):
    path.write_text("hooks = {PreMerge = [{command = 'x'}]}\n")
    with pytest.raises(Conflict):
        append_table(path, "hooks", "PreMerge", {"command": "y"})
    assert path.read_text() == "hooks = {PreMerge = [{command = 'x'}]}\n"


def test_no_link_at_a_name_that_can_be_guessed_is_written_through(tmp_path):
    """A repository could bring one for each process id, and have the file of its choice overwritten."""
    path, mine = tmp_path / "config.toml", tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / f".config.toml.{os.getpid()}").symlink_to(mine)
    set_table(path, "mcp", "x", {"command": "y"})
    assert mine.read_text() == "mine"
    (tmp_path / ".config.toml.lock").unlink()
    (tmp_path / ".config.toml.lock").symlink_to(tmp_path / "made")
    with pytest.raises(NotWritable):
        set_table(path, "mcp", "z", {"command": "y"})
    assert not (tmp_path / "made").exists()
