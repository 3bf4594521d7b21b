"""INSERT … ON CONFLICT, which SQLAlchemy spells once for each database."""

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import Base


def table_of(row: type[Base]) -> Table:
    table = row.__table__
    assert isinstance(table, Table)
    return table


def dialect_of(session: AsyncSession) -> str:
    return session.get_bind().dialect.name


def insert(dialect: str, row: type[Base]) -> "sqlite.Insert | postgresql.Insert":
    return sqlite.insert(table_of(row)) if dialect == "sqlite" else postgresql.insert(table_of(row))


async def insert_new(session: AsyncSession, row: type[Base], values: dict[str, Any]) -> bool:
    """False if a row with the same primary key, or another unique value, is there already."""
    key = next(iter(table_of(row).primary_key))
    statement = insert(dialect_of(session), row).values(values).on_conflict_do_nothing().returning(key)
    return (await session.execute(statement)).first() is not None
