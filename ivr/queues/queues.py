"""Who is rung for whom, and how long a caller waits for nothing.

The oldest caller of a group is offered to all its free agents together, each reserved first. A line's
capacity counts its callers in queues, waiting or talking; who comes beyond it waits without a place.
Durations are measured on the event loop's clock, so that a moved wall clock changes no wait.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from ivr.call import Call, Offer, Seat, Verdict
from ivr.clock import Clock
from ivr.errors import StoreError
from ivr.queues.pace import Group, Pace
from ivr.queues.roster import Roster
from ivr.store.agents import Staffing

log = logging.getLogger("ivr.queues")

LOOK_AGAIN = 1.0  # seconds: an agent may come free by the clock, or by another engine, without a wake-up
OFFER_GRACE = timedelta(seconds=10)  # a reservation outlives its ring by this, should we die
SHORTEST_RING = 2.0  # seconds; nobody can reach a telephone faster


class Queues:
    """The queues of one engine; implements `Seats`. `tenant_of`: whose a line is."""

    def __init__(
        self, roster: Roster, clock: Clock, tenant_of: Callable[[str], str | None] = lambda line: None
    ) -> None:
        self.roster = roster
        self.clock = clock
        self._tenant_of = tenant_of
        self.stopping = False  # set when talks go on without us: their agents stay in talk
        self.pace = Pace()
        self._places: list[QueuePlace] = []
        self._dispatching = asyncio.Lock()

    async def enter(
        self,
        call: Call,
        group: str,
        *,
        capacity: int,
        busy_wait: timedelta,
        max_wait: timedelta,
        ring: timedelta,
        entered_at: datetime,
        first: Sequence[str] = (),
    ) -> "QueuePlace":
        waited = max(0.0, (self.clock.now() - entered_at).total_seconds())
        place = QueuePlace(
            self,
            call.id,
            call.state.line,
            (group, self._tenant_of(call.state.line)),
            capacity,
            busy_wait.total_seconds(),
            max_wait.total_seconds(),
            ring.total_seconds(),
            waited,
            first,
        )
        self._places.append(place)
        self._places.sort(key=lambda each: each.entered)
        if self.pace.knows(place.group):
            place.staffing = await self._staffing(place.group) or place.staffing
        return place

    def on_line(self, line: str) -> int:
        return sum(place.line == line for place in self._places)

    async def expected_wait(self, group: str, line: str) -> timedelta | None:
        of = (group, self._tenant_of(line))
        staffing = await self._staffing(of)
        return None if staffing is None else self.pace.wait(of, self.waiting(of), staffing)

    async def _staffing(self, group: Group) -> Staffing | None:
        try:
            return await self.roster.staffing(*group, self.clock.now())
        except StoreError as error:
            log.warning("the store does not give agents", extra={"error": str(error)})
            return None

    def waiting(self, group: Group, before: "QueuePlace | None" = None) -> int:
        """Callers who wait for `group` and will be offered; those ahead of `before`, or all."""
        found = 0
        for place in self._places:
            if place is before:
                break
            found += place.group == group and not place.talking and self.has_place(place)
        return found

    def crowd(self) -> dict[str, dict[str, Any]]:
        """Line -> `waiting`, `talking`: how many callers; `since`: from when on the one waits who has waited longest.

        As JSON, for who looks on from outside; a line without anybody is left out.
        """
        found: dict[str, dict[str, Any]] = {}
        loop, now = asyncio.get_running_loop(), self.clock.now()
        for place in self._places:  # who came first, first
            line = found.setdefault(place.line, {"waiting": 0, "talking": 0, "since": None})
            line["talking" if place.talking else "waiting"] += 1
            if not place.talking and line["since"] is None:
                line["since"] = (now - timedelta(seconds=loop.time() - place.entered)).isoformat()
        return found

    def changed(self) -> None:
        """An agent may have come free: everybody who waits looks again."""
        for place in self._places:
            place.look()

    def has_place(self, place: "QueuePlace") -> bool:
        """The first `capacity` callers of a line have a place; the others find all lines busy."""
        line = [each for each in self._places if each.line == place.line]
        return line.index(place) < place.capacity

    async def offer(self, place: "QueuePlace") -> Sequence[Seat]:
        """Reserves the free agents of the group for `place`, if no older caller wants them."""
        async with self._dispatching:
            for older in self._places:
                if older is place:
                    break
                if older.group == place.group and older.wants_an_offer and self.has_place(older):
                    return []
            now = self.clock.now()
            until = now + timedelta(seconds=place.ring) + OFFER_GRACE
            return await self.roster.reserve(*place.group, place.call_id, until, now)

    async def offer_to(self, place: "QueuePlace", agent: str) -> Seat | None:
        """Reserves one agent, whatever the group; None if not free."""
        async with self._dispatching:
            now = self.clock.now()
            until = now + timedelta(seconds=place.ring) + OFFER_GRACE
            return await self.roster.reserve_agent(agent, place.call_id, until, now)

    def left(self, place: "QueuePlace") -> None:
        if place in self._places:
            self._places.remove(place)
        self.changed()


class QueuePlace:
    """One caller in one queue; implements `Place`."""

    def __init__(
        self,
        queues: Queues,
        call_id: str,
        line: str,
        group: Group,
        capacity: int,
        busy_wait: float,
        max_wait: float,
        ring: float,
        waited: float,
        first: Sequence[str] = (),
    ) -> None:
        loop = asyncio.get_running_loop()
        self.call_id = call_id
        self.line = line
        self.group = group
        self.capacity = capacity
        self.ring = ring
        self.entered = loop.time() - waited
        self.wants_an_offer = False
        self.rang = False
        self._first = list(first)  # agents who are rung before the group
        self._queues = queues
        self._busy_wait = busy_wait
        self._max_wait = max_wait
        self._blocked = 0.0  # seconds in which no offer was possible, up to the last offer
        self._look = asyncio.Event()
        # True from the beginning: a call that is taken back from its talk asks for no offer.
        self.talking = True
        self._talk_began: float | None = None
        self.staffing = Staffing()  # as it was last seen, at most LOOK_AGAIN ago while somebody waits
        self._in_doubt = False  # an answer may stand in the store that we do not know of
        self._pending: QueueOffer | None = None  # made, but `next` was cancelled before it was handed out
        self._reserving: asyncio.Task[None] | None = None

    def look(self) -> None:
        self._look.set()

    def ahead(self) -> int:
        return self._queues.waiting(self.group, self)

    def expected_wait(self) -> timedelta | None:
        return self._queues.pace.wait(self.group, self.ahead(), self.staffing)

    async def next(self) -> Offer | Verdict:
        loop = asyncio.get_running_loop()
        blocked_since = loop.time()
        self.wants_an_offer = True
        self.talking = False
        try:
            while True:
                self._look.clear()
                remaining = self.entered + self._max_wait - loop.time()
                if remaining < SHORTEST_RING:
                    return Verdict("no_answer" if self.rang else "busy")
                found = await self._try(remaining)
                if found is not None:
                    return found
                blocked = self._blocked + loop.time() - blocked_since
                if blocked >= self._busy_wait:
                    return Verdict("busy")
                await self._pause(min(LOOK_AGAIN, self._busy_wait - blocked, remaining))
        finally:
            self.wants_an_offer = False
            self._blocked += loop.time() - blocked_since

    async def _try(self, remaining: float) -> Offer | Verdict | None:
        """An offer if there is a place and somebody free; `no_agent` when nobody is staffed."""
        try:
            if self._pending is None and self._queues.has_place(self):
                # Shielded: a reservation that was made must not be forgotten with a cancelled wait.
                if self._reserving is None or self._reserving.done():
                    self._reserving = asyncio.create_task(self._reserve(remaining))
                await asyncio.shield(self._reserving)
            if self._pending is not None:
                offer, self._pending = self._pending, None
                return offer
            staffing = await self._queues.roster.staffing(*self.group, self._queues.clock.now())
            self.staffing = staffing
            if staffing.available + staffing.reserved + staffing.talking + staffing.wrap_up:
                return None
            if self.rang:  # whoever rang to the end too often is away now; for this caller it was no answer
                return Verdict("no_answer")
        except StoreError as error:
            log.warning("the store does not give agents", extra={"error": str(error)})
            return None
        log.error("nobody is staffed in open hours", extra={"group": self.group[0], "line": self.line})
        try:
            await self._queues.roster.alarm(self.group[0], self.line, self._queues.clock.now())
        except StoreError as error:
            log.error("an alarm was not raised", extra={"error": str(error)})
        return Verdict("no_agent")

    async def _reserve(self, remaining: float) -> None:
        seats: Sequence[Seat] = ()
        while self._first and not seats:
            own = await self._queues.offer_to(self, self._first.pop(0))
            seats = [own] if own is not None else ()
        if not seats:
            seats = await self._queues.offer(self)
        if seats:
            self._pending = QueueOffer(self, seats, min(self.ring, remaining))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._look.wait()
        except TimeoutError:
            pass

    async def answered(self, agent: str) -> bool:
        queues = self._queues
        # True until the store denies it: its reply may be lost, or our wait for it cancelled.
        talked, self.talking = self.talking, True
        try:
            won = await queues.roster.answer(agent, self.call_id, queues.clock.now())
        except StoreError as error:
            log.error("an answer was not taken", extra={"call_id": self.call_id, "error": str(error)})
            self._in_doubt = True
            return False
        self.talking = won or talked
        if won:
            self._talk_began = asyncio.get_running_loop().time()
        return won

    async def release(self, unanswered: Sequence[str], failed: Sequence[str]) -> None:
        queues = self._queues
        if failed or self._in_doubt:
            self._in_doubt = False
            self._talk_began = None  # nobody talked
            await self._finish_talk()  # the one who answered was gone before the bridge stood
        try:
            await queues.roster.release(self.call_id, unanswered, failed, queues.clock.now())
        except StoreError as error:
            log.error(
                "an offer ends only with its time", extra={"call_id": self.call_id, "error": str(error)}
            )
        queues.changed()

    async def leave(self) -> None:
        queues = self._queues
        queues.left(self)
        if self._reserving is not None:
            await asyncio.gather(self._reserving, return_exceptions=True)
        if self._pending is not None:
            self._pending = None
            await self.release([], [])
        if not queues.stopping:
            await self._finish_talk()

    async def _finish_talk(self) -> None:
        if not self.talking:
            return
        queues, self.talking = self._queues, False
        if self._talk_began is not None:
            queues.pace.talked(self.group, asyncio.get_running_loop().time() - self._talk_began)
            self._talk_began = None
        try:
            await queues.roster.finish_talk(self.call_id, queues.clock.now())
        except StoreError as error:
            log.error("an agent stays in talk", extra={"call_id": self.call_id, "error": str(error)})
        queues.changed()


class QueueOffer:
    """One caller offered to several agents; implements `Offer`."""

    def __init__(self, place: QueuePlace, seats: Sequence[Seat], ring: float) -> None:
        self.seats = seats
        self.ring = ring
        self._place = place

    async def answered(self, agent: str) -> bool:
        return await self._place.answered(agent)

    async def close(self, unanswered: Sequence[str], failed: Sequence[str]) -> None:
        if unanswered:
            self._place.rang = True
        # A ring that the caller's longest wait cut short is nobody's fault.
        whole = self.ring >= self._place.ring
        await self._place.release(unanswered if whole else [], failed)
