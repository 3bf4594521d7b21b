"""The jobs process over its files: what is saved is taken in or refused in public, and rolled back by name."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr import app, editing
from ivr.errors import Conflict, DialplanError, NotFound
from ivr.prompts.library import recording_name
from ivr.settings import Settings, load
from ivr.sounds import LiveSounds
from ivr.store import alarms, orders
from ivr.store import dialplans as shelf
from ivr.store.database import Store, opened
from ivr.upkeep import Upkeep
from tests.dialplans import changed
from tests.messages_helpers import ManualClock

pytestmark = pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # Tuesday 11:00 in Tokyo
# Without what changes from day to day, so that the voice has little to say.
PLAIN = changed("{closed_greeting}", "")
OTHER = changed("050-3185-9080", "03-3581-4111", PLAIN)
HOURS = """\
hours:
  office:
    zone: Asia/Tokyo
    weekly: {月-金: "10:00-17:00"}
"""
USER = PLAIN.replace(HOURS, "use: [japan]\n")


def settings_in(folder: Path) -> Settings:
    (folder / "dialplans").mkdir(exist_ok=True)
    names = {"DATA": "var", "DIALPLANS": "dialplans", "PROMPTS": "recordings"}
    return load({f"IVR_{name}": str(folder / path) for name, path in names.items()})


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables, sounds and the prompts that all tests need: made once."""
    folder = tmp_path_factory.mktemp("template")
    settings = settings_in(folder)
    app.prepare(settings)
    (settings.dialplans / "shop.yaml").write_text(PLAIN, "utf-8")

    async def publish() -> None:
        async with opened(settings.database_url) as store:
            upkeep = Upkeep(settings, store, ManualClock(NOW))
            await upkeep.look()
            upkeep.voice.shutdown()

    asyncio.run(publish())
    for path in [*settings.data.glob("ivr.db*"), *settings.data.glob("bundle*"), settings.data / "asterisk"]:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    app.prepare(settings)
    return folder


class Desk:
    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.clock = ManualClock(NOW)
        self.upkeep = Upkeep(settings, store, self.clock)

    def write(self, key: str, text: str) -> None:
        path = self.settings.dialplans / f"{key}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        self.upkeep.watch.due = True  # as the watch says when the files have come to rest

    def text(self, key: str) -> str:
        return (self.settings.dialplans / f"{key}.yaml").read_text("utf-8")

    async def look(self) -> None:
        await self.upkeep.look()

    async def history(self, line: str = "shop") -> list[tuple[str, str | None, bool]]:
        async with self.store.read() as session:
            return [(one.by, one.why, one.live) for one in await editing.history(session, line)]

    async def hash(self, line: str = "shop") -> str:
        async with self.store.read() as session:
            found = await shelf.live_hash(session, line)
        assert found is not None
        return found

    async def alarms(self) -> list[str]:
        async with self.store.read() as session:
            return [row.key for row in await alarms.standing(session) if not row.key.startswith("holiday")]

    async def ordered(self, kind: str) -> int:
        async with self.store.read() as session:
            return len([order for order in await orders.pending(session, "engine") if order.kind == kind])

    async def roll_back(self, hash: str, *, why: str | None = None, shared: bool = False) -> None:
        """As page and command do, while the jobs process works."""
        rolling = asyncio.create_task(
            editing.roll_back(
                self.settings, self.store, "shop", hash, by="tanaka", why=why, now=NOW, shared=shared
            )
        )
        async with asyncio.timeout(60):
            while not rolling.done():
                await self.look()
                await asyncio.wait([rolling], timeout=0.02)
        await rolling


@pytest.fixture
async def desk(tmp_path: Path, template: Path) -> AsyncIterator[Desk]:
    shutil.copytree(template, tmp_path, symlinks=True, dirs_exist_ok=True)
    settings = settings_in(tmp_path)
    store = await Store.open(settings.database_url)
    made = Desk(settings, store)
    try:
        await made.look()
        yield made
    finally:
        made.upkeep.voice.shutdown()
        await store.close()


async def test_what_is_saved_is_taken_in(desk: Desk) -> None:
    assert await desk.history() == [("start", "found at the start", True)]
    before = await desk.hash()
    desk.write("shop", changed("capacity: 2", "capacity: 5", PLAIN))
    await desk.look()
    assert await desk.hash() != before
    assert await desk.history() == [("file", "changed on disk", True), ("start", "found at the start", False)]
    assert not desk.upkeep.watch.due


async def test_a_full_disk_is_an_alarm_within_a_minute(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await desk.alarms() == []
    with monkeypatch.context() as full:
        full.setattr("ivr.alerts.ROOM", 10**18)
        desk.clock.advance(60)
        await desk.look()
        assert await desk.alarms() == ["disk"]
    desk.clock.advance(59)
    await desk.look()
    assert await desk.alarms() == ["disk"]
    desk.clock.advance(1)
    await desk.look()
    assert await desk.alarms() == []


async def test_a_bad_file_is_refused_in_public_until_it_is_good(desk: Desk) -> None:
    before = await desk.hash()
    desk.write("shop", changed("capacity: 2", "capcity: 5", PLAIN))
    await desk.look()
    assert await desk.alarms() == ["dialplan:shop"]
    async with desk.store.read() as session:
        (alarm,) = [row for row in await alarms.standing(session, "shop")]
    assert alarm.text.endswith(
        'dialplans/shop.yaml:5:3: line: unknown key "capcity"; did you mean "capacity"?'
    )
    assert await desk.hash() == before
    desk.write("shop", changed("capacity: 2", "capacity: 5", PLAIN))
    await desk.look()
    assert await desk.alarms() == []
    assert await desk.hash() != before


async def test_a_directory_without_dialplans_is_an_alarm_and_takes_nothing_away(desk: Desk) -> None:
    before = await desk.hash()
    (desk.settings.dialplans / "shop.yaml").rename(desk.settings.data / "shop.yaml")
    desk.upkeep.watch.due = True
    await desk.look()
    assert (await desk.hash(), await desk.alarms()) == (before, ["dialplan:"])
    desk.write("shop", PLAIN)
    await desk.look()
    assert await desk.alarms() == []


async def test_who_orders_is_named_though_the_file_has_changed_too(desk: Desk) -> None:
    desk.write("shop", changed("capacity: 2", "capacity: 5", PLAIN))
    async with desk.store.write() as session:
        data = {"by": "tanaka", "why": "増席", "line": "shop"}
        await orders.put(session, "jobs", "publish", data, NOW)
    await desk.look()
    assert await desk.history() == [("tanaka", "増席", True), ("start", "found at the start", False)]


async def test_who_publishes_soon_after_saving_signs_what_the_watch_has_taken_in(desk: Desk) -> None:
    async def publish(by: str, line: str | None) -> None:
        async with desk.store.write() as session:
            await orders.put(session, "jobs", "publish", {"by": by, "why": "年末", "line": line}, NOW)
        await desk.look()

    desk.clock.advance(7200)
    desk.write("shop", changed("capacity: 2", "capacity: 5", PLAIN))
    desk.write("other", OTHER)
    await desk.look()
    await publish("tanaka", "shop")
    assert await desk.history() == [("tanaka", "年末", True), ("start", "found at the start", False)]
    assert await desk.history("other") == [("file", "changed on disk", True)]
    desk.clock.advance(60)
    await publish("suzuki", None)
    assert await desk.history() == [("tanaka", "年末", True), ("start", "found at the start", False)]
    assert await desk.history("other") == [("suzuki", "年末", True)]


async def test_what_was_there_at_the_start_is_signed_by_nobody(desk: Desk) -> None:
    async with desk.store.write() as session:
        await orders.put(session, "jobs", "publish", {"by": "tanaka", "why": "x", "line": None}, NOW)
    await desk.look()
    assert await desk.history() == [("start", "found at the start", True)]


async def test_what_was_taken_in_long_ago_is_signed_by_nobody(desk: Desk) -> None:
    desk.write("shop", changed("capacity: 2", "capacity: 5", PLAIN))
    await desk.look()
    desk.clock.advance(3601)
    async with desk.store.write() as session:
        await orders.put(session, "jobs", "publish", {"by": "tanaka", "why": None, "line": None}, NOW)
    await desk.look()
    assert (await desk.history())[0] == ("file", "changed on disk", True)


async def test_a_file_of_another_line_fails_no_order_for_this_one(desk: Desk) -> None:
    desk.write("other", "start: [")
    for line, failed in (("shop", False), ("other", True), (None, True)):
        async with desk.store.write() as session:
            data = {"by": "tanaka", "why": None, "line": line}
            number = await orders.put(session, "jobs", "publish", data, NOW)
        await desk.look()
        async with desk.store.read() as session:
            order = await orders.get(session, number)
        assert order is not None and order.done_at is not None
        assert (order.error is not None) == failed


async def test_back_to_an_older_version_and_the_file_goes_back_too(desk: Desk) -> None:
    first = await desk.hash()
    desk.write("shop", changed("capacity: 2", "capacity: 5", PLAIN))
    await desk.look()
    await desk.roll_back(first[:10], why="戻す")
    assert desk.text("shop") == PLAIN
    assert await desk.hash() == first
    assert (await desk.history())[0] == ("tanaka", "戻す", True)
    with pytest.raises(NotFound, match='line "shop" never had a dialplan "abc"'):
        await desk.roll_back("abc")


async def test_back_from_a_broken_file(desk: Desk) -> None:
    first = await desk.hash()
    desk.write("shop", "start: [")
    await desk.look()
    await desk.roll_back(first)
    assert desk.text("shop") == PLAIN
    assert await desk.alarms() == []


async def test_shared_files_go_back_for_all_lines_or_not_at_all(desk: Desk) -> None:
    desk.write("shared/japan", HOURS)
    desk.write("shop", USER)
    desk.write("other", OTHER.replace(HOURS, "use: [japan]\n"))
    await desk.look()
    first = await desk.hash()
    other = await desk.hash("other")
    later = HOURS.replace("17:00", "18:00")
    desk.write("shared/japan", later)
    await desk.look()
    assert await desk.hash() != first
    with pytest.raises(
        Conflict, match=r"shared/japan\.yaml was another at that time, and other lines may use it"
    ):
        await desk.roll_back(first)
    assert (desk.text("shared/japan"), desk.text("shop")) == (later, USER)
    await desk.roll_back(first, shared=True)
    assert (desk.text("shared/japan"), desk.text("shop")) == (HOURS, USER)
    assert (await desk.hash(), await desk.hash("other")) == (first, other)


async def test_a_version_that_would_not_pass_today_stays_in_the_past(desk: Desk) -> None:
    first = await desk.hash()
    desk.write("shop", changed("050-3185-9080", "06-6941-0351", PLAIN))
    desk.write("other", changed("03-3581-4111", "050-3185-9080", OTHER))
    await desk.look()
    before = desk.text("shop")
    with pytest.raises(DialplanError, match='"050-3185-9080" belongs to the line "other" too'):
        await desk.roll_back(first)
    assert desk.text("shop") == before


async def test_asterisk_reads_again_only_what_is_new_to_it(desk: Desk) -> None:
    """Each time holds up the reload of the next publish."""
    assert await desk.ordered("asterisk") == 1
    desk.write("shop", changed("capacity: 2", "capacity: 5", PLAIN))
    await desk.look()
    assert (await desk.ordered("asterisk"), await desk.ordered("reload")) == (1, 2)
    desk.write("other", OTHER)
    await desk.look()
    assert await desk.ordered("asterisk") == 2


THANKS = "お電話ありがとうございました。"


async def test_the_engine_hears_other_readings_at_the_reload(desk: Desk) -> None:
    sounds = LiveSounds(desk.settings)
    before = sounds.of(THANKS)
    assert before is not None
    desk.write("readings", "ございました: ございましたあ\n")
    await desk.look()
    assert sounds.of(THANKS) == before
    reloads = await desk.ordered("reload")
    sounds.reload()
    after = sounds.of(THANKS)
    assert reloads == 2 and after is not None
    assert after.path != before.path and after.seconds > before.seconds
    assert LiveSounds(desk.settings).of(THANKS) == after, "also after a restart"


async def test_a_call_on_an_older_version_keeps_its_prompts_under_other_readings(desk: Desk) -> None:
    sounds = LiveSounds(desk.settings)
    desk.write("shop", changed(THANKS, "お電話を、ありがとうございました。", PLAIN))
    desk.write("readings", "ございました: ございまし、た\n")
    await desk.look()
    sounds.reload()
    old = sounds.of(THANKS)
    assert old is not None and old.path.with_suffix(".wav").exists()
    assert sounds.of("誰も言わない言葉") is None


async def test_a_recording_of_another_length_is_known_at_the_reload(desk: Desk) -> None:
    sounds = LiveSounds(desk.settings)
    spoken = sounds.of(THANKS)
    assert spoken is not None
    desk.settings.prompts.mkdir()
    silence = desk.settings.sounds / "silence.wav"
    shutil.copy(silence, desk.settings.prompts / f"{recording_name(THANKS)}.wav")
    desk.upkeep.watch.due = True
    await desk.look()
    assert await desk.ordered("reload") == 2
    sounds.reload()
    recorded = sounds.of(THANKS)
    assert recorded is not None
    assert (recorded.path, recorded.seconds) == (spoken.path, 1.0)
