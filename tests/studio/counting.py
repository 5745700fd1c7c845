"""What a database is asked meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from maestro_ray.studio.studio import Studio


@contextlib.contextmanager
def counting(studio: Studio) -> Iterator[list[str]]:
    """The statements that the database is given meanwhile.

    Not those that look for events or clear old ones away: they are told to subscribers beside all else, sooner or later.
    """
    statements: list[str] = []

    def count(*args: Any) -> None:
        if "FROM events" not in args[2]:
            statements.append(args[2])

    engine = studio.store._engine
    sa.event.listen(engine, "before_cursor_execute", count)
    yield statements
    sa.event.remove(engine, "before_cursor_execute", count)
