"""AriCall: the words of `Call` on a real Asterisk."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from ivr.asterisk.ari import LINK_BROKE, Ari, AriRefused, Json
from ivr.asterisk.channel import Channel, quietly
from ivr.asterisk.ears import NOBODY, Ear, Ears
from ivr.asterisk.numbers import to_e164
from ivr.asterisk.recording import Recording, seconds_in
from ivr.asterisk.waiting import AgentLeg, Bridge, dial, wait
from ivr.asterisk.ways import Ways
from ivr.call import (
    Announcement,
    Caller,
    CallerHungUp,
    CallState,
    Dialled,
    Place,
    Played,
    Recorded,
    Talked,
    TalkLimit,
    Waited,
)
from ivr.errors import AsteriskError
from ivr.keys import DigitsRead, KeyBuffer, KeysRead, KeyTable, read_digits, read_keys

log = logging.getLogger("ivr.asterisk.caller")

TAKEN = "他の担当者が、応答いたしました。"  # to an agent, when another one was quicker
LATE_PROMPT = 0.3  # seconds that a text which is not ready may take before the neutral prompt
ALONE = 10.0  # seconds after it should have ended that Asterisk ends a talk by itself, without a word
PLAYBACK_SLACK = 5.0  # ARI reports no failed playback in any usable way: give up after this
HAND_OVER_TRIES = (0.1, 0.4, 1.5)  # seconds after each try to give a caller to the fallback


@dataclass(frozen=True, slots=True)
class Sound:
    """A prompt that is ready: `path` absolute and without extension."""

    path: Path
    seconds: float


@dataclass(frozen=True)
class Sounds:
    """Where an AriCall gets its audio; `of` gives None for a text that is not ready."""

    of: Callable[[str], Sound | None]
    neutral: Callable[[], Sound]
    beep: Sound
    taken: Callable[[], Sound]


class AriCall(Channel):
    """A caller in our application. Close it in a `finally`."""

    def __init__(
        self,
        ari: Ari,
        id: str,
        caller: Caller,
        dialled: str,
        state: CallState,
        sounds: Sounds,
        recordings: Path,
        ways: Ways | None = None,
        ears: Ears = NOBODY,
    ) -> None:
        """`ways`: to telephones outside; None: there are none. `ears`: who listens."""
        super().__init__(ari, id)
        self.caller = caller
        self.dialled = dialled
        self.state = state
        self.keys = KeyBuffer()
        self.keys.on_key = self.changed
        self.bridge: Bridge | None = None
        self.recording = False
        self._sounds = sounds
        self.recordings = recordings
        self._ways = ways or Ways(ari)
        self._ears = ears
        self._answers: Ear | None = None  # to whom a spoken answer would be one now
        self._saying = 0  # prompts
        self._answered = False
        self.awaited: tuple[str, Callable[[], None]] | None = None  # where to ask for it, what its end does
        self.numbers = count(1)  # in the ids of what belongs to this call
        self._dismissed: set[asyncio.Task[None]] = set()
        self._last_key: Json | None = None

    def on_event(self, event: Json) -> None:
        if event["type"] == "ChannelDtmfReceived":
            previous, self._last_key = self._last_key, event
            if previous is None or not _told_twice(previous, event):
                self.keys.push(event["digit"])
        else:
            super().on_event(event)

    # -- words ----------------------------------------------------------------------------

    async def answer(self) -> None:
        self._here()
        if not self._answered:
            self._answered = True
            await self.ari.send("POST", f"channels/{self.id}/answer")

    async def play(self, *texts: str, whole: bool = False) -> Played:
        self._here()
        if self.keys and not whole:
            return Played("key")
        if not texts:  # all of it stood around values that are empty
            return Played("end")
        sounds = await self.spoken(texts)
        return await self.play_sounds(sounds, stop=lambda: bool(self.keys) and not whole)

    async def play_recording(self, file: Path) -> Played:
        self._here()
        if self.keys:
            return Played("key")
        seconds = seconds_in(file)
        if not seconds:
            return Played("end")
        return await self.play_sounds([Sound(file.with_suffix(""), seconds)], stop=lambda: bool(self.keys))

    async def play_sounds(self, sounds: Sequence[Sound], stop: Callable[[], bool]) -> Played:
        """Plays to the end, or until `stop()` after something changed about this call.

        What Asterisk cannot play is said by the neutral prompt; AsteriskError if not even that can be played.
        """
        id = self.next_id("p")
        ended = failed = False

        def on_playback(event: Json) -> None:
            nonlocal ended, failed
            ended = True
            failed = event["playback"]["state"] == "failed"
            self.changed()

        def refused(status: int, _: str) -> None:
            nonlocal ended
            if status >= 400 and status != LINK_BROKE:
                ended = True
                self.changed()

        media = {"media": [f"sound:{sound.path}" for sound in sounds]}
        limit = sum(sound.seconds for sound in sounds) + PLAYBACK_SLACK
        self.ari.listen(id, on_playback)
        self.awaited = f"playbacks/{id}", lambda: refused(404, "")
        self._says(1)
        try:
            await self.ari.send("POST", f"channels/{self.id}/play/{id}", media, refused)
            finished = await self.until(lambda: ended or stop(), limit)
            if not finished:
                log.error("a prompt never ended", extra={"call_id": self.id, "playback": id})
        finally:
            self._says(-1)
            self.awaited = None
            self.ari.forget(id)
            if not ended and not self.gone:
                await self.ari.send("DELETE", f"playbacks/{id}")
        self._here()  # a hang-up ends the prompt before it ends the channel
        if failed:
            log.error("Asterisk could not play a prompt", extra={"call_id": self.id, "playback": id})
            neutral = self._sounds.neutral()
            if neutral in sounds:
                raise AsteriskError("Asterisk could not play the neutral prompt")
            return await self.play_sounds([neutral], stop)
        return Played("end" if ended else "key")

    async def read_keys(self, table: KeyTable, *, first: float) -> KeysRead:
        return await read_keys(self.keys, table, self.until, first=first)

    async def read_digits(self, longest: int, *, end_key: str, first: float, between: float) -> DigitsRead:
        return await read_digits(
            self.keys, longest, self.until, end_key=end_key, first=first, between=between
        )

    @asynccontextmanager
    async def hearing(self, answers: Mapping[str, str]) -> AsyncIterator[None]:
        """Half duplex: telephones give back what they say, and a prompt must not answer itself."""
        self._answers = ear = self._ear(answers)
        self._says(0)
        try:
            yield
        finally:
            self._answers = None
            self._let_go(ear)

    def _says(self, one: int) -> None:
        """A prompt more, or one less."""
        self._saying += one
        if self._answers is not None:
            if self._saying:
                self._answers.drop()
            else:
                self._answers.begin()

    def _ear(self, answers: Mapping[str, str] | None = None) -> Ear:
        number = next(self.numbers)
        return Ear(self._ears, self.ari, self.id, number, self.state.line, answers, self.keys.push)

    def _let_go(self, ear: Ear) -> None:
        closing = ear.close()
        self._dismissed.add(closing)
        closing.add_done_callback(self._dismissed.discard)

    async def record(
        self, file: Path, *, longest: float, silence: float, end_key: str = "#", hear: bool = False
    ) -> Recorded:
        """See `Call`. The file must be a new one."""
        if self.gone:
            return Recorded("hangup")
        ear = self._ear() if hear else None
        try:
            return await Recording(self, file, ear).run(longest, silence, end_key)
        finally:
            if ear is not None:
                self._let_go(ear)

    async def wait(self, place: Place, keys: KeyTable, announcements: Sequence[Announcement]) -> Waited:
        self._here()
        return await wait(self, place, keys, announcements)

    async def dial(self, number: str, *texts: str, ring: float) -> Dialled:
        self._here()
        way = self._ways.of_transfer(number, to_e164(self.dialled) or "")
        if way is None:  # `ivr check` refuses it; the operator may have changed the list since
            log.error("a number that may not be dialled was not dialled", extra={"call_id": self.id})
            return Dialled("failed")
        async with self._ways.holding(self.id, way) as refused:
            if refused:
                log.warning("no place on a trunk", extra={"call_id": self.id, "reason": refused})
                return Dialled("failed")
            return await dial(self, way, ring, [Announcement(lambda: texts)])

    async def talk(self, limit: TalkLimit | None = None) -> Talked:
        bridge = self.bridge
        if bridge is None:
            return Talked("agent")
        try:
            talked = await (self._limited(bridge, limit) if limit else self._unlimited(bridge))
        except CallerHungUp:
            await self._part()
            raise
        # Not when cancelled: we stop, and the two go on talking without us.
        if limit is not None:
            await self._hang_up_after(0)
        await self._part()
        return talked

    async def _unlimited(self, bridge: Bridge) -> Talked:
        await self.until(lambda: bridge.agent.gone)
        return Talked("agent")

    async def _limited(self, bridge: Bridge, limit: TalkLimit) -> Talked:
        loop = asyncio.get_running_loop()
        end = loop.time() + limit.seconds
        over = await self.spoken(limit.over)
        await self._hang_up_after(limit.seconds + sum(sound.seconds for sound in over) + ALONE)
        if limit.warn_after is not None:
            if await self.until(lambda: bridge.agent.gone, limit.warn_after):
                return Talked("agent")
            await bridge.say(await self.spoken(limit.warning))
        if await self.until(lambda: bridge.agent.gone, end - loop.time()):
            return Talked("agent")
        said = await bridge.say(over)
        await self.until(lambda: bridge.agent.gone, said)
        return Talked("limit")

    async def _hang_up_after(self, seconds: float) -> None:
        """Asterisk's own limit, for a talk that outlives us; 0 takes it away."""
        value = {"variable": "TIMEOUT(absolute)", "value": str(round(seconds))}
        await quietly(self.ari.http("POST", f"channels/{self.id}/variable", value), "limit of a talk")

    async def hang_up(self) -> None:
        await super().hang_up()
        self.gone = True

    # -- beneath the words ----------------------------------------------------------------

    async def catch_up(self) -> None:
        """After a broken link: a prompt or a recording that ended meanwhile never told us."""
        if self.awaited is not None:
            uri, ended = self.awaited
            try:
                await self.ari.http("GET", uri)
            except AriRefused:
                ended()

    def next_id(self, kind: str) -> str:
        """An id for a playback of this call, chosen before it exists."""
        return f"{self.id}-{kind}{next(self.numbers)}"

    async def dismiss(self, leg: AgentLeg) -> None:
        """Stops a telephone; an agent who answered second is told so, while the call goes on."""
        if leg.up and not leg.gone:
            telling = asyncio.create_task(self._tell_taken(leg), name=f"dismiss-{leg.id}")
            self._dismissed.add(telling)
            telling.add_done_callback(self._dismissed.discard)
        else:
            await leg.hang_up()
            leg.close()

    async def _tell_taken(self, leg: AgentLeg) -> None:
        try:
            sound = self._sounds.taken()
            await leg.ari.send(
                "POST", f"channels/{leg.id}/play/{leg.id}-taken", {"media": f"sound:{sound.path}"}
            )
            await leg.until(lambda: False, sound.seconds + 0.5)
        except (CallerHungUp, AsteriskError):
            pass  # the agent hung up first
        finally:
            await leg.hang_up()
            leg.close()

    async def _part(self) -> None:
        bridge, self.bridge = self.bridge, None
        if bridge is not None:
            await bridge.close()

    async def aclose(self) -> None:
        """The end of the call: nothing of it stays in Asterisk or in memory."""
        await self._part()
        if self._dismissed:
            await asyncio.wait(self._dismissed, timeout=10)
        self.close()

    def _here(self) -> None:
        if self.gone or self.leaving:
            raise CallerHungUp

    async def spoken(self, texts: Sequence[str]) -> list[Sound]:
        """Their audio; for all that is not ready together, the neutral prompt once."""
        if any(self._sounds.of(text) is None for text in texts):
            await asyncio.sleep(LATE_PROMPT)
        found = [self._sounds.of(text) for text in texts]
        ready = [sound for sound in found if sound is not None]
        if len(ready) < len(found):
            log.error("a prompt is not ready, the neutral one is played", extra={"call_id": self.id})
            ready.insert(found.index(None), self._sounds.neutral())
        return ready

    async def beep(self) -> None:
        """Nothing stops the beep: a key pressed now is thrown away with those of the greeting."""
        await self.play_sounds([self._sounds.beep], stop=lambda: False)
        self.keys.empty()

    async def leave_to_fallback(self) -> None:
        """Hands the caller back to the dialplan, where the fallback takes the call.

        Whoever is leaving a message finishes it first; with a message left, only the thanks are missing.
        """
        body: Json = {"context": "ivr-fallback", "extension": self.dialled, "priority": 1}
        if self.recording or self.state.outcome in ("message", "callback"):
            body = {"context": "ivr-last-resort", "extension": "s", "label": "thanks"}
        for pause in HAND_OVER_TRIES:
            if self.gone:
                return
            try:
                # By HTTP: the websocket may be what broke.
                await self.ari.http("POST", f"channels/{self.id}/continue", body)
                return
            except AsteriskError as error:
                log.warning("a call is not handed over yet", extra={"call_id": self.id, "error": str(error)})
            await asyncio.sleep(pause)
        log.error("a call could not be handed over", extra={"call_id": self.id})


def _told_twice(key: Json, again: Json) -> bool:
    """Asterisk tells each key twice while it records: 20 ms later, and no key is pressed that quickly."""
    if key["digit"] != again["digit"]:
        return False
    apart = datetime.fromisoformat(again["timestamp"]) - datetime.fromisoformat(key["timestamp"])
    return apart < timedelta(milliseconds=again["duration_ms"])
