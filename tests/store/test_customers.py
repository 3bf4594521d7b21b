"""What steps ask of `Customers`, held by the one on both stores and by the fake alike."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr import customers as module
from ivr import pins
from ivr.callbacks import lists
from ivr.callbacks.who import Who
from ivr.customers import StoreCustomers
from ivr.errors import StoreError
from ivr.known import Customers, TicketNow
from ivr.lines import Lines
from ivr.store import agents, callbacks, contacts
from ivr.store.database import Store
from tests.fakes.fake_customers import Book, FakeCustomers, Known
from tests.hours_helpers import jst
from tests.messages_helpers import ManualClock
from tests.store.conftest import fresh
from tests.store.rows import callback, contact

NOW = jst("2026-11-24 11:00")
DUE = jst("2026-11-24 17:00")
ANNA, BERT = "+819012345678", "+819087654321"
BOSS = Who("boss", "shop", supervisor=True)
HERE = {"line": "shop", "tenant": "shop"}
# Right by their check digits, worked out by hand.
ONE, TWO = "1000002", "2000004"


@dataclass
class Desk:
    customers: Customers
    clock: ManualClock
    book: Book | None = None
    store: Store | None = None

    async def open(self, ticket: str, state: str = "open", number: str | None = ANNA, **about: Any) -> None:
        if self.book is not None:
            known: dict[str, Any] = {"line": "shop", "tenant": "shop", "due": DUE, **about}
            self.book.callbacks.append(Known(ticket, state, number, **known))  # type: ignore[arg-type]
            return
        assert self.store is not None
        told = {"tried": "misses", "following": "next_at", "due": "due_at"}
        row = {"due_at": DUE, **HERE, **{told.get(name, name): value for name, value in about.items()}}
        withheld = {} if number else {"withheld": "anonymous"}
        async with self.store.write() as session:
            made = callback(ticket, state=state, number=number, **withheld, **row)
            assert await callbacks.insert(session, made, who="system", at=NOW)
            await contacts.add(session, contact(ticket, **HERE))

    async def refuse(self, number: str, until: datetime | None = None, *, approved: bool = True) -> None:
        assert self.store is not None
        who = BOSS if approved else Who("aiko", "shop")
        async with self.store.write() as session:
            await lists.ask(
                session, "incoming", number, tenant="shop", who=who, reason="迷惑", now=NOW, expires_at=until
            )

    async def dedicate(self, number: str, agent: str, deputy: str) -> None:
        if self.book is not None:
            self.book.own[number] = [agent, deputy]
            return
        assert self.store is not None
        async with self.store.write() as session:
            await lists.dedicate(
                session, number, tenant="shop", agent=agent, deputy=deputy, who=BOSS, now=NOW
            )

    async def stands(self, ticket: str) -> str:
        if self.book is not None:
            return next(each.state for each in self.book.callbacks if each.ticket == ticket)
        assert self.store is not None
        async with self.store.read() as session:
            return (await callbacks.get(session, ticket)).state


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a loaded machine a healthy store may take longer than a caller would wait."""
    monkeypatch.setattr(module, "PATIENCE", 60.0)
    monkeypatch.setattr(module, "IN_A_QUEUE", 60.0)
    monkeypatch.setattr(pins, "PATIENCE", 60.0)


@pytest.fixture(params=["sqlite", "postgresql", "fake"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path, patient: None) -> AsyncIterator[Desk]:
    clock = ManualClock(NOW)
    if request.param == "fake":
        book = Book()
        yield Desk(FakeCustomers(book), clock, book=book)
        return
    store = await Store.open(fresh(request, tmp_path))
    async with store.write() as session:
        for name, tenant in (("tanaka", "shop"), ("sato", "shop"), ("abe", None), ("kato", "kelp")):
            about: dict[str, Any] = {"endpoint": f"PJSIP/{name}", "secret": "", "tenant": tenant}
            await agents.add(session, name, groups=["support"], at=NOW, **about)
    yield Desk(StoreCustomers(store, Lines(), clock), clock, store=store)
    await store.close()


async def test_the_one_who_holds_it_then_the_own_agent_then_the_deputy(desk: Desk) -> None:
    await desk.open(ONE, "claimed", agent="tanaka")
    await desk.dedicate(ANNA, "sato", "abe")
    assert list(await desk.customers.agents_of(ANNA, "shop", "shop")) == ["tanaka", "sato", "abe"]
    assert list(await desk.customers.agents_of(ANNA, "branch", "shop")) == ["sato", "abe"]
    assert list(await desk.customers.agents_of(BERT, "shop", "shop")) == []
    assert list(await desk.customers.agents_of(None, "shop", "shop")) == []


async def test_who_holds_one_that_is_done_is_not_rung(desk: Desk) -> None:
    await desk.open(ONE, "done", agent="tanaka")
    assert list(await desk.customers.agents_of(ANNA, "shop", "shop")) == []


async def test_the_callback_of_who_rings_is_the_one_that_is_due_first(desk: Desk) -> None:
    await desk.open(ONE, due=DUE)
    await desk.open(
        TWO, "claimed", due=DUE - timedelta(hours=1), tried=True, following=DUE + timedelta(hours=3)
    )
    found = await desk.customers.callback_of(ANNA, "shop", "shop")
    assert found == TicketNow(TWO, "claimed", jst("2026-11-24 16:00"), jst("2026-11-24 20:00"), tried=True)
    for number, line, tenant in (
        (BERT, "shop", "shop"),
        (ANNA, "branch", "shop"),
        (ANNA, "shop", "kelp"),
        (None, "shop", "shop"),
    ):
        assert await desk.customers.callback_of(number, line, tenant) is None


async def test_by_its_number_whatever_its_state_and_never_another_company_s(desk: Desk) -> None:
    await desk.open(ONE, "done")
    found = await desk.customers.callback(ONE, BERT, "shop")
    assert found is not None and (found.state, found.own) == ("done", False)
    mine = await desk.customers.callback(ONE, ANNA, "shop")
    assert mine is not None and mine.own
    assert await desk.customers.callback(ONE, ANNA, "kelp") is None
    for wrong in (TWO, "1000009", "1", ""):
        assert await desk.customers.callback(wrong, ANNA, "shop") is None


async def test_the_customer_cancels_it_whoever_has_it_and_twice_does_no_harm(desk: Desk) -> None:
    await desk.open(ONE, "claimed", agent="tanaka", **_lease(desk))
    assert await desk.customers.cancel(ONE, ANNA, "shop") == "cancelled"
    assert await desk.customers.cancel(ONE, ANNA, "shop") == "cancelled"
    assert await desk.stands(ONE) == "cancelled"
    if desk.store is not None:
        async with desk.store.read() as session:
            last = (await callbacks.events(session, ONE))[-1]
        assert (last.who, last.what, last.why) == ("customer", "cancel", "お客様が、お電話で取り消しました。")


def _lease(desk: Desk) -> dict[str, Any]:
    return {"lease_until": DUE} if desk.store is not None else {}


@pytest.mark.parametrize(
    ("state", "number", "about", "became"),
    [
        ("open", BERT, {}, "wished"),
        ("open", None, {}, "wished"),
        ("claimed", BERT, {"complaint": True}, "wished"),
        ("done", BERT, {}, "refused"),
        ("open", ANNA, {"complaint": True}, "refused"),
        ("done", ANNA, {}, "refused"),
        ("dialing", ANNA, {}, "on_the_line"),
        ("talking", ANNA, {}, "on_the_line"),
    ],
)
async def test_what_is_not_theirs_to_cancel_stays(
    desk: Desk, state: str, number: str | None, about: dict[str, Any], became: str
) -> None:
    await desk.open(ONE, state, **about)
    assert await desk.customers.cancel(ONE, number, "shop") == became
    assert await desk.stands(ONE) == state


async def test_another_company_cancels_nothing(desk: Desk) -> None:
    await desk.open(ONE)
    assert await desk.customers.cancel(ONE, ANNA, "kelp") == "refused"
    assert await desk.stands(ONE) == "open"


@pytest.mark.parametrize("caller", [BERT, None], ids=["another telephone", "withheld"])
async def test_a_callback_without_a_number_is_cancelled_by_nobody_who_types_its_ticket(
    desk: Desk, caller: str | None
) -> None:
    await desk.open(ONE, number=None)
    found = await desk.customers.callback(ONE, caller, "shop")
    assert found is not None and not found.own
    for _ in range(2):
        assert await desk.customers.cancel(ONE, caller, "shop") == "wished"
    assert await desk.stands(ONE) == "open"
    if desk.store is not None:
        async with desk.store.read() as session:
            done = [(one.who, one.what) for one in await callbacks.events(session, ONE)]
            why = (await callbacks.last_event(session, ONE)).why
        assert done.count(("customer", "memo")) == 1, "an agent sees it, once"
        assert why is not None and "取り消しのご希望がありました" in why and "ご本人に確認してから" in why


async def test_who_was_approved_is_turned_away_until_it_ends(desk: Desk) -> None:
    if desk.book is not None:
        desk.book.refused.append(ANNA)
    else:
        await desk.refuse(ANNA, NOW + timedelta(minutes=1))
        await desk.refuse(BERT, approved=False)
        assert not await desk.customers.turned_away(ANNA, "kelp")
    assert await desk.customers.turned_away(ANNA, "shop")
    assert not await desk.customers.turned_away(BERT, "shop")
    assert not await desk.customers.turned_away(None, "shop")


async def test_an_approval_counts_within_seconds_and_ends_at_its_moment(store: Store, patient: None) -> None:
    clock = ManualClock(NOW)
    desk = Desk(StoreCustomers(store, Lines(), clock), clock, store=store)
    assert not await desk.customers.turned_away(ANNA, "shop")
    await desk.refuse(ANNA, NOW + timedelta(minutes=1))
    clock.advance(5)
    assert await desk.customers.turned_away(ANNA, "shop")
    clock.advance(55)
    assert not await desk.customers.turned_away(ANNA, "shop")


async def test_a_store_that_hangs_holds_up_nobody(store: Store) -> None:
    class Hanging:
        def read(self) -> Any:
            return self

        async def __aenter__(self) -> Any:
            await asyncio.Event().wait()

        async def __aexit__(self, *_: object) -> None: ...

    customers = StoreCustomers(Hanging(), Lines(), ManualClock(NOW))  # type: ignore[arg-type]
    async with asyncio.timeout(60):
        assert not await customers.turned_away(ANNA, "shop")
        assert list(await customers.agents_of(ANNA, "shop", "shop")) == []


async def test_a_broken_store_is_told_to_who_asks_for_a_ticket() -> None:
    customers = FakeCustomers(Book(broken=True))
    with pytest.raises(StoreError):
        await customers.callback_of(ANNA, "shop", "shop")
    assert list(await customers.agents_of(ANNA, "shop", "shop")) == []
