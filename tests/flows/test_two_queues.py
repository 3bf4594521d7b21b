"""One queue after another: each has its own wait, and a talk in the first does not stand for the second."""

import pytest

from ivr.dialplan.load import load_text
from ivr.steps import STEPS
from tests.fakes.fake_roster import Agent
from tests.fakes.virtual_time import in_virtual_time
from tests.fakes.world import AgentTelephone
from tests.flows.office import Office, Visit

PLAN = load_text(
    "two.yaml",
    """
line: {tenant: t, name: n, numbers: ["050-3185-9080"]}
hours: {office: {zone: Asia/Tokyo, weekly: {mon-fri: "10:00-17:00"}}}
start: first
steps:
  first: {type: queue, agents: first, max_wait: 50s, busy_wait: 40s, next: second, otherwise: second}
  second: {type: queue, agents: second, max_wait: 50s, busy_wait: 40s, otherwise: bye}
  bye: {type: hangup}
""",
    STEPS,
)


@in_virtual_time
async def test_second_queue_waits_its_own_time() -> None:
    agents = [(Agent(name, name, "talking"), AgentTelephone(name)) for name in ("first", "second")]
    visit = Visit("c1", [])
    office = Office("2026-11-24 11:00", [visit], agents, PLAN)
    await office.serve()
    assert (visit.state.path, visit.state.cause) == (["first", "second", "bye"], "busy")
    assert visit.done_at == pytest.approx(80, abs=0.2)


@pytest.mark.parametrize("kill_at", [None, 2.0, 30.0, 61.5, 62.5, 80.0, 120.0])
@in_virtual_time
async def test_talk_in_the_first_is_followed_by_one_in_the_second(kill_at: float | None) -> None:
    """The first talk lasts from 2 s to 62 s; a kill at 61.5 s lets it end while no engine is there."""
    agents = [(Agent(name, name), AgentTelephone(name, [2.0], talks=60.0)) for name in ("first", "second")]
    visit = Visit("c1", [])
    office = Office("2026-11-24 11:00", [visit], agents, PLAN)
    await office.serve(kill_at)
    assert (visit.state.outcome, visit.state.path) == ("answered", ["first", "second"])
    assert visit.telephone.talked_to == ["first", "second"]
    assert [agent.state for agent, _ in agents] == ["wrap_up", "wrap_up"]
