"""The figures of a period, and the rows of each of them."""

import asyncio
import math
from array import array
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.reports.facts import (
    KINDS,
    MESSAGE,
    InQueue,
    Kind,
    Names,
    of_call,
    of_contact,
    of_dial,
    of_done,
    own_scope,
    scopes,
)
from ivr.store import reports as store
from ivr.store.reports import Span

SOURCES = {
    "call": store.CALLS,
    "ask": store.CONTACTS,
    "dial": store.DIALS,
    "done": store.DONE,
    "message": store.MESSAGES,
}
TURN = 500  # sums; then others have their turn


@dataclass(frozen=True, slots=True)
class Asked:
    """What is counted: `tenant` None is every one; `now` judges what was promised and is not begun."""

    spans: Sequence[Span]
    tenant: str | None
    now: datetime
    in_queue: InQueue


@dataclass(frozen=True, slots=True)
class Tally:
    """`counts`: (name, scope) -> how many. `seconds`: ("response" or "resolution", priority or "") -> in rising order."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: dict[tuple[str, str], Sequence[float]] = field(default_factory=dict)

    def n(self, name: str, scope: str = "") -> int:
        return self.counts[name, scope]

    def scopes(self, kind: str) -> list[str]:
        """Those of this kind, such as "agent", in which anything was counted."""
        found = {scope for _, scope in self.counts if scope.startswith(f"{kind}:")}
        return sorted(found)


def share(part: int, whole: int) -> float | None:
    """In percent."""
    return 100 * part / whole if whole else None


def quantile(rising: Sequence[float], percent: int) -> float | None:
    """The smallest value that so many of them do not exceed (nearest rank)."""
    return rising[max(0, math.ceil(percent * len(rising) / 100) - 1)] if rising else None


async def tally(session: AsyncSession, asked: Asked) -> Tally:
    # Most rows share their names and their hour with others: they are counted together first.
    alike: Counter[tuple[Names, date, int, str]] = Counter()
    times: defaultdict[tuple[str, str], array[float]] = defaultdict(lambda: array("d"))
    for kind in KINDS:
        names_of = _namer(kind, asked)
        for span in asked.spans:
            if kind == "ask":
                async for piece in store.rows(session, store.CONTACTS, span, asked.tenant):
                    for row in piece:
                        names, local = names_of(row), row.at.astimezone(span.zone)
                        alike[names, local.date(), local.hour, own_scope(kind, row)] += 1
                        _add_times(times, names, row)
                continue
            async for row, at, many in store.counted(session, SOURCES[kind], span, asked.tenant):
                local = at.astimezone(span.zone)
                alike[names_of(row), local.date(), local.hour, own_scope(kind, row)] += many
    found = Tally()
    for key, seconds in times.items():
        found.seconds[key] = sorted(seconds)
        await asyncio.sleep(0)
    for place, ((names, day, hour, own), many) in enumerate(alike.items()):
        if place % TURN == 0:
            await asyncio.sleep(0)
        for scope in scopes(day, hour, own):
            for name in names:
                found.counts[name, scope] += many
    return found


def _add_times(times: defaultdict[tuple[str, str], "array[float]"], names: Names, row: Any) -> None:
    ends = (("response", "ask.responded", row.begun_at), ("resolution", "ask.resolved", row.done_at))
    for what, name, end in ends:
        if name in names:
            passed = (end - row.at).total_seconds()
            times[what, ""].append(passed)
            times[what, row.priority].append(passed)


async def calls_of(session: AsyncSession, asked: Asked) -> dict[str, Counter[str]]:
    """Line -> the figures of its calls, by name."""
    found: dict[str, Counter[str]] = {}
    for span in asked.spans:
        async for row, _, many in store.counted(session, store.CALLS, span, asked.tenant):
            for name in of_call(row, asked.in_queue):
                found.setdefault(row.line, Counter())[name] += many
    return found


async def rows_of(
    session: AsyncSession, asked: Asked, kind: Kind, name: str, scope: str
) -> AsyncIterator[tuple[Any, datetime]]:
    """Each row of a figure, with its time by the clock of its line; of each span the oldest first."""
    names_of = _namer(kind, asked)
    for span in asked.spans:
        async for piece in store.rows(session, SOURCES[kind], span, asked.tenant, by_time=True):
            for row in piece:
                local = row.at.astimezone(span.zone)
                if name in names_of(row) and scope in scopes(local.date(), local.hour, own_scope(kind, row)):
                    yield row, local


def _namer(kind: Kind, asked: Asked) -> Callable[[Any], Names]:
    match kind:
        case "call":
            return lambda row: of_call(row, asked.in_queue)
        case "ask":
            return lambda row: of_contact(row, asked.now)
        case "dial":
            return of_dial
        case "done":
            return of_done
    return lambda row: MESSAGE
