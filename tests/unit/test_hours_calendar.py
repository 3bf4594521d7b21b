"""Open or closed, why, until when, and business time: the examples of the issue and the hard cases."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ivr.errors import CalendarError
from ivr.hours import Calendar, HoursModel, Reason, State
from tests.hours_helpers import d, desk, jst

NEW_YORK = ZoneInfo("America/New_York")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# 2026-11-09 is a Monday; no public holiday until the 23rd.
@pytest.mark.parametrize(
    ("received", "one_day", "four_hours"),
    [
        ("2026-11-09 08:30", "2026-11-10 17:00", "2026-11-09 14:00"),
        ("2026-11-09 16:30", "2026-11-10 17:00", "2026-11-10 13:30"),
        ("2026-11-13 20:00", "2026-11-16 17:00", "2026-11-16 14:00"),
        ("2026-11-14 12:00", "2026-11-16 17:00", "2026-11-16 14:00"),
    ],
)
def test_examples_of_the_issue(received: str, one_day: str, four_hours: str) -> None:
    assert desk().add_business_days(jst(received), 1) == jst(one_day)
    assert desk().add_business_time(jst(received), timedelta(hours=4)) == jst(four_hours)


@pytest.mark.parametrize(
    ("at", "state"),
    [
        ("2026-11-24 09:59:59.999999", State(False, Reason("before_opening"), jst("2026-11-24 10:00"))),
        ("2026-11-24 10:00", State(True, Reason("open"), jst("2026-11-24 17:00"))),
        ("2026-11-24 16:59:59.999999", State(True, Reason("open"), jst("2026-11-24 17:00"))),
        ("2026-11-24 17:00", State(False, Reason("after_closing"), jst("2026-11-25 10:00"))),
        ("2026-11-20 23:59:59", State(False, Reason("after_closing"), jst("2026-11-24 10:00"))),
        ("2026-11-21 00:00", State(False, Reason("weekend"), jst("2026-11-24 10:00"))),
        ("2026-11-22 12:00", State(False, Reason("weekend"), jst("2026-11-24 10:00"))),
        ("2026-11-23 12:00", State(False, Reason("holiday", "勤労感謝の日"), jst("2026-11-24 10:00"))),
        ("2026-09-22 12:00", State(False, Reason("holiday", "国民の休日"), jst("2026-09-24 10:00"))),
        ("2026-05-06 12:00", State(False, Reason("holiday", "振替休日"), jst("2026-05-07 10:00"))),
        ("2026-12-30 12:00", State(False, Reason("company_day", "年末年始休業"), jst("2027-01-04 10:00"))),
        ("2026-12-28 14:59", State(True, Reason("open"), jst("2026-12-28 15:00"))),
        ("2026-12-28 15:00", State(False, Reason("after_closing"), jst("2027-01-04 10:00"))),
    ],
)
def test_state(at: str, state: State) -> None:
    calendar = desk(closed={"12/29-1/3": "年末年始休業"}, exceptions={"2026-12-28": "10:00-15:00"})
    assert calendar.state(jst(at)) == state
    assert calendar.next_change(jst(at)) == state.until


def test_company_day_speaks_before_the_public_holiday_it_covers() -> None:
    calendar = desk(closed={"12/29-1/3": "年末年始休業"})
    assert calendar.state(jst("2027-01-01 12:00")).reason == Reason("company_day", "年末年始休業")


def test_exception_opens_on_a_holiday_and_on_a_company_day() -> None:
    calendar = desk(
        closed={"12/29-1/3": "年末年始休業"},
        exceptions={"2026-11-23": "13:00-15:00", "2026-12-30": "10:00-12:00"},
    )
    assert calendar.state(jst("2026-11-23 13:00")) == State(True, Reason("open"), jst("2026-11-23 15:00"))
    assert calendar.state(jst("2026-11-23 12:00")).reason == Reason("before_opening")
    assert calendar.state(jst("2026-12-30 11:00")).open


def test_exception_closes_a_working_day() -> None:
    calendar = desk(exceptions={"2026-11-25": "closed 台風"})
    assert calendar.state(jst("2026-11-25 11:00")) == State(
        False, Reason("exception", "台風"), jst("2026-11-26 10:00")
    )


def test_lunch() -> None:
    calendar = desk({"月-金": "10:00-12:00, 13:00-17:00"})
    assert calendar.state(jst("2026-11-24 11:59")).until == jst("2026-11-24 12:00")
    assert calendar.state(jst("2026-11-24 12:00")) == State(False, Reason("lunch"), jst("2026-11-24 13:00"))
    assert calendar.state(jst("2026-11-24 13:00")).open
    assert calendar.add_business_time(jst("2026-11-24 11:30"), timedelta(hours=1)) == jst("2026-11-24 13:30")
    assert calendar.add_business_time(jst("2026-11-24 11:30"), timedelta(minutes=30)) == jst(
        "2026-11-24 12:00"
    )
    assert calendar.add_business_time(jst("2026-11-24 12:20"), timedelta(hours=4)) == jst("2026-11-24 17:00")


def test_next_open() -> None:
    assert desk().next_open(jst("2026-11-24 09:00")) == jst("2026-11-24 10:00")
    assert desk().next_open(jst("2026-11-24 10:00")) == jst("2026-11-25 10:00")
    assert desk().next_open(jst("2026-11-20 17:00")) == jst("2026-11-24 10:00")


def test_answers_are_in_utc() -> None:
    opening = desk().next_open(jst("2026-11-24 09:00"))
    assert opening is not None
    assert opening.isoformat() == "2026-11-24T01:00:00+00:00"


def test_moment_in_utc_is_judged_by_the_date_of_the_desk() -> None:
    # Still the 22nd in UTC, already the holiday in Tokyo.
    assert desk().state(utc("2026-11-22 15:00")).reason == Reason("holiday", "勤労感謝の日")
    assert desk().state(utc("2026-11-23 15:00")).reason == Reason("before_opening")
    assert desk().state(utc("2026-11-24 01:00")).open


@pytest.mark.parametrize("close", ["26:00", "2:00"])
def test_night_belongs_to_the_day_it_starts_on(close: str) -> None:
    calendar = desk({"月-金": f"22:00-{close}"})
    # Friday night runs into Saturday; the night before the holiday is not cut.
    assert calendar.state(jst("2026-11-21 01:59")) == State(True, Reason("open"), jst("2026-11-21 02:00"))
    assert calendar.state(jst("2026-11-21 02:00")).reason == Reason("weekend")
    assert calendar.state(jst("2026-11-03 01:00")).open
    assert calendar.state(jst("2026-11-03 02:00")).reason == Reason("holiday", "文化の日")
    assert calendar.state(jst("2026-11-03 22:00")).reason == Reason("holiday", "文化の日")
    assert calendar.state(jst("2026-11-04 01:00")).reason == Reason("before_opening")
    assert calendar.state(jst("2026-11-05 02:00")).reason == Reason("before_opening")
    assert calendar.state(jst("2026-11-05 00:00")).until == jst("2026-11-05 02:00")


def test_business_days_of_a_night_desk() -> None:
    calendar = desk({"月-金": "22:00-26:00"})
    # 01:00 on Tuesday is Monday's night: one business day later is the end of Tuesday's.
    assert calendar.add_business_days(jst("2026-11-10 01:00"), 1) == jst("2026-11-11 02:00")
    assert calendar.add_business_days(jst("2026-11-10 02:00"), 1) == jst("2026-11-12 02:00")
    assert calendar.add_business_days(jst("2026-11-14 01:00"), 1) == jst("2026-11-17 02:00")


def test_night_that_runs_into_the_morning_is_one_stretch() -> None:
    calendar = desk({"月": "22:00-33:00", "火": "8:00-17:00"})
    assert calendar.state(jst("2026-11-09 23:00")).until == jst("2026-11-10 17:00")
    assert calendar.add_business_time(jst("2026-11-09 22:00"), timedelta(hours=12)) == jst("2026-11-10 10:00")
    # 08:30 is Tuesday's own time although Monday's night is not over.
    assert calendar.add_business_days(jst("2026-11-10 08:30"), 1) == jst("2026-11-17 09:00")
    assert calendar.add_business_days(jst("2026-11-10 07:30"), 1) == jst("2026-11-10 17:00")


def test_business_days_leave_out_holidays_and_closed_days() -> None:
    calendar = desk(closed={"12/29-1/3": "年末年始休業"}, exceptions={"2026-12-28": "10:00-15:00"})
    assert calendar.add_business_days(jst("2026-11-20 11:00"), 1) == jst("2026-11-24 17:00")
    assert calendar.add_business_days(jst("2026-11-20 11:00"), 3) == jst("2026-11-26 17:00")
    assert calendar.add_business_days(jst("2026-12-25 11:00"), 1) == jst("2026-12-28 15:00")
    assert calendar.add_business_days(jst("2026-12-25 11:00"), 2) == jst("2027-01-04 17:00")


def test_deadline_on_closing_time_stays_there() -> None:
    assert desk().add_business_time(jst("2026-11-24 10:00"), timedelta(hours=7)) == jst("2026-11-24 17:00")
    assert desk().add_business_time(jst("2026-11-20 18:00"), timedelta(hours=14)) == jst("2026-11-25 17:00")


def test_no_time_at_all_is_now() -> None:
    assert desk().add_business_time(jst("2026-11-21 12:00"), timedelta()) == jst("2026-11-21 12:00")


def test_seconds_and_less_are_kept() -> None:
    amount = timedelta(seconds=90, microseconds=3)
    assert desk().add_business_time(jst("2026-11-24 16:59:00.5"), amount) == jst("2026-11-25 10:00:30.500003")


@pytest.mark.parametrize("wrong", [0, -1])
def test_business_days_start_at_one(wrong: int) -> None:
    with pytest.raises(CalendarError, match="1 or more"):
        desk().add_business_days(jst("2026-11-24 11:00"), wrong)


def test_business_time_is_not_taken_away() -> None:
    with pytest.raises(CalendarError, match="only added"):
        desk().add_business_time(jst("2026-11-24 11:00"), timedelta(seconds=-1))


def test_day_and_night_never_closes() -> None:
    calendar = desk({"月-日": "00:00-24:00"}, holidays=None)
    at = jst("2026-11-24 03:00")
    assert calendar.state(at) == State(True, Reason("open"), None)
    assert calendar.next_open(at) is None
    assert calendar.add_business_time(at, timedelta(days=1000)) == at + timedelta(days=1000)
    assert calendar.add_business_days(at, 1) == jst("2026-11-26 00:00")


def test_day_and_night_but_for_holidays() -> None:
    calendar = desk({"月-日": "00:00-24:00"})
    assert calendar.state(jst("2026-11-22 12:00")).until == jst("2026-11-23 00:00")
    assert calendar.state(jst("2026-11-23 12:00")).until == jst("2026-11-24 00:00")
    assert calendar.state(jst("2026-11-24 12:00")).until == jst("2027-01-01 00:00")


@pytest.mark.parametrize(
    "fields",
    [{"weekly": {}}, {"weekly": {"月-日": "10:00-17:00"}, "closed": {"1/1-12/31": "閉鎖"}}],
)
def test_always_closed_answers_and_does_not_hang(fields: dict[str, dict[str, str]]) -> None:
    calendar = desk(**fields)
    at = jst("2026-11-24 11:00")
    assert not calendar.state(at).open
    assert calendar.state(at).until is None
    assert calendar.next_open(at) is None
    assert calendar.next_change(at) is None
    assert calendar.open_intervals(d(2026, 1, 1), d(2030, 1, 1)) == []
    with pytest.raises(CalendarError, match="not open for that much time"):
        calendar.add_business_time(at, timedelta(minutes=1))
    with pytest.raises(CalendarError, match="not that many business days"):
        calendar.add_business_days(at, 1)


def test_opening_years_ahead_is_found() -> None:
    calendar = desk({}, exceptions={"2031-02-03": "10:00-11:00"})
    at = jst("2026-11-24 11:00")
    assert calendar.next_open(at) == jst("2031-02-03 10:00")
    assert calendar.add_business_time(at, timedelta(minutes=30)) == jst("2031-02-03 10:30")
    assert calendar.add_business_days(at, 1) == jst("2031-02-03 11:00")
    assert calendar.state(jst("2031-02-03 11:00")).until is None


def test_questions_may_jump_back_and_forth() -> None:
    calendar = desk()
    for year in (2026, 1960, 2080, 2026, 1999):
        at = datetime(year, 6, 15, 11, tzinfo=calendar.zone)
        assert calendar.state(at).open == (at.weekday() < 5)


def test_moment_without_a_zone_is_an_error() -> None:
    naive = datetime(2026, 11, 24, 11)
    calendar = desk()
    with pytest.raises(CalendarError, match="without a time zone"):
        calendar.state(naive)
    with pytest.raises(CalendarError, match="without a time zone"):
        calendar.next_open(naive)
    with pytest.raises(CalendarError, match="without a time zone"):
        calendar.add_business_time(naive, timedelta(hours=1))


@pytest.mark.parametrize("holidays", ["JP", None])
@pytest.mark.parametrize("at", ["2100-01-04 11:00", "2101-06-01 11:00", "1948-06-01 11:00"])
def test_years_nobody_knows_are_an_error_and_never_open(holidays: str | None, at: str) -> None:
    calendar = desk(holidays=holidays)
    for ask in (calendar.state, calendar.next_open, calendar.next_change):
        with pytest.raises(CalendarError, match="1949 to 2099"):
            ask(jst(at))
    with pytest.raises(CalendarError, match="1949 to 2099"):
        calendar.day(jst(at).date())
    with pytest.raises(CalendarError, match="1949 to 2099"):
        calendar.open_intervals(jst(at).date(), jst(at).date())


def test_last_day_that_is_known() -> None:
    calendar = desk()
    assert calendar.state(jst("2099-12-31 16:00")) == State(True, Reason("open"), jst("2099-12-31 17:00"))
    # The next opening would be in a year without a list of holidays.
    for ask in (calendar.state, calendar.next_open):
        with pytest.raises(CalendarError, match="1949 to 2099"):
            ask(jst("2099-12-31 17:00"))
    with pytest.raises(CalendarError, match="1949 to 2099"):
        calendar.add_business_time(jst("2099-12-31 16:00"), timedelta(hours=2))
    with pytest.raises(CalendarError, match="1949 to 2099"):
        calendar.add_business_days(jst("2099-12-31 16:00"), 1)
    with pytest.raises(CalendarError, match="1949 to 2099"):
        calendar.open_intervals(d(2099, 12, 1), d(2100, 1, 4))


def test_open_intervals() -> None:
    calendar = desk({"月-金": "10:00-12:00, 22:00-26:00"})
    assert calendar.open_intervals(d(2026, 11, 20), d(2026, 11, 24)) == [
        (jst("2026-11-20 00:00"), jst("2026-11-20 02:00")),  # Thursday's night, from midnight
        (jst("2026-11-20 10:00"), jst("2026-11-20 12:00")),
        (jst("2026-11-20 22:00"), jst("2026-11-21 02:00")),
        (jst("2026-11-24 10:00"), jst("2026-11-24 12:00")),
        (jst("2026-11-24 22:00"), jst("2026-11-25 00:00")),  # cut at the end of the span
    ]
    assert calendar.open_intervals(d(2026, 11, 22), d(2026, 11, 23)) == []
    assert calendar.open_intervals(d(2026, 11, 24), d(2026, 11, 20)) == []


def test_open_intervals_of_two_years() -> None:
    intervals = desk().open_intervals(d(2026, 1, 1), d(2027, 12, 31))
    # Each year has 261 weekdays, of which the official list takes 17 in 2026 and 16 in 2027.
    assert len(intervals) == (261 - 17) + (261 - 16)
    assert all(close - opening == timedelta(hours=7) for opening, close in intervals)


def new_york(weekly: dict[str, str]) -> Calendar:
    return Calendar(HoursModel(zone="America/New_York", weekly=weekly))


def est(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK, fold=fold).astimezone(UTC)


def test_opening_moves_with_daylight_saving() -> None:
    calendar = new_york({"mon-fri": "9:00-17:00"})
    assert calendar.next_open(utc("2026-03-06 23:00")) == utc("2026-03-09 13:00")
    assert calendar.next_open(utc("2026-03-05 23:00")) == utc("2026-03-06 14:00")
    assert calendar.next_open(utc("2026-10-30 22:00")) == utc("2026-11-02 14:00")


def test_nights_of_the_clock_change_are_an_hour_shorter_and_longer() -> None:
    calendar = new_york({"sat": "22:00-28:00"})
    hours = [
        close - opening
        for opening, close in calendar.open_intervals(d(2026, 3, 1), d(2026, 3, 20))
        + calendar.open_intervals(d(2026, 10, 30), d(2026, 11, 2))
    ]
    # Nights of 02-28 (its end), 03-07, 03-14; and of 10-31.
    assert hours == [timedelta(hours=h) for h in (4, 5, 6, 7)]


def test_hours_inside_the_skipped_hour() -> None:
    # 2026-03-08 02:00-03:00 does not exist in New York.
    assert new_york({"sun": "2:00-3:00"}).open_intervals(d(2026, 3, 8), d(2026, 3, 8)) == []
    assert new_york({"sun": "2:30-3:30"}).open_intervals(d(2026, 3, 8), d(2026, 3, 8)) == [
        (utc("2026-03-08 07:00"), utc("2026-03-08 07:30"))
    ]
    assert new_york({"sun": "1:30-2:30"}).open_intervals(d(2026, 3, 8), d(2026, 3, 8)) == [
        (utc("2026-03-08 06:30"), utc("2026-03-08 07:00"))
    ]


def test_hours_at_the_hour_that_comes_twice() -> None:
    # 2026-11-01 01:00-02:00 is twice; each time of day counts when it is first reached.
    calendar = new_york({"sun": "1:30-3:00"})
    assert calendar.open_intervals(d(2026, 11, 1), d(2026, 11, 1)) == [
        (utc("2026-11-01 05:30"), utc("2026-11-01 08:00"))
    ]
    assert calendar.state(est("2026-11-01 01:10", fold=1)).open
    assert new_york({"sun": "0:00-1:30"}).state(est("2026-11-01 01:10", fold=1)).reason == Reason(
        "after_closing"
    )


def test_whole_day_open_through_the_clock_change() -> None:
    calendar = new_york({"mon-sun": "0:00-24:00"})
    assert calendar.open_intervals(d(2026, 3, 8), d(2026, 3, 8)) == [
        (utc("2026-03-08 05:00"), utc("2026-03-09 04:00"))
    ]
    assert calendar.state(utc("2026-03-08 07:00")).until is None


def test_midnight_that_is_skipped() -> None:
    # Clocks in Beirut go from 00:00 to 01:00 on 2026-03-29, so that day starts at 01:00.
    calendar = Calendar(HoursModel(zone="Asia/Beirut", weekly={"sun": "0:00-2:00"}))
    assert calendar.open_intervals(d(2026, 3, 29), d(2026, 3, 29)) == [
        (utc("2026-03-28 22:00"), utc("2026-03-28 23:00"))
    ]
