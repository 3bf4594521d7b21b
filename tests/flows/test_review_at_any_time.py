"""A caller goes over a message and leaves, presses a key, or loses the engine at every 100 ms: what was said stays."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.fakes.fake_mailbox import Message
from tests.fakes.virtual_time import VirtualLoop
from tests.fakes.world import BEEP, Do, Recording
from tests.flows.office import Office, Visit
from tests.flows.scenarios import TEXTS, Scenario, scenarios

PLAN = next(each for each in scenarios() if each.name.startswith("review: "))
REVIEW = TEXTS["REVIEW"]
SAYS = [Do(BEEP, say=3.0, press="#"), Do(BEEP, say=2.0, press="#")]
# Asked for the matter, then the keys; recorded again; more put behind it, and listened to.
ASKED = [
    Do(BEEP, say=3.0, words="折り返し お願い し ます", press="#"),
    Do(BEEP, say=2.0, words="商品 の 件", press="#"),
]
WAYS = {
    "asked for the matter": [*ASKED, Do(REVIEW, 1.0, press="1")],
    "recorded again": [*SAYS, Do(REVIEW, 1.0, press="2"), Do(REVIEW, 1.0, press="1")],
    "more": [*SAYS, Do(REVIEW, 1.0, press="4"), Do(REVIEW, 1.0, press="3"), Do(REVIEW, 1.0, press="5")],
}
STEP = 0.1


def visited(script: list[Do], meanwhile: Callable[[Office, Visit], Awaitable[None]]) -> tuple[Office, Visit]:
    async def main() -> tuple[Office, Visit]:
        visit = Visit("c1", script)
        office = Office("2026-11-24 11:00", [visit], (), PLAN.dialplan)
        serving = asyncio.create_task(office.serve())
        await meanwhile(office, visit)
        await asyncio.wait({serving}, timeout=300)
        if not serving.done():  # its engine was stopped, and the caller is still there
            visit.telephone.hang_up()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            office.room.reconcile()
        return office, visit

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


async def nothing(office: Office, visit: Visit) -> None:
    pass


def lengths(script: list[Do]) -> float:
    _, visit = visited(script, nothing)
    assert visit.state.outcome == "message" and visit.done_at is not None
    return visit.done_at


def moments(script: list[Do], step: float = STEP) -> list[float]:
    return [round(step * n, 1) for n in range(1, round(lengths(script) / step) + 1)]


def kept_as_said(office: Office, at: float) -> None:
    """One message with all that was said, and one callback; none, and no callback, if nothing was said."""
    [message] = office.room.messages.values()
    takes = [office.world.recordings.get(file) for file, _ in message.takes]
    spoken = [(why, take.spoken) for (_, why), take in zip(message.takes, takes, strict=True) if take]
    assert len(office.room.callbacks) == (message.state in ("stored", "lost")), at
    assert (message.state == "stored") == any(seconds for _, seconds in spoken), at
    dropped = [
        file for file, _ in message.takes if _spoken(office, file) and file not in kept(office, message)
    ]
    again = [seconds for why, seconds in spoken if why == "instead"]
    assert not dropped or max(again) >= 1.0, f"at {at} something was lost that nobody said again"


def _spoken(office: Office, file: object) -> float:
    take: Recording | None = office.world.recordings.get(file)  # type: ignore[call-overload]
    return take.spoken if take else 0.0


def kept(office: Office, message: Message) -> tuple[object, ...]:
    return office.room.standing(message)


@pytest.mark.parametrize("way", WAYS)
def test_hangs_up(way: str) -> None:
    for at in moments(WAYS[way]):

        async def leaves(office: Office, visit: Visit, at: float = at) -> None:
            await asyncio.sleep(at)
            visit.telephone.hang_up()

        office, visit = visited(WAYS[way], leaves)
        if office.room.messages:
            kept_as_said(office, at)
            assert visit.state.outcome in ("message", "silent")


@pytest.mark.parametrize("key", ["2", "4", "5", "9", "#"])
def test_a_stray_key_loses_nothing(key: str) -> None:
    """Pressed once at any time; the caller says what is left of the script and waits."""
    for at in moments(WAYS["more"], 0.3):

        async def presses(office: Office, visit: Visit, at: float = at) -> None:
            await asyncio.sleep(at)
            visit.telephone.press(key)

        office, visit = visited(WAYS["more"], presses)
        kept_as_said(office, at)
        assert visit.state.outcome == "message", at
        received = visit.calls[0].keys
        assert received.received == received.used + received.emptied + len(received), at


@pytest.mark.parametrize("way", WAYS)
def test_the_engine_stops(way: str) -> None:
    """By its outcome the fallback knows that this caller has left a message, unless one is being recorded."""
    for at in moments(WAYS[way], 0.3):
        told: list[tuple[str, bool]] = []

        async def stops(
            office: Office, visit: Visit, at: float = at, told: list[tuple[str, bool]] = told
        ) -> None:
            await asyncio.sleep(at)
            recording = visit.telephone.recording
            taping = recording is not None and recording.ended_by is None
            if visit.done_at is None:
                office._up.clear()  # no other engine takes the call
                await office.stop()
            told.append((visit.state.outcome, taping))

        office, _ = visited(WAYS[way], stops)
        [(outcome, taping)] = told
        if office.room.messages:
            [message] = office.room.messages.values()
            assert len(office.room.callbacks) <= 1, at
            if office.room.standing(message):
                assert outcome == "message" or taping, at
                kept_as_said(office, at)


@pytest.mark.parametrize("way", WAYS)
def test_the_engine_is_killed(way: str) -> None:
    """Another one goes on a second later: no second message, and nothing is lost."""
    for at in moments(WAYS[way], 0.3):
        killed = office_killed(WAYS[way], at)
        messages = [each for each in killed.room.messages.values() if each.state != "lost"]
        assert len(messages) <= 1 and len(killed.room.callbacks) <= 1, at
        for message in messages:
            dropped = [f for f, _ in message.takes if _spoken(killed, f) and f not in kept(killed, message)]
            assert not dropped or "instead" in [why for _, why in message.takes], at


def office_killed(script: list[Do], at: float) -> Office:
    async def main() -> Office:
        office = Office("2026-11-24 11:00", [Visit("c1", script)], (), PLAN.dialplan)
        await office.serve(at)
        return office

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def test_the_plan_is_the_one_with_every_key() -> None:
    assert isinstance(PLAN, Scenario) and PLAN.dialplan.key == "review"
