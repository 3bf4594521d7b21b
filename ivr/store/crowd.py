"""How many callers rang a line hour by hour, and how many of them reached nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import String, case, func, literal_column, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import CallRow
from ivr.store.upsert import dialect_of

# Causes for which a caller in open hours reached nobody; who hung up in a queue has one of them, too.
NOBODY = ("busy", "no_agent", "no_answer")


@dataclass(frozen=True, slots=True)
class Hour:
    """`begins`: a full hour of UTC."""

    begins: datetime
    calls: int
    lost: int


async def by_hour(session: AsyncSession, line: str, since: datetime, until: datetime) -> Sequence[Hour]:
    """Of calls that began in [since, until) and are over; hours without a call are left out."""
    if dialect_of(session) == "postgresql":
        hour = func.to_char(CallRow.started_at, literal_column("'YYYY-MM-DD HH24'"))
    else:
        hour = func.substr(sql_cast(CallRow.started_at, String), 1, 13)
    lost = case((CallRow.cause.in_(NOBODY) | (CallRow.outcome == "abandoned"), 1), else_=0)
    query = (
        select(hour, func.count(), func.sum(lost))
        .where(CallRow.line == line, CallRow.started_at >= since, CallRow.started_at < until)
        .where(CallRow.ended_at.is_not(None))
        .group_by(hour)
    )
    return [
        Hour(datetime.strptime(text, "%Y-%m-%d %H").replace(tzinfo=UTC), calls, int(missed))
        for text, calls, missed in await session.execute(query)
    ]
