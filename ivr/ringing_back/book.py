"""Book of ivr/ringing_back/job.py on the store: the dial, its ticket and the agent change together."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import dialing, results, ringing, service
from ivr.callbacks.guard import Refusal
from ivr.callbacks.results import Result
from ivr.callbacks.who import Who
from ivr.clock import Clock
from ivr.errors import Conflict, NotFound
from ivr.lines import Lines, groups_of
from ivr.ringing_back import texts
from ivr.ringing_back.job import Job
from ivr.store import agents, callbacks, dials, seats
from ivr.store.database import Store
from ivr.store.tables import CallbackRow, DialRow

# For how long a talk of which nothing more is heard holds ticket and number; it is kept once a minute.
TALK = timedelta(minutes=5)
BY_TELEPHONE = (
    "telephone "  # before the id of their call, where an agent's name stands (ivr/steps/mailbox.py)
)
SOON = timedelta(minutes=1)  # 今すぐ: who is not rung by then was told so by nobody, and is rung in turn
TRIES = 10  # agents who are taken by somebody else in the moment in which they are chosen


class StoreBook:
    """`engine`: which one this is."""

    def __init__(self, store: Store, lines: Lines, engine: str, clock: Clock) -> None:
        self._store = store
        self._lines = lines
        self._engine = engine
        self._clock = clock

    # -- before anything rings ----------------------------------------------------------------

    async def take(self, key: str) -> Job | None:
        now = self._clock.now()
        async with self._store.write() as session:
            dial = await ringing.take(session, key, self._engine)
            if dial is None:
                return None
            why = texts.LATE
            if now - dial.began_at <= ringing.LATE:
                try:
                    return await self._held(session, dial, now)
                except (NotFound, Conflict) as error:
                    why = str(error)
            await ringing.not_rung(session, key, why, now=now)
        return None

    async def begins(self, ticket: str, request: str, asked_at: datetime, but: Collection[str]) -> Job | None:
        late = self._clock.now() - asked_at > SOON
        passed = set(but)
        for _ in range(TRIES):
            try:
                async with self._store.write() as session:
                    key = f"now {request} {len(but)}"
                    return await self._begins(session, ticket, key, passed, late=late)
            except _Refused as refused:
                if refused.agent is None:
                    async with self._store.write() as session:
                        await ringing.said(session, ticket, "at_once", refused.why, now=self._clock.now())
                    return None
                passed.add(refused.agent)
        return None

    async def _begins(
        self, session: AsyncSession, ticket: str, key: str, but: Collection[str], *, late: bool
    ) -> Job | None:
        now = self._clock.now()
        row = await callbacks.find(session, ticket, to_change=True)
        if row is None or row.state != "open" or await dials.by_key(session, key) is not None:
            return None
        if late:
            raise _Refused(texts.TOO_LATE)
        who = Who(await self._free(session, row, but, now), row.tenant)
        await service.claim(session, row.ticket, who, until=now + service.LEASE, now=now)
        policy = self._lines.policy(row.line)
        begun = await dialing.begin(session, row.ticket, who=who, key=key, policy=policy, now=now)
        if isinstance(begun, Refusal):
            raise _Refused(begun.reason)
        dial = await ringing.take(session, key, self._engine)
        assert dial is not None
        try:
            return await self._held(session, dial, now)
        except (NotFound, Conflict):
            raise _Refused("", who.name) from None

    async def _free(
        self, session: AsyncSession, row: CallbackRow, but: Collection[str], now: datetime
    ) -> str:
        line, business = self._lines.get(row.line), self._lines.policy(row.line).business
        if line is None or (business is not None and not business.state(now).open):
            raise _Refused(texts.CLOSED)
        groups = groups_of(line.dialplan)
        agent = await seats.free_one(session, groups, tenant=row.tenant, but=but, now=now)
        if agent is None:
            raise _Refused(texts.NOBODY)
        return agent

    async def _held(self, session: AsyncSession, dial: DialRow, now: datetime) -> Job:
        """With the agent reserved. NotFound, Conflict."""
        job = _id(dial)
        agent = await seats.hold(session, dial.agent, job, until=now + dialing.RINGING, now=now)
        return _job(dial, agent.endpoint, agent.mobile)

    async def refuse(self, key: str, why: str) -> None:
        async with self._store.write() as session:
            await ringing.not_rung(session, key, why, now=self._clock.now())

    # -- on the way ---------------------------------------------------------------------------

    async def joined(self, job: Job) -> bool:
        async with self._store.write() as session:
            return await seats.talks(session, job.agent, job.id, self._clock.now())

    async def still(self, job: Job) -> str | None:
        now = self._clock.now()
        async with self._store.write() as session:
            refusal = await ringing.still(
                session,
                job.key,
                policy=self._lines.policy(job.line),
                until=now + dialing.RINGING,
                now=now,
            )
        return refusal.reason if refusal else None

    async def answered(self, job: Job) -> bool:
        now = self._clock.now()
        async with self._store.write() as session:
            return await dialing.answered(session, job.key, until=now + TALK, now=now)

    # -- its end --------------------------------------------------------------------------------

    async def missed(self, job: Job, result: Result, why: str) -> None:
        said = f"{results.WORDS[result]}：{why.removesuffix('。')}"
        await self._ended(job, result, said)

    async def over(self, job: Job) -> None:
        await self._ended(job, None, None)

    async def _ended(self, job: Job, result: Result | None, why: str | None) -> None:
        now, policy = self._clock.now(), self._lines.policy(job.line)
        async with self._store.write() as session:
            await dialing.ended(session, job.key, result, policy=policy, now=now, why=why)
            await _freed(session, job, (), now)

    async def not_rung(self, job: Job, why: str, *, unanswered: bool = False, free: bool = False) -> None:
        now, free = self._clock.now(), free or job.agent.startswith(BY_TELEPHONE)
        async with self._store.write() as session:
            await ringing.not_rung(session, job.key, why, now=now, free=free)
            await _freed(session, job, [job.agent] if unanswered else (), now)

    async def unfinished(self) -> Sequence[tuple[Job, bool]]:
        async with self._store.read() as session:
            rows = await ringing.unfinished(session, self._engine)
        return [(_job(row, "", None), row.answered_at is not None) for row in rows]


class _Refused(Exception):
    """Takes all of it back. `agent`: who is not free after all."""

    def __init__(self, why: str, agent: str | None = None) -> None:
        self.why = why
        self.agent = agent


async def _freed(session: AsyncSession, job: Job, unanswered: Collection[str], now: datetime) -> None:
    await agents.release(session, job.id, unanswered=unanswered, now=now)
    await agents.finish_talk(session, job.id, now)


def _id(dial: DialRow) -> str:
    """Staff who ring by a mailbox step do so in a call of their own."""
    by = dial.agent.removeprefix(BY_TELEPHONE)
    return f"back-{dial.id}" if by == dial.agent else by


def _job(dial: DialRow, endpoint: str, mobile: str | None) -> Job:
    return Job(dial.key, _id(dial), dial.line, dial.agent, endpoint, mobile, dial.number)
