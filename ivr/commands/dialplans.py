"""Dialplans checked and taken live."""

import argparse
from dataclasses import asdict
from pathlib import Path

from ivr.commands.common import Commands, command, print_json, print_rows, run, user
from ivr.errors import BadArgument
from ivr.settings import Settings

DIALPLANS_REFUSED = 1
SHORT_HASH = 12  # characters, where a person reads it; the beginning is enough to name a version


def add_to(commands: Commands) -> None:
    check = command(commands, "check", _check, "check dialplans without publishing them")
    check.add_argument("file", nargs="*", type=Path, help="default: all of IVR_DIALPLANS")
    check.add_argument("--json", action="store_true")
    examples = command(
        commands, "examples", _examples, "write the dialplans of the project into a new directory"
    )
    examples.add_argument("directory", type=Path)
    publish = command(
        commands, "publish", _publish, "check the dialplans, speak their prompts, take them live"
    )
    _who_and_why(publish)
    versions = command(commands, "versions", _versions, "each time a line's dialplan went live: who and why")
    versions.add_argument("line", help="name of its file without .yaml")
    versions.add_argument("--show", metavar="HASH", help="print this version's text instead")
    versions.add_argument("--json", action="store_true")
    rollback = command(commands, "rollback", _rollback, "take a line back to a version that was live")
    rollback.add_argument("line", help="name of its file without .yaml")
    rollback.add_argument("hash", help="or its beginning, as `ivr versions` shows it")
    rollback.add_argument(
        "--shared", action="store_true", help="also its shared files, for all lines that use them"
    )
    _who_and_why(rollback)
    alarms = command(commands, "alarms", _alarms, "what somebody must look at")
    alarms.add_argument("--clear", metavar="KEY", help="take this one away: it has been seen to")
    alarms.add_argument("--json", action="store_true")


def _who_and_why(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", default=user(), help="who does it (default: the user of this system)")
    parser.add_argument("--why", help="the reason, as `ivr versions` shows it")


def _examples(settings: Settings, options: argparse.Namespace) -> None:
    import shutil

    from ivr.settings import shipped

    if options.directory.exists() and any(options.directory.iterdir()):
        raise BadArgument(
            f"{options.directory} is not empty; name a new directory, so that nothing is overwritten"
        )
    shutil.copytree(shipped("dialplans"), options.directory, dirs_exist_ok=True)
    print(f"{options.directory}: change them, then `ivr check`; IVR_DIALPLANS names the directory")


def _check(settings: Settings, options: argparse.Namespace) -> int:
    from ivr import checking
    from ivr.clock import SystemClock

    today = SystemClock(settings.clock_offset).now().date()
    problems = (
        checking.check_files(settings, options.file, today)
        if options.file
        else checking.check_directory(settings, today)
    )
    if options.json:
        print_json([asdict(problem) for problem in problems])
    else:
        for problem in problems:
            print(problem)
        if not problems:
            print("no problem found")
    return DIALPLANS_REFUSED if any(problem.severity == "error" for problem in problems) else 0


def _publish(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import dialplans

    run(dialplans.publish(settings, options.by, options.why))
    print("the dialplans are live")


def _versions(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import dialplans

    if options.show is None:
        rows = run(dialplans.versions(settings, options.line))
        short = [{**row, "hash": row["hash"][:SHORT_HASH]} for row in rows]
        print_rows(rows if options.json else short, options.json)
        return
    files = run(dialplans.version(settings, options.line, options.show))
    if options.json:
        print_json(files)
        return
    for name, text in files.items():
        if len(files) > 1:
            print(f"# {name}")
        print(text, end="" if text.endswith("\n") else "\n")


def _rollback(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import dialplans

    line, hash = options.line, options.hash
    run(dialplans.roll_back(settings, line, hash, by=options.by, why=options.why, shared=options.shared))
    print(f"{line} is back on version {hash}")


def _alarms(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import alarms

    if options.clear is not None:
        run(alarms.clear(settings, options.clear))
    else:
        print_rows(run(alarms.listing(settings)), options.json)
