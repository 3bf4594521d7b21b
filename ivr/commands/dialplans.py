"""Dialplans checked and taken live."""

import argparse
from pathlib import Path

from ivr.commands.common import Commands, command, print_json, run
from ivr.settings import Settings

DIALPLANS_REFUSED = 1


def add_to(commands: Commands) -> None:
    check = command(commands, "check", _check, "check dialplans without publishing them")
    check.add_argument("file", nargs="*", type=Path, help="default: all of IVR_DIALPLANS")
    check.add_argument("--json", action="store_true")
    publish = command(
        commands, "publish", _publish, "check the dialplans, speak their prompts, take them live"
    )
    publish.add_argument("--by", default="admin", help="who publishes")


def _check(settings: Settings, options: argparse.Namespace) -> int:
    from ivr import admin

    problems = admin.check(settings, options.file)
    if options.json:
        print_json([admin.problem_json(problem) for problem in problems])
    else:
        for problem in problems:
            print(problem)
        if not problems:
            print("no problem found")
    return DIALPLANS_REFUSED if any(problem.severity == "error" for problem in problems) else 0


def _publish(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    run(admin.publish(settings, options.by))
    print("the dialplans are live")
