"""Alarms about the public holidays: raised at start and at midnight, and gone when a newer list is taken."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr import app, calendars
from ivr.hours import official
from ivr.settings import Settings, load
from ivr.store import alarms
from ivr.store.database import Store, opened
from ivr.upkeep import Upkeep
from tests.dialplans import changed
from tests.messages_helpers import ManualClock

pytestmark = pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")

# 2027-02-14, 23:00 in Japan: on the 15th the list of 2028 is missed.
EVE = datetime(2027, 2, 14, 14, 0, tzinfo=UTC)
PLAIN = changed("{closed_greeting}", "", changed('17:00"}', '17:00"}\n    holidays: JP'))
SHIPPED = (Path(__file__).parent.parent / "data" / "syukujitsu.csv").read_bytes()
# A list of 2028 in which the Diet has moved a holiday to a Wednesday.
NEWER = SHIPPED.rstrip() + "\r\n2028/1/1,元日\r\n2028/3/8,特別な休日\r\n2028/11/23,勤労感謝の日\r\n".encode(
    "cp932"
)


class Desk:
    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store, self.clock = settings, store, ManualClock(EVE)
        self.upkeep = Upkeep(settings, store, self.clock)

    async def alarms(self) -> dict[str, str]:
        async with self.store.read() as session:
            found = {alarm.key: alarm.text for alarm in await alarms.standing(session)}
        return {key: text for key, text in found.items() if key.startswith("holidays:")}


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is spoken and sounds for one test, the next has."""
    made = tmp_path_factory.mktemp("voice")
    for name in ("prompts", "sounds"):
        (made / name).mkdir()
    return made


@pytest.fixture
async def desk(tmp_path: Path, voice: Path) -> AsyncIterator[Desk]:
    (tmp_path / "dialplans").mkdir()
    (tmp_path / "dialplans" / "shop.yaml").write_text(PLAIN, "utf-8")
    names = {"DATA": "var", "DIALPLANS": "dialplans", "PROMPTS": "recordings"}
    settings = load({f"IVR_{name}": str(tmp_path / path) for name, path in names.items()})
    settings.data.mkdir()
    for name in ("prompts", "sounds"):
        (settings.data / name).symlink_to(voice / name)
    app.prepare(settings)
    official.use(settings.holidays)
    async with opened(settings.database_url) as store:
        found = Desk(settings, store)
        yield found
        found.upkeep.voice.shutdown()
    official.use(tmp_path / "none")


async def test_from_midnight_until_a_newer_list_is_taken(desk: Desk, tmp_path: Path) -> None:
    await desk.upkeep.look()
    assert await desk.alarms() == {}
    desk.clock.advance(3600)
    await desk.upkeep.look()
    assert await desk.alarms() == {}, "the first second of the 15th is not over"
    desk.clock.advance(2)
    await desk.upkeep.look()
    standing = await desk.alarms()
    assert standing.keys() == {"holidays:missing"}
    assert "2028年の祝日がありません" in standing["holidays:missing"]

    calendar = desk.upkeep.lines.calendar("shop", "office")
    assert calendar is not None
    wednesday = datetime(2028, 3, 8, 3, 0, tzinfo=UTC)
    assert calendar.state(wednesday).open
    (tmp_path / "newer.csv").write_bytes(NEWER)
    await calendars.update_holidays(desk.settings, tmp_path / "newer.csv")
    await desk.upkeep.look()
    # 2028 is listed with three days only, and the law as computed knows more.
    assert (await desk.alarms()).keys() == {"holidays:different"}
    calendar = desk.upkeep.lines.calendar("shop", "office")
    assert calendar is not None
    assert not calendar.state(wednesday).open
    assert calendar.state(wednesday).reason.name == "特別な休日"


async def test_at_start(desk: Desk) -> None:
    desk.clock.advance(timedelta(days=30).total_seconds())
    await desk.upkeep.look()
    assert (await desk.alarms()).keys() == {"holidays:missing"}
