from __future__ import annotations

import threading
from pathlib import Path

import pytest

from maestro_ray.errors import ConfigError, NotWritable
from maestro_ray.extensions.record import change_record, read_record


def test_nothing_is_there_until_something_is_written(tmp_path: Path) -> None:
    path = tmp_path / "home" / "x.json"
    assert read_record(path) == {}
    change_record(path, lambda entries: entries.update(a={"b": 1}))
    assert read_record(path) == {"a": {"b": 1}}
    assert path.stat().st_mode & 0o777 == 0o600


def test_changes_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    """Without the lock some of them would write what they read before the others."""
    path = tmp_path / "x.json"

    def add(number: int) -> None:
        for each in range(20):
            change_record(path, lambda entries, key=f"{number}-{each}": entries.update({key: {}}))  # type: ignore[misc]

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(read_record(path)) == 80


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "{}{}"])
def test_what_is_not_maestros_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ConfigError):
        change_record(path, lambda entries: entries.clear())
    assert path.read_text() == text


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(NotWritable):
        change_record(tmp_path / "home" / "x.json", lambda entries: None)


def test_nothing_is_written_that_could_not_be_read_again(tmp_path: Path) -> None:
    change_record(tmp_path / "it.json", lambda entries: entries.update(a={}))
    with pytest.raises(NotWritable, match="not be read again"):
        change_record(tmp_path / "it.json", lambda entries: entries.update(b={"x": "y" * 1024 * 1024}))
    assert read_record(tmp_path / "it.json") == {"a": {}}
