import asyncio

import pytest

from ivr.errors import Conflict, NotFound
from ivr.store import callbacks, contacts, messages
from ivr.store.database import Store
from tests.store.rows import NOON, after, callback, contact, message


async def insert(store: Store, ticket: str, **changed: object) -> bool:
    async with store.write() as session:
        return await callbacks.insert(session, callback(ticket, **changed), who="system", at=NOON)


async def test_a_callback_comes_back_as_it_was_written(store: Store) -> None:
    assert await insert(store, "1000000", company="株式会社山田", path=["welcome", "#1"])
    async with store.read() as session:
        row = await callbacks.get(session, "1000000")
        history = await callbacks.events(session, "1000000")
    assert (row.company, row.path, row.version, row.created_at) == (
        "株式会社山田",
        ["welcome", "#1"],
        0,
        NOON,
    )
    assert [(e.what, e.who, e.before, e.after, e.at) for e in history] == [
        ("created", "system", None, "open", NOON)
    ]


async def test_a_ticket_is_given_once(store: Store) -> None:
    assert await insert(store, "1000000")
    assert not await insert(store, "1000000", number="+81312345678")
    async with store.read() as session:
        assert (await callbacks.get(session, "1000000")).number == "+819012345678"
        assert len(await callbacks.events(session, "1000000")) == 1


async def test_a_message_has_one_callback(store: Store) -> None:
    async with store.write() as session:
        await messages.intend(session, message("m1"))
    assert await insert(store, "1000000", message_id="m1")
    assert not await insert(store, "2000000", message_id="m1")
    async with store.write() as session:
        await contacts.add(session, contact("1000000", message_id="m1"))
    async with store.read() as session:
        found = await callbacks.by_message(session, "m1")
        assert found is not None
        assert found.ticket == "1000000"
        assert await callbacks.by_message(session, "m2") is None


async def test_what_is_due_first_comes_first_then_what_arrived_first(store: Store) -> None:
    await insert(store, "1", due_at=after(100), created_at=after(2))
    await insert(store, "2", due_at=after(50), created_at=after(3))
    await insert(store, "3", due_at=None, created_at=after(0))
    await insert(store, "4", due_at=after(100), created_at=after(1))
    await insert(store, "5", due_at=None, created_at=after(0))
    seen: list[str] = []
    async with store.read() as session:
        while page := await callbacks.listing(session, limit=2, after=seen[-1] if seen else None):
            seen += [row.ticket for row in page]
    assert seen == ["2", "4", "1", "3", "5"]


async def test_the_list_can_be_narrowed(store: Store) -> None:
    await insert(store, "1", line="a", tenant="x")
    await insert(store, "2", line="b", tenant="x", state="done")
    await insert(store, "3", line="a", tenant="y")
    async with store.read() as session:
        assert [row.ticket for row in await callbacks.listing(session, tenant="x")] == ["1", "2"]
        assert [row.ticket for row in await callbacks.listing(session, line="a", tenant="y")] == ["3"]
        assert [row.ticket for row in await callbacks.listing(session, state="done")] == ["2"]
        with pytest.raises(NotFound):
            await callbacks.listing(session, after="9")


async def test_a_change_and_its_event_stand_or_fall_together(store: Store) -> None:
    await insert(store, "1")
    with pytest.raises(RuntimeError):
        async with store.write() as session:
            await callbacks.transition(
                session, "1", version=0, after="claimed", who="alice", what="claim", at=after(1)
            )
            raise RuntimeError
    async with store.read() as session:
        assert (await callbacks.get(session, "1")).state == "open"
        assert len(await callbacks.events(session, "1")) == 1


async def test_of_many_changes_of_one_version_one_happens(store: Store, other_process: Store) -> None:
    await insert(store, "1")

    async def claim(through: Store, who: str) -> str:
        async with through.write() as session:
            row = await callbacks.transition(
                session,
                "1",
                version=0,
                after="claimed",
                who=who,
                what="claim",
                at=after(1),
                changes={"agent": who},
            )
            return f"{row.agent} {row.state} {row.version}"

    results = await asyncio.gather(
        *(claim((store, other_process)[n % 2], f"agent{n}") for n in range(20)), return_exceptions=True
    )
    winners = [result for result in results if isinstance(result, str)]
    assert [type(result) for result in results if not isinstance(result, str)] == [Conflict] * 19
    async with store.read() as session:
        row = await callbacks.get(session, "1")
        history = await callbacks.events(session, "1")
    assert winners == [f"{row.agent} claimed 1"]
    assert [(e.what, e.who, e.before, e.after) for e in history[1:]] == [
        ("claim", row.agent, "open", "claimed")
    ]


async def test_the_loser_is_told_the_present_state(store: Store) -> None:
    await insert(store, "1")
    async with store.write() as session:
        await callbacks.transition(session, "1", version=0, after="done", who="a", what="done", at=NOON)
    async with store.write() as session:
        with pytest.raises(Conflict, match="now done"):
            await callbacks.transition(
                session, "1", version=0, after="claimed", who="b", what="claim", at=NOON
            )
        with pytest.raises(NotFound):
            await callbacks.transition(session, "2", version=0, after="done", who="b", what="done", at=NOON)
