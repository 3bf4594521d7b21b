"""Accounts of an instance that has none: `ivr run --trial`."""

import os
from pathlib import Path

from ivr.admin import accounts, agents
from ivr.dialplan.load import load_all
from ivr.lines import groups_of
from ivr.settings import Settings
from ivr.steps import STEPS
from ivr.store import agents as agent_rows
from ivr.store import users
from ivr.store.database import opened

TRIAL_WRAP_UP = 60  # seconds: time enough to see a second caller find everybody busy


async def make(settings: Settings) -> None:
    """One user, who has a telephone to ring back, and one agent for each group of the dialplans, if there are none.

    Their passwords in a file.
    """
    async with opened(settings.database_url) as store, store.read() as session:
        if await users.listing(session) or await agent_rows.listing(session):
            return
    dialplans, _ = load_all(settings.dialplans, STEPS)
    groups = sorted({group for dialplan in dialplans.values() for group in groups_of(dialplan)})
    lines = [f"Login      user admin, password {await accounts.add(settings, 'admin', role='admin')}"]
    # No caller of a queue is put through to who only rings back.
    seats: list[tuple[str, list[str]]] = [
        ("admin", []),
        *((name.replace("_", "-"), [name]) for name in groups),
    ]
    for name, of in seats:
        telephone = await agents.add(settings, name, of, wrap_up=TRIAL_WRAP_UP)
        lines.append(f"Agent      {name}: SIP user {telephone.username}, password {telephone.password}")
    _write_secret(settings.first_login, "\n".join(lines) + "\n")


def _write_secret(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
