"""Alembic runs this file; the connection comes from `ivr.store.migrate`, inside its transaction."""

from typing import Any, Literal

from alembic import context

from ivr.store.tables import Base, UtcTime


def render(kind: str, item: Any, _: object) -> str | Literal[False]:
    """A version must mean the same for ever, so it names no type of ours."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_item=render,
    # SQLite cannot alter a column: Alembic copies the table instead.
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
