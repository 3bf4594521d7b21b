"""One dial, from the agent's telephone to the end of the talk: a straight line.

Whatever happens in it, each telephone is hung up, and its end is written down once. Only a stop leaves a talk alone:
the next engine finds it (ivr/ringing_back/desk.py).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from ivr.asterisk.caller import AriCall
from ivr.asterisk.channel import AGENT
from ivr.asterisk.outgoing import NotReached, Outgoing, Reason
from ivr.call import CallerHungUp
from ivr.callbacks.results import Result
from ivr.errors import AsteriskError, StoreError
from ivr.keys import KeyTable
from ivr.outside import Way, national
from ivr.ringing_back import texts
from ivr.ringing_back.job import Book, Job, To

log = logging.getLogger("ivr.ringing_back")

T = TypeVar("T")

AGENT_RINGS = 30.0  # seconds
CUSTOMER_RINGS = 45.0
YES = "1"
ASKED = 2  # times, for the key on a mobile
TO_PRESS = 5.0  # seconds
KEEP = 60.0  # seconds from one time that a talk is kept to the next
AGAIN = (1.0, 3.0, 10.0, 30.0)  # seconds before each further try to write something down
RESULTS: dict[Reason, Result] = {
    "busy": "busy",
    "no_answer": "no_answer",
    "refused": "refused",
    "not_in_use": "wrong_number",
}


@dataclass
class Dial:
    """`ours`: the line's numbers, E.164; `first`: what the agent hears first on the telephone."""

    job: Job
    ours: Sequence[str]
    outgoing: Outgoing
    book: Book
    first: Sequence[str] = ()
    kept: bool = True  # the agent keeps the ticket if the customer is not rung

    def __post_init__(self) -> None:
        self._stage: Literal["agent", "customer", "talk"] = "agent"

    async def lead(self, to: To) -> bool:
        """False: the agent's telephone was not answered."""
        ways = self._ways(to)
        if isinstance(ways, NotReached):
            await self._not_rung(ways.said)
            return True
        agent, customer = ways
        outside = [customer] if agent is None else [agent, customer]
        async with self.outgoing.holding(self.job.id, *outside) as full:
            if full is not None:
                await self._not_rung(full.said)
                return True
            job = self.job
            way, id = agent or Way(job.endpoint, customer.shown), f"{job.id}{AGENT}{job.agent}"
            call = await self.outgoing.ring(way, AGENT_RINGS, id=id, line=job.line)
            if isinstance(call, NotReached):
                await self._not_rung(texts.AGENT[call.reason], unanswered=call.reason == "no_answer")
                return False
            await self._with_agent(call, customer, to)
        return True

    def _ways(self, to: To) -> tuple[Way | None, Way] | NotReached:
        """To the agent, if that is a mobile, and to the customer."""
        customer = self._way(self.job.number)
        if isinstance(customer, NotReached) or to == "telephone":
            return customer if isinstance(customer, NotReached) else (None, customer)
        if self.job.mobile is None:
            return NotReached("failed", texts.NO_MOBILE)
        agent = self._way(self.job.mobile)
        return agent if isinstance(agent, NotReached) else (agent, customer)

    def _way(self, number: str) -> Way | NotReached:
        """Over a trunk that has one of the line's numbers, if there is one."""
        if not self.ours:
            return NotReached("failed", texts.NO_LINE)
        ways = [self.outgoing.way(number, ours) for ours in self.ours]
        shown = (
            way
            for way, ours in zip(ways, self.ours, strict=True)
            if isinstance(way, Way) and way.shown == national(ours)
        )
        return next(shown, ways[0])

    # -- with the agent on the line ---------------------------------------------------------------

    async def _with_agent(self, call: AriCall, customer: Way, to: To) -> None:
        alone = False
        try:
            await self._put_through(call, customer, to)
        except CallerHungUp:
            await self._left(texts.LEFT)
        except (AsteriskError, StoreError) as error:
            log.error("ringing back failed", extra={"call_id": call.id, "error": str(error)})
            await self._left(texts.FAILED)
        except asyncio.CancelledError:
            alone = self._stage == "talk"
            raise
        finally:
            await (self.outgoing.leave(call) if alone else self.outgoing.end(call))

    async def _put_through(self, call: AriCall, customer: Way, to: To) -> None:
        job = self.job
        if to == "mobile" and not await self._pressed(call):
            await self._not_rung(texts.NOT_PRESSED)
            return
        if not await self.book.joined(job):
            await self._not_rung(texts.LOST)
            return
        refused = await self.book.still(job)
        if refused is not None:
            await self._not_rung(refused)
            await call.play(texts.NOT_NOW, whole=True)
            return
        self._stage = "customer"
        missed = await self.outgoing.put_through(call, customer, CUSTOMER_RINGS, *self.first, texts.CALLING)
        if missed is not None:
            await self._missed(missed)
            await call.play(texts.NOT_REACHED[missed.reason], whole=True)
            return
        self._stage = "talk"
        await self._talk(call)

    async def _pressed(self, call: AriCall) -> bool:
        """A machine that has answered presses nothing."""
        for _ in range(ASKED):
            await call.play(texts.PRESS)
            if (await call.read_keys(KeyTable([YES]), first=TO_PRESS)).key == YES:
                return True
        return False

    async def _talk(self, call: AriCall) -> None:
        try:
            theirs = await self.book.answered(self.job)
        except StoreError as error:
            # The two talk all the same.
            log.error("a talk is not written down yet", extra={"call_id": call.id, "error": str(error)})
            theirs = True
        if theirs:
            keeping = asyncio.create_task(self._keep(), name=f"keep {call.id}")
            try:
                await call.talk()
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
        await surely(lambda: self.book.over(self.job))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(KEEP)
            try:
                await self.book.answered(self.job)
            except StoreError as error:
                log.warning("a talk is kept later", extra={"call_id": self.job.id, "error": str(error)})

    # -- its end ----------------------------------------------------------------------------------

    async def _left(self, why: str) -> None:
        """The agent has hung up, or the telephone system has failed."""
        if self._stage == "agent":
            await self._not_rung(why)
        elif self._stage == "customer":
            said = texts.LEFT_RINGING
            await surely(lambda: self.book.missed(self.job, "no_answer", said))
        else:
            await surely(lambda: self.book.over(self.job))

    async def _missed(self, missed: NotReached) -> None:
        result = RESULTS.get(missed.reason)
        if result is None:
            await self._not_rung(missed.said)
        else:
            await surely(lambda: self.book.missed(self.job, result, missed.said))

    async def _not_rung(self, why: str, *, unanswered: bool = False) -> None:
        """An agent who asked for it and is not there in time has missed nobody's call."""
        count = unanswered and not self.kept
        await surely(lambda: self.book.not_rung(self.job, why, unanswered=count, free=not self.kept))


async def surely(write: Callable[[], Awaitable[T]]) -> T | None:
    """What it gives. A ticket whose end is not written down is anybody's only when its lease has ended."""
    for pause in (*AGAIN, None):
        try:
            return await write()
        except StoreError as error:
            log.error("a dial waits for the store", extra={"error": str(error)})
        if pause is not None:
            await asyncio.sleep(pause)
    return None
