"""The audit: what is changed or taken away is seen, and what is old enough goes without a gap in the proof."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from ivr.auditing import Keeper, Report, proved
from ivr.store import audit, seals
from ivr.store.database import Store
from ivr.store.tables import AuditRow, AuditSeal
from tests.store.rows import NOON, after
from tests.web.conftest import StoppedClock

DAY = 86_400


async def look(store: Store, second: float, about: str = "1000012") -> None:
    async with store.write() as session:
        facts = {"who": "alice", "tenant": "ecforce", "what": "view", "about": about}
        await audit.note(session, **facts, kind="callback", at=after(second), detail="見た")


@pytest.fixture
async def sealed(store: Store) -> Store:
    """Three seals of two rows each: of the first, second and third hour."""
    for hour in range(3):
        for minute in range(2):
            await look(store, hour * 3600 + minute * 60, f"100{hour}{minute}")
        await Keeper(store, StoppedClock(after(hour * 3600 + 1800)), 365).round()
    return store


async def proof(store: Store, head: str | None = None, days: int = 365, second: float = 4 * 3600) -> Report:
    return await proved(store, head, days, after(second))


async def test_what_nobody_touched_is_whole(sealed: Store) -> None:
    await look(sealed, 3 * 3600)
    report = await proof(sealed)
    assert (report.seals, report.rows, report.waiting, report.problems) == (3, 6, 1, [])
    assert report.head is not None and report.head.startswith("3:")
    assert (await proof(sealed, report.head)).problems == []


async def test_an_empty_one_is_whole(store: Store) -> None:
    assert await proof(store) == Report()


async def test_rows_are_sealed_once_their_writers_are_done(store: Store) -> None:
    await look(store, 0)
    for second, waiting in ((599, 1), (600, 0)):
        await Keeper(store, StoppedClock(after(second)), 365).round()
        assert (await proof(store, second=second)).waiting == waiting
    await look(store, 601)
    await Keeper(store, StoppedClock(after(602)), 365).round()
    assert (await proof(store, second=602)).waiting == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (update(AuditRow).where(AuditRow.about == "10010").values(who="bob"), "seal 2, up to .*: rows were changed"),
        (update(AuditRow).where(AuditRow.about == "10010").values(at=NOON), "seal 2, up to .*: rows were changed"),
        (update(AuditRow).where(AuditRow.about == "10010").values(detail=None), "seal 2, .*: rows were changed"),
        (delete(AuditRow).where(AuditRow.about == "10010"), "seal 2, .*: 1 rows instead of 2"),
        (delete(AuditRow).where(AuditRow.seal == 2), "seal 2, .*: 0 rows instead of 2"),
        (update(AuditRow).where(AuditRow.about == "10010").values(seal=3), "seal 3, .*: 3 rows instead of 2"),
        (update(AuditRow).where(AuditRow.about == "10010").values(seal=None), "rows since .* are in no seal"),
        (delete(AuditSeal).where(AuditSeal.number == 2), "seal 3: it was changed, or one before it is missing"),
        (delete(AuditSeal).where(AuditSeal.number == 3), "rows since .* are in no seal"),
        (update(AuditSeal).where(AuditSeal.number == 1).values(newest=NOON), "seal 1: it was changed"),
        (update(AuditSeal).where(AuditSeal.number == 1).values(cleared_at=after(9000)), "seal 1: its rows went"),
    ],
)  # fmt: skip
async def test_whoever_touches_it_is_seen(sealed: Store, change: object, said: str) -> None:
    async with sealed.write() as session:
        await session.execute(change)  # type: ignore[call-overload]
    problems = (await proof(sealed)).problems
    assert any(re.match(said, one) for one in problems), problems


async def test_one_who_seals_it_all_anew_is_seen_by_a_head_that_was_noted(sealed: Store) -> None:
    noted = (await proof(sealed)).head
    async with sealed.write() as session:
        await session.execute(update(AuditRow).where(AuditRow.about == "10010").values(who="bob"))
        before = seals.FIRST
        for number in (1, 2, 3):
            seal = await session.get_one(AuditSeal, number)
            query = select(AuditRow).where(AuditRow.seal == number).order_by(AuditRow.id)
            seal.content = seals.content((await session.scalars(query)).all())
            seal.digest = before = seals.digest(seal, before)
    assert (await proof(sealed)).problems == []
    assert (await proof(sealed, noted)).problems == ["seal 3: it is not the one that was noted"]


async def test_taking_away_the_end_is_seen_by_a_head_that_was_noted(sealed: Store) -> None:
    noted = (await proof(sealed)).head
    async with sealed.write() as session:
        await session.execute(delete(AuditRow).where(AuditRow.seal == 3))
        await session.execute(delete(AuditSeal).where(AuditSeal.number == 3))
    assert (await proof(sealed)).problems == []
    assert (await proof(sealed, noted)).problems == ["seal 3: it was noted, and is gone"]


async def test_what_is_old_enough_goes_and_the_rest_stays_proved(sealed: Store) -> None:
    late = 30 * DAY + 3700  # the last row of the second hour is of 3660
    await Keeper(sealed, StoppedClock(after(late)), 30).round()
    report = await proof(sealed, days=30, second=late)
    assert (report.seals, report.rows, report.deleted, report.waiting, report.problems) == (3, 2, 4, 1, [])
    async with sealed.read() as session:
        rows = await audit.listing(session, tenant=None)
    assert next((row.who, row.what, row.about, row.detail) for row in rows) == (
        "retention",
        "clear",
        "audit",
        "4",
    )
    assert {row.about for row in rows[1:]} == {"10020", "10021"}


async def test_zero_days_are_for_ever(sealed: Store) -> None:
    await Keeper(sealed, StoppedClock(NOON + timedelta(days=36_500)), 0).round()
    assert (await proof(sealed, days=0)).rows == 6
