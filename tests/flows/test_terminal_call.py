"""The same scenarios on TerminalCall, `ivr simulate`'s Call, with its own roster and mailbox: what FakeCall's
callers get, its callers get too."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.call import Caller, CallState
from ivr.dialplan.desk import Desk
from ivr.dialplan.run import run
from ivr.keys import KeyTable
from ivr.queues.queues import Queues
from ivr.terminal.call import Agent, Tape, TerminalCall
from ivr.terminal.office import MemoryMailbox, MemoryRoster
from ivr.terminal.virtual import VirtualClock, VirtualLoop
from tests.fakes.fake_closings import FakeClosings
from tests.fakes.fake_customers import FakeCustomers
from tests.fakes.fake_journal import FakeJournal, Ledger
from tests.fakes.fake_reader import FakeReader
from tests.fakes.fake_retrieval import FakeRetrieval
from tests.fakes.world import Do, Heard, Telephone, length
from tests.flows.office import TOKYO, Visit, calendars
from tests.flows.scenarios import OPEN, Scenario, heard_names, scenarios


def can_play(scenario: Scenario) -> bool:
    """One caller; agents answer the same way each time, and every telephone and recorder works."""
    agents = scenario.data.get("agents", {}).values()
    odd = any("broken" in agent or isinstance(agent.get("answers"), list) for agent in agents)
    return not odd and not {"callers", "disk", "recorder", "told_taken", "transcriber"} & scenario.data.keys()


ALL = [scenario for scenario in scenarios() if can_play(scenario)]


class Scripted(Telephone):
    """The caller of a scenario, who presses and speaks at moments and never waits to be asked."""

    def __init__(self, script: Sequence[Do]) -> None:
        super().__init__(script)
        self.call: TerminalCall | None = None

    def press(self, key: str) -> None:
        assert self.call is not None
        self.call.press(key)

    async def _say(self, seconds: float, words: str) -> None:
        assert self.call is not None
        self.call.speaks(True, words)
        await asyncio.sleep(seconds)
        self.call.speaks(False)
        self.call.types(words)

    def hang_up(self) -> None:
        assert self.call is not None
        self.call.leaves()

    def stop(self) -> None:
        for task in self._doing:
            if task is not asyncio.current_task():
                task.cancel()


class Ear:
    """What the caller is asked, to which the script says nothing, and hears, which sets the script going."""

    def __init__(self, telephone: Scripted) -> None:
        self._telephone = telephone

    def keys(self, table: KeyTable, *, waiting: bool) -> str | None:
        return ""

    def digits(self, longest: int, end_key: str) -> str | None:
        return ""

    def words(self) -> str | None:
        return ""

    def begins(self, text: str) -> None:
        heard = Heard(text, asyncio.get_running_loop().time())
        self._telephone.heard.append(heard)
        self._telephone.happens(text, during=heard)

    def ends(self, text: str, *, whole: bool) -> None:
        heard = self._telephone.heard[-1]
        heard.seconds, heard.whole = asyncio.get_running_loop().time() - heard.at, whole
        if whole:
            self._telephone.happens(text)

    def pressed(self, keys: str) -> None: ...

    def spoke(self, words: str) -> None: ...

    def talks_to(self, agent: str) -> None:
        self._telephone.talked_to.append(agent)
        self._telephone.happens("talk")

    def left(self) -> None:
        self._telephone.stop()


def _outside(data: Mapping[str, Any] | None) -> Agent | None:
    if data is None:
        return None
    state = "talking" if data.get("broken") == "busy" else "away" if "broken" in data else "available"
    return Agent("outside", "", data.get("answers"), data.get("talks"), state)  # type: ignore[arg-type]


async def serve(scenario: Scenario) -> tuple[Visit, MemoryMailbox]:
    office = scenario.office()
    [visit] = office.visits
    agents = [
        Agent(name, each["group"], each.get("answers"), each.get("talks"), each.get("state", "available"))
        for name, each in scenario.data.get("agents", {}).items()
    ]
    telephone = visit.telephone = Scripted(visit.script)
    ear, plan = Ear(telephone), scenario.dialplan
    visit.state = CallState(visit.id, plan.key, plan.hash)
    tapes: dict[Path, Tape] = {}
    call = telephone.call = TerminalCall(
        visit.state,
        Caller(visit.number, None if visit.number else "anonymous", visit.language),
        "05031859080",
        ear,
        ear,
        agents={agent.name: agent for agent in agents},
        tapes=tapes,
        outside=_outside(scenario.data.get("outside")),
        length=length,
    )
    clock = VirtualClock(datetime.fromisoformat(str(scenario.data.get("at", OPEN))).replace(tzinfo=TOKYO))
    known = calendars(plan)
    mailbox = MemoryMailbox(tapes, lambda line: office.lines[line].calendars, clock)
    queues = Queues(MemoryRoster(agents), clock)
    telephone.happens("answer")
    closings = FakeClosings(office.book, clock)
    retrieval = FakeRetrieval(office.shelf, clock)
    desk = Desk(
        plan.key,
        plan.line,
        known,
        clock,
        mailbox,
        queues,
        FakeJournal(Ledger()),
        closings,
        retrieval,
        office.lines.get,
        FakeReader(),
        FakeCustomers(office.customers),
    )
    await run(call, plan, desk)
    return visit, mailbox


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        visit, mailbox = runner.run(serve(scenario))
    [expected] = scenario.expected()
    state = visit.state
    assert (state.outcome, state.cause, state.path) == (expected.outcome, expected.cause, expected.path)
    assert state.answers == expected.answers
    assert expected.heard in (None, heard_names(visit))
    assert expected.talked(visit.telephone.talked_to)
    asked = [each.number for each in mailbox.asked.values()]
    assert asked == [expected.rung_back or visit.number] * (expected.outcome == "callback")
    filed = [message.state for message in mailbox.messages.values()]
    assert filed == {"message": ["stored"], "silent": ["silent"]}.get(expected.outcome, [])
    assert [message.ticket for message in mailbox.messages.values() if message.ticket] == ["S-1"] * (
        expected.outcome == "message"
    )
    assert call_keys(visit)


def call_keys(visit: Visit) -> bool:
    """Every key was used, emptied by a rule, or is left."""
    assert isinstance(visit.telephone, Scripted) and visit.telephone.call is not None
    keys = visit.telephone.call.keys
    return keys.received == keys.used + keys.emptied + len(keys)


def test_most_scenarios_are_played() -> None:
    assert len(ALL) > 0.75 * len(list(scenarios()))
