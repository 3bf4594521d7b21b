"""Server-sent events: "look again" for open consoles, which then fetch what they show.

An event holds the numbers of the tickets that something happened to, and nothing else of them.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from aiohttp import web
from sqlalchemy import Select, func, select

from ivr.errors import StoreError
from ivr.store.database import Store
from ivr.store.tables import CallbackEvent, CallbackRow, ContactRow, Event, UserRow
from ivr.web.auth.session import Session, stands
from ivr.web.keys import SESSION, STORE, VIEWER

log = logging.getLogger("ivr.web.stream")

EVERY: Final = 0.1  # seconds between two looks, while anybody listens
BACK: Final = 50  # ids that are looked at again: on PostgreSQL a lower one may be committed later
ASKS_AGAIN: Final = 20  # looks, and then one whether who listens may still do so
PING: Final = 10.0  # seconds of silence after which a sign of life is sent
LONGEST: Final = 900.0  # seconds; the browser comes again at once, and is asked again who it is
WAITS_AGAIN: Final = 2000  # milliseconds before a browser whose stream broke comes again


@dataclass(eq=False)
class Listener:
    """One open console. `tenant` None hears of every one. `over`: who listens is logged out, or may no longer."""

    session: Session
    tenant: str | None
    over: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    tickets: set[str] = field(default_factory=set)


class Watch:
    """Looks what happened in the store, for all listeners of this process together."""

    def __init__(self, store: Store) -> None:
        self.listeners: set[Listener] = set()
        self.closing = False
        self._store = store
        self._anybody = asyncio.Event()
        self._seen: dict[type[CallbackEvent] | type[Event], set[int]] = {}

    def join(self, session: Session, tenant: str | None) -> Listener:
        listener = Listener(session, tenant)
        self.listeners.add(listener)
        self._anybody.set()
        return listener

    def leave(self, listener: Listener) -> None:
        self.listeners.discard(listener)
        if not self.listeners:
            self._anybody.clear()
            self._seen.clear()

    def end(self) -> None:
        self.closing = True
        for listener in self.listeners:
            listener.woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        for turn in count():
            await self._anybody.wait()
            try:
                if turn % ASKS_AGAIN == 0:
                    await self._cut()
                for ticket, tenant in await self._look():
                    for listener in self.listeners:
                        if listener.tenant in (None, tenant):
                            listener.tickets.add(ticket)
                            listener.woken.set()
            except StoreError as error:
                log.warning("what happened cannot be looked at", extra={"error": str(error)})
            except Exception:
                log.exception("what happened cannot be looked at")  # the pages look by themselves, too
            await asyncio.sleep(EVERY)

    def log_out(self, session: Session) -> None:
        """Its other pages hear nothing more, either."""
        for listener in self.listeners:
            if listener.session.nonce == session.nonce:
                listener.over = True
                listener.woken.set()

    async def _cut(self) -> None:
        """Streams of people who would not be let in now. In a new tenant somebody begins anew."""
        asked = [*self.listeners]  # who joins meanwhile is asked the next time
        names = {listener.session.user for listener in asked}
        async with self._store.read() as db:
            users = {
                row.name: row for row in await db.scalars(select(UserRow).where(UserRow.name.in_(names)))
            }
        for listener in asked:
            user = users.get(listener.session.user or "")
            if user is None or not stands(listener.session, user) or user.tenant != listener.tenant:
                listener.over = True
                listener.woken.set()

    async def _look(self) -> set[tuple[str, str]]:
        """(ticket, tenant) of what happened since the last look; nothing at the first."""
        found: set[tuple[str, str]] = set()
        async with self._store.read() as db:
            for table in (CallbackEvent, Event):
                seen = self._seen.get(table)
                last = await db.scalar(select(func.max(table.id))) if seen is None else max(seen, default=0)
                ids = set(await db.scalars(select(table.id).where(table.id > (last or 0) - BACK)))
                self._seen[table] = ids
                fresh = ids - seen if seen is not None else set()
                for one in _whose(table, fresh) if fresh else ():
                    found |= {(ticket, tenant) for ticket, tenant in await db.execute(one)}
        return found


def _whose(table: type[CallbackEvent] | type[Event], ids: set[int]) -> Sequence[Select[str, str]]:
    """Asks for ticket and tenant of these; of what happened to a message, for its ticket's."""
    row = select(CallbackRow.ticket, CallbackRow.tenant)
    if table is CallbackEvent:
        return [
            row.join(CallbackEvent, CallbackEvent.ticket == CallbackRow.ticket).where(
                CallbackEvent.id.in_(ids)
            )
        ]
    subjects = select(Event.subject).where(Event.id.in_(ids))
    message = select(ContactRow.ticket, ContactRow.tenant).where(ContactRow.message_id.in_(subjects))
    return [row.where(CallbackRow.ticket.in_(subjects)), message]


WATCH = web.AppKey("watch", Watch)


def set_up(app: web.Application) -> None:
    watch = app[WATCH] = Watch(app[STORE])

    async def watching(app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(watch.run(), name="watch")
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def end(app: web.Application) -> None:
        watch.end()  # or the open streams would hold up the stop

    app.cleanup_ctx.append(watching)
    app.on_shutdown.append(end)


async def follow(request: web.Request) -> web.StreamResponse:
    watch = request.app[WATCH]
    answer = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    answer.content_type = "text/event-stream"
    await answer.prepare(request)
    listener = watch.join(request[SESSION], request[VIEWER].tenant)
    try:
        async with asyncio.timeout(LONGEST):
            await answer.write(f"retry: {WAITS_AGAIN}\nevent: open\ndata: \n\n".encode())
            while True:
                said = await _next(listener)
                if watch.closing or listener.over:
                    break
                await answer.write(said)
    except (TimeoutError, ConnectionError):
        pass  # the time is over, or the browser is gone
    finally:
        watch.leave(listener)
    return answer


async def _next(listener: Listener) -> bytes:
    try:
        async with asyncio.timeout(PING):
            await listener.woken.wait()
    except TimeoutError:
        return b"event: ping\ndata: \n\n"
    listener.woken.clear()
    tickets, listener.tickets = sorted(listener.tickets), set()
    return f"event: changed\ndata: {json.dumps(tickets)}\n\n".encode()
