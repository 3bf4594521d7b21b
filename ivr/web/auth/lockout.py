"""Slows down guessing and mail bombing: of each kind so many tries of one name from one address, of one name from
everywhere, and from one address whatever the names. Names that nobody has are counted like the others."""

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store import tries
from ivr.store.database import Store
from ivr.store.tries import Kind


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in so long. `by_name` False: whatever the name; `by_address` False: from everywhere."""

    most: int
    window: timedelta
    by_name: bool = True
    by_address: bool = True


_MINUTES, _QUARTER, _HOUR = timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1)
LIMITS: dict[Kind, Sequence[Limit]] = {
    # An office behind one address: who comes in is not counted, so fifty are the wrong ones alone.
    "login": (
        Limit(5, _MINUTES),
        Limit(30, _QUARTER, by_address=False),
        Limit(50, _QUARTER, by_name=False),
    ),
    "reset": (
        Limit(5, _MINUTES),
        Limit(10, _HOUR, by_address=False),
        Limit(20, _HOUR, by_name=False),
    ),
    # Who gets here knows the password. Three codes of a million are right at a time: of twenty a day none is met by luck.
    "code": (
        Limit(5, _MINUTES, by_address=False),
        Limit(20, timedelta(days=1), by_address=False),
        Limit(50, _QUARTER, by_name=False),
    ),
}
LOCKS: tuple[Kind, ...] = ("login", "code")  # what an admin ends


async def admit(store: Store, name: str, address: str, now: datetime, kind: Kind = "login") -> int | None:
    """Counts a try before anything is looked at. Its id; None: it is one too many.

    Committed before it counts the others: none of many that come together, at whatever process, is overlooked. One
    that is refused does not make the wait longer.
    """
    place = place_of(address)
    async with store.write() as session:
        mine = await tries.add(session, kind, name, place, now)
    async with store.read() as session:
        for limit in LIMITS[kind]:
            of = name if limit.by_name else None
            at = place if limit.by_address else None
            before = await tries.count(session, kind, of, at, since=now - limit.window, but=mine)
            if before >= limit.most:
                break
        else:
            return mine
    async with store.write() as session:
        await tries.withdraw(session, mine)
    return None


async def locked(session: AsyncSession, names: Sequence[str], now: datetime) -> Collection[str]:
    """Those of `names` that somebody cannot log in with now, from one address at least."""
    found: set[str] = set()
    for kind in LOCKS:
        for limit in (limit for limit in LIMITS[kind] if limit.by_name):
            sums: dict[tuple[str, str], int] = {}
            for name, address, number in await tries.of_names(session, kind, names, now - limit.window):
                key = (name, address if limit.by_address else "")
                sums[key] = sums.get(key, 0) + number
            found |= {name for (name, _), number in sums.items() if number >= limit.most}
    return found


async def passed(session: AsyncSession, name: str, address: str) -> None:
    """Somebody came in: the wrong passwords from there are forgotten, and all wrong codes."""
    await tries.forget(session, name, place_of(address))
    await tries.forget(session, name, kind="code")


def place_of(address: str) -> str:
    """Whom an address stands for: of IPv6 the network of 64 bits, for one customer has all of its addresses."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), 64), strict=False))
