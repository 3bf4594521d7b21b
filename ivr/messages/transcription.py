"""The transcript of a message: due, asked for, written down, tried again. Its truth is in the message's row.

`transcript_attempts` counts how often the transcriber worked on this recording without an end. That it was
not there, busy or without a model says nothing about the recording and is not counted.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update

from ivr.clock import Clock
from ivr.messages.transcriber import Transcriber, Transcript, TranscriptionFailed
from ivr.store import events, messages
from ivr.store.database import Store
from ivr.store.tables import MessageRow

log = logging.getLogger("ivr.messages")

ATTEMPTS = 3  # then the recording is what kills it
LEASE = timedelta(minutes=11)  # longer than the transcriber is given for one request
# A retry waits half as long again as the message has waited already, within these.
SOONEST, LATEST = timedelta(seconds=5), timedelta(minutes=1)
LIMIT = 100

# For agents and operators, beside the message.
REASONS = {
    "unreachable": "文字起こしのプロセスが動いていません。復旧後、自動で再試行します。",
    "died": "文字起こしの途中で、プロセスが異常終了しました。",
    "timeout": "文字起こしに時間がかかりすぎたため、中断しました。",
    "no_model": "音声認識モデルがありません。IVR_MODEL をご確認ください。設定後、自動で再試行します。",
    "broken_model": "音声認識モデルが壊れています。IVR_MODEL をご確認ください。修復後、自動で再試行します。",
    "busy": "文字起こしが混み合っています。自動で再試行します。",
    "stopping": "文字起こしのプロセスを再起動しています。自動で再試行します。",
    "unreadable": "録音ファイルを読み込めません。自動で再試行します。",
    "not_found": "録音ファイルが見つかりません。",
    "not_audio": "録音ファイルの形式が正しくありません。",
    "empty_audio": "録音ファイルに音声が入っていません。",
}
OTHER = "文字起こしに失敗しました。"
_COUNTED = frozenset({"died", "timeout", "internal", "bad_answer"})


class Transcription:
    def __init__(self, store: Store, recordings: Path, transcriber: Transcriber, clock: Clock) -> None:
        """`recordings` as in the settings: what `MessageRow.audio` is relative to."""
        self._store = store
        self._recordings = recordings
        self._transcriber = transcriber
        self._clock = clock

    async def due(self) -> Sequence[tuple[str, datetime]]:
        """Ids of messages whose transcript is due, and since when: together they name one attempt."""
        async with self._store.read() as session:
            query = (
                select(MessageRow.id, MessageRow.transcript_next_at)
                .where(
                    MessageRow.transcript_state.in_(("waiting", "working")),
                    MessageRow.transcript_next_at <= self._clock.now(),
                )
                .order_by(MessageRow.transcript_next_at)
                .limit(LIMIT)
            )
            return [(id, at) for id, at in await session.execute(query) if at is not None]

    async def claim(self, message_id: str) -> bool:
        """True for one worker; a worker that died is forgotten after LEASE."""
        now = self._clock.now()
        async with self._store.write() as session:
            return await messages.claim_transcript(session, message_id, now=now, until=now + LEASE)

    async def transcribe(self, message_id: str) -> None:
        """What was claimed ends as done, failed or waiting; doing it twice does no harm."""
        async with self._store.read() as session:
            row = await messages.get(session, message_id)
        try:
            transcript = await self._transcriber.transcribe((self._recordings / row.audio).absolute())
        except TranscriptionFailed as failure:
            log.warning("no transcript", extra={"message_id": message_id, "reason": failure.code})
            await self._failed(row, failure)
        else:
            await self._done(message_id, transcript)

    async def _done(self, message_id: str, transcript: Transcript) -> None:
        async with self._store.write() as session:
            await messages.transcript_done(
                session,
                message_id,
                text=transcript.text,
                words=[asdict(word) for word in transcript.words],
                model=transcript.model,
                trial=transcript.trial,
            )
            await events.put(session, "transcript", message_id, {"transcript": "done"}, self._clock.now())

    async def _failed(self, row: MessageRow, failure: TranscriptionFailed) -> None:
        reason = REASONS.get(failure.code, OTHER)
        counted = failure.code in _COUNTED
        hopeless = not failure.retryable or (counted and row.transcript_attempts >= ATTEMPTS)
        now = self._clock.now()
        async with self._store.write() as session:
            if hopeless:
                await messages.transcript_failed(session, row.id, reason=reason, retry_at=None)
                await events.put(session, "transcript", row.id, {"transcript": "failed"}, now)
                return
            waited = now - (row.ended_at or row.created_at)
            await session.execute(
                update(MessageRow)
                .where(MessageRow.id == row.id, MessageRow.transcript_state == "working")
                .values(
                    transcript_state="waiting",
                    transcript_reason=reason,
                    transcript_next_at=now + min(max(waited / 2, SOONEST), LATEST),
                    transcript_attempts=row.transcript_attempts - (0 if counted else 1),
                )
            )
