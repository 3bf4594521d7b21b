"""A shop's hours as a form and back: only what changed is written, comments and all the rest stay."""

from datetime import date
from typing import Any

import pytest
import yaml

from ivr.dialplan.edit import take_out
from ivr.dialplan.hours_form import Closed, Exceptional, HoursForm, kept, read_form, write_form
from ivr.hours.model import HoursModel

TODAY = date(2026, 11, 24)
NINE = (("09:00", "18:00"),)
FILE = """\
# 店の営業時間
line: {tenant: t, name: 店, numbers: [050-3185-9080]}
hours:
  shop:
    zone: Asia/Tokyo
    weekly: {月-金: "9:00-18:00", 第3土曜: "10:00-12:00"}   # 土日は休み
    holidays: JP
    closed:
      # 毎年の休み
      "12/29-1/3": 年末年始休業
      "2027-08-13 - 2027-08-15": 夏季休業   # 来年だけ
      第3水曜: 定休日
    exceptions: {"2026-12-28": "10:00-15:00", "2026-09-01": closed 台風}
start: bye
steps: {bye: {type: hangup}}
"""


def model(text: str = FILE) -> HoursModel:
    return HoursModel(**yaml.load(text, yaml.BaseLoader)["hours"]["shop"])


def written(text: str = FILE, **changed: Any) -> str:
    before = read_form(model(text), TODAY)
    form = HoursForm(
        **{name: changed.get(name, getattr(before, name)) for name in before.__dataclass_fields__}
    )
    return write_form("shop.yaml", text, "shop", model(text), form, TODAY)


def test_the_form_shows_what_is_written() -> None:
    form = read_form(model(), TODAY)
    assert form.week == (NINE,) * 5 + ((),) * 3
    assert form.holidays == "closed"
    assert form.closed == (
        Closed(date(2026, 12, 29), date(2027, 1, 3), True, "年末年始休業"),
        Closed(date(2027, 8, 13), date(2027, 8, 15), False, "夏季休業"),
    )
    assert form.exceptions == (
        Exceptional(date(2026, 12, 28), (("10:00", "15:00"),), ""),
        Exceptional(date(2026, 9, 1), (), "台風"),
    )
    assert kept(model()) == ["第3土曜: 10:00-12:00", "第3水曜: 定休日"]


def test_what_is_not_changed_is_not_touched() -> None:
    assert written() == FILE


def test_another_week_changes_nothing_else() -> None:
    week = (NINE, NINE, (), NINE, (("09:00", "12:00"), ("13:00", "18:00")), NINE, (), ())
    text = written(week=week)
    head, tail = FILE.split("    weekly")[0], FILE[FILE.index("    holidays") :]
    assert text.startswith(head) and text.endswith(tail)
    assert yaml.safe_load(text)["hours"]["shop"]["weekly"] == {
        "月-火": "09:00-18:00",
        "木": "09:00-18:00",
        "金": "09:00-12:00, 13:00-18:00",
        "土": "09:00-18:00",
        "第3土曜": "10:00-12:00",
    }
    assert "# 土日は休み" in text


def test_a_night_and_a_whole_day_come_back_as_they_are() -> None:
    night, whole = (("22:00", "05:00"),), (("00:00", "00:00"),)
    text = written(week=(night, whole, *((),) * 6))
    assert yaml.safe_load(text)["hours"]["shop"]["weekly"] == {
        "月": "22:00-29:00",
        "火": "00:00-24:00",
        "第3土曜": "10:00-12:00",
    }
    assert read_form(model(text), TODAY).week[:2] == (night, whole)


@pytest.mark.parametrize(
    ("holidays", "rows", "expected"),
    [
        ("closed", (), ("JP", None)),
        ("as_week", (), (None, None)),
        ("own", (("10:00", "15:00"),), ("JP", "10:00-15:00")),
    ],
)
def test_holidays(holidays: str, rows: Any, expected: tuple[str | None, str | None]) -> None:
    text = written(week=(*(NINE,) * 5, (), (), rows), holidays=holidays)
    hours = yaml.safe_load(text)["hours"]["shop"]
    assert (hours.get("holidays"), hours["weekly"].get("祝日")) == expected


def test_days_are_added_and_taken_away() -> None:
    closed = (
        Closed(date(2026, 12, 29), date(2027, 1, 4), True, "年末年始休業"),
        Closed(date(2027, 5, 6), date(2027, 5, 6), False, "社員旅行"),
    )
    text = written(closed=closed, exceptions=(Exceptional(date(2026, 12, 28), (("10:00", "16:00"),), ""),))
    hours = yaml.safe_load(text)["hours"]["shop"]
    assert hours["closed"] == {"12/29-1/4": "年末年始休業", "2027-05-06": "社員旅行", "第3水曜": "定休日"}
    assert {str(day): times for day, times in hours["exceptions"].items()} == {"2026-12-28": "10:00-16:00"}
    assert "# 毎年の休み" in text and "# 来年だけ" not in text


def test_what_is_left_empty_goes_whole() -> None:
    text = written(exceptions=())
    assert "exceptions" not in text and yaml.safe_load(text)["start"] == "bye"
    nothing = FILE.replace("      第3水曜: 定休日\n", "")
    assert "closed" not in yaml.safe_load(written(nothing, closed=()))["hours"]["shop"]


def test_29_february_is_every_year() -> None:
    text = FILE.replace('"12/29-1/3"', '"2/29"')
    assert read_form(model(text), TODAY).closed[0].first == date(2028, 2, 29)
    assert written(text) == text


def test_a_third_span_of_a_day_has_no_room() -> None:
    text = FILE.replace('"9:00-18:00"', '"9:00-10:00, 11:00-12:00, 13:00-14:00"')
    with pytest.raises(ValueError, match="more spans"):
        read_form(model(text), TODAY)


@pytest.mark.parametrize("gone", ["a", "b", "c"])
@pytest.mark.parametrize(
    "layout",
    [
        'm: {a: "1", b: "2", c: "3"}\nz: 0\n',
        'm:\n  a: "1"  # eins\n  # zwei\n  b: "2"\n\n  c: "3"\nz: 0\n',
        'm: {\n  a: "1",\n  b: "2",\n  c: "3",\n}\nz: 0\n',
        'm:\r\n  a: "1"\r\n  b: "2"\r\n  c: "3"\r\nz: 0\r\n',
        'm:\n  a: "1"\n  b: "2"\n  c: "3"',
    ],
)
def test_an_entry_is_taken_out_of_any_layout(layout: str, gone: str) -> None:
    before = yaml.load(layout, yaml.BaseLoader)
    text = take_out("x.yaml", layout, ("m",), [gone])
    after = yaml.load(text, yaml.BaseLoader)
    assert gone not in after["m"] and before == {**after, "m": {**after["m"], gone: before["m"][gone]}}
    assert ("\r\n" in text) == ("\r\n" in layout)
