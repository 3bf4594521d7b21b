"""The texts of a calendar: what is understood, and what the admin is told about the rest."""

from datetime import date, timedelta
from typing import Any

import pytest
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
        ({"weekly": {"土日": "10:00-17:00"}}, ['unknown weekday "土日"', "月,水,金"]),
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
