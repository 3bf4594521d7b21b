"""What every group of commands needs: a sub-parser with its function, output as text or JSON."""

import argparse
import asyncio
import getpass
import json
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from ivr.settings import Settings

T = TypeVar("T")

ROLES = ("agent", "supervisor", "admin")

Commands = Any  # argparse keeps the type of its sub-parsers to itself
Do = Callable[[Settings, argparse.Namespace], int | None]


def command(commands: Commands, name: str, do: Do, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    parser.set_defaults(do=do)
    return parser


def user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number without a name
        return "admin"


def moment(text: str) -> datetime:
    """Type of an argument; aware."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'"{text}" is no time; write it like 2027-01-31T00:00+09:00'
        ) from None


def at_least(least: int) -> Callable[[str], int]:
    """Type of an argument."""

    def number(text: str) -> int:
        if not text.removeprefix("-").isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f'"{text}" is no whole number from {least} on')
        return int(text)

    return number


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    """One row a paragraph: wide Japanese text has no place in columns."""
    if as_json:
        print_json(rows)
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
