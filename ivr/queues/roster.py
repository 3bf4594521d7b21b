"""Who sits in a group and who is reserved for whom: the queue's view of the store."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from ivr.call import Seat
from ivr.store import agents, events
from ivr.store.agents import Staffing
from ivr.store.database import Store


class Roster(Protocol):
    """Every change is a compare-and-set: several engines may ask at once.

    `tenant`: whose caller it is. A group may bear the same name in two companies; None: of a line that is not known.
    """

    async def reserve(
        self, group: str, tenant: str | None, call_id: str, until: datetime, now: datetime
    ) -> Sequence[Seat]: ...

    async def reserve_agent(
        self, agent: str, call_id: str, until: datetime, now: datetime
    ) -> Seat | None: ...

    async def answer(self, agent: str, call_id: str, now: datetime) -> bool: ...

    async def release(
        self, call_id: str, unanswered: Collection[str], failed: Collection[str], now: datetime
    ) -> None: ...

    async def finish_talk(self, call_id: str, now: datetime) -> None: ...

    async def release_all(self, now: datetime, keep: Collection[str]) -> None: ...

    async def staffing(self, group: str, tenant: str | None, now: datetime) -> Staffing: ...

    async def alarm(self, group: str, line: str, now: datetime) -> None:
        """Nobody of the group is there although a caller of the line is, in open hours."""


class StoreRoster:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def reserve(
        self, group: str, tenant: str | None, call_id: str, until: datetime, now: datetime
    ) -> Sequence[Seat]:
        async with self._store.write() as session:
            seats = await agents.reserve(session, group, call_id, until=until, now=now, tenant=tenant)
        return [Seat(seat.agent, seat.endpoint) for seat in seats]

    async def reserve_agent(self, agent: str, call_id: str, until: datetime, now: datetime) -> Seat | None:
        async with self._store.write() as session:
            seat = await agents.reserve_one(session, agent, call_id, until=until, now=now)
        return None if seat is None else Seat(seat.agent, seat.endpoint)

    async def answer(self, agent: str, call_id: str, now: datetime) -> bool:
        async with self._store.write() as session:
            return await agents.answer(session, agent, call_id, now)

    async def release(
        self, call_id: str, unanswered: Collection[str], failed: Collection[str], now: datetime
    ) -> None:
        async with self._store.write() as session:
            await agents.release(session, call_id, unanswered=unanswered, failed=failed, now=now)

    async def finish_talk(self, call_id: str, now: datetime) -> None:
        async with self._store.write() as session:
            await agents.finish_talk(session, call_id, now)

    async def release_all(self, now: datetime, keep: Collection[str]) -> None:
        async with self._store.write() as session:
            await agents.release_all(session, now, keep=keep)

    async def staffing(self, group: str, tenant: str | None, now: datetime) -> Staffing:
        async with self._store.read() as session:
            return await agents.staffing(session, group, now, tenant=tenant)

    async def alarm(self, group: str, line: str, now: datetime) -> None:
        async with self._store.write() as session:
            await events.put(session, "alarm", group, {"alarm": "no_agent", "line": line}, now)
