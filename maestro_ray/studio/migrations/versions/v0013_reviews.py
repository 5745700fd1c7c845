"""Schema 0013: how many reviewers judge a plan's work, how many must agree, and verdicts that decide nothing yet."""

from __future__ import annotations

import sqlalchemy as sa

from maestro_ray.studio.migrations import columns

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    reviewers = sa.Column("reviewers", sa.Integer, nullable=False)
    columns.add(
        "plans",
        reviewers,
        sa.Column("review_policy", sa.Text, nullable=False),
        reviewers="1",
        review_policy="all",
    )
    columns.add("tasks", sa.Column("votes", sa.JSON, nullable=False), value="[]")
