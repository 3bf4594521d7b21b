"""Public holidays and company days."""

import argparse
from pathlib import Path

from ivr.commands.common import Commands, command, print_json, run
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    holidays = command(commands, "holidays", _holidays, "the list of public holidays (祝日) in force")
    holidays.add_argument("--update", type=Path, help="take this syukujitsu.csv instead, if it is newer")
    holidays.add_argument("--json", action="store_true")
    days = command(
        commands, "import-days", _import_days, "company days from an iCalendar file into hours of a line"
    )
    days.add_argument("line", help="name of its file without .yaml, or shared/NAME")
    days.add_argument("file", type=Path, help="the .ics file")
    days.add_argument("--hours", help="which, if the file has several")
    days.add_argument("--from", dest="first", help="first day, e.g. 2026-12-01 (default: today)")
    days.add_argument("--until", dest="last", help="last day (default: the end of next year)")
    days.add_argument("--write", action="store_true", help="change the file; without it only show what would")
    days.add_argument("--json", action="store_true")


def _holidays(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import calendars

    if options.update:
        run(calendars.update_holidays(settings, options.update))
    told = calendars.holidays(settings)
    if options.json:
        print_json(told)
        return
    print(f"official list: {told['days']} days, {told['first']} to {told['last']}")
    for one in told["differences"]:
        print(f"{one['date']}  list: {one['official'] or '-'}  computed: {one['computed'] or '-'}")
    for text in told["alarms"]:
        print(text)


def _import_days(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import calendars

    shown = calendars.company_days(
        settings,
        options.line,
        options.file,
        hours=options.hours,
        first=options.first,
        last=options.last,
        write=options.write,
    )
    if options.json:
        print_json(shown.as_json())
        return
    print(shown.difference, end="")
    # An event that recurs is told once.
    days: dict[tuple[str, str], list[str]] = {}
    for unread in shown.result.left:
        days.setdefault((unread.title, unread.why), []).append(unread.day or "(no date)")
    for (title, why), on in days.items():
        more = f" and {len(on) - 1} more" if len(on) > 1 else ""
        print(f"not taken: {on[0]}{more} {title or '(no title)'}: {why}")
    if not shown.difference:
        print("nothing to change")
    elif shown.written:
        print("written; now: ivr publish")
    else:
        print("nothing is written yet; the same with --write does it")
