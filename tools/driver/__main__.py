"""Tries the whole product from outside: SIP, HTTP and audio, and nothing of its code.

    .venv/bin/python -m tools.driver                          an open desk and three closed ones
    .venv/bin/python -m tools.driver --seed 7                 the same plan again
    .venv/bin/python -m tools.driver --desks open closed      fewer desks

Draws a dialplan (numbers, hours, closed days, menu keys and depth, names of steps, promises) and sentences
of words that the trial model knows, starts the product with clocks at random moments (open, and closed
for one reason and another), telephones with it as callers and agents do, and looks by HTTP whether each
message made exactly one callback with the right cause, path, number, due time, transcript and audio, and
each other call none. What is right it works out itself, minute by minute. It imports nothing of `ivr` or
`transcribe`, needs what `script/setup` sets up, and takes about two minutes. Exit status: 0 all right;
1 something is wrong, which the last lines say; then the data, logs and dialplans are kept.
"""

import argparse
import random
import secrets
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tools.driver import dialplan, office, sentences
from tools.driver.check import check
from tools.driver.instance import ROOT, Instance
from tools.driver.office import Office
from tools.driver.people import Outcome
from tools.driver.visit import SERVED, Desk, Visit

HOLIDAYS = ROOT / "tests" / "data" / "syukujitsu.csv"
WORDS = ROOT / "transcribe" / "models" / "vosk-tiny-ja" / "graph" / "words.txt"
AT_ONCE = 2  # instances beside each other
MESSAGES = 5  # the most that one visit leaves


@dataclass
class Plan:
    """All that is drawn before anything starts. `visits`: open or why closed, when, and dice of its own."""

    office: Office
    desk: Desk
    visits: list[tuple[str, datetime, random.Random, list[str]]]


def draw(seed: int, desks: Sequence[str]) -> Plan:
    dice = random.Random(seed)
    year = dice.choice((2026, 2027))
    hours = office.draw(dice, office.official_holidays(HOLIDAYS), year)
    names = dialplan.Names(dice)
    groups = {what: names.new("g_") for what in SERVED}
    order = list(groups.values())
    dice.shuffle(order)
    desk = Desk(
        dialplan.draw_main(dice, hours, order), dialplan.draw_small(dice, hours, names.new("g_")), groups
    )
    reasons = dice.sample(office.REASONS, desks.count("closed"))
    kinds = [kind if kind == "open" else reasons.pop() for kind in desks]
    said = sentences.draw(dice, MESSAGES * len(kinds))
    for sentence in said:
        if unknown := sentences.unknown(sentence, WORDS):
            raise ValueError(f"the trial model does not know {unknown}")
    moments = [office.moment(dice, hours, year, kind) for kind in kinds]
    return Plan(
        hours,
        desk,
        [
            (kind, moment, random.Random(dice.random()), said[MESSAGES * n : MESSAGES * (n + 1)])
            for n, (kind, moment) in enumerate(zip(kinds, moments, strict=True))
        ],
    )


class Run:
    def __init__(self, plan: Plan, base: Path, prompts: Path | None) -> None:
        """`prompts`: spoken before, to save time."""
        self.plan = plan
        self.problems: list[str] = []
        self.messages = 0
        self._base = base
        self._prompts = prompts
        self._starting = threading.Lock()
        dialplan.write([plan.desk.main, plan.desk.small], base / "dialplans")

    def all(self) -> None:
        with ThreadPoolExecutor(AT_ONCE) as visits:
            list(visits.map(lambda visit: self._visit(*visit), self.plan.visits))

    def _visit(self, kind: str, at: datetime, dice: random.Random, said: list[str]) -> None:
        begin = time.monotonic()
        instance = Instance(self._base / kind.replace(" ", "-"), self._base / "dialplans", at)
        outcomes: list[Outcome] = []
        wrong: list[str] = []
        up = 0.0
        try:
            with self._starting:  # one after the other: the first speaks the prompts, the others have them
                instance.start(self._prompts)
                self._prompts = instance.prompts
            up = time.monotonic() - begin
            visit = Visit(instance, self.plan.desk, dice, said)
            outcomes = visit.open() if kind == "open" else visit.closed()
            wrong += visit.complaints + check(instance, self.plan.office, outcomes)
        except Exception:
            wrong += [traceback.format_exc(), instance.output()]
        finally:
            wrong += instance.stop()
        self.problems += [f"{kind}, {at}: {one}" for one in wrong]
        messages = sum(one.cause is not None for one in outcomes)
        self.messages += messages
        seconds = time.monotonic() - begin
        print(
            f"{kind}, {at}: {len(outcomes)} calls, {messages} messages, {len(wrong)} wrong; "
            f"up after {up:.0f} s, {seconds:.0f} s in all",
            flush=True,
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.driver",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument(
        "--desks", nargs="+", choices=("open", "closed"), default=["open", "closed", "closed", "closed"]
    )
    parser.add_argument("--prompts", type=Path, help="a cache of spoken prompts to begin with")
    options = parser.parse_args()
    if options.desks.count("closed") > len(office.REASONS):
        parser.error(f"there are only {len(office.REASONS)} reasons to be closed")
    begin = time.monotonic()
    base = Path(tempfile.mkdtemp(prefix="ivr-driver-"))
    print(f"seed {options.seed}, desks {' '.join(options.desks)}, in {base}", flush=True)
    run = Run(draw(options.seed, options.desks), base, options.prompts)
    run.all()
    for problem in run.problems:
        print(f"WRONG  {problem}")
    print(
        f"{run.messages} messages, {len(run.problems)} wrong, {time.monotonic() - begin:.0f} s, seed {options.seed}"
    )
    if not run.problems:
        shutil.rmtree(base)
    return int(bool(run.problems))


if __name__ == "__main__":
    sys.exit(main())
