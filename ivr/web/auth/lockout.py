"""Slows down guessing: after five wrong tries a name must wait, from that address; after thirty, from everywhere."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store import tries
from ivr.store.database import Store
from ivr.store.tries import Kind

WINDOW = timedelta(minutes=5)
PER_ADDRESS = 5
# Guessing from many addresses. The wait is longer, for such a guesser has time.
WIDE_WINDOW = timedelta(minutes=15)
PER_NAME = 30


async def admit(store: Store, name: str, address: str, now: datetime, kind: Kind = "login") -> bool:
    """Counts a try before anything is looked at. Committed before it counts the others: none of many that come
    together, at whatever process, is overlooked. One that is refused does not make the wait longer."""
    async with store.write() as session:
        mine = await tries.add(session, kind, name, address, now)
    async with store.read() as session:
        here = await tries.count(session, kind, name, since=now - WINDOW, but=mine, address=address)
        anywhere = await tries.count(session, kind, name, since=now - WIDE_WINDOW, but=mine)
    if here < PER_ADDRESS and anywhere < PER_NAME:
        return True
    async with store.write() as session:
        await tries.withdraw(session, mine)
    return False


async def locked(session: AsyncSession, names: Sequence[str], now: datetime) -> Collection[str]:
    """Those of `names` that somebody cannot log in with now, from one address at least."""
    found = {
        name
        for name, _, number in await tries.of_names(session, names, now - WINDOW)
        if number >= PER_ADDRESS
    }
    everywhere: dict[str, int] = {}
    for name, _, number in await tries.of_names(session, names, now - WIDE_WINDOW):
        everywhere[name] = everywhere.get(name, 0) + number
    return found | {name for name, number in everywhere.items() if number >= PER_NAME}
