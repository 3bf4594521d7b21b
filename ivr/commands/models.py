"""Speech recognition models: brought, looked over, tried, and chosen."""

import argparse
import sys
from pathlib import Path

from ivr.commands.common import Commands, command, print_rows, run, user
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    model = commands.add_parser("model", help="speech recognition models: fetch, verify, list, try, use")
    what = model.add_subparsers(required=True, metavar="WHAT")
    fetch = command(
        what, "fetch", _fetch, "bring a model: one known by name, an http address, a zip, a directory"
    )
    fetch.add_argument(
        "source", help="vosk-model-small-ja-0.22, https://…/model.zip, model.zip or a directory"
    )
    fetch.add_argument("--name", help="call it so, instead of by its own name")
    verify = command(what, "verify", _verify, "compare its files with what was fetched (SHA-256)")
    verify.add_argument("name")
    listing = command(what, "list", _list, "the models of this machine, and which lines use them")
    listing.add_argument("--json", action="store_true")
    attempt = command(what, "try", _try, "load a model in a process of its own, and let it read a recording")
    attempt.add_argument("name")
    attempt.add_argument("wav", type=Path, nargs="?", help="a WAV file; without it, it is only loaded")
    use = command(what, "use", _use, "try a model, and use it from the next recording on")
    use.add_argument("name")
    use.add_argument("--line", help="for this line alone; otherwise for all lines")
    use.add_argument("--by", default=user(), help="who does it (default: the user of this system)")


def _fetch(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.models.fetch import fetch

    fetched = run(fetch(settings.models, options.source, options.name, _Bar()))
    print(
        f"{fetched.name}: {fetched.files} files, "
        + ("the same as published" if fetched.known else "nothing to compare them with is known")
        + f"; `ivr model use {fetched.name}` takes it into use"
    )


class _Bar:
    """One line on a terminal; a line at each tenth elsewhere."""

    def __init__(self) -> None:
        self._tenth = -1

    def __call__(self, have: int, total: int | None) -> None:
        tenth = have * 10 // total if total else have // 50_000_000
        if sys.stderr.isatty():
            print(
                f"\r{have / 1e6:.0f} of {total / 1e6:.0f} MB" if total else f"\r{have / 1e6:.0f} MB",
                end="\n" if have == total else "",
                file=sys.stderr,
                flush=True,
            )
        elif tenth > self._tenth:
            print(
                f"{have / 1e6:.0f} MB" + (f" of {total / 1e6:.0f}" if total else ""),
                file=sys.stderr,
                flush=True,
            )
        self._tenth = tenth


def _verify(settings: Settings, options: argparse.Namespace) -> int:
    from ivr.models import admin

    wrong = run(admin.verify(settings, options.name))
    for difference in wrong:
        print(f"ivr: {options.name}: {difference}", file=sys.stderr)
    if not wrong:
        print(f"{options.name}: every file is as it was fetched")
    return 1 if wrong else 0


def _list(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.models import admin

    print_rows(run(admin.listing(settings)), options.json)


def _try(settings: Settings, options: argparse.Namespace) -> int:
    from ivr.models import admin

    trial = run(admin.attempt(settings, options.name, options.wav and options.wav.resolve()))
    if trial.trouble is not None:
        print(f"ivr: {options.name} cannot be used: {trial.trouble}", file=sys.stderr)
        return 1
    print(f"loaded in {trial.load_seconds:.1f} s, {trial.memory / 1e6:.0f} MB, {trial.rate} Hz")
    if options.wav:
        print(
            f"{trial.duration:.1f} s of sound in {trial.seconds:.2f} s: {trial.text or '(nothing understood)'}"
        )
    return 0


def _use(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.models import admin

    silent = run(admin.use(settings, options.name, options.line, options.by))
    print(
        f"{f'line {options.line}' if options.line else 'all lines'}: {options.name}, from the next recording on"
    )
    for address in silent:
        print(
            f"the transcriber at {address} does not run, and was not asked whether it has it", file=sys.stderr
        )
