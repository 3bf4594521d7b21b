"""Messages and their callbacks in memory: `Mailbox` by the rules of ivr/call.py and DESIGN.md, rule 2."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ivr.call import JOINS, Call, CallbackPromise, Draft, Notice, Recorded, Stored, Taken, Why
from ivr.errors import StoreError
from ivr.transcript import Transcript, joined
from tests.fakes.virtual_time import Life

T = TypeVar("T")

DISK = 0.01  # seconds before and after each durable change


@dataclass
class Message:
    id: str
    call_id: str
    cause: str
    number: str | None
    path: tuple[str, ...]
    promise: CallbackPromise | None
    takes: list[tuple[Path, Why]]
    state: str = "recording"  # recording | stored | silent | lost
    ended_by: str | None = None
    urgent: bool = False
    joins: str | None = None  # ticket
    transcript: Transcript | None = None


@dataclass(frozen=True)
class Callback:
    ticket: str
    call_id: str
    cause: str
    number: str | None
    path: tuple[str, ...]
    promise: CallbackPromise
    asked: bool = False  # by key, without a message


class Mailroom:
    """What is durable; it outlives engines. `spoken(file)`: seconds of speech in it, None if there is no audio."""

    def __init__(self, spoken: Callable[[Path], float | None]) -> None:
        self.messages: dict[str, Message] = {}
        self.callbacks: list[Callback] = []
        self.notices: dict[tuple[str, str, str | None], Notice] = {}  # by call, line and step
        self._spoken = spoken
        self.full = False  # the disk takes no further take

    def nothing_said(self, message: Message) -> bool:
        return not self.standing(message)

    def standing(self, message: Message) -> tuple[Path, ...]:
        """What was spoken, without that in whose place the caller said something else for a second at least."""
        spoken: list[Path] = []
        for file, why in message.takes:
            seconds = self._spoken(file) or 0.0
            if why == "instead" and seconds >= 1.0:
                spoken = []
            if seconds:
                spoken.append(file)
        return tuple(spoken)

    def file(self, message: Message, ended_by: str | None) -> None:
        """Twice does no harm. No audio through our fault is `lost` and keeps its promise, in one callback a call."""
        if message.state != "recording":
            return
        message.ended_by = ended_by
        audio = any(self._spoken(take) is not None for take, _ in message.takes)
        if not self.nothing_said(message) or (audio and ended_by == "failed"):
            message.state = "stored"
        else:
            message.state = "silent" if audio or ended_by not in (None, "failed") else "lost"
        served = any(each.call_id == message.call_id for each in self.callbacks)
        if message.promise is None or message.state == "silent" or (served and self._lost_one(message)):
            return
        ticket = f"T{len(self.callbacks) + 1}"
        self.callbacks.append(
            Callback(ticket, message.call_id, message.cause, message.number, message.path, message.promise)
        )

    def _lost_one(self, message: Message) -> bool:
        of_call = [each for each in self.messages.values() if each.call_id == message.call_id]
        return any(each.state == "lost" for each in of_call)

    def ticket(self, message: Message) -> str | None:
        return next((each.ticket for each in self.callbacks if each.call_id == message.call_id), None)

    def ask(self, call: Call, number: str, promise: CallbackPromise) -> str:
        """A callback without a message: one for each call and step."""
        path = tuple(call.state.path)
        for each in self.callbacks:
            if each.asked and (each.call_id, each.path[-1]) == (call.id, path[-1]):
                return each.ticket
        ticket = f"T{len(self.callbacks) + 1}"
        self.callbacks.append(Callback(ticket, call.id, "asked", number, path, promise, asked=True))
        return ticket

    def reconcile(self) -> None:
        """What no engine finished: spoken messages first, so that a lost one finds their callback."""
        for message in sorted(self.messages.values(), key=self.nothing_said):
            self.file(message, None)


class FakeMailbox:
    def __init__(self, room: Mailroom, life: Life | None = None) -> None:
        self._room = room
        self._life = life or Life()
        self._texts: dict[Path, Transcript] = {}

    async def begin(self, call: Call, promise: CallbackPromise | None) -> Draft:
        await self._life.takes(DISK)
        message = self._room.messages.get(call.state.message_id or "")
        if message is None:
            id = f"{call.id}-m{len(self._room.messages) + 1}"
            cause, path = call.state.cause or "asked", tuple(call.state.path)
            message = Message(
                id, call.id, cause, call.caller.number, path, promise, [(Path(f"{id}.wav"), "first")]
            )
            message.joins = call.state.variables.get(JOINS)
            self._room.messages[id] = message
        await self._life.takes(DISK)
        return _draft(message)

    async def taken(self, draft: Draft, recorded: Recorded) -> Taken:
        await self._life.takes(DISK)
        self._hear(draft, recorded)
        message = self._room.messages[draft.id]
        return Taken(self._room.standing(message), self._transcript(message))

    async def another(self, draft: Draft, why: Why) -> Draft:
        await self._life.takes(DISK)
        message = self._room.messages[draft.id]
        if self._room.full:
            raise StoreError("The disk is full.")
        message.takes.append((Path(f"{message.id}-{len(message.takes) + 1}.wav"), why))
        await self._life.takes(DISK)
        return _draft(message)

    def _hear(self, draft: Draft, recorded: Recorded) -> None:
        if recorded.transcript is not None:
            self._texts[draft.file] = recorded.transcript

    def _transcript(self, message: Message) -> Transcript | None:
        files = self._room.standing(message)
        texts = [self._texts[file] for file in files if file in self._texts]
        return joined(texts) if texts and len(texts) == len(files) else None

    async def finish(self, draft: Draft, recorded: Recorded, *, urgent: bool = False) -> Stored:
        return await _to_the_end(self._finish(draft, recorded, urgent))

    async def ring_back(self, call: Call, number: str, promise: CallbackPromise) -> str | None:
        return await _to_the_end(self._ring_back(call, number, promise))

    async def _ring_back(self, call: Call, number: str, promise: CallbackPromise) -> str:
        await self._life.takes(DISK)
        ticket = self._room.ask(call, number, promise)
        await self._life.takes(DISK)
        return ticket

    async def tell(self, call: Call, notice: Notice) -> None:
        await _to_the_end(self._tell(call, notice))

    async def _tell(self, call: Call, notice: Notice) -> None:
        await self._life.takes(DISK)
        self._room.notices.setdefault((call.id, call.state.line, call.state.step), notice)
        await self._life.takes(DISK)

    def release(self, call_id: str | None) -> None:
        """Whose message it was matters to nobody here: `Mailroom.reconcile` files them all."""

    async def _finish(self, draft: Draft, recorded: Recorded, urgent: bool) -> Stored:
        await self._life.takes(DISK)
        self._hear(draft, recorded)
        message = self._room.messages[draft.id]
        if message.state == "recording":
            message.urgent, message.transcript = urgent, self._transcript(message)
        self._room.file(message, recorded.ended_by)
        await self._life.takes(DISK)
        return Stored(message.state != "silent", self._room.ticket(message))


def _draft(message: Message) -> Draft:
    return Draft(message.id, message.takes[-1][0], tuple(why for _, why in message.takes))


async def _to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Finishes even when cancelled."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
