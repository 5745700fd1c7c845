"""`studio.start`: from the beginning of the process until `/up` is answered, against a bare app of one table.

Once on a new database, whose tables are made, and once on the one that this left, as after every restart.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.studio.server import Server
from bench.table import Table

KINDS = ("bare app", "Studio")


def measure(rounds: int) -> Table:
    table = Table("ms")
    for number in range(rounds or 15):
        for kind in KINDS if number % 2 else KINDS[::-1]:
            with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
                for file in ("a new file", "the same file"):
                    _one(table, f"{kind}, {file}", Path(directory))
    for what, target in (("", "≤ 1.4"), (", processor", "-")):
        for file in ("a new file", "the same file"):
            table.ratio(f"Studio, {file}{what}", f"bare app, {file}{what}", target)
    return table


def _one(table: Table, what: str, directory: Path) -> None:
    server = Server.studio(directory / "home") if what.startswith("Studio") else Server.bare(directory)
    with server:
        table.add(what, server.up)
        table.add(f"{what}, processor", server.worked())
