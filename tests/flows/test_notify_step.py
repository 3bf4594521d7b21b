"""The `notify` step tells each place once, also of a call that is killed and taken back, and never keeps the caller."""

import asyncio

import pytest

from ivr.call import Call, Notice
from ivr.errors import StoreError
from tests.fakes.fake_mailbox import FakeMailbox
from tests.fakes.virtual_time import VirtualLoop
from tests.flows.office import Office
from tests.flows.scenarios import Scenario, scenarios

URGENT = {one.name.removeprefix("urgent: "): one for one in scenarios() if one.name.startswith("urgent: ")}
TOLD = Notice(
    "至急のご用件",
    (("mail", "oncall@example.co.jp"), ("mail", "leader@example.co.jp"), ("slack", "night")),
    True,
)
PRESSED = "the key for urgent matters tells the one on duty, and the caller goes on to the message"


def served(scenario: Scenario, kill_at: float | None = None) -> Office:
    async def serve() -> Office:
        office = scenario.office()
        await office.serve(kill_at)
        return office

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(serve())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (PRESSED, [TOLD]),
        ("hangs up in the greeting after it", [TOLD]),
        ("who presses nothing tells nobody", []),
    ],
)
def test_who_is_told(name: str, told: list[Notice]) -> None:
    assert list(served(URGENT[name]).room.notices.values()) == told


def test_killed_at_any_time_it_is_told_once() -> None:
    found = [len(served(URGENT[PRESSED], kill_at=tenth / 20).room.notices) for tenth in range(1, 200)]
    assert set(found) == {1}


class FullDisk(FakeMailbox):
    async def tell(self, call: Call, notice: Notice) -> None:
        raise StoreError


def test_a_full_disk_costs_the_notice_and_not_the_call() -> None:
    async def serve() -> Office:
        office = URGENT[PRESSED].office()
        office.mailbox = FullDisk(office.room)
        await office.serve()
        return office

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        office = runner.run(serve())
    assert office.visits[0].state.outcome == "message"
    assert office.room.notices == {}
