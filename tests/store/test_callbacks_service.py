"""One callback for one message, and what may be done to it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.call import CallbackPromise
from ivr.callbacks import asking, service, tickets
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.who import Who
from ivr.errors import Conflict, NotFound, StoreError
from ivr.hours.calendar import Calendar
from ivr.hours.model import HoursModel
from ivr.store import callbacks, messages
from ivr.store.database import Store
from tests.store.rows import NOON, TOKYO, after, message

OFFICE = Calendar(HoursModel(zone="Asia/Tokyo", weekly={"月-金": "10:00-17:00"}, holidays="JP"))
NEVER_OPEN = Calendar(HoursModel(zone="Asia/Tokyo", weekly={}))
PROMISE = CallbackPromise("medium", "1 business day", None)
RECEIVED = datetime(2026, 11, 20, 20, 0, tzinfo=TOKYO)  # a Friday; the Monday after is a public holiday
FACTS = MessageFacts(
    id="m1",
    line="ecforce",
    tenant="ecforce",
    cause="closed",
    number="+819012345678",
    received_at=RECEIVED,
    call_id="c1",
    path=["welcome", "office"],
)


@pytest.fixture
async def desk(store: Store) -> Store:
    async with store.write() as session:
        for message_id in ("m1", "m2", "m3"):
            await messages.intend(session, message(message_id, created_at=RECEIVED))
    return store


async def create(
    store: Store,
    message_id: str = "m1",
    calendar: Calendar | None = OFFICE,
    promise: CallbackPromise = PROMISE,
    **said: Any,
) -> str:
    facts = replace(FACTS, id=message_id, **said)
    async with store.write() as session:
        return await asking.create_for_message(session, facts, promise, calendar, after(0))


async def test_a_message_makes_an_open_callback_with_its_due_time(desk: Store) -> None:
    ticket = await create(desk)
    async with desk.read() as session:
        row = await callbacks.get(session, ticket)
    assert (row.state, row.cause, row.number, row.path, row.branch) == (
        "open",
        "closed",
        "+819012345678",
        ["welcome", "office"],
        None,
    )
    assert row.created_at == RECEIVED
    # Monday 23 November is a public holiday (勤労感謝の日): Tuesday 17:00 in Japan
    assert row.due_at == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    assert (row.call_id, row.message_id, row.priority) == ("c1", "m1", "medium")


async def test_a_second_time_gives_the_same_ticket(desk: Store) -> None:
    assert await create(desk) == await create(desk)
    async with desk.read() as session:
        assert len(await callbacks.listing(session)) == 1


async def test_many_at_once_make_one_callback(desk: Store, other_process: Store) -> None:
    made = await asyncio.gather(*(create(through) for through in (desk, other_process) * 10))
    assert len(set(made)) == 1
    async with desk.read() as session:
        assert [row.ticket for row in await callbacks.listing(session)] == [made[0]]
        assert len(await callbacks.events(session, made[0])) == 1


async def test_a_ticket_that_is_taken_is_drawn_again(desk: Store) -> None:
    taken = await create(desk)
    asked: list[int] = []

    def draw(tries: int) -> str:
        asked.append(tries)
        return taken if tries < 3 else "1234567"

    async with desk.write() as session:
        facts = MessageFacts("m2", "ecforce", "ecforce", "busy", None, NOON)
        assert (
            await asking.create_for_message(session, facts, PROMISE, OFFICE, NOON, new_ticket=draw)
            == "1234567"
        )
    assert asked == [0, 1, 2, 3]
    async with desk.read() as session:
        first = await callbacks.get(session, taken)
        assert (first.message_id, first.cause) == ("m1", "closed")


async def test_when_no_ticket_is_free_nothing_is_promised(desk: Store) -> None:
    taken = await create(desk)
    facts = MessageFacts("m2", "ecforce", "ecforce", "busy", None, NOON)
    with pytest.raises(StoreError, match="try again"):
        async with desk.write() as session:
            await asking.create_for_message(session, facts, PROMISE, OFFICE, NOON, new_ticket=lambda _: taken)
    async with desk.read() as session:
        assert await callbacks.by_message(session, "m2") is None


@pytest.mark.parametrize(
    ("calendar", "due"),
    [
        (NEVER_OPEN, "1 business day"),
        (None, "4 business hours"),
        (OFFICE, "as soon as possible"),
        (OFFICE, "99999999999999 business hours"),
    ],
)
async def test_a_due_time_that_cannot_be_told_does_not_cost_the_callback(
    desk: Store, calendar: Calendar | None, due: str, caplog: pytest.LogCaptureFixture
) -> None:
    ticket = await create(desk, calendar=calendar, promise=CallbackPromise("medium", due, None))
    async with desk.read() as session:
        assert (await callbacks.get(session, ticket)).due_at is None
    assert [record.message for record in caplog.records] == ["callback made without a due time"]


async def test_a_due_time_by_the_clock_needs_no_calendar(desk: Store) -> None:
    ticket = await create(desk, calendar=None, promise=CallbackPromise("critical", "15m", None))
    async with desk.read() as session:
        row = await callbacks.get(session, ticket)
    assert row.due_at == datetime(2026, 11, 20, 11, 15, tzinfo=UTC)
    assert row.priority == "critical"


async def test_real_tickets_pass_their_own_check(desk: Store) -> None:
    made = [await create(desk, message_id, number=None) for message_id in ("m1", "m2", "m3")]
    assert len(set(made)) == 3
    assert all(tickets.check(ticket) for ticket in made)


# -- the life of a callback ------------------------------------------------------------------------------


async def test_a_claim_holds_until_its_lease_ends(desk: Store) -> None:
    ticket = await create(desk)
    async with desk.write() as session:
        row = await service.claim(session, ticket, Who("alice"), until=after(600), now=after(0))
        assert (row.state, row.agent, row.lease_until) == ("claimed", "alice", after(600))
        with pytest.raises(Conflict, match="alice"):
            await service.claim(session, ticket, Who("bob"), until=after(700), now=after(599))
        await service.claim(session, ticket, Who("alice"), until=after(800), now=after(599))
        with pytest.raises(Conflict, match="alice"):
            await service.claim(session, ticket, Who("bob"), until=after(900), now=after(799))
        row = await service.claim(session, ticket, Who("bob"), until=after(1400), now=after(800))
        assert row.agent == "bob"
        row = await service.give_back(session, ticket, who=Who("bob"), now=after(801))
        assert (row.state, row.agent, row.lease_until) == ("open", None, None)


async def test_of_two_agents_who_claim_one_has_it(desk: Store, other_process: Store) -> None:
    ticket = await create(desk)

    async def claim(through: Store, who: str) -> str | None:
        async with through.write() as session:
            return (await service.claim(session, ticket, Who(who), until=after(600), now=after(0))).agent

    results = await asyncio.gather(
        *(claim((desk, other_process)[n % 2], f"agent{n}") for n in range(10)), return_exceptions=True
    )
    assert [type(result) for result in results].count(Conflict) == 9
    async with desk.read() as session:
        assert (await callbacks.get(session, ticket)).agent in results


async def test_done_and_open_again_with_every_step_in_the_history(desk: Store) -> None:
    ticket = await create(desk)
    async with desk.write() as session:
        row = await service.close(session, ticket, who=Who("alice"), now=after(60), note="解決しました")
        assert (row.state, row.result, row.done_at) == ("done", "解決しました", after(60))
        row = await service.reopen(session, ticket, who=Who("bob"), now=after(120), why="再度のお問い合わせ")
        assert (row.state, row.result, row.done_at) == ("open", None, None)
        assert row.due_at == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    async with desk.read() as session:
        history = await callbacks.events(session, ticket)
    assert [(e.what, e.who, e.before, e.after, e.why) for e in history] == [
        ("created", "system", None, "open", None),
        ("done", "alice", "open", "done", "解決しました"),
        ("reopen", "bob", "done", "open", "再度のお問い合わせ"),
    ]


async def test_what_is_done_cannot_be_done_or_claimed_again(desk: Store) -> None:
    ticket = await create(desk)
    async with desk.write() as session:
        with pytest.raises(Conflict, match="どのように解決したか"):  # no promise is kept by a click
            await service.close(session, ticket, who=Who("alice"), now=after(60), note=" ")
        await service.close(session, ticket, who=Who("alice"), now=after(60), note="メールで回答")
        with pytest.raises(Conflict, match="対応済み"):
            await service.close(session, ticket, who=Who("bob"), now=after(61), note=None)
        with pytest.raises(Conflict, match="この折り返しは「対応済み」のため、「担当中」にできません。"):
            await service.claim(session, ticket, Who("bob"), until=after(600), now=after(61))
        with pytest.raises(Conflict, match="対応済み"):  # nor opened again by giving it back
            await service.give_back(session, ticket, who=Who("alice"), now=after(61))


async def test_only_what_is_done_can_be_opened_again(desk: Store) -> None:
    ticket = await create(desk)
    async with desk.write() as session:
        with pytest.raises(Conflict, match="ではありません"):
            await service.reopen(session, ticket, who=Who("bob"), now=after(1))


async def test_an_unknown_ticket_is_not_found(desk: Store) -> None:
    async with desk.write() as session:
        for attempt in (
            service.claim(session, "1", Who("bob"), until=after(9), now=after(0)),
            service.close(session, "1", who=Who("bob"), now=after(0), note=None),
            service.reopen(session, "1", who=Who("bob"), now=after(0)),
            service.give_back(session, "1", who=Who("bob"), now=after(0)),
        ):
            with pytest.raises(NotFound, match="there is no callback 1"):
                await attempt
