import asyncio
from datetime import datetime

import pytest

from ivr.errors import NotFound
from ivr.store import messages
from ivr.store.database import Store
from ivr.store.tables import MessageRow
from tests.store.rows import NOON, after, message

LEASE = after(600)


async def intend(store: Store, *ids: str) -> None:
    async with store.write() as session:
        for message_id in ids:
            assert await messages.intend(session, message(message_id))


async def end(store: Store, message_id: str = "m1", state: str = "stored", duration: float = 4.5) -> bool:
    async with store.write() as session:
        return await messages.stored(
            session,
            message_id,
            state=state,  # type: ignore[arg-type]
            ended_at=after(10),
            ended_by="key",
            duration=duration,
        )


async def get(store: Store, message_id: str = "m1") -> MessageRow:
    async with store.read() as session:
        return await messages.get(session, message_id)


async def due(store: Store, now: datetime) -> list[str]:
    async with store.read() as session:
        return list(await messages.due_transcripts(session, now))


async def claim(store: Store, now: datetime, until: datetime = LEASE) -> bool:
    async with store.write() as session:
        return await messages.claim_transcript(session, "m1", now=now, until=until)


async def fail(store: Store, retry_at: datetime | None) -> None:
    async with store.write() as session:
        await messages.transcript_failed(session, "m1", reason="モデルがありません", retry_at=retry_at)


async def done(store: Store) -> None:
    async with store.write() as session:
        await messages.transcript_done(
            session,
            "m1",
            text="ログインできません",
            words=[{"word": "ログイン", "start": 0.1}],
            model="tiny",
            trial=True,
        )


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
    won = await asyncio.gather(*(claim(through, after(10)) for through in (store, other_process) * 10))
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
    assert (row.transcript_state, row.transcript_reason) == ("failed", "モデルがありません")
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


async def test_what_waits_longest_is_transcribed_first(store: Store) -> None:
    await intend(store, "m1", "m2", "m3")
    for message_id in ("m3", "m1"):
        await end(store, message_id)
    async with store.write() as session:
        await messages.transcript_failed(session, "m3", reason="r", retry_at=NOON)
        assert list(await messages.due_transcripts(session, after(100))) == ["m3", "m1"]
        assert list(await messages.due_transcripts(session, after(100), limit=1)) == ["m3"]


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
