"""Public holidays, day by day against the official list (内閣府「国民の祝日について」)."""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from ivr.hours import Reason
from ivr.hours.official import holiday_names
from tests.hours_helpers import d, desk

LIST = Path(__file__).parent.parent / "data" / "syukujitsu.csv"

# The official list calls these days 休日; callers hear what the day is.
SPOKEN = {
    "休日": {"振替休日", "国民の休日"},
    "体育の日（スポーツの日）": {"体育の日"},
    "休日（祝日扱い）": {"天皇の即位の日", "即位礼正殿の儀が行われる日"},
}


def official() -> dict[date, str]:
    with LIST.open(encoding="cp932", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return {date(*map(int, day.split("/"))): name for day, name in rows}


def every_day(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=i) for i in range((last - first).days + 1))


def test_every_day_of_the_official_list() -> None:
    names = official()
    assert len(names) == 1067
    calendar = desk({"月-日": "10:00-17:00"})
    checked = 0
    for day in every_day(d(1955, 1, 1), d(2027, 12, 31)):
        got = calendar.day(day)
        if day in names:
            assert got.intervals == (), day
            assert got.reason.kind == "holiday", day
            assert got.reason.name in SPOKEN.get(names[day], {names[day]}), day
        else:
            assert got.intervals == ((600, 1020),), day
        checked += 1
    assert checked == 26_663


HARD = {
    "即位の十連休": ("2019-04-27", "2019-05-06", {"2019-04-27": "weekend", "2019-04-28": "weekend"}),
    "即位礼正殿の儀": ("2019-10-22", "2019-10-22", {}),
    "2020年7月": ("2020-07-23", "2020-07-24", {}),
    "2020年8月": ("2020-08-10", "2020-08-10", {}),
    "2021年7月": ("2021-07-22", "2021-07-23", {}),
    "2021年8月": ("2021-08-08", "2021-08-09", {}),
    "2024年2月": ("2024-02-12", "2024-02-12", {}),
    "2026年5月": ("2026-05-03", "2026-05-06", {}),
    "2026年9月": ("2026-09-21", "2026-09-23", {}),
    "2027年3月": ("2027-03-21", "2027-03-22", {}),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_dates(name: str) -> None:
    first, last, others = HARD[name]
    calendar = desk()
    for day in every_day(date.fromisoformat(first), date.fromisoformat(last)):
        assert calendar.day(day).reason.kind == others.get(day.isoformat(), "holiday"), day


@pytest.mark.parametrize(
    "day", ["2020-07-20", "2020-08-11", "2020-10-12", "2021-07-19", "2021-08-11", "2021-10-11"]
)
def test_days_the_olympics_moved_are_working_days(day: str) -> None:
    assert desk().day(date.fromisoformat(day)).reason == Reason("open")


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2026-05-06", "振替休日"),
        ("2026-09-22", "国民の休日"),
        ("2024-02-12", "振替休日"),
        ("2027-03-22", "振替休日"),
        ("2019-04-30", "国民の休日"),
        ("2026-11-23", "勤労感謝の日"),
    ],
)
def test_names(day: str, name: str) -> None:
    assert desk().day(date.fromisoformat(day)).reason == Reason("holiday", name)


@pytest.mark.parametrize("day", ["2026-12-29", "2026-12-30", "2026-12-31", "2026-01-02"])
def test_year_end_is_no_public_holiday(day: str) -> None:
    assert desk().day(date.fromisoformat(day)).reason == Reason("open")


@pytest.mark.parametrize("language", ["en_US.UTF-8", "th_TH.UTF-8", "C"])
def test_names_do_not_follow_the_language_of_the_process(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LANG", "LC_ALL", "LANGUAGE"):
        monkeypatch.setenv(variable, language)
    holiday_names.cache_clear()
    assert holiday_names(2026)[d(2026, 11, 23)] == "勤労感謝の日"
