"""Alembic runs this file; the connection comes from `ivr.store.migrate`, inside its transaction."""

from alembic import context

from ivr.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite cannot alter a column: Alembic copies the table instead.
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
