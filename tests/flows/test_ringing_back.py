"""Messages by telephone: what cannot be shown by a scenario that is also killed at every step."""

import asyncio

from tests.fakes.virtual_time import in_virtual_time
from tests.flows.scenarios import heard_names, read
from tests.flows.test_scenarios import check

RUNG_BACK = """
- name: "rings the caller back, who answers and hangs up; then the message is cleared"
  pin: "482193"
  outside: {answers: 3, talks: 20}
  messages: [{id: m1, received: 2026-11-24 09:00, ticket: T1}]
  tickets: {T1: {}}
  does:
    - {hears: BOX_PIN, press: "482193#"}
    - {hears: BOX_MAY_RING, press: "4"}
    - {hears: BOX_MAY_RING, press: "3"}
    - {hears: BOX_SURE, press: "1"}
  path: "office messages goodbye bye"
  outcome: informed
  dialled: "+819012345678"
  talks_to: outside
  dealt: [rings T1, answered T1, over T1, cleared m1]
  ticket_states: {T1: done}
- name: "the same, and staff go on without clearing it"
  pin: "482193"
  outside: {answers: 3, talks: 20}
  messages: [{id: m1, received: 2026-11-24 09:00, ticket: T1}]
  tickets: {T1: {}}
  does:
    - {hears: BOX_PIN, press: "482193#"}
    - {hears: BOX_MAY_RING, press: "4"}
    - {hears: BOX_MAY_RING, press: "2"}
  path: "office messages goodbye bye"
  outcome: informed
  talks_to: outside
  dealt: [rings T1, answered T1, over T1, given back T1]
  ticket_states: {T1: open}
"""


@in_virtual_time
async def test_a_caller_who_was_rung_back() -> None:
    for scenario in read("mailbox", RUNG_BACK):
        await check(scenario)


@in_virtual_time
async def test_taken_back_from_the_talk_it_goes_on_and_nobody_is_rung_twice() -> None:
    scenario = next(read("mailbox", RUNG_BACK))
    office = scenario.office()
    await office.serve(kill_at=32.0)
    (visit,) = office.visits
    assert len(visit.calls) == 2
    assert visit.telephone.talked_to == ["outside"] and office.world.dialled == ["+819012345678"]
    assert heard_names(visit)[-1] == "STAFF_BYE"
    assert office.shelf.log == ["rings T1", "answered T1", "over T1", "cleared m1"]


@in_virtual_time
async def test_a_store_that_fails_while_it_rings_does_not_part_the_two() -> None:
    scenario = next(read("mailbox", RUNG_BACK))
    office = scenario.office()
    serving = asyncio.create_task(office.serve())
    await asyncio.sleep(20.5)  # it rings
    assert office.shelf.log == ["rings T1"] and not office.visits[0].telephone.talked_to
    office.shelf.broken = True
    await serving
    (visit,) = office.visits
    assert visit.telephone.talked_to == ["outside"] and visit.done_at is not None
    assert visit.done_at > 41.0, "parted before the 20 s of the talk were over"
    assert heard_names(visit)[-2:] == ["BOX_FAILED", "BOX_SORRY"]
