"""Users, tokens, orders, events and health."""

import pytest

from ivr.errors import Conflict, NotFound
from ivr.store import events, health, orders, tokens, users
from ivr.store.database import Store
from tests.store.rows import NOON, after


async def test_a_user_is_added_once_and_changes_the_password(store: Store) -> None:
    async with store.write() as session:
        await users.add(session, "alice", "hash1", tenant="ecforce", at=NOON)
        with pytest.raises(Conflict, match="alice"):
            await users.add(session, "alice", "hash2", tenant=None, at=NOON)
        await users.set_password(session, "alice", "hash3")
        with pytest.raises(NotFound):
            await users.set_password(session, "bob", "hash")
    async with store.read() as session:
        alice = await users.get(session, "alice")
        assert alice is not None
        assert (alice.password, alice.tenant, alice.created_at) == ("hash3", "ecforce", NOON)
        assert await users.get(session, "bob") is None
        assert [user.name for user in await users.listing(session)] == ["alice"]


async def test_a_token_is_found_by_itself_and_not_kept(store: Store) -> None:
    async with store.write() as session:
        await tokens.add(session, "geheim", name="crm", tenant=None, at=NOON)
    async with store.read() as session:
        found = await tokens.find(session, "geheim", NOON)
        assert found is not None
        assert found.name == "crm"
        # from `printf geheim | sha256sum`
        assert found.digest == "addb0f5e7826c857d7376d1bd9bc33c0c544790a2eac96144a8af22b1298c940"
        assert await tokens.find(session, "Geheim", NOON) is None


async def test_a_token_opens_nothing_once_its_time_is_over(store: Store) -> None:
    async with store.write() as session:
        await tokens.add(session, "geheim", name="crm", tenant="t", at=NOON, expires_at=after(60))
        await tokens.add(session, "chef", name="boss", tenant="t", at=NOON, role="supervisor")
    async with store.read() as session:
        found = await tokens.find(session, "geheim", after(59))
        assert found is not None and found.role == "agent"
        boss = await tokens.find(session, "chef", after(59))
        assert boss is not None and boss.role == "supervisor"
        assert await tokens.find(session, "geheim", after(60)) is None


async def test_an_order_is_pending_until_it_is_done(store: Store) -> None:
    async with store.write() as session:
        first = await orders.put(session, "engine", "reload", {"line": "ecforce"}, NOON)
        second = await orders.put(session, "engine", "agents", {}, after(1))
        await orders.put(session, "jobs", "say", {}, NOON)
    async with store.read() as session:
        assert [(o.id, o.kind, o.data) for o in await orders.pending(session, "engine")] == [
            (first, "reload", {"line": "ecforce"}),
            (second, "agents", {}),
        ]
    async with store.write() as session:
        await orders.done(session, first, after(2))
        await orders.done(session, first, after(9), "too late")
        await orders.done(session, second, after(3), "Asterisk refused")
    async with store.read() as session:
        assert await orders.pending(session, "engine") == []
        ended = [await orders.get(session, number) for number in (first, second)]
    assert [(o.done_at, o.error) for o in ended if o is not None] == [
        (after(2), None),
        (after(3), "Asterisk refused"),
    ]


async def test_events_are_read_from_where_one_stopped(store: Store) -> None:
    async with store.write() as session:
        assert await events.latest(session) == 0
        ids = [await events.put(session, "callback", f"{n}", {"state": "open"}, after(n)) for n in range(5)]
        assert await events.latest(session) == ids[4]
    async with store.read() as session:
        page = await events.since(session, ids[1], limit=2)
        assert [(e.subject, e.data, e.at) for e in page] == [
            ("2", {"state": "open"}, after(2)),
            ("3", {"state": "open"}, after(3)),
        ]
        assert await events.since(session, ids[4]) == []


async def test_a_process_has_one_health_row(store: Store) -> None:
    for second in range(3):
        async with store.write() as session:
            await health.beat(session, "engine", after(second), ok=second < 2, detail={"calls": second})
    async with store.read() as session:
        row = await health.get(session, "engine")
        assert row is not None
        assert (row.at, row.ok, row.detail) == (after(2), False, {"calls": 2})
        assert await health.get(session, "web") is None
