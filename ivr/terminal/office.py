"""The desk in memory: who could answer, and where messages go. Nothing outlives the call."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from ivr.call import Call, CallbackPromise, Draft, Notice, Recorded, Seat, Stored, Taken, Understood, Why
from ivr.callbacks.due import due_at
from ivr.clock import Clock
from ivr.dialplan.greeting import closed_greeting
from ivr.dialplan.model import Dialplan
from ivr.dialplan.pick import zone_of
from ivr.dialplan.reading import ReadingRules
from ivr.hours.calendar import Calendar
from ivr.hours.closings import Closing
from ivr.hours.table import instant
from ivr.hours.text import DAY
from ivr.known import Cancelled, Stands, TicketNow
from ivr.staff import Cleared, KeptMessage, LineToday, MayRing, NotRung, Rang, Unlocked
from ivr.store.agents import UNANSWERED_LIMIT, Staffing
from ivr.terminal.call import Agent, Tape
from ivr.transcript import Transcript, joined

TICKET = "S-1"  # of the one callback that a simulated call can make
OPEN_TICKET = "1000002"  # of the one that was open before


class MemoryRoster:
    """`ivr.queues.roster.Roster` for one call; the rules are those of ivr/store/agents.py."""

    def __init__(self, agents: Sequence[Agent]) -> None:
        self._agents = {agent.name: agent for agent in agents}
        self._offered: set[str] = set()
        self._unanswered: dict[str, int] = {}

    async def reserve(
        self, group: str, tenant: str | None, call_id: str, until: datetime, now: datetime
    ) -> Sequence[Seat]:
        free = [agent for agent in self._agents.values() if agent.group == group]
        free = [agent for agent in free if agent.state == "available" and agent.name not in self._offered]
        self._offered |= {agent.name for agent in free}
        return [Seat(agent.name, agent.name) for agent in free]

    async def reserve_agent(self, agent: str, call_id: str, until: datetime, now: datetime) -> Seat | None:
        found = self._agents.get(agent)
        if found is None or found.state != "available" or agent in self._offered:
            return None
        self._offered.add(agent)
        return Seat(agent, agent)

    async def answer(self, agent: str, call_id: str, now: datetime) -> bool:
        self._agents[agent].state = "talking"
        return True

    async def release(
        self, call_id: str, unanswered: Collection[str], failed: Collection[str], now: datetime
    ) -> None:
        for name in unanswered:
            self._unanswered[name] = self._unanswered.get(name, 0) + 1
            if self._unanswered[name] >= UNANSWERED_LIMIT:
                self._agents[name].state = "away"
        self._offered.clear()

    async def finish_talk(self, call_id: str, now: datetime) -> None:
        """Nobody else calls, so it does not matter when the agent is free again."""

    async def release_all(self, now: datetime, keep: Collection[str]) -> None:
        self._offered.clear()

    async def staffing(self, group: str, tenant: str | None, now: datetime) -> Staffing:
        states = [agent.state for agent in self._agents.values() if agent.group == group]
        return Staffing(
            available=states.count("available"),
            talking=states.count("talking"),
            away=states.count("away"),
        )

    async def alarm(self, group: str, line: str, now: datetime) -> None:
        """The outcome says so."""


@dataclass
class Message:
    """`words` as far as they are known; `ticket` and `due` None if no callback was made."""

    id: str
    line: str
    promise: CallbackPromise | None
    takes: list[tuple[Path, Why]]
    state: Literal["recording", "stored", "silent"] = "recording"
    ended_by: str | None = None
    words: str = ""
    urgent: bool = False
    ticket: str | None = None
    due: datetime | None = None


@dataclass(frozen=True)
class Asked:
    """A callback that the caller asked for by key; `number`: E.164."""

    number: str
    promise: CallbackPromise
    due: datetime


class MemoryMailbox:
    """`Mailbox` for one call. `tapes` are filled by the call while it records; `calendars`: of a line."""

    def __init__(
        self, tapes: Mapping[Path, Tape], calendars: Callable[[str], Mapping[str, Calendar]], clock: Clock
    ) -> None:
        self.messages: dict[str, Message] = {}
        self.asked: dict[tuple[str, str | None], Asked] = {}  # by line and step
        self.notices: dict[tuple[str, str | None], Notice] = {}  # the same; nobody is told
        self._tapes = tapes
        self._texts: dict[Path, Transcript] = {}
        self._calendars = calendars
        self._clock = clock

    async def begin(self, call: Call, promise: CallbackPromise | None) -> Draft:
        message = self.messages.get(call.state.message_id or "")
        if message is None:
            id = f"m{len(self.messages) + 1}"
            message = self.messages[id] = Message(
                id, call.state.line, promise, [(Path(f"{id}.wav"), "first")]
            )
        return self._draft(message)

    def _draft(self, message: Message) -> Draft:
        return Draft(message.id, message.takes[-1][0], tuple(why for _, why in message.takes))

    async def taken(self, draft: Draft, recorded: Recorded) -> Taken:
        if recorded.transcript is not None:
            self._texts[draft.file] = recorded.transcript
        files = self._spoken(self.messages[draft.id])
        texts = [self._texts[file] for file in files if file in self._texts]
        return Taken(files, joined(texts) if texts and len(texts) == len(files) else None)

    async def another(self, draft: Draft, why: Why) -> Draft:
        message = self.messages[draft.id]
        message.takes.append((Path(f"{message.id}-{len(message.takes) + 1}.wav"), why))
        return self._draft(message)

    def _spoken(self, message: Message) -> tuple[Path, ...]:
        """The takes that are the message, as ivr/messages/filing.py keeps them."""
        spoken: list[Path] = []
        for file, why in message.takes:
            tape = self._tapes.get(file)
            if tape is None or tape.spoken <= 0:
                continue
            if why == "instead" and tape.spoken >= 1.0:
                spoken.clear()
            spoken.append(file)
        return tuple(spoken)

    async def finish(self, draft: Draft, recorded: Recorded, *, urgent: bool = False) -> Stored:
        message = self.messages[draft.id]
        spoken = self._spoken(message)
        message.ended_by, message.urgent = recorded.ended_by, urgent
        message.words = " ".join(words for file in spoken for words in self._tapes[file].words)
        message.state = "stored" if spoken else "silent"
        if spoken and message.promise is not None:
            message.ticket, message.due = TICKET, self._due(message.line, message.promise)
        return Stored(bool(spoken), message.ticket)

    async def ring_back(self, call: Call, number: str, promise: CallbackPromise) -> str | None:
        line = call.state.line
        self.asked.setdefault((line, call.state.step), Asked(number, promise, self._due(line, promise)))
        return TICKET

    async def tell(self, call: Call, notice: Notice) -> None:
        self.notices.setdefault((call.state.line, call.state.step), notice)

    def release(self, call_id: str | None) -> None:
        """Nobody else would file it."""

    def _due(self, line: str, promise: CallbackPromise) -> datetime:
        calendar = self._calendars(line)[promise.hours] if promise.hours else None
        return due_at(promise.due, self._clock.now(), calendar)


class MemoryReader:
    """`Reader` by the real rules; it holds up nobody else."""

    def __init__(self, rules: Callable[[str], ReadingRules]) -> None:
        self._rules = rules

    async def understood(self, line: str, transcript: Transcript) -> Understood | None:
        from ivr.messages.reader import understood  # with its dictionary, for the few calls that need it

        return understood(transcript, self._rules(line))


class MemoryClosings:
    """`Closings` for one call: any PIN is right, and nothing is closed after it."""

    def __init__(self, dialplan: Dialplan, clock: Clock) -> None:
        self._dialplan = dialplan
        self._zone = zone_of(dialplan)
        self._clock = clock
        self._closings: list[Closing] = []

    async def unlock(self, line: str, tenant: str, pin: str) -> Unlocked:
        return "right"

    def today(self, line: str, tenant: str) -> LineToday:
        now = self._clock.now()
        hours = next(iter(self._dialplan.hours.values()), None)
        hears = closed_greeting(Calendar(hours, self._closings), now) if hours and self._closings else ""
        return LineToday(now.astimezone(self._zone).date(), bool(self._closings), hears)

    async def close(self, line: str, tenant: str, last: date, reason: str, by: str) -> None:
        self._closings.append(Closing(self._clock.now(), instant(self._zone, last, DAY), reason))

    async def reopen(self, line: str, tenant: str, by: str) -> None:
        self._closings.clear()


class MemoryRetrieval:
    """`Retrieval` for one call: any PIN is right, and one message waits, which came an hour ago."""

    def __init__(self, dialplan: Dialplan, clock: Clock) -> None:
        received = clock.now().astimezone(zone_of(dialplan)) - timedelta(hours=1)
        self._message = KeptMessage("m0", received, "+819012345678", None, Path("m0.wav"), False, False)
        self._cleared = False

    async def unlock(self, line: str, pin: str) -> Unlocked:
        return "right"

    async def waiting(self, lines: Sequence[str], tenant: str) -> Sequence[KeptMessage]:
        return [] if self._cleared else [self._message]

    async def heard(self, message: str, tenant: str, by: str) -> None:
        self._message = replace(self._message, heard=True)

    async def clear(self, message: str, tenant: str, by: str) -> Cleared:
        self._cleared = True
        return "done"

    async def may_ring(self, message: str, tenant: str, by: str) -> MayRing | NotRung:
        return MayRing("+819012345678")

    async def rang(self, message: str, tenant: str, by: str, how: Rang) -> None:
        """Nobody else would ring."""

    async def give_back(self, message: str, tenant: str, by: str) -> None:
        """Nobody else would ring."""


class MemoryCustomers:
    """`Customers` for one call: a callback is open, promised for the full hour after the next; any number is its own."""

    def __init__(self, dialplan: Dialplan, clock: Clock) -> None:
        self._clock = clock
        self._zone = zone_of(dialplan)
        self._state: Stands = "open"

    async def turned_away(self, number: str | None, tenant: str) -> bool:
        return False

    async def agents_of(self, number: str | None, line: str, tenant: str) -> Sequence[str]:
        return ()

    async def callback_of(self, number: str | None, line: str, tenant: str) -> TicketNow | None:
        return await self.callback(OPEN_TICKET, number, tenant) if number and self._state == "open" else None

    async def callback(self, ticket: str, number: str | None, tenant: str) -> TicketNow | None:
        due = self._clock.now().astimezone(self._zone).replace(minute=0, second=0) + timedelta(hours=2)
        return TicketNow(ticket, self._state, due)

    async def cancel(self, ticket: str, number: str | None, tenant: str) -> Cancelled:
        self._state = "cancelled"
        return "cancelled"
