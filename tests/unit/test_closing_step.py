"""What `ivr check` says of steps that close a line."""

import pytest

from ivr.dialplan.check import check_all
from ivr.dialplan.load import load_text
from ivr.dialplan.texts import all_texts
from ivr.steps import STEPS
from tests.dialplans import SHOP, TODAY, refused

STAFF = """\
line: {tenant: shop, name: 設定窓口, numbers: ["050-3185-9079"]}
start: staff
steps:
  staff: {type: closing, line: shop, reasons: {"1": 台風, "2": 設備点検}, next: done, otherwise: done}
  done: {type: play, say: 失礼いたします。, next: bye}
  bye: {type: hangup}
"""


def problems(staff: str, shop: str = SHOP) -> list[str]:
    plans = {key: load_text(f"{key}.yaml", text, STEPS) for key, text in (("shop", shop), ("staff", staff))}
    return [
        str(problem) for problem in check_all({f"{key}.yaml": plan for key, plan in plans.items()}, TODAY)
    ]


def test_a_number_of_staff_closes_the_line_it_names() -> None:
    assert problems(STAFF) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("line: shop", "line: shpo", 'there is no line "shpo" without errors; did you mean "shop"?'),
        ("tenant: shop", "tenant: other", 'the line "shop" is of another tenant, "shop"'),
        ("line: shop, ", "", "the line that it closes has no step of type hours, so nothing would be closed"),
    ],
)
def test_what_closes_nothing(old: str, new: str, message: str) -> None:
    (problem,) = problems(STAFF.replace(old, new))
    assert message in problem


@pytest.mark.parametrize(
    ("reasons", "message"),
    [
        ("{}", "reasons"),
        ('{"0": 台風}', '"0" is no key for a reason; take 1 to 9'),
        ('{"#1": 台風}', '"#1" is no key for a reason; take 1 to 9'),
        ('{"1": "{line}"}', "reasons"),
    ],
)
def test_reasons_that_cannot_be_chosen(reasons: str, message: str) -> None:
    told = refused(STAFF.replace('{"1": 台風, "2": 設備点検}', reasons))
    assert len(told) == 1 and message in told[0]


def test_all_that_staff_can_hear_is_spoken_before_it_is_live() -> None:
    texts = all_texts(load_text("staff.yaml", STAFF, STEPS), TODAY, 14)
    assert {
        "臨時休業の設定です。暗証番号を押し、最後にシャープを押してください。",
        "理由をお選びください。台風は1を、設備点検は2を押してください。",
        "設備点検のため、",
        "11月24日、火曜日まで、",
        "12月7日、月曜日まで、",
    } <= set(texts)
