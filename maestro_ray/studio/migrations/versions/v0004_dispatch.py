"""Schema 0004: assignment, delegation, subtasks, usage, rate limits, and runs about a project and no plan."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from maestro_ray.studio.migrations import columns

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _people_and_sessions()
    _plans_and_tasks()
    _runs()
    _after_runs()
    _levels()


def _people_and_sessions() -> None:
    columns.add("users", sa.Column("skills", sa.JSON, nullable=False), value="{}")
    columns.add("sessions", sa.Column("pool", sa.Text, nullable=False))
    op.create_index("sessions_team", "sessions", ["team_id"])
    op.create_index("sessions_user", "sessions", ["user_id"])
    op.create_table(
        "breakers",
        sa.Column("user_id", sa.String(36), primary_key=True),
        sa.Column("pool", sa.String(200), primary_key=True),
        sa.Column("until", sa.Float, nullable=False),
        comment="credentials, by their owner's name for them, whose rate limit holds until then",
    )


def _plans_and_tasks() -> None:
    columns.add("plans", sa.Column("proposed_by", sa.Text, nullable=False))
    op.add_column("plans", sa.Column("served_at", sa.Float))
    columns.add(
        "tasks",
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("assignee", sa.Text, nullable=False),
        sa.Column("accepted_by", sa.Text, nullable=False),
        level="0",
    )
    with op.batch_alter_table("tasks") as batch:
        batch.add_column(sa.Column("parent_task_id", sa.String(36)))
        batch.create_foreign_key("tasks_parent_task_id_fkey", "tasks", ["parent_task_id"], ["id"])
    op.create_index("tasks_status", "tasks", ["plan_id", "status"])
    op.create_index("tasks_parent", "tasks", ["parent_task_id"])
    op.create_index("tasks_assignee", "tasks", ["assignee"])
    op.create_index("tasks_accepted", "tasks", ["accepted_by"])


def _runs() -> None:
    columns.add(
        "runs",
        sa.Column("delegated_to", sa.Text, nullable=False),
        sa.Column("passed_over", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("emitted", sa.Integer, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost_usd", sa.Float, nullable=False),
        **dict.fromkeys(("emitted", "input_tokens", "output_tokens", "cost_usd"), "0"),
    )
    op.add_column("runs", sa.Column("dispatched_at", sa.Float))
    op.add_column("runs", sa.Column("project_id", sa.String(36)))
    op.execute(
        "UPDATE runs SET project_id = (SELECT plans.project_id FROM plans WHERE plans.id = runs.plan_id)"
    )
    with op.batch_alter_table("runs") as batch:
        batch.alter_column("project_id", nullable=False, existing_type=sa.String(36))
        batch.alter_column("plan_id", nullable=True, existing_type=sa.String(36))
        batch.create_foreign_key("runs_project_id_fkey", "projects", ["project_id"], ["id"])
    for name in ("runs_task", "runs_plan"):
        op.drop_index(name, "runs")
    op.create_index("runs_task", "runs", ["task_id", "purpose", "state"])
    op.create_index("runs_plan", "runs", ["plan_id", "state"])
    op.create_index("runs_session", "runs", ["session_id", "state"])
    op.create_index("runs_project", "runs", ["project_id", "plan_id"])


def _after_runs() -> None:
    with op.batch_alter_table("decisions") as batch:
        batch.alter_column("plan_id", nullable=True, existing_type=sa.String(36))
        batch.add_column(sa.Column("run_id", sa.String(36)))
        batch.create_foreign_key("decisions_run_id_fkey", "runs", ["run_id"], ["id"])
    op.create_table(
        "knowledge",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("project_id", sa.String(36), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("run_id", sa.String(36), sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float),
        sa.Column("updated_at", sa.Float),
        sa.Index("knowledge_project", "project_id", "id"),
        comment="what analyses of a project's repository found",
    )


def _levels() -> None:
    """How deep each task stands in its plan was found anew each time, and is written down from now on."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, depends_on_task_ids FROM tasks")).all()
    needs = {row.id: _ids(row.depends_on_task_ids) for row in rows}
    levels = dict.fromkeys(needs, 0)
    # dependencies are in no circle: after as many rounds as the deepest is deep nothing changes
    for _ in needs:
        found = {task: 1 + max((levels[other] for other in needs[task]), default=-1) for task in needs}
        if found == levels:
            break
        levels = found
    for task, level in levels.items():
        connection.execute(
            sa.text("UPDATE tasks SET level = :level WHERE id = :id"), {"level": level, "id": task}
        )


def _ids(value: str | list[str]) -> list[str]:
    """SQLite's driver gives JSON as text."""
    return list(json.loads(value)) if isinstance(value, str) else value
