"""A message that was judged to hold no speech is one after all."""

from datetime import datetime
from typing import Protocol

from ivr.call import CallbackPromise
from ivr.callbacks.asking import MessageFacts, create_for_message
from ivr.errors import Conflict, NotFound
from ivr.hours.calendar import Calendar
from ivr.messages.filing import branch
from ivr.store import calls, messages
from ivr.store.database import Store


class Lines(Protocol):
    """The live lines: `ivr.lines.Lines`."""

    def promise(self, line: str, path: tuple[str, ...]) -> CallbackPromise: ...

    def calendar(self, line: str, hours: str | None) -> Calendar | None: ...


async def promote(
    store: Store, lines: Lines, message_id: str, now: datetime, *, tenant: str | None = None
) -> str:
    """It gets its text and a callback, due from now. The ticket. NotFound, also of another tenant's; Conflict."""
    async with store.write() as session:
        row = await messages.get(session, message_id)
        if tenant not in (None, row.tenant):
            raise NotFound(f"there is no message {message_id}")
        if not await messages.promote(session, message_id, now):
            gone = f"the audio of message {message_id} was deleted; there is nothing to hear any more"
            has = f"message {message_id} is {row.state}, not silent; it has what it needs"
            raise Conflict(gone if row.state == "silent" else has)
        call = await calls.get(session, row.call_id) if row.call_id else None
        path = tuple(call.path) if call else ()
        promise = lines.promise(row.line, path)
        facts = MessageFacts(
            id=row.id,
            line=row.line,
            tenant=row.tenant,
            cause=row.cause,
            number=row.number,
            received_at=now,
            withheld=row.withheld,
            call_id=row.call_id,
            path=path,
            branch=branch(path),
        )
        return await create_for_message(session, facts, promise, lines.calendar(row.line, promise.hours), now)
