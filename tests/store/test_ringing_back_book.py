"""What is written down about dials that the engine rings: taken once, given up, ended, looked after when an engine died."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.call import CallbackPromise
from ivr.callbacks import asking, dialing, edits, escalation, lists, ringing, service
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.dialing import Dial
from ivr.callbacks.who import Who
from ivr.dialplan.check import line_numbers
from ivr.dialplan.load import load_text
from ivr.errors import Conflict
from ivr.lines import Lines
from ivr.ringing_back import texts
from ivr.ringing_back.book import StoreBook
from ivr.ringing_back.job import Job
from ivr.steps import STEPS
from ivr.store import agents, callbacks, contacts, dialplans, dials
from ivr.store.database import Store
from ivr.store.tables import AgentRow, CallbackRow
from tests.messages_helpers import ManualClock
from tests.store.rows import NOON, after

# 2026-11-24 is a Tuesday; customers are rung from 9:00 to 20:00, a critical one always.
DESK = """\
line:
  tenant: desk
  name: 総合受付
  numbers: ["03-1234-5678"]
  callbacks: {dial_hours: {critical: always, other: "9:00-20:00"}}
hours:
  office: {zone: Asia/Tokyo, weekly: {月-金: "9:00-18:00"}, holidays: JP}
start: support
steps:
  support: {type: queue, agents: support, otherwise: bye}
  bye: {type: hangup}
"""
AIKO, BEN = Who("aiko", "desk"), Who("ben", "desk")
NUMBER = "+819012345678"


class Office:
    def __init__(self, store: Store, lines: Lines) -> None:
        self.store = store
        self.lines = lines
        self.clock = ManualClock(NOON)
        self.book = self.engine("1")

    def moves(self, to: datetime) -> None:
        self.clock.advance((to - self.clock.now()).total_seconds())

    def engine(self, name: str, store: Store | None = None) -> StoreBook:
        return StoreBook(store or self.store, self.lines, name, self.clock)

    async def asked(self, request: str = "a", number: str = NUMBER, priority: str = "medium") -> str:
        facts = MessageFacts(request, "desk", "desk", "asked", number, NOON)
        async with self.store.write() as session:
            promise = CallbackPromise(priority, "4h", None)
            return await asking.create_for_request(session, request, facts, promise, None, NOON)

    async def pressed(self, ticket: str, who: Who = AIKO, key: str = "k1") -> None:
        """担当, 発信."""
        now = self.clock.now()
        async with self.store.write() as session:
            await service.claim(session, ticket, who, until=now + timedelta(minutes=15), now=now)
            begun = await dialing.begin(
                session, ticket, who=who, key=key, policy=self.lines.policy("desk"), now=now
            )
            assert isinstance(begun, Dial)

    async def taken(self, ticket: str) -> Job:
        await self.pressed(ticket)
        job = await self.book.take("k1")
        assert job is not None
        return job

    async def row(self, ticket: str) -> CallbackRow:
        async with self.store.read() as session:
            return await callbacks.get(session, ticket)

    async def agent(self, name: str = "aiko") -> AgentRow:
        async with self.store.read() as session:
            return await agents.get(session, name)

    async def sets(self, state: agents.State, reason: str | None = None, name: str = "aiko") -> None:
        async with self.store.write() as session:
            await agents.set_state(session, name, state, reason, self.clock.now())

    async def history(self, ticket: str) -> list[tuple[str, str | None]]:
        async with self.store.read() as session:
            return [(one.what, one.why) for one in await callbacks.events(session, ticket)]

    async def queue_reserves(self, call: str = "c1") -> list[str]:
        now = self.clock.now()
        async with self.store.write() as session:
            seats = await agents.reserve(session, "support", call, until=now + timedelta(seconds=30), now=now)
        return [seat.agent for seat in seats]


@pytest.fixture
async def office(store: Store) -> Office:
    plan = load_text("desk.yaml", DESK, STEPS)
    async with store.write() as session:
        live = dialplans.LiveLine("desk", "desk", "desk", tuple(line_numbers(plan)), plan.hash, DESK)
        await dialplans.publish(session, live, at=NOON, by="test")
        for name in ("aiko", "ben"):
            await agents.add(
                session,
                name,
                groups=["support"],
                endpoint=f"PJSIP/{name}",
                secret="s",
                at=NOON,
                tenant="desk",
            )
        (await agents.get(session, "aiko")).mobile = "+819087654321"
    lines = Lines()
    await lines.reload(store)
    return Office(store, lines)


# -- taken once ---------------------------------------------------------------------------------


async def test_a_dial_is_taken_once_however_often_it_is_ordered(office: Office, other_process: Store) -> None:
    await office.pressed(await office.asked())
    other = office.engine("2", other_process)
    found = await asyncio.gather(*(one.take("k1") for one in (office.book, other, office.book, other)))
    (job,) = [one for one in found if one is not None]
    assert (job.agent, job.endpoint, job.mobile, job.number) == (
        "aiko",
        "PJSIP/aiko",
        "+819087654321",
        NUMBER,
    )
    async with office.store.read() as session:
        dial = await dials.by_key(session, "k1")
    assert dial is not None and job.id == f"back-{dial.id}"
    assert [await one.take("k1") for one in (office.book, other)] == [None, None]


async def test_nobody_takes_a_dial_that_is_over_or_by_hand_or_was_never_begun(office: Office) -> None:
    assert await office.book.take("never") is None
    ticket = await office.asked()
    await office.pressed(ticket)
    async with office.store.write() as session:
        policy = office.lines.policy("desk")
        await dialing.record(session, ticket, "no_answer", who=AIKO, policy=policy, now=after(5))
    assert await office.book.take("k1") is None


async def test_an_order_that_waited_too_long_rings_nobody_any_more(office: Office) -> None:
    ticket = await office.asked()
    await office.pressed(ticket)
    office.moves(after(31))
    assert await office.book.take("k1") is None
    row = await office.row(ticket)
    assert (row.state, row.agent, row.attempts) == ("claimed", "aiko", 0)
    assert ("not_rung", texts.LATE) in await office.history(ticket)


# -- the agent is nobody else's ---------------------------------------------------------------------


async def test_who_rings_back_is_offered_no_caller_and_the_other_way_round(office: Office) -> None:
    ticket = await office.asked()
    job = await office.taken(ticket)
    assert await office.queue_reserves() == ["ben"]
    assert await office.book.joined(job)
    assert (await office.agent()).state == "talking"
    await office.book.over(job)
    row = await office.agent()
    assert (row.state, row.offer_call) == ("wrap_up", None)
    assert row.wrap_up_until == after(30)


@pytest.mark.parametrize("state", ["offered", "talking"])
async def test_who_is_offered_a_caller_or_talks_cannot_dial(office: Office, state: str) -> None:
    await office.queue_reserves()
    if state == "talking":
        async with office.store.write() as session:
            assert await agents.answer(session, "aiko", "c1", NOON)
    ticket = await office.asked()
    await office.pressed(ticket)
    assert await office.book.take("k1") is None
    row = await office.row(ticket)
    assert (row.state, row.agent, row.attempts) == ("claimed", "aiko", 0)
    assert ("not_rung", "ほかの通話中か、着信中のため、発信できませんでした。") in await office.history(
        ticket
    )
    assert (await office.agent()).offer_call == "c1"


async def test_a_pause_goes_on_after_ringing_back(office: Office) -> None:
    await office.sets("away", "資料作成")
    job = await office.taken(await office.asked())
    await office.book.joined(job)
    assert (await office.agent()).state == "talking"
    await office.book.answered(job)
    await office.book.over(job)
    row = await office.agent()
    assert (row.state, row.reason, row.wrap_up_until) == ("away", "資料作成", None)


async def test_who_has_no_telephone_cannot_dial(office: Office) -> None:
    ticket = await office.asked()
    await office.pressed(ticket, Who("chie", "desk"))
    assert await office.book.take("k1") is None
    said = "オペレーターの電話機が登録されていません。管理者にご連絡ください。"
    assert ("not_rung", said) in await office.history(ticket)


async def test_a_reservation_that_was_lost_joins_nobody(office: Office) -> None:
    job = await office.taken(await office.asked())
    async with office.store.write() as session:
        await agents.release_all(session, NOON)
    assert not await office.book.joined(job)


# -- how it ends --------------------------------------------------------------------------------------


async def test_a_customer_who_was_never_rung_was_no_attempt_and_no_promise_is_kept(office: Office) -> None:
    ticket = await office.asked()
    job = await office.taken(ticket)
    begun = await office.row(ticket)
    assert (begun.attempts, begun.begun_at) == (1, NOON)
    await office.book.not_rung(job, "外線がすべて使用中です。")
    await office.book.not_rung(job, "外線がすべて使用中です。")
    row = await office.row(ticket)
    assert (row.state, row.agent, row.attempts, row.begun_at) == ("claimed", "aiko", 0, None)
    assert row.lease_until == after(900)
    async with office.store.read() as session:
        (contact,) = await contacts.of_ticket(session, ticket)
        assert contact.begun_at is None
        assert await dials.locked(session, "desk", NUMBER, NOON) is None
    assert (await office.agent()).offer_call is None
    assert [what for what, _ in await office.history(ticket)] == [
        "created",
        "claim",
        "dial",
        "not_rung",
        "claim",
    ]
    for turn in range(10):  # the limit of a day is one of telephones that rang
        await office.pressed(ticket, key=f"again {turn}")
        again = await office.book.take(f"again {turn}")
        assert again is not None
        await office.book.not_rung(again, "外線がすべて使用中です。")


async def test_work_that_had_begun_before_stays_begun(office: Office) -> None:
    ticket = await office.asked()
    job = await office.taken(ticket)
    await office.book.missed(job, "busy", "お話し中でした。")
    office.moves(after(900))
    await office.pressed(ticket, key="k2")
    again = await office.book.take("k2")
    assert again is not None
    await office.book.not_rung(again, "")
    assert (await office.row(ticket)).begun_at == NOON


async def test_a_customer_who_was_not_reached_is_rung_again(office: Office) -> None:
    ticket = await office.asked()
    job = await office.taken(ticket)
    await office.book.joined(job)
    await office.book.missed(job, "busy", "お話し中でした。")
    row = await office.row(ticket)
    assert (row.state, row.agent, row.outcome, row.attempts) == ("open", None, "busy", 1)
    assert row.next_at == after(600), "話中: ten minutes"
    assert ("result", "話中：お話し中でした") in await office.history(ticket)
    assert row.result is None, "that is in the agent's words"


async def test_after_a_talk_the_agent_has_time_to_say_how_it_went(office: Office) -> None:
    ticket = await office.asked()
    job = await office.taken(ticket)
    await office.book.joined(job)
    assert await office.book.answered(job)
    assert (await office.row(ticket)).state == "talking"
    office.moves(after(240))
    assert await office.book.answered(job), "kept once a minute"
    office.moves(after(280))
    await office.book.over(job)
    row = await office.row(ticket)
    assert (row.state, row.agent) == ("talking", "aiko")
    assert row.lease_until == after(280 + 900)
    policies = office.lines.policy
    assert await escalation.sweep(office.store, policies, after(280 + 899)) == []
    (step,) = await escalation.sweep(office.store, policies, after(280 + 901))
    assert (step.happened, (await office.row(ticket)).state) == ("freed", "open"), "never a stuck ticket"


async def test_a_result_that_is_recorded_while_they_talk_ends_the_dial(office: Office) -> None:
    ticket = await office.asked()
    job = await office.taken(ticket)
    await office.book.joined(job)
    await office.book.answered(job)
    async with office.store.write() as session:
        policy = office.lines.policy("desk")
        await dialing.record(session, ticket, "reached", who=AIKO, policy=policy, now=after(60))
    assert not await office.book.answered(job)
    await office.book.over(job)
    assert (await office.row(ticket)).state == "done"
    assert (await office.agent()).state == "wrap_up"


# -- the instant before the customer is rung -----------------------------------------------------------


async def test_nothing_has_changed(office: Office) -> None:
    job = await office.taken(await office.asked())
    assert await office.book.still(job) is None


async def test_the_number_was_barred_meanwhile(office: Office) -> None:
    job = await office.taken(await office.asked())
    async with office.store.write() as session:
        await lists.ask(session, "outgoing", NUMBER, tenant="desk", who=BEN, reason="ご本人の希望", now=NOON)
    assert await office.book.still(job) == "発信禁止の番号です（ご本人の希望）。"


async def test_the_hours_have_ended_meanwhile(office: Office) -> None:
    office.moves(datetime(2026, 11, 24, 19, 59, 50, tzinfo=NOON.tzinfo))
    job = await office.taken(await office.asked())
    office.moves(datetime(2026, 11, 24, 20, 0, 10, tzinfo=NOON.tzinfo))
    assert await office.book.still(job) == "お客様にお電話できる時間帯ではありません。"


async def test_the_lock_is_gone(office: Office) -> None:
    ticket = await office.asked()
    job = await office.taken(ticket)
    office.moves(after(1000))
    await escalation.sweep(office.store, office.lines.policy, after(1000))
    assert await office.book.still(job) is not None


async def test_the_number_was_put_right_meanwhile(office: Office) -> None:
    ticket = await office.asked()
    job = await office.taken(ticket)
    async with office.store.write() as session:
        await edits.edit(session, ticket, {"number": "+81312345678"}, who=AIKO, now=NOON, taken="said")
    assert await office.book.still(job) == "発信している間に、お客様の電話番号が変わりました。"


# -- 今すぐ ---------------------------------------------------------------------------------------------


async def test_at_once_a_free_agent_is_rung_and_has_the_ticket(office: Office) -> None:
    await office.sets("away", "昼食")
    ticket = await office.asked()
    job = await office.book.begins(ticket, "17", office.clock.now(), [])
    assert job is not None
    assert (job.agent, job.endpoint, job.number) == ("ben", "PJSIP/ben", NUMBER)
    row = await office.row(ticket)
    assert (row.state, row.agent) == ("dialing", "ben")
    assert await office.queue_reserves() == []
    assert await office.book.begins(ticket, "17", office.clock.now(), []) is None, "the order is given twice"


async def test_at_once_the_next_agent_is_asked_when_one_does_not_answer(office: Office) -> None:
    ticket = await office.asked()
    first = await office.book.begins(ticket, "17", office.clock.now(), [])
    assert first is not None and first.agent == "aiko"
    await office.book.not_rung(first, texts.AGENT["no_answer"], unanswered=True, free=True)
    row = await office.row(ticket)
    assert (row.state, row.agent, row.attempts, row.begun_at) == ("open", None, 0, None)
    assert (await office.agent()).unanswered == 1
    second = await office.book.begins(ticket, "17", office.clock.now(), ["aiko"])
    assert second is not None and second.agent == "ben"
    await office.book.not_rung(second, texts.AGENT["no_answer"], unanswered=True, free=True)
    assert await office.book.begins(ticket, "17", office.clock.now(), ["aiko", "ben"]) is None
    assert (await office.history(ticket))[-1] == ("at_once", texts.NOBODY)


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("2026-11-24T12:00", texts.NOBODY),
        ("2026-11-24T18:30", texts.CLOSED),
        ("2026-11-23T12:00", texts.CLOSED),  # 勤労感謝の日
    ],
)
async def test_at_once_with_nobody_there_the_ticket_stays_open_and_says_so(
    office: Office, at: str, why: str
) -> None:
    for name in ("aiko", "ben"):
        await office.sets("away", "昼食", name)
    office.moves(datetime.fromisoformat(at).replace(tzinfo=NOON.tzinfo))
    ticket = await office.asked()
    assert await office.book.begins(ticket, "17", office.clock.now(), []) is None
    assert (await office.row(ticket)).state == "open"
    assert (await office.history(ticket))[-1] == ("at_once", why)


async def test_at_once_is_not_an_hour_later_when_the_engine_is_back(office: Office) -> None:
    ticket = await office.asked()
    asked = office.clock.now()
    office.clock.advance(3600)
    assert await office.book.begins(ticket, "17", asked, []) is None
    assert (await office.row(ticket)).state == "open"
    what, why = (await office.history(ticket))[-1]
    assert what == "at_once" and "電話装置が停止していた" in (why or "")


async def test_at_once_a_customer_who_must_not_be_rung_is_not(office: Office) -> None:
    ticket = await office.asked()
    async with office.store.write() as session:
        await lists.ask(session, "outgoing", NUMBER, tenant="desk", who=BEN, reason="ご本人の希望", now=NOON)
    assert await office.book.begins(ticket, "17", office.clock.now(), []) is None
    row = await office.row(ticket)
    assert (row.state, row.agent) == ("open", None)
    assert (await office.history(ticket))[-1] == ("at_once", "発信禁止の番号です（ご本人の希望）。")
    assert (await office.agent()).offer_call is None


async def test_at_once_of_two_customers_one_has_the_only_agent(office: Office, other_process: Store) -> None:
    await office.sets("away", "昼食")
    one, two = await office.asked("a", "+819011112222"), await office.asked("b", "+819033334444")
    other = office.engine("2", other_process)
    found = await asyncio.gather(
        office.book.begins(one, "17", office.clock.now(), []), other.begins(two, "18", office.clock.now(), [])
    )
    assert sorted(job.agent for job in found if job) == ["ben"]
    states = sorted([(await office.row(one)).state, (await office.row(two)).state])
    assert states == ["dialing", "open"]


async def test_at_once_one_order_that_two_engines_read_rings_one_agent(
    office: Office, other_process: Store
) -> None:
    """Both agents are free."""
    ticket, other, now = await office.asked(), office.engine("2", other_process), office.clock.now()
    found = await asyncio.gather(*(book.begins(ticket, "17", now, []) for book in (office.book, other) * 2))
    assert len([job for job in found if job]) == 1
    row = await office.row(ticket)
    assert (row.state, row.attempts) == ("dialing", 1)


async def test_at_once_somebody_has_the_ticket_already(office: Office) -> None:
    ticket = await office.asked()
    await office.pressed(ticket)
    assert await office.book.begins(ticket, "17", office.clock.now(), []) is None
    assert (await office.row(ticket)).agent == "aiko"


# -- what an engine has left ------------------------------------------------------------------------------


async def test_an_engine_finds_its_own_dials_that_are_not_over(office: Office) -> None:
    one, two = await office.asked("a", "+819011112222"), await office.asked("b", "+819033334444")
    await office.pressed(one, AIKO, "k1")
    await office.pressed(two, BEN, "k2")
    first, second = await office.book.take("k1"), await office.engine("2").take("k2")
    assert first is not None and second is not None
    ((left, answered),) = await office.engine("1").unfinished()
    assert (left.id, left.key, left.number, answered) == (first.id, "k1", "+819011112222", False)
    await office.book.joined(first)
    await office.book.answered(first)
    assert [answered for _, answered in await office.engine("1").unfinished()] == [True]
    await office.book.over(first)
    assert await office.engine("1").unfinished() == []


async def test_who_rang_by_a_mailbox_step_when_the_engine_died_is_known_by_that_call(office: Office) -> None:
    ticket = await office.asked()
    await office.pressed(ticket, Who("telephone c-17.3", "desk"))
    async with office.store.write() as session:
        assert await ringing.take(session, "k1", "1") is not None
    ((left, _),) = await office.book.unfinished()
    assert left.id == "c-17.3"
    await office.book.not_rung(left, texts.STOPPED)
    row = await office.row(ticket)
    assert (row.state, row.agent, row.attempts) == ("open", None, 0), (
        "nobody claims it for a call that is over"
    )


async def test_a_result_is_of_a_call_that_was_made_and_not_of_a_dial_that_never_rang(office: Office) -> None:
    ticket = await office.asked()
    job = await office.taken(ticket)
    await office.book.not_rung(job, "外線がすべて使用中です。")
    office.moves(after(3600))
    async with office.store.write() as session:  # on another telephone
        policy = office.lines.policy("desk")
        await dialing.record(session, ticket, "busy", who=AIKO, policy=policy, now=after(3600))
    row = await office.row(ticket)
    assert (row.attempts, row.next_at) == (1, after(4200)), "ten minutes after the call, not after the dial"
    async with office.store.read() as session:
        made = await dials.of_ticket(session, ticket)
    assert [(one.by_hand, one.outcome) for one in made] == [(False, None), (True, "busy")]


async def test_a_call_by_hand_of_which_nobody_told_counts_for_the_limit_of_the_day(office: Office) -> None:
    ticket, policy = await office.asked(), office.lines.policy("desk")
    async with office.store.write() as session:
        await service.claim(session, ticket, AIKO, until=after(900), now=NOON)
        await dialing.begin(session, ticket, who=AIKO, key="k", policy=policy, now=NOON, by_hand=True)
    await escalation.sweep(office.store, office.lines.policy, after(901))
    async with office.store.read() as session:
        assert (await callbacks.get(session, ticket)).state == "open"
        assert await dials.since(session, "desk", NUMBER, NOON) == 1


async def test_nobody_frees_closes_or_takes_over_a_callback_while_its_customer_talks(office: Office) -> None:
    ticket = await office.asked()
    async with office.store.write() as session:
        await service.claim(session, ticket, AIKO, until=after(900), now=NOON)
        await service.offer(session, ticket, to="ben", who=AIKO, memo="早退します", now=NOON)
    job = await office.taken(ticket)
    await office.book.joined(job)
    deeds: tuple[Callable[[AsyncSession], Awaitable[CallbackRow]], ...] = (
        lambda session: service.give_back(session, ticket, who=AIKO, now=NOON),
        lambda session: service.close(session, ticket, who=AIKO, now=NOON, note="済"),
        lambda session: service.accept(session, ticket, BEN, until=after(900), now=NOON),
    )
    for state in ("dialing", "talking"):
        for deed in deeds:
            async with office.store.write() as session:
                await service.offer(session, ticket, to="ben", who=AIKO, memo="早退します", now=NOON)
                with pytest.raises(Conflict, match="結果を記録してください"):
                    await deed(session)
        row = await office.row(ticket)
        assert (row.state, row.agent) == (state, "aiko")
        await office.book.answered(job)
