"""Schema 0011: what teams may use, what they have used and have reserved, and of which model on which day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def _run() -> sa.Column[str]:
    return sa.Column("run_id", sa.String(36), sa.ForeignKey("runs.id"), primary_key=True)


def upgrade() -> None:
    _caps()
    _accounts()
    _bills()


def _caps() -> None:
    op.create_table(
        "budgets",
        sa.Column("team_id", sa.String(36), sa.ForeignKey("teams.id"), primary_key=True),
        sa.Column("run_tokens", sa.BigInteger, nullable=True),
        sa.Column("run_usd", sa.Float, nullable=True),
        sa.Column("team_tokens", sa.BigInteger, nullable=True),
        sa.Column("team_usd", sa.Float, nullable=True),
        sa.Column("day_tokens", sa.BigInteger, nullable=True),
        sa.Column("day_usd", sa.Float, nullable=True),
        comment="what a team may use at most, as whoever started it said; without a row nothing is capped",
    )


def _accounts() -> None:
    op.create_table(
        "purses",
        sa.Column(
            "scope",
            sa.String(120),
            primary_key=True,
            comment="run:ID, team:ID or day:USER:DATE, the date in UTC",
        ),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("unpriced", sa.BigInteger, nullable=False),
        sa.Column("usd", sa.Float, nullable=False),
        sa.Column("more_tokens", sa.BigInteger, nullable=False),
        sa.Column("more_usd", sa.Float, nullable=False),
        sa.Column("free", sa.Boolean, nullable=False),
        sa.Column("card", sa.String(36), nullable=False),
        comment="what was used on an account, and by how much its cap was raised; `card` asked for that last",
    )
    op.create_index("purses_card", "purses", ["card"])
    op.create_table(
        "reservations",
        _run(),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("usd", sa.Float, nullable=False),
        comment="what runs that work may still use, by the scopes of their accounts; it ends with their epoch",
    )


def _bills() -> None:
    op.create_table(
        "bills",
        _run(),
        sa.Column("meter", sa.String(36), primary_key=True, comment="of one worker's work on the run"),
        sa.Column("model", sa.String(200), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("project_id", sa.String(36), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("team_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("cached_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("unpriced_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost_usd", sa.Float, nullable=False),
        comment="what was used, by run, model and day; `number` is of the last report that counted",
    )
    op.create_index("bills_team", "bills", ["team_id"])
    op.create_index("bills_project", "bills", ["project_id", "day"])
