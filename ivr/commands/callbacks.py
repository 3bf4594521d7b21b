"""One callback, two made one and one made two; the lists of numbers that are turned away or never dialled."""

import argparse

from ivr.commands.common import Commands, command, moment, print_json, print_rows, run, user
from ivr.settings import Settings


def add_to_listing(listing: argparse.ArgumentParser) -> None:
    """Below `ivr callbacks`."""
    more = listing.add_subparsers(metavar="")
    show = command(more, "show", _show, "a callback, who asked for it, and what was done")
    show.add_argument("ticket", help="its number, or one that was merged into it")
    show.add_argument("--json", action="store_true")
    merge = command(more, "merge", _merge, "make two callbacks one; both numbers lead to it")
    merge.add_argument("ticket")
    merge.add_argument("into", help="the one that stays")
    split = command(more, "split", _split, "make some contacts of a callback one of their own")
    split.add_argument("ticket")
    split.add_argument("contact", type=int, nargs="+", help="as `ivr callbacks show` numbers them")


def add_to(commands: Commands) -> None:
    numbers = commands.add_parser("numbers", help="numbers turned away, never dialled, or of one agent")
    group = numbers.add_subparsers(required=True)
    listing = command(group, "list", _numbers, "both lists: incoming (着信規制) and outgoing (発信禁止)")
    listing.add_argument("--json", action="store_true")
    bar = command(group, "bar", _bar, "put a number on a list")
    bar.add_argument("list", choices=("incoming", "outgoing"))
    bar.add_argument("number")
    bar.add_argument("--tenant", required=True)
    bar.add_argument("--reason", required=True)
    bar.add_argument("--until", type=moment, metavar="TIME", help="like 2027-01-31T00:00+09:00")
    for name, do, help in (
        ("approve", _approve, "approve what an agent asked for"),
        ("free", _free, "take a number off its list"),
    ):
        command(group, name, do, help).add_argument("id", type=int)
    own = command(group, "dedicate", _dedicate, "give a customer an agent of his own")
    own.add_argument("number")
    own.add_argument("agent")
    own.add_argument("--deputy", help="who stands in")
    own.add_argument("--tenant", required=True)


def _show(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import callbacks

    ticket, contacts, history = run(callbacks.show(settings, options.ticket))
    if options.json:
        print_json({**ticket, "contacts": contacts, "history": history})
        return
    for rows in ([ticket], contacts, history):
        print_rows(rows, False)


def _merge(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import callbacks

    print(run(callbacks.merge(settings, options.ticket, options.into, user())))


def _split(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import callbacks

    print(run(callbacks.split(settings, options.ticket, options.contact, user())))


def _numbers(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import callbacks

    print_rows(run(callbacks.barred(settings)), options.json)


def _bar(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import callbacks

    made = callbacks.bar(
        settings,
        options.list,
        options.number,
        tenant=options.tenant,
        reason=options.reason,
        expires_at=options.until,
        by=user(),
    )
    print(run(made))


def _approve(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import callbacks

    run(callbacks.approve(settings, options.id, user()))


def _free(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import callbacks

    run(callbacks.free(settings, options.id, user()))


def _dedicate(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import callbacks

    given = callbacks.dedicate(
        settings,
        options.number,
        tenant=options.tenant,
        agent=options.agent,
        deputy=options.deputy,
        by=user(),
    )
    run(given)
