"""Each figure of a report, counted again from all rows by a slow way that shares no code with it."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.reports.months import months
from ivr.reports.period import Period, spans
from ivr.reports.tally import SOURCES, Asked, Tally, rows_of, tally
from ivr.store import callbacks, calls
from ivr.store.database import Store
from ivr.store.tables import CallbackRow, CallRow, ContactRow, DialRow, MessageRow
from tests.store.rows import TOKYO, call, callback, contact

NOW = datetime(2026, 11, 10, 12, 0, tzinfo=TOKYO)
# Half past the hour of UTC, and clocks that are turned back on 1 November 2026.
ZONES = {"ecforce": TOKYO, "mumbai": ZoneInfo("Asia/Kolkata"), "york": ZoneInfo("America/New_York")}
DAYS = Period(date(2026, 10, 31), date(2026, 11, 6))
OUTCOMES = (
    "answered",
    "answered",
    "message",
    "callback",
    "informed",
    "abandoned",
    "abandoned",
    "silent",
    "failed",
)
CAUSES = (None, None, "busy", "no_agent", "no_answer", "closed", "asked")
RESULTS = ("reached", "no_answer", "busy", "machine", "left_word", None)


def in_queue(line: str, path: Any) -> bool:
    return bool(path[-1] == "support")


async def write_at_random(store: Store, seed: int) -> None:
    dice = random.Random(seed)

    def when() -> datetime:
        return datetime(2026, 10, 30, tzinfo=UTC) + timedelta(minutes=dice.randrange(60 * 24 * 9))

    def some(low: int, high: int, missing: float = 0.0) -> timedelta | None:
        return None if dice.random() < missing else timedelta(seconds=dice.randrange(low, high))

    rows: dict[Any, list[dict[str, Any]]] = {
        table: [] for table in (CallRow, CallbackRow, ContactRow, DialRow)
    }
    rows[MessageRow] = []
    for number in range(240):
        line = dice.choice(["ecforce", "mumbai", "york", "gone"])
        of = {"line": line, "tenant": dice.choice(["ecforce", "ecforce", "bank"])}
        at, ticket = when(), f"{number:07}"
        ends, path = some(1, 900, 0.1), dice.choice([["menu"], ["menu", "#1", "support"]])
        outcome = dice.choice(OUTCOMES) if ends else "in_progress"
        answered_by = dice.choice(["tanaka", "suzuki", None]) if outcome == "answered" else None
        ended = {
            "agent": answered_by,
            "ended_at": at + ends if ends else None,
            "outcome": outcome,
            "cause": dice.choice(CAUSES),
        }
        rows[CallRow].append(call(f"c{number}", **of, started_at=at, path=path, **ended))
        done, aim, due, begun = (
            some(60, 90000, 0.5),
            some(60, 90000, 0.4),
            some(60, 9000, 0.2),
            some(60, 9000, 0.3),
        )
        state = "done" if done else dice.choice(["open", "working", "cancelled", "unreachable"])
        wanted = dice.choice([None, None, True, False])
        about = {
            **of,
            "priority": dice.choice(["high", "medium", "low"]),
            "created_at": at,
            "reply_wanted": wanted,
        }
        about |= {"due_at": at + due if due else None, "begun_at": at + begun if begun else None}
        ends_at = (
            {"done_at": at + done if done or state == "cancelled" else None} if done else {"done_at": None}
        )
        targets = {
            "resolution_due_at": at + aim if aim else None,
            "agent": dice.choice(["tanaka", "suzuki", None]),
        }
        rows[CallbackRow].append(callback(ticket, **{**about, **ends_at, **targets, "state": state}))
        source = dice.choice(["message", "key", "form", "abandoned", "agent", "call"])
        rows[ContactRow].append(contact(ticket, **about, source=source))
        for turn in range(dice.choice([0, 1, 1, 2, 3, 6])):
            dial = {"ticket": ticket, "number": "+819012345678", "agent": dice.choice(["tanaka", "suzuki"])}
            dial |= {"by_hand": dice.random() < 0.3, "key": f"{ticket}.{turn}", "began_at": when()}
            rows[DialRow].append({**of, **dial, "outcome": dice.choice(RESULTS)})
        if dice.random() < 0.5:
            message = {
                "id": f"m{number}",
                "cause": "busy",
                "audio": "x",
                "origin": "engine",
                "created_at": when(),
            }
            rows[MessageRow].append(
                {**of, **message, "state": dice.choice(["stored", "stored", "silent", "lost"])}
            )
    async with store.write() as session:
        for table, given in rows.items():
            await session.execute(insert(table), given)


# -- the slow way ------------------------------------------------------------------------------


async def everything(session: AsyncSession, table: str) -> list[dict[str, Any]]:
    """All rows as the database holds them, with aware times and lists."""
    found = []
    for row in (await session.execute(text(f"SELECT * FROM {table}"))).mappings():
        plain = dict(row)
        for name, value in plain.items():
            if value is not None and (name.endswith("_at") or name == "at"):
                given = datetime.fromisoformat(value) if isinstance(value, str) else value
                plain[name] = given.replace(tzinfo=UTC)
            if name == "path" and isinstance(value, str):
                plain[name] = json.loads(value)
        found.append(plain)
    return found


def local(row: dict[str, Any], column: str) -> datetime:
    at: datetime = row[column]
    return at.astimezone(ZONES.get(row["line"], TOKYO))


def places(row: dict[str, Any], column: str, own: str | None = None) -> list[str]:
    at = local(row, column)
    found = ["", f"day:{at:%Y-%m-%d}", f"hour:{at.hour}", f"slot:{at.weekday()}-{at.hour}"]
    return [*found, own] if own else found


def is_in(row: dict[str, Any], column: str, line: str | None, tenant: str | None) -> bool:
    if row[column] is None or (line and row["line"] != line) or (tenant and row["tenant"] != tenant):
        return False
    return date(2026, 10, 31) <= local(row, column).date() <= date(2026, 11, 6)


def names_of_call(row: dict[str, Any]) -> Iterator[str]:
    yield from ("call", f"call.{row['outcome']}")
    nobody = row["cause"] in ("busy", "no_agent", "no_answer", "asked")
    waiting = row["outcome"] == "abandoned" and row["path"][-1] == "support"
    wanted = row["outcome"] == "answered" or nobody or waiting
    if wanted:
        yield "call.offered"
    if row["outcome"] in ("abandoned", "silent", "failed"):
        yield "call.lost"
        if wanted:
            yield "call.gone"
        if row["outcome"] == "failed":
            yield "call.lost.failed"
        elif waiting:
            yield "call.lost.queue"
        elif row["cause"]:
            yield f"call.lost.{row['cause']}"
        else:
            yield "call.lost.menu"


def names_of_ask(row: dict[str, Any], ticket: dict[str, Any]) -> Iterator[str]:
    if row["source"] == "call":
        yield "again"
        return
    yield "ask"
    due, begun = row["due_at"], row["begun_at"]
    if due:
        yield "ask.promised"
        if begun and begun <= due:
            yield "ask.kept"
        elif begun or due < NOW:
            yield from ("ask.late" if begun else "ask.never", "ask.broken")
        else:
            yield "ask.waiting"
    if row["reply_wanted"] in (False, 0):
        return
    solved = ticket["done_at"] if ticket["state"] == "done" else None
    if begun:
        yield "ask.responded"
    if solved:
        yield "ask.resolved"
    if aim := ticket["resolution_due_at"]:
        if solved and solved <= aim:
            yield "ask.within"
        elif solved or aim < NOW:
            yield "ask.beyond"


async def slowly(
    session: AsyncSession, line: str | None, tenant: str | None
) -> tuple[Counter[tuple[str, str]], dict[str, list[float]]]:
    counts: Counter[tuple[str, str]] = Counter()
    times: dict[str, list[float]] = {"response": [], "resolution": []}
    tickets = {row["ticket"]: row for row in await everything(session, "callbacks")}
    dials = await everything(session, "callback_dials")
    for row in await everything(session, "calls"):
        if row["ended_at"] and is_in(row, "started_at", line, tenant):
            own = f"agent:{row['agent']}" if row["agent"] else None
            counts.update(
                (name, place) for name in names_of_call(row) for place in places(row, "started_at", own)
            )
    for row in await everything(session, "callback_contacts"):
        if is_in(row, "created_at", line, tenant):
            names = list(names_of_ask(row, tickets[row["ticket"]]))
            own = f"priority:{row['priority']}"
            counts.update((name, place) for name in names for place in places(row, "created_at", own))
            ends = (
                ("ask.responded", "response", row["begun_at"]),
                ("ask.resolved", "resolution", tickets[row["ticket"]]["done_at"]),
            )
            for name, what, end in ends:
                if name in names:
                    times[what].append((end - row["created_at"]).total_seconds())
    for row in dials:
        if is_in(row, "began_at", line, tenant):
            names = ["dial", f"dial.{row['outcome'] or 'open'}", *(["dial.hand"] if row["by_hand"] else [])]
            counts.update(
                (name, place) for name in names for place in places(row, "began_at", f"agent:{row['agent']}")
            )
    for row in tickets.values():
        if row["state"] == "done" and is_in(row, "done_at", line, tenant):
            made = min(4, sum(dial["ticket"] == row["ticket"] for dial in dials))
            own = f"agent:{row['agent'] or ''}"
            counts.update(
                (name, place) for name in ("done", f"done.{made}") for place in places(row, "done_at", own)
            )
    for row in await everything(session, "messages"):
        if row["state"] == "stored" and is_in(row, "created_at", line, tenant):
            counts.update(("message", place) for place in places(row, "created_at"))
    return counts, times


@pytest.mark.parametrize(
    ("seed", "line", "tenant"),
    [(1, None, None), (2, None, "ecforce"), (3, "york", None), (4, "mumbai", "bank"), (5, "gone", None)],
)
async def test_every_figure_is_that_of_the_rows(
    store: Store, seed: int, line: str | None, tenant: str | None
) -> None:
    await write_at_random(store, seed)
    asked = Asked(spans(DAYS, ZONES, line), tenant, NOW, in_queue)
    async with store.read() as session:
        expected, times = await slowly(session, line, tenant)
        found = await tally(session, asked)
        assert dict(found.counts) == dict(expected)
        for what, seconds in times.items():
            assert list(found.seconds.get((what, ""), ())) == pytest.approx(sorted(seconds))
            by_priority = [n for key, n in found.seconds.items() if key[0] == what and key[1]]
            assert sum(map(len, by_priority)) == len(seconds)
        await every_figure_leads_to_its_rows(session, asked, found)
    assert sum(expected.values()) > 100, "a test that counts nothing"


async def every_figure_leads_to_its_rows(session: AsyncSession, asked: Asked, found: Tally) -> None:
    dice = random.Random(0)
    for name, scope in dice.sample(sorted(found.counts), 40):
        kind = "ask" if name == "again" else name.partition(".")[0]
        assert kind in SOURCES
        rows = [row async for row, _ in rows_of(session, asked, kind, name, scope)]  # type: ignore[arg-type]
        assert len(rows) == found.n(name, scope) > 0, (name, scope)


async def test_a_day_by_hand(store: Store) -> None:
    """Five calls of a Tuesday: answered; abandoned in the queue; busy, then a message; busy, then gone; closed."""
    ten = datetime(2026, 11, 3, 10, 5, tzinfo=TOKYO)
    paths = {"b": ["menu", "#1", "support"]}
    day = (
        ("a", "answered", None),
        ("b", "abandoned", None),
        ("c", "message", "busy"),
        ("d", "abandoned", "busy"),
        ("e", "message", "closed"),
    )
    async with store.write() as session:
        for number, (id, outcome, cause) in enumerate(day):
            at = ten + timedelta(minutes=20 * number)
            about = {"started_at": at, "ended_at": at + timedelta(minutes=1), "path": paths.get(id, ["menu"])}
            await calls.save(session, [call(id, outcome=outcome, cause=cause, **about)])
        for ticket, due, begun in (("1", 30, 29), ("2", 30, 31), ("3", 30, None), ("4", None, 5)):
            times = {
                "due_at": due and ten + timedelta(minutes=due),
                "begun_at": begun and ten + timedelta(minutes=begun),
            }
            await callbacks.insert(session, callback(ticket, created_at=ten), who="x", at=ten)
            session.add(ContactRow(**contact(ticket, created_at=ten, **times)))
    async with store.read() as session:
        found = await tally(session, Asked(spans(DAYS, ZONES, "ecforce"), None, NOW, in_queue))
    assert (found.n("call"), found.n("call.offered"), found.n("call.answered")) == (5, 4, 1)
    assert (found.n("call.lost"), found.n("call.lost.queue"), found.n("call.lost.busy")) == (2, 1, 1)
    assert (found.n("call", "slot:1-10"), found.n("call", "hour:11"), found.n("call", "day:2026-11-03")) == (
        3,
        2,
        5,
    )
    assert [found.n(f"ask.{name}") for name in ("promised", "kept", "late", "never", "waiting")] == [
        3,
        1,
        1,
        1,
        0,
    ]
    assert list(found.seconds["response", ""]) == [300.0, 1740.0, 1860.0]


async def test_calls_of_each_month_are_counted_by_the_clock_of_the_line(store: Store) -> None:
    """A call at 15:30 UTC on 31 October is November in Tokyo and October in New York."""
    at = datetime(2026, 10, 31, 15, 30, tzinfo=UTC)
    async with store.write() as session:
        for id, line, outcome, when in (
            ("a", "ecforce", "answered", at),
            ("b", "york", "abandoned", at),
            ("c", "ecforce", "rejected", at),
            ("d", "ecforce", "in_progress", at),
            ("e", "ecforce", "message", at - timedelta(hours=1)),
        ):
            ends = None if outcome == "in_progress" else when + timedelta(minutes=1)
            await calls.save(session, [call(id, line=line, outcome=outcome, started_at=when, ended_at=ends)])
    async with store.read() as session:
        found = await months(session, date(2026, 11, 24), 3, ZONES, tenant="ecforce")
        assert found == [
            ("2026-11", {("ecforce", "ecforce"): 1}),
            ("2026-10", {("ecforce", "ecforce"): 1, ("ecforce", "york"): 1}),
            ("2026-09", {}),
        ]
        assert dict(await months(session, date(2026, 11, 24), 1, ZONES, tenant="bank")) == {"2026-11": {}}
