"""What was, and what would have been."""

import argparse
import logging
import sys
from collections import Counter
from pathlib import Path

from ivr.commands.common import Commands, command, print_json
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    replay = command(commands, "replay", _replay, "calls of the past through another version of their line")
    replay.add_argument(
        "--with", dest="file", type=Path, required=True, help="the other version, a .yaml file"
    )
    replay.add_argument("--since", default="yesterday", help='"yesterday", "today", "7d", "12h" or a time')
    replay.add_argument("--until", help="until then (default: now)")
    replay.add_argument("--line", help="whose calls (default: the file's name, else by its numbers)")
    replay.add_argument("--json", action="store_true")


def _replay(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import past
    from ivr.replay import counts

    logging.getLogger("ivr").addHandler(logging.NullHandler())  # what the replayed calls would log
    shown = sys.stderr.isatty()

    def progress(done: int, of: int) -> None:
        if shown and (done % 50 == 0 or done == of):
            print(f"\r{done} of {of} calls", end="" if done < of else "\n", file=sys.stderr, flush=True)

    results = past.replayed(settings, options.file, options.line, options.since, options.until, progress)
    total = counts(results)
    if options.json:
        print_json({"counts": total, "calls": [result.as_json() for result in results]})
        return
    for result in results:
        if result.verdict == "differs":
            print(f"{result.at:%Y-%m-%d %H:%M:%S} {result.call.id}")
            print(f"  was {' > '.join(result.call.path)}")
            print(f"  now {' > '.join(result.now)}")
    print(f"{len(results)} calls: {total['same']} as before, {total['differs']} another way", end="")
    print(f", {total['unknown']} cannot be told:" if total["unknown"] else "")
    for reason, number in Counter(result.why for result in results if result.why).most_common(5):
        print(f"  {number}: {reason}")
