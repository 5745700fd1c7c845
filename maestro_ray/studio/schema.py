"""The tables of Studio's database. Ids are UUIDv7 text, times Unix seconds, commits full hashes or empty."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()


def _id(name: str = "id") -> sa.Column[str]:
    return sa.Column(name, sa.String(36), primary_key=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), sa.ForeignKey(f"{target}.id"), nullable=nullable)


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, default=default)


def _number(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, default=default)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, default=0)


def _time(name: str, *, nullable: bool = True) -> sa.Column[float]:
    return sa.Column(name, sa.Float, nullable=nullable)


settings = sa.Table("settings", metadata, sa.Column("name", sa.String(64), primary_key=True), _text("value"))

users = sa.Table(
    "users",
    metadata,
    _id(),
    _text("name"),
    sa.Column("skills", sa.JSON, nullable=False, default=dict),
    _time("created_at"),
)

memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("project", sa.String(36), primary_key=True, comment="a project's id, or * for all of them"),
    _text("role"),
    sa.Index("memberships_project", "project"),
)

invites = sa.Table(
    "invites",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    _text("role"),
    _text("project"),
    _text("invited_by"),
    _time("expires_at", nullable=False),
    _time("used_at"),
    _text("used_by"),
)

refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("family", sa.String(36), nullable=False, index=True),
    sa.Column("parent", sa.String(64), nullable=False, default="", index=True),
    _ref("user_id", "users"),
    _time("expires_at", nullable=False),
    _time("used_at"),
    _time("revoked_at"),
)

browsers = sa.Table(
    "browsers",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    _text("kind"),
    _ref("user_id", "users"),
    _time("created_at"),
    _time("expires_at", nullable=False),
    comment="one-time links into the page, and the cookies they were exchanged for",
)

cuts = sa.Table(
    "cuts",
    metadata,
    sa.Column("subject", sa.String(36), primary_key=True),
    _time("at", nullable=False),
    comment="users and token families whose access tokens made until then count no longer",
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
    _text("user_id"),
    _text("role"),
    _text("worker_role"),
    _text("name"),
    sa.Column("skills", sa.JSON, nullable=False, default=dict),
    _text("pool"),
    _text("status", "connected"),
    _time("lease_until", nullable=False),
    _time("created_at"),
    _time("ended_at"),
    sa.Index("sessions_live", "status", "lease_until"),
    sa.Index("sessions_team", "team_id"),
    sa.Index("sessions_user", "user_id"),
)

breakers = sa.Table(
    "breakers",
    metadata,
    sa.Column("user_id", sa.String(36), primary_key=True),
    sa.Column("pool", sa.String(200), primary_key=True),
    _time("until", nullable=False),
    comment="credentials, by their owner's name for them, whose rate limit holds until then",
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
    _number("reviewers", 1),
    _text("review_policy", "all"),
    sa.Column("untested", sa.Boolean, nullable=False, default=False),
    _text("proposed_by"),
    _time("served_at"),
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
    _ref("parent_task_id", "tasks", nullable=True),
    _number("position"),
    _number("level"),
    _text("key"),
    _text("title"),
    _text("description"),
    _text("status", "draft"),
    _text("role", "dev"),
    _text("skill"),
    _number("required_proficiency", 3),
    _number("priority"),
    _text("test"),
    _text("assignee"),
    _text("accepted_by"),
    sa.Column("depends_on_task_ids", sa.JSON, nullable=False, default=list),
    _text("branch_name"),
    _text("base_commit"),
    _text("head"),
    _text("judged"),
    _text("approved"),
    sa.Column("votes", sa.JSON, nullable=False, default=list),
    _text("merged"),
    _number("attempts"),
    _number("revision_count"),
    _time("review_sent_at"),
    _time("review_approved_at"),
    _time("created_at"),
    _time("finished_at"),
    sa.Index("tasks_plan", "plan_id", "position"),
    sa.Index("tasks_status", "plan_id", "status"),
    sa.Index("tasks_parent", "parent_task_id"),
    sa.Index("tasks_assignee", "assignee"),
    sa.Index("tasks_accepted", "accepted_by"),
)

runs = sa.Table(
    "runs",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _ref("plan_id", "plans", nullable=True),
    _ref("task_id", "tasks", nullable=True),
    _ref("session_id", "sessions", nullable=True),
    _text("delegated_to"),
    _text("passed_over"),
    _text("role"),
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
    _number("emitted"),
    _count("input_tokens"),
    _count("output_tokens"),
    sa.Column("cost_usd", sa.Float, nullable=False, default=0.0),
    _time("resume_at"),
    _time("created_at"),
    _time("dispatched_at"),
    _time("started_at"),
    _time("finished_at"),
    sa.Index("runs_state", "state"),
    sa.Index("runs_task", "task_id", "purpose", "state"),
    sa.Index("runs_plan", "plan_id", "state"),
    sa.Index("runs_session", "session_id", "state"),
    sa.Index("runs_project", "project_id", "plan_id"),
)

spent = sa.Table(
    "spent",
    metadata,
    sa.Column("project_id", sa.String(36), sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column(
        "plan_id", sa.String(36), primary_key=True, comment="a plan's id, or empty for the whole project"
    ),
    _count("input_tokens"),
    _count("output_tokens"),
    sa.Column("cost_usd", sa.Float, nullable=False, default=0.0),
    _number("runs"),
    comment="what runs have used, added up with each report: nobody waits for a sum over all of them",
)

budgets = sa.Table(
    "budgets",
    metadata,
    sa.Column("team_id", sa.String(36), sa.ForeignKey("teams.id"), primary_key=True),
    *(
        column
        for whose in ("run", "team", "day")
        for column in (
            sa.Column(f"{whose}_tokens", sa.BigInteger, nullable=True),
            sa.Column(f"{whose}_usd", sa.Float, nullable=True),
        )
    ),
    comment="what a team may use at most, as whoever started it said; without a row nothing is capped",
)

purses = sa.Table(
    "purses",
    metadata,
    sa.Column(
        "scope", sa.String(120), primary_key=True, comment="run:ID, team:ID or day:USER:DATE, the date in UTC"
    ),
    _count("tokens"),
    _count("unpriced"),
    sa.Column("usd", sa.Float, nullable=False, default=0.0),
    _count("more_tokens"),
    sa.Column("more_usd", sa.Float, nullable=False, default=0.0),
    sa.Column("free", sa.Boolean, nullable=False, default=False),
    sa.Column("card", sa.String(36), nullable=False, default=""),
    sa.Index("purses_card", "card"),
    comment="what was used on an account, and by how much its cap was raised; `card` asked for that last",
)

reservations = sa.Table(
    "reservations",
    metadata,
    sa.Column("run_id", sa.String(36), sa.ForeignKey("runs.id"), primary_key=True),
    _text("team"),
    _text("day"),
    _count("tokens"),
    sa.Column("usd", sa.Float, nullable=False, default=0.0),
    comment="what runs that work may still use, by the scopes of their accounts; it ends with their epoch",
)

bills = sa.Table(
    "bills",
    metadata,
    sa.Column("run_id", sa.String(36), sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("meter", sa.String(36), primary_key=True, comment="of one worker's work on the run"),
    sa.Column("model", sa.String(200), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    _ref("project_id", "projects"),
    _text("team_id"),
    _text("user_id"),
    _text("role"),
    _text("provider"),
    _number("number"),
    _count("input_tokens"),
    _count("cached_tokens"),
    _count("output_tokens"),
    _count("unpriced_tokens"),
    sa.Column("cost_usd", sa.Float, nullable=False, default=0.0),
    sa.Index("bills_team", "team_id"),
    sa.Index("bills_project", "project_id", "day"),
    comment="what was used, by run, model and day; `number` is of the last report that counted",
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
    sa.Index("verdicts_run", "run_id"),
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
    _ref("plan_id", "plans", nullable=True),
    _ref("task_id", "tasks", nullable=True),
    _ref("run_id", "runs", nullable=True),
    _text("kind"),
    _text("question"),
    sa.Column("options", sa.JSON, nullable=False),
    _text("status", "open"),
    _text("answer"),
    _text("reason"),
    sa.Column("about", sa.JSON, nullable=False, default=dict),
    _time("created_at"),
    _time("answered_at"),
    sa.Index("decisions_open", "status"),
    sa.Index("decisions_run", "run_id"),
)

reported = sa.Table(
    "reported",
    metadata,
    _id(),
    _ref("task_id", "tasks"),
    _ref("run_id", "runs"),
    _text("text"),
    _time("created_at"),
    sa.Index("reported_task", "task_id"),
    sa.Index("reported_run", "run_id"),
    comment="what agents at work said that blocks them",
)

knowledge = sa.Table(
    "knowledge",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _ref("run_id", "runs", nullable=True),
    _text("kind"),
    _text("title"),
    _text("body"),
    _text("path"),
    _text("source"),
    _time("created_at"),
    _time("updated_at"),
    sa.Index("knowledge_project", "project_id", "id"),
    comment="what analyses of a project's repository found",
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("team_id", sa.String(36), sa.ForeignKey("teams.id"), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    _text("sender"),
    _text("kind"),
    sa.Column("body", sa.JSON, nullable=False),
    _time("at"),
)

inbox = sa.Table(
    "inbox",
    metadata,
    _id(),
    _ref("team_id", "teams"),
    _text("kind"),
    sa.Column("body", sa.JSON, nullable=False),
    _text("author"),
    _text("status", "pending"),
    _time("created_at"),
    _time("accepted_at"),
    sa.Index("inbox_pending", "team_id", "status"),
    comment="what people said to a team here, until its channel has it",
)

replies = sa.Table(
    "replies",
    metadata,
    sa.Column("key", sa.String(80), primary_key=True),
    sa.Column("body", sa.JSON, nullable=True),
    _time("created_at"),
    comment="What an Idempotency-Key was answered with",
)

audit = sa.Table(
    "audit",
    metadata,
    _id(),
    sa.Column("project_id", sa.String(36), nullable=True),
    _text("user_id"),
    _text("action"),
    _text("subject"),
    sa.Column("detail", sa.JSON, nullable=False, default=dict),
    _time("created_at"),
    sa.Index("audit_project", "project_id", "id"),
    comment="what people asked Studio to do",
)

numbers = sa.Table(
    "numbers",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False),
    comment="the last number given on each channel; of the channel without a name, the last position in events",
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(36), nullable=False),
    _text("channel"),
    sa.Column("number", sa.BigInteger, nullable=False),
    _text("method"),
    sa.Column("params", sa.JSON, nullable=False),
    comment="what was published last, for the other Studios on this database",
)

presence = sa.Table(
    "presence",
    metadata,
    sa.Column("studio", sa.String(36), primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("user_info", sa.JSON, nullable=True),
    _time("until", nullable=False),
    comment="who is on presence channels, by the Studio they are connected to, until its lease ends",
)
