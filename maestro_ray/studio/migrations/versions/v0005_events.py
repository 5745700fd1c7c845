"""Schema 0005: events and their numbers, for Studios that share a PostgreSQL server; message numbers of 64 bits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("messages") as batch:
        batch.alter_column("number", type_=sa.BigInteger, existing_type=sa.Integer, existing_nullable=False)
    op.create_table(
        "numbers",
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
        comment="the last number given on each channel; of the channel without a name, the last position in events",
    )
    op.create_table(
        "events",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("params", sa.JSON, nullable=False),
        comment="what was published last, for the other Studios on this database",
    )
