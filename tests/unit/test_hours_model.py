"""The texts of a calendar: what is understood, and what the admin is told about the rest."""

from datetime import date, timedelta
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ivr.hours import Calendar, Day, HoursModel, Reason, checks
from tests.hours_helpers import d

TEN_TO_FIVE = ((600, 1020),)


def model(**fields: Any) -> HoursModel:
    return HoursModel.model_validate({"zone": "Asia/Tokyo", "weekly": {}} | fields)


def error(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        model(**fields)
    problems = caught.value.errors()
    assert len(problems) == 1
    return str(problems[0]["msg"])


def weekly_days(weekly: dict[str, str]) -> list[tuple[tuple[int, int], ...]]:
    """Intervals of Monday 2026-11-09 to Sunday 2026-11-15."""
    calendar = Calendar(model(weekly=weekly))
    return [calendar.day(d(2026, 11, 9 + i)).intervals for i in range(7)]


@pytest.mark.parametrize(
    ("key", "open_days"),
    [
        ("月-金", [0, 1, 2, 3, 4]),
        ("月曜-金曜", [0, 1, 2, 3, 4]),
        ("月〜金", [0, 1, 2, 3, 4]),
        ("月～金", [0, 1, 2, 3, 4]),
        ("mon-fri", [0, 1, 2, 3, 4]),
        ("Monday - Friday", [0, 1, 2, 3, 4]),
        ("土", [5]),
        ("日", [6]),
        ("土曜日", [5]),
        ("月,水,金", [0, 2, 4]),
        ("月、水、金", [0, 2, 4]),
        ("土・日", [5, 6]),
        ("月-水,金", [0, 1, 2, 4]),
        ("土-月", [0, 5, 6]),
        ("月-日", [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_weekdays(key: str, open_days: list[int]) -> None:
    days = weekly_days({key: "10:00-17:00"})
    assert [i for i in range(7) if days[i]] == open_days


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("10:00-17:00", TEN_TO_FIVE),
        ("１０：００－１７：００", TEN_TO_FIVE),
        ("10:00〜17:00", TEN_TO_FIVE),
        ("9:30-9:31", ((570, 571),)),
        ("10:00-12:00, 13:00-17:00", ((600, 720), (780, 1020))),
        ("13:00-17:00、10:00-12:00", ((600, 720), (780, 1020))),
        ("10:00-12:00, 12:00-17:00", ((600, 720), (720, 1020))),
        ("22:00-26:00", ((1320, 1560),)),
        ("22:00-2:00", ((1320, 1560),)),
        ("20:00-8:00", ((1200, 1920),)),
        ("17:00-33:00", ((1020, 1980),)),
        ("00:00-24:00", ((0, 1440),)),
        ("18:00-0:00", ((1080, 1440),)),
    ],
)
def test_intervals(text: str, intervals: tuple[tuple[int, int], ...]) -> None:
    assert weekly_days({"月": text})[0] == intervals


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        ("12/29-1/3", d(2026, 12, 29), d(2027, 1, 3)),
        ("12/29 〜 1/3", d(2026, 12, 29), d(2027, 1, 3)),
        ("8/13", d(2026, 8, 13), d(2026, 8, 13)),
        ("8/13-8/15", d(2026, 8, 13), d(2026, 8, 15)),
        ("2026-08-13", d(2026, 8, 13), d(2026, 8, 13)),
        ("2026-08-13 - 2026-08-15", d(2026, 8, 13), d(2026, 8, 15)),
        ("2026-12-30 - 2027-01-05", d(2026, 12, 30), d(2027, 1, 5)),
        ("2/29", d(2028, 2, 29), d(2028, 2, 29)),
    ],
)
def test_closed_days(key: str, first: date, last: date) -> None:
    calendar = Calendar(model(weekly={"月-日": "10:00-17:00"}, closed={key: "夏季休業"}))
    for day in (first, last):
        assert calendar.day(day) == Day((), Reason("company_day", "夏季休業"))
    assert calendar.day(first - timedelta(days=1)).intervals == TEN_TO_FIVE
    assert calendar.day(last + timedelta(days=1)).intervals == TEN_TO_FIVE


@pytest.mark.parametrize(
    ("key", "days"),
    [
        ("第3水曜", ["2026-11-18", "2026-12-16", "2027-01-20"]),
        ("第３水曜日", ["2026-11-18", "2026-12-16", "2027-01-20"]),
        ("第三水", ["2026-11-18", "2026-12-16", "2027-01-20"]),
        ("毎月第3水曜", ["2026-11-18", "2026-12-16", "2027-01-20"]),
        ("3rd wed", ["2026-11-18", "2026-12-16", "2027-01-20"]),
        ("Third Wednesday", ["2026-11-18", "2026-12-16", "2027-01-20"]),
        ("最終金曜", ["2026-11-27", "2026-12-25", "2027-01-29"]),
        ("last fri", ["2026-11-27", "2026-12-25", "2027-01-29"]),
        (
            "第2・第4土曜",
            ["2026-11-14", "2026-11-28", "2026-12-12", "2026-12-26", "2027-01-09", "2027-01-23"],
        ),
        ("第2,4土", ["2026-11-14", "2026-11-28", "2026-12-12", "2026-12-26", "2027-01-09", "2027-01-23"]),
        (
            "2nd and 4th sat",
            ["2026-11-14", "2026-11-28", "2026-12-12", "2026-12-26", "2027-01-09", "2027-01-23"],
        ),
        ("第5月曜", ["2026-11-30"]),
        (
            "第1・最終日曜",
            ["2026-11-01", "2026-11-29", "2026-12-06", "2026-12-27", "2027-01-03", "2027-01-31"],
        ),
    ],
)
def test_weekdays_of_the_month(key: str, days: list[str]) -> None:
    """Closed on them; and as a row of `weekly`, with other times on them."""
    closed = Calendar(model(weekly={"月-日": "10:00-17:00"}, closed={key: "定休日"}))
    short = Calendar(model(weekly={"月-日": "10:00-17:00", key: "9:00-12:00"}))
    for i in range(92):
        day = d(2026, 11, 1) + timedelta(days=i)
        if day.isoformat() in days:
            assert closed.day(day) == Day((), Reason("company_day", "定休日")), day
            assert short.day(day) == Day(((540, 720),), Reason("open", key)), day
        else:
            assert closed.day(day) == short.day(day) == Day(TEN_TO_FIVE, Reason("open")), day


@given(
    st.text(max_size=12)
    | st.lists(
        st.sampled_from([*list("第3最終水曜土日祝・,- 1/毎月"), "last", "3rd", "and", "fri", "2026-11-24"]),
        max_size=7,
    ).map("".join)
)
def test_any_key_is_read_or_refused_with_words(key: str) -> None:
    for fields in ({"weekly": {key: "10:00-17:00"}, "holidays": "JP"}, {"closed": {key: "定休日"}}):
        try:
            calendar = Calendar(model(**fields))
        except ValidationError as error:
            assert all(problem["msg"] for problem in error.errors())
        else:
            assert calendar.day(d(2026, 11, 24)).rule


@pytest.mark.parametrize(
    "key", ["1st," + " " * 200_000, "第" * 200_000, "第1・" * 100_000, "毎月" + "1 " * 100_000]
)
def test_a_long_key_is_refused_at_once(key: str) -> None:
    start = process_time()
    assert "no weekday of the month" in error(weekly={key: "10:00-17:00"})
    assert process_time() - start < 2


def test_of_the_fourth_and_the_last_friday_the_number_counts() -> None:
    calendar = Calendar(model(weekly={"最終金曜": "10:00-12:00", "第4金曜": "13:00-14:00"}))
    assert calendar.day(d(2026, 11, 27)).intervals == ((780, 840),)
    assert calendar.day(d(2027, 1, 22)).intervals == ((780, 840),)
    assert calendar.day(d(2027, 1, 29)).intervals == ((600, 720),)


@pytest.mark.parametrize("key", ["祝日", "祝", "holiday", "Holidays"])
def test_public_holidays_have_hours_of_their_own(key: str) -> None:
    calendar = Calendar(model(weekly={"月-金": "10:00-17:00", key: "10:00-15:00"}, holidays="JP"))
    assert calendar.day(d(2026, 11, 23)) == Day(((600, 900),), Reason("open", "勤労感謝の日"))  # a Monday
    assert calendar.day(d(2026, 5, 3)) == Day(((600, 900),), Reason("open", "憲法記念日"))  # a Sunday
    assert calendar.day(d(2026, 11, 22)) == Day((), Reason("weekend"))
    assert calendar.day(d(2026, 11, 24)) == Day(TEN_TO_FIVE, Reason("open"))


def test_public_holidays_may_share_the_hours_of_weekdays() -> None:
    calendar = Calendar(model(weekly={"月-金": "10:00-17:00", "土・日・祝日": "10:00-15:00"}, holidays="JP"))
    for day in (d(2026, 11, 21), d(2026, 11, 22), d(2026, 11, 23)):
        assert calendar.day(day).intervals == ((600, 900),)
    assert calendar.day(d(2026, 11, 24)).intervals == TEN_TO_FIVE


def test_what_wins() -> None:
    """Exception, company day (dated, yearly, of the month), public holiday, weekday of the month, weekday."""
    exceptions = {"2026-11-23": "8:00-9:00"}
    closed = {"第4月曜": "定休日", "11/23": "創立記念日", "2026-11-23": "移転"}
    weekly = {"月-日": "10:00-17:00", "祝日": "10:00-15:00", "第4月曜": "10:00-12:00"}
    found = []

    def look(holidays: str = "JP") -> None:
        calendar = Calendar(model(exceptions=exceptions, closed=closed, weekly=weekly, holidays=holidays))
        plan = calendar.day(d(2026, 11, 23))
        found.append((plan.intervals, plan.reason.name, plan.rule))

    look()
    for part, key in (
        (exceptions, "2026-11-23"),
        (closed, "2026-11-23"),
        (closed, "11/23"),
        (closed, "第4月曜"),
    ):
        del part[key]
        look()
    del weekly["祝日"]
    look(holidays="none")
    del weekly["第4月曜"]
    look()
    assert found == [
        (((480, 540),), None, ("exceptions", "2026-11-23")),
        ((), "移転", ("closed", "2026-11-23")),
        ((), "創立記念日", ("closed", "11/23")),
        ((), "定休日", ("closed", "第4月曜")),
        (((600, 900),), "勤労感謝の日", ("weekly", "祝日")),
        (((600, 720),), "第4月曜", ("weekly", "第4月曜")),
        ((), "勤労感謝の日", ("holidays",)),
    ]


def test_yearly_days_return_every_year_and_dated_ones_do_not() -> None:
    calendar = Calendar(
        model(weekly={"月-日": "10:00-17:00"}, closed={"8/13": "夏季休業", "2026-06-01": "創立記念日"})
    )
    assert calendar.day(d(2031, 8, 13)).reason == Reason("company_day", "夏季休業")
    assert calendar.day(d(2026, 6, 1)).reason == Reason("company_day", "創立記念日")
    assert calendar.day(d(2027, 6, 1)).intervals == TEN_TO_FIVE


def test_of_two_reasons_for_one_day_the_dated_one_is_given() -> None:
    calendar = Calendar(model(closed={"8/13-8/15": "夏季休業", "2026-08-14": "移転作業"}))
    assert calendar.day(d(2026, 8, 13)).reason.name == "夏季休業"
    assert calendar.day(d(2026, 8, 14)).reason.name == "移転作業"


@pytest.mark.parametrize(
    ("text", "name"),
    [("closed", None), ("休業", None), ("closed 台風", "台風"), ("休業：台風", "台風"), ("Closed", None)],
)
def test_exception_that_closes(text: str, name: str | None) -> None:
    calendar = Calendar(model(weekly={"月-日": "10:00-17:00"}, exceptions={"2026-11-24": text}))
    assert calendar.day(d(2026, 11, 24)) == Day((), Reason("exception", name))
    assert calendar.day(d(2026, 11, 25)) == Day(TEN_TO_FIVE, Reason("open"))


@pytest.mark.parametrize("text", [None, "none", "None"])
def test_public_holidays_not_observed(text: str | None) -> None:
    calendar = Calendar(model(weekly={"月-日": "10:00-17:00"}, holidays=text))
    assert calendar.day(d(2026, 11, 23)).intervals == TEN_TO_FIVE


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ({"weekly": {"月": "10:00-25:70"}}, ["10:00-25:70", "does not exist", "23:59"]),
        ({"weekly": {"月": "25:00-26:00"}}, ["25:00-26:00", "does not exist"]),
        ({"weekly": {"月": "10:00-49:00"}}, ["10:00-49:00", "does not exist"]),
        ({"weekly": {"月": "10時から"}}, ["not a span of time", "10:00-17:00"]),
        ({"weekly": {"月": ""}}, ["not a span of time", "10:00-17:00"]),
        ({"weekly": {"月": "10-17"}}, ["not a span of time", "10:00-17:00"]),
        ({"weekly": {"月": "17:00-10:00"}}, ["ends before it starts", "17:00-34:00"]),
        ({"weekly": {"月": "10:00-10:00"}}, ["ends before it starts"]),
        ({"weekly": {"月": "0:00-26:00"}}, ["longer than 24 hours", "0:00-24:00"]),
        ({"weekly": {"月": "10:00-13:00, 12:00-17:00"}}, ["overlap", "10:00-12:00, 13:00-17:00"]),
        ({"weekly": {"げつ": "10:00-17:00"}}, ['unknown weekday "げつ"', "月-金"]),
        ({"weekly": {"土日": "10:00-17:00"}}, ['unknown weekday "土日"', "write 土,日"]),
        ({"weekly": {"土日祝": "10:00-17:00"}}, ['unknown weekday "土日祝"', "write 土,日,祝"]),
        ({"weekly": {"祝前日": "10:00-17:00"}}, ['unknown weekday "祝前日"', "祝日 for public holidays"]),
        ({"weekly": {"水": "定休日"}}, ["a weekday that is closed is left out", "第3水曜: 定休日"]),
        ({"weekly": {"水": "closed"}}, ["a weekday that is closed is left out"]),
        ({"weekly": {"祝日": "10:00-15:00"}}, ['weekly has a row "祝日", so it needs holidays: JP']),
        ({"weekly": {"祝日,holiday": "10:00-15:00"}}, ["names a weekday twice"]),
        ({"weekly": {"第6水曜": "10:00-15:00"}}, ['"第6水曜" is no weekday of the month', "最終金曜"]),
        ({"weekly": {"第3水-金": "10:00-15:00"}}, ["no weekday of the month"]),
        ({"weekly": {"第2・第2土曜": "10:00-15:00"}}, ["names a week twice"]),
        ({"weekly": {"第3土曜": "9:00-12:00", "3rd sat": "9:00-13:00"}}, ['"第3土曜" and in "3rd sat"']),
        ({"closed": {"第0水曜": "定休日"}}, ["no weekday of the month"]),
        ({"closed": {"6th wed": "定休日"}}, ["no weekday of the month", "3rd wed"]),
        ({"closed": {"水": "定休日"}}, ["not a day", "第3水曜"]),
        ({"weekly": {"mon-fry": "10:00-17:00"}}, ['unknown weekday "fry"', "mon tue"]),
        ({"weekly": {"月-水-金": "10:00-17:00"}}, ["too many dashes"]),
        ({"weekly": {"月,月": "10:00-17:00"}}, ["names a weekday twice"]),
        ({"weekly": {"月-金": "10:00-17:00", "wed": "10:00-12:00"}}, ["水 is given twice", "月-金", "wed"]),
        ({"zone": "Asia/Tokio"}, ['unknown time zone "Asia/Tokio"', 'did you mean "Asia/Tokyo"?']),
        ({"zone": ""}, ["unknown time zone"]),
        ({"zone": "../etc/passwd"}, ["unknown time zone"]),
        ({"holidays": "XX"}, ['"XX"', "write JP, or none"]),
        ({"holidays": ""}, ["write JP, or none"]),
        ({"closed": {"2/30": "夏季休業"}}, ["no 2/30"]),
        ({"closed": {"13/1": "夏季休業"}}, ["no 13/1"]),
        ({"closed": {"2026-02-30": "夏季休業"}}, ["no 2026-02-30"]),
        ({"closed": {"2026-08-15 - 2026-08-13": "夏季休業"}}, ["ends before it starts"]),
        ({"closed": {"お盆": "夏季休業"}}, ["not a day", "12/29-1/3", "2026-08-13"]),
        ({"closed": {"8/13": " "}}, ["needs its reason"]),
        ({"exceptions": {"12/28": "closed"}}, ["not a date", "2026-12-28"]),
        ({"exceptions": {"2026-02-30": "closed"}}, ["no 2026-02-30"]),
        ({"exceptions": {"2026-12-28": "shut"}}, ["not a span of time", "closed (休業)"]),
        ({"exceptions": {"2026-12-28": "closed", "2026-12-28 ": "休業"}}, ["given twice"]),
        ({"holiday": "JP"}, ["Extra inputs are not permitted"]),
    ],
)
def test_a_bad_value_says_what_to_write(fields: dict[str, Any], parts: list[str]) -> None:
    message = error(**fields)
    for part in parts:
        assert part in message


def test_every_bad_entry_is_named_at_its_place() -> None:
    with pytest.raises(ValidationError) as caught:
        model(
            weekly={"月": "10:00", "土": "11:00-10:00"},
            closed={"2/30": "休み"},
            exceptions={"2026-1-1": "closed"},
        )
    places = {".".join(map(str, problem["loc"])) for problem in caught.value.errors()}
    assert places == {"weekly.月", "weekly.土", "closed.2/30.[key]", "exceptions.2026-1-1.[key]"}


def test_check_is_content_with_a_desk_that_opens() -> None:
    assert checks(model(weekly={"月-金": "10:00-17:00"}, holidays="JP"), d(2026, 11, 24)) == []
    assert checks(model(exceptions={"2027-12-20": "10:00-17:00"}), d(2026, 11, 24)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"weekly": {"月-日": "10:00-17:00"}, "closed": {"1/1-12/31": "閉鎖"}},
        {"exceptions": {"2026-11-20": "10:00-17:00"}},
        {"exceptions": {"2028-11-20": "10:00-17:00"}},
    ],
)
def test_check_finds_a_desk_that_never_opens(fields: dict[str, Any]) -> None:
    problems = checks(model(**fields), d(2026, 11, 24))
    assert len(problems) == 1
    assert "never open in the 400 days from 2026-11-24" in problems[0]


def test_check_finds_that_next_years_holidays_are_unknown() -> None:
    open_desk = model(weekly={"月-金": "10:00-17:00"}, holidays="JP")
    assert checks(open_desk, d(2098, 6, 1)) == []
    assert checks(open_desk, d(2099, 6, 1)) == [
        "public holidays are known only until 2099, and next year is 2100"
    ]
