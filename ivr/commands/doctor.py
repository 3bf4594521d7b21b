"""What is missing, in plain words."""

import argparse

from ivr.commands.common import Commands, command, print_json, run
from ivr.settings import Settings

SIGNS = {"good": "ok  ", "doubtful": "?   ", "bad": "BAD "}


def add_to(commands: Commands) -> None:
    doctor = command(commands, "doctor", _doctor, "say what is missing on this machine and in this instance")
    doctor.add_argument("--json", action="store_true")


def _doctor(settings: Settings, options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from ivr.doctor import examine

    found = run(examine(settings))
    if options.json:
        print_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            print(
                f"{SIGNS[finding.level]} {finding.what}"
                + (f"\n       -> {finding.todo}" if finding.todo else "")
            )
    return 1 if any(finding.level == "bad" for finding in found) else 0
