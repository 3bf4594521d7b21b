"""What the mailbox step asks of `Retrieval`, held by the one on both stores and by the fake alike."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.callbacks import asking, edits, service
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.who import Who
from ivr.dialplan.check import line_numbers
from ivr.dialplan.load import load_text
from ivr.errors import NotFound, StoreError
from ivr.lines import Lines
from ivr.outside import Outside
from ivr.retrieval import StoreRetrieval
from ivr.staff import MayRing, Retrieval
from ivr.steps import STEPS
from ivr.store import callbacks, contacts, dialplans, messages
from ivr.store import pins as store_pins
from ivr.store.database import Store
from ivr.store.tables import MessageRow
from tests.dialplans import SHOP
from tests.fakes.fake_retrieval import FakeRetrieval, Message, Shelf, Ticket
from tests.hours_helpers import jst
from tests.messages_helpers import ManualClock
from tests.store.conftest import fresh
from tests.store.rows import message
from tests.web.desk import CHEAP

NOW = jst("2026-11-24 11:00")
PIN = "482193"
STAFF, OTHER = "telephone c1", "telephone c2"


class Promise:
    priority, due = "medium", "2h"


@dataclass
class Desk:
    """A retrieval, and the ways of everybody else to the same messages."""

    retrieval: Retrieval
    clock: ManualClock
    recordings: Path
    shelf: Shelf | None = None
    store: Store | None = None
    made: list[str] = field(default_factory=list)

    async def left(self, id: str, at: str, *, line: str = "shop", tenant: str = "shop", **about: Any) -> None:
        """A caller left a message, and has a callback. `ticket_of`: of that message, as who rang again."""
        joins, callback = about.pop("ticket_of", None), about.pop("callback", True)
        received = jst(at)
        if self.shelf is not None:
            ticket = f"T-{joins or id}" if callback else None
            if ticket is not None:
                self.shelf.tickets.setdefault(ticket, Ticket())
            self.shelf.messages.append(Message(id, line, tenant, received, **about, ticket=ticket))
            return
        assert self.store is not None
        if about.pop("audio", True):
            (self.recordings / f"{id}.wav").write_bytes(b"RIFF")
        urgent = about.pop("urgent", False)
        number = about.get("number", "+819012345678") if joins is None else about.get("number")
        row = message(id, line=line, tenant=tenant, created_at=received, audio=f"{id}.wav", **about)
        async with self.store.write() as session:
            await messages.intend(session, row)
            ended: dict[str, Any] = {"ended_at": received, "ended_by": "key", "duration": 4.0}
            await messages.stored(session, id, state="stored", **ended, urgent=urgent)
            if callback:
                facts = MessageFacts(id, line, tenant, "closed", number, received, row["withheld"])
                await asking.create_for_message(session, facts, Promise(), None, received)
                if joins is not None:
                    await self._join(session, id, joins)

    async def _join(self, session: Any, id: str, other: str) -> None:
        """One callback of both, as merging makes it."""
        mine, theirs = await contacts.by_message(session, id), await contacts.by_message(session, other)
        assert mine is not None and theirs is not None
        mine.ticket = theirs.ticket
        await session.flush()

    async def agent_claims(self, id: str, until: datetime) -> None:
        if self.shelf is not None:
            self.shelf.tickets[f"T-{id}"] = Ticket("claimed", "sato", until)
            return
        assert self.store is not None
        async with self.store.write() as session:
            contact = await contacts.by_message(session, id)
            assert contact is not None
            await service.claim(
                session, contact.ticket, Who("sato", "shop"), until=until, now=self.clock.now()
            )

    async def agent_puts_the_number_right(self, id: str, number: str) -> None:
        if self.shelf is not None:
            self.shelf.tickets[f"T-{id}"].number = number
            return
        assert self.store is not None
        who, now = Who("sato", "shop"), self.clock.now()
        async with self.store.write() as session:
            contact = await contacts.by_message(session, id)
            assert contact is not None
            await edits.edit(session, contact.ticket, {"number": number}, who=who, now=now, taken="said")

    async def agent_closes(self, id: str) -> None:
        if self.shelf is not None:
            self.shelf.tickets[f"T-{id}"].state = "done"
            return
        assert self.store is not None
        async with self.store.write() as session:
            contact = await contacts.by_message(session, id)
            assert contact is not None
            await service.close(
                session, contact.ticket, who=Who("sato", "shop"), now=self.clock.now(), note="済"
            )

    async def callback(self, id: str) -> tuple[str, str | None]:
        """State and agent of the callback of that message."""
        if self.shelf is not None:
            row = next(each for each in self.shelf.messages if each.id == id)
            ticket = self.shelf.tickets[row.ticket or ""]
            return ticket.state, ticket.agent
        assert self.store is not None
        async with self.store.read() as session:
            contact = await contacts.by_message(session, id)
            assert contact is not None
            found = await callbacks.get(session, contact.ticket)
            return found.state, found.agent

    async def ids(self, *lines: str, tenant: str = "shop") -> list[str]:
        return [each.id for each in await self.retrieval.waiting(lines, tenant)]


async def on_store(store: Store, recordings: Path) -> Desk:
    clock = ManualClock(NOW)
    lines = Lines()
    for key, tenant in (("shop", "shop"), ("branch", "shop"), ("kelp", "kelp")):
        source = SHOP.replace("tenant: shop", f"tenant: {tenant}")
        plan = load_text(f"{key}.yaml", source, STEPS)
        numbers = tuple(line_numbers(plan)) if key == "shop" else ()
        async with store.write() as session:
            line = dialplans.LiveLine(key, tenant, key, numbers, plan.hash, source)
            await dialplans.publish(session, line, at=NOW, by="test")
    async with store.write() as session:
        await store_pins.set_digest(session, "shop", CHEAP.hash(PIN), at=NOW)
    await lines.reload(store)
    outside = Outside(("0*",), "PJSIP/{number}@trunk")
    return Desk(StoreRetrieval(store, lines, recordings, clock, outside), clock, recordings, store=store)


@pytest.fixture(params=["sqlite", "postgresql", "fake"])
async def desk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    monkeypatch.setattr("ivr.pins.PATIENCE", 60.0)  # a loaded machine is no slow store
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    if request.param == "fake":
        shelf, clock = Shelf("shop", PIN), ManualClock(NOW)
        yield Desk(FakeRetrieval(shelf, clock), clock, recordings, shelf=shelf)
        return
    store = await Store.open(fresh(request, tmp_path))
    yield await on_store(store, recordings)
    await store.close()


async def test_unheard_ones_first_then_urgent_ones_then_the_oldest(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00")
    await desk.left("m2", "2026-11-23 09:00")
    await desk.left("m3", "2026-11-24 10:00", urgent=True)
    await desk.left("m4", "2026-11-20 10:00")
    await desk.retrieval.heard("m4", "shop", STAFF)
    assert await desk.ids() == ["m3", "m2", "m1", "m4"]
    waiting = await desk.retrieval.waiting((), "shop")
    assert [each.heard for each in waiting] == [False, False, False, True]
    assert [each.urgent for each in waiting] == [True, False, False, False]
    # In Japan, though the store keeps UTC.
    assert waiting[0].received.isoformat() == "2026-11-24T10:00:00+09:00"


async def test_number_and_audio_of_each(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00")
    await desk.left("m2", "2026-11-24 09:01", number=None, withheld="payphone", audio=False)
    one, two = await desk.retrieval.waiting((), "shop")
    assert (one.number, one.withheld) == ("+819012345678", None)
    assert one.file is not None and one.file.name == "m1.wav"
    assert (two.number, two.withheld, two.file) == (None, "payphone", None)


async def test_a_line_is_named_and_another_company_is_never_heard(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00")
    await desk.left("m2", "2026-11-24 09:00", line="branch")
    await desk.left("m3", "2026-11-24 09:00", line="kelp", tenant="kelp")
    assert await desk.ids("shop") == ["m1"]
    assert sorted(await desk.ids()) == ["m1", "m2"]
    assert await desk.ids("kelp") == []
    with pytest.raises(NotFound):
        await desk.retrieval.heard("m3", "shop", STAFF)
    with pytest.raises(NotFound):
        await desk.retrieval.clear("m3", "shop", STAFF)
    with pytest.raises(NotFound):
        await desk.retrieval.may_ring("m3", "shop", STAFF)
    with pytest.raises(NotFound):
        await desk.retrieval.rang("m3", "shop", STAFF, "over")
    with pytest.raises(NotFound):
        await desk.retrieval.give_back("m3", "shop", STAFF)
    assert await desk.ids(tenant="kelp") == ["m3"]
    assert await desk.callback("m3") == ("open", None)


async def test_a_cleared_message_leaves_the_list_and_its_callback_is_done(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00")
    assert await desk.retrieval.clear("m1", "shop", STAFF) == "done"
    assert await desk.ids() == []
    assert (await desk.callback("m1"))[0] == "done"
    assert await desk.retrieval.clear("m1", "shop", OTHER) == "done"


async def test_what_agents_have_done_is_not_heard_any_more(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00")
    await desk.agent_closes("m1")
    assert await desk.ids() == []
    assert await desk.retrieval.clear("m1", "shop", STAFF) == "done"


async def test_a_message_without_a_callback_is_cleared_alone(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00", callback=False)
    assert await desk.retrieval.clear("m1", "shop", STAFF) == "done"
    assert await desk.ids() == []


async def test_two_messages_of_one_callback_it_is_done_with_the_second(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00")
    await desk.left("m2", "2026-11-24 09:30", ticket_of="m1")
    assert await desk.retrieval.clear("m1", "shop", STAFF) == "kept"
    assert await desk.ids() == ["m2"]
    assert (await desk.callback("m1"))[0] == "open"
    assert await desk.retrieval.clear("m2", "shop", STAFF) == "done"
    assert (await desk.callback("m2"))[0] == "done"


async def test_while_an_agent_is_about_it_nothing_is_changed(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00")
    await desk.agent_claims("m1", jst("2026-11-24 11:10"))
    assert await desk.retrieval.clear("m1", "shop", STAFF) == "taken"
    assert await desk.retrieval.may_ring("m1", "shop", STAFF) == "taken"
    assert await desk.ids() == ["m1"]
    assert await desk.callback("m1") == ("claimed", "sato")
    desk.clock.advance(601)  # the lease has run out
    assert await desk.retrieval.clear("m1", "shop", STAFF) == "done"


async def test_who_rings_back_has_it_alone_and_what_comes_of_it(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00")
    assert await desk.retrieval.may_ring("m1", "shop", STAFF) == MayRing("+819012345678")
    assert await desk.callback("m1") == ("dialing", STAFF)
    assert await desk.retrieval.may_ring("m1", "shop", OTHER) == "taken"
    assert await desk.retrieval.clear("m1", "shop", OTHER) == "taken"
    await desk.retrieval.rang("m1", "shop", OTHER, "no_answer")
    assert await desk.callback("m1") == ("dialing", STAFF)
    await desk.retrieval.rang("m1", "shop", STAFF, "no_answer")
    assert await desk.callback("m1") == ("open", None)
    assert await desk.retrieval.may_ring("m1", "shop", OTHER) == MayRing("+819012345678")
    await desk.retrieval.rang("m1", "shop", OTHER, "answered")
    assert await desk.callback("m1") == ("talking", OTHER)
    assert await desk.retrieval.may_ring("m1", "shop", STAFF) == "taken"
    await desk.retrieval.rang("m1", "shop", OTHER, "over")
    await desk.retrieval.give_back("m1", "shop", STAFF)
    assert await desk.callback("m1") == ("talking", OTHER)
    await desk.retrieval.give_back("m1", "shop", OTHER)
    assert await desk.callback("m1") == ("open", None)
    assert await desk.ids() == ["m1"]


async def test_after_a_talk_it_is_done(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00")
    assert await desk.retrieval.may_ring("m1", "shop", STAFF) == MayRing("+819012345678")
    await desk.retrieval.rang("m1", "shop", STAFF, "answered")
    await desk.retrieval.rang("m1", "shop", STAFF, "over")
    assert await desk.retrieval.clear("m1", "shop", STAFF) == "done"
    assert (await desk.callback("m1"))[0] == "done"
    await desk.retrieval.give_back("m1", "shop", STAFF)
    assert await desk.retrieval.may_ring("m1", "shop", STAFF) == "taken"
    assert (await desk.callback("m1"))[0] == "done"


async def test_who_is_never_rung(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00", number=None, withheld="anonymous")
    await desk.left("m2", "2026-11-24 09:00", number="+16502530000")
    await desk.left("m3", "2026-11-24 09:00", number="+81120123456")  # toll-free: nobody rings a caller there
    await desk.left("m4", "2026-11-24 09:00", number="+819012345670", callback=False)
    for one in ("m1", "m2", "m3", "m4"):
        assert await desk.retrieval.may_ring(one, "shop", STAFF) == "never"
    assert await desk.callback("m1") == ("open", None)


async def test_who_is_rung_is_the_number_that_an_agent_put_right(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00")
    await desk.agent_puts_the_number_right("m1", "+81311112222")
    await desk.left("m2", "2026-11-24 09:00", number=None, withheld="anonymous")
    await desk.agent_puts_the_number_right("m2", "+81333334444")
    assert await desk.retrieval.may_ring("m1", "shop", STAFF) == MayRing("+81311112222")
    assert await desk.retrieval.may_ring("m2", "shop", STAFF) == MayRing("+81333334444")


async def test_at_night_nobody_is_rung_and_nothing_is_taken(desk: Desk) -> None:
    await desk.left("m1", "2026-11-24 09:00")
    desk.clock.advance(9 * 3600)  # 20:00
    assert await desk.retrieval.may_ring("m1", "shop", STAFF) == "hours"
    assert await desk.callback("m1") == ("open", None)
    desk.clock.advance(13 * 3600)  # 9:00 on the next day
    assert await desk.retrieval.may_ring("m1", "shop", STAFF) == MayRing("+819012345678")


async def test_two_at_once_do_it_once(desk: Desk) -> None:
    for number in range(5):
        await desk.left(f"m{number}", "2026-11-24 09:00", number=f"+81901234567{number}")
    work = [desk.retrieval.clear(f"m{number}", "shop", by) for number in range(5) for by in (STAFF, OTHER)]
    assert set(await asyncio.gather(*work)) == {"done"}
    assert await desk.ids() == []
    rings = [desk.retrieval.may_ring("m9", "shop", by) for by in (STAFF, OTHER)]
    await desk.left("m9", "2026-11-24 10:00")
    assert set(await asyncio.gather(*rings)) == {MayRing("+819012345678"), "taken"}


async def test_the_pin_and_its_lock(desk: Desk) -> None:
    assert await desk.retrieval.unlock("shop", "000001") == "wrong"
    assert await desk.retrieval.unlock("shop", PIN) == "right"
    for number in range(5):
        assert await desk.retrieval.unlock("shop", f"00000{number}") == "wrong"
    assert await desk.retrieval.unlock("shop", PIN) == "locked"
    desk.clock.advance(15 * 60)
    assert await desk.retrieval.unlock("shop", PIN) == "right"
    assert await desk.retrieval.unlock("branch", PIN) == "unavailable"


# -- on the store alone ---------------------------------------------------------------------


@pytest.fixture
async def kept(store: Store, tmp_path: Path) -> Desk:
    return await on_store(store, tmp_path)


async def test_the_history_says_who_and_why_and_the_recording_stays(kept: Desk) -> None:
    await kept.left("m1", "2026-11-24 09:00")
    await kept.retrieval.heard("m1", "shop", STAFF)
    await kept.retrieval.heard("m1", "shop", OTHER)
    await kept.retrieval.clear("m1", "shop", STAFF)
    assert kept.store is not None
    async with kept.store.read() as session:
        row = await session.get_one(MessageRow, "m1")
        contact = await contacts.by_message(session, "m1")
        assert contact is not None
        last = (await callbacks.events(session, contact.ticket))[-1]
    assert (row.heard_by, row.cleared_by, row.heard_at, row.cleared_at) == (STAFF, STAFF, NOW, NOW)
    assert (last.who, last.at, last.after) == (STAFF, NOW, "done")
    assert last.why == "電話でメッセージを聞き、対応済みとしました。"
    assert (kept.recordings / "m1.wav").exists() and row.audio_deleted_at is None


async def test_what_is_recorded_now_silent_or_lost_is_no_message_yet(kept: Desk) -> None:
    assert kept.store is not None
    async with kept.store.write() as session:
        for id in ("recording", "silent", "lost"):
            await messages.intend(session, message(id, line="shop", tenant="shop"))
        for id in ("silent", "lost"):
            ended: dict[str, Any] = {"ended_at": NOW, "ended_by": "silence", "duration": 1.0}
            await messages.stored(session, id, state=id, **ended)  # type: ignore[arg-type]
    assert await kept.ids() == []


async def test_a_store_that_does_not_answer_is_told(
    kept: Desk, other_process: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept.left("m1", "2026-11-24 09:00")
    monkeypatch.setattr("ivr.pins.PATIENCE", 0.3)
    async with other_process.write() as session:
        await messages.mark_heard(session, "m1", by="somebody", at=NOW)  # and holds the row
        with pytest.raises(StoreError):
            await kept.retrieval.clear("m1", "shop", STAFF)
    assert await kept.ids() == ["m1"]
    assert await kept.callback("m1") == ("open", None)


async def test_a_number_is_rung_for_one_ticket_at_a_time_and_only_where_the_operator_allows(
    kept: Desk,
) -> None:
    await kept.left("m1", "2026-11-24 09:00")
    await kept.left("m2", "2026-11-24 09:00", line="branch")
    assert await kept.retrieval.may_ring("m1", "shop", STAFF) == MayRing("+819012345678")
    assert await kept.retrieval.may_ring("m2", "shop", OTHER) == "taken"  # the same number
    assert await kept.callback("m2") == ("open", None)
    await kept.retrieval.rang("m1", "shop", STAFF, "busy")
    assert kept.store is not None
    async with kept.store.read() as session:
        contact = await contacts.by_message(session, "m1")
        assert contact is not None
        row = await callbacks.get(session, contact.ticket)
    # As for every agent: after a busy telephone the next attempt is in ten minutes.
    assert (row.outcome, row.attempts, row.next_at) == ("busy", 1, jst("2026-11-24 11:10"))
    nowhere = StoreRetrieval(kept.store, Lines(), kept.recordings, kept.clock)
    assert await nowhere.may_ring("m2", "shop", OTHER) == "never"


async def test_what_was_said_after_a_talk_stands_in_the_history(kept: Desk) -> None:
    await kept.left("m1", "2026-11-24 09:00")
    for how in ("answered", "over"):
        if how == "answered":
            assert await kept.retrieval.may_ring("m1", "shop", STAFF) == MayRing("+819012345678")
        await kept.retrieval.rang("m1", "shop", STAFF, how)  # type: ignore[arg-type]
    await kept.retrieval.clear("m1", "shop", STAFF)
    assert kept.store is not None
    async with kept.store.read() as session:
        contact = await contacts.by_message(session, "m1")
        assert contact is not None
        row = await callbacks.get(session, contact.ticket)
        what = [event.what for event in await callbacks.events(session, contact.ticket)]
    assert (row.state, row.outcome) == ("done", "reached")
    assert what == ["created", "claim", "dial", "answered", "hung_up", "result"]
