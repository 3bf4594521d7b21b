"""The model of each line: looked up at each recording, and another one taken while it cannot be used."""

import logging
from pathlib import Path

from ivr import alerts
from ivr.clock import Clock
from ivr.errors import StoreError
from ivr.messages.transcriber import Transcriber, TranscriptionFailed
from ivr.store import model_uses, stages
from ivr.store.database import Store
from ivr.transcript import Transcript

log = logging.getLogger("ivr.messages")

LOOK_AGAIN = 2.0  # seconds after which a change by `ivr model use` is seen
REFUSED_FOR = 30.0  # seconds for which a model that failed is not asked for: each time it is tried in a child


class LineModels:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._uses: dict[str, str] = {}
        self._looked = float("-inf")

    async def of(self, line: str) -> str | None:
        """None: the transcriber's own. While the store does not answer, what it said last."""
        now = self._clock.monotonic()
        if now - self._looked >= LOOK_AGAIN:
            try:
                async with self._store.read() as session:
                    self._uses = await model_uses.of_lines(session)
                self._looked = now
            except StoreError:
                log.warning("the models of the lines were not read; those known last stay")
        return self._uses.get(line) or self._uses.get(model_uses.ALL)


class ByLine:
    """A transcriber that is told the line. A model that fails raises an alarm, and the line's last good one stands in."""

    def __init__(self, store: Store, transcriber: Transcriber, clock: Clock) -> None:
        self._store = store
        self._transcriber = transcriber
        self._clock = clock
        self._models = LineModels(store, clock)
        self._refused: dict[str | None, float] = {}  # until when
        self._good: set[str | None] = set()  # since the last time that they failed

    async def transcribe(self, line: str, path: Path) -> Transcript:
        """Raises TranscriptionFailed."""
        model = await self._models.of(line)
        if self._refused.get(model, 0.0) <= self._clock.monotonic():
            try:
                return await self._ask(path, model)
            except TranscriptionFailed as failure:
                if failure.code not in ("no_model", "broken_model"):
                    raise
                await self._refuse(model, failure)
                if model is None:
                    raise
        return await self._stand_in(line, path, model)

    async def _stand_in(self, line: str, path: Path, model: str | None) -> Transcript:
        async with self._store.read() as session:
            last = await stages.last_model(session, line, but=model)
        if last is not None:
            try:
                return await self._transcriber.transcribe(path, last)
            except TranscriptionFailed as failure:
                if failure.code not in ("no_model", "broken_model"):
                    raise
        return await self._transcriber.transcribe(path)

    async def _ask(self, path: Path, model: str | None) -> Transcript:
        transcript = await self._transcriber.transcribe(path, model)
        if model not in self._good:
            self._good.add(model)
            await self._say(model, None)
        return transcript

    async def _refuse(self, model: str | None, failure: TranscriptionFailed) -> None:
        self._good.discard(model)
        if model is not None:
            self._refused[model] = self._clock.monotonic() + REFUSED_FOR
        log.error("a model cannot be used", extra={"model": model, "reason": failure.code})
        await self._say(model, failure.code)

    async def _say(self, model: str | None, trouble: str | None) -> None:
        try:
            async with self._store.write() as session:
                await alerts.of_model(session, model, trouble, self._clock.now())
        except StoreError:
            log.exception("the alarm of a model was not written")
