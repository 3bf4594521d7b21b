"""One simulated call from answering to hanging up, and what was seen of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from ivr.call import Call, Caller, CallState
from ivr.dialplan.across import reached
from ivr.dialplan.desk import Desk
from ivr.dialplan.model import Dialplan
from ivr.dialplan.reading import ReadingRules
from ivr.dialplan.run import run
from ivr.hours.calendar import Calendar
from ivr.queues.queues import Queues
from ivr.steps.queue import Queue
from ivr.terminal.call import BEEP, Agent, Tape, TerminalCall
from ivr.terminal.office import (
    Asked,
    MemoryClosings,
    MemoryCustomers,
    MemoryMailbox,
    MemoryReader,
    MemoryRetrieval,
    MemoryRoster,
    Message,
)
from ivr.terminal.person import Person
from ivr.terminal.virtual import VirtualClock, VirtualLoop

SOMEBODY = Caller("+819012345678")


@dataclass
class Seen:
    """One step that the call entered; `at` in the line's zone. A text that was cut off ends with …"""

    step: str
    type: str
    at: datetime
    said: list[str] = field(default_factory=list)
    keys: str = ""

    def as_json(self) -> dict[str, str]:
        return {
            "step": self.step,
            "type": self.type,
            "said": "\n".join(self.said),
            "keys": self.keys,
            "at": self.at.isoformat(timespec="seconds"),
        }


@dataclass(frozen=True)
class Deed:
    """What the caller did `after` seconds from the end of a text, the `turn`-th time it was said whole."""

    text: str
    turn: int
    after: float
    press: str = ""
    words: str = ""
    hang_up: bool = False


@dataclass
class Session:
    line: str
    began: datetime
    zone: tzinfo
    agents: Sequence[Agent]  # as they were at the beginning
    state: CallState
    caller: Caller
    steps: list[Seen] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)  # BEEP among them; cut off: with …
    deeds: list[Deed] = field(default_factory=list)
    talked_to: str | None = None
    message: Message | None = None
    outside: Agent = field(default_factory=lambda: Agent("outside", ""))  # telephones outside
    asked: Asked | None = None  # the callback that was asked for by key

    def as_json(self) -> dict[str, Any]:
        message = self.message
        return {
            "steps": [step.as_json() for step in self.steps],
            "outcome": self.state.outcome,
            "cause": self.state.cause,
            "path": self.state.path,
            "answered_by": self.talked_to,
            "message": None
            if message is None or message.state != "stored"
            else {
                "words": message.words,
                "ended_by": message.ended_by,
                "due": message.due.astimezone(self.zone).isoformat() if message.due else None,
            },
            "callback": None
            if self.asked is None
            else {"number": self.asked.number, "due": self.asked.due.astimezone(self.zone).isoformat()},
        }


@dataclass(frozen=True)
class Open:
    """A line of the files, as if it were live."""

    dialplan: Dialplan
    calendars: Mapping[str, Calendar]


def _lines(dialplan: Dialplan, calendars: Mapping[str, Calendar]) -> Callable[[str], Open | None]:
    """The line with these calendars of its own, and those that it goes to."""
    open_lines = {
        each.key: Open(each, {name: Calendar(hours) for name, hours in each.hours.items()})
        for each in reached(dialplan)
    }
    return {**open_lines, dialplan.key: Open(dialplan, calendars)}.get


class Diary:
    """Writes a session; `Journal` and `Listener` at once. `report` gets a line for each happening."""

    def __init__(
        self,
        session: Session,
        lines: Callable[[str], Open | None],
        clock: VirtualClock,
        report: Callable[[str], None] | None,
    ) -> None:
        self._session = session
        self._lines = lines
        self._clock = clock
        self._report = report
        self._length = 0  # of the path, at the last entering
        self._begun = clock.now()  # the present text
        self._last = ("", 0, clock.now())  # the last whole text, its turn, its end

    def started(self, call: Call, at: datetime) -> None: ...

    def entered(self, call: Call) -> None:
        """Also told of what happens inside a step; a longer path that ends with it means a new one."""
        path, step = call.state.path, call.state.step
        if step is None or len(path) == self._length or path[-1].rpartition(":")[2] != step:
            return
        self._length = len(path)
        line = self._lines(call.state.line)
        assert line is not None
        seen = Seen(path[-1], line.dialplan.steps[step].type, self._local(self._clock.now()))
        self._session.steps.append(seen)
        self._tell(f"[{seen.step}] {seen.type}")

    def ended(self, call: Call, at: datetime) -> None:
        state = call.state
        self._tell(f"outcome: {state.outcome}" + (f" ({state.cause})" if state.cause else ""))

    def begins(self, text: str) -> None:
        self._begun = self._clock.now()

    def ends(self, text: str, *, whole: bool) -> None:
        said = text if whole else f"{text}…"
        self._session.heard.append(said)
        if text != BEEP:
            self._session.steps[-1].said.append(said)
        if whole:
            self._last = (text, self._session.heard.count(text), self._clock.now())
        self._tell(said if text == BEEP else f"「{said}」", self._begun)

    def pressed(self, keys: str) -> None:
        self._session.steps[-1].keys += keys
        self._did(press=keys)
        self._tell(f"you press {keys}")

    def spoke(self, words: str) -> None:
        self._did(words=words)
        self._tell(f"you say 「{words}」")

    def talks_to(self, agent: str) -> None:
        self._session.talked_to = agent
        self._tell(f"{agent} answers")

    def left(self) -> None:
        self._did(hang_up=True)
        self._tell("you hang up")

    def _did(self, *, press: str = "", words: str = "", hang_up: bool = False) -> None:
        text, turn, ended = self._last
        after = round((self._clock.now() - ended).total_seconds(), 2)
        self._session.deeds.append(Deed(text, turn, after, press, words, hang_up))

    def _tell(self, what: str, at: datetime | None = None) -> None:
        if self._report is not None:
            self._report(f"{self._local(at or self._clock.now()):%H:%M:%S}  {what}")

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(self._session.zone)


def groups(dialplan: Dialplan) -> list[str]:
    """The groups of agents that the line and those that it goes to ring, in the order of the files."""
    steps = [step for each in reached(dialplan) for step in each.steps.values()]
    return list(dict.fromkeys(step.agents for step in steps if isinstance(step, Queue)))


def staff(dialplan: Dialplan, free: Mapping[str, int] | None = None, *, talking: bool = False) -> list[Agent]:
    """So many free agents of each group, one where `free` says nothing; or one who talks in each group."""
    counts = {group: (free or {}).get(group, 1) for group in groups(dialplan)}
    return [
        Agent(f"{group}-{number}", group, state="talking" if talking else "available")
        for group, count in counts.items()
        for number in range(1, count + 1)
    ]


async def visit(
    dialplan: Dialplan,
    calendars: Mapping[str, Calendar],
    person: Person,
    at: datetime,
    agents: Sequence[Agent],
    *,
    zone: tzinfo,
    caller: Caller = SOMEBODY,
    report: Callable[[str], None] | None = None,
    state: CallState | None = None,
    outside: Agent | None = None,
) -> Session:
    """One call, on a VirtualLoop. `at` and `zone` (in which it is told) are those of the line.

    `outside`: how telephones outside answer; None: as agents do. `state`: a fresh one that the caller of this function can look at while the call runs.
    """
    clock = VirtualClock(at)
    tapes: dict[Path, Tape] = {}
    lines = _lines(dialplan, calendars)
    mailbox = MemoryMailbox(tapes, lambda line: there.calendars if (there := lines(line)) else {}, clock)
    state = state or CallState("simulated", dialplan.key, dialplan.hash)
    before = [Agent(each.name, each.group, each.answers, each.talks, each.state) for each in agents]
    session = Session(dialplan.key, at, zone, before, state, caller)
    session.outside = outside or session.outside
    diary = Diary(session, lines, clock, report)
    call = TerminalCall(
        state,
        caller,
        dialplan.line.numbers[0],
        person,
        diary,
        agents={agent.name: agent for agent in agents},
        tapes=tapes,
        outside=session.outside,
    )
    queues = Queues(MemoryRoster(agents), clock)
    closings = MemoryClosings(dialplan, clock)
    retrieval = MemoryRetrieval(dialplan, clock)
    desk = Desk(
        dialplan.key,
        dialplan.line,
        calendars,
        clock,
        mailbox,
        queues,
        diary,
        closings,
        retrieval,
        lines,
        MemoryReader(lambda line: there.dialplan.line.reading if (there := lines(line)) else ReadingRules()),
        MemoryCustomers(dialplan, clock),
    )
    diary.started(call, clock.now())
    await run(call, dialplan, desk)
    diary.ended(call, clock.now())
    session.message = next(iter(mailbox.messages.values()), None)
    session.asked = next(iter(mailbox.asked.values()), None)
    return session


def simulate(
    dialplan: Dialplan,
    person: Person,
    at: datetime,
    agents: Sequence[Agent],
    *,
    zone: tzinfo,
    caller: Caller = SOMEBODY,
    report: Callable[[str], None] | None = None,
    outside: Agent | None = None,
) -> Session:
    calendars = {name: Calendar(hours) for name, hours in dialplan.hours.items()}
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        # Not runner.run, whose Ctrl-C would wait until somebody at the keyboard has answered.
        return runner.get_loop().run_until_complete(
            visit(
                dialplan,
                calendars,
                person,
                at,
                agents,
                zone=zone,
                caller=caller,
                report=report,
                outside=outside,
            )
        )
