"""The commands: arguments only, one file a group in `ivr/commands`; what they do stands in the rooms."""

import argparse
import os
import sys
from collections.abc import Sequence

from ivr.commands import (
    accounts,
    asterisk,
    audit,
    calendars,
    callbacks,
    closing,
    dialplans,
    doctor,
    listings,
    models,
    notices,
    past,
    people,
    privacy,
    processes,
    trunks,
    trying,
)
from ivr.errors import BadArgument, IvrError, SettingsError
from ivr.settings import load, on_running_clock

BAD_ARGUMENT = 2  # exit status, as argparse ends with
BAD_SETTINGS = 78  # exit status: starting again would not help


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    # Store, recordings and logs hold numbers, voices and telephones' passwords: nobody else may read
    # them. The group may, for an Asterisk of the operator's that runs as another user.
    os.umask(0o027)
    try:
        settings = load()
        if options.do is not processes.start:
            # Not for the guard, which stays small.
            from ivr.hours import official

            settings = on_running_clock(settings)
            official.use(settings.holidays)
        status = options.do(settings, options)
        sys.stdout.flush()
    except SettingsError as error:
        print(f"ivr: {error}", file=sys.stderr)
        return BAD_SETTINGS
    except BrokenPipeError:  # `ivr versions LINE | head`: whoever read it has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except BadArgument as error:
        print(f"ivr: {error}", file=sys.stderr)
        return BAD_ARGUMENT
    except (IvrError, OSError) as error:
        print(f"ivr: {_said(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return int(status or 0)


def _said(error: Exception) -> str:
    """Of a file that cannot be read or written, without its number."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ivr", description="IVR and voicemail engine for Asterisk")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (
        callbacks,
        processes,
        dialplans,
        calendars,
        closing,
        trying,
        past,
        accounts,
        people,
        audit,
        listings,
        models,
        notices,
        privacy,
        trunks,
        asterisk,
        doctor,
    ):
        group.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
