"""The audit: who looked at what."""

import argparse

from ivr.commands.common import Commands, command, print_json, run
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    group = commands.add_parser("audit", help="the record of who looked at what").add_subparsers(
        required=True
    )
    verify = command(group, "verify", _verify, "say whether anything in the audit was changed or taken away")
    verify.add_argument(
        "--head", metavar="NUMBER:DIGEST", help="a head that was printed before: it must still be there"
    )
    verify.add_argument("--json", action="store_true")


def _verify(settings: Settings, options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from ivr import auditing

    report = run(auditing.verify(settings, options.head))
    if options.json:
        print_json(asdict(report))
    else:
        print(f"{report.rows} rows in {report.seals} seals, {report.waiting} not sealed yet")
        print(f"{report.deleted} rows were kept long enough and deleted")
        print(f"head {report.head or 'none'}")
        for problem in report.problems:
            print(f"BAD {problem}")
    return 1 if report.problems else 0
