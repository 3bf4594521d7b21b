"""Agents in memory, by the rules of ivr/store/agents.py: it passes the same contract test as StoreRoster
(tests/unit/test_roster_contract.py)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ivr.call import Seat
from ivr.errors import StoreError
from ivr.store.agents import Staffing
from tests.fakes.virtual_time import Life

LATENCY = 0.002  # seconds before and after each change, so that a cancellation can fall on either side


@dataclass
class Agent:
    name: str
    group: str
    state: str = "available"
    wrap_up_seconds: int = 30
    unanswered: int = 0
    offer: str | None = None  # call id
    offer_until: datetime | None = None
    back_at: datetime | None = None
    tenant: str | None = None

    def sits_in(self, group: str, tenant: str | None) -> bool:
        return self.group == group and (tenant is None or self.tenant in (None, tenant))

    def state_at(self, now: datetime) -> str:
        rested = self.state in ("wrap_up", "away") and self.back_at is not None and self.back_at <= now
        return "available" if rested else self.state

    def offered_at(self, now: datetime) -> bool:
        return self.offer_until is not None and self.offer_until > now

    def free_at(self, now: datetime) -> bool:
        unoffered = self.offer is None or (self.offer_until is not None and not self.offered_at(now))
        return self.state_at(now) == "available" and unoffered

    def wrap_up(self, now: datetime) -> None:
        self.state, self.offer, self.offer_until = "wrap_up", None, None
        self.back_at = now + timedelta(seconds=self.wrap_up_seconds)


class FakeRoster:
    """`Roster` over `agents`, which outlive the engine `life`. `fail(n)`: so many next requests fail."""

    def __init__(self, agents: Sequence[Agent], life: Life | None = None) -> None:
        self._agents = sorted(agents, key=lambda agent: agent.name)
        self._life = life or Life()
        self._failures = 0
        self.reserved: list[tuple[str, str]] = []  # (call id, agent), in order
        self.alarms: list[tuple[str, str]] = []  # (group, line)

    def fail(self, times: int) -> None:
        self._failures = times

    async def release_all(self, now: datetime, keep: Collection[str]) -> None:
        for agent in self._agents:
            if agent.offer is not None and agent.offer not in keep:
                if agent.state == "talking":
                    agent.wrap_up(now)
                agent.offer = agent.offer_until = None

    async def reserve(
        self, group: str, tenant: str | None, call_id: str, until: datetime, now: datetime
    ) -> Sequence[Seat]:
        await self._asked()
        seats = []
        for agent in self._agents:
            if agent.sits_in(group, tenant) and agent.free_at(now):
                agent.state, agent.back_at = "available", None
                agent.offer, agent.offer_until = call_id, until
                seats.append(Seat(agent.name, f"PJSIP/{agent.name}"))
                self.reserved.append((call_id, agent.name))
        await self._life.takes(LATENCY)
        return seats

    async def reserve_agent(self, agent: str, call_id: str, until: datetime, now: datetime) -> Seat | None:
        await self._asked()
        found = next((each for each in self._agents if each.name == agent and each.free_at(now)), None)
        if found is not None:
            found.state, found.back_at = "available", None
            found.offer, found.offer_until = call_id, until
            self.reserved.append((call_id, agent))
        await self._life.takes(LATENCY)
        return None if found is None else Seat(agent, f"PJSIP/{agent}")

    async def answer(self, agent: str, call_id: str, now: datetime) -> bool:
        await self._asked()
        offered = {each.name: each for each in self._of(call_id)}
        won = agent in offered and not any(each.state == "talking" for each in offered.values())
        if won:
            offered[agent].state, offered[agent].unanswered = "talking", 0
            offered[agent].offer_until = offered[agent].back_at = None
        await self._life.takes(LATENCY)
        return won

    async def release(
        self, call_id: str, unanswered: Collection[str], failed: Collection[str], now: datetime
    ) -> None:
        await self._asked()
        for agent in self._of(call_id):
            if agent.state == "talking":
                continue
            agent.offer = agent.offer_until = None
            if agent.state != "available":
                continue
            if agent.name in failed:
                agent.state, agent.back_at = "away", now + timedelta(seconds=3)
            elif agent.name in unanswered:
                agent.unanswered += 1
                if agent.unanswered >= 3:
                    agent.state, agent.unanswered = "away", 0
        await self._life.takes(LATENCY)

    async def finish_talk(self, call_id: str, now: datetime) -> None:
        await self._asked()
        for agent in self._of(call_id):
            if agent.state == "talking":
                agent.wrap_up(now)
        await self._life.takes(LATENCY)

    async def staffing(self, group: str, tenant: str | None, now: datetime) -> Staffing:
        await self._asked()
        count = {"available": 0, "reserved": 0, "talking": 0, "wrap_up": 0, "away": 0}
        for agent in self._agents:
            if not agent.sits_in(group, tenant):
                continue
            state = agent.state_at(now)
            if state == "available" and agent.offered_at(now):
                state = "reserved"
            count[state] += 1
        return Staffing(**count)

    async def alarm(self, group: str, line: str, now: datetime) -> None:
        await self._asked()
        self.alarms.append((group, line))

    def _of(self, call_id: str) -> list[Agent]:
        return [agent for agent in self._agents if agent.offer == call_id]

    async def _asked(self) -> None:
        await self._life.takes(LATENCY)
        if self._failures:
            self._failures -= 1
            raise StoreError
