"""Schema 0009: what is known of a project may come from a survey, without a run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from maestro_ray.studio.migrations import columns

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    columns.add("knowledge", sa.Column("source", sa.Text, nullable=False))
    with op.batch_alter_table("knowledge") as batch:
        batch.alter_column("run_id", nullable=True, existing_type=sa.String(36))
