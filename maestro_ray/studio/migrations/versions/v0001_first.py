"""Schema 0001: the tables of the first Studio, as they were then. They are never changed; later files change them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

metadata = sa.MetaData()


def _id(name: str = "id") -> sa.Column[str]:
    return sa.Column(name, sa.String(36), primary_key=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), sa.ForeignKey(f"{target}.id"), nullable=nullable)


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, default=default)


def _number(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, default=default)


def _time(name: str, *, nullable: bool = True) -> sa.Column[float]:
    return sa.Column(name, sa.Float, nullable=nullable)


settings = sa.Table("settings", metadata, sa.Column("name", sa.String(64), primary_key=True), _text("value"))

users = sa.Table("users", metadata, _id(), _text("name"), _text("role", "owner"), _time("created_at"))

invites = sa.Table(
    "invites",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    _text("role", "owner"),
    _time("expires_at", nullable=False),
    _time("used_at"),
)

refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("family", sa.String(36), nullable=False, index=True),
    _ref("user_id", "users"),
    _time("expires_at", nullable=False),
    _time("used_at"),
    _time("revoked_at"),
)

projects = sa.Table(
    "projects",
    metadata,
    _id(),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    _text("name"),
    _time("created_at"),
)

teams = sa.Table(
    "teams",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    sa.Column("name", sa.String(80), nullable=False, unique=True),
    _text("workspace"),
    sa.Column("serves_all", sa.Boolean, nullable=False, default=False),
    _text("status", "active"),
    _time("created_at"),
    _time("ended_at"),
    sa.Index("teams_live", "status"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _ref("team_id", "teams", nullable=True),
    _text("role"),
    _text("worker_role"),
    _text("name"),
    sa.Column("skills", sa.JSON, nullable=False, default=dict),
    _text("status", "connected"),
    _time("lease_until", nullable=False),
    _time("created_at"),
    _time("ended_at"),
    sa.Index("sessions_live", "status", "lease_until"),
)

plans = sa.Table(
    "plans",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _ref("team_id", "teams", nullable=True),
    _text("workspace"),
    _text("title"),
    _text("description"),
    _text("status", "draft"),
    _text("base_branch"),
    _text("test"),
    _text("epic_branch"),
    _text("epic_start"),
    _text("epic_head"),
    _text("released"),
    _text("waiting"),
    _number("attempts"),
    _number("attempt_cap", 3),
    _number("revision_cap", 3),
    _time("created_at"),
    _time("completed_at"),
    sa.Index("plans_status", "status"),
)

phases = sa.Table("phases", metadata, _id(), _ref("plan_id", "plans"), _number("position"), _text("title"))

tasks = sa.Table(
    "tasks",
    metadata,
    _id(),
    _ref("plan_id", "plans"),
    _ref("phase_id", "phases", nullable=True),
    _number("position"),
    _text("key"),
    _text("title"),
    _text("description"),
    _text("status", "draft"),
    _text("role", "dev"),
    _text("skill"),
    _number("required_proficiency", 3),
    _number("priority"),
    _text("test"),
    sa.Column("depends_on_task_ids", sa.JSON, nullable=False, default=list),
    _text("branch_name"),
    _text("base_commit"),
    _text("head"),
    _text("judged"),
    _text("approved"),
    _text("merged"),
    _number("attempts"),
    _number("revision_count"),
    _time("review_sent_at"),
    _time("review_approved_at"),
    _time("created_at"),
    _time("finished_at"),
    sa.Index("tasks_plan", "plan_id", "position"),
)

runs = sa.Table(
    "runs",
    metadata,
    _id(),
    _ref("plan_id", "plans"),
    _ref("task_id", "tasks", nullable=True),
    _ref("session_id", "sessions", nullable=True),
    _text("purpose"),
    _text("state", "queued"),
    _number("epoch"),
    _number("attempt", 1),
    _text("base"),
    _text("commit"),
    _text("onto"),
    _text("note"),
    sa.Column("result", sa.JSON, nullable=False, default=dict),
    _text("reason"),
    _time("resume_at"),
    _time("created_at"),
    _time("started_at"),
    _time("finished_at"),
    sa.Index("runs_state", "state"),
    sa.Index("runs_task", "task_id"),
    sa.Index("runs_plan", "plan_id"),
)

verdicts = sa.Table(
    "verdicts",
    metadata,
    _id(),
    _ref("task_id", "tasks"),
    _ref("run_id", "runs"),
    _text("commit"),
    _text("verdict"),
    _text("reason"),
    sa.Column("evidence", sa.JSON, nullable=True),
    _time("created_at"),
    sa.Index("verdicts_task", "task_id"),
)

comments = sa.Table(
    "comments",
    metadata,
    _id(),
    _ref("task_id", "tasks"),
    _text("author"),
    _text("body"),
    _time("created_at"),
    sa.Index("comments_task", "task_id"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _ref("plan_id", "plans"),
    _ref("task_id", "tasks", nullable=True),
    _text("kind"),
    _text("question"),
    sa.Column("options", sa.JSON, nullable=False),
    _text("status", "open"),
    _text("answer"),
    _time("created_at"),
    _time("answered_at"),
    sa.Index("decisions_open", "status"),
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("team_id", sa.String(36), sa.ForeignKey("teams.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    _text("sender"),
    _text("kind"),
    sa.Column("body", sa.JSON, nullable=False),
    _time("at"),
)

replies = sa.Table(
    "replies",
    metadata,
    sa.Column("key", sa.String(80), primary_key=True),
    sa.Column("body", sa.JSON, nullable=True),
    _time("created_at"),
    comment="What an Idempotency-Key was answered with",
)


def upgrade() -> None:
    metadata.create_all(op.get_bind())
