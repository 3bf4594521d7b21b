"""People who log in to the pages."""

import argparse
import sys
from typing import TYPE_CHECKING

from ivr.commands.common import ROLES, Commands, command, print_rows, run, user
from ivr.settings import Settings

if TYPE_CHECKING:
    from ivr.admin.accounts import Link


def add_to(commands: Commands) -> None:
    group = commands.add_parser("user", help="people who log in to the pages").add_subparsers(required=True)
    new = command(group, "add", _add, "a new user; prints the password")
    new.add_argument("name")
    invite = command(
        group, "invite", _invite, "a new user who sets the password by a link, mailed or printed"
    )
    invite.add_argument("name", help="a-z, 0-9, dot, - and _")
    invite.add_argument("--mail", metavar="ADDRESS", help="where the link goes, if there is a mail server")
    for one in (new, invite):
        one.add_argument("--tenant", help="sees only this tenant")
        one.add_argument(
            "--role", choices=ROLES, default="agent", help="an admin edits lines (default: agent)"
        )
    listing = command(group, "list", _list, "all users")
    listing.add_argument("--json", action="store_true")
    change = command(group, "set", _set, "change a user's role or mail address")
    change.add_argument("--role", choices=ROLES)
    change.add_argument("--mail", metavar="ADDRESS", help='"" takes it away')
    others = [
        command(group, "reset", _reset, "a link to a new password, mailed or printed"),
        command(group, "disable", _disable, "shut a user out from the next request on"),
        command(group, "enable", _enable, "let a user in again"),
        command(group, "unlock", _unlock, "let a user log in who failed too often"),
        command(group, "forget-factor", _forget_factor, "take away a second factor that was lost"),
    ]
    for one in (change, *others):
        one.add_argument("name")


def _add(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import accounts

    password = run(accounts.add(settings, options.name, options.tenant, role=options.role))
    print(f"user {options.name} logs in at {settings.pages_url}/ with this password:", file=sys.stderr)
    print(password)


def _invite(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import accounts

    asked = {"role": options.role, "tenant": options.tenant, "mail": options.mail}
    _tell(run(accounts.invite(settings, options.name, **asked, by=user())))


def _reset(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import accounts

    _tell(run(accounts.reset(settings, options.name, by=user())))


def _tell(link: "Link | None") -> None:
    if link is None:
        print("the link goes out by mail; `ivr deliveries` shows how it went", file=sys.stderr)
        return
    print(f"hand this over; it is good once, for {link.hours} h:", file=sys.stderr)
    print(link.address)


def _list(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import accounts

    print_rows(run(accounts.listing(settings)), options.json)


def _set(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import accounts

    run(accounts.change(settings, options.name, role=options.role, mail=options.mail, by=user()))


def _disable(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import accounts

    run(accounts.disable(settings, options.name, by=user()))


def _enable(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import accounts

    run(accounts.enable(settings, options.name, by=user()))


def _unlock(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import accounts

    run(accounts.unlock(settings, options.name, by=user()))


def _forget_factor(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import accounts

    run(accounts.drop_factor(settings, options.name, by=user()))
