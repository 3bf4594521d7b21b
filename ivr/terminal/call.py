"""TerminalCall: the words of `Call` for a person in the terminal, in virtual time.

The third implementation beside AriCall and FakeCall. It must run on a VirtualLoop, or it waits in earnest.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from ivr.call import (
    Announcement,
    Caller,
    CallerHungUp,
    CallState,
    Dialled,
    Offer,
    Place,
    Played,
    Recorded,
    Talked,
    TalkLimit,
    Verdict,
    Waited,
)
from ivr.keys import (
    AFTER_A_KEY,
    KEYS,
    DigitsRead,
    KeyBuffer,
    KeysRead,
    KeyTable,
    read_digits,
    read_keys,
    spoken_keys,
)
from ivr.terminal.person import Person
from ivr.transcript import Transcript, Word

BEEP = "(beep)"
RECORDING = "(recording)"  # is heard where one is played
BEEP_SECONDS = 0.5
CHARACTER = 0.14  # seconds to say one: the synthetic voice says about seven a second
REACTION = 1.0  # seconds from a question to the first key


def seconds(text: str) -> float:
    return BEEP_SECONDS if text == BEEP else len(text) * CHARACTER


def understood(words: Sequence[str], duration: float) -> Transcript:
    """The text of a recording of `duration` seconds in which `words` were said."""
    each = duration / max(1, len(words))
    placed = tuple(Word(word, at * each, (at + 1) * each, 1.0) for at, word in enumerate(words))
    return Transcript("".join(words), "as typed", False, 8000, duration, placed)


@dataclass
class Agent:
    """`answers`: seconds of ringing, None never; `talks`: seconds, None leaves the end to the caller."""

    name: str
    group: str
    answers: float | None = 3.0
    talks: float | None = 60.0
    state: Literal["available", "talking", "away"] = "available"


@dataclass
class Tape:
    """What was recorded: seconds in which somebody spoke, and the words as far as they are known."""

    spoken: float = 0.0
    words: list[str] = field(default_factory=list)


class Listener(Protocol):
    """Hears all that happens on the line."""

    def begins(self, text: str) -> None: ...

    def ends(self, text: str, *, whole: bool) -> None: ...

    def pressed(self, keys: str) -> None: ...

    def spoke(self, words: str) -> None: ...

    def talks_to(self, agent: str) -> None: ...

    def left(self) -> None: ...


class TerminalCall:
    def __init__(
        self,
        state: CallState,
        caller: Caller,
        dialled: str,
        person: Person,
        listener: Listener,
        *,
        agents: Mapping[str, Agent],
        tapes: dict[Path, Tape],
        outside: Agent | None = None,
        length: Callable[[str], float] = seconds,
    ) -> None:
        """`outside`: who answers any telephone that is dialled; None: it cannot be reached."""
        self.id = state.call_id
        self.caller = caller
        self.dialled = dialled
        self.state = state
        self.keys = KeyBuffer()
        self.keys.on_key = self._changed
        self.gone = False
        self._person = person
        self._listener = listener
        self._agents = agents
        self._tapes = tapes
        self._outside = outside
        self._length = length
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._doing: set[asyncio.TimerHandle] = set()
        self._tape: Tape | None = None  # runs now
        self._speaks_since: float | None = None
        self._quiet_since = 0.0
        self._agent: Agent | None = None  # bridged
        self._answers: Mapping[str, str] = {}  # what may be said instead of keys now
        self._saying = False  # a text runs

    # -- what the person does -------------------------------------------------------------

    def press(self, keys: str) -> None:
        """All at once: they wait in the buffer for whom they are meant."""
        pressed = "".join(key for key in keys if key in KEYS)
        if not self.gone and pressed:
            self._listener.pressed(pressed)
            for key in pressed:
                self.keys.push(key)

    def types(self, text: str) -> None:
        """Keys, or in words an answer that is listened for: not while something is said."""
        self.press((spoken_keys(text, self._answers) if not self._saying else "") or text)

    def speaks(self, begins: bool, words: str = "") -> None:
        now = self._loop.time()
        if self._tape is not None and words:
            self._tape.words.append(words)
        if self._tape is not None and self._speaks_since is not None:
            self._tape.spoken += now - self._speaks_since
        self._speaks_since = now if begins else None
        self._quiet_since = now
        self._changed()

    def leaves(self) -> None:
        if not self.gone:
            self.gone = True
            for timer in self._doing:
                timer.cancel()
            self._listener.left()
            self._changed()

    def _soon(self, seconds: float, do: Callable[..., None], *given: Any) -> None:
        self._doing.add(self._loop.call_later(seconds, do, *given))

    def _will_press(self, keys: str | None) -> None:
        if keys is None:
            self._soon(REACTION, self.leaves)
        elif keys:
            self._soon(REACTION, self.types, keys)

    def _ask_for_words(self, end_key: str) -> None:
        words = self._person.words()
        if words is None:
            self._soon(REACTION, self.leaves)
        elif words:
            self._listener.spoke(words)
            self._soon(0, self.speaks, True, words)
            self._soon(self._length(words), self.speaks, False)
            self._soon(self._length(words), self.press, end_key)

    # -- words ----------------------------------------------------------------------------

    async def answer(self) -> None:
        self._here()

    async def play(self, *texts: str, whole: bool = False) -> Played:
        self._here()
        for text in texts:
            if self.keys and not whole:
                return Played("key")
            if not await self._say(text, stop=lambda: bool(self.keys) and not whole):
                return Played("key")
        return Played("end")

    async def play_recording(self, file: Path) -> Played:
        return await self.play(RECORDING)

    async def _say(self, text: str, stop: Callable[[], bool]) -> bool:
        """Whether it was heard to its end."""
        whole = False
        self._saying = True
        self._listener.begins(text)
        try:
            whole = not await self._until(stop, self._length(text))
        finally:
            self._saying = False
            self._listener.ends(text, whole=whole)
        return whole

    async def read_keys(self, table: KeyTable, *, first: float) -> KeysRead:
        if not self.keys:
            self._will_press(self._person.keys(table, waiting=False))
        return await read_keys(self.keys, table, self._until, first=first)

    async def read_digits(self, longest: int, *, end_key: str, first: float, between: float) -> DigitsRead:
        if not self.keys:
            self._will_press(self._person.digits(longest, end_key))
        return await read_digits(
            self.keys, longest, self._until, end_key=end_key, first=first, between=between
        )

    @asynccontextmanager
    async def hearing(self, answers: Mapping[str, str]) -> AsyncIterator[None]:
        self._answers = answers
        try:
            yield
        finally:
            self._answers = {}

    async def record(
        self, file: Path, *, longest: float, silence: float, end_key: str = "#", hear: bool = False
    ) -> Recorded:
        if self.gone:
            return Recorded("hangup")
        self.keys.empty()
        try:
            await self._say(BEEP, stop=lambda: False)
        except CallerHungUp:
            return Recorded("hangup")
        self.keys.empty()
        self._tape = self._tapes[file] = tape = Tape()
        begun = self._quiet_since = self._loop.time()
        self._ask_for_words(end_key)
        try:
            ended_by = await self._recorded(begun + longest, silence, end_key)
        finally:
            self.speaks(False)
            self._tape = None
        duration = self._loop.time() - begun
        text = understood(" ".join(tape.words).split(), duration) if hear and tape.words else None
        return Recorded(ended_by, duration, text)

    async def _recorded(
        self, limit: float, silence: float, end_key: str
    ) -> Literal["hangup", "key", "silence", "limit"]:
        while not self.gone:
            if end_key in str(self.keys):
                return "key"
            now, speaking = self._loop.time(), self._speaks_since is not None
            if now >= limit:
                return "limit"
            if not speaking and now >= self._quiet_since + silence:
                return "silence"
            await self._next_change(limit if speaking else min(limit, self._quiet_since + silence))
        return "hangup"

    async def wait(self, place: Place, keys: KeyTable, announcements: Sequence[Announcement]) -> Waited:
        self._here()
        announcer = asyncio.create_task(self._announce(announcements, keys))
        try:
            while True:
                waited = await self._one_offer(place, keys)
                if waited is not None:
                    return waited
        finally:
            await _stopped(announcer)

    async def dial(self, number: str, *texts: str, ring: float) -> Dialled:
        self._here()
        other = self._outside
        if other is None or other.state == "away":
            return Dialled("failed")
        if other.state == "talking":
            return Dialled("busy")
        answered = other.answers is not None and other.answers < ring
        announcer = asyncio.create_task(self._announce([Announcement(lambda: texts)], KeyTable(())))
        try:
            await self._until(lambda: False, other.answers if answered else ring)
        finally:
            await _stopped(announcer)
        self._agent = other if answered else None
        return Dialled("answered" if answered else "no_answer")

    async def talk(self, limit: TalkLimit | None = None) -> Talked:
        agent = self._agent
        if agent is None:
            return Talked("agent")
        self._listener.talks_to(agent.name)
        timer = None if agent.talks is None else self._loop.call_later(agent.talks, self._agent_leaves)
        try:
            return await self._talk(limit)
        finally:
            if timer is not None:
                timer.cancel()
            self._agent = None

    async def _talk(self, limit: TalkLimit | None) -> Talked:
        end = None if limit is None else self._loop.time() + limit.seconds
        if limit is not None and limit.warn_after is not None:
            if await self._until(lambda: self._agent is None, limit.warn_after):
                return Talked("agent")
            for text in limit.warning:
                await self._say(text, stop=lambda: self._agent is None)
        rest = None if end is None else end - self._loop.time()
        if await self._until(lambda: self._agent is None, rest) or limit is None:
            return Talked("agent")
        for text in limit.over:
            await self._say(text, stop=lambda: self._agent is None)
        return Talked("limit")

    def _agent_leaves(self) -> None:
        self._agent = None
        self._changed()

    async def hang_up(self) -> None:
        self.gone = True
        for timer in self._doing:
            timer.cancel()

    # -- waiting in a queue ---------------------------------------------------------------

    async def _one_offer(self, place: Place, keys: KeyTable) -> Waited | None:
        offered = asyncio.create_task(place.next())
        offered.add_done_callback(lambda _: self._changed())
        try:
            key = await self._first(keys, offered.done)
        finally:
            await _stopped(offered)
        if key is not None:
            return Waited("key", key)
        offer: Offer | Verdict = offered.result()
        if isinstance(offer, Verdict):
            return Waited("verdict", cause=offer.cause)
        return await self._ring(offer, keys)

    async def _ring(self, offer: Offer, keys: KeyTable) -> Waited | None:
        seats = [self._agents[seat.agent] for seat in offer.seats]
        rings = [(agent.answers, agent) for agent in seats if agent.answers is not None]
        quickest = min(rings, key=lambda ring: ring[0], default=None)
        answered = quickest is not None and quickest[0] < offer.ring
        until = self._loop.time() + (quickest[0] if quickest and answered else offer.ring)
        unanswered: list[str] = []
        timer = self._loop.call_at(until, self._changed)
        try:
            key = await self._first(keys, lambda: self._loop.time() >= until)
            if key is not None:
                return Waited("key", key)
            if quickest and answered and await offer.answered(quickest[1].name):
                self._agent = quickest[1]
                return Waited("answered")
            unanswered = [agent.name for agent in seats]
            return None
        finally:
            timer.cancel()
            await offer.close(unanswered, [])

    async def _first(self, keys: KeyTable, ready: Callable[[], bool]) -> str | None:
        """The key that the caller chose, or None when `ready()`. Other keys are emptied."""
        while not ready():
            had = len(self.keys)
            match = keys.match(str(self.keys))
            if match.state == "incomplete" and not await self._until(
                self._ready_or_key(ready, had), AFTER_A_KEY
            ):
                match = keys.match(str(self.keys), waited=True)
            if match.state == "complete":
                self.keys.use(match.length)
                return match.key
            if match.state == "invalid":
                self.keys.empty()
            if match.state != "incomplete":
                await self._until(self._ready_or_key(ready, len(self.keys)))
        return None

    async def _announce(self, announcements: Sequence[Announcement], keys: KeyTable) -> None:
        due = [(self._loop.time() + item.after, item) for item in announcements]
        while due:
            due.sort(key=lambda entry: entry[0])
            at, item = due.pop(0)
            await asyncio.sleep(max(0.0, at - self._loop.time()))
            for text in item.texts():
                await self._announced(text)
            if not self.keys:
                self._will_press(self._person.keys(keys, waiting=True))
            if item.every is not None:
                due.append((self._loop.time() + item.every, item))

    async def _announced(self, text: str) -> None:
        """Keys do not end it; the end of the waiting does, by cancelling."""
        whole = False
        self._listener.begins(text)
        try:
            await asyncio.sleep(self._length(text))
            whole = True
        finally:
            self._listener.ends(text, whole=whole)

    # -- beneath the words ----------------------------------------------------------------

    def _here(self) -> None:
        if self.gone:
            raise CallerHungUp

    def _ready_or_key(self, ready: Callable[[], bool], had: int) -> Callable[[], bool]:
        return lambda: ready() or len(self.keys) != had

    def _changed(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _until(self, ready: Callable[[], bool], limit: float | None = None) -> bool:
        """True when `ready()`; False after `limit` seconds; CallerHungUp if the caller is gone first."""
        deadline = None if limit is None else self._loop.time() + limit
        while not ready():
            self._here()
            if deadline is not None and self._loop.time() >= deadline:
                return False
            await self._next_change(deadline)
        return True

    async def _next_change(self, deadline: float | None) -> None:
        self._waiter = self._loop.create_future()
        timer = None if deadline is None else self._loop.call_at(deadline, self._changed)
        try:
            await self._waiter
        finally:
            if timer is not None:
                timer.cancel()


async def _stopped(task: "asyncio.Task[Any]") -> None:
    if not task.done():
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
