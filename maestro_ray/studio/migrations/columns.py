"""Columns added to tables that have rows already."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op


def add(table: str, *columns: sa.Column[Any], value: str = "", **further: str) -> None:
    """Add columns that must have a value: rows that are there get `value`, or for a column named in `further` that.

    Later rows get theirs from the code, so no default stays in the database.
    """
    with op.batch_alter_table(table) as batch:
        for column in columns:
            column.server_default = sa.DefaultClause(further.get(column.name, value))
            batch.add_column(column)
    with op.batch_alter_table(table) as batch:
        for column in columns:
            batch.alter_column(column.name, server_default=None, existing_type=column.type)
