"""Connections to carriers."""

import argparse

from ivr.commands.common import Commands, command, print_json, print_rows, run
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    trunk = commands.add_parser("trunk", help="connections to carriers (外線)").add_subparsers(required=True)
    shown = command(trunk, "list", _list, "all trunks, and how their carriers answer")
    shown.add_argument("--json", action="store_true")
    command(trunk, "apply", _apply, "make what trunks.yaml says now live; calls go on")
    tested = command(
        trunk, "test", _test, "ring a number of our own through a trunk: audio and keys both ways"
    )
    tested.add_argument("name", metavar="NAME", help="the trunk")
    tested.add_argument("--number", metavar="OURS", help="which of our numbers is rung")
    tested.add_argument("--json", action="store_true")


def _list(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import trunks
    from ivr.outside import spelled

    rows = run(trunks.states(settings))
    if not options.json:
        rows = [row | {"numbers": ", ".join(map(spelled, row["numbers"]))} for row in rows]
    print_rows(rows, options.json)


def _apply(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import trunks

    run(trunks.apply(settings))
    print("the trunks are live; `ivr trunk list` shows how the carriers answer")


def _test(settings: Settings, options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from ivr.admin import trunks
    from ivr.asterisk.proving import findings

    proof = run(trunks.test(settings, options.name, options.number))
    found = findings(proof)
    if options.json:
        print_json({"trunk": options.name, **asdict(proof), "findings": [asdict(one) for one in found]})
    else:
        for one in found:
            print(
                f"{'ok  ' if one.ok else 'BAD '} {one.what}" + (f"\n       -> {one.todo}" if one.todo else "")
            )
    return 0 if all(one.ok for one in found) else 1
