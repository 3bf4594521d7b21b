"""Agents and tokens."""

import argparse

from ivr.commands.common import ROLES, Commands, at_least, command, moment, print_rows, run, user
from ivr.errors import BadArgument
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    agent = commands.add_parser("agent", help="agents and their telephones").add_subparsers(required=True)
    add = command(agent, "add", _agent_add, "a new agent, 受付可 at once; prints the telephone's account")
    add.add_argument("name", help="also the user name of the telephone: a-z, 0-9, - and _")
    add.add_argument("--group", action="append", required=True, help="may be given several times")
    add.add_argument("--tenant")
    add.add_argument("--wrap-up", type=at_least(0), default=30, metavar="SECONDS")
    set_state = command(agent, "set", _agent_set, "set an agent's state")
    set_state.add_argument("name")
    set_state.add_argument("state", choices=("available", "away", "wrap_up"))
    set_state.add_argument("--reason")
    remove = command(agent, "remove", _agent_remove, "remove an agent and the telephone's account")
    remove.add_argument("name")
    agents = command(agent, "list", _agent_list, "all agents")
    agents.add_argument("--json", action="store_true")
    token = command(
        commands, "token", _token, "make and print a bearer token for the API; list and revoke them"
    )
    token.add_argument(
        "name", help="what it is for; histories name it. list: shows all of them; revoke: ends the one of ID"
    )
    token.add_argument("id", nargs="?", help="with revoke: the id that list shows")
    token.add_argument("--json", action="store_true", help="with list")
    token.add_argument("--tenant", help="sees only this tenant")
    token.add_argument("--role", choices=ROLES, default="agent", help="what it may do (default: agent)")
    token.add_argument("--until", type=moment, metavar="TIME", help="like 2027-01-31T00:00+09:00")


def _agent_add(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import agents

    telephone = run(
        agents.add(settings, options.name, options.group, tenant=options.tenant, wrap_up=options.wrap_up)
    )
    print(
        f"agent {options.name}: SIP {settings.sip}, user {telephone.username}, password {telephone.password}"
    )


def _agent_set(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import agents

    run(agents.set_state(settings, options.name, options.state, options.reason))


def _agent_remove(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import agents

    run(agents.remove(settings, options.name))


def _agent_list(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import agents

    print_rows(run(agents.listing(settings)), options.json)


def _token(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.admin import accounts

    if (options.name == "revoke") != (options.id is not None):
        raise BadArgument("write `ivr token revoke ID`; `ivr token list` shows the ids")
    if options.id is not None:
        run(accounts.revoke_token(settings, options.id, by=user()))
    elif options.name == "list":
        print_rows(run(accounts.token_list(settings)), options.json)
    else:
        asked = {"role": options.role, "expires_at": options.until, "by": user()}
        print(run(accounts.add_token(settings, options.name, options.tenant, **asked)))
