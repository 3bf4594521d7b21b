"""One engine in virtual time on the real dialplan, steps and queues; it can be killed and started again."""

import asyncio
import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ivr.call import CallState
from ivr.dialplan.across import reached
from ivr.dialplan.desk import Desk
from ivr.dialplan.load import load
from ivr.dialplan.model import Dialplan
from ivr.dialplan.run import run
from ivr.hours.calendar import Calendar
from ivr.queues.queues import Queues
from ivr.steps import STEPS
from tests.fakes.fake_call import FakeCall
from tests.fakes.fake_closings import ClosingBook, FakeClosings
from tests.fakes.fake_customers import Book, FakeCustomers
from tests.fakes.fake_journal import FakeJournal, Ledger
from tests.fakes.fake_mailbox import FakeMailbox, Mailroom, Message
from tests.fakes.fake_reader import FakeReader
from tests.fakes.fake_retrieval import FakeRetrieval, Shelf
from tests.fakes.fake_roster import Agent, FakeRoster
from tests.fakes.virtual_time import FakeClock, Life
from tests.fakes.world import AgentTelephone, Do, Telephone, World

ECFORCE = Path(__file__).parents[2] / "dialplans" / "ecforce.yaml"
RESTART = 1.0  # seconds from a kill until the engine serves again
TOKYO = ZoneInfo("Asia/Tokyo")


def calendars(dialplan: Dialplan) -> Mapping[str, Calendar]:
    return {name: Calendar(hours) for name, hours in dialplan.hours.items()}


@functools.cache
def ecforce() -> tuple[Dialplan, Mapping[str, Calendar]]:
    dialplan = load(ECFORCE, STEPS)
    return dialplan, calendars(dialplan)


@dataclass(frozen=True)
class Line:
    dialplan: Dialplan
    calendars: Mapping[str, Calendar]


@dataclass
class Visit:
    """One caller, from dialling to hanging up; `calls_at` in seconds after the scenario began."""

    id: str
    script: Sequence[Do]
    number: str | None = "+819012345678"
    calls_at: float = 0.0
    language: str = "ja"
    telephone: Telephone = field(init=False)
    state: CallState = field(init=False)
    calls: list[FakeCall] = field(default_factory=list)  # one for each engine that led it
    done_at: float | None = None  # loop time

    def __post_init__(self) -> None:
        self.telephone = Telephone(self.script)


class Office:
    """The desk of one scenario. `serve` returns when every caller has gone and every message is filed."""

    def __init__(
        self,
        start: str,
        visits: Sequence[Visit],
        agents: Sequence[tuple[Agent, AgentTelephone]] = (),
        dialplan: Dialplan | None = None,
    ) -> None:
        self.dialplan, self.calendars = ecforce() if dialplan is None else (dialplan, calendars(dialplan))
        self.lines = {each.key: Line(each, calendars(each)) for each in reached(self.dialplan)}
        self.lines[self.dialplan.key] = Line(self.dialplan, self.calendars)
        self.visits = visits
        self.agents = [agent for agent, _ in agents]
        self.telephones = {telephone.name: telephone for _, telephone in agents}
        self.world = World([telephone for _, telephone in agents])
        self.room = Mailroom(self.world.spoken)
        self.ledger = Ledger()
        self.book = ClosingBook(self.dialplan.key, self.dialplan.line.tenant)
        self.shelf = Shelf(self.dialplan.key)
        self.customers = Book()
        self.began = datetime.fromisoformat(start).replace(tzinfo=TOKYO)
        self.clock = FakeClock(self.began)
        self._life = Life()
        self._begin_life()

    async def serve(self, kill_at: float | None = None) -> None:
        killer = None if kill_at is None else asyncio.create_task(self._kill(kill_at))
        await asyncio.gather(*(self._visit(visit) for visit in self.visits))
        if killer is not None:
            killer.cancel()
        self.room.reconcile()

    async def stop(self) -> None:
        """As the engine is stopped: its calls are cancelled, and what they began for good comes to its end."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def never_began(self, message: Message) -> bool:
        """Its intent was written and no recording of it begun, not even one that failed."""
        return not any(take in self.world.recordings for take, _ in message.takes)

    def _begin_life(self) -> None:
        self._life = Life()
        self.roster = FakeRoster(self.agents, self._life)
        self.queues = Queues(self.roster, self.clock)
        self.journal = FakeJournal(self.ledger, self._life)
        self.mailbox = FakeMailbox(self.room, self._life)
        self._serving: set[asyncio.Task[None]] = set()
        self._up = asyncio.Event()
        self._up.set()

    async def _kill(self, at: float) -> None:
        await asyncio.sleep(at)
        self._up.clear()
        self._life.end()
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(RESTART)
        up = self._up
        self._begin_life()
        talks = [visit.id for visit in self.visits if visit.telephone.bridge is not None]
        await self.roster.release_all(self.clock.now(), talks)
        up.set()

    async def _visit(self, visit: Visit) -> None:
        """Asterisk's side of a call: while the caller is there, some engine leads it."""
        await asyncio.sleep(visit.calls_at)
        while visit.done_at is None and not visit.telephone.gone:
            await self._up.wait()
            if visit.telephone.gone:
                return
            task = asyncio.create_task(self._lead(visit))
            self._serving.add(task)
            await asyncio.wait({task})
            self._serving.discard(task)
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def _lead(self, visit: Visit) -> None:
        saved = self.ledger.saved.get(visit.id)
        known: dict[str, Any] | None = json.loads(saved) if saved else None
        visit.state = (
            CallState(**known) if known else CallState(visit.id, self.dialplan.key, self.dialplan.hash)
        )
        there = self.lines[visit.state.line]
        dialplan = there.dialplan
        call = FakeCall(
            self.world,
            visit.telephone,
            visit.state,
            number=visit.number,
            language=visit.language,
            life=self._life,
        )
        visit.calls.append(call)
        desk = Desk(
            dialplan.key,
            dialplan.line,
            there.calendars,
            self.clock,
            self.mailbox,
            self.queues,
            self.journal,
            FakeClosings(self.book, self.clock, self._life),
            FakeRetrieval(self.shelf, self.clock, self._life),
            self.lines.get,
            FakeReader(self._life),
            FakeCustomers(self.customers, self._life),
        )
        if known is None:
            self.journal.started(call, self.clock.now())
        await run(call, dialplan, desk)
        self.journal.ended(call, self.clock.now())
        visit.done_at = asyncio.get_running_loop().time()
