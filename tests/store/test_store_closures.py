"""Sudden closings, and the PIN by which staff set them on a telephone."""

import pytest

from ivr.errors import NotFound
from ivr.store import closures, dialplans, pins
from ivr.store.database import Store
from ivr.store.dialplans import LiveLine
from ivr.store.tables import Closure, Pin
from tests.store.rows import NOON, after


@pytest.fixture
async def lines(store: Store) -> Store:
    """Two shops with a line each."""
    async with store.write() as session:
        for key, number in (("flower", "+81300000001"), ("kelp", "+81300000002")):
            line = LiveLine(key, key, key, (number,), f"hash-{key}", "source")
            await dialplans.publish(session, line, at=NOON, by="test")
    return store


async def close(store: Store, line: str, begins: int, ends: int | None, tenant: str | None = None) -> int:
    """Minutes from noon."""
    async with store.write() as session:
        closure = await closures.add(
            session,
            line,
            begins=after(begins * 60),
            ends=None if ends is None else after(ends * 60),
            reason="台風",
            by="alice",
            at=NOON,
            tenant=tenant,
        )
        return closure.id


async def test_what_stands_and_what_comes(lines: Store) -> None:
    past = await close(lines, "flower", -60, -30)
    now = await close(lines, "flower", -10, 10)
    later = await close(lines, "flower", 60, None)
    async with lines.read() as session:
        assert [each.id for each in await closures.listing(session, NOON)] == [now, later]
        assert [each.id for each in await closures.standing(session, "flower", NOON)] == [now]
        assert [each.id for each in await closures.standing(session, "flower", after(600))] == []
        assert [each.id for each in await closures.standing(session, "flower", after(3600))] == [later]
        assert [each.id for each in (await closures.by_line(session))["flower"]] == [past, now, later]


async def test_ended_by_hand_all_that_stand_and_none_that_comes(lines: Store) -> None:
    first = await close(lines, "flower", -10, 10)
    await close(lines, "flower", -5, None)
    later = await close(lines, "flower", 60, 120)
    other = await close(lines, "kelp", -10, 10)
    async with lines.write() as session:
        assert await closures.end_standing(session, "flower", by="bob", at=NOON) == 2
        assert await closures.end_standing(session, "flower", by="carol", at=after(1)) == 0
    async with lines.read() as session:
        assert [each.id for each in await closures.listing(session, NOON)] == [other, later]
        ended = await session.get(Closure, first)
        assert ended is not None
        assert (ended.ended_by, ended.ended_at) == ("bob", NOON)


async def test_one_that_is_still_to_come_is_taken_back(lines: Store) -> None:
    later = await close(lines, "flower", 60, 120)
    async with lines.write() as session:
        assert await closures.end_one(session, "kelp", later, by="bob", at=NOON) == 0
        assert await closures.end_one(session, "flower", later, by="bob", at=NOON) == 1
        assert await closures.listing(session, NOON) == []


async def test_another_company_sees_and_changes_nothing(lines: Store) -> None:
    with pytest.raises(NotFound):
        await close(lines, "flower", 0, 10, tenant="kelp")
    with pytest.raises(NotFound):
        await close(lines, "nobody", 0, 10)
    mine = await close(lines, "flower", 0, 10, tenant="flower")
    async with lines.write() as session:
        assert await closures.listing(session, NOON, tenant="kelp") == []
        assert await closures.end_standing(session, "flower", by="x", at=NOON, tenant="kelp") == 0
        assert await closures.end_one(session, "flower", mine, by="x", at=NOON, tenant="kelp") == 0
        assert [each.id for each in await closures.listing(session, NOON, tenant="flower")] == [mine]
        with pytest.raises(NotFound):
            await pins.set_digest(session, "flower", "digest", at=NOON, tenant="kelp")


async def test_the_fifth_wrong_pin_locks_it_for_a_quarter_of_an_hour(
    lines: Store, other_process: Store
) -> None:
    async with lines.write() as session:
        await pins.set_digest(session, "flower", "digest", at=NOON)
    for store in (lines, other_process, lines, other_process, lines):
        async with store.write() as session:
            assert await pins.admit(session, "flower", NOON) == "digest"
    async with other_process.write() as session:
        assert await pins.admit(session, "flower", NOON) is None
        assert await pins.admit(session, "flower", after(15 * 60 - 1)) is None
        assert await pins.admit(session, "flower", after(15 * 60)) == "digest"
    async with lines.read() as session:
        pin = await session.get(Pin, "flower")
        assert pin is not None and (pin.failures, pin.locked_until) == (1, None)


async def test_a_right_pin_forgives_the_wrong_ones(lines: Store) -> None:
    async with lines.write() as session:
        await pins.set_digest(session, "flower", "digest", at=NOON)
        for _ in range(4):
            await pins.admit(session, "flower", NOON)
        assert await pins.admit(session, "flower", NOON) == "digest"
        await pins.forgive(session, "flower", "digest")
        for _ in range(5):
            assert await pins.admit(session, "flower", NOON) == "digest"
        await pins.forgive(session, "flower", "an older one")
        assert await pins.admit(session, "flower", NOON) is None


async def test_a_new_pin_is_not_locked_and_a_line_may_have_none(lines: Store) -> None:
    async with lines.write() as session:
        with pytest.raises(NotFound):
            await pins.admit(session, "kelp", NOON)
        await pins.set_digest(session, "flower", "old", at=NOON)
        for _ in range(6):
            await pins.admit(session, "flower", NOON)
        await pins.set_digest(session, "flower", "new", at=after(1))
        assert await pins.admit(session, "flower", after(2)) == "new"
