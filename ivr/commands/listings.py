"""Calls, messages and callbacks as lists."""

import argparse

from ivr.commands import callbacks
from ivr.commands.common import Commands, at_least, command, print_json, print_rows, run
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    for name, do, help in (
        ("callbacks", _callbacks, "the callbacks by due time, those that are over among them"),
        ("calls", _calls, "the calls, newest first"),
        ("messages", _messages, "the messages, newest first; `--state silent`: of whom nothing was heard"),
    ):
        listing = command(commands, name, do, help)
        listing.add_argument("--limit", type=at_least(1), default=100)
        listing.add_argument("--line")
        listing.add_argument("--state")
        listing.add_argument("--json", action="store_true")
        if name == "messages":
            _add_to_messages(listing)
        if name == "callbacks":
            callbacks.add_to_listing(listing)
    promote = command(
        commands, "promote", _promote, "a message judged silent is one after all: text and callback"
    )
    promote.add_argument("message", help="its id, as `ivr messages --state silent` shows it")


def _add_to_messages(listing: argparse.ArgumentParser) -> None:
    more = listing.add_subparsers(metavar="")
    show = command(more, "show", _show, "a message and its stages: audio, text, reading")
    show.add_argument("message", help="its id")
    show.add_argument("--json", action="store_true")
    again = command(more, "run", _run_again, "do the stages of a message again")
    again.add_argument("message", help="its id")
    again.add_argument(
        "--stage", choices=("audio", "text", "reading"), help="this one alone; without it, audio and text"
    )


def _callbacks(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import callbacks

    rows = run(callbacks.listing(settings, limit=options.limit, line=options.line, state=options.state))
    print_rows(rows, options.json)


def _calls(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import calls

    rows = run(calls.listing(settings, limit=options.limit, line=options.line, outcome=options.state))
    print_rows(rows, options.json)


def _messages(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import messages

    rows = run(messages.listing(settings, limit=options.limit, line=options.line, state=options.state))
    print_rows(rows, options.json)


def _show(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import messages

    about, stages = run(messages.show(settings, options.message))
    if options.json:
        print_json({**about, "stages": stages})
    else:
        print_rows([about, *stages], False)


def _run_again(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import messages

    names = (options.stage,) if options.stage else ("audio", "text")  # a new text is read anew by itself
    run(messages.run_again(settings, options.message, names))
    print(f"to be done: {', '.join(names)}; see it with: ivr messages show {options.message}")


def _promote(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import messages

    print(f"callback: ticket {run(messages.promote(settings, options.message))}")
