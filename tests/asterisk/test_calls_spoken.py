"""Staff hear a message by telephone; a caller says はい, and it counts like the key."""

import asyncio
from collections.abc import Mapping

import pytest

from tests.asterisk.desk import PATIENCE, Desk, Person, Running, Scenario, until
from tests.asterisk.sayings import RETURN
from tests.speech import speak

SHOP, STAFF, RULES = "05031859076", "05031859075", "05031859074"
LEAVE, THANKS = "発信音の後に、お話しください。", "ありがとうございました。"
ASK = "メッセージの確認です。暗証番号を押し、最後にシャープを押してください。"
WRONG = "暗証番号が違います。"
CHOICES = (
    "もう一度聞く場合は1を、次へ進む場合は2を、対応済みとする場合は3を、終了する場合は9を押してください。"
)
NO_MORE = "メッセージは、以上です。"
MAY_SAY = "はい、または、いいえ、と、お話しいただくこともできます。"
AGREED = "ご同意いただき、ありがとうございます。"


async def staff_hear_a_message_by_telephone_and_keep_it(desk: Desk) -> None:
    pin = (await asyncio.to_thread(desk.ivr, "pin", "shop-staff")).strip()
    async with desk.caller("09011200001") as caller:
        await caller.dial(SHOP)
        await caller.skips(LEAVE)
        await caller.leaves(RETURN)
        await caller.press("#")
        await caller.hears(THANKS)
    await until(lambda: stored(desk), PATIENCE, "the message is filed")
    async with desk.caller("09011200002") as staff:
        await staff.dial(STAFF)
        await staff.begins_to_hear(ASK)
        await staff.press("000001#")
        await staff.begins_to_hear(WRONG)
        await staff.press(f"{pin}#")
        await staff.hears("新しいメッセージは、", "1件です。", "本日、")
        await staff.hears("お電話番号は、", "ゼロ", "キュー", "ゼロ", "イチ", "イチ")
        await staff.hears_sound(speak(RETURN), "what the caller said")
        await staff.begins_to_hear(CHOICES)
        await staff.press("2")
        await staff.hears(NO_MORE, "失礼いたします。")
        await staff.is_hung_up()
    rows = desk.rows("SELECT heard_by LIKE 'telephone %', cleared_at FROM messages WHERE line = 'shop'")
    assert rows == [(1, None)]
    (callback,) = await desk.callbacks_of("+819011200001")
    assert callback["state"] == "open"
    for log in (desk.data / "logs").glob("*.log"):
        assert pin not in log.read_text("utf-8"), log.name


def stored(desk: Desk) -> bool:
    return desk.rows("SELECT state FROM messages WHERE line = 'shop'") == [("stored",)]


async def a_caller_says_yes(desk: Desk) -> None:
    speak("はい")
    async with desk.caller("09011200003") as caller:
        await caller.dial(RULES)
        await caller.hears(MAY_SAY)
        await asyncio.sleep(0.5)  # people take a moment to answer
        saying = asyncio.create_task(_again_and_again(caller, "はい"))
        await caller.hears(AGREED)
        saying.cancel()
        await caller.is_hung_up()
    call = await desk.call_of("+819011200003")
    assert call["path"] == ["rules", "1", "agreed", "bye"]


async def _again_and_again(caller: Person, word: str) -> None:
    """On a busy machine the first may be understood too late."""
    while True:
        await caller.says(word)
        await asyncio.sleep(4)


SCENARIOS: tuple[Scenario, ...] = (staff_hear_a_message_by_telephone_and_keep_it, a_caller_says_yes)
pytestmark = pytest.mark.timeout(600)  # the scenarios before it, too


@pytest.mark.parametrize("scenario", [one.__name__ for one in SCENARIOS])
async def test_spoken(running: Mapping[str, Running], scenario: str) -> None:
    await running[scenario]
