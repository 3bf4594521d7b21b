"""The dials of an engine: what pages order, what an engine before this one has left, and the end at a stop."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from ivr.asterisk import numbers
from ivr.asterisk.ari import AriRefused
from ivr.asterisk.channel import AGENT, GONE, quietly
from ivr.engine import Engine
from ivr.errors import AsteriskError, StoreError
from ivr.ringing_back import texts
from ivr.ringing_back.dial import KEEP, Dial, surely
from ivr.ringing_back.job import Book, Job, To

log = logging.getLogger("ivr.ringing_back")

LOOK = 1.0  # seconds until what an engine has left is looked at again


class RingingBack:
    """Orders may be given twice: each dial is taken once."""

    def __init__(self, engine: Engine, book: Book) -> None:
        self._engine = engine
        self._book = book
        self._ready = asyncio.Event()  # what was left is looked after

    # -- orders -----------------------------------------------------------------------------------

    def dial(self, key: str, to: To) -> None:
        """An agent has pressed 発信; returns at once."""
        self._engine.start(self._dial(key, to), "dial")

    def now(self, ticket: str, request: str, asked_at: datetime) -> None:
        """今すぐ: rings one free agent after the other until one answers; returns at once."""
        self._engine.start(self._now(ticket, request, asked_at), "ring at once")

    async def _dial(self, key: str, to: To) -> None:
        await self._ready.wait()
        if self._engine.draining:
            await self._book.refuse(key, texts.STOPPED)
            return
        job = await surely(lambda: self._book.take(key))
        if job is not None:
            await self._lead(Dial(job, self._ours(job.line), self._engine.outgoing, self._book), to)

    async def _now(self, ticket: str, request: str, asked_at: datetime) -> None:
        await self._ready.wait()
        asked: list[str] = []
        while not self._engine.draining:
            job = await surely(lambda: self._book.begins(ticket, request, asked_at, asked))
            if job is None:
                return
            asked.append(job.agent)
            ours = self._ours(job.line)
            outgoing = self._engine.outgoing
            dial = Dial(job, ours, outgoing, self._book, first=[texts.AT_ONCE], kept=False)
            if await self._lead(dial, "telephone"):
                return

    async def _lead(self, dial: Dial, to: To) -> bool:
        try:
            return await dial.lead(to)
        except Exception:  # a mistake of ours must not hold ticket and agent
            log.exception("ringing back failed", extra={"call_id": dial.job.id})
            await surely(lambda: self._book.not_rung(dial.job, texts.FAILED))
            return True
        finally:
            self._engine.queues.changed()  # an agent may be free

    def _ours(self, line: str) -> Sequence[str]:
        """Its numbers, E.164; none if it does not live."""
        live = self._engine.lines.get(line)
        found = [numbers.to_e164(each) for each in live.dialplan.line.numbers] if live else []
        return [each for each in found if each is not None]

    # -- after a start ------------------------------------------------------------------------------

    async def look_after(self) -> None:
        """What the engine before this one has left: a talk is led to its end, everything else is ended."""
        await self._engine.freed.wait()
        while not self._ready.is_set():
            try:
                for job, answered in await self._book.unfinished():
                    await self._look_after(job, answered)
                self._ready.set()
            except (AsteriskError, StoreError) as error:
                log.warning("dials that were left are looked at later", extra={"error": str(error)})
                await asyncio.sleep(LOOK)

    async def _look_after(self, job: Job, answered: bool) -> None:
        legs = [id for id in await self._there() if id.partition(AGENT)[0] == job.id]
        if len(legs) == 2 and set(legs) <= await self._bridged(job):
            log.warning("a talk of a dead engine goes on", extra={"call_id": job.id})
            self._engine.start(self._take_up(job, legs), f"talk {job.id}")
            return
        for leg in legs:
            if AGENT in leg:  # whose call it is may be with the fallback by now
                await self._end(f"channels/{leg}")
        await self._end(f"bridges/{job.id}-b")
        if answered:
            await self._book.over(job)
        else:
            await self._book.not_rung(job, texts.STOPPED)

    async def _take_up(self, job: Job, legs: Sequence[str]) -> None:
        """Until one of the two has left. Not over when we are stopped: they go on talking."""
        left = asyncio.Event()
        for leg in legs:
            self._engine.ari.listen(leg, lambda event: left.set() if event["type"] in GONE else None)
        try:
            # What was told while the link was broken is found at the next look.
            while not left.is_set() and set(legs) <= await self._bridged(job):
                await self._kept(job)
                with suppress(TimeoutError):
                    async with asyncio.timeout(KEEP):
                        await left.wait()
            for leg in legs:
                await self._end(f"channels/{leg}")
            await self._end(f"bridges/{job.id}-b")
            await surely(lambda: self._book.over(job))
        finally:
            for leg in legs:
                self._engine.ari.forget(leg)
            self._engine.queues.changed()

    async def _kept(self, job: Job) -> None:
        try:
            await self._book.answered(job)
        except StoreError as error:
            log.warning("a talk is kept later", extra={"call_id": job.id, "error": str(error)})

    async def _there(self) -> list[str]:
        return [channel["id"] for channel in await self._engine.ari.http("GET", "channels")]

    async def _bridged(self, job: Job) -> set[str]:
        """Who hears each other; waits for an Asterisk that does not answer."""
        while True:
            try:
                return set((await self._engine.ari.http("GET", f"bridges/{job.id}-b"))["channels"])
            except AriRefused:
                return set()
            except AsteriskError as error:
                log.warning("a talk is looked at later", extra={"call_id": job.id, "error": str(error)})
            await asyncio.sleep(LOOK)

    async def _end(self, uri: str) -> None:
        await quietly(self._engine.ari.http("DELETE", uri), "dial that was left")
