"""A dialplan that is saved while people telephone: who is in a call ends on the old one, the next hears the new."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.asterisk.conftest import OPEN
from tests.asterisk.desk import PATIENCE, Desk, running, until

NUMBER = "05031859080"
OLD, NEW = "お電話ありがとうございます。こちらは、古い案内でございます。", "新しい案内でございます。"
LEAVE = "発信音の後に、ご用件をお話しください。"
OLD_THANKS, NEW_THANKS = "承りました。古い案内を終わります。", "承りました。新しい案内を終わります。"
LINE = f"""\
line: {{tenant: ecforce, name: 試験, numbers: ["050-3185-9080"]}}
hours:
  office: {{zone: Asia/Tokyo, weekly: {{月-金: "10:00-17:00"}}}}
start: welcome
steps:
  welcome: {{type: play, say: {OLD}, next: message}}
  message: {{type: voicemail, say: {LEAVE}, max: 30s, next: thanks}}
  thanks: {{type: play, say: {OLD_THANKS}, next: bye}}
  bye: {{type: hangup}}
"""
CHANGED = LINE.replace(OLD, NEW).replace(OLD_THANKS, NEW_THANKS)
BROKEN = CHANGED.replace("next: message", "nxt: message")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, spoken_prompts: Path) -> Iterator[Desk]:
    base = tmp_path_factory.mktemp("publish")
    (base / "dialplans").mkdir()
    (base / "dialplans" / "test.yaml").write_text(LINE, "utf-8")
    with running(base, OPEN, spoken_prompts, dialplans=base / "dialplans", agents={}) as made:
        yield made


async def hears(desk: Desk, number: str, greeting: str) -> None:
    async with desk.caller(number) as caller:
        await caller.dial(NUMBER)
        await caller.begins_to_hear(greeting)


async def test_saved_broken_and_rolled_back_while_people_telephone(desk: Desk) -> None:
    file = desk.base / "dialplans" / "test.yaml"

    def live() -> str:
        return str(desk.rows("SELECT dialplan FROM lines")[0][0])

    async def taken_in(before: str) -> bool:
        """The new version is live, and the engine has it."""
        return live() != before and not desk.rows("SELECT id FROM orders WHERE done_at IS NULL")

    first = live()
    async with desk.caller("09011360001") as caller:
        await caller.dial(NUMBER)
        await caller.begins_to_hear(OLD)
        file.write_text(CHANGED, "utf-8")
        await until(lambda: taken_in(first), PATIENCE, "the saved file is live")
        await hears(desk, "09011360002", NEW)
        await caller.leaves("田中です。折り返しお電話ください")
        await caller.press("#")
        await caller.hears(OLD_THANKS)
        await caller.is_hung_up()
    second = live()

    file.write_text(BROKEN, "utf-8")

    async def refused() -> bool:
        return bool(desk.rows("SELECT id FROM alarms WHERE key = 'dialplan:test' AND cleared_at IS NULL"))

    await until(refused, PATIENCE, "the broken file is an alarm")
    assert "dialplans/test.yaml:6:" in desk.ivr("alarms")
    assert 'unknown key "nxt"; did you mean "next"?' in desk.ivr("alarms")
    await hears(desk, "09011360003", NEW)

    desk.ivr("rollback", "test", first[:8], "--by", "tanaka", "--why", "戻す")
    assert file.read_text("utf-8") == LINE
    await until(lambda: taken_in(second), PATIENCE, "the version before is live")
    assert live() == first
    await until(lambda: desk.ivr("alarms") == "nothing yet\n", PATIENCE, "the alarm is over")
    await hears(desk, "09011360004", OLD)
    assert desk.rows("SELECT hash, by, why FROM publications ORDER BY id") == [
        (first, "start", "found at the start"),
        (second, "file", "changed on disk"),
        (first, "tanaka", "戻す"),
    ]
    calls = {call["number"]: call["outcome"] for call in await desk.get("calls?limit=100")}
    assert calls["+819011360001"] == "message"
