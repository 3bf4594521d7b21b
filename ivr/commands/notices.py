"""Who was told of what, and telling it again."""

import argparse

from ivr.commands.common import Commands, at_least, command, print_rows, run
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    listing = command(
        commands, "deliveries", _deliveries, "the notices and what became of them, newest first"
    )
    listing.add_argument("--limit", type=at_least(1), default=100)
    listing.add_argument("--line")
    listing.add_argument("--state")
    listing.add_argument("--json", action="store_true")
    deliver = command(commands, "deliver", _deliver, "sends a notice now, also one that failed or was sent")
    deliver.add_argument("delivery", type=int, help="its id, as `ivr deliveries` shows it")


def _deliveries(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.notify import admin

    rows = run(admin.listing(settings, limit=options.limit, line=options.line, state=options.state))
    print_rows(rows, options.json)


def _deliver(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.notify import admin

    run(admin.deliver(settings, options.delivery))
    print("handed to the jobs process; `ivr deliveries` shows what becomes of it")
