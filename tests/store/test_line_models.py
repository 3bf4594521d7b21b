"""The model of a line: changed at any time, refused with an alarm, and the last good one stands in."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from ivr.messages.transcription import Transcription
from ivr.store import alarms, messages, model_uses, stages
from ivr.store.database import Store
from ivr.store.tables import Alarm
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.messages_helpers import EVENING, ManualClock, said


class Desk:
    def __init__(self, store: Store, recordings: Path) -> None:
        self.store, self.recordings, self.clock = store, recordings, ManualClock()
        self.transcriber = FakeTranscriber(recordings, {})
        self.transcriber.models = {"small", "large"}
        self.transcription = Transcription(store, recordings, self.transcriber, self.clock)
        self.left = 0
        (recordings / "messages").mkdir(parents=True)

    async def model_of_next(self, line: str = "ecforce") -> str | None:
        """Of the text of a new message; None if it has none yet."""
        self.clock.advance(3)
        self.left += 1
        id = f"01KAM3XJ5M8QW5R0T1V2W3X4{self.left:02}"
        said(self.recordings / "messages" / f"{id}.wav")
        self.transcriber._texts[f"{id}.wav"] = "田中 です"
        row = {"id": id, "call_id": None, "line": line, "tenant": line, "cause": "busy", "number": None}
        row |= {"withheld": "anonymous", "origin": "engine", "audio": f"messages/{id}.wav"}
        async with self.store.write() as session:
            await messages.intend(session, {**row, "created_at": EVENING - timedelta(seconds=20)})
            await messages.stored(session, id, state="stored", ended_at=EVENING, ended_by="key", duration=4.0)
        assert await self.transcription.claim(id, await self.transcription.lease())
        await self.transcription.work(id)
        async with self.store.read() as session:
            return (await messages.get(session, id)).transcript_model

    async def use(self, model: str, line: str | None = None) -> None:
        async with self.store.write() as session:
            await model_uses.use(session, model, line=line, at=self.clock.now(), by="tanaka")

    async def alarms(self) -> Sequence[Alarm]:
        async with self.store.read() as session:
            return await alarms.standing(session)


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return Desk(store, tmp_path / "recordings")


async def test_the_model_of_the_line_then_of_all_lines_then_the_transcribers_own(desk: Desk) -> None:
    assert await desk.model_of_next() == "fake"
    await desk.use("small")
    assert await desk.model_of_next() == "small"
    await desk.use("large", "ecforce")
    assert await desk.model_of_next() == "large"
    assert await desk.model_of_next("ecxchat") == "small"
    await desk.use("small")
    assert await desk.model_of_next() == "small", "what was said last holds, for all lines"
    assert await desk.alarms() == []


@pytest.mark.parametrize("trouble", ["gone", "broken"])
async def test_a_model_that_fails_raises_an_alarm_and_the_last_good_one_stands_in(
    desk: Desk, trouble: str
) -> None:
    await desk.use("small")
    assert await desk.model_of_next() == "small"
    await desk.use("large")
    if trouble == "gone":
        desk.transcriber.models.discard("large")
    else:
        desk.transcriber.broken.add("large")
    assert await desk.model_of_next() == "small"
    (alarm,) = await desk.alarms()
    assert (alarm.key, alarm.tenant) == ("model:large", None)
    assert "「large」" in alarm.text and "ivr model use" in alarm.text
    assert ("見つからない" if trouble == "gone" else "壊れている") in alarm.text
    asked = len(desk.transcriber.asked)
    assert await desk.model_of_next() == "small"
    assert len(desk.transcriber.asked) == asked + 1, "a model that fails is not tried at each message"
    desk.transcriber.models.add("large")
    desk.transcriber.broken.clear()
    desk.clock.advance(30)
    assert await desk.model_of_next() == "large"
    assert await desk.alarms() == []


async def test_without_a_good_one_of_its_own_the_transcribers_stands_in(desk: Desk) -> None:
    await desk.use("nothing")
    assert await desk.model_of_next() == "fake"
    assert [alarm.key for alarm in await desk.alarms()] == ["model:nothing"]


async def test_with_no_model_at_all_the_text_waits_and_the_alarm_says_so(desk: Desk) -> None:
    desk.transcriber.broken.add("fake")
    assert await desk.model_of_next() is None
    (alarm,) = await desk.alarms()
    assert alarm.key == "model:" and "止まって" in alarm.text
    async with desk.store.read() as session:
        (due,) = await stages.due(session, "transcript", desk.clock.now() + timedelta(minutes=2))
    desk.transcriber.broken.clear()
    desk.clock.advance(60)
    assert await desk.transcription.claim(due.message_id, await desk.transcription.lease())
    await desk.transcription.work(due.message_id)
    assert await desk.alarms() == []
