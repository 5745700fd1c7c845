"""Schema 0006: browsers that are signed in to the page, and the links that let them in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "browsers",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("created_at", sa.Float),
        sa.Column("expires_at", sa.Float, nullable=False),
        comment="one-time links into the page, and the cookies they were exchanged for",
    )
