"""Waiting for somebody on a real Asterisk: music, announcements, the telephones of agents and outside, the bridge."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from ivr.asterisk.ari import Ari, Json
from ivr.asterisk.channel import AGENT, Channel, quietly
from ivr.call import Announcement, CallerHungUp, Dialled, Offer, Place, Seat, Verdict, Waited
from ivr.errors import AsteriskError
from ivr.keys import AFTER_A_KEY, KeyTable
from ivr.outside import Way

if TYPE_CHECKING:
    from ivr.asterisk.caller import AriCall, Sound

log = logging.getLogger("ivr.asterisk.waiting")

Meanwhile = Literal["moh", "ring"]
"""What is heard while nothing is said: music for who waits, ringing for who has somebody rung."""

HANGING_UP = 1.0  # seconds from a hang-up's first event to its last, at most
RING_SLACK = 2.0  # seconds that Asterisk may take to tell of a telephone that rang in vain
SAID_SLACK = 0.3  # seconds until Asterisk says in a bridge what it was asked to
ABSENT = 20  # Q.850
OUTSIDE = "outside"  # in the id of a channel, where an agent's name stands
NO_ANSWER = frozenset({18, 19})
DECLINED = frozenset({17, 21})  # busy, rejected: telephones send the one or the other when the agent declines


class AgentLeg(Channel):
    """An agent's telephone while it rings and talks; what happens to it wakes the caller's side too."""

    def __init__(self, ari: Ari, id: str, seat: Seat) -> None:
        super().__init__(ari, id)
        self.seat = seat
        self.refused = False
        self.changed_too: Callable[[], None] = lambda: None

    def on_event(self, event: Json) -> None:
        super().on_event(event)
        self.changed_too()

    async def ring(self, seconds: float, originator: str, number: str | None) -> None:
        """Rings; an unregistered or unknown telephone is `refused` at once."""
        body = {
            "endpoint": self.seat.endpoint,
            "app": self.ari.app,
            "channelId": self.id,
            "originator": originator,
            "timeout": max(1, round(seconds)),
            "callerId": number or "anonymous",
        }
        try:
            await self.ari.http("POST", "channels", body)
        except (AsteriskError, TimeoutError) as error:
            log.warning("a telephone cannot be rung", extra={"agent": self.seat.agent, "error": repr(error)})
            self.refused = self.gone = True
            self.changed_too()


class Bridge:
    """The caller and one agent, hearing each other."""

    def __init__(self, ari: Ari, id: str, agent: AgentLeg) -> None:
        self._ari = ari
        self.id = id
        self.agent = agent

    async def join(self, caller: str) -> None:
        """AsteriskError if it is refused: one of the two left in this very moment. Close it even then."""
        await self._ari.http("POST", f"bridges/{self.id}", {"type": "mixing"})
        await self._ari.http("POST", f"bridges/{self.id}/addChannel", {"channel": [caller, self.agent.id]})

    async def say(self, sounds: "Sequence[Sound]") -> float:
        """Begins to say it to both, and returns the seconds it takes; a talk goes on without what is refused."""
        media = {"media": [f"sound:{sound.path}" for sound in sounds]}
        await quietly(self._ari.http("POST", f"bridges/{self.id}/play", media), "said in a talk")
        return sum(sound.seconds for sound in sounds) + SAID_SLACK

    async def close(self) -> None:
        await self.agent.hang_up()
        self.agent.close()
        await quietly(self._ari.http("DELETE", f"bridges/{self.id}"), "bridge")


async def wait(
    call: "AriCall", place: Place, keys: KeyTable, announcements: Sequence[Announcement]
) -> Waited:
    """The word `wait` of DESIGN.md. Whatever ends it, music, announcements and telephones have stopped."""
    announcer = _announcer(call, announcements)
    try:
        while True:
            if announcer.cancelled():  # an agent answered, and the bridge did not come about
                announcer = _announcer(call, announcements)
            offered = asyncio.create_task(place.next(), name=f"place-{call.id}")
            offered.add_done_callback(lambda _: call.changed())
            try:
                key = await _first(call, keys, offered.done)
            finally:
                if not offered.done():
                    offered.cancel()
                    await asyncio.gather(offered, return_exceptions=True)
            if key is not None:
                return Waited("key", key)
            offer = offered.result()
            if isinstance(offer, Verdict):
                return Waited("verdict", cause=offer.cause)
            ended = await _offer(call, offer, keys, announcer)
            if ended is not None:
                return ended
    finally:
        await _stop(call, announcer)


async def dial(
    call: "AriCall",
    way: Way,
    ring: float,
    announcements: Sequence[Announcement],
    meanwhile: Meanwhile = "moh",
) -> Dialled:
    """The word `dial`. Whatever ends it but an answer, music, announcements and the telephone have stopped.

    `way`: its place is held.
    """
    # Like an agent's, so that whoever looks after the talks of a dead engine knows it.
    id = f"{call.id}{AGENT}{OUTSIDE}-{next(call.numbers)}"
    leg = AgentLeg(call.ari, id, Seat(OUTSIDE, way.endpoint))
    leg.changed_too = call.changed
    announcer = _announcer(call, announcements, meanwhile)
    joined = False
    try:
        # Carriers want to see a number of the line, not the caller's.
        await leg.ring(ring, call.id, way.shown or call.dialled)
        await call.until(lambda: leg.up or leg.gone, ring + RING_SLACK)
        if leg.up and not leg.gone:
            joined = await _join(call, leg, announcer, meanwhile)
            if joined:
                return Dialled("answered")
            await call.until(lambda: not call.leaving, HANGING_UP)
        return Dialled(_not_reached(leg), leg.cause, leg.status)
    finally:
        await _stop(call, announcer, meanwhile)
        if not joined:
            await leg.hang_up()
            leg.close()


def _not_reached(leg: AgentLeg) -> Literal["busy", "no_answer", "failed"]:
    if leg.cause in DECLINED:
        return "busy"
    return "no_answer" if leg.cause in NO_ANSWER or not leg.gone else "failed"


def _announcer(
    call: "AriCall", announcements: Sequence[Announcement], meanwhile: Meanwhile = "moh"
) -> "asyncio.Task[None]":
    return asyncio.create_task(_announce(call, announcements, meanwhile), name=f"announce-{call.id}")


async def _stop(call: "AriCall", announcer: "asyncio.Task[None]", meanwhile: Meanwhile = "moh") -> None:
    announcer.cancel()
    await asyncio.gather(announcer, return_exceptions=True)
    if not call.gone:
        await quietly(call.ari.send("DELETE", f"channels/{call.id}/{meanwhile}"), "music")


async def _first(call: "AriCall", keys: KeyTable, ready: Callable[[], bool]) -> str | None:
    """The key that the caller chose, or None when `ready()`. Other keys are emptied."""
    while not ready():
        had = len(call.keys)
        match = keys.match(str(call.keys))
        if match.state == "incomplete" and not await _changes(call, had, ready, AFTER_A_KEY):
            match = keys.match(str(call.keys), waited=True)
        if match.state == "complete":
            call.keys.use(match.length)
            return match.key
        if match.state == "invalid":
            call.keys.empty()
        if match.state != "incomplete":
            await _changes(call, len(call.keys), ready, None)
    return None


async def _changes(call: "AriCall", had: int, ready: Callable[[], bool], limit: float | None) -> bool:
    """False when for `limit` seconds neither a key came nor `ready()`."""
    return await call.until(lambda: ready() or len(call.keys) != had, limit)


async def _offer(
    call: "AriCall", offer: Offer, keys: KeyTable, announcer: "asyncio.Task[None]"
) -> Waited | None:
    """Rings the telephones of one offer together. None: nobody answered, the caller waits on."""
    # An id for each ring: a telephone that has just been stopped may still hold the one before.
    ids = [f"{call.id}{AGENT}{seat.agent}-{next(call.numbers)}" for seat in offer.seats]
    legs = [AgentLeg(call.ari, id, seat) for id, seat in zip(ids, offer.seats, strict=True)]
    for leg in legs:
        leg.changed_too = call.changed
    unanswered: list[str] = []
    failed: list[str] = []
    winner: AgentLeg | None = None
    try:
        await asyncio.gather(*(leg.ring(offer.ring, call.id, call.caller.number) for leg in legs))
        deadline = asyncio.get_running_loop().time() + offer.ring

        def settled() -> bool:
            late = asyncio.get_running_loop().time() >= deadline
            return late or any(leg.up and not leg.gone for leg in legs) or all(leg.gone for leg in legs)

        timer = asyncio.get_running_loop().call_at(deadline, call.changed)
        try:
            key = await _first(call, keys, settled)
        finally:
            timer.cancel()
        if key is not None:
            return Waited("key", key)
        winner = await _winner(offer, legs)
        if winner is not None:
            if await _join(call, winner, announcer):
                return Waited("answered")
            unanswered = failed = [winner.seat.agent]
            await call.until(lambda: not call.leaving, HANGING_UP)
            return None
        there = [leg for leg in legs if not leg.refused and leg.cause != ABSENT]
        unanswered = [leg.seat.agent for leg in there]
        failed = [leg.seat.agent for leg in legs if leg not in there or leg.cause in DECLINED]
        return None
    finally:
        for leg in legs:
            if leg is not winner:
                await call.dismiss(leg)
        await offer.close(unanswered, failed)


async def _winner(offer: Offer, legs: Sequence[AgentLeg]) -> AgentLeg | None:
    """Of those who answered, the first whom the store gives the caller to."""
    for leg in legs:
        if leg.up and not leg.gone and await offer.answered(leg.seat.agent):
            return leg
    return None


async def _join(
    call: "AriCall", agent: AgentLeg, announcer: "asyncio.Task[None]", meanwhile: Meanwhile = "moh"
) -> bool:
    """False if caller or agent left in this very moment; then, and when cancelled, the agent is hung up."""
    bridge = Bridge(call.ari, f"{call.id.partition(AGENT)[0]}-b", agent)
    try:
        await _stop(
            call, announcer, meanwhile
        )  # first: Asterisk would let an announcement end before it joins them
        await bridge.join(call.id)
    except AsteriskError as error:
        log.warning("caller and agent could not be joined", extra={"call_id": call.id, "error": str(error)})
        await bridge.close()
        return False
    except asyncio.CancelledError:
        await bridge.close()
        raise
    call.bridge = bridge
    return True


async def _announce(call: "AriCall", announcements: Sequence[Announcement], meanwhile: Meanwhile) -> None:
    """Music or ringing, and each announcement at its times; runs until cancelled."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    due = [(begin + item.after, item) for item in announcements]
    try:
        while due:
            due.sort(key=lambda entry: entry[0])
            at, item = due.pop(0)
            if at > loop.time():
                await call.ari.send("POST", f"channels/{call.id}/{meanwhile}")
                await asyncio.sleep(at - loop.time())
                await call.ari.send("DELETE", f"channels/{call.id}/{meanwhile}")
            await _say(call, await call.spoken(item.texts()))
            if item.every is not None:
                due.append((loop.time() + item.every, item))
        await call.ari.send("POST", f"channels/{call.id}/{meanwhile}")
        await asyncio.Event().wait()
    except CallerHungUp:
        return  # whoever waits beside us hears of it too
    except AsteriskError as error:
        log.warning("the announcements stopped", extra={"call_id": call.id, "error": str(error)})


async def _say(call: "AriCall", sounds: "Sequence[Sound]") -> None:
    """Like a playback of the call, but beside its one waiter: only its length is waited for."""
    if not sounds:
        return
    id = call.next_id("w")
    done = asyncio.Event()
    call.ari.listen(id, lambda _: done.set())
    try:
        await call.ari.send(
            "POST", f"channels/{call.id}/play/{id}", {"media": [f"sound:{sound.path}" for sound in sounds]}
        )
        async with asyncio.timeout(sum(sound.seconds for sound in sounds) + 5.0):
            await done.wait()
    except TimeoutError:
        log.error("an announcement never ended", extra={"call_id": call.id})
    finally:
        call.ari.forget(id)
        if not done.is_set() and not call.gone:
            await quietly(call.ari.send("DELETE", f"playbacks/{id}"), "announcement")
