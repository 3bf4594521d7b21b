"""Lines closed at once (臨時休業) and opened again; the PIN for doing it by telephone."""

import argparse
import sys
from typing import Any

from ivr.commands.common import Commands, command, print_rows, run, user
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    close = command(commands, "close", _close, "close a line at once because of something (臨時休業)")
    close.add_argument("line", help="name of its file without .yaml")
    close.add_argument(
        "--until",
        required=True,
        metavar="WHEN",
        help="today, 2026-11-24T17:00, 2026-11-24 (to its end), or open-ended: until `ivr reopen`",
    )
    close.add_argument("--reason", required=True, help="as callers hear it, e.g. 台風")
    close.add_argument("--from", dest="begins", metavar="WHEN", help="default: now")
    close.add_argument("--by", default=user(), help="who closes it (default: the user of this system)")
    reopen = command(commands, "reopen", _reopen, "end what closes a line now")
    reopen.add_argument("line", help="name of its file without .yaml")
    reopen.add_argument("--id", type=int, help="this one alone, which may be still to come")
    reopen.add_argument("--by", default=user(), help="who opens it (default: the user of this system)")
    listing = command(commands, "closings", _closings, "what closes lines now, and what is still to come")
    listing.add_argument("--line")
    listing.add_argument("--json", action="store_true")
    pin = command(commands, "pin", _pin, "a new PIN for staff on a telephone")
    pin.add_argument("line", help="name of its file without .yaml")
    pin.add_argument("--stdin", action="store_true", help="read it, instead of making and printing one")


def _close(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import closings

    closing = run(
        closings.close(settings, options.line, options.until, options.reason, options.begins, options.by)
    )
    print(f"line {options.line} is closed from {closing.begins} until {closing.ends} (id {closing.id})")
    print(
        f"callers hear 「{closing.hears}」"
        if closing.hears
        else "callers hear nothing of it: it is closed then anyhow"
    )


def _reopen(settings: Settings, options: argparse.Namespace) -> int:
    from ivr.admin import closings

    ended = run(closings.reopen(settings, options.line, options.by, options.id))
    if not ended:
        print(f"ivr: nothing closes line {options.line}; `ivr closings` lists what does", file=sys.stderr)
        return 1
    print(f"line {options.line} keeps its hours again")
    return 0


def _closings(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import closings

    rows: list[dict[str, Any]] = run(closings.listing(settings, options.line))
    print_rows(rows, options.json)


def _pin(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import closings

    given = sys.stdin.readline().strip() if options.stdin else None
    pin = run(closings.set_pin(settings, options.line, given))
    print(pin if given is None else f"line {options.line} has this PIN now")
