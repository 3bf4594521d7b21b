"""What `check` proves about a dialplan that loads."""

from datetime import date

import pytest

from ivr.dialplan.check import check, check_all
from ivr.dialplan.load import load_text
from ivr.steps import STEPS
from tests.dialplans import FILE, SHOP, TODAY, changed, checked

LUNCH = changed(
    'weekly: {月-金: "10:00-17:00"}\n',
    'weekly: {月-金: "10:00-17:00"}\n  night: {zone: Asia/Tokyo, weekly: {月-金: "17:00-20:00"}}\n',
)


def test_a_good_dialplan_has_no_problems() -> None:
    assert checked(SHOP) == []


# What is changed in SHOP (old, new), and all that is said about it.
MISTAKES = {
    "unreachable": (
        "  bye:\n",
        "  lost: {type: play, say: はい。, next: bye}\n  bye:\n",
        ['36:3: play "lost": no way leads here from the start; lead one here or take the step out'],
    ),
    "a loop": (
        "next: thanks\n",
        "next: office\n",
        [
            '12:3: hours "office": the call goes round without the caller\'s doing: office -> message -> office',
            '32:3: play "thanks": no way leads here from the start; lead one here or take the step out',
            '36:3: hangup "bye": no way leads here from the start; lead one here or take the step out',
        ],
    ),
    "a menu that asks for ever": (
        "    otherwise: agents\n",
        "    otherwise: menu\n",
        ['17:3: menu "menu": the call goes round without the caller\'s doing: menu -> menu'],
    ),
    "a hang-up without a goodbye": (
        "    max_wait: 2m\n    otherwise: message",
        "    max_wait: 2m\n    otherwise: bye",
        [
            '26:16: queue "agents": otherwise: leads to "bye", which hangs up: the caller hears no goodbye; '
            "say one in a play step"
        ],
    ),
    "hours that no step uses": (
        'weekly: {月-金: "10:00-17:00"}\n',
        'weekly: {月-金: "10:00-17:00"}\n  night: {zone: Asia/Tokyo, weekly: {月-金: "17:00-20:00"}}\n',
        [
            '10:3: warning: hours "night": no step uses these hours',
            '31:5: voicemail "message": callback: "hours" is missing; which are meant: office, night?',
        ],
    ),
    "an unknown value": (
        "say: お電話ありがとうございました。",
        'say: "{lin}、お電話ありがとうございました。"',
        ['34:10: play "thanks": say: unknown value "{lin}"; did you mean "{line}"?'],
    ),
    "half a brace": (
        "say: お電話ありがとうございました。",
        'say: "{line、お電話ありがとうございました。"',
        ['34:10: play "thanks": say: a "{" or "}" without its other half'],
    ),
    "wide braces": (
        "say: お電話ありがとうございました。",
        'say: "｛line｝、お電話ありがとうございました。"',
        [
            '34:10: play "thanks": say: "｛line｝" has wide braces and is read out as it stands; '
            "write a value as {line}"
        ],
    ),
    "no telephone number": (
        "050-3185-9080",
        "03-1",
        [
            '4:13: line: numbers: "03-1" is no Japanese telephone number; write it with its area code, like 050-3185-9080'
        ],
    ),
    "a foreign number": (
        "050-3185-9080",
        "+1 212 555 2368",
        [
            '4:13: line: numbers: "+1 212 555 2368" is no Japanese telephone number; write it with its area '
            "code, like 050-3185-9080"
        ],
    ),
    "an emergency number": ("050-3185-9080", "110", ['4:13: line: numbers: "110" is an emergency number']),
    "the coast guard": ("050-3185-9080", "118", ['4:13: line: numbers: "118" is an emergency number']),
    "the same number twice": (
        '["050-3185-9080"]',
        '["050-3185-9080", "+815031859080"]',
        ['4:30: line: numbers: "+815031859080" is the same number as "050-3185-9080"'],
    ),
    "keys that begin alike": (
        '{"#1": agents}',
        '{"1": agents, "12": agents}',
        ['20:17: warning: menu "menu": keys.1: "12" begins with it, so whoever presses "1" waits 2 s'],
    ),
    "a key with and without hash": ('{"#1": agents}', '{"#1": agents, "1": agents}', []),
    "a key that YAML takes for a comment": (
        "    otherwise: agents\n",
        "    otherwise: agents\n    #: message\n",
        [
            '22:5: warning: "#: message" is a comment, for "#" begins one; a telephone key must stand in quotes'
        ],
    ),
    "a text that YAML cuts off": (
        "say: お電話ありがとうございました。",
        "say: もう一度お聞きの方は #1 を押してください。",
        [
            '34:21: warning: "#1 を押してください。" is a comment, for "#" begins one; '
            "a telephone key must stand in quotes"
        ],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_where_it_stands(mistake: str) -> None:
    old, new, said = MISTAKES[mistake]
    assert checked(changed(old, new)) == [f"{FILE}:{line}" for line in said]


def test_a_hash_in_quotes_or_in_a_text_is_no_comment() -> None:
    assert checked(changed("say: お電話ありがとうございました。", 'say: "#1 #2、{line}#3です。"')) == []


def test_a_calendar_that_never_opens_is_refused() -> None:
    closed = changed(
        'weekly: {月-金: "10:00-17:00"}', 'weekly: {月-金: "10:00-17:00"}\n    closed: {1/1-12/31: 休業}'
    )
    assert checked(closed) == [
        f'{FILE}:7:3: hours "office": the line is never open in the 400 days from 2026-11-24; '
        "correct weekly, closed or exceptions",
        f'{FILE}:10:14: warning: hours "office": closed.1/1-12/31: "1/1-12/31" closes 366 days of each year; '
        'did you mean "12/31-1/1"?',
    ]


def test_next_years_holidays_must_be_known() -> None:
    said = check(FILE, load_text(FILE, SHOP, STEPS), date(2099, 11, 24))
    assert [problem.where for problem in said] == ['hours "office"']
    assert "2100" in said[0].message


def test_business_days_need_hours() -> None:
    text = changed('hours:\n  office:\n    zone: Asia/Tokyo\n    weekly: {月-金: "10:00-17:00"}\n', "")
    text = changed(
        "  office:\n    type: hours\n    hours: office\n    open: menu\n    closed: message\n", "", text
    )
    text = changed("start: office", "start: menu", text)
    assert checked(text) == [
        f'{FILE}:20:10: voicemail "message": say: "{{closed_greeting}}" needs hours, and there are none',
        f'{FILE}:21:5: voicemail "message": callback: "1 business day" needs hours, and there are none',
    ]


def test_minutes_need_no_hours_and_a_named_calendar_is_enough() -> None:
    warning = f'{FILE}:10:3: warning: hours "night": no step uses these hours'
    assert checked(changed("due: 1 business day", "due: 15m", LUNCH)) == [warning]
    assert checked(changed("due: 1 business day", "due: 1 business day, hours: night", LUNCH)) == []


def test_what_cannot_be_spoken_is_said_where_it_stands() -> None:
    def speakable(text: str) -> str | None:
        return "nothing in it can be read aloud" if text == "……" else None

    text = changed("say: お電話ありがとうございました。", "say: ……")
    said = check(FILE, load_text(FILE, text, STEPS), TODAY, speakable)
    assert [str(problem) for problem in said] == [
        f'{FILE}:34:10: play "thanks": say: nothing in it can be read aloud'
    ]


def test_the_start_must_not_hang_up() -> None:
    text = "line: {tenant: a, name: a, numbers: [050-3185-9080]}\nstart: bye\nsteps: {bye: {type: hangup}}\n"
    assert checked(text) == [f"{FILE}:2:8: start: the caller is hung up on without a word"]


def test_a_number_belongs_to_one_line() -> None:
    other = changed('["050-3185-9080"]', '["03-3581-4111", "05031859080"]')
    dialplans = {
        "dialplans/a.yaml": load_text("dialplans/a.yaml", SHOP, STEPS),
        "dialplans/b.yaml": load_text("dialplans/b.yaml", other, STEPS),
    }
    assert [str(problem) for problem in check_all(dialplans, TODAY)] == [
        'dialplans/a.yaml:4:13: line: numbers: "050-3185-9080" belongs to the line "b" too; '
        "a number leads to one line",
        'dialplans/b.yaml:4:29: line: numbers: "05031859080" belongs to the line "a" too; '
        "a number leads to one line",
    ]
