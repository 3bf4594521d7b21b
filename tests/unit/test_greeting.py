"""What callers hear when the line is closed, word for word."""

from datetime import timedelta

import pytest

from ivr.dialplan.greeting import closed_greeting, greeting_moments, opening_hours
from ivr.errors import CalendarError
from tests.hours_helpers import d, desk, jst

YEAR_END = {"12/29-1/3": "年末年始休業"}
TUESDAY = "次の営業は、11月24日、火曜日の、午前10時からでございます。"
MONDAY = "次の営業は、1月4日、月曜日の、午前10時からでございます。"


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("2026-11-24 00:00", "本日の受付は、午前10時からでございます。"),
        ("2026-11-24 08:30", "本日の受付は、午前10時からでございます。"),
        ("2026-11-20 17:00", "本日の受付は終了いたしました。" + TUESDAY),
        ("2026-11-20 23:59:59", "本日の受付は終了いたしました。" + TUESDAY),
        ("2026-11-21 12:00", "本日は休業日でございます。" + TUESDAY),
        ("2026-11-23 12:00", "本日は、勤労感謝の日のため、休業日でございます。" + TUESDAY),
        (
            "2026-11-24 17:30",
            "本日の受付は終了いたしました。次の営業は、11月25日、水曜日の、午前10時からでございます。",
        ),
        (
            "2026-09-22 11:00",
            "本日は、国民の休日のため、休業日でございます。次の営業は、9月24日、木曜日の、午前10時からでございます。",
        ),
        (
            "2026-05-06 11:00",
            "本日は、振替休日のため、休業日でございます。次の営業は、5月7日、木曜日の、午前10時からでございます。",
        ),
        ("2026-12-30 11:00", "本日は、年末年始休業のため、休業日でございます。" + MONDAY),
        ("2027-01-01 11:00", "本日は、年末年始休業のため、休業日でございます。" + MONDAY),
    ],
)
def test_greeting(at: str, text: str) -> None:
    assert closed_greeting(desk(closed=YEAR_END), jst(at)) == text


def test_lunch() -> None:
    calendar = desk({"月-金": "10:00-12:00, 13:00-17:00"})
    expected = "ただいまの時間は、お電話の受付を休止しております。午後1時から再開いたします。"
    assert closed_greeting(calendar, jst("2026-11-24 12:15")) == expected


@pytest.mark.parametrize(
    ("exception", "text"),
    [
        ("closed 台風", "本日は、台風のため、臨時休業とさせていただいております。"),
        ("closed", "本日は、臨時休業とさせていただいております。"),
    ],
)
def test_sudden_closing(exception: str, text: str) -> None:
    calendar = desk(exceptions={"2026-11-24": exception})
    following = "次の営業は、11月25日、水曜日の、午前10時からでございます。"
    assert closed_greeting(calendar, jst("2026-11-24 11:00")) == text + following


def test_other_times_of_today() -> None:
    calendar = desk(exceptions={"2026-11-24": "10:30-15:00"})
    assert (
        closed_greeting(calendar, jst("2026-11-24 10:00")) == "本日の受付は、午前10時30分からでございます。"
    )
    following = "次の営業は、11月24日、火曜日の、午前10時30分からでございます。"
    assert closed_greeting(calendar, jst("2026-11-22 10:00")) == "本日は休業日でございます。" + following


def test_opening_at_midnight() -> None:
    calendar = desk({"月-日": "00:00-24:00"})
    expected = "本日は、勤労感謝の日のため、休業日でございます。次の営業は、11月24日、火曜日の、午前れい時からでございます。"
    assert closed_greeting(calendar, jst("2026-11-23 12:00")) == expected


def test_line_that_does_not_open_again() -> None:
    assert closed_greeting(desk({}), jst("2026-11-24 11:00")) == "本日は休業日でございます。"
    last_day = desk({}, exceptions={"2026-11-24": "10:00-15:00"})
    assert closed_greeting(last_day, jst("2026-11-24 16:00")) == "本日の受付は終了いたしました。"


def test_nothing_is_said_when_the_line_has_opened() -> None:
    assert closed_greeting(desk(), jst("2026-11-24 10:00")) == ""


def test_day_of_the_desk_counts_not_the_day_in_utc() -> None:
    # 08:30 in Tokyo is still Monday, a holiday, in UTC.
    at = jst("2026-11-24 08:30").astimezone(tz=None)
    assert closed_greeting(desk(), at) == "本日の受付は、午前10時からでございます。"


def test_year_without_a_known_calendar_is_not_greeted() -> None:
    with pytest.raises(CalendarError):
        closed_greeting(desk(), jst("2100-01-05 20:00"))


def test_every_greeting_of_a_span() -> None:
    calendar = desk(
        {"月-金": "10:00-12:00, 13:00-17:00"},
        exceptions={"2026-11-26": "10:00-15:00", "2026-11-27": "closed 台風"},
    )
    assert greeting_moments(calendar, d(2026, 11, 20), 8) == [
        "本日の受付は、午前10時からでございます。",
        "ただいまの時間は、お電話の受付を休止しております。午後1時から再開いたします。",
        "本日の受付は終了いたしました。" + TUESDAY,
        "本日は休業日でございます。" + TUESDAY,
        "本日は、勤労感謝の日のため、休業日でございます。" + TUESDAY,
        "本日の受付は終了いたしました。次の営業は、11月25日、水曜日の、午前10時からでございます。",
        "本日の受付は終了いたしました。次の営業は、11月26日、木曜日の、午前10時からでございます。",
        "本日の受付は終了いたしました。次の営業は、11月30日、月曜日の、午前10時からでございます。",
        "本日は、台風のため、臨時休業とさせていただいております。次の営業は、11月30日、月曜日の、午前10時からでございます。",
    ]


def test_greetings_of_a_night_desk() -> None:
    calendar = desk({"月-日": "22:00-26:00"}, holidays=None)
    # From 02:00 each day; there is no closed time after 22:00.
    assert greeting_moments(calendar, d(2026, 11, 20), 2) == ["本日の受付は、午後10時からでございます。"]


def test_line_open_day_and_night_needs_no_greeting() -> None:
    assert greeting_moments(desk({"月-日": "00:00-24:00"}, holidays=None), d(2026, 11, 20), 14) == []


def test_line_never_open_has_one_greeting() -> None:
    assert greeting_moments(desk({}, holidays=None), d(2026, 11, 20), 14) == ["本日は休業日でございます。"]


@pytest.mark.parametrize(
    ("weekly", "at", "text"),
    [
        ("10:00-17:00", "2026-11-24 08:30", "本日の受付時間は、午前10時から、午後5時まででございます。"),
        ("10:00-17:00", "2026-11-24 16:59", "本日の受付時間は、午前10時から、午後5時まででございます。"),
        (
            "9:30-12:00, 13:00-17:00",
            "2026-11-24 12:30",
            "本日の受付時間は、午前9時30分から、正午まで、午後1時から、午後5時まででございます。",
        ),
        (
            "10:00-17:00",
            "2026-11-24 17:00",
            "本日の受付は終了いたしました。次の営業は、11月25日、水曜日の、午前10時からでございます。",
        ),
        ("10:00-17:00", "2026-11-21 12:00", "本日は休業日でございます。" + TUESDAY),
        (
            "22:00-26:00",
            "2026-11-24 21:00",
            "本日の受付時間は、午後10時から、翌日の午前2時まででございます。",
        ),
        ("22:00-26:00", "2026-11-25 01:00", "ただいまの受付は、午前2時まででございます。"),
        (
            "22:00-26:00",
            "2026-11-25 02:00",
            "本日の受付時間は、午後10時から、翌日の午前2時まででございます。",
        ),
        ("0:00-24:00", "2026-11-24 12:00", "本日は、24時間、お電話を受け付けております。"),
    ],
)
def test_opening_hours(weekly: str, at: str, text: str) -> None:
    assert opening_hours(desk({"月-金": weekly}), jst(at)) == text


@pytest.mark.parametrize(
    "weekly",
    [
        {"月-金": "10:00-12:00, 13:00-17:00"},
        {"月-金": "22:00-26:00"},
        {"月-金": "0:00-24:00"},
        {"火": "20:00-25:00", "水": "1:00-3:00"},  # one night, two business days
    ],
)
def test_every_sentence_about_the_hours_is_made_ahead(weekly: dict[str, str]) -> None:
    calendar = desk(weekly)
    ahead = greeting_moments(calendar, d(2026, 11, 20), 8, opening_hours)
    first = jst("2026-11-20 00:00")
    minutes = range(0, 8 * 24 * 60, 10)
    assert {opening_hours(calendar, first + timedelta(minutes=minute)) for minute in minutes} <= set(ahead)
