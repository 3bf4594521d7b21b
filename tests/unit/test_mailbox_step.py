"""What `ivr check` says of steps by which staff hear messages."""

import pytest

from ivr.dialplan.check import check_all
from ivr.dialplan.load import load_text
from ivr.dialplan.texts import all_texts
from ivr.steps import STEPS
from tests.dialplans import SHOP, TODAY, refused

STAFF = """\
line: {tenant: shop, name: メッセージ確認, numbers: ["050-3185-9078"]}
start: messages
steps:
  messages:
    type: mailbox
    lines: [shop]
    next: done
    otherwise: done
  done: {type: play, say: 失礼いたします。, next: bye}
  bye: {type: hangup}
"""


def problems(staff: str) -> list[str]:
    plans = {key: load_text(f"{key}.yaml", text, STEPS) for key, text in (("shop", SHOP), ("staff", staff))}
    return [str(each) for each in check_all({f"{key}.yaml": plan for key, plan in plans.items()}, TODAY)]


def test_a_number_of_staff_hears_the_lines_it_names() -> None:
    assert problems(STAFF) == []
    assert problems(STAFF.replace("    lines: [shop]\n", "")) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[shop]", "[shpo]", 'there is no line "shpo" without errors; did you mean "shop"?'),
        ("[shop]", "[shop, shop]", '"shop" stands here twice'),
        ("tenant: shop", "tenant: other", 'the line "shop" is of another tenant, "shop"'),
    ],
)
def test_lines_that_are_not_heard(old: str, new: str, problem: str) -> None:
    (told,) = problems(STAFF.replace(old, new))
    place = "6:19" if "twice" in problem else "6:13"
    assert told == f'staff.yaml:{place}: mailbox "messages": lines: {problem}'


def test_a_number_to_ring_is_nothing_that_the_dialplan_says() -> None:
    (told,) = refused(STAFF.replace("lines: [shop]", "ring_back: 090-1234-5678"))
    assert told.endswith('ring_back: "090-1234-5678" is neither "true" nor "false"')


def test_all_that_staff_can_hear_is_spoken_before_it_is_live() -> None:
    texts = all_texts(load_text("staff.yaml", STAFF, STEPS), TODAY, 1)
    assert {
        "メッセージの確認です。暗証番号を押し、最後にシャープを押してください。",
        "0件です。",
        "20件以上です。",
        "昨日、",
        "ついたち、",
        "午後11時",
        "59分",
        "公衆電話からのお電話です。",
        "キュー",
    } <= set(texts)
    assert "お客様に電話をかける場合は4を押してください。" not in texts
    ringing = STAFF.replace("lines: [shop]", "ring_back: true")
    assert "お客様に電話をかける場合は4を押してください。" in all_texts(
        load_text("staff.yaml", ringing, STEPS), TODAY, 1
    )
