"""The second factor: who must have one, and whether what was typed is one."""

import unicodedata
from datetime import datetime

from aiohttp import web

from ivr import accounts
from ivr.store import users
from ivr.store.database import Store
from ivr.store.tokens import digest
from ivr.web.auth import totp
from ivr.web.keys import SETTINGS, VIEWER


def is_needed(request: web.Request) -> bool:
    viewer = request[VIEWER]
    return accounts.needs_factor(request.app[SETTINGS].second_factor, viewer.role, viewer.tenant)


def owes_factor(request: web.Request) -> bool:
    return VIEWER in request and not request[VIEWER].has_factor and is_needed(request)


def typed(text: str) -> str:
    """As people type it: full width, in groups."""
    return totp.plain(unicodedata.normalize("NFKC", text))


async def passes(store: Store, name: str, given: str, now: datetime) -> bool:
    """A code counts once, and none before it any more; of two that come together one is let in. So do recovery codes."""
    text = typed(given)
    async with store.write() as db:
        user = await users.to_change(db, name)
        if user.totp_secret is None:
            return False
        if len(text) == totp.DIGITS and text.isdecimal():
            step = totp.step_of(user.totp_secret, text, now)
            if step is None or (user.totp_used is not None and step <= user.totp_used):
                return False
            user.totp_used = step
            return True
        used = digest(text)
        if used not in (user.recovery or []):
            return False
        user.recovery = [one for one in user.recovery or [] if one != used]
        await accounts.note(db, user, "recovery", name, now)
        return True
