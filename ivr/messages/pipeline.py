"""From the stored original to what people see: audio for the page, text, and what may be read out of it.

    stored -> audio (playback, waveform)
           -> transcript -> reading -> told (ivr/notify)

Audio and text are made side by side from the original: neither waits for the other. Docs: docs/operator/messages.md.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.clock import Clock
from ivr.messages import audio
from ivr.messages.audio import AudioFailed
from ivr.messages.priority import LineRules, follow_rule
from ivr.messages.reading import read_message
from ivr.messages.stage import StageFailed, StageWork, failed
from ivr.store import stages
from ivr.store.database import Store
from ivr.store.tables import MessageRow
from ivr.transcript import Word

PLAYBACK = "playback"  # folder beside the originals'


class Normalising(StageWork):
    """The original's SHA-256, a levelled copy to listen to, the peaks of its waveform."""

    stage: ClassVar[stages.Stage] = "audio"
    reasons: ClassVar = {
        "not_found": "録音ファイルが見つかりません。",
        "empty_audio": "録音ファイルに音声が入っていません。",
        "not_audio": "録音ファイルの形式が正しくありません。",
        "changed": "録音ファイルが、保存された時から変わっています。",
        "unreadable": "録音ファイルを読み込めません。自動で再試行します。",
        "no_ffmpeg": "ffmpeg が入っていません。導入後、自動で再試行します。",
        "no_room": "ディスクの空き容量が足りません。自動で再試行します。",
        "timeout": "音声の変換に時間がかかりすぎたため、中断しました。",
        "died": "音声の変換の途中で、プロセスが異常終了しました。",
    }
    other = "音声の変換に失敗しました。"

    def __init__(self, store: Store, recordings: Path, clock: Clock) -> None:
        super().__init__(store, clock)
        self._recordings = recordings

    async def _make(self, row: MessageRow) -> dict[str, Any]:
        original = self._recordings / row.audio
        try:
            digest = await asyncio.to_thread(audio.digest, original)
            await self._surely(lambda session: stages.sealed(session, row.id, digest))
            if row.sha256 not in (None, digest):
                raise AudioFailed("changed", "it is not what was stored")
            name = f"{PLAYBACK}/{row.id}.mp3"
            made = await audio.normalise(original, self._recordings / name)
        except AudioFailed as error:
            counted = error.code in ("timeout", "died")
            raise failed(Normalising, error, error.code, counted=counted) from error
        return {
            "playback": name,
            "playback_start": made.start,
            "playback_seconds": round(made.seconds, 3),
            "peaks": list(made.peaks),
        }


class Reading(StageWork):
    """What the text may say, by the rules of the line: suggestions, never facts."""

    stage: ClassVar[stages.Stage] = "reading"
    reasons: ClassVar = {"no_text": "文字起こしがありません。"}
    other = "文字の読み取りに失敗しました。"

    def __init__(self, store: Store, clock: Clock, rules: LineRules) -> None:
        super().__init__(store, clock)
        self._rules = rules

    async def _make(self, row: MessageRow) -> dict[str, Any]:
        if row.transcript_state != "done":
            raise StageFailed("no_text", self.reasons["no_text"], retryable=False, counted=True)
        words = [Word(**word) for word in row.transcript_words or ()]
        found = await asyncio.to_thread(read_message, words, self._rules.reading(row.line), caller=row.number)
        return {"reading": found.as_json()}

    async def _done(self, session: AsyncSession, row: MessageRow, values: dict[str, Any]) -> bool:
        done = await super()._done(session, row, values)
        if done:
            await follow_rule(session, row, values["reading"], self._rules, self._clock.now())
        return done

    def _condition(self, row: MessageRow) -> Sequence[Any]:
        return (MessageRow.transcript_at == row.transcript_at,)  # else the text is another one by now
