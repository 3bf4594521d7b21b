"""Calls, messages and callbacks as lists."""

import argparse

from ivr.commands.common import Commands, command, print_rows, run
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    for name, do, help in (
        ("callbacks", _callbacks, "the callbacks, the next to make first"),
        ("calls", _calls, "the calls, newest first"),
        ("messages", _messages, "the messages, newest first; `--state silent`: of whom nothing was heard"),
    ):
        listing = command(commands, name, do, help)
        listing.add_argument("--limit", type=int, default=100)
        listing.add_argument("--line")
        listing.add_argument("--state")
        listing.add_argument("--json", action="store_true")
    promote = command(
        commands, "promote", _promote, "a message judged silent is one after all: text and callback"
    )
    promote.add_argument("message", help="its id, as `ivr messages --state silent` shows it")


def _callbacks(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    rows = run(admin.callback_list(settings, limit=options.limit, line=options.line, state=options.state))
    print_rows(rows, options.json)


def _calls(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    rows = run(admin.call_list(settings, limit=options.limit, line=options.line, outcome=options.state))
    print_rows(rows, options.json)


def _messages(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    rows = run(admin.message_list(settings, limit=options.limit, line=options.line, state=options.state))
    print_rows(rows, options.json)


def _promote(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    print(f"callback: ticket {run(admin.promote(settings, options.message))}")
