"""Argon2 in threads: a check takes tens of milliseconds and 64 MB on purpose."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher()
_THREADS = ThreadPoolExecutor(2, thread_name_prefix="argon2")  # bounds the memory of many logins at once


def make_hash(password: str) -> str:
    return _HASHER.hash(password)


async def hashed(password: str) -> str:
    """As `make_hash`, without holding up the pages."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, make_hash, password)


async def is_right(password: str, password_hash: str | None) -> bool:
    """`password_hash` None (no such user) takes as long as a wrong password and is never right."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _verify, password, password_hash)


def _verify(password: str, password_hash: str | None) -> bool:
    try:
        _HASHER.verify(password_hash or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(password_hash)  # who was invited has none yet


@cache
def _nobody() -> str:
    return make_hash("a password that opens nothing")
