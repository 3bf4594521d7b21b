"""Spoken answers: what `ivr check` says of them, and what each of them stands for."""

import pytest

from ivr.dialplan.check import check
from ivr.dialplan.load import load_text
from ivr.dialplan.texts import all_texts
from ivr.keys import spoken_keys
from ivr.steps import STEPS
from ivr.steps.spoken import DIGITS, yes_or_no
from tests.dialplans import TODAY, refused

DIALPLAN = """\
line: {tenant: shop, name: 店, numbers: ["050-3185-9080"]}
start: menu
steps:
  menu:
    type: menu
    say: ご注文は1を、その他は2を押してください。
    keys: {"1": rules, "2": goodbye}
    spoken: {注文: "1", その他: "2"}
    otherwise: goodbye
  rules:
    type: consent
    say: 録音いたします。よろしければ1を、おやめになる場合は2を押してください。
    agree: "1"
    refuse: "2"
    spoken: true
    next: number
    otherwise: goodbye
  number:
    type: collect
    name: order
    say: 注文番号を押してください。
    confirm: "{order}でよろしければ1を、訂正される場合は2を押してください。"
    spoken: true
    next: goodbye
    otherwise: goodbye
  goodbye: {type: play, say: 失礼いたします。, next: bye}
  bye: {type: hangup}
"""


def test_a_line_where_callers_may_speak() -> None:
    plan = load_text("shop.yaml", DIALPLAN, STEPS)
    assert [str(problem) for problem in check("shop.yaml", plan, TODAY)] == []
    assert {
        "音声でもお答えいただけます。",
        "はい、または、いいえ、と、お話しいただくこともできます。",
        "番号は、1桁ずつ、お話しいただくこともできます。",
    } <= set(all_texts(plan, TODAY, 1))


def test_where_they_may_not_nothing_is_said_of_it() -> None:
    quiet = "".join(line for line in DIALPLAN.splitlines(keepends=True) if "spoken" not in line)
    assert not [
        text for text in all_texts(load_text("shop.yaml", quiet, STEPS), TODAY, 1) if "お話し" in text
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            '{注文: "1", その他: "2"}',
            '{注文: "1", その他: "3"}',
            'shop.yaml:8:5: menu "menu": spoken: "その他" stands for "3", which is no key of this menu',
        ),
        (
            '{注文: "1", その他: "2"}',
            '{注文: "1", 注 文: "2"}',
            'shop.yaml:8:5: menu "menu": spoken: "注文" and "注 文" are the same phrase',
        ),
        (
            '{注文: "1", その他: "2"}',
            '{注文: "1", "1番": "2"}',
            'shop.yaml:8:23: menu "menu": spoken: "1番" is nothing that can be said; '
            "write words alone, digits too, like はい or 一番",
        ),
        (
            '{注文: "1", その他: "2"}',
            '{注文: "1", "": "2"}',
            'shop.yaml:8:23: menu "menu": spoken: "" is nothing that can be said; '
            "write words alone, digits too, like はい or 一番",
        ),
        (
            '{注文: "1", その他: "2"}',
            "{}",
            'shop.yaml:8:5: menu "menu": spoken: at least one entry is needed',
        ),
        (
            '    refuse: "2"\n',
            "",
            'shop.yaml:10:3: consent "rules": "spoken" needs "agree" and "refuse": '
            "the keys that はい and いいえ stand for",
        ),
        (
            '    confirm: "{order}でよろしければ1を、訂正される場合は2を押してください。"\n',
            "",
            'shop.yaml:18:3: collect "number": "confirm" is missing: digits that were said must be read back',
        ),
        (
            '    confirm: "{order}でよろしければ1を、訂正される場合は2を押してください。"\n',
            "    secret: true\n",
            'shop.yaml:18:3: collect "number": "spoken" digits would be heard by others, '
            'and these are "secret"; take one out',
        ),
    ],
)
def test_what_cannot_be_said_is_told_where_it_stands(old: str, new: str, problem: str) -> None:
    assert old in DIALPLAN
    assert refused(DIALPLAN.replace(old, new)) == [f"dialplans/{problem}"]


@pytest.mark.parametrize(
    ("said", "keys"),
    [
        ("はい", "1"),
        ("ええ そうです", "1"),
        ("はい はい", "1"),
        ("いいえ", "2"),
        ("いいえ 結構です", "2"),
        ("結構です", ""),
        ("大丈夫です", ""),
        ("はい いいえ", ""),
        ("はい 田中です", ""),
    ],
)
def test_yes_and_no(said: str, keys: str) -> None:
    assert spoken_keys(said, yes_or_no("1", "2")) == keys


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("ゼロ 三 の 一 二 三 四", "031234"),
        ("れい まる 零", "000"),
        ("いち に さん し よん ご ろく なな しち はち く きゅう", "123445677899"),
        ("五 です", "5"),
        ("十", ""),
        ("一 番", ""),
    ],
)
def test_digits(said: str, digits: str) -> None:
    assert spoken_keys(said, DIGITS) == digits
