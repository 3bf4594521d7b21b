"""The transcript of a message: asked for, written down, tried again.

`transcript_attempts` counts how often the transcriber worked on this recording without an end. That it was
not there, busy or without a model says nothing about the recording and is not counted.
"""

from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.clock import Clock
from ivr.messages import text
from ivr.messages.models import ByLine
from ivr.messages.stage import StageWork, failed
from ivr.messages.transcriber import Transcriber, TranscriptionFailed
from ivr.store import stages
from ivr.store.database import Store
from ivr.store.tables import MessageRow

AT_ONCE = 2  # recordings given to one transcriber together; it queues further ones anyway
USUAL_PACE = 0.3  # seconds for a second of audio, before anything was measured: a large model on a slow core

# For agents and operators, beside the message.
REASONS = {
    "unreachable": "文字起こしのプロセスが動いていません。復旧後、自動で再試行します。",
    "died": "文字起こしの途中で、プロセスが異常終了しました。",
    "timeout": "文字起こしに時間がかかりすぎたため、中断しました。",
    "no_model": "音声認識モデルがありません。「ivr model list」でご確認ください。設定後、自動で再試行します。",
    "broken_model": "音声認識モデルが壊れています。「ivr model list」でご確認ください。修復後、自動で再試行します。",
    "unauthorized": "文字起こしのプロセスに、鍵（IVR_TRANSCRIBER_KEY）が合いません。修正後、自動で再試行します。",
    "busy": "文字起こしが混み合っています。自動で再試行します。",
    "stopping": "文字起こしのプロセスを再起動しています。自動で再試行します。",
    "unreadable": "録音ファイルを読み込めません。自動で再試行します。",
    "not_found": "録音ファイルが見つかりません。",
    "not_audio": "録音ファイルの形式が正しくありません。",
    "empty_audio": text.EMPTY,
}
_COUNTED = frozenset({"died", "timeout", "internal", "bad_answer"})


class Transcription(StageWork):
    stage: ClassVar[stages.Stage] = "transcript"
    reasons = REASONS
    other = "文字起こしに失敗しました。"

    def __init__(
        self, store: Store, recordings: Path, transcriber: Transcriber, clock: Clock, processes: int = 1
    ) -> None:
        """`recordings` as in the settings: what `MessageRow.audio` is relative to. `processes` that `transcriber` is."""
        super().__init__(store, clock)
        self.at_once = AT_ONCE * processes
        self._recordings = recordings
        self._transcriber = ByLine(store, transcriber, clock)

    async def _make(self, row: MessageRow) -> dict[str, Any]:
        began = self._clock.monotonic()
        try:
            transcript = await self._transcriber.transcribe(
                row.line, (self._recordings / row.audio).absolute()
            )
        except TranscriptionFailed as error:
            raise failed(Transcription, error, error.code, counted=error.code in _COUNTED) from error
        took = round(self._clock.monotonic() - began, 3)
        return {**text.columns(transcript, self._clock.now()), "transcript_seconds": took}


async def seconds_left(session: AsyncSession, row: MessageRow, processes: int = 1) -> float | None:
    """Until the text of `row` is expected, by the pace of the latest ones; None if it is not on its way.

    `processes`: how many transcribers there are.
    """
    if row.transcript_state not in stages.OPEN:
        return None
    line = await stages.ahead(session, row)
    pace = await stages.pace(session)
    at_once = min(AT_ONCE * processes, max(1, line.messages))
    return max(1.0, line.seconds * (USUAL_PACE if pace is None else pace) / at_once)
