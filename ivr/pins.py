"""PINs: what staff type on a telephone to prove who they are. Each line has one; only its hash is kept."""

import asyncio
import re
import secrets
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ivr.clock import Clock
from ivr.errors import NotFound, PinError, StoreError
from ivr.staff import Unlocked
from ivr.store import pins
from ivr.store.database import Store

T = TypeVar("T")

PATIENCE = 3.0  # seconds that staff on the telephone wait for the store
DIGITS = 6  # of one that we make: at five tries a quarter of an hour, guessing takes years
_PIN = re.compile(r"[0-9]{6,8}")
# One thread: the memory that a check takes on purpose is taken once, and never in the loop of calls.
_THREAD = ThreadPoolExecutor(1, thread_name_prefix="pin")


def new() -> str:
    while True:
        pin = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        if _is_good(pin):
            return pin


def digest(pin: str) -> str:
    """Takes a tenth of a second on purpose. PinError if it is too easy."""
    from argon2 import PasswordHasher  # here, so that an engine starts without it

    if not _is_good(pin):
        raise PinError("a PIN has 6 to 8 digits, at least three of them different")
    return PasswordHasher().hash(pin)


def _is_good(pin: str) -> bool:
    return _PIN.fullmatch(pin) is not None and len(set(pin)) >= 3


def _matches(digest: str, pin: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return PasswordHasher().verify(digest, pin)
    except (VerificationError, InvalidHashError):
        return False


async def in_time(work: Coroutine[Any, Any, T]) -> T:
    """StoreError when the store takes longer than somebody on the telephone waits."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await work
    except TimeoutError:
        raise StoreError("The store did not answer in time.") from None


async def unlock(store: Store, clock: Clock, line: str, pin: str) -> Unlocked:
    """Wrong ones are counted over all calls, and lock the PIN of the line. StoreError."""
    try:
        kept = await in_time(_admit(store, clock, line))
    except NotFound:
        return "unavailable"
    if kept is None:
        return "locked"
    if not await asyncio.get_running_loop().run_in_executor(_THREAD, _matches, kept, pin):
        return "wrong"
    await in_time(_forgive(store, line, kept))
    return "right"


async def _admit(store: Store, clock: Clock, line: str) -> str | None:
    async with store.write() as session:
        return await pins.admit(session, line, clock.now())


async def _forgive(store: Store, line: str, digest: str) -> None:
    async with store.write() as session:
        await pins.forgive(session, line, digest)
