"""What a line no longer keeps is deleted by the clock, and nothing that is still needed."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from ivr.call import CallbackPromise
from ivr.dialplan.retention import RetentionRules
from ivr.messages.reconciler import Reconciler
from ivr.messages.retention import Retention
from ivr.messages.sidecar import Facts, Sidecar
from ivr.store import calls, messages, stages
from ivr.store.database import Store
from ivr.store.tables import (
    CallbackEvent,
    CallbackRow,
    CallRow,
    ContactRow,
    Deletion,
    Delivery,
    DialRow,
    MessageRow,
)
from tests.messages_helpers import ManualClock, calendars, e164, publish
from tests.store.rows import NOON, TOKYO, after, call, message, transcript

Rules = dict[str, tuple[RetentionRules, ZoneInfo]]
SOUND = b"RIFF what a caller said"
SHA256 = hashlib.sha256(SOUND).hexdigest()
WORDS = "もしもし 田中 です"
NUMBER = "+819012345678"


def keeps(line: str = "ecforce", zone: ZoneInfo = TOKYO, **kept: str) -> Rules:
    return {line: (RetentionRules.model_validate(kept), zone)}


class Desk:
    def __init__(self, store: Store, recordings: Path) -> None:
        self.store, self.recordings = store, recordings
        self.clock = ManualClock(NOON)
        self.rules: Rules = {}
        (recordings / "messages").mkdir(parents=True)
        (recordings / "playback").mkdir()
        self.retention = Retention(store, recordings, self.clock, lambda: self.rules)

    def at(self, moment: str) -> None:
        """The clock shows it, in Japan."""
        self.clock.advance((datetime.fromisoformat(moment + "+09:00") - self.clock.now()).total_seconds())

    async def left(self, id: str = "m1", at: datetime = NOON, **changed: Any) -> None:
        """A message whose stages are over and of which everybody was told."""
        for name in (f"messages/{id}.wav", f"messages/{id}-2.wav", f"playback/{id}.mp3"):
            (self.recordings / name).write_bytes(SOUND)
        async with self.store.write() as session:
            await messages.intend(session, message(id, created_at=at, **changed))
            await messages.stored(session, id, state="stored", ended_at=at, ended_by="key", duration=3.0)
            text = {**transcript(WORDS, at), **stages.finished("reading", at), "reading": {"text": WORDS}}
            await stages.done(session, "transcript", id, text, at)
            made = {"playback": f"playback/{id}.mp3", "peaks": [0.5], "playback_start": 0.0}
            await stages.done(session, "audio", id, made, at)
            await stages.sealed(session, id, SHA256)
            (await messages.get(session, id)).told_at = at

    async def callback(self, state: str, ticket: str = "1234", **changed: Any) -> None:
        about = {"ticket": ticket, "line": "ecforce", "tenant": "ecforce", "number": NUMBER, "name": "田中"}
        about |= {"cause": "closed", "priority": "medium", "path": [], "created_at": NOON, **changed}
        async with self.store.write() as session:
            session.add(CallbackRow(state=state, result="折り返し済み", **about))
            await session.flush()
            told = {"source": "message", "told_ticket": ticket, "matter": "ログインできない"}
            session.add(ContactRow(**about, **told))
            session.add(
                CallbackEvent(ticket=ticket, at=NOON, who="sato", what="done", why="田中様に連絡済み")
            )
            dial = {"ticket": ticket, "tenant": "ecforce", "line": "ecforce", "number": NUMBER}
            session.add(DialRow(**dial, agent="sato", by_hand=False, key=f"{ticket}-1", began_at=NOON))

    async def delivery(self, state: str, key: str = "k1", **changed: Any) -> None:
        row = {
            "tenant": "ecforce",
            "line": "ecforce",
            "event": "message",
            "subject": "m1",
            "message_id": "m1",
        }
        row |= {"channel": "mail", "target": "desk@example.co.jp", "key": key, "state": state, "attempts": 1}
        row |= {
            "data": {"include": ["matter"], "about": "至急", "since": NOON.isoformat()},
            "created_at": NOON,
        }
        async with self.store.write() as session:
            session.add(Delivery(**{**row, "answer": "250 ok", **changed}))

    async def row(self, id: str = "m1") -> MessageRow:
        async with self.store.read() as session:
            return await messages.get(session, id)

    async def one(self, table: Any) -> Any:
        async with self.store.read() as session:
            return (await session.scalars(select(table))).one()

    async def proofs(self) -> list[tuple[str, str, str | None]]:
        async with self.store.read() as session:
            rows = (await session.scalars(select(Deletion).order_by(Deletion.id))).all()
        assert all(row.at is not None and row.by == "retention" for row in rows)
        return [(row.kind, row.subject, row.sha256) for row in rows]

    def files(self) -> list[str]:
        return sorted(path.name for path in self.recordings.rglob("*") if path.is_file())


@pytest.fixture
async def desk(store: Store, tmp_path: Path) -> AsyncIterator[Desk]:
    yield Desk(store, tmp_path / "recordings")


async def test_without_a_rule_everything_is_kept(desk: Desk) -> None:
    await desk.left()
    desk.at("2086-11-24T12:00")
    desk.rules = keeps("another", audio="0", text="0", calls="0")
    assert await desk.retention.round() == 0
    assert (await desk.row()).transcript_text == WORDS
    assert len(desk.files()) == 3


async def test_audio_goes_after_its_days_with_a_proof(desk: Desk) -> None:
    await desk.left()
    desk.rules = keeps(audio="90d")
    desk.at("2027-02-22T23:59")
    await desk.retention.round()
    assert (await desk.row()).audio_deleted_at is None, "the 90th day is not over"
    desk.at("2027-02-23T00:01")
    assert await desk.retention.round() == 1
    row = await desk.row()
    assert (row.playback, row.peaks, row.audio_state) == (None, None, "deleted")
    assert row.audio_reason == "保存期間が過ぎたため削除しました（2027年2月23日）"
    assert (row.transcript_text, row.transcript_state) == (WORDS, "done"), "text stays as long as it likes"
    assert desk.files() == []
    async with desk.store.read() as session:
        (proof,) = (await session.scalars(select(Deletion))).all()
    assert (proof.kind, proof.subject, proof.sha256) == ("audio", "m1", SHA256)
    assert (proof.tenant, proof.line, proof.why) == ("ecforce", "ecforce", "line ecforce keeps audio 90d")
    assert await desk.retention.round() == 0, "once"


async def test_text_goes_with_what_was_read_written_and_told(desk: Desk) -> None:
    await desk.left()
    await desk.callback("done", message_id="m1")
    await desk.delivery("sent")
    desk.rules = keeps(text="1y")
    desk.at("2027-11-24T23:59")
    assert await desk.retention.round() == 0
    desk.at("2027-11-25T00:01")
    assert await desk.retention.round() == 3
    row = await desk.row()
    assert (row.transcript_text, row.transcript_words, row.reading) == (None, None, None)
    assert (row.transcript_state, row.number) == ("deleted", NUMBER)
    assert row.transcript_reason == "保存期間が過ぎたため削除しました（2027年11月25日）"
    found = await desk.one(CallbackRow)
    assert (found.name, found.result, found.number) == (None, None, NUMBER)
    contact = await desk.one(ContactRow)
    assert (contact.name, contact.matter, contact.number) == (None, None, NUMBER)
    assert (await desk.one(CallbackEvent)).why is None
    delivery = await desk.one(Delivery)
    assert (delivery.answer, delivery.data.get("about")) == (None, None)
    assert [kind for kind, _, _ in await desk.proofs()] == ["text", "callback", "delivery"]
    assert len(desk.files()) == 3, "audio stays"


async def test_numbers_go_and_the_call_stays_for_the_statistics(desk: Desk) -> None:
    await desk.left()
    await desk.callback("done", message_id="m1")
    async with desk.store.write() as session:
        await calls.save(session, [call("c1", ended_at=after(60), outcome="message"), call("c2")])
    desk.rules = keeps(calls="2y")
    desk.at("2028-11-25T00:01")
    assert await desk.retention.round() == 3
    async with desk.store.read() as session:
        over, running = (await session.scalars(select(CallRow).order_by(CallRow.id))).all()
    assert (over.number, over.withheld, over.outcome, over.path) == (
        None,
        "deleted",
        "message",
        call("")["path"],
    )
    assert running.number == NUMBER, "nobody knows how it ends"
    assert ((await desk.row()).number, (await desk.one(CallbackRow)).number) == (None, None)
    assert ((await desk.one(ContactRow)).number, (await desk.one(DialRow)).number) == (None, "")
    assert [proof[:2] for proof in await desk.proofs()] == [
        ("call", "c1"),
        ("number", "m1"),
        ("number", "1234"),
    ]
    assert (await desk.one(CallbackRow)).name == "田中", "text has its own time"


@pytest.mark.parametrize("state", ["open", "claimed", "dialing", "talking", "working", "waiting"])
async def test_what_an_open_callback_needs_stays_until_it_is_done(desk: Desk, state: str) -> None:
    await desk.left()
    await desk.callback(state, message_id="m1")
    desk.rules = keeps(audio="0", text="0", calls="0")
    desk.at("2030-01-01T12:00")
    assert await desk.retention.round() == 0
    async with desk.store.write() as session:
        (await session.scalars(select(CallbackRow))).one().state = "done"
    assert await desk.retention.round() == 5
    row = await desk.row()
    assert (row.transcript_text, row.number, desk.files()) == (None, None, [])


async def test_a_message_that_joined_an_open_callback_stays(desk: Desk) -> None:
    await desk.left("m1")
    await desk.left("m2")
    await desk.callback("open", message_id="m1")
    async with desk.store.write() as session:
        first = (await session.scalars(select(ContactRow))).one()
        facts = {
            name: getattr(first, name) for name in ("tenant", "line", "source", "cause", "path", "priority")
        }
        session.add(ContactRow(ticket="1234", told_ticket="9999", message_id="m2", created_at=NOON, **facts))
    desk.rules = keeps(audio="0", text="0")
    desk.clock.advance(1)
    assert await desk.retention.round() == 0


async def test_one_open_callback_keeps_nothing_of_the_others(desk: Desk) -> None:
    """Whether their callback is done, or there is none."""
    for id in ("m1", "m2", "m3"):
        await desk.left(id)
    await desk.callback("open", message_id="m1")
    await desk.callback("done", ticket="5678", message_id="m2")
    desk.rules = keeps(audio="0", text="0")
    desk.at("2030-01-01T12:00")
    await desk.retention.round()
    rows = [await desk.row(id) for id in ("m1", "m2", "m3")]
    assert [row.audio_deleted_at is None for row in rows] == [True, False, False]
    assert [row.transcript_text for row in rows] == [WORDS, None, None]


async def test_a_callback_is_as_young_as_who_asked_last(desk: Desk) -> None:
    await desk.callback("done")
    async with desk.store.write() as session:
        (await session.scalars(select(ContactRow))).one().created_at = NOON + timedelta(days=30)
    desk.rules = keeps(text="10d", calls="10d")
    desk.clock.advance(35 * 86400)
    assert await desk.retention.round() == 0
    desk.clock.advance(10 * 86400)
    assert await desk.retention.round() == 2


@pytest.mark.parametrize("stage", ["audio", "transcript", "reading"])
@pytest.mark.parametrize("state", ["waiting", "working"])
async def test_zero_waits_for_the_stages_but_not_for_ever(desk: Desk, stage: Any, state: str) -> None:
    await desk.left()
    async with desk.store.write() as session:
        row = await messages.get(session, "m1")
        setattr(row, f"{stage}_state", state)
        setattr(row, f"{stage}_next_at", NOON + timedelta(minutes=11))
    desk.rules = keeps(audio="0", text="0")
    desk.clock.advance(60)
    assert await desk.retention.round() == 0
    desk.clock.advance(7 * 86400)
    assert await desk.retention.round() == 2, "a recogniser that is never repaired does not keep it"
    async with desk.store.write() as session:
        assert not await stages.done(session, stage, "m1", {}, NOON), "who comes late changes nothing"


@pytest.mark.parametrize("state", ["waiting", "unsure", "sending"])
async def test_zero_waits_for_the_notices(desk: Desk, state: str) -> None:
    await desk.left()
    await desk.delivery(state)
    desk.rules = keeps(audio="0", text="0")
    desk.clock.advance(60)
    assert await desk.retention.round() == 0
    async with desk.store.write() as session:
        (await session.scalars(select(Delivery))).one().state = "failed"
    assert await desk.retention.round() == 3


async def test_nobody_was_told_yet(desk: Desk) -> None:
    await desk.left()
    async with desk.store.write() as session:
        (await messages.get(session, "m1")).told_at = None
    desk.rules = keeps(audio="0", text="0", calls="0")
    desk.clock.advance(60)
    assert await desk.retention.round() == 0


async def test_a_call_of_which_a_step_still_tells_keeps_its_number(desk: Desk) -> None:
    async with desk.store.write() as session:
        await calls.save(session, [call("c1", ended_at=after(60)), call("c2", ended_at=after(60))])
    await desk.delivery("waiting", event="step", subject="c1/ecforce/urgent_told", message_id=None)
    desk.rules = keeps(calls="0")
    desk.clock.advance(120)
    assert await desk.retention.round() == 1
    assert [proof[1] for proof in await desk.proofs()] == ["c2"]


async def test_a_recording_that_runs_is_left_alone(desk: Desk) -> None:
    async with desk.store.write() as session:
        await messages.intend(session, message("m1"))
    (desk.recordings / "messages" / "m1.wav").write_bytes(SOUND)
    desk.rules = keeps(audio="0", text="0", calls="0")
    desk.clock.advance(30 * 86400)
    assert await desk.retention.round() == 0
    assert desk.files() == ["m1.wav"]


async def test_a_silent_message_goes_like_any_audio_and_has_a_digest(desk: Desk) -> None:
    async with desk.store.write() as session:
        await messages.intend(session, message("m1"))
        await messages.stored(session, "m1", state="silent", ended_at=NOON, ended_by="hangup", duration=2.0)
        (await messages.get(session, "m1")).told_at = NOON
    (desk.recordings / "messages" / "m1.wav").write_bytes(SOUND)
    desk.rules = keeps(audio="0")
    desk.clock.advance(1)
    assert await desk.retention.round() == 1
    assert await desk.proofs() == [("audio", "m1", SHA256)]
    async with desk.store.write() as session:
        assert not await messages.promote(session, "m1", NOON), "there is nothing to hear"


async def test_nothing_recorded_is_nothing_proved(desk: Desk) -> None:
    async with desk.store.write() as session:
        await messages.intend(session, message("m1"))
        await messages.stored(session, "m1", state="lost", ended_at=NOON, ended_by="failed", duration=0.0)
        (await messages.get(session, "m1")).told_at = NOON
    desk.rules = keeps(audio="0")
    desk.clock.advance(1)
    await desk.retention.round()
    assert await desk.proofs() == []


async def test_what_lies_beside_it_stays(desk: Desk) -> None:
    await desk.left("m1")
    await desk.left("m10")
    (desk.recordings / "messages" / "m1.json.broken").write_text("a number")
    (desk.recordings / "messages" / "1763800000_0503_0901_1.wav").write_bytes(SOUND)
    async with desk.store.write() as session:
        (await messages.get(session, "m10")).created_at = NOON + timedelta(hours=2)
    desk.rules = keeps(audio="1h")
    desk.clock.advance(3601)
    await desk.retention.round()
    assert desk.files() == ["1763800000_0503_0901_1.wav", "m10-2.wav", "m10.mp3", "m10.wav"]


async def test_hundreds_at_once(desk: Desk) -> None:
    async with desk.store.write() as session:
        for number in range(120):
            id = f"m{number}"
            (desk.recordings / "messages" / f"{id}.wav").write_bytes(SOUND)
            await messages.intend(session, message(id))
            ended: Any = {"state": "silent", "ended_at": NOON, "ended_by": "key", "duration": 1.0}
            await messages.stored(session, id, **ended)
            row = await messages.get(session, id)
            row.told_at, row.transcript_text = NOON, WORDS
    desk.rules = keeps(audio="0", text="0", calls="0")
    desk.clock.advance(1)
    assert await desk.retention.round() == 360
    assert (len(await desk.proofs()), desk.files()) == (360, [])


async def test_a_file_that_came_back_goes_again(desk: Desk) -> None:
    """As a reconciler that was killed in the middle puts it there, or a backup."""
    await desk.left()
    desk.rules = keeps(audio="0")
    desk.clock.advance(1)
    await desk.retention.round()
    (desk.recordings / "messages" / "m1.wav").write_bytes(SOUND)
    (desk.recordings / "messages" / "m9.wav").write_bytes(SOUND)
    desk.clock.advance(86400)
    await desk.retention.round()
    assert desk.files() == ["m9.wav"], "of m9 nothing was deleted"


async def test_the_reconciler_makes_no_new_message_of_what_is_left(desk: Desk) -> None:
    """Killed between the row and the removal of its sidecar; by the time it is looked at, everything was deleted."""
    await publish(desk.store)
    id, promise = "01M86KCTW00CNJE8S7J21GH84K", CallbackPromise("medium", "1 business day", None)
    facts = Facts(id, "ecforce", "closed", NUMBER, "engine", NOON, promise=promise, takes=(f"{id}.wav",))
    await asyncio.to_thread(lambda: Sidecar.create(desk.recordings / "messages", facts).close())
    await desk.left(facts.id, NOON)
    desk.rules = keeps(audio="0", text="0", calls="0")
    desk.clock.advance(60)
    await desk.retention.round()
    assert desk.files() == [f"{facts.id}.json"]
    reconciler = Reconciler(desk.store, desk.recordings, calendars, desk.clock, e164)
    await reconciler.run()
    desk.clock.advance(20)
    assert await reconciler.run() == 1
    assert desk.files() == []
    row = await desk.row(facts.id)
    assert (row.state, row.audio_state, row.number) == ("stored", "deleted", None)
    async with desk.store.read() as session:
        assert (await session.scalars(select(CallbackRow))).all() == []


async def test_a_text_that_is_made_again_goes_again(desk: Desk) -> None:
    await desk.left()
    desk.rules = keeps(text="0")
    desk.clock.advance(1)
    assert await desk.retention.round() == 1
    async with desk.store.write() as session:
        assert await stages.again(session, "transcript", "m1", desk.clock.now())
        await stages.done(session, "transcript", "m1", {"transcript_text": WORDS}, desk.clock.now())
    desk.clock.advance(1)
    assert await desk.retention.round() == 1
    assert (await desk.row()).transcript_text is None


async def test_days_are_those_of_the_line(desk: Desk) -> None:
    """Left at 12:00 in Japan, which is 17:00 of the day before in Honolulu."""
    await desk.left()
    desk.rules = keeps(audio="1d", zone=ZoneInfo("Pacific/Honolulu"))
    desk.at("2026-11-25T18:59")  # 23:59 on the 24th there
    assert await desk.retention.round() == 0
    desk.at("2026-11-25T19:01")
    assert await desk.retention.round() == 1


@pytest.mark.parametrize(
    ("left", "keep", "kept", "gone"),
    [
        ("2024-02-29T10:00", "1y", "2025-02-28T23:59", "2025-03-01T00:01"),
        ("2024-02-28T10:00", "1y", "2025-02-28T23:59", "2025-03-01T00:01"),
        ("2027-02-28T10:00", "1y", "2028-02-28T23:59", "2028-02-29T00:01"),
        ("2024-02-28T10:00", "1d", "2024-02-29T23:59", "2024-03-01T00:01"),
        ("2024-02-29T10:00", "4y", "2028-02-29T23:59", "2028-03-01T00:01"),
        ("2024-12-31T23:59", "1d", "2025-01-01T23:59", "2025-01-02T00:01"),
        ("2024-02-29T23:30", "12h", "2024-03-01T11:29", "2024-03-01T11:31"),
    ],
)
async def test_on_leap_days(desk: Desk, left: str, keep: str, kept: str, gone: str) -> None:
    at = datetime.fromisoformat(left + "+09:00")
    await desk.left(at=at)
    desk.rules = keeps(audio=keep)
    desk.at(kept)
    assert await desk.retention.round() == 0
    desk.at(gone)
    assert await desk.retention.round() == 1


# -- two of them, and one that is killed ------------------------------------------------------


async def test_two_processes_delete_once(desk: Desk, other_process: Store) -> None:
    for number in range(20):
        await desk.left(f"m{number}")
    desk.rules = keeps(audio="0", text="0", calls="0")
    desk.clock.advance(1)
    other = Retention(other_process, desk.recordings, desk.clock, lambda: desk.rules)
    await asyncio.gather(desk.retention.round(), other.round())
    proofs = await desk.proofs()
    assert len(proofs) == len(set(proofs)) == 60
    assert desk.files() == []


class Killed(BaseException):
    """Nothing that the code catches."""


class DyingStore:
    """A store whose process dies at its n-th write, before or after the commit."""

    def __init__(self, store: Store, dies_at: int, *, after: bool) -> None:
        self._store, self._left, self._after = store, dies_at, after

    def read(self) -> Any:
        return self._store.read()

    def write(self) -> Any:
        return _Dying(self._store.write(), self._count)

    def _count(self, entering: bool) -> None:
        if entering:
            self._left -= 1
        if self._left == 0 and entering != self._after:
            raise Killed


class _Dying:
    def __init__(self, inner: Any, count: Callable[[bool], None]) -> None:
        self._inner, self._count = inner, count

    async def __aenter__(self) -> Any:
        session = await self._inner.__aenter__()
        try:
            self._count(True)
        except Killed as error:
            await self._inner.__aexit__(Killed, error, None)
            raise
        return session

    async def __aexit__(self, *error: Any) -> Any:
        done = await self._inner.__aexit__(*error)
        if error[0] is None:
            self._count(False)
        return done


@pytest.mark.parametrize("after", [False, True])
async def test_killed_at_any_write_it_goes_on(desk: Desk, after: bool) -> None:
    """What a row says is so at every instant: no row claims audio that is gone, no proof what has not happened."""
    desk.rules = keeps(audio="0", text="0", calls="0")
    died = 0
    for write in range(1, 13):
        id = f"m{write}"
        await desk.left(id, desk.clock.now())
        desk.clock.advance(1)
        dying: Any = DyingStore(desk.store, write, after=after)
        try:
            await Retention(dying, desk.recordings, desk.clock, lambda: desk.rules).round()
        except Killed:
            died += 1
        row = await desk.row(id)
        there = (desk.recordings / "messages" / f"{id}.wav").exists()
        assert row.audio_deleted_at is not None or there
        async with desk.store.read() as session:
            proof = await session.scalar(
                select(Deletion.at).where(Deletion.subject == id, Deletion.kind == "audio")
            )
        assert proof is None or not there
        await desk.retention.round()
        assert desk.files() == []
    assert died > 4
    kinds = [kind for kind, _, _ in await desk.proofs()]
    assert {kind: kinds.count(kind) for kind in kinds} == {"audio": 12, "text": 12, "number": 12}


async def test_a_file_that_cannot_be_deleted_holds_up_nothing_else(desk: Desk) -> None:
    await desk.left("m1")
    await desk.left("m2")
    stuck = desk.recordings / "messages" / "m1-3.wav"
    stuck.mkdir()  # not even root unlinks it
    desk.rules = keeps(audio="0", text="0")
    desk.clock.advance(1)
    await desk.retention.round()
    assert desk.files() == []
    async with desk.store.read() as session:
        open_proofs = (await session.scalars(select(Deletion.subject).where(Deletion.at.is_(None)))).all()
    assert open_proofs == ["m1"]
    assert (await desk.row("m1")).transcript_text is None
    stuck.rmdir()
    await desk.retention.round()
    assert len(await desk.proofs()) == 4
