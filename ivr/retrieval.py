"""Messages heard by staff on a telephone: `Retrieval` of ivr/staff.py on the store."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import cast
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from ivr import pins
from ivr.call import Withheld
from ivr.callbacks import dialing, ringing, service, states
from ivr.callbacks.guard import Code, Refusal
from ivr.callbacks.policy import Policy
from ivr.callbacks.results import Result
from ivr.callbacks.who import Who
from ivr.clock import JAPAN, Clock
from ivr.dialplan.pick import zone_of
from ivr.errors import Conflict, NotFound
from ivr.lines import Lines
from ivr.outside import NOWHERE, Outside
from ivr.staff import Cleared, KeptMessage, MayRing, NotRung, Rang, Unlocked
from ivr.store import callbacks, contacts, dials, messages
from ivr.store.database import Store
from ivr.store.tables import CallbackRow, DialRow, MessageRow

NOTE = "電話でメッセージを聞き、対応済みとしました。"  # in the history of the callback
LEASE = timedelta(minutes=30)  # for a talk with the caller; then the callback is anybody's
REFUSALS: Mapping[Code, NotRung] = {"locked": "taken", "hours": "hours", "wish": "wish"}
RESULTS: Mapping[Rang, Result] = {"busy": "busy", "no_answer": "no_answer", "failed": "refused"}


class StoreRetrieval:
    """`lines`: as this process sees them; `recordings`: absolute, as Asterisk finds them; `outside`: who is rung.

    `engine`: which one this is, for what it leaves when it dies in a dial (ivr/ringing_back/desk.py).
    """

    def __init__(
        self,
        store: Store,
        lines: Lines,
        recordings: Path,
        clock: Clock,
        outside: Outside = NOWHERE,
        engine: str = "1",
    ) -> None:
        self._engine = engine
        self._store = store
        self._lines = lines
        self._recordings = recordings
        self._clock = clock
        self._outside = outside

    async def unlock(self, line: str, pin: str) -> Unlocked:
        return await pins.unlock(self._store, self._clock, line, pin)

    async def waiting(self, lines: Sequence[str], tenant: str) -> Sequence[KeptMessage]:
        rows = await pins.in_time(self._listing(lines, tenant))
        files = [self._recordings / row.audio for row in rows]
        there = await asyncio.to_thread(lambda: [file.is_file() for file in files])
        return [
            self._kept(row, file if found else None)
            for row, file, found in zip(rows, files, there, strict=True)
        ]

    async def heard(self, message: str, tenant: str, by: str) -> None:
        await pins.in_time(self._heard(message, tenant, by))

    async def clear(self, message: str, tenant: str, by: str) -> Cleared:
        return await pins.in_time(self._clear(message, tenant, by))

    async def may_ring(self, message: str, tenant: str, by: str) -> MayRing | NotRung:
        return await pins.in_time(self._may_ring(message, tenant, by))

    async def rang(self, message: str, tenant: str, by: str, how: Rang) -> None:
        await pins.in_time(self._rang(message, tenant, by, how))

    async def give_back(self, message: str, tenant: str, by: str) -> None:
        await pins.in_time(self._give_back(message, tenant, by))

    def _kept(self, row: MessageRow, file: Path | None) -> KeptMessage:
        line = self._lines.get(row.line)
        zone = zone_of(line.dialplan) if line else JAPAN
        return KeptMessage(
            row.id,
            row.created_at.astimezone(zone),
            row.number,
            cast(Withheld | None, row.withheld),
            file,
            row.urgent,
            row.heard_at is not None,
        )

    async def _listing(self, lines: Sequence[str], tenant: str) -> Sequence[MessageRow]:
        async with self._store.read() as session:
            return await messages.kept(session, lines, tenant, closed=states.CLOSED)

    async def _heard(self, message: str, tenant: str, by: str) -> None:
        async with self._store.write() as session:
            await _mine(session, message, tenant)
            await messages.mark_heard(session, message, by=by, at=self._clock.now())

    async def _clear(self, message: str, tenant: str, by: str) -> Cleared:
        now, who = self._clock.now(), Who(by, tenant)
        try:
            async with self._store.write() as session:
                callback = await _callback(session, message, tenant)
                await messages.clear(session, message, by=by, at=now)
                if callback is None or callback.state in states.CLOSED:
                    return "done"
                service.require_free(callback, who, now)
                left = await _something_left(session, callback)
                if callback.state == "talking":
                    then: states.State = "open" if left else "done"
                    policy = self._policy(callback.line)
                    await dialing.record(
                        session,
                        callback.ticket,
                        "reached",
                        who=who,
                        policy=policy,
                        now=now,
                        then=then,
                        note=NOTE,
                    )
                elif not left:
                    await service.close(session, callback.ticket, who=who, now=now, note=NOTE)
                return "kept" if left else "done"
        except Conflict:
            return "taken"

    async def _may_ring(self, message: str, tenant: str, by: str) -> MayRing | NotRung:
        now, who = self._clock.now(), Who(by, tenant)
        try:
            async with self._store.write() as session:
                callback = await _callback(session, message, tenant)
                if callback is None or callback.number is None or self._outside.refusal(callback.number):
                    return "never"
                ticket, policy = callback.ticket, self._policy(callback.line)
                await service.claim(session, ticket, who, until=now + dialing.RINGING, now=now)
                key = f"telephone {uuid4().hex}"
                begun = await dialing.begin(session, ticket, who=who, key=key, policy=policy, now=now)
                if isinstance(begun, Refusal):
                    raise _Refused(begun.code)
                await ringing.take(session, key, self._engine)
        except _Refused as refused:
            return REFUSALS.get(refused.code, "never")
        except Conflict:
            return "taken"
        return MayRing(begun.number)

    async def _rang(self, message: str, tenant: str, by: str, how: Rang) -> None:
        now = self._clock.now()
        async with self._store.write() as session:
            callback = await _callback(session, message, tenant)
            dial = await _dial(session, callback, by)
            if callback is None or dial is None:
                return
            if how == "answered":
                await dialing.answered(session, dial.key, until=now + LEASE, now=now)
            else:
                policy = self._policy(callback.line)
                await dialing.ended(session, dial.key, RESULTS.get(how), policy=policy, now=now)

    async def _give_back(self, message: str, tenant: str, by: str) -> None:
        async with self._store.write() as session:
            callback = await _callback(session, message, tenant)
            if callback is not None and (callback.state, callback.agent) == ("talking", by):
                who, now, policy = Who(by, tenant), self._clock.now(), self._policy(callback.line)
                await dialing.record(
                    session, callback.ticket, "reached", who=who, policy=policy, now=now, then="open"
                )

    def _policy(self, line: str) -> Policy:
        return Policy(self._lines.callbacks(line), lambda hours: self._lines.calendar(line, hours))


class _Refused(Exception):
    """Takes the claim back, too."""

    def __init__(self, code: Code) -> None:
        self.code = code


async def _mine(session: AsyncSession, message: str, tenant: str) -> None:
    """NotFound for a message of another tenant."""
    if (await messages.get(session, message)).tenant != tenant:
        raise NotFound(f"there is no message {message}")


async def _callback(session: AsyncSession, message: str, tenant: str) -> CallbackRow | None:
    """The one that the message belongs to, which nobody else changes until the commit."""
    await _mine(session, message, tenant)
    contact = await contacts.by_message(session, message)
    return None if contact is None else await callbacks.get(session, contact.ticket, to_change=True)


async def _something_left(session: AsyncSession, callback: CallbackRow) -> bool:
    """Another message of it that nobody cleared, or a promise that was made without one."""
    for contact in await contacts.of_ticket(session, callback.ticket):
        if contact.message_id is None:
            if contact.due_at is not None:
                return True
        elif (await messages.get(session, contact.message_id)).cleared_at is None:
            return True
    return False


async def _dial(session: AsyncSession, callback: CallbackRow | None, by: str) -> DialRow | None:
    """The one that `by` has begun and that is not over."""
    made = await dials.of_ticket(session, callback.ticket) if callback is not None else ()
    return next((one for one in reversed(made) if one.ended_at is None and one.agent == by), None)
