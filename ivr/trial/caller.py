"""The person of `ivr call`: looks where the call is, presses keys when asked, speaks after the beep."""

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from ivr.asterisk.telephone import Telephone
from ivr.clock import JAPAN, Clock
from ivr.dialplan.model import Step
from ivr.dialplan.texts import BY_THE_CLOCK, parts
from ivr.errors import AsteriskError
from ivr.keys import KeyTable
from ivr.lines import LiveLine
from ivr.steps.closing import ClosingStep
from ivr.steps.collect import Collect
from ivr.steps.consent import Consent
from ivr.steps.mailbox import MailboxStep
from ivr.steps.menu import Menu
from ivr.steps.queue import Queue
from ivr.store import agents, callbacks
from ivr.store.database import Store
from ivr.store.tables import CallbackRow, CallRow, MessageRow
from ivr.web.words import is_key

LOOK_EVERY = 0.1  # seconds
LONGEST = 300.0  # seconds: the longest wait in a queue, then a message
BEFORE_A_KEY = 2.0  # seconds after which a person has heard that a key is wanted
BETWEEN_KEYS = (
    4.0  # seconds between what is asked and what is asked next, as far as one can tell from outside
)
SILENT = 2.0  # seconds that somebody who says nothing keeps the line
BEFORE_SPEAKING = 0.5  # seconds from when most of the beep was heard; it lasts for 0.1 more
AFTER_SPEAKING = 1.0
SHOWN = 80  # characters of a text

_RATE = 8000
_FRAME = 160  # samples: 20 ms, in which the beep has whole waves
_BEEP_HZ = 1000
_BEEP_FRAMES = 15  # of the 20 that it has
_LOST = 3  # frames that another sound counts back: a lost packet is not the end of a beep, speech is
_QUIETEST = 800.0  # -32 dBFS; the beep has -15
_WAVE = np.exp(-2j * np.pi * _BEEP_HZ / _RATE * np.arange(_FRAME))


class Ear:
    """Hears the beep (1 kHz, 0.4 s), also right after speech."""

    def __init__(self) -> None:
        self._heard = 0  # bytes
        self._tone = 0  # frames
        self._beeping = False

    def beeped(self, heard: bytes) -> bool:
        """`heard`: all samples of the call up to now (8 kHz, 16 bit). True once for each beep."""
        found = False
        while self._heard + 2 * _FRAME <= len(heard):
            frame = np.frombuffer(heard, "<i2", _FRAME, self._heard).astype(np.float64)
            self._heard += 2 * _FRAME
            change = 1 if _is_tone(frame) else -_LOST
            self._tone = min(max(0, self._tone + change), _BEEP_FRAMES)
            if self._tone == _BEEP_FRAMES and not self._beeping:
                self._beeping = found = True
            elif self._tone == 0:
                self._beeping = False
        return found


def _is_tone(frame: npt.NDArray[np.float64]) -> bool:
    power = float(np.mean(frame**2))
    at_beep = 2 * abs(complex(frame @ _WAVE)) ** 2 / _FRAME**2
    return power > _QUIETEST**2 and at_beep > 0.9 * power


def keys_asked(step: Step | None) -> list[str]:
    """What the caller may press at a step, if it is one of a few."""
    match step:
        case Menu() | Queue():
            return [*step.keys]
        case Consent():
            return [key for key in (step.agree, step.refuse) if key]
    return []


def next_keys(keys: str, table: KeyTable | None) -> str:
    """Those of `keys` that somebody presses at one menu: what it understands, else up to the first digit."""
    match = table.match(keys, waited=True) if table else None
    if match is not None and match.state == "complete":
        return keys[: match.length]
    first = re.match(r"[#*]*[0-9]?", keys)
    return first[0] if first else ""


def takes_digits(step: Step | None) -> bool:
    """Numbers, PINs and what follows them."""
    return isinstance(step, Collect | MailboxStep | ClosingStep)


class Diary:
    """What happened, for people as it happens and for programs afterwards."""

    def __init__(self, clock: Clock, report: Callable[[str], None]) -> None:
        self._clock = clock
        self._report = report
        self._dialled: float | None = None
        self.steps: list[dict[str, str]] = []

    def dialled(self, what: str) -> None:
        self._dialled = self._clock.monotonic()
        self.note(what)

    def note(self, what: str) -> None:
        at = self._clock.now().astimezone(JAPAN).isoformat(timespec="milliseconds")
        self.steps.append({"at": at, "what": what})
        since = "" if self._dialled is None else f"{self._clock.monotonic() - self._dialled:.1f} s"
        self._report(f"{since:>8}  {what}")


class Watch:
    """Finds what the store holds of the call that we dial: the first new one from our number to that number."""

    def __init__(self, store: Store, dialled: str, number: str | None, now: datetime) -> None:
        self._store = store
        self._id: str | None = None
        self._calls = select(CallRow).where(
            CallRow.dialled == dialled, CallRow.number == number, CallRow.started_at >= now
        )
        # What the fallback recorded belongs to no call: it is known by who called.
        self._messages = select(MessageRow).where(MessageRow.number == number, MessageRow.created_at >= now)

    async def begin(self) -> None:
        """Before dialling: there are later ones already if IVR_CLOCK was later at the last start."""
        async with self._store.read() as session:
            calls = (await session.scalars(self._calls.with_only_columns(CallRow.id))).all()
            messages = (await session.scalars(self._messages.with_only_columns(MessageRow.id))).all()
        self._calls = self._calls.where(CallRow.id.not_in(calls))
        self._messages = self._messages.where(MessageRow.id.not_in(messages))

    async def row(self) -> CallRow | None:
        """None until an engine has taken the call."""
        async with self._store.read() as session:
            if self._id is not None:
                return await session.get(CallRow, self._id)
            found = await session.scalar(self._calls.order_by(CallRow.started_at).limit(1))
        self._id = found.id if found else None
        return found

    async def message(self) -> tuple[MessageRow | None, CallbackRow | None]:
        """The latest message of the call, and the callback that was asked for by it, or by key."""
        query = self._messages
        if self._id is not None:
            query = select(MessageRow).where(MessageRow.call_id == self._id)
        async with self._store.read() as session:
            message = await session.scalar(query.order_by(MessageRow.created_at.desc()).limit(1))
            if message is not None:
                callback = await callbacks.by_message(session, message.id)
            else:
                callback = await callbacks.by_call(session, self._id) if self._id else None
        return message, callback

    async def agent(self) -> str | None:
        """Who talks to the caller now."""
        async with self._store.read() as session:
            rows = await agents.listing(session)
        return next((row.name for row in rows if row.offer_call == self._id and row.state == "talking"), None)


@dataclass(frozen=True)
class Speech:
    text: str
    file: Path | None  # None: says nothing
    seconds: float


class Caller:
    """One call, from the moment it is up. `talk`: seconds that an agent who answers is listened to."""

    def __init__(
        self,
        telephone: Telephone,
        watch: Watch,
        diary: Diary,
        clock: Clock,
        line: LiveLine | None,
        keys: str,
        speeches: Sequence[Speech],
        *,
        hang_up: bool,
        talk: float,
    ) -> None:
        self.answered_by: str | None = None
        self.beeps = 0
        self._telephone = telephone
        self._watch = watch
        self._diary = diary
        self._clock = clock
        self._line = line
        self._keys = keys
        self._speeches = list(speeches)
        self._hang_up = hang_up
        self._talk = talk
        self._ear = Ear()
        self._told = 0  # entries of the path
        self._place: tuple[int, int] | None = None  # how far along the path, and how often asked there
        self._next: tuple[float, Callable[[], Awaitable[None]]] | None = None  # when to do what

    async def visit(self) -> bool:
        """True when the call ended, whoever ended it; False if it had to be cut off after LONGEST."""
        until = self._clock.monotonic() + LONGEST
        while self._clock.monotonic() < until:
            with suppress(TimeoutError):
                await self._telephone.wait_for("CALL_CLOSED", limit=LOOK_EVERY)
                await self._look()  # what happened since the last look
                self._diary.note("the call has ended")
                self._warn_of_keys()
                return True
            await self._look()
            # The call may end at any moment, and then the telephone refuses: the next turn hears of that.
            with suppress(AsteriskError):
                await self._act()
        self._diary.note("the call has not come to an end; the caller gives up")
        with suppress(AsteriskError):
            await self._telephone.hang_up()
        return False

    # -- looking --------------------------------------------------------------------------

    async def _look(self) -> None:
        row = await self._watch.row()
        if row is None:
            return
        for entry in row.path[self._told :]:
            self._diary.note(f"understood {entry}" if is_key(entry) else self._entered(entry, row))
        self._told = len(row.path)
        if row.outcome == "answered" and self.answered_by is None:
            self.answered_by = await self._watch.agent()
            if self.answered_by is not None:
                self._diary.note(f"agent {self.answered_by} answered")
                self._in(self._talk + AFTER_SPEAKING, self._speak_to_agent)
        place = (len(row.path), int((row.state or {}).get("retries", 0)))
        if row.state is None or place == self._place:
            return
        self._place = place
        if place[1]:
            self._diary.note("is asked again")
        step = self._step(row.state["step"])
        asked = keys_asked(step)
        if self._keys and asked:
            self._in(BEFORE_A_KEY, lambda: self._press(KeyTable(asked)))
        elif self._keys and takes_digits(step):
            self._in(BEFORE_A_KEY, self._press_entry)

    def _step(self, name: str) -> Step | None:
        return self._line.dialplan.steps.get(name) if self._line else None

    def _entered(self, name: str, row: CallRow) -> str:
        step = self._step(name)
        if step is None or self._line is None:
            return name
        hours = (row.state or {}).get("variables", {}).get("hours")
        calendar = self._line.calendars.get(hours)
        now = self._clock.now()
        values = {name: [say(calendar, now)] for name, say in BY_THE_CLOCK.items()} if calendar else {}
        said = "".join(parts(step.says().get("say", ""), line=self._line.dialplan.line, said=values))
        shown = said if len(said) <= SHOWN else said[:SHOWN] + "…"
        return f"{name} ({step.type})" + (f": 「{shown}」" if shown else "")

    def _warn_of_keys(self) -> None:
        if self._keys:
            self._diary.note(f"not pressed, for no menu asked: {self._keys}")

    # -- acting ---------------------------------------------------------------------------

    def _in(self, seconds: float, do: Callable[[], Awaitable[None]]) -> None:
        self._next = (self._clock.monotonic() + seconds, do)

    async def _act(self) -> None:
        if self._ear.beeped(self._telephone.heard_now()):
            self.beeps += 1
            self._diary.note("beep")
            if self._speeches:
                self._in(BEFORE_SPEAKING, self._speak)
            else:
                self._diary.note("the caller has nothing to say (--say) and stays silent")
        if self._next is not None and self._next[0] <= self._clock.monotonic():
            _, do = self._next
            self._next = None
            await do()

    async def _press(self, table: KeyTable) -> None:
        keys = next_keys(self._keys, table)
        self._keys = self._keys[len(keys) :].removeprefix(",")
        self._diary.note(f"presses {keys}")
        await self._telephone.press(keys)

    async def _press_entry(self) -> None:
        """What is pressed until the next comma; and so on, for these steps ask again without our seeing it."""
        keys, _, self._keys = self._keys.partition(",")
        self._diary.note(f"presses {keys}")
        await self._telephone.press(keys)
        if self._keys:
            self._in(BETWEEN_KEYS, self._press_entry)

    async def _speak(self) -> None:
        self._in(await self._say() + AFTER_SPEAKING, self._end_message)

    async def _speak_to_agent(self) -> None:
        seconds = await self._say() if self._speeches else 0.0
        self._in(seconds + AFTER_SPEAKING, self._leave)

    async def _say(self) -> float:
        speech = self._speeches.pop(0)
        if speech.file is None:
            self._diary.note("says nothing")
            return speech.seconds
        self._diary.note(f"says 「{speech.text}」")
        await self._telephone.say(speech.file)
        return speech.seconds

    async def _end_message(self) -> None:
        if self._hang_up:
            await self._leave()
        else:
            self._diary.note("presses #, which ends the message")
            await self._telephone.press("#")
            if self._keys:  # of the review, if the line has one
                self._in(BETWEEN_KEYS, self._press_entry)

    async def _leave(self) -> None:
        self._diary.note("hangs up")
        await self._telephone.hang_up()
