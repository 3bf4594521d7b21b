"""Whatever callers do, and whoever is there: a person, a message or a goodbye. `bench/simulate.py` asks 10,000."""

import asyncio
from collections import Counter

import pytest

from ivr.dialplan.load import load, load_text
from ivr.dialplan.model import Dialplan
from ivr.steps import STEPS
from ivr.terminal.virtual import VirtualLoop
from tests.flows.office import calendars, ecforce
from tests.flows.scenarios import LIVE
from tests.random_callers import call, served

CALLERS = 500
OTHER_DESKS = ("eccall", "eccall-flower", "eccall-kelp", "tiered-support", "sakura", "amazon-seller")


def ask(callers: int, dialplan: Dialplan) -> tuple[Counter[str], list[int]]:
    """How the calls ended, and the seeds of those who were left alone."""
    known = calendars(dialplan)
    endings: Counter[str] = Counter()
    alone = []

    async def main() -> None:
        for seed in range(callers):
            caller, session = await call(seed, dialplan, known)
            endings[session.state.outcome] += 1
            if not served(caller, session):
                alone.append(seed)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    return endings, alone


def test_nobody_is_left_alone() -> None:
    endings, alone = ask(CALLERS, ecforce()[0])
    assert alone == []
    # All of it happens: the dice are good for something.
    assert endings.keys() == {"answered", "message", "silent", "informed", "abandoned"}
    assert min(endings.values()) >= 10


@pytest.mark.parametrize("line", OTHER_DESKS)
def test_nobody_is_left_alone_at_the_other_desks(line: str) -> None:
    endings, alone = ask(CALLERS, load(LIVE / f"{line}.yaml", STEPS))
    assert alone == []
    assert endings["answered"] >= 10 and endings["message"] + endings["informed"] >= 10


def test_the_rule_sees_who_is_cut_off() -> None:
    source = ecforce()[0].source
    goodbye = "フォームよりご連絡ください。お電話ありがとうございました。"
    assert source.count(goodbye) == 1
    broken = load_text("ecforce.yaml", source.replace(goodbye, "フォームよりご連絡ください。"), STEPS)
    assert ask(100, broken)[1] != []
