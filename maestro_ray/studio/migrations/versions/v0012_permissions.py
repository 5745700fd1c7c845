"""Schema 0012: what a decision card is about in detail, why it was answered so, and the cards of a run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from maestro_ray.studio.migrations import columns

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    about = sa.Column("about", sa.JSON, nullable=False)
    columns.add("decisions", about, sa.Column("reason", sa.Text, nullable=False), about="{}")
    op.create_index("decisions_run", "decisions", ["run_id"])
