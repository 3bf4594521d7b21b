"""What somebody must look at: one row a matter while it stands. Raised again, it counts; cleared, it is history."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import Alarm
from ivr.store.upsert import dialect_of, insert

LONGEST_KEY = 100  # characters; PostgreSQL refuses a longer one


async def raise_(session: AsyncSession, key: str, message: str, *, tenant: str | None, at: datetime) -> None:
    """`message`: Japanese, what is wrong and what to do. `tenant` None: the operator's, nobody else sees it.

    One that stands already takes the new text and counts one more.
    """
    row = {"key": key[:LONGEST_KEY], "tenant": tenant, "text": message, "raised_at": at, "last_at": at}
    statement = insert(dialect_of(session), Alarm).values(**row, count=1)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["key"],
            index_where=text("cleared_at IS NULL"),
            set_={"text": message, "tenant": tenant, "last_at": at, "count": Alarm.count + 1},
        )
    )


async def clear(session: AsyncSession, key: str, at: datetime) -> bool:
    """False if it did not stand."""
    done = await session.execute(
        update(Alarm)
        .where(Alarm.key == key[:LONGEST_KEY], Alarm.cleared_at.is_(None))
        .values(cleared_at=at)
        .returning(Alarm.id)
    )
    return done.first() is not None


async def standing(session: AsyncSession, tenant: str | None = None) -> Sequence[Alarm]:
    """Oldest first; with a tenant, only that one's."""
    query = select(Alarm).where(Alarm.cleared_at.is_(None)).order_by(Alarm.raised_at, Alarm.id)
    if tenant is not None:
        query = query.where(Alarm.tenant == tenant)
    return (await session.scalars(query)).all()
