"""`ivr run` and what belongs to it: processes, preparation, a call to try it."""

import argparse
import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

from ivr.commands.common import Commands, command, print_json, run
from ivr.errors import SettingsError
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    run = command(commands, "run", start, "start everything and watch over it until Ctrl-C")
    run.add_argument("--asterisk", action="store_true", help="start a private Asterisk, too")
    run.add_argument(
        "--trial", action="store_true", help="make a user and agents to try it with, if there are none"
    )
    run.add_argument(
        "--no-transcriber",
        action="store_true",
        help="leave the transcriber to somebody else, such as systemd",
    )
    process = command(commands, "process", _process, "one process alone, as `ivr run` starts it")
    process.add_argument("name", choices=("engine", "web", "jobs", "transcriber"))
    prepare = command(
        commands, "prepare", _prepare, "create or migrate the tables, make directories and sounds"
    )
    prepare.add_argument("--trial", action="store_true", help="also a user and agents, if there are none")
    call = command(commands, "call", _call, "dial a line with a real SIP telephone and tell what happened")
    call.add_argument("number", help="as anybody would dial it, e.g. 050-3185-9080")
    call.add_argument(
        "--keys",
        default="",
        help='keys to press, one menu after the other, e.g. "#1#2"; "," ends a PIN or what is pressed in a review',
    )
    call.add_argument("--say", action="append", help='what to say after the beep; "" says nothing')
    call.add_argument("--answer", action="store_true", help="put an agent's telephone there that picks up")
    call.add_argument("--caller", default="09012345678", help='calling number, or "anonymous"')
    call.add_argument("--hang-up", action="store_true", help="end the message by hanging up instead of #")
    call.add_argument("--out", type=Path, help="directory for what the caller heard")
    call.add_argument("--json", action="store_true")

    answer = command(
        commands, "answer", _answer, "telephones that pick up for an agent and a customer who is rung back"
    )
    answer.add_argument("number", help="the customer's, e.g. 090-1234-5678")
    answer.add_argument("--agent", default="admin", help="whose telephone picks up, too (default: admin)")
    answer.add_argument("--busy", action="store_true", help="the customer's telephone declines")
    answer.add_argument("--out", type=Path, help="directory for what the two heard")


def start(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import guard, logs

    logs.set_up("guard", settings.logs / "guard.log")
    before = [sys.executable, "-m", "ivr.cli", "prepare", *(["--trial"] if options.trial else [])]

    def ready() -> None:
        print(_banner(settings, options), flush=True)

    asyncio.run(
        guard.run(
            settings,
            guard.commands(settings, transcribers=not options.no_transcriber),
            asterisk=options.asterisk,
            ready=ready,
            before=before,
        )
    )


def _banner(settings: Settings, options: argparse.Namespace) -> str:
    """Without an Asterisk of ours nobody listens at IVR_SIP, and `ivr call` would ring in vain."""
    lines = [""]
    if settings.clock:
        lines.append(
            f"*** The clock was started at {settings.clock.isoformat()} (IVR_CLOCK): for trying out only ***"
        )
    if options.asterisk:
        lines.append(f"Telephone  sip:NUMBER@{settings.sip}, for example sip:05031859080@{settings.sip}")
    lines.append(f"Pages      http://{settings.http}/")
    if options.trial and settings.first_login.exists():
        accounts = settings.first_login.read_text("utf-8").splitlines()
        lines += [line for line in accounts if line.startswith("Login")]
        agents = sum(line.startswith("Agent") for line in accounts)
        lines.append(f"Agents     {agents} SIP accounts, in {settings.first_login}")
    if options.asterisk:
        lines += [
            "Try it in a second terminal:",
            '  .venv/bin/ivr call 050-3185-9080 --keys "#1#2" --answer',
            '  .venv/bin/ivr call 050-3185-9080 --keys "#1#2" --say "ログインできません。田中です。折り返しお電話ください"',
            "  .venv/bin/ivr callbacks",
            "  .venv/bin/ivr answer 090-1234-5678      # then press 発信 on the page",
        ]
    return "\n".join([*lines, "Ctrl-C stops everything."])


def _process(settings: Settings, options: argparse.Namespace) -> None:
    if options.name == "transcriber":  # no part of `ivr`: it becomes that program
        from ivr import guard

        ours = guard.commands(settings).get("transcriber")
        if ours is None:
            raise SettingsError("IVR_TRANSCRIBER: none of its addresses is on this machine")
        os.execve(ours[0], ours, {**os.environ, "IVR_TRANSCRIBER_KEY": settings.transcriber_key})
    import uvloop

    from ivr import app, logs

    logs.set_up(options.name, settings.logs / f"{options.name}.log")
    processes = {"engine": app.engine, "web": app.web_pages, "jobs": app.jobs}
    uvloop.run(processes[options.name](settings))


def _prepare(settings: Settings, options: argparse.Namespace) -> None:
    from ivr import app
    from ivr.admin import first_login
    from ivr.settings import load
    from ivr.trial.answer import write_trunk

    if options.trial:
        write_trunk(settings)
    else:
        settings.trial_trunks.unlink(missing_ok=True)
    app.prepare(replace(settings, trunks=load().trunks))
    if options.trial:
        run(first_login.make(settings))


def _call(settings: Settings, options: argparse.Namespace) -> int:
    from ivr.trial.call import call

    report = (lambda text: None) if options.json else (lambda text: print(text, flush=True))
    result = asyncio.run(
        call(
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
        print_json(result.as_json())
    return 0 if result.ended else 1


def _answer(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.trial.answer import answer

    asyncio.run(
        answer(
            settings,
            options.number,
            agent=options.agent,
            busy=options.busy,
            out=options.out,
            report=lambda text: print(text, flush=True),
        )
    )
