from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from maestro_ray.model.access import Caller
from maestro_ray.studio import identity, plans, upgrade
from maestro_ray.studio import schema as t
from maestro_ray.studio.database import Place, connect
from maestro_ray.studio.store import Store, Transaction, _usual
from maestro_ray.testing import FakeClock

from .old import INVITES, RELEASED, TOKENS, put_back

released = pytest.mark.parametrize("dump", RELEASED, ids=lambda path: path.stem)


def what_is_missing(connection: sa.Connection) -> str:
    """What a database of `schema.py` has and this one has not, or the other way round; empty when they agree."""
    options = {"compare_type": True, "compare_server_default": True}
    script = produce_migrations(MigrationContext.configure(connection, opts=options), t.metadata)
    assert script.upgrade_ops is not None
    return "" if script.upgrade_ops.is_empty() else render_python_code(script.upgrade_ops)


def shape(engine: sa.Engine) -> dict[str, Any]:
    """All of every table that autogenerate does not look at too, whatever the order of its columns."""
    inspector = sa.inspect(engine)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(table)
            },
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "references": sorted(
                (key["constrained_columns"], key["referred_table"]) for key in inspector.get_foreign_keys(table)
            ),
            "unique": sorted(key["column_names"] for key in inspector.get_unique_constraints(table)),
            "indexes": sorted((index["name"], index["column_names"]) for index in inspector.get_indexes(table)),
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }  # fmt: skip


@pytest.fixture
def empty(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """An engine for a database in which there is nothing."""
    place: Place = tmp_path / "empty.db" if backend == "sqlite" else request.getfixturevalue("empty_postgres")
    engine = connect(place, references=False)
    yield engine
    engine.dispose()


def test_the_migrations_lead_to_the_tables_of_the_code(empty: sa.Engine, database: Place) -> None:
    with empty.begin() as connection:
        upgrade.run_alembic(connection, "head")
        if missing := what_is_missing(connection):
            pytest.fail(
                "schema.py has changed and no migration follows it. Write"
                f" maestro_ray/studio/migrations/versions/v{int(upgrade.known()[-1]) + 1:04}_WHAT_IS_NEW.py with"
                f" revision and down_revision as in the last one; its upgrade() must do this:\n\n{missing}\n\n"
                "A column that must have a value is added with migrations.columns.add.",
                pytrace=False,
            )
    made = connect(database)
    assert shape(empty) == shape(made)
    made.dispose()


def test_the_comparison_sees_a_difference(empty: sa.Engine) -> None:
    with empty.begin() as connection:
        upgrade.run_alembic(connection, "0004")
        missing = what_is_missing(connection)
    assert "op.create_table('events'" in missing
    assert re.search(r"'number',\s+existing_type=.*\s+type_=sa.BigInteger\(\)", missing)


def test_they_are_one_chain_and_their_files_say_which() -> None:
    config = Config()
    config.set_main_option("script_location", str(upgrade.MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert len(script.get_heads()) == 1, (
        "two migrations follow the same one: give the later one the next number"
    )
    chain = [revision.revision for revision in script.walk_revisions()][::-1]
    assert chain == list(upgrade.known()) == [f"{number + 1:04}" for number in range(len(chain))]


def test_what_was_used_before_is_added_up(empty: sa.Engine) -> None:
    with empty.begin() as connection:
        upgrade.run_alembic(connection, "0007")
        connection.execute(t.projects.insert(), [{"id": name, "key": name, "name": name} for name in "pq"])
        then = sa.Table("plans", sa.MetaData(), autoload_with=connection)
        usual = {name: value for name, value in _usual(t.plans).items() if name in then.c}
        connection.execute(then.insert(), {**usual, "id": "plan", "project_id": "p", "title": "x"})
        of_plan, of_project = {"project_id": "p", "plan_id": "plan"}, {"project_id": "p", "plan_id": None}
        used = [(of_plan, 10, 0.5), (of_plan, 5, 0.25), (of_plan, 0, 0.0), (of_project, 1, 0.0)]
        rows = [
            {"id": str(n), "purpose": "x", "input_tokens": i, "cost_usd": c, **of}
            for n, (of, i, c) in enumerate(used)
        ]
        connection.execute(t.runs.insert(), rows)
        upgrade.run_alembic(connection, "head")
        found = connection.execute(sa.select(t.spent).order_by(t.spent.c.plan_id)).all()
    assert found == [("p", "", 16, 0, 0.75, 3), ("p", "plan", 15, 0, 0.75, 2)]


@released
async def test_an_old_database_becomes_a_present_one(dump: Path, tmp_path: Path, clock: FakeClock) -> None:
    path = put_back(dump, tmp_path / "studio.db")
    store = await Store.open(path, clock, lambda *_: None)
    await store.close()
    engine, fresh = connect(path), connect(tmp_path / "fresh.db")
    t.metadata.create_all(fresh)
    with engine.begin() as connection:
        assert what_is_missing(connection) == ""
    assert shape(engine) == shape(fresh)
    engine.dispose()
    fresh.dispose()


@released
async def test_what_was_in_an_old_database_is_still_there_and_still_works(
    dump: Path, tmp_path: Path, clock: FakeClock
) -> None:
    store = await Store.open(put_back(dump, tmp_path / "studio.db"), clock, lambda *_: None)
    (user,) = await store.read(Transaction.all, sa.select(t.users))
    assert user["name"] == "ada"
    assert await store.read(identity.roles, user["id"]) == {"*": "owner"}
    # secrets that were given out before still open the door
    tokens = await store.write(identity.refresh, TOKENS[dump.stem])
    assert tokens is not None
    claims = identity.verify(
        tokens["access_token"], await store.write(identity.setting, "jwt_secret"), clock.wall()
    )
    assert (claims["sub"], claims["roles"]) == (user["id"], {"*": "owner"})
    await store.write(identity.redeem, INVITES[dump.stem], "bob")
    assert {row["name"] for row in await store.read(identity.members, "x")} == {"ada", "bob"}
    # all rows, with their references
    (plan,) = await store.read(Transaction.all, sa.select(t.plans))
    whole = await store.read(plans.view, plan["id"])
    assert [task["title"] for task in whole["tasks"]] == ["One", "Two <b>'; DROP TABLE runs; --"]
    assert whole["tasks"][1]["depends_on_task_ids"] == [whole["tasks"][0]["id"]]
    assert [task["level"] for task in whole["tasks"]] == [0, 1]
    assert {run["project_id"] for run in await store.read(Transaction.all, sa.select(t.runs))} == {
        plan["project_id"]
    }
    assert {run["purpose"] for run in whole["runs"]} == {"bootstrap_epic", "execute", "test", "review"}
    assert whole["verdicts"][0]["evidence"]["exit_code"] == 0
    (message,) = await store.read(Transaction.all, sa.select(t.messages))
    assert (message["number"], message["body"]) == (1, {"text": "hello"})
    assert len(await store.read(Transaction.all, sa.select(t.sessions))) == 5
    # and it goes on
    await store.write(identity.logout, Caller(user["id"], claims["fam"], {}, None))
    with pytest.raises(sa.exc.IntegrityError):
        await store.write(lambda tx: tx.insert(t.comments, task_id="ghost", body="x"))
    await store.close()
