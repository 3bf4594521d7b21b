"""An Asterisk that was there before: connected, and left as it was."""

import argparse
import sys
from pathlib import Path

from ivr.commands.common import Commands, command, run
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    group = commands.add_parser("asterisk", help="connect an Asterisk or FreePBX that was there before")
    what = group.add_subparsers(required=True, metavar="WHAT")
    install = command(
        what, "install", _install, "show what is added to its configuration, add it, reload, check"
    )
    install.add_argument(
        "--into",
        type=Path,
        default=Path("/etc/asterisk"),
        help="its directory of configuration (default: /etc/asterisk)",
    )
    install.add_argument("--yes", action="store_true", help="do not ask")
    command(what, "remove", _remove, "take it out again; every file is as it was before")


def _install(settings: Settings, options: argparse.Namespace) -> int:
    from ivr.asterisk.existing import admin
    from ivr.clock import SystemClock

    def agree(difference: list[str]) -> bool:
        print("\n".join(difference))
        if options.yes:
            return True
        if not sys.stdin.isatty():
            print("ivr: nothing was changed; --yes does it without asking", file=sys.stderr)
            return False
        return input("Add this and reload Asterisk? Calls go on. [yes/no] ").strip().lower() in ("y", "yes")

    now = SystemClock(settings.clock_offset).now()
    done = run(admin.install(settings, options.into.resolve(), now, agree))
    if done is None:
        return 1
    way = (
        "every engine is asked" if done.broadcasts else "without StasisBroadcast: one engine is asked by name"
    )
    print(
        f"Asterisk {done.version} is connected ({way}). Lead a number to its line in your dialplan:\n"
        "  exten => 05031859080,1,Goto(ivr-in,${EXTEN},1)\n"
        "and start `ivr run` without --asterisk."
    )
    return 0


def _remove(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.asterisk.existing import admin

    for name in run(admin.remove(settings)):
        print(f"{name} had lost our lines already", file=sys.stderr)
    print("Asterisk is as it was before")
