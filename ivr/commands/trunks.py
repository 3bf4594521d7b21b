"""Connections to carriers."""

import argparse

from ivr.commands.common import Commands, command, print_rows, run
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    trunk = commands.add_parser("trunk", help="connections to carriers (外線)").add_subparsers(required=True)
    shown = command(trunk, "list", _list, "all trunks, and how their carriers answer")
    shown.add_argument("--json", action="store_true")
    command(trunk, "apply", _apply, "make what trunks.yaml says now live; calls go on")


def _list(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import trunks_admin

    print_rows(run(trunks_admin.states(settings)), options.json)


def _apply(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import trunks_admin

    run(trunks_admin.apply(settings))
    print("the trunks are live; `ivr trunk list` shows how the carriers answer")
