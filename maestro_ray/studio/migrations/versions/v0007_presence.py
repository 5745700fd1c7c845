"""Schema 0007: who is on presence channels, for Studios that share a PostgreSQL server; plans without test runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from maestro_ray.studio.migrations import columns

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    columns.add("plans", sa.Column("untested", sa.Boolean, nullable=False), value="0")
    op.create_table(
        "presence",
        sa.Column("studio", sa.String(36), primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("user_info", sa.JSON, nullable=True),
        sa.Column("until", sa.Float, nullable=False),
        comment="who is on presence channels, by the Studio they are connected to, until its lease ends",
    )
