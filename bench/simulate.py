"""What a simulated call costs, and 10,000 random callers through the ecforce line: `python -m bench.simulate`.

Every caller must end with a person, a message or a goodbye (tests/random_callers.py). CPU time of one process, without
the imports. Fails above 50 ms for one call, the median of several kinds, or 20 s for all callers.
"""

import asyncio
import logging
import statistics
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from time import process_time
from zoneinfo import ZoneInfo

from ivr.dialplan.load import load
from ivr.dialplan.model import Dialplan
from ivr.hours.calendar import Calendar
from ivr.steps import STEPS
from ivr.terminal.person import Scripted
from ivr.terminal.session import simulate, staff
from ivr.terminal.virtual import VirtualLoop
from tests.random_callers import call, served

CALLERS = 10_000
MOST_PER_CALL = 0.050  # seconds
MOST_FOR_ALL = 20.0
ROUNDS = 21
TOKYO = ZoneInfo("Asia/Tokyo")
OPEN, CLOSED = (datetime(2026, 11, 24, hour, tzinfo=TOKYO) for hour in (11, 20))
KINDS = {
    "#1#2, answered": ("#1#2", OPEN, False),
    "#2, busy, message": ("#2", OPEN, True),
    "closed, message": ("", CLOSED, False),
}


def one_call(dialplan: Dialplan, keys: str, at: datetime, busy: bool) -> float:
    costs = []
    for _ in range(ROUNDS):
        person = Scripted(keys, ["折り返しお電話ください。"])
        begun = process_time()
        simulate(dialplan, person, at, staff(dialplan, talking=busy), zone=TOKYO)
        costs.append(process_time() - begun)
    return statistics.median(costs)


async def ask_all(dialplan: Dialplan) -> tuple[Counter[str], list[int]]:
    calendars = {name: Calendar(hours) for name, hours in dialplan.hours.items()}
    endings: Counter[str] = Counter()
    alone = []
    for seed in range(CALLERS):
        caller, session = await call(seed, dialplan, calendars)
        endings[session.state.outcome] += 1
        if not served(caller, session):
            alone.append(seed)
    return endings, alone


def main() -> int:
    logging.disable()  # that nobody is staffed is said for half of the callers
    dialplan = load(Path(__file__).parents[1] / "dialplans" / "ecforce.yaml", STEPS)
    worst = 0.0
    for name, kind in KINDS.items():
        cost = one_call(dialplan, *kind)
        worst = max(worst, cost)
        print(f"{name:20} {cost * 1000:6.1f} ms")
    begun = process_time()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        endings, alone = runner.run(ask_all(dialplan))
    all_of_them = process_time() - begun
    print(f"{CALLERS} callers {all_of_them:.1f} s; {dict(endings.most_common())}; left alone: {alone}")
    return int(bool(alone) or worst > MOST_PER_CALL or all_of_them > MOST_FOR_ALL)


if __name__ == "__main__":
    sys.exit(main())
