"""How many calls each line had in each month: what a plan with so many calls a month is reckoned by."""

from collections.abc import Mapping
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.reports.period import Period, spans
from ivr.store import reports

Counted = Mapping[tuple[str, str], int]
"""(tenant, line) -> calls."""


async def months(
    session: AsyncSession, today: date, count: int, zones: Mapping[str, ZoneInfo], *, tenant: str | None
) -> list[tuple[str, Counted]]:
    """The last `count` months with that of `today`, which is not over, the latest first; each as "2026-11"."""
    found: list[tuple[str, Counted]] = []
    first = today.replace(day=1)
    for _ in range(count):
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        calls: dict[tuple[str, str], int] = {}
        for span in spans(Period(first, last), zones, None):
            calls |= await reports.calls_of_lines(session, span, tenant)
        found.append((f"{first:%Y-%m}", calls))
        first = (first - timedelta(days=1)).replace(day=1)
    return found
