"""Alarms: one row a matter while it stands."""

from ivr.store import alarms
from ivr.store.database import Store
from tests.store.rows import NOON, after


async def seen(store: Store, tenant: str | None = None) -> list[tuple[str, str, int]]:
    async with store.read() as session:
        return [(row.key, row.text, row.count) for row in await alarms.standing(session, tenant)]


async def test_an_alarm_raised_again_counts_and_takes_the_new_text(store: Store) -> None:
    async with store.write() as session:
        await alarms.raise_(session, "dialplan:ecforce", "古い", tenant="ecforce", at=NOON)
        await alarms.raise_(session, "dialplan:ecforce", "新しい", tenant="ecforce", at=after(60))
    async with store.read() as session:
        (row,) = await alarms.standing(session)
    assert (row.text, row.count, row.raised_at, row.last_at) == ("新しい", 2, NOON, after(60))


async def test_a_cleared_alarm_is_history_and_may_be_raised_anew(store: Store) -> None:
    async with store.write() as session:
        await alarms.raise_(session, "dialplan:ecforce", "一度目", tenant=None, at=NOON)
        assert await alarms.clear(session, "dialplan:ecforce", after(1))
        assert not await alarms.clear(session, "dialplan:ecforce", after(2))
    assert await seen(store) == []
    async with store.write() as session:
        await alarms.raise_(session, "dialplan:ecforce", "二度目", tenant=None, at=after(3))
    assert await seen(store) == [("dialplan:ecforce", "二度目", 1)]


async def test_a_tenant_sees_its_own_alarms_only(store: Store) -> None:
    async with store.write() as session:
        await alarms.raise_(session, "dialplan:shop", "店", tenant="shop", at=NOON)
        await alarms.raise_(session, "dialplan:other", "他", tenant="other", at=NOON)
        await alarms.raise_(session, "number", "運用", tenant=None, at=NOON)
    assert await seen(store, "shop") == [("dialplan:shop", "店", 1)]
    assert [key for key, _, _ in await seen(store)] == ["dialplan:shop", "dialplan:other", "number"]


async def test_a_key_that_is_too_long_is_one_all_the_same(store: Store) -> None:
    async with store.write() as session:
        await alarms.raise_(session, "x" * 300, "長い", tenant=None, at=NOON)
        await alarms.raise_(session, "x" * 300, "長い", tenant=None, at=after(1))
        assert await alarms.clear(session, "x" * 300, after(2))
