"""A message on a real Asterisk: from the beep to the end of its file, and why it ended."""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ivr.asterisk.ari import LINK_BROKE, Json
from ivr.asterisk.ears import Ear
from ivr.call import CallerHungUp, Recorded
from ivr.transcript import Transcript

if TYPE_CHECKING:
    from ivr.asterisk.caller import AriCall

log = logging.getLogger("ivr.asterisk.recording")

STARTED, FINISHED, FAILED = "RecordingStarted", "RecordingFinished", "RecordingFailed"
SLACK = 5.0  # seconds: maxDuration overshoots by up to one
HANGING_UP = 0.5  # seconds from a request that a hang-up refused to the hang-up's first event, at most
LAST_WORDS = 1.0  # seconds after a hang-up until the file is written to its end, at most
# Of a recording that the disk ends, which Asterisk calls finished, so much is missing at most: it writes 2 s at once. Of
# silence that ends one, all but 0.2 s is cut off; one that gets no packets ends after 4 s of that.
UNWRITTEN = 3.0
ALL_OF_IT = 0.5  # seconds by which what was heard and the recording may differ
LOST = 0.05  # of the caller's audio
WAV_HEADER = 44
WAV_RATE = 16_000  # bytes a second: 8 kHz mono 16 bit


class Recording:
    """Into a new file: Asterisk refuses to record over another. `run` once."""

    def __init__(self, call: "AriCall", file: Path, ear: Ear | None) -> None:
        """`ear` listens meanwhile, and is told when it begins."""
        self._call = call
        self._file = file
        self._ear = ear
        self._ended: str | None = None
        self._over = asyncio.Event()
        self._times: dict[str, datetime] = {}  # of Asterisk's clock

    @property
    def _lasted(self) -> float | None:
        """Seconds from its beginning to its end, also of what was cut off; None if Asterisk did not tell."""
        begin, end = self._times.get(STARTED), self._times.get(FINISHED)
        return None if begin is None or end is None else (end - begin).total_seconds()

    async def run(self, longest: float, silence: float, end_key: str) -> Recorded:
        call = self._call
        silence = max(1, round(silence))
        name = str(self._file.relative_to(call.recordings).with_suffix(""))
        order = {
            "name": name,
            "format": "wav",
            "maxDurationSeconds": max(1, round(longest)),
            "maxSilenceSeconds": silence,
            "terminateOn": end_key,
            "ifExists": "fail",
        }
        call.keys.empty()
        call.ari.listen(name, self._on_event)
        try:
            await call.beep()
            call.recording = True
            call.awaited = f"recordings/live/{quote(name, safe='')}", lambda: self._end(FINISHED)
            await call.ari.send("POST", f"channels/{call.id}/record", order, self._answered)
            await call.until(lambda: self._ended, longest + SLACK)
            if self._ended == FAILED:
                # Most often because of a hang-up, whose event may come after the refusal.
                await call.until(lambda: call.leaving, HANGING_UP)
        except CallerHungUp:
            if call.recording:
                await self._last_words()
        finally:
            call.awaited = None
            call.ari.forget(name)
        call.recording = False  # not when cancelled: then it goes on without us
        recorded = self._judged(longest, silence, end_key)
        if self._ear is None or not recorded.seconds:
            return recorded
        heard = whole(await self._ear.end(), recorded, silence, self._lasted)
        return replace(recorded, transcript=heard)

    def _on_event(self, event: Json) -> None:
        if "timestamp" in event:
            self._times[event["type"]] = datetime.fromisoformat(event["timestamp"])
        if event["type"] != STARTED:
            self._end(event["type"])

    def _answered(self, status: int, _: str) -> None:
        if status < 400 and self._ear is not None:
            self._ear.begin()
        elif status >= 400 and status != LINK_BROKE:
            self._end(FAILED)

    def _end(self, how: str) -> None:
        self._ended = how
        self._over.set()
        self._call.changed()

    async def _last_words(self) -> None:
        """After a hang-up the file is written to its end."""
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._over.wait()
        except TimeoutError:
            return  # it had not begun

    def _judged(self, longest: float, silence: float, end_key: str) -> Recorded:
        call, about = self._call, {"call_id": self._call.id}
        seconds, lasted = seconds_in(self._file), self._lasted
        # An Asterisk that is killed loses up to 2 s: an empty file does not say that the caller said nothing.
        if (call.gone or call.leaving) and not call.vanished:
            return Recorded("hangup", seconds)
        if call.vanished or self._ended == FAILED or (self._ended is None and not seconds):
            log.error("a recording failed", extra=about)
            return Recorded("failed", seconds)
        if end_key in str(call.keys):
            return Recorded("key", seconds)
        if seconds >= longest - 1:
            return Recorded("limit", seconds)
        if lasted is not None and lasted - seconds < min(UNWRITTEN, silence - 0.5):
            log.error("a recording ended by itself; is the disk full?", extra=about)
            return Recorded("failed", seconds)
        return Recorded("silence", seconds)


def whole(
    heard: Transcript | None, recorded: Recorded, silence: float, lasted: float | None
) -> Transcript | None:
    """What was heard, if it is all of the recording; `lasted`: seconds that it was made, if they are known.

    Asterisk cuts off the silence at its end, at most `silence`, and loses the last 2 s of one that fails. What is lost on the
    way from the caller is silence to who listens, and nothing at all to who records; a machine that is too busy keeps audio from
    who listens alone.
    """
    if heard is None:
        return None
    least, cut = recorded.seconds, 0.0
    if recorded.ended_by in ("silence", "key"):
        least, cut = max(least, lasted or 0.0), silence
    elif recorded.ended_by == "failed":
        cut = UNWRITTEN
    if least - ALL_OF_IT <= heard.duration <= recorded.seconds * (1 + LOST) + cut + ALL_OF_IT:
        return replace(heard, duration=recorded.seconds)
    missing = {"missing": round(least - heard.duration, 2)}
    log.warning("not all of a message was heard, its text comes later", extra=missing)
    return None


def seconds_in(file: Path) -> float:
    """Of the audio in a WAV as Asterisk writes it; 0.0 if there is none."""
    try:
        return max(0, file.stat().st_size - WAV_HEADER) / WAV_RATE
    except OSError:
        return 0.0
