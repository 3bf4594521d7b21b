"""臨時休業 by telephone: staff close the line with a PIN, the next caller hears it and leaves a message."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.asterisk.conftest import OPEN
from tests.asterisk.desk import LATE, PATIENCE, Desk, running, until

SHOP, STAFF = "05031859080", "05031859079"
WELCOME, LEAVE = "いらっしゃいませ。ただいま営業中でございます。", "発信音の後に、ご用件をお話しください。"
LINES = {
    "shop": f"""\
line: {{tenant: shop, name: 山田商店, numbers: ["050-3185-9080"]}}
hours:
  office: {{zone: Asia/Tokyo, weekly: {{月-金: "10:00-17:00"}}}}
start: office
steps:
  office: {{type: hours, hours: office, open: welcome, closed: message}}
  welcome: {{type: play, say: {WELCOME}, next: bye}}
  message: {{type: voicemail, say: "{{closed_greeting}}{LEAVE}", max: 20s, silence: 3s, next: thanks}}
  thanks: {{type: play, say: メッセージを承りました。, next: bye}}
  bye: {{type: hangup}}
""",
    "staff": """\
line: {tenant: shop, name: 設定窓口, numbers: ["050-3185-9079"]}
start: staff
steps:
  staff: {type: closing, line: shop, reasons: {"1": 台風, "2": 設備点検}, next: goodbye, otherwise: goodbye}
  goodbye: {type: play, say: 失礼いたします。, next: bye}
  bye: {type: hangup}
""",
}
ASK = "臨時休業の設定です。暗証番号を押し、最後にシャープを押してください。"
WRONG = "暗証番号が違います。"
NOT_SHUT = "現在、臨時休業は設定されていません。"
REASONS = "理由をお選びください。台風は1を、設備点検は2を押してください。"
SURE = "臨時休業とします。よろしければ1を、やり直す場合は2を押してください。"
DONE = "臨時休業に設定しました。"
GREETING = (
    "本日は、台風のため、臨時休業とさせていただいております。"
    "次の営業は、11月25日、水曜日の、午前10時からでございます。"
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, spoken_prompts: Path) -> Iterator[Desk]:
    base = tmp_path_factory.mktemp("closings")
    (base / "dialplans").mkdir()
    for key, text in LINES.items():
        (base / "dialplans" / f"{key}.yaml").write_text(text, "utf-8")
    with running(base, OPEN, spoken_prompts, dialplans=base / "dialplans", agents={}) as made:
        yield made


async def test_closed_by_telephone_until_it_is_opened_by_command(desk: Desk) -> None:
    pin = desk.ivr("pin", "shop").strip()
    async with desk.caller("09011190001") as caller:
        await caller.dial(SHOP)
        await caller.begins_to_hear(WELCOME)
    async with desk.caller("09011190002") as staff:
        await staff.dial(STAFF)
        await staff.begins_to_hear(ASK)
        await staff.press("000001#")
        await staff.begins_to_hear(WRONG)
        await staff.press(f"{pin}#")
        await staff.begins_to_hear(NOT_SHUT)
        await staff.press("1")
        await staff.begins_to_hear(REASONS)
        await staff.press("1")
        await staff.begins_to_hear(SURE)
        pressed = await staff.press("1")
        await staff.hears(DONE, due=pressed)
        # Committed before it was said.
        assert desk.rows("SELECT line, reason, ended_at FROM closures") == [("shop", "台風", None)]
    await until(lambda: taken_in_after(desk), PATIENCE, "the engine knows of it")
    assert taken_in_after(desk) < LATE
    await until(lambda: GREETING in desk.spoken(), PATIENCE, "what callers of today hear is spoken")
    async with desk.caller("09011190003") as caller:
        up = await caller.dial(SHOP)
        await caller.hears(GREETING, due=up)
        await caller.skips(LEAVE)
        await caller.leaves("折り返し お電話 ください")
        await caller.press("#")
        await caller.is_hung_up()
    callback = await desk.callback_of("+819011190003")
    assert (callback["cause"], callback["due_at"]) == ("closed", "2026-11-25T17:00:00+09:00")
    await until(lambda: not fallback_is_open(desk), PATIENCE, "the fallback is closed today")
    desk.ivr("reopen", "shop")
    await until(
        lambda: not desk.rows("SELECT id FROM orders WHERE done_at IS NULL"), PATIENCE, "it is taken in"
    )
    async with desk.caller("09011190004") as caller:
        await caller.dial(SHOP)
        await caller.begins_to_hear(WELCOME)
    await until(lambda: fallback_is_open(desk), PATIENCE, "the fallback is open again")
    for log in (desk.data / "logs").glob("*.log"):
        assert pin not in log.read_text("utf-8"), log.name


def taken_in_after(desk: Desk) -> float:
    """Seconds from the commit of the closing until the engine had it; 0 while it has it not."""
    newest = "SELECT created_at, done_at FROM orders WHERE recipient = 'engine' AND kind = 'reload' ORDER BY id DESC"
    begun, done = desk.rows(newest)[0]
    return (datetime.fromisoformat(done) - datetime.fromisoformat(begun)).total_seconds() if done else 0.0


def fallback_is_open(desk: Desk) -> bool:
    """At noon of the day on which the clock of the instance stands."""
    line = json.loads((desk.data / "bundle" / "lines" / "shop.json").read_text("utf-8"))
    noon = 1795489200  # 2026-11-24T12:00+09:00
    return any(begin <= noon < end for begin, end in line["open"])
