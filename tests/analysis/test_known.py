from __future__ import annotations

import tomllib
from collections import Counter
from importlib.resources import files

from maestro_ray.analysis import known


def test_no_suffix_and_no_name_is_two_languages() -> None:
    tables = tomllib.loads(files("maestro_ray.analysis").joinpath("known.toml").read_text("utf-8"))
    for kind in ("suffixes", "names"):
        count = Counter(each for found in tables[kind].values() for each in found)
        assert [each for each, times in count.items() if times > 1] == []
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in known.by_suffix())
    for names in tables["frameworks"].values():
        assert [name for name in names if name != name.lower()] == []


def test_what_nobody_knows_is_no_framework() -> None:
    assert known.framework("Python", "FastAPI") == "FastAPI"
    assert known.framework("Rust", "fastapi") == known.framework("Cobol", "x") == ""
    assert known.by_name()["justfile"] == "Just"
