from __future__ import annotations

import pytest
import sqlalchemy as sa

from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Store, Transaction


def test_the_tables() -> None:
    assert set(t.metadata.tables) == {
        "settings", "users", "invites", "refresh_tokens", "projects", "teams", "sessions", "plans", "phases",
        "tasks", "runs", "verdicts", "comments", "decisions", "messages", "replies", "memberships", "cuts", "audit",
        "numbers", "events", "inbox",
        "breakers", "knowledge", "browsers", "presence", "spent", "reported", "budgets", "purses", "reservations", "bills",
    }  # fmt: skip


async def test_what_is_not_given_has_its_default(store: Store) -> None:
    def make(tx: Transaction) -> str:
        project = tx.insert(t.projects, key="github:acme/shop", name="shop")
        plan = tx.insert(t.plans, project_id=project, title="Shop")
        return tx.insert(t.tasks, plan_id=plan, title="One")

    task = await store.read(Transaction.get, t.tasks, await store.write(make))
    assert (task["status"], task["role"], task["required_proficiency"]) == ("draft", "dev", 3)
    assert (task["depends_on_task_ids"], task["head"], task["review_sent_at"]) == ([], "", None)


@pytest.mark.parametrize(
    "rows",
    [
        [(t.plans, {"project_id": "ghost", "title": "x"})],
        [(t.projects, {"key": "github:a/b"}), (t.projects, {"key": "github:a/b"})],
        [(t.sessions, {"project_id": None, "lease_until": 1.0})],
    ],
)
async def test_the_database_itself_refuses_orphans_and_doubles(
    store: Store, rows: list[tuple[sa.Table, dict[str, object]]]
) -> None:
    def make(tx: Transaction) -> None:
        for table, values in rows:
            tx.insert(table, **values)

    with pytest.raises(sa.exc.IntegrityError):
        await store.write(make)


@pytest.mark.sqlite_only("PostgreSQL reads a small table as a whole, whatever indexes it has")
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT * FROM runs WHERE state = 'queued'", "runs_state"),
        ("SELECT * FROM runs WHERE task_id = 'x'", "runs_task"),
        ("SELECT * FROM runs WHERE plan_id = 'x'", "runs_plan"),
        ("SELECT * FROM runs WHERE session_id = 'x' AND state IN ('running', 'paused')", "runs_session"),
        (
            "SELECT * FROM runs WHERE task_id = 'x' AND purpose = 'test' AND state = 'succeeded' ORDER BY id DESC",
            "runs_task",
        ),
        ("SELECT DISTINCT status FROM tasks WHERE plan_id = 'x'", "tasks_status"),
        ("SELECT * FROM sessions WHERE team_id = 'x'", "sessions_team"),
        ("SELECT * FROM sessions WHERE user_id = 'x'", "sessions_user"),
        ("SELECT * FROM tasks WHERE assignee = 'x'", "tasks_assignee"),
        ("SELECT * FROM tasks WHERE accepted_by = 'x'", "tasks_accepted"),
        ("SELECT * FROM tasks WHERE parent_task_id = 'x'", "tasks_parent"),
        ("SELECT * FROM knowledge WHERE project_id = 'x' ORDER BY id", "knowledge_project"),
        ("SELECT * FROM plans WHERE status = 'active'", "plans_status"),
        ("SELECT * FROM tasks WHERE plan_id = 'x' ORDER BY position", "tasks_plan"),
        ("SELECT * FROM sessions WHERE status = 'connected' AND lease_until < 5", "sessions_live"),
        ("SELECT * FROM decisions WHERE status = 'open'", "decisions_open"),
    ],
)
async def test_what_is_asked_all_the_time_is_found_by_an_index(store: Store, query: str, index: str) -> None:
    plan = await store.read(lambda tx: tx.execute(sa.text(f"EXPLAIN QUERY PLAN {query}")).all())
    assert index in repr(plan)
