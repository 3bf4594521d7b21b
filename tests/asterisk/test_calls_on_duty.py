"""An emergency while the line is closed: who is on duty is rung, accepts, and is the first to be rung when that customer calls again."""

from collections.abc import Mapping

import pytest

from tests.asterisk.desk import PATIENCE, Desk, Person, Running, Scenario, until
from tests.asterisk.sayings import CONNECTING, LOGIN

NUMBER, CUSTOMER = "05031859094", "09011330001"
CHOICE = "担当者におつなぎする場合は1を、留守番電話は2を押してください。"
SPEAK = "発信音の後に、お話しください。"
REVIEW = "この内容でよろしければ1を、録音し直す場合は2を、緊急の場合は9を2回押してください。そのままお切りいただいても、メッセージは承ります。"
CRITICAL = "緊急のご用件として承りました。"
ASK = "当番の担当者へのお電話です。緊急の折り返しの受付がございます。対応される場合は1を、対応できない場合は2を押してください。"
WINDOW = "窓口は、夜間窓口です。"
WHERE = "折り返しの画面で、この受付番号をお開きください。"


async def an_emergency_rings_who_is_on_duty_who_then_holds_it(desk: Desk) -> None:
    async with (
        desk.agent("ogawa", answers=False) as first,
        desk.agent("kimura", answers=False) as second,
        desk.agent("sasaki", answers=False) as group,
        desk.caller(CUSTOMER) as caller,
    ):
        await _declares_an_emergency(caller)
        await _rings(first)
        assert not _rang(second), "one after the other"
        await first.hang_up()  # declines
        await _rings(second)
        await second.telephone.accept()
        await second.begins_to_hear(ASK)
        await second.press("1")
        await second.hears("承りました。", "受付番号は、")
        await second.hears(WINDOW, "繰り返します。", WINDOW, WHERE)
        await second.is_hung_up()
        (callback,) = await desk.callbacks_of(f"+81{CUSTOMER[1:]}")
        assert (callback["priority"], callback["state"]) == ("critical", "claimed")
        rings = desk.rows("SELECT agent, turn, outcome FROM duty_rings ORDER BY turn")
        assert rings == [("ogawa", 1, "failed"), ("kimura", 2, "accepted")]

        # The same customer calls again: kimura, who is not in the group, is rung, and the group is not.
        await caller.dial(NUMBER)
        await caller.begins_to_hear(CHOICE)
        await caller.press("1")
        await caller.begins_to_hear(CONNECTING)
        await second.telephone.wait_for("CALL_INCOMING")
        await second.telephone.accept()
        talk = await until(lambda: desk.talk_of("kimura"), PATIENCE, "the two talk")
        assert talk == {"kimura", CUSTOMER} and not _rang(group)
        await caller.hang_up()
        await second.is_hung_up()


async def _declares_an_emergency(caller: Person) -> None:
    await caller.dial(NUMBER)
    await caller.begins_to_hear(CHOICE)
    await caller.press("2")
    await caller.begins_to_hear(SPEAK)
    await caller.leaves(LOGIN)
    await caller.press("#")
    await caller.begins_to_hear(REVIEW)
    await caller.press("99")
    await caller.hears(CRITICAL)
    await caller.is_hung_up()


async def _rings(person: Person) -> None:
    """With the line's own number."""
    event = await person.telephone.wait_for("CALL_INCOMING")
    assert event["peeruri"].startswith(f"sip:{NUMBER}@"), event


def _rang(person: Person) -> bool:
    return any(event["type"] == "CALL_INCOMING" for event in person.telephone.events)


SCENARIOS: tuple[Scenario, ...] = (an_emergency_rings_who_is_on_duty_who_then_holds_it,)
pytestmark = pytest.mark.timeout(600)  # the scenarios before it, too


@pytest.mark.parametrize("scenario", [one.__name__ for one in SCENARIOS])
async def test_on_duty(running: Mapping[str, Running], scenario: str) -> None:
    await running[scenario]
