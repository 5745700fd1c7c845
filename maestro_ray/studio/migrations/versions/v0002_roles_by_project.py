"""Schema 0002: roles by project, who invited whom, what a refresh token came of, access tokens cut, audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from maestro_ray.studio.migrations import columns

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _new_tables()
    # until now everybody had one role, everywhere
    op.execute("INSERT INTO memberships (user_id, project, role) SELECT id, '*', role FROM users")
    with op.batch_alter_table("users") as batch:
        batch.drop_column("role")
    columns.add(
        "invites",
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("invited_by", sa.Text, nullable=False),
        sa.Column("used_by", sa.Text, nullable=False),
        project="*",
    )
    columns.add("refresh_tokens", sa.Column("parent", sa.String(64), nullable=False))
    op.create_index("ix_refresh_tokens_parent", "refresh_tokens", ["parent"])
    columns.add("sessions", sa.Column("user_id", sa.Text, nullable=False))


def _new_tables() -> None:
    op.create_table(
        "memberships",
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("project", sa.String(36), primary_key=True, comment="a project's id, or * for all of them"),
        sa.Column("role", sa.Text, nullable=False),
        sa.Index("memberships_project", "project"),
    )
    op.create_table(
        "cuts",
        sa.Column("subject", sa.String(36), primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        comment="users and token families whose access tokens made until then count no longer",
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("project_id", sa.String(36), nullable=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Float),
        sa.Index("audit_project", "project_id", "id"),
        comment="what people asked Studio to do",
    )
