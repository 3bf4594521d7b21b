"""Calls: written in batches while they run, listed for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, Text, case, cast, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.pages import beyond
from ivr.store.tables import CallRow
from ivr.store.upsert import dialect_of, insert, table_of


@cache
def _upsert(dialect: str) -> "sqlite.Insert | postgresql.Insert":
    statement = insert(dialect, CallRow)
    # Who answered is written by the one who answers, and stays.
    columns = [c.name for c in table_of(CallRow).columns if not c.primary_key and c.name != "agent"]
    changed = {name: statement.excluded[name] for name in columns}
    return statement.on_conflict_do_update(index_elements=["id"], set_=changed)


async def save(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Inserts or replaces each row by `id`; of two with one id the later wins.

    Every row gives every column of CallRow but `agent`, by name. One executemany, without the ORM: 200 calls/s pass here.
    """
    if rows:
        connection = await session.connection()
        await connection.execute(_upsert(dialect_of(session)), list(rows))


async def get(session: AsyncSession, call_id: str) -> CallRow | None:
    return await session.get(CallRow, call_id)


async def listing(
    session: AsyncSession,
    *,
    limit: int = 100,
    after: str | None = None,
    line: str | None = None,
    outcome: str | None = None,
    tenant: str | None = None,
) -> Sequence[CallRow]:
    """Newest first. `after` is the id of the last call of the page before; None for `tenant` is all."""
    order = (CallRow.started_at, CallRow.id)
    query = select(CallRow).order_by(*(column.desc() for column in order)).limit(limit)
    for column, wanted in ((CallRow.line, line), (CallRow.outcome, outcome), (CallRow.tenant, tenant)):
        if wanted is not None:
            query = query.where(column == wanted)
    if after is not None:
        last = (await session.execute(select(*order).where(CallRow.id == after))).one_or_none()
        query = query.where(beyond(order, last, falling=True))
    return (await session.scalars(query)).all()


@dataclass(frozen=True, slots=True)
class Passage:
    """One call that is over, as far as its path goes; `times`: seconds for each of `path`, or empty."""

    id: str
    dialplan: str  # content hash of its version
    number: str | None
    withheld: str | None
    started_at: datetime
    seconds: float
    outcome: str
    cause: str | None
    path: Sequence[str]
    times: Sequence[float]


async def passages(
    session: AsyncSession,
    line: str,
    since: datetime,
    until: datetime,
    *,
    newest: int | None = None,
    gone_on: bool = False,
) -> list[Passage]:
    """Calls of `line` that began in [since, until) and are over, the oldest first; at most the `newest`.

    `gone_on`: also those that a goto led from this line to another, of which they are now.
    """
    columns = (
        CallRow.id,
        CallRow.dialplan,
        CallRow.number,
        CallRow.withheld,
        CallRow.started_at,
        CallRow.ended_at,
        CallRow.outcome,
        CallRow.cause,
        CallRow.path,
        CallRow.path_times,
    )
    query = _over(select(*columns), line, since, until, newest, gone_on)
    rows = (await session.execute(query)).all()
    return [
        Passage(
            row.id,
            row.dialplan,
            row.number,
            row.withheld,
            row.started_at,
            (row.ended_at - row.started_at).total_seconds(),
            row.outcome,
            row.cause,
            row.path,
            row.path_times or (),
        )
        for row in reversed(rows)
    ]


async def answers(
    session: AsyncSession, line: str, since: datetime, until: datetime, *, newest: int | None = None
) -> Sequence[dict[str, int]]:
    """To surveys, in calls as `passages` finds them."""
    query = _over(select(CallRow.answers), line, since, until, newest).where(CallRow.answers.is_not(None))
    return [row for row in reversed((await session.scalars(query)).all()) if row]


def _over(
    query: Select[Any],
    line: str,
    since: datetime,
    until: datetime,
    newest: int | None,
    gone_on: bool = False,
) -> Select[Any]:
    """The newest first."""
    theirs = CallRow.line == line
    if gone_on:
        theirs |= cast(CallRow.path, Text).contains(f'"{line}:', autoescape=True)
    query = query.where(theirs, CallRow.ended_at.is_not(None))
    query = query.where(CallRow.started_at >= since, CallRow.started_at < until)
    return query.order_by(CallRow.started_at.desc(), CallRow.id.desc()).limit(newest)


async def close_unfinished(session: AsyncSession, engine: str, at: datetime) -> int:
    """At the start of an engine: what it had when it died is over for it. How many those were.

    A call without an outcome `failed` here, even if the fallback served the caller: the message says so.
    """
    outcome = case((CallRow.outcome == "in_progress", "failed"), else_=CallRow.outcome)
    lost = update(CallRow).where(CallRow.engine == engine, CallRow.ended_at.is_(None))
    result = await session.execute(lost.values(ended_at=at, outcome=outcome, state=None))
    return int(result.rowcount)  # type: ignore[attr-defined]
