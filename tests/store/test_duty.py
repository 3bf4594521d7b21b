"""Who on duty is rung for a critical callback, and when; on both stores."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from ivr.callbacks import asking, duty, merging, service
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.duty import Turn
from ivr.callbacks.escalation import Escalation
from ivr.callbacks.policy import Policy
from ivr.callbacks.who import Who
from ivr.dialplan.callbacks import CallbackRules
from ivr.hours.calendar import Calendar
from ivr.hours.model import HoursModel
from ivr.store import agents, alarms, callbacks, contacts, orders
from ivr.store import duty as rows
from ivr.store.database import Store
from tests.hours_helpers import jst
from tests.messages_helpers import ManualClock
from tests.store.rows import callback, contact

NIGHT = jst("2026-11-22 03:00")  # a Sunday
TICKET = "1000002"
HERE = {"line": "desk", "tenant": "desk"}
ON_DUTY = ["chiba", "doi"]
OFFICE = Calendar(
    HoursModel.model_validate({"zone": "Asia/Tokyo", "weekly": {"月-金": "9:00-18:00"}, "holidays": "JP"})
)


def policy(names: list[str] = ON_DUTY) -> Policy:
    rules = CallbackRules.model_validate({"critical": {"response": "15m"}, "duty": names})
    return Policy(rules, lambda hours: OFFICE)


def policies(line: str) -> Policy:
    return policy()


def after(seconds: float) -> datetime:
    return NIGHT + timedelta(seconds=seconds)


@pytest.fixture
async def desk(store: Store) -> Store:
    async with store.write() as session:
        for name, tenant in (("chiba", "desk"), ("doi", None), ("kato", "kelp")):
            about: dict[str, Any] = {"endpoint": f"PJSIP/{name}", "secret": "", "tenant": tenant}
            await agents.add(session, name, groups=[], at=NIGHT, **about)
        (await agents.get(session, "doi")).mobile = "+818011112222"
        row = callback(TICKET, priority="critical", due_at=after(900), **HERE)
        await callbacks.insert(session, row, who="system", at=NIGHT)
        await contacts_of(session, TICKET)
    return store


async def contacts_of(session: Any, ticket: str) -> None:
    await contacts.add(session, contact(ticket, priority="critical", created_at=NIGHT, **HERE))


async def turn(desk: Store, now: datetime, names: list[str] = ON_DUTY) -> Turn | datetime | None:
    async with desk.write() as session:
        return await duty.next_turn(session, TICKET, lambda line: policy(names), now)


async def ended(desk: Store, one: Turn | datetime | None, outcome: duty.Outcome, now: datetime) -> None:
    assert isinstance(one, Turn)
    async with desk.write() as session:
        await duty.ended(session, one, outcome, now)


async def test_the_first_of_the_list_then_the_next_by_mobile(desk: Store) -> None:
    first = await turn(desk, NIGHT)
    assert first == Turn(TICKET, 1, "desk", "desk", "chiba", after(180), "PJSIP/chiba", None)
    assert await turn(desk, after(10)) == after(180)
    await ended(desk, first, "declined", after(20))
    second = await turn(desk, after(21))
    assert second == Turn(TICKET, 2, "desk", "desk", "doi", after(201), "PJSIP/doi", "+818011112222")


async def test_three_minutes_without_acceptance_ring_the_next_though_whoever_rang_has_died(
    desk: Store,
) -> None:
    assert isinstance(await turn(desk, NIGHT), Turn)
    assert await turn(desk, after(179)) == after(180)
    second = await turn(desk, after(180))
    assert isinstance(second, Turn) and (second.turn, second.agent) == (2, "doi")
    async with desk.read() as session:
        assert [ring.outcome for ring in await rows.of_ticket(session, TICKET)] == ["failed", None]


async def test_from_the_top_again_three_minutes_later_three_times_then_an_alarm(desk: Store) -> None:
    rung, now = [], 0.0
    while (one := await turn(desk, after(now))) is not None:
        if isinstance(one, datetime):
            now = (one - NIGHT).total_seconds()
            continue
        rung.append((one.agent, now))
        now += 10
        await ended(desk, one, "declined", after(now))
    assert rung == [
        ("chiba", 0.0), ("doi", 10.0), ("chiba", 180.0), ("doi", 190.0), ("chiba", 360.0), ("doi", 370.0),
    ]  # fmt: skip
    async with desk.read() as session:
        (alarm,) = await alarms.standing(session, "desk")
    assert "受付番号 1000002" in alarm.text and "当番の方がどなたも受けていません" in alarm.text
    async with desk.write() as session:
        who = Who("abe", "desk")
        await service.claim(session, TICKET, who, until=after(4000), now=after(400))
    await Escalation(desk, policies, lambda call: None, ManualClock(after(420))).round()
    async with desk.read() as session:
        assert await alarms.standing(session, "desk") == []


async def test_who_accepts_has_it_and_the_clock_runs_on(desk: Store) -> None:
    first = await turn(desk, NIGHT)
    assert isinstance(first, Turn)
    async with desk.write() as session:
        assert await duty.accept(session, first, after(30))
    async with desk.read() as session:
        row = await callbacks.get(session, TICKET)
        (ring,) = await rows.of_ticket(session, TICKET)
        history = [(event.who, event.what) for event in await callbacks.events(session, TICKET)]
    assert (row.state, row.agent, row.begun_at) == ("claimed", "chiba", None)
    assert (row.lease_until, row.due_at) == (after(30 + 1800), after(900))
    assert (ring.outcome, ring.ended_at) == ("accepted", after(30))
    assert history == [("system", "created"), ("chiba", "duty"), ("chiba", "claim")]
    assert await turn(desk, after(40)) is None


async def test_who_accepts_too_late_is_told(desk: Store) -> None:
    first = await turn(desk, NIGHT)
    assert isinstance(first, Turn)
    async with desk.write() as session:
        await service.claim(session, TICKET, Who("abe", "desk"), until=after(900), now=after(10))
        assert not await duty.accept(session, first, after(30))
    async with desk.read() as session:
        assert (await callbacks.get(session, TICKET)).agent == "abe"
        assert [ring.outcome for ring in await rows.of_ticket(session, TICKET)] == ["taken"]


async def test_two_processes_ring_one_person(desk: Store, other_process: Store) -> None:
    found = await asyncio.gather(turn(desk, NIGHT), turn(other_process, NIGHT))
    assert sorted(type(one).__name__ for one in found) == ["Turn", "datetime"]
    async with desk.read() as session:
        assert len(await rows.of_ticket(session, TICKET)) == 1


async def test_a_name_that_is_no_agent_of_the_company_is_passed_over(desk: Store) -> None:
    found = await turn(desk, NIGHT, ["nobody", "kato", "doi"])
    assert isinstance(found, Turn) and (found.turn, found.agent) == (3, "doi")
    async with desk.read() as session:
        outcomes = [ring.outcome for ring in await rows.of_ticket(session, TICKET)]
    assert outcomes == ["failed", "failed", None]


@pytest.mark.parametrize(
    "changed",
    [
        {"priority": "high"},
        {"state": "claimed", "agent": "abe"},
        {"state": "cancelled"},
        {"begun_at": NIGHT},
        {"reply_wanted": False},
    ],
)
async def test_nobody_is_rung_for_anything_else(desk: Store, changed: dict[str, Any]) -> None:
    async with desk.write() as session:
        row = await callbacks.get(session, TICKET, to_change=True)
        for name, value in changed.items():
            setattr(row, name, value)
    assert await turn(desk, after(10)) is None


async def test_nobody_is_rung_while_the_line_is_open_or_without_a_list(desk: Store) -> None:
    assert await turn(desk, jst("2026-11-24 09:00")) is None
    assert await turn(desk, NIGHT, []) is None
    assert isinstance(await turn(desk, jst("2026-11-24 18:00")), Turn)


# -- how the engine hears of it ---------------------------------------------------------------------


async def ordered(store: Store) -> list[str]:
    async with store.read() as session:
        return [one.data["ticket"] for one in await orders.pending(session, "engine") if one.kind == "duty"]


class Promise:
    def __init__(self, priority: str) -> None:
        self.priority, self.due = priority, "15m"


async def ask(store: Store, id: str, priority: str, number: str | None = None) -> str:
    about = MessageFacts(id, "desk", "desk", "closed", number, NIGHT)
    async with store.write() as session:
        return await asking.create_for_request(session, id, about, Promise(priority), OFFICE, NIGHT)


async def test_an_order_stands_with_the_callback_itself(store: Store) -> None:
    await ask(store, "a", "high")
    assert await ordered(store) == []
    ticket = await ask(store, "b", "critical")
    assert await ordered(store) == [ticket]


async def test_one_more_contact_and_a_raised_priority_order_it_too_and_once(store: Store) -> None:
    mine = await ask(store, "a", "medium", "+819012345678")
    assert await ask(store, "b", "critical", "+819012345678") == mine
    await ask(store, "c", "critical", "+819012345678")
    assert await ordered(store) == [mine]
    other = await ask(store, "d", "medium")
    who = Who("abe", "desk")
    async with store.write() as session:
        await service.raise_priority(session, other, "critical", who=who, why="全面停止", now=NIGHT)
    assert await ordered(store) == [mine, other]


async def test_what_becomes_critical_by_a_merge_and_what_is_split_off_is_ordered_at_once(
    store: Store,
) -> None:
    urgent = await ask(store, "a", "critical", "+819012345678")
    calm = await ask(store, "b", "medium", "+819012345679")
    boss = Who("boss", "desk", supervisor=True)
    async with store.write() as session:
        await merging.merge(session, urgent, into=calm, who=boss, now=NIGHT)
    assert await ordered(store) == [urgent, calm]
    async with store.read() as session:
        of = await contacts.of_ticket(session, calm)
    async with store.write() as session:
        go = [one.id for one in of if one.priority == "critical"]
        made = await merging.split(session, calm, go, who=boss, now=NIGHT)
    assert await ordered(store) == [urgent, calm, made]


async def test_the_sweep_misses_none_of_many(desk: Store) -> None:
    """What waits on a line that is open, or has been rung about in vain, leaves room for the others."""
    numbers = [f"3{number:06}" for number in range(120)]
    async with desk.write() as session:
        for ticket in numbers:
            row = callback(ticket, priority="critical", due_at=after(900), **HERE)
            await callbacks.insert(session, row, who="system", at=after(1))
    await Escalation(desk, policies, lambda call: None, ManualClock(after(60))).round()
    assert sorted(await ordered(desk)) == [TICKET, *numbers]


async def test_the_sweep_orders_what_no_order_came_for_once(desk: Store) -> None:
    watch = Escalation(desk, policies, lambda call: None, ManualClock(after(60)))
    await watch.round()
    await watch.round()
    assert await ordered(desk) == [TICKET]


async def test_the_sweep_leaves_a_turn_that_runs_and_a_list_that_is_through(desk: Store) -> None:
    one = await turn(desk, NIGHT, ["chiba"])
    await Escalation(desk, policies, lambda call: None, ManualClock(after(60))).round()
    assert await ordered(desk) == []
    await ended(desk, one, "no_answer", after(61))
    for begun in (180, 360):
        await ended(desk, await turn(desk, after(begun), ["chiba"]), "no_answer", after(begun + 1))
    assert await turn(desk, after(540), ["chiba"]) is None
    await Escalation(desk, lambda line: policy(["chiba"]), lambda call: None, ManualClock(after(600))).round()
    assert await ordered(desk) == []


async def test_who_accepted_and_did_nothing_is_followed_by_the_list_from_the_top(desk: Store) -> None:
    await ended(desk, await turn(desk, NIGHT), "declined", after(5))
    second = await turn(desk, after(6))
    assert isinstance(second, Turn)
    async with desk.write() as session:
        assert await duty.accept(session, second, after(10))
    await Escalation(desk, policies, lambda call: None, ManualClock(after(1811))).round()
    assert await ordered(desk) == [TICKET], "the lease has ended"
    rung = []
    for seconds in (1812, 2000, 2200, 2400, 2600, 2800):
        one = await turn(desk, after(seconds))
        assert isinstance(one, Turn)
        rung.append(one.agent)
        await ended(desk, one, "no_answer", after(seconds + 1))
    assert rung == ["chiba", "doi", "chiba", "doi", "chiba", "doi"]
    assert await turn(desk, after(3000)) is None


async def test_an_alarm_stands_again_for_what_was_given_back_after_the_list_was_through(desk: Store) -> None:
    for seconds in (0, 180, 360, 540, 720, 900):
        await ended(desk, await turn(desk, after(seconds)), "no_answer", after(seconds + 1))
    assert await turn(desk, after(1080)) is None
    who, watch = Who("abe", "desk"), Escalation(desk, policies, lambda call: None, ManualClock(after(1200)))
    async with desk.write() as session:
        await service.claim(session, TICKET, who, until=after(4000), now=after(1100))
    await watch.round()
    assert await standing(desk) == 0
    async with desk.write() as session:
        await service.give_back(session, TICKET, who=who, now=after(1300))
    for _ in range(2):
        await watch.round()
    assert await standing(desk) == 1


async def standing(desk: Store) -> int:
    """How often the alarm was raised that stands."""
    async with desk.read() as session:
        found = [one.count for one in await alarms.standing(session) if one.key == f"duty:{TICKET}"]
    return sum(found)


async def test_turns_of_a_merged_callback_go_along(desk: Store) -> None:
    await ended(desk, await turn(desk, NIGHT), "declined", after(5))
    async with desk.write() as session:
        row = callback("2000004", priority="critical", due_at=after(900), **HERE)
        await callbacks.insert(session, row, who="system", at=NIGHT)
        await contacts_of(session, "2000004")
    async with desk.write() as session:
        other = await duty.next_turn(session, "2000004", policies, after(6))
        assert isinstance(other, Turn)
        boss = Who("boss", "desk", supervisor=True)
        await merging.merge(session, TICKET, into="2000004", who=boss, now=after(7))
    async with desk.read() as session:
        rings = await rows.of_ticket(session, "2000004")
    assert [(ring.turn, ring.agent) for ring in rings] == [(1, "chiba"), (2, "chiba")]
