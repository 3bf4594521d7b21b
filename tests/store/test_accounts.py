"""Locks, links and codes where two processes share a store: what counts once counts once."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr import accounts
from ivr.errors import AccountError, Conflict, NotFound
from ivr.store import links, tries, users
from ivr.store.database import Store
from ivr.store.tables import Try, UserRow
from ivr.web.auth import factor, lockout, totp
from tests.store.rows import NOON, after

HERE, THERE = "192.0.2.1", "192.0.2.2"


async def add_one(session: AsyncSession) -> UserRow:
    await users.add(session, "alice", "hash", tenant="ecforce", at=NOON)
    return await users.to_change(session, "alice")


async def add(store: Store, name: str = "alice", tenant: str | None = "ecforce") -> None:
    async with store.write() as session:
        await users.add(session, name, "hash", tenant=tenant, at=NOON)


async def test_five_tries_from_one_address_whichever_process_takes_them(
    store: Store, other_process: Store
) -> None:
    admitted = [
        await lockout.admit(one, "alice", HERE, after(number)) is not None
        for number, one in enumerate((store, other_process) * 3)
    ]
    assert admitted == [True] * 5 + [False]
    assert await lockout.admit(store, "alice", THERE, after(6)), "from elsewhere the owner comes in"
    assert await lockout.admit(store, "bob", HERE, after(6))


async def test_it_survives_a_restart(store: Store, url: str) -> None:
    for _ in range(5):
        await lockout.admit(store, "alice", HERE, NOON)
    again = await Store.open(url)
    assert not await lockout.admit(again, "alice", HERE, after(100))
    assert await lockout.admit(again, "alice", HERE, after(301))
    await again.close()


async def test_a_refused_try_makes_the_wait_no_longer(store: Store) -> None:
    for _ in range(5):
        await lockout.admit(store, "alice", HERE, NOON)
    for second in (100, 200, 299):
        assert not await lockout.admit(store, "alice", HERE, after(second))
    assert await lockout.admit(store, "alice", HERE, after(301))


async def test_a_name_that_is_guessed_from_everywhere_waits_longer(store: Store) -> None:
    for number in range(30):
        assert await lockout.admit(store, "alice", f"198.51.100.{number}", after(number))
    assert not await lockout.admit(store, "alice", THERE, after(60))
    async with store.read() as session:
        assert await lockout.locked(session, ["alice", "bob"], after(60)) == {"alice"}
    assert await lockout.admit(store, "alice", THERE, after(30 + 900))


async def test_of_many_tries_that_come_together_no_more_than_five_are_looked_at(
    store: Store, other_process: Store
) -> None:
    together = [lockout.admit(one, "alice", HERE, NOON) for one in (store, other_process) * 6]
    assert sum(one is not None for one in await asyncio.gather(*together)) <= 5


async def test_tries_are_forgotten(store: Store) -> None:
    await lockout.admit(store, "alice", HERE, NOON)
    async with store.write() as session:
        await tries.forget(session, "alice", THERE)
        assert await tries.count(session, "login", "alice", None, since=NOON - timedelta(hours=2)) == 1
        await tries.add(session, "login", "bob", HERE, NOON + timedelta(days=1))
        assert await tries.count(session, "login", "alice", None, since=NOON - timedelta(hours=2)) == 0


async def test_one_password_is_not_tried_on_every_name(store: Store) -> None:
    for number in range(50):
        assert await lockout.admit(store, f"user{number}", HERE, after(number))
    assert await lockout.admit(store, "alice", HERE, after(60)) is None
    assert await lockout.admit(store, "alice", THERE, after(60)), "who sits elsewhere is not stopped"
    assert await lockout.admit(store, "alice", HERE, after(49 + 900))


async def test_an_office_that_comes_in_behind_one_address_is_not_stopped(store: Store) -> None:
    for number in range(120):
        assert await lockout.admit(store, f"user{number}", HERE, after(number))
        async with store.write() as session:
            await lockout.passed(session, f"user{number}", HERE)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
async def test_the_addresses_of_one_customer_are_one(store: Store, one: str, other: str, same: bool) -> None:
    for _ in range(5):
        assert await lockout.admit(store, "alice", one, NOON)
    assert (await lockout.admit(store, "alice", other, NOON) is None) == same


async def test_codes_are_tried_twenty_times_a_day_from_wherever(store: Store) -> None:
    for number in range(20):
        at = after(number * 301)
        assert await lockout.admit(store, "alice", f"198.51.100.{number}", at, "code"), number
    assert await lockout.admit(store, "alice", THERE, after(86_000), "code") is None
    async with store.read() as session:
        assert await lockout.locked(session, ["alice", "bob"], after(86_000)) == {"alice"}
    assert await lockout.admit(store, "alice", THERE, after(86_401), "code")
    async with store.write() as session:
        await accounts.unlock(session, await add_one(session), by="root", now=after(86_402))
    assert await lockout.admit(store, "alice", THERE, after(86_403), "code")


async def test_ways_back_are_asked_for_twenty_times_an_hour_from_one_address(store: Store) -> None:
    for number in range(20):
        assert await lockout.admit(store, f"user{number}", HERE, after(number), "reset")
    assert await lockout.admit(store, "alice", HERE, after(60), "reset") is None
    for number in range(10):
        assert await lockout.admit(store, "bob", f"198.51.100.{number}", after(60), "reset")
    assert await lockout.admit(store, "bob", THERE, after(60), "reset") is None


async def test_what_was_typed_as_a_name_is_not_kept(store: Store) -> None:
    """It may be a password."""
    await lockout.admit(store, "hunter2 hunter2", HERE, NOON)
    async with store.read() as session:
        kept = [row.name for row in await session.scalars(select(Try))]
    assert len(kept) == 1 and "hunter2" not in kept[0]


async def test_of_two_who_use_a_link_one_has_it(store: Store, other_process: Store) -> None:
    await add(store)
    async with store.write() as session:
        token = await links.make(session, "reset", "alice", by="root", at=NOON)

    async def take(one: Store) -> bool:
        async with one.write() as session:
            return await links.take(session, token, after(1)) is not None

    assert sorted(await asyncio.gather(take(store), take(other_process))) == [False, True]


async def test_of_two_who_give_the_same_code_one_is_let_in(store: Store, other_process: Store) -> None:
    await add(store)
    secret = totp.new_secret()
    async with store.write() as session:
        user = await accounts.one(session, "alice", tenant=None)
        await accounts.set_factor(session, user, secret, 0, ["x"], by="alice", now=NOON)
    code = totp.code(secret, totp.step_at(NOON))
    both = [factor.passes(one, "alice", code, NOON) for one in (store, other_process)]
    assert sorted(await asyncio.gather(*both)) == [False, True]


async def test_an_old_link_is_cleared_away_and_a_new_address_ends_all(store: Store) -> None:
    await add(store)
    async with store.write() as session:
        user = await accounts.one(session, "alice", tenant=None)
        old = await accounts.link(session, user, by="root", now=NOON)
        later = NOON + timedelta(hours=2)
        new = await accounts.link(session, user, by="root", now=later)
        assert await links.find(session, old, later) is None
        assert await links.find(session, new, later) is not None
        assert len(await links.standing(session, later)) == 1
        await accounts.set_mail(session, user, "alice@example.co.jp", by="alice", now=later)
        assert await links.find(session, new, later) is None


async def test_an_account_past_the_wall_is_not_there(store: Store) -> None:
    await add(store)
    async with store.write() as session:
        for name, tenant in (("alice", "sakura"), ("nobody", None)):
            with pytest.raises(NotFound):
                await accounts.one(session, name, tenant=tenant)


async def test_an_invitation_takes_a_name_once(store: Store) -> None:
    async def invite(name: str) -> None:
        async with store.write() as session:
            facts = {"role": "agent", "tenant": "ecforce", "email": None, "by": "root"}
            await accounts.invite(session, name, now=NOON, **facts)  # type: ignore[arg-type]

    await invite("tanaka")
    with pytest.raises(Conflict):
        await invite("tanaka")
    with pytest.raises(AccountError, match="a-z"):
        await invite("Tanaka Taro")
