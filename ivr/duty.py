"""当番: rings who is on duty, one after the other, until one accepts a critical callback (`ivr/callbacks/duty.py`).

One callback is one coroutine of the engine, a straight line. Who answers is a caller with the words of `Call`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime
from typing import Protocol

from ivr.asterisk import numbers
from ivr.asterisk.channel import AGENT
from ivr.asterisk.outgoing import NotReached
from ivr.call import Call, CallerHungUp
from ivr.callbacks import duty
from ivr.callbacks.duty import Outcome, Turn
from ivr.clock import Clock
from ivr.dialplan.duty import ACCEPTED, AGAIN, ASK, DECLINED, FAILED, IS, TAKEN, TICKET, WHERE, WINDOW
from ivr.dialplan.model import LineModel
from ivr.dialplan.texts import digit_parts, parts
from ivr.engine import Engine
from ivr.errors import AsteriskError, StoreError
from ivr.keys import KeyTable
from ivr.lines import Lines
from ivr.store.database import Store

log = logging.getLogger("ivr.duty")

TO_ACCEPT = 40.0  # seconds of a turn that are kept for who answers at the last moment
ASKED = 4  # times; a machine that has answered presses nothing
TO_PRESS = 5.0  # seconds for the key
AGAIN_AFTER = 5.0  # seconds until a store that did not answer is asked again
LOOK = 0.5  # seconds
YES, NO = "1", "2"


class Book(Protocol):
    """StoreError: it may or may not have happened. Twice does no harm."""

    async def next(self, ticket: str) -> Turn | datetime | None:
        """As `ivr.callbacks.duty.next_turn`."""

    async def accept(self, turn: Turn) -> bool: ...

    async def ended(self, turn: Turn, outcome: Outcome) -> None: ...


class Telephones(Protocol):
    async def ready(self) -> None:
        """Returns when somebody can be rung: no turn is lost to a telephone system that is not there."""

    def ringing(self, turn: Turn, seconds: float) -> AbstractAsyncContextManager[Call | NotReached]:
        """Rings the mobile, else the telephone; inside it the one who has answered, who is hung up then."""


class StoreBook:
    def __init__(self, store: Store, lines: Lines, clock: Clock) -> None:
        self._store = store
        self._lines = lines
        self._clock = clock

    async def next(self, ticket: str) -> Turn | datetime | None:
        async with self._store.write() as session:
            return await duty.next_turn(session, ticket, self._lines.policy, self._clock.now())

    async def accept(self, turn: Turn) -> bool:
        async with self._store.write() as session:
            return await duty.accept(session, turn, self._clock.now())

    async def ended(self, turn: Turn, outcome: Outcome) -> None:
        async with self._store.write() as session:
            await duty.ended(session, turn, outcome, self._clock.now())


class EngineTelephones:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def ready(self) -> None:
        while True:
            if self._engine.ari.connected and not self._engine.draining:
                return
            await asyncio.sleep(LOOK)

    @asynccontextmanager
    async def ringing(self, turn: Turn, seconds: float) -> AsyncIterator[Call | NotReached]:
        """The line's own number is shown."""
        outgoing, live = self._engine.outgoing, self._engine.lines.get(turn.line)
        ours = numbers.to_e164(live.dialplan.line.numbers[0]) if live else None
        id = f"duty-{turn.ticket}-{turn.turn}{AGENT}{turn.agent}"
        to = turn.mobile or turn.telephone
        call = await outgoing.ring(to, seconds, id=id, line=turn.line, ours=ours or "")
        try:
            yield call
        finally:
            if not isinstance(call, NotReached):
                await outgoing.end(call)


class Duty:
    """Orders may be given twice: a callback that is led is led once."""

    def __init__(
        self, book: Book, telephones: Telephones, line: Callable[[str], LineModel | None], clock: Clock
    ) -> None:
        """`line`: as it lives."""
        self._book = book
        self._telephones = telephones
        self._line = line
        self._clock = clock
        self._led: set[str] = set()

    async def lead(self, ticket: str) -> None:
        """Until somebody has the callback, or nobody is left to ring."""
        if ticket in self._led:
            return
        self._led.add(ticket)
        try:
            while (turn := await self._next(ticket)) is not None:
                if isinstance(turn, Turn):
                    await self._ring(turn)
                else:
                    await asyncio.sleep(max(0.0, (turn - self._clock.now()).total_seconds()))
        finally:
            self._led.discard(ticket)

    async def _next(self, ticket: str) -> Turn | datetime | None:
        while True:
            await self._telephones.ready()
            try:
                return await self._book.next(ticket)
            except StoreError as error:
                log.error("who is on duty cannot be looked up", extra={"ticket": ticket, "error": str(error)})
            await asyncio.sleep(AGAIN_AFTER)

    async def _ring(self, turn: Turn) -> None:
        outcome: Outcome = "failed"
        try:
            outcome = await self._outcome(turn)
        except AsteriskError as error:
            log.error("ringing who is on duty failed", extra={"ticket": turn.ticket, "error": str(error)})
        if outcome in ("accepted", "taken"):
            return
        try:
            await self._book.ended(turn, outcome)
        except StoreError as error:  # then the turn ends by its time
            log.error("the end of a turn is not written", extra={"ticket": turn.ticket, "error": str(error)})

    async def _outcome(self, turn: Turn) -> Outcome:
        left = (turn.until - self._clock.now()).total_seconds()
        if left <= TO_ACCEPT:
            return "failed"
        async with self._telephones.ringing(turn, left - TO_ACCEPT) as call:
            if isinstance(call, NotReached):
                return "no_answer" if call.reason == "no_answer" else "failed"
            try:
                left = (turn.until - self._clock.now()).total_seconds()
                async with asyncio.timeout(max(0.0, left)):
                    pressed = await self._asked(call)
                return await self._answered(call, turn, pressed)
            except (TimeoutError, CallerHungUp):
                return "no_answer"

    async def _asked(self, call: Call) -> str | None:
        for _ in range(ASKED):
            await call.play(ASK)
            read = await call.read_keys(KeyTable((YES, NO)), first=TO_PRESS)
            if read.key is not None:
                return read.key
        return None

    async def _answered(self, call: Call, turn: Turn, pressed: str | None) -> Outcome:
        """What was accepted stays accepted, whoever hangs up while it is said."""
        outcome, said = await self._taken_down(turn, pressed)
        with suppress(CallerHungUp):
            await call.play(*said, whole=True)
        return outcome

    async def _taken_down(self, turn: Turn, pressed: str | None) -> tuple[Outcome, Sequence[str]]:
        """And what the agent hears then."""
        if pressed != YES:
            return ("declined", [DECLINED]) if pressed == NO else ("no_answer", [])
        try:
            return ("accepted", self._which(turn)) if await self._book.accept(turn) else ("taken", [TAKEN])
        except StoreError as error:
            log.error("an acceptance was not written", extra={"ticket": turn.ticket, "error": str(error)})
            return "failed", [FAILED]

    def _which(self, turn: Turn) -> Sequence[str]:
        """Twice, to write it down."""
        line = self._line(turn.line)
        once = [TICKET, *digit_parts(turn.ticket), IS, *(parts(WINDOW, line=line) if line else [])]
        return [ACCEPTED, *once, AGAIN, *once, WHERE]
