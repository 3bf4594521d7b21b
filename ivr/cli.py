"""The commands: arguments only; what they do stands in the rooms."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ivr.errors import IvrError, SettingsError
from ivr.settings import Settings, load, on_running_clock

if TYPE_CHECKING:
    from ivr.dialplan.model import Dialplan

T = TypeVar("T")

BAD_SETTINGS = 78  # exit status: starting again would not help
DIALPLANS_REFUSED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    # Store, recordings and logs hold numbers, voices and telephones' passwords: nobody else may read
    # them. The group may, for an Asterisk of the operator's that runs as another user.
    os.umask(0o027)
    try:
        settings = load()
        if options.do is not _run:
            settings = on_running_clock(settings)
        status = options.do(settings, options)
    except SettingsError as error:
        print(f"ivr: {error}", file=sys.stderr)
        return BAD_SETTINGS
    except (IvrError, OSError) as error:
        print(f"ivr: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return int(status or 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ivr", description="IVR and voicemail engine for Asterisk")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _process_commands(commands)
    _dialplan_commands(commands)
    _people_commands(commands)
    _listing_commands(commands)
    return parser


Commands = Any  # argparse keeps the type of its sub-parsers to itself
Do = Callable[[Settings, argparse.Namespace], int | None]


def _command(commands: Commands, name: str, do: Do, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    parser.set_defaults(do=do)
    return parser


# -- processes ------------------------------------------------------------------------------


def _process_commands(commands: Commands) -> None:
    run = _command(commands, "run", _run, "start everything and watch over it until Ctrl-C")
    run.add_argument("--asterisk", action="store_true", help="start a private Asterisk, too")
    run.add_argument(
        "--trial", action="store_true", help="make a user and agents to try it with, if there are none"
    )
    process = _command(commands, "process", _process, "one process alone, as `ivr run` starts it")
    process.add_argument("name", choices=("engine", "web", "jobs"))
    prepare = _command(
        commands, "prepare", _prepare, "create or migrate the tables, make directories and sounds"
    )
    prepare.add_argument("--trial", action="store_true", help="also a user and agents, if there are none")
    call = _command(commands, "call", _call, "dial a line with a real SIP telephone and tell what happened")
    call.add_argument("number", help="as anybody would dial it, e.g. 050-3185-9080")
    call.add_argument("--keys", default="", help='keys to press in the menus, e.g. "#1#2"')
    call.add_argument("--say", action="append", help="what to say after the beep")
    call.add_argument("--answer", action="store_true", help="put an agent's telephone there that picks up")
    call.add_argument("--caller", default="09012345678", help='calling number, or "anonymous"')
    call.add_argument("--hang-up", action="store_true", help="end the message by hanging up instead of #")
    call.add_argument("--out", type=Path, help="directory for what the caller heard")
    call.add_argument("--json", action="store_true")


def _run(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import guard, logs

    logs.set_up("guard", settings.logs / "guard.log")
    before = [sys.executable, "-m", "ivr.cli", "prepare", *(["--trial"] if options.trial else [])]

    def ready() -> None:
        print(_banner(settings, trial=options.trial), flush=True)

    asyncio.run(
        guard.run(settings, guard.commands(settings), asterisk=options.asterisk, ready=ready, before=before)
    )


def _banner(settings: Settings, *, trial: bool) -> str:
    lines = [""]
    if settings.clock:
        lines.append(
            f"*** The clock was started at {settings.clock.isoformat()} (IVR_CLOCK): for trying out only ***"
        )
    lines += [
        f"Telephone  sip:NUMBER@{settings.sip}, for example sip:05031859080@{settings.sip}",
        f"Pages      http://{settings.http}/",
    ]
    if trial and settings.first_login.exists():
        lines.append(settings.first_login.read_text("utf-8").rstrip())
    lines += [
        "Try it in a second terminal:",
        '  .venv/bin/ivr call 050-3185-9080 --keys "#1#2" --answer',
        '  .venv/bin/ivr call 050-3185-9080 --keys "#1#2" --say "ログインできません。田中です。折り返しお電話ください"',
        "  .venv/bin/ivr callbacks",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)


def _process(settings: Settings, options: argparse.Namespace) -> None:
    import uvloop

    from ivr import app, logs

    logs.set_up(options.name, settings.logs / f"{options.name}.log")
    processes = {"engine": app.engine, "web": app.web_pages, "jobs": app.jobs}
    uvloop.run(processes[options.name](settings))


def _prepare(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin, app

    app.prepare(settings)
    if options.trial:
        _do(admin.make_trial(settings))


def _call(settings: Settings, options: argparse.Namespace) -> int:
    from ivr import trial

    report = (lambda text: None) if options.json else (lambda text: print(text, flush=True))
    result = asyncio.run(
        trial.call(
            settings,
            options.number,
            keys=options.keys,
            say=options.say,
            answer=options.answer,
            caller=options.caller,
            hang_up=options.hang_up,
            out=options.out,
            report=report,
        )
    )
    if options.json:
        _print_json(result.as_json())
    return 0 if result.ended else 1


# -- dialplans ------------------------------------------------------------------------------


def _dialplan_commands(commands: Commands) -> None:
    check = _command(commands, "check", _check, "check dialplans without publishing them")
    check.add_argument("file", nargs="*", type=Path, help="default: all of IVR_DIALPLANS")
    check.add_argument("--json", action="store_true")
    publish = _command(
        commands, "publish", _publish, "check the dialplans, speak their prompts, take them live"
    )
    publish.add_argument("--by", default="admin", help="who publishes")
    _trying_commands(commands)


def _trying_commands(commands: Commands) -> None:
    simulate = _command(commands, "simulate", _simulate, "a call through a line's file, in the terminal")
    simulate.add_argument("line", help="name of its file without .yaml")
    simulate.add_argument("--at", help="when, e.g. 2026-11-24T11:00 (default: now)")
    simulate.add_argument("--keys", help='one menu after the other, e.g. "#1#2"; "," ends those of a menu')
    simulate.add_argument("--say", action="append", default=[], help="what to say after the beep")
    simulate.add_argument("--agents", help='free agents, e.g. "support=1,billing=0" (default: one each)')
    staffing = simulate.add_mutually_exclusive_group()
    staffing.add_argument("--busy", action="store_true", help="all agents talk")
    staffing.add_argument("--nobody", action="store_true", help="no agent is there")
    simulate.add_argument("--caller", default="09012345678", help='calling number, or "anonymous"')
    simulate.add_argument("--save", type=Path, help="write the call as a test scenario to this file")
    simulate.add_argument("--json", action="store_true")
    explain = _command(commands, "explain", _explain, "open or closed at a moment, and why")
    explain.add_argument("line", help="name of its file without .yaml")
    explain.add_argument("--at", help="when, e.g. 2026-11-24T11:00 (default: now)")
    explain.add_argument("--json", action="store_true")
    calendar = _command(commands, "calendar", _calendar, "a year of a line's hours")
    calendar.add_argument("line", help="name of its file without .yaml")
    calendar.add_argument("--year", type=int, help="default: this one")
    calendar.add_argument("--hours", help="which, if the line has several (default: the first)")
    calendar.add_argument("--changes", action="store_true", help="every minute at which routing changes")
    calendar.add_argument("--svg", type=Path, help="write a picture to this file")
    calendar.add_argument("--json", action="store_true")
    draw = _command(commands, "draw", _draw, "the flow of a line's file, as Mermaid text")
    draw.add_argument("line", help="name of its file without .yaml")
    draw.add_argument("--svg", type=Path, help="write a picture to this file instead")
    say = _command(commands, "say", _say, "play a prompt as callers hear it")
    say.add_argument("text")
    say.add_argument("--out", type=Path, help="save it to this WAV file instead")
    prompts = _command(commands, "prompts", _prompts, "all texts of the dialplans, and their audio")
    prompts.add_argument("--line")
    prompts.add_argument("--json", action="store_true")


def _check(settings: Settings, options: argparse.Namespace) -> int:
    from ivr import admin

    problems = admin.check(settings, options.file)
    if options.json:
        _print_json([admin.problem_json(problem) for problem in problems])
    else:
        for problem in problems:
            print(problem)
        if not problems:
            print("no problem found")
    return DIALPLANS_REFUSED if any(problem.severity == "error" for problem in problems) else 0


def _publish(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    _do(admin.publish(settings, options.by))
    print("the dialplans are live")


# -- trying before it is live ---------------------------------------------------------------


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
        caller=command.caller(options.caller),
        save=options.save,
        report=(lambda text: None) if options.json else print,
    )
    if options.json:
        _print_json(session.as_json())


def _explain(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.explain import explain

    dialplan = _picked(settings, options.line)
    file = f"{settings.dialplans.name}/{options.line}.yaml"
    explanation = explain(file, dialplan, _moment(settings, options, dialplan))
    if options.json:
        _print_json(explanation.as_json())
    else:
        print(explanation.as_text())


def _calendar(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import year
    from ivr.clock import SystemClock

    dialplan = _picked(settings, options.line)
    which = options.year or SystemClock(settings.clock_offset).now().year
    if options.changes:
        changes = year.changes(dialplan, options.hours, which)
        if options.json:
            _print_json([change.as_json() for change in changes])
        else:
            print("\n".join(change.as_text() for change in changes))
        return
    hours, rows = year.rows(dialplan, options.hours, which)
    title = f"{dialplan.line.name} {which}年 ({hours})"
    if options.svg:
        options.svg.write_text(year.picture(title, rows), "utf-8")
    if options.json:
        _print_json([row.as_json() for row in rows])
    elif not options.svg:
        print(year.table(title, rows))


def _draw(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.dialplan import draw

    dialplan = _picked(settings, options.line)
    if options.svg:
        options.svg.write_text(draw.svg(dialplan), "utf-8")
    else:
        print(draw.mermaid(dialplan), end="")


def _say(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.audition import say

    say(settings, options.text, options.out)


def _prompts(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.audition import prompts
    from ivr.clock import SystemClock

    today = SystemClock(settings.clock_offset).now().date()
    _print_rows(prompts(settings, today, options.line), options.json)


# -- people ---------------------------------------------------------------------------------


def _people_commands(commands: Commands) -> None:
    agent = commands.add_parser("agent", help="agents and their telephones").add_subparsers(required=True)
    add = _command(agent, "add", _agent_add, "a new agent, 受付可 at once; prints the telephone's account")
    add.add_argument("name", help="also the user name of the telephone: a-z, 0-9, - and _")
    add.add_argument("--group", action="append", required=True, help="may be given several times")
    add.add_argument("--tenant")
    add.add_argument("--wrap-up", type=int, default=30, metavar="SECONDS")
    set_state = _command(agent, "set", _agent_set, "set an agent's state")
    set_state.add_argument("name")
    set_state.add_argument("state", choices=("available", "away", "wrap_up"))
    set_state.add_argument("--reason")
    remove = _command(agent, "remove", _agent_remove, "remove an agent and the telephone's account")
    remove.add_argument("name")
    agents = _command(agent, "list", _agent_list, "all agents")
    agents.add_argument("--json", action="store_true")
    user = commands.add_parser("user", help="people who log in to the pages").add_subparsers(required=True)
    new = _command(user, "add", _user_add, "a new user; prints the password")
    new.add_argument("name")
    new.add_argument("--tenant", help="sees only this tenant")
    token = _command(commands, "token", _token, "make and print a bearer token for the API")
    token.add_argument("name", help="what it is for")
    token.add_argument("--tenant", help="sees only this tenant")


def _agent_add(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    telephone = _do(
        admin.add_agent(settings, options.name, options.group, tenant=options.tenant, wrap_up=options.wrap_up)
    )
    print(
        f"agent {options.name}: SIP {settings.sip}, user {telephone.username}, password {telephone.password}"
    )


def _agent_set(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    _do(admin.set_agent(settings, options.name, options.state, options.reason))


def _agent_remove(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    _do(admin.remove_agent(settings, options.name))


def _agent_list(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    _print_rows(_do(admin.agent_list(settings)), options.json)


def _user_add(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    password = _do(admin.add_user(settings, options.name, options.tenant))
    print(f"user {options.name} logs in at http://{settings.http}/ with this password:", file=sys.stderr)
    print(password)


def _token(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    print(_do(admin.add_token(settings, options.name, options.tenant)))


# -- listings -------------------------------------------------------------------------------


def _listing_commands(commands: Commands) -> None:
    for name, do, help in (
        ("callbacks", _callbacks, "the callbacks, the next to make first"),
        ("calls", _calls, "the calls, newest first"),
        ("messages", _messages, "the messages, newest first; `--state silent`: of whom nothing was heard"),
    ):
        listing = _command(commands, name, do, help)
        listing.add_argument("--limit", type=int, default=100)
        listing.add_argument("--line")
        listing.add_argument("--state")
        listing.add_argument("--json", action="store_true")
    promote = _command(
        commands, "promote", _promote, "a message judged silent is one after all: text and callback"
    )
    promote.add_argument("message", help="its id, as `ivr messages --state silent` shows it")


def _callbacks(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    rows = _do(admin.callback_list(settings, limit=options.limit, line=options.line, state=options.state))
    _print_rows(rows, options.json)


def _calls(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    rows = _do(admin.call_list(settings, limit=options.limit, line=options.line, outcome=options.state))
    _print_rows(rows, options.json)


def _messages(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    rows = _do(admin.message_list(settings, limit=options.limit, line=options.line, state=options.state))
    _print_rows(rows, options.json)


def _promote(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import admin

    print(f"callback: ticket {_do(admin.promote(settings, options.message))}")


def _do(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def _print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    """One row a paragraph: wide Japanese text has no place in columns."""
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        print(
            "  ".join(f"{name}={_short(value)}" for name, value in row.items() if value not in (None, [], ""))
        )
    if not rows:
        print("nothing yet")


def _short(value: object) -> str:
    if isinstance(value, list):
        return " > ".join(map(str, value))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
