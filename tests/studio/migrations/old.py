"""Databases as released versions left them, made by their code: `released/NNNN.sql`, a dump of SQLite's."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

RELEASED = sorted((Path(__file__).parent / "released").glob("*.sql"))
# secrets that were given out before the dump was made: an invite nobody has used, and a refresh token
INVITES = {
    "0001": "i6Fz9MJdiA7MmHEfizgog9XLNp0ChQTVLnW6MiBIfn0",
    "0002": "hXLvXQsveUQhL2tknWsnDZECGrYkVZXl9dD8bwXE3hk",
}
TOKENS = {
    "0001": "FoB1Yjo3sGnRPsBLIXpE88xh5FojZ8WpJI-hOUuaTV4",
    "0002": "NoeQWybPwSR6ogClC3gEdWxoD0GoDvznQ0Va8oQ2uR4",
}


def put_back(dump: Path, path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode=WAL")
    return path


def content(path: Path) -> list[str]:
    """Everything in it, as SQL."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())
