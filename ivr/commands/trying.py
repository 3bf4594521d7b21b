"""Dialplans seen, heard and tried before they are live."""

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.commands.common import Commands, command, print_json, print_rows, run
from ivr.settings import Settings

if TYPE_CHECKING:
    from ivr.dialplan.model import Dialplan


def add_to(commands: Commands) -> None:
    simulate = command(commands, "simulate", _simulate, "a call through a line's file, in the terminal")
    simulate.add_argument("line", help="name of its file without .yaml")
    simulate.add_argument("--at", help="when, e.g. 2026-11-24T11:00 (default: now)")
    simulate.add_argument("--keys", help='one menu after the other, e.g. "#1#2"; "," ends those of a menu')
    simulate.add_argument("--say", action="append", default=[], help="what to say after the beep")
    simulate.add_argument("--agents", help='free agents, e.g. "support=1,billing=0" (default: one each)')
    staffing = simulate.add_mutually_exclusive_group()
    staffing.add_argument(
        "--busy", action="store_true", help="all agents talk, and telephones outside are busy"
    )
    staffing.add_argument(
        "--nobody", action="store_true", help="no agent is there, and no telephone outside answers"
    )
    simulate.add_argument("--caller", default="09012345678", help='calling number, or "anonymous"')
    simulate.add_argument("--save", type=Path, help="write the call as a test scenario to this file")
    simulate.add_argument("--json", action="store_true")
    explain = command(commands, "explain", _explain, "open or closed at a moment, and why")
    explain.add_argument("line", help="name of its file without .yaml")
    explain.add_argument("--at", help="when, e.g. 2026-11-24T11:00 (default: now)")
    explain.add_argument("--json", action="store_true")
    calendar = command(commands, "calendar", _calendar, "a year of a line's hours")
    calendar.add_argument("line", help="name of its file without .yaml")
    calendar.add_argument("--year", type=int, help="default: this one")
    calendar.add_argument("--hours", help="which, if the line has several (default: the first)")
    calendar.add_argument("--next", type=int, help="so many days from today, and what callers hear at noon")
    calendar.add_argument("--changes", action="store_true", help="every minute at which routing changes")
    calendar.add_argument("--svg", type=Path, help="write a picture to this file")
    calendar.add_argument("--json", action="store_true")
    draw = command(commands, "draw", _draw, "the flow of a line's file, as Mermaid text")
    draw.add_argument("line", help="name of its file without .yaml")
    draw.add_argument("--svg", type=Path, help="write a picture to this file instead")
    draw.add_argument("--since", help='count the callers on each way, from "yesterday", "7d" or a time')
    draw.add_argument("--until", help="until then (default: now)")
    draw.add_argument("--json", action="store_true", help="the counts")
    say = command(commands, "say", _say, "play a prompt as callers hear it")
    say.add_argument("text")
    say.add_argument("--out", type=Path, help="save it to this WAV file instead")
    prompts = command(commands, "prompts", _prompts, "all texts of the dialplans, and their audio")
    prompts.add_argument("--line")
    prompts.add_argument("--json", action="store_true")


def _picked(settings: Settings, key: str) -> "Dialplan":
    from ivr.clock import SystemClock
    from ivr.dialplan.pick import pick
    from ivr.steps import STEPS

    return pick(settings.dialplans, key, STEPS, SystemClock(settings.clock_offset).now().date())


def _moment(settings: Settings, options: argparse.Namespace, dialplan: "Dialplan") -> datetime:
    from ivr.clock import SystemClock
    from ivr.dialplan.pick import moment, zone_of

    zone = zone_of(dialplan)
    if options.at is None:
        return SystemClock(settings.clock_offset).now().astimezone(zone)
    return moment(options.at, zone)


def _simulate(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.terminal import command

    dialplan = _picked(settings, options.line)
    session = command.play(
        dialplan,
        _moment(settings, options, dialplan),
        keys=options.keys,
        say=options.say,
        agents=command.agents(dialplan, options.agents, busy=options.busy, nobody=options.nobody),
        outside=command.outside(busy=options.busy, nobody=options.nobody),
        caller=command.caller(options.caller),
        save=options.save,
        report=(lambda text: None) if options.json else print,
    )
    if options.json:
        print_json(session.as_json())


def _explain(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.explain import explain

    dialplan = _picked(settings, options.line)
    file = f"{settings.dialplans.name}/{options.line}.yaml"
    explanation = explain(file, dialplan, _moment(settings, options, dialplan))
    if options.json:
        print_json(explanation.as_json())
    else:
        print(explanation.as_text())


def _calendar(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import year
    from ivr.clock import SystemClock
    from ivr.dialplan.pick import zone_of

    dialplan = _picked(settings, options.line)
    today = SystemClock(settings.clock_offset).now().astimezone(zone_of(dialplan)).date()
    if options.next is not None:
        days = year.coming(dialplan, options.hours, today, options.next)
        if options.json:
            print_json([day.as_json() for day in days])
        else:
            print("\n".join(day.as_text() for day in days))
        return
    which = options.year or today.year
    if options.changes:
        changes = year.changes(dialplan, options.hours, which)
        if options.json:
            print_json([change.as_json() for change in changes])
        else:
            print("\n".join(change.as_text() for change in changes))
        return
    hours, rows = year.rows(dialplan, options.hours, which)
    title = f"{dialplan.line.name} {which}年 ({hours})"
    if options.svg:
        options.svg.write_text(year.picture(title, rows), "utf-8")
    if options.json:
        print_json([row.as_json() for row in rows])
    elif not options.svg:
        print(year.table(title, rows))


def _draw(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import past
    from ivr.dialplan import draw

    dialplan = _picked(settings, options.line)
    since = options.since or ("7d" if options.json else None)
    traffic = run(past.traffic_of(settings, dialplan, since, options.until)) if since else None
    taken, notes = traffic.labels() if traffic else ({}, {})
    if options.svg:
        options.svg.write_text(draw.svg(dialplan, taken, notes), "utf-8")
    if options.json and traffic:
        print_json(traffic.as_json())
    elif not options.svg:
        print(draw.mermaid(dialplan, taken), end="")


def _say(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.audition import say

    say(settings, options.text, options.out)


def _prompts(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.audition import prompts
    from ivr.clock import SystemClock

    today = SystemClock(settings.clock_offset).now().date()
    print_rows(prompts(settings, today, options.line), options.json)
