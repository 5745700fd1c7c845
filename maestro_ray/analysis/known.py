"""The tables of known.toml: what the names of files and dependencies give away."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("known.toml").read_text("utf-8"))


@cache
def by_suffix() -> dict[str, str]:
    """Language of each suffix, which is in small letters and has its dot."""
    return {suffix: language for language, found in _tables()["suffixes"].items() for suffix in found}


@cache
def by_name() -> dict[str, str]:
    """Language of files that have one name everywhere."""
    return {name: language for language, names in _tables()["names"].items() for name in names}


def framework(ecosystem: str, dependency: str) -> str:
    """What people call it; empty for a dependency that is no framework we know."""
    return str(_tables()["frameworks"].get(ecosystem, {}).get(dependency.lower(), ""))
