"""`ivr explain`: open or closed, why, by which line of the file, until when, and what callers hear."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ivr.cli import main
from ivr.dialplan.load import load_text
from ivr.explain import explain
from ivr.steps import STEPS
from tests.dialplans import SHOP, changed
from tests.flows.office import ECFORCE, ecforce
from tests.flows.scenarios import TEXTS

TOKYO = ZoneInfo("Asia/Tokyo")
FILE = "dialplans/ecforce.yaml"
NIGHT = changed(
    '    weekly: {月-金: "10:00-17:00"}',
    '    weekly: {月-金: "10:00-12:00, 22:00-26:00"}\n'
    '    exceptions: {"2026-11-23": "13:00-15:00", "2026-11-25": closed 台風}',
    SHOP,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


@pytest.mark.parametrize(
    ("moment", "opened", "reason", "until", "next_open", "written"),
    [
        ("2026-11-24T11:00", True, "open", "2026-11-24T17:00", "2026-11-25T10:00", '月-金: "10:00-17:00"'),
        ("2026-11-24T08:30", False, "before_opening", "2026-11-24T10:00", "2026-11-24T10:00", "月-金"),
        ("2026-11-24T17:00", False, "after_closing", "2026-11-25T10:00", "2026-11-25T10:00", "月-金"),
        ("2026-11-22T11:00", False, "weekend", "2026-11-24T10:00", "2026-11-24T10:00", "weekly:"),
        (
            "2026-11-23T11:00",
            False,
            "holiday: 勤労感謝の日",
            "2026-11-24T10:00",
            "2026-11-24T10:00",
            "holidays: JP",
        ),
        (
            "2026-12-30T11:00",
            False,
            "company_day: 年末年始休業",
            "2027-01-04T10:00",
            "2027-01-04T10:00",
            '"12/29-1/3": 年末年始休業',
        ),
    ],
)
def test_ecforce(moment: str, opened: bool, reason: str, until: str, next_open: str, written: str) -> None:
    told = explain(FILE, ecforce()[0], at(moment))
    assert told.as_json() == {
        "open": opened,
        "reason": reason,
        "until": f"{until}:00+09:00",
        "next_open": f"{next_open}:00+09:00",
    }
    assert told.rule is not None
    file, line, column, _ = told.rule.split(":", 3)
    assert file == FILE
    assert ECFORCE.read_text().splitlines()[int(line) - 1][int(column) - 1 :].startswith(written)


def test_what_callers_hear_up_to_the_first_question() -> None:
    plan = ecforce()[0]
    assert explain(FILE, plan, at("2026-11-24T11:00")).hears == (TEXTS["WELCOME"], TEXTS["MENU"])
    closed = explain(FILE, plan, at("2026-12-30T11:00")).hears
    assert closed == (
        TEXTS["WELCOME"],
        "本日は、年末年始休業のため、休業日でございます。次の営業は、1月4日、月曜日の、午前10時からでございます。",
        TEXTS["CLOSED"],
        TEXTS["BEEP"],
    )


@pytest.mark.parametrize(
    ("moment", "opened", "rule"),
    [
        ("2026-11-27T01:59", True, "9:14: weekly 月-金: 10:00-12:00, 22:00-26:00"),  # the night of Thursday
        (
            "2026-11-28T01:59",
            True,
            "9:14: weekly 月-金: 10:00-12:00, 22:00-26:00",
        ),  # of Friday, on a Saturday
        ("2026-11-28T02:00", False, "9:5: weekly does not name the weekday"),
        ("2026-11-23T14:00", True, "10:18: exceptions 2026-11-23: 13:00-15:00"),
        ("2026-11-25T01:00", True, "9:14: weekly 月-金: 10:00-12:00, 22:00-26:00"),  # the typhoon's eve
        ("2026-11-25T11:00", False, "10:47: exceptions 2026-11-25: closed 台風"),
    ],
)
def test_nights_and_exceptions(moment: str, opened: bool, rule: str) -> None:
    told = explain("shop.yaml", load_text("shop.yaml", NIGHT, STEPS), at(moment))
    assert (told.open, told.rule) == (opened, f"shop.yaml:{rule}")


def test_line_without_hours_is_always_open() -> None:
    text = "line: {tenant: t, name: n, numbers: ['050-3185-9080']}\nstart: a\nsteps:\n"
    text += "  a: {type: play, say: こんにちは。, next: b}\n  b: {type: hangup}\n"
    told = explain("n.yaml", load_text("n.yaml", text, STEPS), at("2026-11-24T11:00"))
    assert told.as_json() == {"open": True, "reason": "open", "until": None, "next_open": None}
    assert told.hears == ("こんにちは。",)


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "ecforce", "--at", "2026-11-23T02:00Z", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reason"] == "holiday: 勤労感謝の日"
    assert main(["explain", "ecforce", "--at", "2026-11-23T11:00"]) == 0
    assert "dialplans/ecforce.yaml:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ecfore"], 'did you mean "ecforce"?'),
        (["ecforce", "--at", "tomorrow"], "write it like 2026-11-24T11:00"),
    ],
)
def test_wrong_arguments(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *words]) == 1
    assert said in capsys.readouterr().err
