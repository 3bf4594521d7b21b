"""Who is rung back by key, and telephones outside: one that answers, and one that is busy."""

from collections.abc import Mapping

import pytest

from tests.asterisk.desk import PATIENCE, Desk, Person, Running, Scenario, until
from tests.asterisk.hearing import tone

CONTACT = "05031859089"
MENU = "折り返しをご希望の方は1を、本社へおつなぎする場合は2を、担当者へおつなぎする場合は3を押してください。"
OFFER = (
    "おかけになっている番号、",
    "に、折り返しお電話いたします。",
    "よろしければ1を、別の番号をご希望の場合は2を押してください。",
)
ASK = "折り返し先のお電話番号を、市外局番から押し、最後にシャープを押してください。"
CONFIRM = (
    "折り返し先のお電話番号は、",
    "でございます。",
    "よろしければ1を、訂正される場合は2を押してください。",
)
WILL_RING = "折り返しのご希望を承りました。"
TICKET = ("受付番号は、", "でございます。", "失礼いたします。")
THROUGH = "おつなぎいたします。そのままお待ちください。"
LEAVE = "発信音の後に、ご用件をお話しください。"
DIGITS = ("ゼロ", "イチ", "ニー", "サン", "ヨン", "ゴー", "ロク", "ナナ", "ハチ", "キュー")


async def a_number_typed_by_keys_is_read_back_and_rung_back_once(desk: Desk) -> None:
    async with desk.caller("09011170001") as caller:
        await caller.dial(CONTACT)
        await caller.press("1")
        await _hears_number(caller, OFFER, "09011170001")
        await caller.press("2")
        await caller.hears(ASK)
        await caller.press("0398765432#")
        await _hears_number(caller, CONFIRM, "0398765432")
        pressed = await caller.press("1")
        await caller.hears(WILL_RING, due=pressed)
        (callback,) = await desk.callbacks_of("+81398765432")
        await _hears_number(caller, TICKET, callback["ticket"])
        await caller.is_hung_up()
    assert (callback["cause"], callback["state"]) == ("asked", "open")
    assert callback["due_at"].startswith("2026-11-24T15:")  # four business hours after 11:00
    assert (callback["path"], callback["message"]) == (["menu", "1", "ring_back"], None)
    call = await desk.call_of("+819011170001")
    assert call["outcome"] == "callback"
    assert call["path"] == ["menu", "1", "ring_back", "thanks", "bye"]
    assert await desk.callbacks_of("+819011170001") == []
    logs = [path.read_bytes() for path in (*(desk.data / "log").iterdir(), desk.base / "run.log")]
    assert len(logs) > 3 and not any(b"398765432" in log for log in logs)


async def a_telephone_outside_answers_and_then_is_busy(desk: Desk) -> None:
    async with desk.agent("t0312345678", answers=False) as outside:
        async with desk.caller("09011170011") as caller:
            await caller.dial(CONTACT)
            pressed = await caller.press("2")
            await caller.hears(THROUGH, due=pressed)
            await outside.telephone.wait_for("CALL_INCOMING")
            await outside.telephone.accept()
            await until(lambda: desk.talk_of("09011170011"), PATIENCE, "the two talk")
            await outside.sounds(tone(1000, 4))
            await caller.hears_sound(tone(1000, 0.5), "the telephone outside")
            await outside.hang_up()
            await caller.is_hung_up()
        async with desk.caller("09011170012") as caller:
            await caller.dial(CONTACT)
            await caller.press("2")
            await outside.telephone.wait_for("CALL_INCOMING")
            await outside.hang_up()
            await caller.hears(LEAVE)
            await caller.hang_up()
    call = await desk.call_of("+819011170011")
    assert (call["outcome"], call["path"]) == ("answered", ["menu", "2", "head_office"])
    call = await desk.call_of("+819011170012")
    assert call["path"] == ["menu", "2", "head_office", "busy_message"]
    assert desk.rows("SELECT cause FROM calls WHERE id = ?", call["id"]) == [("busy",)]


async def _hears_number(caller: Person, around: tuple[str, str, str], number: str) -> None:
    """Digit by digit."""
    await caller.hears(around[0], *(DIGITS[int(digit)] for digit in number), *around[1:])


SCENARIOS: tuple[Scenario, ...] = (
    a_number_typed_by_keys_is_read_back_and_rung_back_once,
    a_telephone_outside_answers_and_then_is_busy,
)
pytestmark = pytest.mark.timeout(600)  # the scenarios before it, too


@pytest.mark.parametrize("scenario", [one.__name__ for one in SCENARIOS])
async def test_outside(running: Mapping[str, Running], scenario: str) -> None:
    await running[scenario]
