"""Who is on duty is rung for desk 3's critical callback at night: the whole of it in virtual time."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from ivr.asterisk.outgoing import NotReached
from ivr.callbacks.due import due_at
from ivr.clock import Clock
from ivr.dialplan.load import load_beside
from ivr.dialplan.model import Dialplan
from ivr.dialplan.texts import all_texts
from ivr.duty import Duty
from ivr.steps import STEPS
from tests.fakes.fake_duty import DutyTelephone, FakeBook, FakeTelephones
from tests.fakes.virtual_time import FakeClock, in_virtual_time
from tests.fakes.world import BEEP, Do
from tests.flows.office import TOKYO, Office, Visit, calendars
from tests.flows.scenarios import LIVE, TEXTS

PLAN = load_beside(LIVE / "tiered-support.yaml", STEPS)
NIGHT = datetime(2026, 11, 22, 3, 0, tzinfo=TOKYO)  # a Sunday
TICKET = "1000002"
ASK = (
    "当番の担当者へのお電話です。緊急の折り返しの受付がございます。"
    "対応される場合は1を、対応できない場合は2を押してください。"
)
WINDOW = "窓口は、クラウドプラットフォーム、サポートデスクです。"
NUMBER = ["受付番号は、", "イチ", "ゼロ", "ゼロ", "ゼロ", "ゼロ", "ゼロ", "ニー", "です。", WINDOW]
ACCEPTED = [
    "承りました。",
    *NUMBER,
    "繰り返します。",
    *NUMBER,
    "折り返しの画面で、この受付番号をお開きください。",
]
PRESSES_1 = [Do(ASK, 1.0, press="1")]
BUSY = NotReached("busy", "お話し中でした。")


class Night:
    def __init__(self, telephones: Mapping[str, DutyTelephone], clock: Clock | None = None) -> None:
        self.clock = clock or FakeClock(NIGHT)
        self.telephones = dict(telephones)
        self.book = FakeBook(list(telephones), self.clock)
        self.duty = Duty(self.book, FakeTelephones(self.telephones), lambda line: PLAN.line, self.clock)

    async def lead(self) -> None:
        await self.duty.lead(TICKET)

    def rung(self) -> list[tuple[str, int, str | None]]:
        """Who, after how many whole seconds, and what came of it."""
        return [(one.agent, int((one.began - NIGHT).total_seconds()), one.outcome) for one in self.book.rung]


@in_virtual_time
async def test_desk_3_at_night_declared_twice_the_second_on_duty_has_it_within_its_fifteen_minutes() -> None:
    caller = [
        Do(TEXTS["URGENCY"], 1.0, press="#1"),
        Do(TEXTS["URGENT"], 1.0, press="#1"),
        Do(BEEP, say=8.0, press="#"),
    ]
    office = Office("2026-11-22 03:00", [Visit("c1", caller)], [], PLAN)
    await office.serve()
    (callback,) = office.room.callbacks
    assert callback.promise.priority == "critical"
    due = due_at(callback.promise.due, NIGHT, None)
    assert due == datetime(2026, 11, 22, 3, 15, tzinfo=TOKYO)
    assert PLAN.line.callbacks.duty == ("chiba", "doi")

    night = Night({"chiba": DutyTelephone(), "doi": DutyTelephone(5.0, PRESSES_1)}, office.clock)
    began = office.clock.now()
    await night.lead()
    assert night.book.taken_by == "doi"
    assert [(one.agent, one.outcome) for one in night.book.rung] == [
        ("chiba", "no_answer"),
        ("doi", "accepted"),
    ]
    assert night.book.rung[1].began - began <= timedelta(minutes=3)
    assert office.clock.now() < due
    assert night.telephones["doi"].heard == [ASK, *ACCEPTED]


DUE = {
    # 2026-11-24 is a Tuesday: business hours are weekdays 9:00-18:00
    ("critical", "2026-11-24 17:50"): "2026-11-24 18:05",
    ("critical", "2027-01-01 23:50"): "2027-01-02 00:05",
    ("high", "2026-11-24 11:00"): "2026-11-24 12:00",
    ("high", "2026-11-22 20:00"): "2026-11-23 00:00",
    ("medium", "2026-11-24 16:00"): "2026-11-25 11:00",
    ("medium", "2026-11-22 20:00"): "2026-11-24 13:00",
    ("low", "2026-11-24 16:00"): "2026-11-25 18:00",
}
RESOLVED = {
    ("critical", "2026-11-24 17:50"): "2026-11-24 21:50",
    ("high", "2026-11-24 11:00"): "2026-11-24 19:00",
    ("medium", "2026-11-24 16:00"): "2026-11-25 18:00",
    ("low", "2026-11-24 16:00"): "2026-11-27 18:00",
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


@pytest.mark.parametrize(("priority", "asked"), DUE)
def test_by_when_work_begins_at_desk_3(priority: str, asked: str) -> None:
    office = calendars(PLAN)["office"]
    promised = PLAN.line.callbacks.response(priority, is_open=office.state(at(asked)).open)
    assert due_at(promised, at(asked), office) == at(DUE[priority, asked])


@pytest.mark.parametrize(("priority", "asked"), RESOLVED)
def test_by_when_it_is_solved_at_desk_3(priority: str, asked: str) -> None:
    promised = PLAN.line.callbacks.target(priority).resolution
    assert promised is not None
    assert due_at(promised, at(asked), calendars(PLAN)["office"]) == at(RESOLVED[priority, asked])


def test_progress_is_told_every_hour_for_critical_ones_at_desk_3() -> None:
    news = {name: PLAN.line.callbacks.target(name).news for name in ("critical", "high", "medium", "low")}
    assert news == {"critical": timedelta(hours=1), "high": None, "medium": None, "low": None}


# -- one turn ---------------------------------------------------------------------------------------


async def lead(*telephones: DutyTelephone) -> Night:
    night = Night({f"agent{number}": one for number, one in enumerate(telephones, 1)})
    await night.lead()
    return night


@in_virtual_time
async def test_who_does_not_answer_in_three_minutes_is_followed_by_the_next() -> None:
    night = await lead(DutyTelephone(), DutyTelephone(2.0, PRESSES_1))
    assert [(who, outcome) for who, _, outcome in night.rung()] == [
        ("agent1", "no_answer"),
        ("agent2", "accepted"),
    ]
    assert 120 <= night.rung()[1][1] <= 180


@in_virtual_time
async def test_2_declines_and_the_next_is_rung_at_once() -> None:
    night = await lead(DutyTelephone(2.0, [Do(ASK, 1.0, press="2")]), DutyTelephone(2.0, PRESSES_1))
    assert [outcome for _, _, outcome in night.rung()] == ["declined", "accepted"]
    assert night.rung()[1][1] < 30
    assert night.telephones["agent1"].heard == [ASK, "承知いたしました。次の担当者に、ご連絡します。"]


@in_virtual_time
async def test_nothing_of_the_matter_is_said_before_1() -> None:
    night = await lead(DutyTelephone(2.0), DutyTelephone(2.0, PRESSES_1))
    assert set(night.telephones["agent1"].heard) == {ASK}
    assert [outcome for _, _, outcome in night.rung()] == ["no_answer", "accepted"]
    assert night.telephones["agent1"].hung_up == 1, "a machine that answers is hung up"


@in_virtual_time
async def test_hanging_up_is_no_acceptance() -> None:
    night = await lead(DutyTelephone(2.0, [Do(ASK, 1.0, hang_up=True)]), DutyTelephone(2.0, PRESSES_1))
    assert [outcome for _, _, outcome in night.rung()] == ["no_answer", "accepted"]


@in_virtual_time
async def test_who_accepts_and_hangs_up_at_once_has_it() -> None:
    script = [Do(ASK, 1.0, press="1"), Do("承りました。", 0.2, hang_up=True)]
    night = await lead(DutyTelephone(2.0, script))
    assert night.book.taken_by == "agent1"
    assert night.rung()[0][2] == "accepted"


@in_virtual_time
async def test_who_answers_at_the_last_moment_still_has_time_to_accept() -> None:
    night = Night({"agent1": DutyTelephone(139.0, PRESSES_1), "agent2": DutyTelephone(1.0, PRESSES_1)})
    await night.lead()
    assert night.book.taken_by == "agent1" and night.telephones["agent2"].rings == []


@in_virtual_time
async def test_a_busy_telephone_is_passed_over_at_once() -> None:
    night = await lead(DutyTelephone(reason=BUSY), DutyTelephone(2.0, PRESSES_1))
    assert [outcome for _, _, outcome in night.rung()] == ["failed", "accepted"]
    assert night.rung()[1][1] < 5


@in_virtual_time
async def test_nobody_accepts_three_times_through_the_list_then_an_alarm() -> None:
    night = await lead(DutyTelephone(reason=BUSY), DutyTelephone(reason=BUSY))
    assert [(who, seconds) for who, seconds, _ in night.rung()] == [
        ("agent1", 0), ("agent2", 0), ("agent1", 180), ("agent2", 180), ("agent1", 360), ("agent2", 360),
    ]  # fmt: skip
    assert night.book.alarm


@in_virtual_time
async def test_somebody_took_it_on_the_page_meanwhile() -> None:
    night = Night({"agent1": DutyTelephone(20.0, PRESSES_1), "agent2": DutyTelephone(1.0)})
    leading = asyncio.create_task(night.lead())
    await asyncio.sleep(10)
    night.book.taken_by = "abe"
    await leading
    assert night.telephones["agent1"].heard[-1].startswith("この折り返しは、ほかの担当者が対応しているか、")
    assert night.rung() == [("agent1", 0, "taken")]


@in_virtual_time
async def test_two_orders_and_a_restart_ring_one_person_once_a_turn() -> None:
    night = Night({"agent1": DutyTelephone(), "agent2": DutyTelephone(2.0, PRESSES_1)})
    first = asyncio.create_task(night.lead())
    await asyncio.sleep(5)
    await night.lead()  # returns at once: it is led already
    first.cancel()  # the engine dies
    await asyncio.gather(first, return_exceptions=True)
    again = Duty(night.book, FakeTelephones(night.telephones), lambda line: PLAN.line, night.clock)
    await again.lead(TICKET)
    assert [(who, seconds) for who, seconds, _ in night.rung()] == [("agent1", 0), ("agent2", 180)]
    assert len(night.telephones["agent1"].rings) == 1


@in_virtual_time
async def test_no_turn_is_lost_while_the_telephone_system_is_not_there() -> None:
    night = Night({"agent1": DutyTelephone(2.0, PRESSES_1)})
    telephones = FakeTelephones(night.telephones)
    telephones.ready_after = 600.0
    await Duty(night.book, telephones, lambda line: PLAN.line, night.clock).lead(TICKET)
    assert night.rung() == [("agent1", 600, "accepted")]


@in_virtual_time
async def test_a_store_that_fails_is_asked_again() -> None:
    night = Night({"agent1": DutyTelephone(2.0, PRESSES_1)})
    night.book.broken = 2
    await night.lead()
    assert night.book.taken_by == "agent1"


@in_virtual_time
async def test_an_acceptance_that_is_not_written_is_not_confirmed() -> None:
    night = Night({"agent1": DutyTelephone(20.0, PRESSES_1)})
    leading = asyncio.create_task(night.lead())
    await asyncio.sleep(20.5)
    night.book.broken = 1
    await asyncio.sleep(60)
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    said = night.telephones["agent1"].heard
    assert said == [ASK, "恐れ入りますが、受け付けを確認できませんでした。折り返しの画面を、ご確認ください。"]
    assert night.book.taken_by is None


# -- its prompts ------------------------------------------------------------------------------------


def spoken(plan: Dialplan) -> Sequence[str]:
    return all_texts(plan, NIGHT.date(), 1)


def test_all_that_is_said_to_who_is_on_duty_is_spoken_before_the_line_goes_live() -> None:
    assert {ASK, *ACCEPTED} <= set(spoken(PLAN))
    quiet = PLAN.line.model_copy(update={"callbacks": PLAN.line.callbacks.model_copy(update={"duty": ()})})
    assert quiet.says().keys() == {"turn_away"}
