"""What alembic runs to migrate: on the connection it was given, in the transaction that is under way."""

from __future__ import annotations

from alembic import context

from maestro_ray.studio.schema import metadata

# SQLite changes tables in transactions too, as long as its driver begins none by itself
context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
