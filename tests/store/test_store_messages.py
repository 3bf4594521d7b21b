import asyncio
from datetime import datetime, timedelta

import pytest

from ivr.errors import NotFound
from ivr.store import messages, stages
from ivr.store.database import Store
from ivr.store.tables import MessageRow
from tests.store import rows
from tests.store.rows import after, message

LEASE = after(600)


async def intend(store: Store, *ids: str) -> None:
    async with store.write() as session:
        for message_id in ids:
            assert await messages.intend(session, message(message_id))


async def end(
    store: Store,
    message_id: str = "m1",
    state: str = "stored",
    duration: float = 4.5,
    urgent: bool = False,
) -> bool:
    async with store.write() as session:
        return await messages.stored(
            session,
            message_id,
            state=state,  # type: ignore[arg-type]
            ended_at=after(10),
            ended_by="key",
            duration=duration,
            urgent=urgent,
        )


async def get(store: Store, message_id: str = "m1") -> MessageRow:
    async with store.read() as session:
        return await messages.get(session, message_id)


async def due(store: Store, now: datetime) -> list[str]:
    async with store.read() as session:
        return [one.message_id for one in await stages.due(session, "transcript", now)]


async def claim(store: Store, now: datetime, until: datetime = LEASE) -> bool:
    async with store.write() as session:
        return await stages.claim(session, "transcript", "m1", now=now, until=until)


async def fail(store: Store, retry_at: datetime | None) -> None:
    reason = "モデルがありません"
    async with store.write() as session:
        if retry_at is None:
            await stages.failed(session, "transcript", "m1", reason=reason, at=after(20))
        else:
            await stages.postponed(session, "transcript", "m1", reason=reason, until=retry_at, counted=True)


async def done(store: Store) -> None:
    async with store.write() as session:
        words = [{"word": "ログイン", "start": 0.1}]
        values = rows.transcript(
            "ログインできません", after(30), transcript_words=words, transcript_model="tiny"
        )
        assert await stages.done(session, "transcript", "m1", values, after(30))


# -- from intent to message ------------------------------------------------------------------------------


async def test_an_intent_is_a_message_that_is_being_recorded(store: Store) -> None:
    await intend(store, "m1")
    row = await get(store)
    assert (row.state, row.transcript_state, row.audio) == ("recording", "none", "messages/m1.wav")
    assert await due(store, after(86400)) == []


async def test_intending_again_changes_nothing(store: Store) -> None:
    await intend(store, "m1")
    await end(store)
    async with store.write() as session:
        assert not await messages.intend(session, message("m1", cause="busy"))
    row = await get(store)
    assert (row.state, row.cause, row.duration) == ("stored", "closed", 4.5)


async def test_engine_and_reconciler_together_make_one_message(store: Store, other_process: Store) -> None:
    async def both(through: Store, duration: float) -> None:
        async with through.write() as session:
            await messages.intend(session, message("m1"))
            await messages.stored(
                session, "m1", state="stored", ended_at=after(10), ended_by="key", duration=duration
            )

    await asyncio.gather(*(both(through, 1.0) for through in (store, other_process) * 5))
    async with store.read() as session:
        assert [row.id for row in await messages.listing(session)] == ["m1"]


async def test_a_late_end_changes_nothing(store: Store) -> None:
    await intend(store, "m1")
    assert await end(store, duration=4.5)
    assert not await end(store, state="lost", duration=0.0)
    row = await get(store)
    assert (row.state, row.duration, row.ended_by, row.ended_at) == ("stored", 4.5, "key", after(10))


async def test_ending_what_was_never_begun_is_an_error(store: Store) -> None:
    with pytest.raises(NotFound):
        await end(store)


async def test_silence_is_kept_without_a_transcript_and_can_be_promoted(store: Store) -> None:
    await intend(store, "m1")
    await end(store, state="silent")
    assert (await get(store)).transcript_state == "none"
    assert await due(store, after(86400)) == []
    for wanted in (True, False):
        async with store.write() as session:
            assert await messages.promote(session, "m1", after(100)) is wanted
    assert (await get(store)).state == "stored"
    assert await due(store, after(100)) == ["m1"]


# -- transcripts -----------------------------------------------------------------------------------------


async def test_a_stored_message_is_to_be_transcribed_at_once(store: Store) -> None:
    await intend(store, "m1")
    await end(store)
    assert (await get(store)).transcript_state == "waiting"
    assert await due(store, after(9.9)) == []
    assert await due(store, after(10)) == ["m1"]


async def test_of_many_workers_one_transcribes(store: Store, other_process: Store) -> None:
    await intend(store, "m1")
    await end(store)
    leases = [stages.lease(after(10), timedelta(minutes=5)) for _ in range(20)]
    through = (store, other_process) * 10
    won = await asyncio.gather(
        *(claim(one, after(10), lease) for one, lease in zip(through, leases, strict=True))
    )
    assert sorted(won) == [False] * 19 + [True]
    row = await get(store)
    assert (row.transcript_state, row.transcript_attempts) == ("working", 1)
    assert await due(store, after(11)) == []


async def test_a_worker_that_died_loses_its_claim(store: Store) -> None:
    await intend(store, "m1")
    await end(store)
    assert await claim(store, after(10), until=after(70))
    assert await due(store, after(69)) == []
    assert await due(store, after(70)) == ["m1"]
    assert await claim(store, after(70))
    assert (await get(store)).transcript_attempts == 2


async def test_a_failure_says_why_and_is_tried_again(store: Store) -> None:
    await intend(store, "m1")
    await end(store)
    await claim(store, after(10))
    await fail(store, retry_at=after(60))
    row = await get(store)
    assert (row.transcript_state, row.transcript_reason) == ("waiting", "モデルがありません")
    assert await due(store, after(59)) == []
    assert await due(store, after(60)) == ["m1"]
    assert await claim(store, after(60))
    await done(store)
    row = await get(store)
    assert (row.transcript_state, row.transcript_reason, row.transcript_text) == (
        "done",
        None,
        "ログインできません",
    )
    assert (row.transcript_words, row.transcript_model, row.transcript_trial) == (
        [{"word": "ログイン", "start": 0.1}],
        "tiny",
        True,
    )


async def test_a_final_failure_is_not_tried_again(store: Store) -> None:
    await intend(store, "m1")
    await end(store)
    await claim(store, after(10))
    await fail(store, retry_at=None)
    assert (await get(store)).transcript_state == "failed"
    assert await due(store, after(86400)) == []
    assert not await claim(store, after(86400))


async def test_a_late_failure_does_not_spoil_a_finished_transcript(store: Store) -> None:
    await intend(store, "m1")
    await end(store)
    await claim(store, after(10))
    await done(store)
    await fail(store, retry_at=after(60))
    assert (await get(store)).transcript_state == "done"
    assert await due(store, after(86400)) == []


async def test_urgent_ones_go_before_the_oldest(store: Store) -> None:
    for number, message_id in enumerate(("m1", "m2", "m3", "m4")):
        async with store.write() as session:
            await messages.intend(session, message(message_id, created_at=after(number)))
    for message_id in ("m4", "m3", "m2", "m1"):
        await end(store, message_id, urgent=message_id == "m3")
    async with store.read() as session:
        order = [one.message_id for one in await stages.due(session, "transcript", after(100))]
        assert order == ["m3", "m1", "m2", "m4"]
        first = await stages.due(session, "transcript", after(100), limit=1)
        assert [(one.message_id, one.urgent) for one in first] == [("m3", True)]


async def test_a_text_makes_its_reading_due_and_every_stage_can_be_run_again(store: Store) -> None:
    await intend(store, "m1")
    await end(store)
    row = await get(store)
    assert (row.audio_state, row.transcript_state, row.reading_state) == ("waiting", "waiting", "none")
    async with store.write() as session:
        assert not await stages.again(session, "reading", "m1", after(20)), "there is no text to read"
    await done(store)
    row = await get(store)
    assert (row.transcript_at, row.reading_state, row.reading_next_at) == (after(30), "waiting", after(30))
    await fail(store, retry_at=None)
    async with store.write() as session:
        assert await stages.again(session, "transcript", "m1", after(40))
    row = await get(store)
    assert (row.transcript_state, row.transcript_attempts, row.transcript_at) == ("waiting", 0, None)
    assert await claim(store, after(40), until=after(700))
    async with store.write() as session:
        assert not await stages.again(session, "transcript", "m1", after(50)), "it is being worked on"
        assert await stages.again(session, "transcript", "m1", after(700)), "its worker is gone"
        with pytest.raises(NotFound):
            await stages.again(session, "audio", "nobody", after(50))


async def test_what_was_deleted_is_not_made_again(store: Store) -> None:
    await intend(store, "m1")
    await end(store)
    await done(store)
    async with store.write() as session:
        row = await messages.get(session, "m1")
        row.audio_deleted_at = row.text_deleted_at = after(50)
    async with store.write() as session:
        for stage in stages.STAGES:
            assert not await stages.again(session, stage, "m1", after(60)), stage


async def test_how_much_stands_before_a_message_and_the_pace(store: Store) -> None:
    for number, message_id in enumerate(("m1", "m2", "m3")):
        async with store.write() as session:
            await messages.intend(session, message(message_id, created_at=after(number)))
        await end(store, message_id, duration=10.0 * (number + 1), urgent=message_id == "m3")
    async with store.read() as session:
        lines = [await stages.ahead(session, await messages.get(session, f"m{n}")) for n in (1, 2, 3)]
        assert [(line.messages, line.seconds) for line in lines] == [(2, 40.0), (3, 60.0), (1, 30.0)]
        assert await stages.pace(session) is None
    async with store.write() as session:
        values = {"transcript_text": "", "transcript_seconds": 5.0}
        assert await stages.done(session, "transcript", "m2", values, after(60))
        assert not await stages.done(session, "transcript", "m2", values, after(61)), "it was over"
    async with store.read() as session:
        assert await stages.pace(session) == 0.25  # 5 s for 20 s


async def test_the_list_is_newest_first_by_page_and_by_tenant(store: Store) -> None:
    async with store.write() as session:
        for number, tenant in enumerate(("x", "y", "x", "x")):
            await messages.intend(session, message(f"m{number}", tenant=tenant, created_at=after(number)))
        first = await messages.listing(session, limit=2, tenant="x")
        second = await messages.listing(session, limit=2, tenant="x", after=first[-1].id)
        assert [row.id for row in first] == ["m3", "m2"]
        assert [row.id for row in second] == ["m0"]
        assert await messages.listing(session, state="stored") == []
        assert await messages.listing(session, line="other") == []
