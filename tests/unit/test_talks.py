"""Talks that an engine before us left, in virtual time."""

import asyncio
from datetime import UTC, datetime

from ivr.errors import AsteriskError
from ivr.queues.talks import OldTalks
from tests.fakes.fake_roster import Agent, FakeRoster
from tests.fakes.virtual_time import FakeClock, in_virtual_time

NOON = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def agent(name: str, offer: str, state: str = "talking") -> Agent:
    made = Agent(name, "support")
    made.state, made.offer = state, offer  # type: ignore[assignment]
    return made


@in_virtual_time
async def test_an_agent_stays_in_talk_until_the_telephone_is_free() -> None:
    standing, over, ours = agent("tanaka", "old"), agent("sato", "older"), agent("suzuki", "new")
    legs = {"old-a-tanaka": "old", "new-a-suzuki": "new"}
    clock = FakeClock(NOON)

    async def there() -> dict[str, str]:
        return dict(legs)

    talks = OldTalks(FakeRoster([standing, over, ours]), clock, there)
    watching = asyncio.create_task(talks.adopt({"new"}))
    await asyncio.sleep(5)
    assert [one.state for one in (standing, over, ours)] == ["talking", "wrap_up", "talking"]
    del legs["old-a-tanaka"]
    await watching
    assert (standing.state, standing.offer, ours.state) == ("wrap_up", None, "talking")


@in_virtual_time
async def test_asterisk_may_be_away_at_first() -> None:
    ringing = agent("tanaka", "old", "available")
    answers = [AsteriskError("away"), AsteriskError("away")]

    async def there() -> dict[str, str]:
        if answers:
            raise answers.pop()
        return {}

    await OldTalks(FakeRoster([ringing]), FakeClock(NOON), there).adopt(set())
    assert ringing.offer is None


@in_virtual_time
async def test_a_talk_with_a_telephone_outside_holds_no_agent() -> None:
    over, standing = agent("sato", "older"), agent("tanaka", "old")
    legs = {"transferred-a-outside-1": "transferred", "old-a-tanaka": "old"}

    async def there() -> dict[str, str]:
        return dict(legs)

    watching = asyncio.create_task(
        OldTalks(FakeRoster([over, standing]), FakeClock(NOON), there).adopt(set())
    )
    await asyncio.sleep(5)
    assert [one.state for one in (over, standing)] == ["wrap_up", "talking"]
    del legs["transferred-a-outside-1"]
    await asyncio.sleep(5)
    assert (standing.state, watching.done()) == ("talking", False)
    legs.clear()
    await watching
    assert standing.state == "wrap_up"
