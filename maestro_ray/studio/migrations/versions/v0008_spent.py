"""Schema 0008: what was used, added up by plan and by project; the verdicts of a run are found by it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_SUMS = """
    INSERT INTO spent (project_id, plan_id, input_tokens, output_tokens, cost_usd, runs)
    SELECT project_id, {plan}, SUM(input_tokens), SUM(output_tokens), SUM(cost_usd), COUNT(*) FROM runs
    WHERE (input_tokens > 0 OR output_tokens > 0 OR cost_usd > 0) {which}
    GROUP BY project_id {by}
"""


def upgrade() -> None:
    op.create_index("verdicts_run", "verdicts", ["run_id"])
    op.create_table(
        "spent",
        sa.Column("project_id", sa.String(36), sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column(
            "plan_id", sa.String(36), primary_key=True, comment="a plan's id, or empty for the whole project"
        ),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost_usd", sa.Float, nullable=False),
        sa.Column("runs", sa.Integer, nullable=False),
        comment="what runs have used, added up with each report: nobody waits for a sum over all of them",
    )
    op.execute(_SUMS.format(plan="plan_id", which="AND plan_id IS NOT NULL", by=", plan_id"))
    op.execute(_SUMS.format(plan="''", which="", by=""))
