"""A caller's data: written out, deleted at their request; and the proofs of all deletions."""

import argparse
from pathlib import Path

from ivr.commands.common import Commands, at_least, command, print_rows, run, user
from ivr.settings import Settings


def add_to(commands: Commands) -> None:
    disclose = commands.add_parser("disclose", help="a caller's data: written out, or deleted")
    more = disclose.add_subparsers(required=True, metavar="")
    export = command(more, "export", _export, "write all that is kept of a number into a folder")
    export.add_argument("number", help="as people write it: 090-1234-5678, +81 90 …")
    export.add_argument("--into", required=True, type=Path, help="a new folder")
    export.add_argument("--tenant", help="needed if several companies know the number")
    delete = command(more, "delete", _delete, "delete recordings, texts, names and numbers of a number")
    delete.add_argument("number", help="as people write it")
    delete.add_argument("--why", required=True, help="for the proof; without the number")
    delete.add_argument("--by", default=user(), help="who decided it; else your login")
    delete.add_argument("--tenant", help="needed if several companies know the number")
    delete.add_argument("--cancel-open", action="store_true", help="cancel callbacks that are not done")
    delete.add_argument("--dry-run", action="store_true", help="only say what it would be")
    proofs = command(commands, "deletions", _deletions, "the proofs of what was deleted, newest first")
    proofs.add_argument("--limit", type=at_least(1), default=100)
    proofs.add_argument("--line")
    proofs.add_argument("--of", help="the id of a message or call, or a ticket")
    proofs.add_argument("--json", action="store_true")


def _export(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.disclosure import admin

    rows = run(admin.export(settings, options.number, options.into, tenant=options.tenant))
    print_rows([rows], False)
    print(f"written into {options.into}; it holds personal data: hand it over safely, then delete it")


def _delete(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.disclosure import admin

    rows = run(
        admin.delete(
            settings,
            options.number,
            tenant=options.tenant,
            by=options.by,
            why=options.why,
            cancel_open=options.cancel_open,
            dry_run=options.dry_run,
        )
    )
    print_rows([rows], False)
    print("nothing was changed" if options.dry_run else "deleted; `ivr deletions` shows the proofs")


def _deletions(settings: Settings, options: argparse.Namespace) -> None:
    from ivr.disclosure import admin

    rows = run(admin.proofs(settings, limit=options.limit, line=options.line, subject=options.of))
    print_rows(rows, options.json)
