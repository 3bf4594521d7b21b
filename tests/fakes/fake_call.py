"""FakeCall: the words of `Call` in virtual time, with the results that AriCall gives (ivr/asterisk/caller.py)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

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
    DigitsRead,
    KeyBuffer,
    KeysRead,
    KeyTable,
    read_digits,
    read_keys,
    spoken_keys,
)
from ivr.terminal.call import understood
from tests.fakes.virtual_time import Life
from tests.fakes.world import BEEP, RECORDING, Leg, Playback, Telephone, World


class CountedKeys(KeyBuffer):
    """Remembers which keys were emptied, in which step and during which word; "" is the step's own doing."""

    def __init__(self, state: CallState) -> None:
        super().__init__()
        self.thrown_away: list[tuple[str, str | None, str]] = []
        self.word = ""
        self._state = state

    def empty(self) -> int:
        if self:
            self.thrown_away.append((str(self), self._state.step, self.word))
        return super().empty()


class FakeCall:
    """`telephone` and `world` outlive it; when `life` has ended it has no effect on them any more."""

    def __init__(
        self,
        world: World,
        telephone: Telephone,
        state: CallState,
        *,
        number: str | None = "+819012345678",
        language: str = "ja",
        life: Life | None = None,
    ) -> None:
        self.id = state.call_id
        self.caller = Caller(number, None if number else "anonymous", language)
        self.dialled = "05031859080"
        self.state = state
        self.keys: CountedKeys = CountedKeys(state)
        self.keys.on_key = self._changed
        self._world = world
        self._telephone = telephone
        self._life = life or Life()
        self._waiter: asyncio.Future[None] | None = None
        telephone.on_key = self.keys.push
        telephone.on_change = self._changed

    # -- words ----------------------------------------------------------------------------

    async def answer(self) -> None:
        self._here()
        if not self._telephone.answered:
            self._telephone.answered = True
            self._telephone.happens("answer")

    async def play(self, *texts: str, whole: bool = False) -> Played:
        self._here()
        if self.keys and not whole:
            return Played("key")
        return await self._play(texts, stop=lambda: bool(self.keys) and not whole)

    async def play_recording(self, file: Path) -> Played:
        self._here()
        if not self.keys:
            self._world.played.append(file)
        return await self.play(RECORDING)

    async def _play(self, texts: Sequence[str], stop: Callable[[], bool]) -> Played:
        playback = self._telephone.play(texts, self._changed)
        try:
            await self._until(lambda: playback.ended or stop())
        finally:
            if not self._life.ended:
                playback.stop()
        return Played("end" if playback.ended else "key")

    async def read_keys(self, table: KeyTable, *, first: float) -> KeysRead:
        self.keys.word = "read_keys"
        try:
            return await read_keys(self.keys, table, self._until, first=first)
        finally:
            self.keys.word = ""

    async def read_digits(self, longest: int, *, end_key: str, first: float, between: float) -> DigitsRead:
        self.keys.word = "read_digits"
        try:
            return await read_digits(
                self.keys, longest, self._until, end_key=end_key, first=first, between=between
            )
        finally:
            self.keys.word = ""

    @asynccontextmanager
    async def hearing(self, answers: Mapping[str, str]) -> AsyncIterator[None]:
        def heard(words: str) -> None:
            if self._world.transcriber and not self._telephone.hears:
                for key in spoken_keys(words, answers):
                    self._telephone.press(key)

        self._telephone.on_words = heard
        try:
            yield
        finally:
            self._telephone.on_words = lambda words: None

    async def record(
        self, file: Path, *, longest: float, silence: float, end_key: str = "#", hear: bool = False
    ) -> Recorded:
        self.keys.word = "record"
        try:
            known = file in self._world.recordings
            recorded = await self._record(file, longest, silence, end_key)
        finally:
            self.keys.word = ""
        words = [] if known or recorded.ended_by == "failed" else self._world.heard(file)
        if hear and words:
            return replace(recorded, transcript=understood(words, recorded.seconds))
        return recorded

    async def _record(self, file: Path, longest: float, silence: float, end_key: str) -> Recorded:
        if self._telephone.gone:
            return Recorded("hangup")
        self.keys.empty()
        recording = self._world.recordings.get(file)
        if recording is None:
            try:
                await self._play([BEEP], stop=lambda: False)
            except CallerHungUp:
                return Recorded("hangup")
            self.keys.empty()
            recording = self._world.record(self._telephone, file, longest, silence, end_key)
        recording.changed = self._changed
        ended = recording
        with suppress(CallerHungUp):
            await self._until(lambda: ended.ended_by)
        if recording.ended_by == "failed":
            return Recorded("failed")
        if self._telephone.gone:
            return Recorded("hangup", recording.seconds)
        if end_key in str(self.keys):
            return Recorded("key", recording.seconds)
        return Recorded("limit" if recording.seconds >= longest - 1 else "silence", recording.seconds)

    async def wait(self, place: Place, keys: KeyTable, announcements: Sequence[Announcement]) -> Waited:
        self._here()
        if self._telephone.bridge is not None:
            return Waited("answered")  # taken back in the very moment that the agent answered
        self.keys.word = "wait"
        announcer = asyncio.create_task(self._announce(announcements))
        try:
            while True:
                waited = await self._one_offer(place, keys, announcer)
                if waited is not None:
                    return waited
        finally:
            self.keys.word = ""
            await _stopped(announcer)

    async def dial(self, number: str, *texts: str, ring: float) -> Dialled:
        self._here()
        if self._telephone.bridge is not None:
            return Dialled("answered")  # taken back in the very moment that the other side answered
        self._world.dialled.append(number)
        outside = self._world.outside
        if outside is None:
            return Dialled("failed")
        announcer = asyncio.create_task(self._announce([Announcement(lambda: texts)]))
        leg = Leg(outside, self.id, ring, self._changed)
        try:
            await self._until(lambda: leg.up or leg.gone)
            if leg.up:
                await _stopped(announcer)
                self._here()
                self._telephone.joined(leg)
                return Dialled("answered")
            if leg.could_not_ring:
                return Dialled("busy" if outside.broken == "busy" else "failed")
            return Dialled("no_answer")
        finally:
            await _stopped(announcer)
            if self._telephone.bridge is not leg:
                leg.end()

    async def talk(self, limit: TalkLimit | None = None) -> Talked:
        leg = self._telephone.bridge
        if leg is None:
            return Talked("agent")
        leg.changed = self._changed
        try:
            return await self._talk(leg, limit)
        finally:
            if not self._life.ended:
                leg.end()

    async def _talk(self, leg: Leg, limit: TalkLimit | None) -> Talked:
        def gone() -> bool:
            return leg.gone and not self._telephone.gone

        loop = asyncio.get_running_loop()
        end = None if limit is None else loop.time() + limit.seconds
        if limit is not None and limit.warn_after is not None:
            if await self._until(gone, limit.warn_after):
                return Talked("agent")
            leg.hears(limit.warning)
            self._telephone.play(limit.warning, self._changed)
        if await self._until(gone, None if end is None else end - loop.time()) or limit is None:
            return Talked("agent")
        leg.hears(limit.over)
        over = self._telephone.play(limit.over, self._changed)
        await self._until(lambda: gone() or over.ended)
        return Talked("limit")

    async def hang_up(self) -> None:
        self._life.check()
        self._telephone.hang_up()

    # -- waiting in a queue ---------------------------------------------------------------

    async def _one_offer(
        self, place: Place, keys: KeyTable, announcer: "asyncio.Task[None]"
    ) -> Waited | None:
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
        return await self._ring(offer, keys, announcer)

    async def _ring(self, offer: Offer, keys: KeyTable, announcer: "asyncio.Task[None]") -> Waited | None:
        loop = asyncio.get_running_loop()
        telephones = [self._world.agents[seat.endpoint] for seat in offer.seats]
        legs = [Leg(each, self.id, offer.ring, self._changed) for each in telephones]
        deadline = loop.time() + offer.ring
        timer = loop.call_at(deadline, self._changed)
        unanswered: list[str] = []
        failed: list[str] = []
        winner: Leg | None = None

        def settled() -> bool:
            late = loop.time() >= deadline
            return late or any(leg.up and not leg.gone for leg in legs) or all(leg.gone for leg in legs)

        try:
            key = await self._first(keys, settled)
            if key is not None:
                return Waited("key", key)
            winner = await _winner(offer, legs)
            if winner is not None:
                await _stopped(announcer)
                self._here()
                if winner.gone:  # the bridge is refused
                    failed, winner = [winner.agent], None
                    return None
                self._telephone.joined(winner)
                return Waited("answered")
            unanswered = [leg.agent for leg in legs if not leg.could_not_ring]
            failed = [leg.agent for leg in legs if leg.could_not_ring]
            return None
        except CallerHungUp:
            winner = None
            raise
        finally:
            timer.cancel()
            for leg in legs:
                if leg is not winner:
                    leg.take_away()
            await offer.close(unanswered, failed)

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

    async def _announce(self, announcements: Sequence[Announcement]) -> None:
        loop = asyncio.get_running_loop()
        due = [(loop.time() + item.after, item) for item in announcements]
        while due:
            due.sort(key=lambda entry: entry[0])
            at, item = due.pop(0)
            await asyncio.sleep(max(0.0, at - loop.time()))
            await self._announced(self._telephone.play(item.texts(), self._changed))
            if item.every is not None:
                due.append((loop.time() + item.every, item))

    async def _announced(self, playback: Playback) -> None:
        try:
            await playback.over.wait()
        finally:
            if not self._life.ended:
                playback.stop()

    # -- beneath the words ----------------------------------------------------------------

    def _here(self) -> None:
        self._life.check()
        if self._telephone.gone:
            raise CallerHungUp

    def _ready_or_key(self, ready: Callable[[], bool], had: int) -> Callable[[], bool]:
        return lambda: ready() or len(self.keys) != had

    def _changed(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _until(self, ready: Callable[[], Any], limit: float | None = None) -> bool:
        """True when `ready()`; False after `limit` seconds; CallerHungUp if the caller is gone first."""
        loop = asyncio.get_running_loop()
        deadline = None if limit is None else loop.time() + limit
        while not ready():
            self._here()
            if deadline is not None and loop.time() >= deadline:
                return False
            self._waiter = loop.create_future()
            timer = None if deadline is None else loop.call_at(deadline, self._changed)
            try:
                await self._waiter
            finally:
                if timer is not None:
                    timer.cancel()
        return True


async def _winner(offer: Offer, legs: Sequence[Leg]) -> Leg | None:
    for leg in legs:
        if leg.up and not leg.gone and await offer.answered(leg.agent):
            return leg
    return None


async def _stopped(task: "asyncio.Task[Any]") -> None:
    if not task.done():
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
