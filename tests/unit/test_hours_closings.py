"""Sudden closings (臨時休業) laid over a calendar: open or closed, until when, what becomes of business time."""

import random
from datetime import date, timedelta

import pytest

from ivr.dialplan.greeting import (
    SUDDENLY_CLOSED,
    closed_greeting,
    greeting_moments,
    in_its_place,
    opening_hours,
)
from ivr.hours import Calendar, Closing, HoursModel, Reason, State
from tests.hours_helpers import jst

OFFICE = HoursModel.model_validate(
    {"zone": "Asia/Tokyo", "weekly": {"月-金": "10:00-17:00"}, "holidays": "JP"}
)
LUNCH = HoursModel.model_validate({"zone": "Asia/Tokyo", "weekly": {"月-金": "10:00-12:00, 13:00-17:00"}})
BAR = HoursModel.model_validate({"zone": "Asia/Tokyo", "weekly": {"月-金": "18:00-26:00"}})
TYPHOON = Reason("sudden", "台風")


def closing(begin: str, end: str | None, reason: str = "台風") -> Closing:
    return Closing(jst(begin), jst(end) if end else None, reason)


def closed(*closings: Closing, model: HoursModel = OFFICE) -> Calendar:
    return Calendar(model, closings)


# Tuesday, from six in the morning to the end of the day.
TUESDAY = closing("2026-11-24 06:00", "2026-11-25 00:00")


@pytest.mark.parametrize(
    ("at", "state"),
    [
        ("2026-11-23 11:00", State(False, Reason("holiday", "勤労感謝の日"), jst("2026-11-25 10:00"))),
        ("2026-11-24 06:00", State(False, TYPHOON, jst("2026-11-25 10:00"))),
        ("2026-11-24 11:00", State(False, TYPHOON, jst("2026-11-25 10:00"))),
        ("2026-11-24 23:59:59", State(False, TYPHOON, jst("2026-11-25 10:00"))),
        ("2026-11-25 00:00", State(False, Reason("before_opening"), jst("2026-11-25 10:00"))),
        ("2026-11-25 10:00", State(True, Reason("open"), jst("2026-11-25 17:00"))),
    ],
)
def test_closed_for_a_day_it_opens_again_by_itself(at: str, state: State) -> None:
    calendar = closed(TUESDAY)
    assert calendar.state(jst(at)) == state
    assert calendar.next_change(jst(at)) == state.until


@pytest.mark.parametrize(
    ("at", "state"),
    [
        ("2026-11-24 10:30", State(True, Reason("open"), jst("2026-11-24 11:00"))),
        ("2026-11-24 11:00", State(False, TYPHOON, jst("2026-11-24 14:20:30"))),
        ("2026-11-24 14:20:29", State(False, TYPHOON, jst("2026-11-24 14:20:30"))),
        ("2026-11-24 14:20:30", State(True, Reason("open"), jst("2026-11-24 17:00"))),
        ("2026-11-24 17:00", State(False, Reason("after_closing"), jst("2026-11-25 10:00"))),
    ],
)
def test_closed_in_the_middle_of_a_day(at: str, state: State) -> None:
    calendar = closed(closing("2026-11-24 11:00", "2026-11-24 14:20:30"))
    assert calendar.state(jst(at)) == state


def test_the_opening_after_an_open_moment_is_that_of_the_reopening() -> None:
    calendar = closed(closing("2026-11-24 11:00", "2026-11-24 14:00"))
    assert calendar.next_open(jst("2026-11-24 10:30")) == jst("2026-11-24 14:00")


def test_without_an_end_it_never_opens_and_promises_count_on() -> None:
    calendar = closed(closing("2026-11-24 06:00", None))
    assert calendar.state(jst("2026-11-24 05:59")).until is None
    assert calendar.state(jst("2026-11-24 11:00")) == State(False, TYPHOON, None)
    assert calendar.state(jst("2036-11-24 11:00")) == State(False, TYPHOON, None)
    assert calendar.next_open(jst("2026-11-24 11:00")) is None
    assert calendar.add_business_days(jst("2026-11-24 11:00"), 1) == jst("2026-11-25 17:00")
    assert calendar.add_business_time(jst("2026-11-24 11:00"), timedelta(hours=4)) == jst("2026-11-24 15:00")


def test_new_promises_respect_a_closing_with_an_end() -> None:
    calendar = closed(TUESDAY)
    assert calendar.add_business_days(jst("2026-11-23 12:00"), 1) == jst("2026-11-25 17:00")
    assert calendar.add_business_time(jst("2026-11-24 11:00"), timedelta(hours=4)) == jst("2026-11-25 14:00")
    part = closed(closing("2026-11-24 15:00", "2026-11-25 00:00"))
    assert part.add_business_days(jst("2026-11-23 12:00"), 1) == jst("2026-11-24 15:00")


def test_overlapping_closings_hold_until_the_last_of_them() -> None:
    calendar = closed(
        closing("2026-11-24 06:00", "2026-11-24 13:00"),
        closing("2026-11-24 12:00", "2026-11-26 00:00", "停電"),
    )
    assert calendar.state(jst("2026-11-24 11:00")) == State(False, TYPHOON, jst("2026-11-26 10:00"))
    assert calendar.state(jst("2026-11-24 12:30")) == State(
        False, Reason("sudden", "停電"), jst("2026-11-26 10:00")
    )


def test_a_night_is_cut_like_any_other_time() -> None:
    calendar = closed(closing("2026-11-24 23:00", "2026-11-25 00:30"), model=BAR)
    assert calendar.state(jst("2026-11-24 23:30")) == State(False, TYPHOON, jst("2026-11-25 00:30"))
    assert calendar.state(jst("2026-11-25 01:00")).open
    assert calendar.day(date(2026, 11, 24)).intervals == ((18 * 60, 23 * 60), (24 * 60 + 30, 26 * 60))


def test_open_intervals_and_days() -> None:
    calendar = closed(TUESDAY)
    assert calendar.open_intervals(date(2026, 11, 24), date(2026, 11, 25)) == [
        (jst("2026-11-25 10:00"), jst("2026-11-25 17:00"))
    ]
    assert calendar.day(date(2026, 11, 24)).intervals == ()
    assert calendar.day(date(2026, 11, 24)).reason == TYPHOON
    assert calendar.day(date(2026, 11, 25)).intervals == ((600, 1020),)


@pytest.mark.parametrize("seed", range(40))
def test_open_is_what_is_usually_open_and_not_closed(seed: int) -> None:
    """At any moment, of any closings; and so what a change leads to."""
    dice = random.Random(seed)
    monday = jst("2026-11-16 00:00")
    week = [monday + timedelta(minutes=dice.randrange(14 * 1440)) for _ in range(8)]
    closings = [Closing(*sorted(week[i : i + 2]), "台風") for i in range(0, 2 * dice.randrange(1, 5), 2)]
    closings = [each for each in closings if each.end is not None and each.begin < each.end]
    model = dice.choice([OFFICE, LUNCH, BAR])
    calendar, usual = closed(*closings, model=model), Calendar(model)
    for _ in range(60):
        at = monday + timedelta(minutes=dice.randrange(14 * 1440))
        state = calendar.state(at)
        covered = any(each.covers(at) for each in closings)
        assert state.open == (usual.state(at).open and not covered)
        assert (state.reason.kind == "sudden") == covered
        assert state.until is not None and calendar.state(state.until).open != state.open
        assert calendar.state(state.until - timedelta(seconds=1)).open == state.open


WEDNESDAY = "次の営業は、11月25日、水曜日の、午前10時からでございます。"
CLOSED = "本日は、台風のため、臨時休業とさせていただいております。"


@pytest.mark.parametrize(
    ("closings", "at", "text"),
    [
        ([TUESDAY], "2026-11-24 11:00", CLOSED + WEDNESDAY),
        ([closing("2026-11-24 06:00", None)], "2026-11-24 11:00", CLOSED),
        (
            [closing("2026-11-24 06:00", "2026-11-24 13:00")],
            "2026-11-24 11:00",
            CLOSED + "午後1時から再開いたします。",
        ),
        (
            [closing("2026-11-24 09:00", "2026-11-24 13:00")],
            "2026-11-24 08:00",
            "本日の受付は、午後1時からでございます。",
        ),
        ([closing("2026-11-24 09:00", "2026-11-25 00:00")], "2026-11-24 08:00", CLOSED + WEDNESDAY),
        ([TUESDAY], "2026-11-25 08:00", "本日の受付は、午前10時からでございます。"),
        ([TUESDAY], "2026-11-25 11:00", ""),
    ],
)
def test_greeting(closings: list[Closing], at: str, text: str) -> None:
    assert closed_greeting(closed(*closings), jst(at)) == text


def test_opening_hours_while_closed_and_before_a_closing() -> None:
    assert opening_hours(closed(TUESDAY), jst("2026-11-24 11:00")) == CLOSED + WEDNESDAY
    early = closed(closing("2026-11-24 15:00", "2026-11-25 00:00"))
    assert (
        opening_hours(early, jst("2026-11-24 11:00"))
        == "本日の受付時間は、午前10時から、午後3時まででございます。"
    )


def test_all_that_callers_can_hear_is_known_beforehand() -> None:
    texts = greeting_moments(
        closed(closing("2026-11-24 12:30", "2026-11-25 11:00"), model=LUNCH), date(2026, 11, 24), 2
    )
    assert set(texts) == {
        "本日の受付は、午前10時からでございます。",
        CLOSED + "次の営業は、11月25日、水曜日の、午前11時からでございます。",
        CLOSED + "午前11時から再開いたします。",
        "ただいまの時間は、お電話の受付を休止しております。午後1時から再開いたします。",
        "本日の受付は終了いたしました。次の営業は、11月26日、木曜日の、午前10時からでございます。",
    }


def test_what_stands_in_for_a_greeting_that_is_not_spoken_yet() -> None:
    assert in_its_place(CLOSED + WEDNESDAY) == SUDDENLY_CLOSED
    assert in_its_place("本日は休業日でございます。" + WEDNESDAY) is None
