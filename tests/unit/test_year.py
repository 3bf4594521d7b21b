"""`ivr calendar`: every day of a year, every change, as rows, table and picture."""

import csv
import json
from datetime import date, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ivr import year
from ivr.cli import main
from ivr.dialplan.load import load_text
from ivr.errors import CalendarError, DialplanError
from ivr.steps import STEPS
from tests.dialplans import SHOP, changed
from tests.flows.office import ecforce

OFFICIAL = Path(__file__).parents[1] / "data" / "syukujitsu.csv"
WEEKLY = '    weekly: {月-金: "10:00-17:00"}'


def shop(hours: str) -> str:
    return changed(WEEKLY, hours, SHOP)


def official(of: int) -> dict[date, str]:
    rows = csv.reader(OFFICIAL.read_text("cp932").splitlines()[1:])
    days = {datetime.strptime(day, "%Y/%m/%d").date(): name for day, name in rows}
    return {day: name for day, name in days.items() if day.year == of}


def test_every_day_of_ecforce() -> None:
    hours, rows = year.rows(ecforce()[0], None, 2026)
    assert hours == "office" and len(rows) == 365
    holidays = official(2026)
    assert len(holidays) > 15
    for row in rows:
        month_day = (row.date.month, row.date.day)
        company = month_day >= (12, 29) or month_day <= (1, 3)
        told = row.as_json()
        assert told["date"] == row.date.isoformat()
        if company:
            assert (told["intervals"], told["reason"]) == ([], "company_day: 年末年始休業")
        elif row.date in holidays:
            assert told["intervals"] == [] and told["reason"].startswith("holiday: ")
        elif row.date.weekday() > 4:
            assert (told["intervals"], told["reason"]) == ([], "weekend")
        else:
            assert (told["intervals"], told["reason"]) == (["10:00-17:00"], "open")


def test_changes_of_ecforce() -> None:
    found = [change.as_json() for change in year.changes(ecforce()[0], None, 2026)]
    assert found[:2] == [
        {"hours": "office", "at": "2026-01-05T10:00:00+09:00", "open": True, "reason": "open"},
        {"hours": "office", "at": "2026-01-05T17:00:00+09:00", "open": False, "reason": "after_closing"},
    ]
    assert found[-1]["at"] == "2026-12-28T17:00:00+09:00"
    weekdays = [day for day in days(2026) if day.weekday() < 5 and day not in official(2026)]
    closed = [day for day in weekdays if (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)]
    assert len(found) == 2 * (len(weekdays) - len(closed))


def days(of: int) -> list[date]:
    first = date(of, 1, 1).toordinal()
    return [date.fromordinal(number) for number in range(first, date(of + 1, 1, 1).toordinal())]


def test_new_year_is_no_change_where_it_stays_open() -> None:
    """Open through every midnight, with a pause from 2:00 to 4:00."""
    text = shop('    weekly: {月-日: "4:00-26:00"}')
    found = year.changes(load_text("shop.yaml", text, STEPS), None, 2026)
    assert [f"{change.at:%m-%d %H:%M} {change.open}" for change in found[:4]] == [
        "01-01 02:00 False",
        "01-01 04:00 True",
        "01-02 02:00 False",
        "01-02 04:00 True",
    ]
    assert f"{found[-1].at:%m-%d %H:%M} {found[-1].open}" == "12-31 04:00 True"


def test_several_hours() -> None:
    text = changed(
        "start: office",
        '  half: {zone: Asia/Tokyo, weekly: {土: "9:00-12:00"}}\nstart: office',
        changed(WEEKLY, WEEKLY, SHOP),
    )
    plan = load_text("shop.yaml", text, STEPS)
    found = year.changes(plan, None, 2026)
    assert {change.hours for change in found} == {"office", "half"}
    assert [change.at for change in found] == sorted(change.at for change in found)
    assert {change.hours for change in year.changes(plan, "half", 2026)} == {"half"}
    with pytest.raises(DialplanError, match='did you mean "half"'):
        year.rows(plan, "halff", 2026)


@pytest.mark.parametrize("wrong", [0, 1949, 2099, 12345])
def test_years_that_no_calendar_knows(wrong: int) -> None:
    with pytest.raises(CalendarError):
        year.rows(ecforce()[0], None, wrong)


def test_table_and_picture() -> None:
    text = shop(f'{WEEKLY}\n    exceptions: {{"2026-11-25": "13:00-15:00", "2026-11-26": closed 台風}}')
    _, rows = year.rows(load_text("shop.yaml", text, STEPS), None, 2026)
    lines = year.table("表題", rows).splitlines()
    november = next(line for line in lines if line.startswith("11月"))
    assert november.replace(" ", "") == "11月－〇〇〇〇〇－－〇〇〇〇〇－－〇〇〇〇〇－－〇〇変臨〇－－〇"
    assert "2026-11-25(水)  13:00-15:00  open: exception" in lines
    assert "2026-11-26(木)  -  exception: 台風" in lines
    picture = ElementTree.fromstring(year.picture("表題 <&>", rows))
    titles = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[0] == "表題 <&>"
    assert len(titles) == 1 + 365
    assert "2026-11-25 13:00-15:00 open: exception" in titles


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calendar", "ecforce", "--year", "2026", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told[326] == {"date": "2026-11-23", "intervals": [], "reason": "holiday: 勤労感謝の日"}
    assert main(["calendar", "ecforce", "--year", "2026", "--svg", str(tmp_path / "year.svg")]) == 0
    assert ElementTree.parse(tmp_path / "year.svg").getroot().tag.endswith("svg")
    capsys.readouterr()
    assert main(["calendar", "ecforce", "--year", "2026", "--changes"]) == 0
    assert capsys.readouterr().out.startswith("2026-01-05(月) 10:00  office  open\n")
