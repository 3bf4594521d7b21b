"""What the stages of a message have in common: due, claimed by one worker, done, tried again, or failed with a reason.

The truth is in the message's row; whoever does the work may be killed at any instant and the work be done twice.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.clock import Clock
from ivr.errors import IvrError, StoreError
from ivr.store import events, messages, stages
from ivr.store.database import Store
from ivr.store.stages import Due
from ivr.store.tables import MessageRow

log = logging.getLogger("ivr.messages")

ATTEMPTS = 3  # then the recording is what kills it
LEASE = timedelta(minutes=11)  # longer than any worker is given for one message
# A retry waits half as long again as the message has waited already, within these.
SOONEST, LATEST = timedelta(seconds=5), timedelta(minutes=1)
STORE_PAUSE = 1.0  # seconds between two tries to write down what was done

Result = TypeVar("Result")


class StageFailed(Exception):
    """`reason` is for people. `counted`: it says something about the message, and ATTEMPTS of them are enough."""

    def __init__(self, code: str, reason: str, *, retryable: bool, counted: bool) -> None:
        super().__init__(code)
        self.code, self.reason, self.retryable, self.counted = code, reason, retryable, counted


class StageWork(ABC):
    """One kind of work on messages."""

    stage: ClassVar[stages.Stage]
    reasons: ClassVar[Mapping[str, str]]
    other: ClassVar[str]
    at_once = 1  # in one process: ffmpeg takes a core

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @abstractmethod
    async def _make(self, row: MessageRow) -> dict[str, Any]:
        """Does the work and returns what is written into the row. Raises StageFailed."""

    def _condition(self, row: MessageRow) -> Sequence[Any]:
        """Beside the id, what must still hold of the row so that the result belongs to it."""
        return ()

    def now(self) -> datetime:
        return self._clock.now()

    async def due(self) -> Sequence[Due]:
        async with self._store.read() as session:
            return await stages.due(session, self.stage, self._clock.now())

    async def lease(self) -> str:
        """When a worker that claims now is forgotten, ISO 8601."""
        return stages.lease(self._clock.now(), LEASE).isoformat()

    async def claim(self, message_id: str, lease: str) -> bool:
        """True for one worker; asked again with its `lease`, it is told so again."""

        async def claim(session: AsyncSession) -> bool:
            until = datetime.fromisoformat(lease)
            return await stages.claim(session, self.stage, message_id, now=self._clock.now(), until=until)

        return await self._surely(claim)

    async def work(self, message_id: str) -> None:
        """What was claimed ends as done, failed or waiting; doing it twice does no harm."""
        row = await self._surely(lambda session: messages.get(session, message_id))
        try:
            values = await self._make(row)
        except StageFailed as failure:
            await self._failed(row, failure)
        except (StoreError, asyncio.CancelledError):
            raise
        except Exception as error:
            # Not the error's text: it may hold what a caller said.
            extra = {"message_id": message_id, "action": self.stage, "reason": type(error).__name__}
            log.error("a stage of a message failed unexpectedly", extra=extra)
            await self._failed(row, StageFailed("internal", self.other, retryable=True, counted=True))
        else:
            await self._surely(lambda session: self._done(session, row, values))

    async def _done(self, session: AsyncSession, row: MessageRow, values: dict[str, Any]) -> bool:
        """False if the result belongs to nothing any more."""
        now = self._clock.now()
        done = await stages.done(session, self.stage, row.id, values, now, *self._condition(row))
        if done:
            await events.put(session, self.stage, row.id, {self.stage: "done"}, now)
        return done

    async def _failed(self, row: MessageRow, failure: StageFailed) -> None:
        extra = {"message_id": row.id, "action": self.stage, "reason": failure.code}
        log.warning("a stage of a message was not done", extra=extra)
        attempts = getattr(row, f"{self.stage}_attempts")
        hopeless = not failure.retryable or (failure.counted and attempts >= ATTEMPTS)

        async def write(session: AsyncSession) -> None:
            now = self._clock.now()
            if hopeless:
                await stages.failed(session, self.stage, row.id, reason=failure.reason, at=now)
                await events.put(session, self.stage, row.id, {self.stage: "failed"}, now)
                return
            waited = now - (row.ended_at or row.created_at)
            until = now + min(max(waited / 2, SOONEST), LATEST)
            await stages.postponed(
                session, self.stage, row.id, reason=failure.reason, until=until, counted=failure.counted
            )

        await self._surely(write)

    async def _surely(self, change: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """A store that is locked or away for half a minute must not lose what was made. Gives up with the lease."""
        until = self._clock.monotonic() + LEASE.total_seconds()
        while True:
            try:
                async with self._store.write() as session:
                    return await change(session)
            except StoreError as error:
                if not error.retryable or self._clock.monotonic() >= until:
                    raise
                log.warning("the store did not take the state of a message", extra={"action": self.stage})
                await asyncio.sleep(STORE_PAUSE)


def failed(work: type[StageWork], error: IvrError, code: str, *, counted: bool) -> StageFailed:
    return StageFailed(code, work.reasons.get(code, work.other), retryable=error.retryable, counted=counted)
