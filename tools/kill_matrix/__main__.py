"""Kills everything, again and again, while people leave messages, and looks what became of each.

    .venv/bin/python -m tools.kill_matrix                    50 kills of the engine and 50 of Asterisk, more of the others
    .venv/bin/python -m tools.kill_matrix --kills 5 --seed 7

Callers leave messages by SIP on the whole product (`ivr run --asterisk`, with the small Vosk model). In each wave
of five the engine or Asterisk is killed with -9 at a random instant, and the jobs process and the transcriber too.
Of every message must be there: exactly one callback, the audio (for a killed Asterisk up to 2.1 s before), and
its text or the reason why there is none. Two desks run beside each other; about 25 minutes. Then, with --troubles:
the database locked for 30 s, the transcriber standing still for 30 s, and the disk of the recordings full in the
middle of every message (as root, on a small file system). Exit status 1, and the data are kept, if something is wrong.
"""

import argparse
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.asterisk.desk import Desk
from tools.kill_matrix.troubles import small_disk
from tools.kill_matrix.waves import DIALPLAN, Matrix, Victim

OPEN = "2026-11-24T11:00+09:00"
CALLS: tuple[Victim, ...] = ("engine", "asterisk")  # what a call needs
TROUBLES = ("locked", "hung", "full")
ROUND = 5  # waves after which the messages are judged


def plan(kills: int, desks: int, dice: random.Random) -> list[list[Victim]]:
    """For each desk, whom to kill in each wave."""
    victims = [one for one in CALLS for _ in range(kills)]
    dice.shuffle(victims)
    return [victims[n::desks] for n in range(desks)]


def run(matrix: Matrix, victims: list[Victim], name: str) -> None:
    for position, victim in enumerate(victims, 1):
        matrix.wave(victim)
        if position % ROUND == 0 or position == len(victims):
            told = len(matrix.figures.violations)
            figures = matrix.end()
            for one in figures.violations[told:]:
                print(f"{name}: WRONG  {one}", flush=True)
            kills = ", ".join(f"{count} {what}" for what, count in matrix.kills.items())
            print(
                f"{name}: wave {position} of {len(victims)}; killed {kills}; "
                f"{figures.messages} messages, {len(figures.violations)} wrong",
                flush=True,
            )


def report(matrices: list[Matrix]) -> int:
    kills, states = Counter[str](), Counter[str]()
    lost: list[float] = []
    wrong: list[str] = []
    for matrix in matrices:
        kills.update(matrix.kills)
        states.update(matrix.figures.states)
        lost += matrix.figures.seconds_lost
        wrong += matrix.figures.violations
    print(f"kills: {dict(kills)}")
    print(f"callers: {sum(one.figures.callers for one in matrices)}")
    for state, count in states.most_common():
        print(f"  {count:4} messages {state}")
    if lost:
        lost.sort()
        print(
            f"seconds lost by a kill of Asterisk: median {lost[len(lost) // 2]}, most {lost[-1]}, {len(lost)} messages"
        )
    unrecorded = sum(one.figures.unrecorded for one in matrices)
    print(
        f"{unrecorded} messages not recorded: the engine was killed in the beep, and the caller hung up before the fallback spoke"
    )
    for one in wrong:
        print(f"WRONG  {one}")
    print(f"{sum(states.values())} messages, {len(wrong)} wrong")
    return int(bool(wrong))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.kill_matrix",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=50, help="of the engine, and as many of Asterisk")
    parser.add_argument("--troubles", type=int, default=0, help="how often each of the other troubles")
    parser.add_argument("--desks", type=int, default=2, help="beside each other")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    options = parser.parse_args()
    began = time.monotonic()
    base = Path(tempfile.mkdtemp(prefix="ivr-kill-matrix-"))
    print(f"seed {options.seed}, in {base}", flush=True)
    dice = random.Random(options.seed)
    (base / "dialplans").mkdir()
    (base / "dialplans" / "test.yaml").write_text(DIALPLAN, "utf-8")
    desks = [
        Desk(base / f"desk{n}", OPEN, base / "dialplans", base / "prompts") for n in range(options.desks)
    ]
    (base / "prompts").mkdir()
    disk = ExitStack()
    if options.troubles:
        disk.enter_context(small_disk(desks[0].data / "recordings"))
    matrices = [
        Matrix(desk, random.Random(dice.random()), 9020000000 + n * 10000) for n, desk in enumerate(desks)
    ]
    try:
        for desk in desks:
            desk.start()
        plans = plan(options.kills, options.desks, dice)
        with ThreadPoolExecutor(options.desks) as waves:
            names = [f"desk {n}" for n in range(options.desks)]
            list(waves.map(run, matrices, plans, names))
        for trouble in TROUBLES * options.troubles:
            matrices[0].trouble(trouble)
            figures = matrices[0].end()
            print(
                f"{trouble}: {figures.messages} messages, {len(figures.violations)} wrong by now", flush=True
            )
    finally:
        for desk in desks:
            desk.stop()
        disk.close()
    status = report(matrices)
    print(f"{time.monotonic() - began:.0f} s, seed {options.seed}")
    if not status:
        shutil.rmtree(base)
    return status


if __name__ == "__main__":
    sys.exit(main())
