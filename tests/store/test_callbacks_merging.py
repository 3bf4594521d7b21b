"""One customer, one ticket: who joins, who does not, and that nothing is lost by merging and splitting."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ivr.call import CallbackPromise
from ivr.callbacks import abandoned, asking, edits, merging, service
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.policy import Policy
from ivr.callbacks.who import Who
from ivr.dialplan.callbacks import CallbackRules
from ivr.errors import Conflict, NotFound
from ivr.hours.calendar import Calendar
from ivr.hours.model import HoursModel
from ivr.store import callbacks, contacts
from ivr.store.database import Store
from ivr.store.tables import CallbackRow
from tests.store.rows import NOON, after

AIKO, BEN = Who("aiko", "ecforce"), Who("ben", "ecforce")
BOSS = Who("boss", "ecforce", supervisor=True)
OFFICE = Calendar(HoursModel(zone="Asia/Tokyo", weekly={"月-金": "10:00-17:00"}, holidays="JP"))
RULES = CallbackRules.model_validate({"abandoned": {"after": "20s"}})
POLICY = Policy(RULES, lambda hours: OFFICE)


async def ask(
    store: Store, request: str, due: str = "2h", priority: str = "medium", **said: Any
) -> CallbackRow:
    about = {"line": "ecforce", "tenant": "ecforce", "cause": "busy", "number": "+819012345678"}
    facts = MessageFacts(id=request, received_at=said.pop("at", NOON), **{**about, **said})
    async with store.write() as session:
        ticket = await asking.create_for_request(
            session, request, facts, CallbackPromise(priority, due, None), OFFICE, NOON
        )
        return await callbacks.get(session, ticket)


# -- who joins ------------------------------------------------------------------------------------


async def test_the_ticket_takes_the_earliest_due_time_and_the_highest_priority(store: Store) -> None:
    first = await ask(store, "a", "4h")
    second = await ask(store, "b", "1h", "high", matter="ログインできない", at=after(60))
    third = await ask(store, "c", "1 business day", "low")
    assert first.ticket == second.ticket == third.ticket
    assert (third.contacts, third.priority, third.matter) == (3, "high", "ログインできない")
    assert third.due_at == NOON + timedelta(minutes=61)
    async with store.read() as session:
        kept = await contacts.of_ticket(session, first.ticket)
    assert [one.due_at for one in kept] == [
        NOON + timedelta(hours=4),
        datetime(2026, 11, 25, 8, 0, tzinfo=UTC),
        NOON + timedelta(minutes=61),
    ]


@pytest.mark.parametrize("field", ["addressee", "branch", "member", "company"])
async def test_what_differs_is_another_matter_of_the_same_number(store: Store, field: str) -> None:
    one = await ask(store, "a", **{field: "山﨑"})
    unknown = await ask(store, "b")
    other = await ask(store, "c", **{field: "髙橋"})
    same = await ask(store, "d", **{field: "山﨑様"})
    assert unknown.ticket == same.ticket == one.ticket, "what is not known conflicts with nothing"
    assert other.ticket != one.ticket
    async with store.read() as session:
        assert [row.ticket for row in await asking.others(session, one)] == [other.ticket]


async def test_another_line_or_tenant_is_another_ticket(store: Store) -> None:
    tickets = [
        (await ask(store, "a")).ticket,
        (await ask(store, "b", line="billing")).ticket,
        (await ask(store, "c", tenant="shop")).ticket,
    ]
    assert len(set(tickets)) == 3


@pytest.mark.parametrize("withheld", ["anonymous", "payphone", "unavailable"])
async def test_who_shows_no_number_is_never_known_again(store: Store, withheld: str) -> None:
    one = await ask(store, "a", number=None, withheld=withheld)
    two = await ask(store, "b", number=None, withheld=withheld)
    assert one.ticket != two.ticket


async def test_a_number_that_was_withheld_is_not_kept(store: Store) -> None:
    row = await ask(store, "a", number="+819012345678", withheld="anonymous")
    assert row.number is None


async def test_what_is_over_is_joined_no_more(store: Store) -> None:
    one = await ask(store, "a")
    async with store.write() as session:
        await service.close(session, one.ticket, who=AIKO, now=after(60), note="済")
    assert (await ask(store, "b")).ticket != one.ticket


async def test_who_rings_while_a_callback_is_open_is_noted_and_promised_nothing_new(store: Store) -> None:
    one = await ask(store, "a")
    about = MessageFacts("", "ecforce", "ecforce", "asked", "+819012345678", after(600), call_id="c9")
    async with store.write() as session:
        found = await asking.open_for(session, tenant="ecforce", line="ecforce", number="+819012345678")
        assert found is not None and found.ticket == one.ticket
        assert await asking.rang(session, about, after(600)) == one.ticket
        assert await asking.rang(session, about, after(601)) == one.ticket, "twice is once"
        row = await callbacks.get(session, one.ticket)
        assert (row.contacts, row.due_at) == (2, one.due_at)
        assert await asking.open_for(session, tenant="shop", line="ecforce", number="+819012345678") is None


# -- merging by hand, and splitting -----------------------------------------------------------------


async def test_after_a_merge_both_numbers_lead_to_the_ticket(store: Store) -> None:
    one, two = (
        await ask(store, "a", company="山田商店"),
        await ask(store, "b", "1h", "high", company="田中工業"),
    )
    async with store.write() as session:
        row = await merging.merge(session, two.ticket, into=one.ticket, who=AIKO, now=after(60))
    assert (row.ticket, row.contacts, row.priority, row.company) == (one.ticket, 2, "high", "山田商店")
    assert row.due_at == NOON + timedelta(hours=1)
    async with store.read() as session:
        assert (await callbacks.get(session, two.ticket)).ticket == one.ticket
        history = await callbacks.events(session, one.ticket)
        assert [(event.what, event.merged_from) for event in history] == [
            ("created", None),
            ("created", two.ticket),
            ("merge", None),
        ]


async def test_what_was_merged_is_split_again_under_the_number_that_was_told(store: Store) -> None:
    one, two = (
        await ask(store, "a", company="山田商店"),
        await ask(store, "b", "1h", "high", company="田中工業"),
    )
    async with store.write() as session:
        await merging.merge(session, two.ticket, into=one.ticket, who=AIKO, now=after(60))
        of = await contacts.of_ticket(session, one.ticket)
        moved = [contact.id for contact in of if contact.company == "田中工業"]
        assert await merging.split(session, one.ticket, moved, who=AIKO, now=after(120)) == two.ticket
    async with store.read() as session:
        left, made = await callbacks.get(session, one.ticket), await callbacks.get(session, two.ticket)
    assert (left.company, left.priority, left.due_at, left.contacts) == (
        "山田商店",
        "medium",
        NOON + timedelta(hours=2),
        1,
    )
    assert (made.company, made.priority, made.due_at, made.state) == (
        "田中工業",
        "high",
        NOON + timedelta(hours=1),
        "open",
    )


async def test_who_heard_the_same_number_gets_one_more(store: Store) -> None:
    one = await ask(store, "a")
    await ask(store, "b", "1h")
    async with store.write() as session:
        second = (await contacts.of_ticket(session, one.ticket))[1]
        made = await merging.split(session, one.ticket, [second.id], who=AIKO, now=after(60))
        assert made != one.ticket
        assert (await callbacks.get(session, made)).due_at == NOON + timedelta(hours=1)


async def test_what_cannot_be_merged_or_split(store: Store) -> None:
    one, two = await ask(store, "a"), await ask(store, "b", company="田中工業", line="billing")
    async with store.write() as session:
        with pytest.raises(Conflict, match="窓口が違う"):
            await merging.merge(session, two.ticket, into=one.ticket, who=AIKO, now=after(1))
        with pytest.raises(Conflict, match="1件以上"):
            await merging.split(session, one.ticket, [], who=AIKO, now=after(1))
        await service.claim(session, one.ticket, BEN, until=after(600), now=after(1))
        with pytest.raises(Conflict, match="benさんが担当"):
            await merging.split(session, one.ticket, [1], who=AIKO, now=after(2))
        with pytest.raises(NotFound):
            await merging.merge(session, two.ticket, into=one.ticket, who=Who("x", "shop"), now=after(1))


# -- abandoned calls ----------------------------------------------------------------------------------


def gone(call_id: str = "c1", **changed: Any) -> MessageFacts:
    about = {"line": "ecforce", "tenant": "ecforce", "cause": "busy", "number": "+819012345678"}
    return MessageFacts(id="", received_at=NOON, call_id=call_id, **{**about, **changed})


async def test_who_gave_up_waiting_is_rung_back_where_the_line_says_so(store: Store) -> None:
    wait = timedelta(seconds=20)
    async with store.write() as session:
        assert (
            await abandoned.gave_up(session, gone(), wait - timedelta(seconds=1), policy=POLICY, now=NOON)
            is None
        )
        silent = Policy(CallbackRules(), lambda hours: OFFICE)
        assert await abandoned.gave_up(session, gone(), wait, policy=silent, now=NOON) is None
        nobody = gone(number=None, withheld="anonymous")
        assert await abandoned.gave_up(session, nobody, wait, policy=POLICY, now=NOON) is None
        ticket = await abandoned.gave_up(session, gone(), wait, policy=POLICY, now=NOON)
        assert ticket is not None
        assert await abandoned.gave_up(session, gone(), wait, policy=POLICY, now=NOON) == ticket
        assert (await callbacks.get(session, ticket)).contacts == 1
        caller = {"tenant": "ecforce", "line": "ecforce", "number": "+819012345678"}
        assert await abandoned.got_through(session, **caller, now=after(900)) == [ticket]
        row = await callbacks.get(session, ticket)
        assert (row.state, row.outcome) == ("done", "reached")


async def test_getting_through_ends_no_promise(store: Store) -> None:
    one = await ask(store, "a")
    async with store.write() as session:
        assert (
            await abandoned.gave_up(session, gone(), timedelta(minutes=1), policy=POLICY, now=NOON)
            == one.ticket
        )
        caller = {"tenant": "ecforce", "line": "ecforce", "number": "+819012345678"}
        assert await abandoned.got_through(session, **caller, now=after(900)) == []
        assert (await callbacks.get(session, one.ticket)).state == "open"


async def test_getting_through_ends_no_complaint(store: Store) -> None:
    async with store.write() as session:
        ticket = await abandoned.gave_up(session, gone(), timedelta(minutes=1), policy=POLICY, now=NOON)
        assert ticket is not None
        await edits.flag(session, ticket, who=AIKO, now=NOON, complaint=True)
        caller = {"tenant": "ecforce", "line": "ecforce", "number": "+819012345678"}
        assert await abandoned.got_through(session, **caller, now=after(900)) == []


# -- 折り返し不要 -----------------------------------------------------------------------------------


async def test_no_reply_wanted_has_no_due_time_and_is_done_once_it_was_read(store: Store) -> None:
    row = await ask(store, "a", reply_wanted=False)
    assert (row.state, row.due_at) == ("open", None)
    async with store.write() as session:
        row = await edits.read(session, row.ticket, who=AIKO, now=after(60))
        assert row.state == "done"
        row = await edits.want_reply(session, row.ticket, due=after(3600), who=AIKO, now=after(120))
        assert (row.state, row.reply_wanted, row.due_at) == ("open", True, after(3600))
    async with store.write() as session:
        assert (await edits.read(session, row.ticket, who=AIKO, now=after(180))).state == "open"


async def test_a_second_contact_that_wants_a_reply_makes_it_wanted(store: Store) -> None:
    await ask(store, "a", reply_wanted=False)
    row = await ask(store, "b")
    assert (row.reply_wanted, row.due_at) == (None, NOON + timedelta(hours=2))
