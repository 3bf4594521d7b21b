"""Who is on duty, in memory: `Book` of ivr/duty.py by the rules of ivr/callbacks/duty.py; and their telephones."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ivr.asterisk.outgoing import NotReached
from ivr.call import Call, CallState
from ivr.callbacks.duty import Outcome, Turn
from ivr.clock import Clock
from ivr.errors import StoreError
from tests.fakes.fake_call import FakeCall
from tests.fakes.world import Do, Telephone, World

TURN = timedelta(minutes=3)
ROUNDS = 3
DISK = 0.05  # seconds


@dataclass
class Rung:
    agent: str
    began: datetime
    outcome: str | None = None


class FakeBook:
    """One callback that waits, of the line `desk`. `taken_by`: who has it; `broken`: requests that fail next."""

    def __init__(self, names: Sequence[str], clock: Clock) -> None:
        self._names = names
        self._clock = clock
        self.rung: list[Rung] = []
        self.taken_by: str | None = None
        self.alarm = False
        self.broken = 0

    async def next(self, ticket: str) -> Turn | datetime | None:
        now = await self._asked()
        if self.taken_by is not None:
            return None
        if self.rung and self.rung[-1].outcome is None:
            if now < self.rung[-1].began + TURN:
                return self.rung[-1].began + TURN
            self.rung[-1].outcome = "failed"
        if len(self.rung) == ROUNDS * len(self._names):
            self.alarm = True
            return None
        agent = self._names[len(self.rung) % len(self._names)]
        again = max((each.began + TURN for each in self.rung if each.agent == agent), default=now)
        if again > now:
            return again
        self.rung.append(Rung(agent, now))
        return Turn(ticket, len(self.rung), "desk", "desk", agent, now + TURN, f"PJSIP/{agent}")

    async def accept(self, turn: Turn) -> bool:
        await self._asked()
        won = self.taken_by is None
        self.taken_by = self.taken_by or turn.agent
        self.rung[turn.turn - 1].outcome = "accepted" if won else "taken"
        return won

    async def ended(self, turn: Turn, outcome: Outcome) -> None:
        await self._asked()
        self.rung[turn.turn - 1].outcome = self.rung[turn.turn - 1].outcome or outcome

    async def _asked(self) -> datetime:
        await asyncio.sleep(DISK)
        if self.broken:
            self.broken -= 1
            raise StoreError("The store did not answer in time.")
        return self._clock.now()


@dataclass
class DutyTelephone:
    """`answers`: seconds of ringing; None never does. `reason`: why it cannot be reached at all."""

    answers: float | None = None
    script: Sequence[Do] = ()
    reason: NotReached | None = None
    heard: list[str] = field(default_factory=list)
    rings: list[float] = field(default_factory=list)  # seconds that each may last
    hung_up: int = 0


class FakeTelephones:
    def __init__(self, telephones: dict[str, DutyTelephone]) -> None:
        self._telephones = telephones
        self.ready_after = 0.0  # seconds

    async def ready(self) -> None:
        await asyncio.sleep(self.ready_after)

    @asynccontextmanager
    async def ringing(self, turn: Turn, seconds: float) -> AsyncIterator[Call | NotReached]:
        one = self._telephones[turn.agent]
        one.rings.append(seconds)
        if one.reason is not None:
            yield one.reason
            return
        if one.answers is None or one.answers > seconds:
            await asyncio.sleep(seconds)
            yield NotReached("no_answer", "応答がありませんでした。")
            return
        await asyncio.sleep(one.answers)
        telephone = Telephone(one.script)
        telephone.happens("answer")
        try:
            yield FakeCall(World(), telephone, CallState(f"duty-{turn.ticket}-{turn.turn}", turn.line, ""))
        finally:
            one.heard += [each.text for each in telephone.heard]
            one.hung_up += 1
            telephone.hang_up()
