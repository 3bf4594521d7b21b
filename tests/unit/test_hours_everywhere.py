"""Holidays with hours of their own, weekdays of the month and half days: all who ask for the hours agree.

Explain, calendar, changes, picture, greetings, simulated calls and the fallback's bundle, for a shop whose
promises are written here by hand.
"""

import json
from datetime import UTC, datetime
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from ivr import year
from ivr.cli import main
from ivr.dialplan.greeting import closed_greeting, opening_hours
from ivr.dialplan.load import load_text
from ivr.dialplan.model import Dialplan
from ivr.errors import CalendarError
from ivr.explain import explain
from ivr.fallback import bundle_line
from ivr.hours import Calendar
from ivr.steps import STEPS
from tests.dialplans import FILE, TODAY, changed, checked
from tests.hours_helpers import offset_to

TOKYO = ZoneInfo("Asia/Tokyo")
HOURS = """\
    weekly:
      月-金: "10:00-12:00, 13:00-18:00"
      土,祝日: "10:00-15:00"
      第4土曜: "10:00-12:00"
    holidays: JP
    closed:
      "12/29-1/3": 年末年始休業
      第3水曜: 定休日
    exceptions:
      "2026-12-16": "10:00-14:00"
"""
TEXT = changed('    weekly: {月-金: "10:00-17:00"}\n', HOURS)
TEXT = changed(
    "start: office", '  night: {zone: Asia/Tokyo, weekly: {水: "22:00-26:00"}}\nstart: office', TEXT
)
TEXT = changed("due: 1 business day}", "due: 1 business day, hours: office}", TEXT)

# day -> (opening times, reason as told, mark of the picture, what decides, its line)
DAYS = {
    "2026-11-18": ([], "company_day: 定休日", "company_day", "closed 第3水曜: 定休日", 16),
    "2026-11-19": (["10:00-12:00", "13:00-18:00"], "open", "open", "weekly 月-金", 10),
    "2026-11-21": (["10:00-15:00"], "open", "open", "weekly 土,祝日", 11),
    "2026-11-22": ([], "weekend", "weekend", "weekly does not name the weekday", 9),
    "2026-11-23": (["10:00-15:00"], "open: 勤労感謝の日", "changed", "weekly 土,祝日", 11),
    "2026-11-28": (["10:00-12:00"], "open: 第4土曜", "changed", "weekly 第4土曜", 12),
    "2026-12-16": (["10:00-14:00"], "open: exception", "changed", "exceptions 2026-12-16", 18),
    "2026-12-30": ([], "company_day: 年末年始休業", "company_day", "closed 12/29-1/3", 15),
    "2027-01-20": ([], "company_day: 定休日", "company_day", "closed 第3水曜: 定休日", 16),
}


def shop() -> Dialplan:
    return load_text(FILE, TEXT, STEPS)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


def test_it_passes_its_check() -> None:
    said = checked(TEXT)
    assert [line for line in said if "warning" not in line] == []


@pytest.mark.parametrize("day", DAYS)
def test_explain_names_the_rule(day: str) -> None:
    times, reason, _, rule, line = DAYS[day]
    told = explain(FILE, shop(), at(f"{day}T11:00"))
    assert (told.hours, told.open) == ("office", bool(times))
    assert told.reason == ("open" if times else reason)
    assert told.rule is not None and told.rule.startswith(f"{FILE}:{line}:") and rule in told.rule


def test_explain_tells_until_when() -> None:
    holiday = explain(FILE, shop(), at("2026-11-23T11:00")).as_json()
    assert holiday == {
        "open": True,
        "reason": "open",
        "until": "2026-11-23T15:00:00+09:00",
        "next_open": "2026-11-24T10:00:00+09:00",
    }
    half_day = explain(FILE, shop(), at("2026-11-28T12:00")).as_json()
    assert (half_day["reason"], half_day["until"]) == ("after_closing", "2026-11-30T10:00:00+09:00")


def test_the_calendar_of_the_year() -> None:
    found = {row.date.isoformat(): row for which in (2026, 2027) for row in year.rows(shop(), None, which)[1]}
    for day, (times, reason, kind, *_) in DAYS.items():
        row = found[day]
        assert (list(row.intervals), row.reason, row.kind) == (times, reason, kind), day
    thirds = [day for day, row in found.items() if row.reason == "company_day: 定休日" and day[:4] == "2027"]
    assert thirds == [
        *("2027-01-20", "2027-02-17", "2027-03-17", "2027-04-21", "2027-05-19", "2027-06-16"),
        *("2027-07-21", "2027-08-18", "2027-09-15", "2027-10-20", "2027-11-17", "2027-12-15"),
    ]
    picture = ElementTree.fromstring(year.picture("山田商店", year.rows(shop(), None, 2026)[1]))
    told = {each.text for each in picture.iter("{http://www.w3.org/2000/svg}title")}
    assert "2026-11-23 10:00-15:00 open: 勤労感謝の日" in told
    assert "2026-11-28 10:00-12:00 open: 第4土曜" in told


def test_changes_of_several_hours() -> None:
    day = [change for change in year.changes(shop(), None, 2026) if f"{change.at:%m-%d}" == "11-25"]
    assert [(change.hours, f"{change.at:%H:%M}", change.open) for change in day] == [
        ("office", "10:00", True),
        ("office", "12:00", False),
        ("office", "13:00", True),
        ("office", "18:00", False),
        ("night", "22:00", True),
    ]
    assert {change.hours for change in year.changes(shop(), "night", 2026)} == {"night"}


NEXT = "次の営業は、11月19日、木曜日の、午前10時からでございます。"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-11-18T11:00", "本日は、定休日でございます。" + NEXT),
        ("2026-11-23T09:00", "本日の受付は、午前10時からでございます。"),
        (
            "2026-11-23T15:00",
            "本日の受付は終了いたしました。次の営業は、11月24日、火曜日の、午前10時からでございます。",
        ),
        (
            "2026-11-28T12:30",
            "本日の受付は終了いたしました。次の営業は、11月30日、月曜日の、午前10時からでございます。",
        ),
    ],
)
def test_what_callers_hear(moment: str, text: str) -> None:
    calendar = Calendar(shop().hours["office"])
    assert closed_greeting(calendar, at(moment)) == text
    assert explain(FILE, shop(), at(moment)).hears[0] == text


def test_todays_hours_on_a_holiday() -> None:
    calendar = Calendar(shop().hours["office"])
    expected = "本日の受付時間は、午前10時から、午後3時まででございます。"
    assert opening_hours(calendar, at("2026-11-23T11:00")) == expected


def test_the_fallback_is_open_at_the_same_times() -> None:
    found = bundle_line(shop(), [], datetime(2026, 11, 17, 15, tzinfo=UTC))
    november = [
        (f"{begin.astimezone(TOKYO):%m-%d %H:%M}", f"{end.astimezone(TOKYO):%H:%M}")
        for begin, end in found.open
        if at("2026-11-18") <= begin < at("2026-11-29")
    ]
    whole = [("10:00", "12:00"), ("13:00", "18:00")]
    expected = [(f"11-19 {a}", b) for a, b in whole] + [(f"11-20 {a}", b) for a, b in whole]
    expected += [("11-21 10:00", "15:00"), ("11-23 10:00", "15:00")]
    expected += [(f"11-{day} {a}", b) for day in (24, 25, 26, 27) for a, b in whole]
    assert november == [*expected, ("11-28 10:00", "12:00")]


def test_the_coming_days() -> None:
    calendar = Calendar(shop().hours["office"])
    told = [day.as_json() for day in year.ahead(calendar, at("2026-11-21").date(), 3)]
    assert told == [
        {"date": "2026-11-21", "intervals": ["10:00-15:00"], "reason": "open", "hears": ""},
        {
            "date": "2026-11-22",
            "intervals": [],
            "reason": "weekend",
            "hears": "本日は休業日でございます。次の営業は、11月23日、月曜日の、午前10時からでございます。",
        },
        {
            "date": "2026-11-23",
            "intervals": ["10:00-15:00"],
            "reason": "open: 勤労感謝の日",
            "hears": "",
        },
    ]
    # At noon the line pauses.
    noon = year.coming(shop(), None, TODAY, 1)[0]
    assert noon.hears == "ただいまの時間は、お電話の受付を休止しております。午後1時から再開いたします。"
    assert [day.row.date.isoformat() for day in year.coming(shop(), "night", TODAY, 2)] == [
        "2026-11-24",
        "2026-11-25",
    ]


@pytest.mark.parametrize("days", [0, -1, 367])
def test_no_more_days_than_a_year(days: int) -> None:
    with pytest.raises(CalendarError, match="1 to 366"):
        year.coming(shop(), None, TODAY, days)


def test_commands(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_CLOCK_OFFSET", offset_to("2026-11-22 23:30"))
    assert main(["calendar", "ecforce", "--next", "2"]) == 0
    out = capsys.readouterr().out
    assert "2026-11-22(日)  -  weekend\n  「本日は休業日でございます。" in out
    assert "2026-11-23(月)  -  holiday: 勤労感謝の日" in out
    assert main(["calendar", "ecforce", "--next", "7", "--json"]) == 0
    assert [day["date"][-2:] for day in json.loads(capsys.readouterr().out)] == [
        "22",
        "23",
        "24",
        "25",
        "26",
        "27",
        "28",
    ]


def test_check_warns_of_days_that_are_past() -> None:
    text = changed('"2026-12-16": "10:00-14:00"', '"2025-12-16": "10:00-14:00"', TEXT)
    assert (
        f'{FILE}:18:7: warning: hours "office": exceptions.2025-12-16: "2025-12-16" is past and matches no day '
        "any more; correct the year or take it out"
    ) in checked(text)
