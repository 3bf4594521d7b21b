"""What becomes of a closing in the jobs process: its sentence is spoken, the fallback's bundle is closed."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ivr import app, closings
from ivr.settings import Settings, load
from ivr.sounds import LiveSounds
from ivr.store.database import Store
from ivr.upkeep import Upkeep
from tests.hours_helpers import jst
from tests.messages_helpers import ManualClock

NOW = jst("2026-11-24 11:00")
# Open at all times, so that there is no greeting but that of the closing.
LINE = """\
line: {tenant: shop, name: 山田商店, numbers: ["050-3185-9080"]}
hours:
  office: {zone: Asia/Tokyo, weekly: {月-日: "00:00-24:00"}}
start: office
steps:
  office: {type: hours, hours: office, open: welcome, closed: message}
  welcome: {type: play, say: はい。, next: bye}
  message: {type: voicemail, say: "{closed_greeting}", next: welcome}
  bye: {type: hangup}
"""
GREETING = "本日は、台風のため、臨時休業とさせていただいております。午後1時から再開いたします。"
AT_ONCE = "本日は、臨時休業とさせていただいております。"


@dataclass
class Desk:
    settings: Settings
    store: Store
    upkeep: Upkeep

    def is_open(self) -> bool:
        """What the fallback's bundle says of noon."""
        line = json.loads((self.settings.bundle / "lines" / "shop.json").read_text("utf-8"))
        noon = jst("2026-11-24 12:00").timestamp()
        return any(begin <= noon < end for begin, end in line["open"])

    def sound(self, text: str) -> str | None:
        """The name of the audio that a call would play."""
        found = LiveSounds(self.settings).of(text)
        return found and found.path.name


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    (tmp_path / "dialplans").mkdir()
    (tmp_path / "dialplans" / "shop.yaml").write_text(LINE, "utf-8")
    names = {"DATA": "var", "DIALPLANS": "dialplans", "PROMPTS": "recordings"}
    settings = load({f"IVR_{name}": str(tmp_path / path) for name, path in names.items()})
    await asyncio.to_thread(app.prepare, settings)
    store = await Store.open(settings.database_url)
    upkeep = Upkeep(settings, store, ManualClock(NOW))
    try:
        await upkeep.look()
        yield Desk(settings, store, upkeep)
    finally:
        upkeep.voice.shutdown()
        await store.close()


async def test_the_sentence_is_spoken_and_the_bundle_closed_until_it_is_over(desk: Desk) -> None:
    assert desk.is_open()
    async with desk.store.write() as session:
        await closings.close_line(session, "shop", NOW, jst("2026-11-24 13:00"), "台風", "alice", NOW)
    # A caller of this very moment hears no reason, and no wrong word.
    assert desk.sound(GREETING) == desk.sound(AT_ONCE) is not None
    await desk.upkeep.look()
    assert desk.sound(GREETING) not in (None, desk.sound(AT_ONCE))
    assert not desk.is_open()
    calendar = desk.upkeep.lines.calendar("shop", "office")
    assert calendar is not None and not calendar.state(NOW).open
    async with desk.store.write() as session:
        assert await closings.reopen_line(session, "shop", "bob", NOW) == 1
    await desk.upkeep.look()
    assert desk.is_open()
