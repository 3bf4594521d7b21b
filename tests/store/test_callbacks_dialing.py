"""Ringing back: what is stored before the dial, who may dial, what follows each result; and what the clock does."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from ivr.call import CallbackPromise
from ivr.callbacks import asking, dialing, edits, escalation, lists, service
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.dialing import Dial
from ivr.callbacks.guard import Refusal
from ivr.callbacks.policy import Policy
from ivr.callbacks.results import Result
from ivr.callbacks.who import Who
from ivr.dialplan.callbacks import CallbackRules
from ivr.errors import Conflict
from ivr.hours.calendar import Calendar
from ivr.hours.closings import Closing
from ivr.hours.model import HoursModel
from ivr.store import callbacks, contacts, dials
from ivr.store.database import Store
from ivr.store.tables import CallbackRow
from tests.store.rows import NOON, TOKYO, after, callback

AIKO, BEN = Who("aiko", "desk"), Who("ben", "desk")
BOSS = Who("boss", "desk", supervisor=True)
OFFICE = Calendar(HoursModel(zone="Asia/Tokyo", weekly={"月-金": "9:00-18:00"}, holidays="JP"))
NUMBER = "+819012345678"
# Desk 3: response and resolution by priority
RULES = CallbackRules.model_validate(
    {
        "critical": {"response": "15m", "resolution": "4h", "news": "1h"},
        "high": {"response": "1h", "outside": "4h", "resolution": "8h"},
        "medium": {"response": "4 business hours", "resolution": "1 business day"},
        "low": {"response": "1 business day", "resolution": "3 business days"},
        "dial_hours": {"critical": "always", "other": "9:00-20:00"},
    }
)
POLICY = Policy(RULES, lambda hours: OFFICE)


@pytest.fixture
def desk(store: Store) -> Store:
    return store


async def ask(
    store: Store, request: str = "a", priority: str = "medium", due: str = "4h", **said: Any
) -> str:
    about = {"line": "desk", "tenant": "desk", "cause": "busy", "number": NUMBER}
    facts = MessageFacts(id=request, received_at=said.pop("at", NOON), **{**about, **said})
    async with store.write() as session:
        promise = CallbackPromise(priority, due, None)
        return await asking.create_for_request(session, request, facts, promise, OFFICE, NOON)


async def claim(store: Store, ticket: str, who: Who = AIKO, now: datetime = NOON) -> None:
    async with store.write() as session:
        await service.claim(session, ticket, who, until=now + timedelta(minutes=10), now=now)


async def begin(
    store: Store, ticket: str, who: Who = AIKO, key: str = "d1", now: datetime = NOON, **more: Any
) -> Dial | Refusal:
    async with store.write() as session:
        return await dialing.begin(session, ticket, who=who, key=key, policy=POLICY, now=now, **more)


async def row_of(store: Store, ticket: str) -> CallbackRow:
    async with store.read() as session:
        return await callbacks.get(session, ticket)


async def record(store: Store, ticket: str, result: Result, now: datetime, **more: Any) -> CallbackRow:
    async with store.write() as session:
        return await dialing.record(session, ticket, result, who=AIKO, policy=POLICY, now=now, **more)


# -- the dial -------------------------------------------------------------------------------------


async def test_the_state_is_stored_before_the_dial_and_stops_the_response_clock(desk: Store) -> None:
    ticket = await ask(desk)
    await claim(desk, ticket, now=after(60))
    assert (await row_of(desk, ticket)).begun_at is None, "a claim is no work"
    dial = await begin(desk, ticket, now=after(120))
    assert dial == Dial("d1", ticket, "desk", NUMBER, fresh=True)
    row = await row_of(desk, ticket)
    assert (row.state, row.begun_at, row.attempts) == ("dialing", after(120), 1)
    assert await begin(desk, ticket, now=after(121)) == Dial("d1", ticket, "desk", NUMBER, fresh=False)


async def test_who_does_not_have_it_does_not_dial(desk: Store) -> None:
    ticket = await ask(desk)
    with pytest.raises(Conflict, match="担当してから発信"):
        await begin(desk, ticket)
    await claim(desk, ticket)
    with pytest.raises(Conflict, match="aikoさんが担当"):
        await begin(desk, ticket, BEN)


async def test_a_number_is_locked_across_tickets_until_it_is_hung_up(desk: Store) -> None:
    one, two = await ask(desk, "a", company="山田商店"), await ask(desk, "b", company="田中工業")
    await claim(desk, one)
    await claim(desk, two, BEN)
    assert isinstance(await begin(desk, one, key="d1"), Dial)
    refusal = await begin(desk, two, BEN, "d2")
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.reason) == ("locked", "aikoさんが、このお客様に発信中です。")
    async with desk.write() as session:
        assert await dialing.answered(session, "d1", until=after(1800), now=after(20))
    assert isinstance(await begin(desk, two, BEN, "d2", now=after(400)), Refusal), "while they talk"
    async with desk.write() as session:
        await dialing.ended(session, "d1", None, policy=POLICY, now=after(500))
    assert isinstance(await begin(desk, two, BEN, "d2", now=after(501)), Dial)
    assert (await row_of(desk, one)).state == "talking", "the agent has yet to say how it went"


async def test_of_two_who_dial_one_customer_at_once_one_rings(desk: Store, other_process: Store) -> None:
    one, two = await ask(desk, "a", company="山田商店"), await ask(desk, "b", company="田中工業")
    await claim(desk, one)
    await claim(desk, two, BEN)
    found = await asyncio.gather(begin(desk, one, key="d1"), begin(other_process, two, BEN, "d2"))
    assert sorted(type(one).__name__ for one in found) == ["Dial", "Refusal"]


async def test_an_engine_that_died_in_a_dial_leaves_an_open_ticket(desk: Store) -> None:
    ticket = await ask(desk)
    await claim(desk, ticket)
    await begin(desk, ticket)
    assert await escalation.sweep(desk, lambda line: POLICY, after(179)) == []
    (step,) = await escalation.sweep(desk, lambda line: POLICY, after(601))
    assert (step.ticket, step.happened) == (ticket, "freed")
    assert (await row_of(desk, ticket)).state == "open"
    async with desk.write() as session:
        assert not await dialing.answered(session, "d1", until=after(900), now=after(602)), "hang up"
        assert await dials.locked(session, "desk", NUMBER, after(602)) is None


async def test_a_barred_number_is_not_dialled_even_before_it_is_approved(desk: Store) -> None:
    ticket = await ask(desk)
    await claim(desk, ticket)
    async with desk.write() as session:
        entry = await lists.ask(
            session, "outgoing", "090-1234-5678", tenant="desk", who=AIKO, reason="ご本人の希望", now=NOON
        )
        assert entry.approved_at is None
    refusal = await begin(desk, ticket)
    assert isinstance(refusal, Refusal) and refusal.code == "barred"
    async with desk.write() as session:
        with pytest.raises(Conflict, match="スーパーバイザーだけ"):
            await lists.end(session, entry.id, who=AIKO, now=after(1))
        await lists.end(session, entry.id, who=BOSS, now=after(1))
    assert isinstance(await begin(desk, ticket), Dial)


# -- the results ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "next_at"),
    [
        ("busy", "12:10"),  # 話中: ten minutes
        ("no_answer", "16:00"),  # 不在: two hours, and in another part of the day
        ("machine", "16:00"),
        ("other_person", "16:00"),
        ("left_word", "16:00"),
        ("refused", "16:00"),
    ],
)
async def test_who_was_not_reached_is_tried_again(desk: Store, result: Result, next_at: str) -> None:
    ticket = await ask(desk)
    await claim(desk, ticket)
    await begin(desk, ticket)
    row = await record(desk, ticket, result, NOON)
    assert (row.state, row.agent, row.outcome, row.misses) == ("open", None, result, 1)
    assert row.next_at is not None
    assert f"{row.next_at.astimezone(TOKYO):%H:%M}" == next_at
    async with desk.read() as session:
        assert await callbacks.to_do(session, tenant="desk", now=NOON) == []
        assert len(await callbacks.to_do(session, tenant="desk", now=row.next_at)) == 1
        assert await callbacks.to_do(session, tenant="shop", now=row.next_at) == []


@pytest.mark.parametrize("result", ["other_person", "left_word", "no_answer", "busy", "machine", "refused"])
async def test_only_the_person_closes_a_callback(desk: Store, result: Result) -> None:
    ticket = await ask(desk)
    await claim(desk, ticket)
    await begin(desk, ticket)
    with pytest.raises(Conflict, match="対応済みにできません"):
        await record(desk, ticket, result, after(30), then="done")
    await claim(desk, await ask(desk, "b", number="+81312345678"))
    async with desk.write() as session:
        with pytest.raises(Conflict, match="対応済みにできません"):
            await service.close(session, ticket, who=AIKO, now=after(30), result=result)


async def test_the_person_was_reached(desk: Store) -> None:
    ticket = await ask(desk)
    await claim(desk, ticket)
    await begin(desk, ticket)
    with pytest.raises(Conflict, match="日時が必要"):
        await record(desk, ticket, "reached", after(60), then="working")
    row = await record(desk, ticket, "reached", after(60), then="working", next_at=after(7200))
    assert (row.state, row.agent, row.next_at) == ("working", "aiko", after(7200))
    row = await record(desk, ticket, "reached", after(7300))
    assert (row.state, row.done_at, row.attempts) == ("done", after(7300), 2)


async def test_three_attempts_over_two_business_days_then_a_supervisor(desk: Store) -> None:
    ticket = await ask(desk)
    at = NOON
    for n in range(3):
        await claim(desk, ticket, now=at)
        assert isinstance(await begin(desk, ticket, key=f"d{n}", now=at), Dial)
        row = await record(desk, ticket, "no_answer", at)
        at = row.next_at or at
    # 12:00, 16:00, and the third is kept for the next business day
    assert at == datetime(2026, 11, 25, 9, 0, tzinfo=TOKYO)
    assert (row.state, row.next_at, row.exhausted_at) == ("open", None, at)
    async with desk.write() as session:
        with pytest.raises(Conflict, match="スーパーバイザーだけ"):
            await service.give_up(session, ticket, who=AIKO, why="不在が続く", now=at)
        row = await service.give_up(session, ticket, who=BOSS, why="不在が続く", now=at)
        assert row.state == "unreachable"


async def test_a_wrong_number_is_blocked_for_this_ticket_until_there_is_another(desk: Store) -> None:
    ticket, other = await ask(desk, "a", company="山田商店"), await ask(desk, "b", company="田中工業")
    await claim(desk, ticket)
    await begin(desk, ticket)
    row = await record(desk, ticket, "wrong_number", after(30))
    assert (row.state, row.next_at, row.wrong_number) == ("open", None, NUMBER)
    await claim(desk, ticket, now=after(60))
    refusal = await begin(desk, ticket, key="d2", now=after(60))
    assert isinstance(refusal, Refusal) and refusal.code == "wrong_number"
    await claim(desk, other, now=after(60))
    assert isinstance(await begin(desk, other, key="d3", now=after(60)), Dial)
    async with desk.write() as session:
        await edits.edit(session, ticket, {"number": "03-1234-5678"}, who=AIKO, now=after(90))
    assert isinstance(await begin(desk, ticket, key="d4", now=after(90)), Dial)


async def test_no_more_calls_leads_to_the_list_and_to_a_supervisor(desk: Store) -> None:
    ticket = await ask(desk)
    await claim(desk, ticket)
    await begin(desk, ticket)
    row = await record(desk, ticket, "no_more_calls", after(30))
    assert (row.state, row.next_at, row.exhausted_at) == ("open", None, after(30))
    async with desk.read() as session:
        (entry,) = await lists.listing(session, "outgoing", who=BOSS, now=after(31))
    assert (entry.number, entry.asked_by, entry.approved_by) == (NUMBER, "aiko", None)


async def test_a_complaint_is_closed_with_a_result_also_of_who_wants_no_call(desk: Store) -> None:
    ticket = await ask(desk, reply_wanted=False)
    async with desk.write() as session:
        await edits.flag(session, ticket, who=AIKO, now=NOON, complaint=True)
        with pytest.raises(Conflict, match="どのように解決したか"):
            await service.close(session, ticket, who=BOSS, now=after(60))
        row = await service.close(session, ticket, who=BOSS, now=after(60), note="お詫びのメール")
    assert row.state == "done"


async def test_a_complaint_is_closed_by_a_supervisor_alone(desk: Store) -> None:
    ticket = await ask(desk)
    async with desk.write() as session:
        await edits.flag(session, ticket, who=AIKO, now=NOON, complaint=True)
        with pytest.raises(Conflict, match="スーパーバイザーだけ"):
            await service.close(session, ticket, who=AIKO, now=NOON)
        with pytest.raises(Conflict, match="スーパーバイザーだけ"):
            await edits.flag(session, ticket, who=AIKO, now=NOON, complaint=False)
        assert (await service.close(session, ticket, who=BOSS, now=NOON, note="お詫び済み")).state == "done"


async def test_a_result_without_a_dial_is_noted_as_one_by_hand(desk: Store) -> None:
    ticket = await ask(desk)
    await claim(desk, ticket)
    row = await record(desk, ticket, "machine", after(60))
    assert (row.state, row.attempts, row.begun_at) == ("open", 1, after(60))
    async with desk.read() as session:
        (dial,) = await dials.of_ticket(session, ticket)
    assert (dial.by_hand, dial.outcome, dial.number) == (True, "machine", NUMBER)


# -- handing over -------------------------------------------------------------------------------------


async def test_a_hand_over_needs_a_memo_and_the_receivers_yes(desk: Store) -> None:
    ticket = await ask(desk)
    await claim(desk, ticket)
    async with desk.write() as session:
        with pytest.raises(Conflict, match="メモが必要"):
            await service.offer(session, ticket, to="ben", who=AIKO, memo=" ", now=NOON)
        row = await service.offer(session, ticket, to="ben", who=AIKO, memo="請求の件", now=NOON)
        assert row.agent == "aiko"
        row = await service.accept(session, ticket, BEN, until=after(600), now=after(60))
        assert (row.agent, row.state, row.offered_to) == ("ben", "claimed", None)


# -- the clock ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priority", "received", "resolution", "news"),
    [
        # Tuesday 24 November 2026; the desk works 9:00 to 18:00
        ("critical", "24 3:00", "24 07:00", "24 04:00"),
        ("high", "24 10:00", "24 18:00", None),
        ("medium", "24 10:00", "25 18:00", None),
        ("low", "24 10:00", "27 18:00", None),
    ],
)
async def test_the_targets_of_desk_3(
    desk: Store, priority: str, received: str, resolution: str, news: str | None
) -> None:
    at = datetime.strptime(f"2026 11 {received} +0900", "%Y %m %d %H:%M %z")
    ticket = await ask(desk, priority=priority, at=at)
    await escalation.sweep(desk, lambda line: POLICY, at)
    row = await row_of(desk, ticket)
    told = [row.resolution_due_at, row.news_due_at]
    assert [one and f"{one.astimezone(TOKYO):%d %H:%M}" for one in told] == [resolution, news]


@pytest.mark.parametrize(("raised", "resolution"), [("11:00", "24 14:00"), ("15:00", "24 19:00")])
async def test_who_becomes_critical_is_solved_earlier(desk: Store, raised: str, resolution: str) -> None:
    at, then = (datetime.fromisoformat(f"2026-11-24T{one}+09:00") for one in ("10:00", raised))
    ticket = await ask(desk, at=at)
    await escalation.sweep(desk, lambda line: POLICY, at)
    async with desk.write() as session:
        await service.raise_priority(session, ticket, "critical", who=AIKO, why="全面停止", now=then)
    for minutes in (0, 1):
        await escalation.sweep(desk, lambda line: POLICY, then + timedelta(minutes=minutes))
    async with desk.write() as session:  # what was promised stays
        await service.lower_priority(session, ticket, "medium", who=AIKO, why="誤り", now=then)
    await escalation.sweep(desk, lambda line: POLICY, then)
    solved_by = (await row_of(desk, ticket)).resolution_due_at
    assert solved_by is not None and f"{solved_by.astimezone(TOKYO):%d %H:%M}" == resolution


async def test_near_then_past_then_tier_2_then_tier_3_and_each_once(desk: Store) -> None:
    ticket = await ask(desk, due="1h")
    seen = []
    for minute in (0, 44, 45, 50, 60, 61, 119, 120, 121):
        for _ in range(2):
            steps = await escalation.sweep(desk, lambda line: POLICY, after(minute * 60))
            seen += [(minute, step.happened) for step in steps]
    assert seen == [(45, "near"), (60, "second"), (120, "third")]
    async with desk.write() as session:
        row = await escalation.help_out(session, ticket, who=BOSS, now=after(7300))
        assert (row.tier, row.second) == (3, "boss")
        history = await callbacks.events(session, ticket)
    assert [event.what for event in history] == ["created", "near_due", "escalate", "escalate", "second"]


async def test_who_helps_has_done_so_when_it_is_noted_and_when_the_matter_comes_up_again(desk: Store) -> None:
    ticket = await ask(desk)
    async with desk.write() as session:
        with pytest.raises(Conflict, match="二次対応中ではありません"):
            await escalation.helped(session, ticket, who=AIKO, now=NOON)
        await escalation.help_out(session, ticket, who=BEN, now=NOON)
        row = await escalation.helped(session, ticket, who=AIKO, now=after(60))
        assert row.second is None
        await escalation.help_out(session, ticket, who=BEN, now=after(120))
        await service.close(session, ticket, who=AIKO, now=after(180), note="設定を直した")
        assert (await service.reopen(session, ticket, who=AIKO, now=after(240))).second is None


async def test_hundreds_that_are_late_hide_none_that_comes_near(desk: Store) -> None:
    known = {"resolution_due_at": after(9e6), "news_due_at": after(9e6), "tier": 3, "warned_at": NOON}
    late = [
        callback(f"{number}", line="desk", due_at=after(-60), created_at=NOON, version=0, **known)
        for number in range(20000, 20600)
    ]
    async with desk.write() as session:
        await session.execute(insert(CallbackRow), late)
    ticket = await ask(desk, due="1h", number="+81312345678")
    (step,) = await escalation.sweep(desk, lambda line: POLICY, after(2700))
    assert (step.ticket, step.happened) == (ticket, "near")


async def test_what_is_begun_in_time_is_not_late(desk: Store) -> None:
    ticket = await ask(desk, due="1h")
    async with desk.write() as session:
        await service.begin_work(session, ticket, who=AIKO, now=after(60))
    assert await escalation.sweep(desk, lambda line: POLICY, after(7200)) == []


async def test_a_sudden_closing_moves_no_promise_and_is_seen(desk: Store) -> None:
    row = await row_of(desk, await ask(desk, due="1h"))
    closing = Closing(after(1800), after(7200), "台風")
    assert escalation.affected(row, [closing])
    assert not escalation.affected(row, [Closing(after(3601), None, "台風")])
    async with desk.write() as session:
        row = await service.begin_work(session, row.ticket, who=AIKO, now=after(60))
    assert not escalation.affected(row, [closing]), "what is begun is kept"


async def test_raising_a_priority_never_moves_a_promise_later(desk: Store) -> None:
    ticket = await ask(desk, "a", "low", "30m")
    async with desk.write() as session:
        row = await service.raise_priority(
            session, ticket, "high", who=AIKO, why="急ぎ", now=NOON, due=NOON + timedelta(hours=1)
        )
        assert (row.priority, row.due_at) == ("high", NOON + timedelta(minutes=30))
        row = await service.raise_priority(
            session, ticket, "critical", who=AIKO, why="停止", now=NOON, due=NOON + timedelta(minutes=15)
        )
        assert (row.priority, row.due_at) == ("critical", NOON + timedelta(minutes=15))
        with pytest.raises(Conflict, match="理由が必要"):
            await service.lower_priority(session, ticket, "low", who=AIKO, why="", now=NOON)
        row = await service.lower_priority(session, ticket, "low", who=AIKO, why="復旧した", now=NOON)
        assert (row.priority, row.due_at) == ("low", NOON + timedelta(minutes=15))
        (contact,) = await contacts.of_ticket(session, ticket)
    assert contact.due_at == NOON + timedelta(minutes=30)


async def test_a_customer_has_an_agent_of_his_own(desk: Store) -> None:
    async with desk.write() as session:
        await lists.dedicate(
            session, "090-1234-5678", tenant="desk", agent="aiko", deputy="ben", who=BOSS, now=NOON
        )
    assert (await row_of(desk, await ask(desk))).dedicated == "aiko"
    assert (await row_of(desk, await ask(desk, "b", tenant="shop"))).dedicated is None


async def test_nobody_is_asked_for_a_result_on_what_another_has_by_now(desk: Store) -> None:
    ticket = await ask(desk)
    await claim(desk, ticket)
    await begin(desk, ticket, by_hand=True)
    late = NOON + timedelta(hours=2)
    await escalation.sweep(desk, lambda line: POLICY, late)
    async with desk.read() as session:
        assert await callbacks.owed(session, tenant="desk") == {"aiko": [ticket]}
    await claim(desk, ticket, BEN, late)
    async with desk.read() as session:
        assert await callbacks.owed(session, tenant="desk") == {}
