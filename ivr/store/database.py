"""One store for all processes: SQLite in a file, or PostgreSQL, chosen by one URL.

PostgreSQL is reached by psycopg: one driver for asyncio, for the migrations and for the job engine.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import URL, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from ivr.errors import SettingsError, StoreError

log = logging.getLogger("ivr.store")

# A writer waits for the lock in short turns, so that a caller's 300 ms are kept when it gives up:
# the thread that waits inside SQLite cannot be interrupted.
BUSY_SECONDS = 0.1
BUSY_TURNS = 100
PATIENCE_SECONDS = 10
# Of SQLite. Each is a thread, which costs more to start again than to keep; PostgreSQL's are scarce and stay at the usual.
CONNECTIONS = 15


def driver_url(url: str, *, asynchronous: bool) -> URL:
    """`sqlite:///…` or `postgresql://…` with the driver that this project uses. SettingsError."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError("IVR_DATABASE is no URL; write sqlite:///FILE or postgresql://…") from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return parsed.set(drivername="sqlite+aiosqlite" if asynchronous else "sqlite+pysqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
    raise SettingsError(
        f"IVR_DATABASE starts with {parsed.drivername}; write sqlite:///FILE or postgresql://…"
    )


def connect_args(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        # isolation_level None: the driver starts no transaction of its own, we say BEGIN.
        return {"isolation_level": None, "timeout": BUSY_SECONDS}
    return {"connect_timeout": 5, "options": f"-c lock_timeout={PATIENCE_SECONDS}s"}


def prepare_sqlite(connection: DBAPIConnection, record: object) -> None:
    """WAL: readers never wait. FULL: what is committed survives a power cut."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@contextmanager
def plain_errors(url: URL) -> Iterator[None]:
    """Turns what the database says into a StoreError that tells the next step."""
    place = url.database if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
    try:
        yield
    except NoConnectionFree as error:
        raise StoreError(f"The database at {place} is busy: no connection came free.") from error
    except (OperationalError, InterfaceError, ProgrammingError) as error:
        raise StoreError(
            _advice(error, str(place)), retryable=not isinstance(error, ProgrammingError)
        ) from error
    except DatabaseError as error:
        # Its kinds are mistakes of ours; of a broken file SQLite says just this.
        if type(error) is not DatabaseError:
            raise
        raise StoreError(
            f"The database at {place} is damaged ({error.orig}); restore a backup.", retryable=False
        ) from error


def _advice(error: DBAPIError, place: str) -> str:
    said = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    if "locked" in said or "lock timeout" in said:
        return f"The database at {place} was locked for {PATIENCE_SECONDS} s; end the program that holds it."
    if "no such table" in said or "does not exist" in said:
        return f"The database at {place} has not been set up ({said}); start with script/server or `ivr run`."
    if "full" in said:
        return f"There is no room for the database at {place}; make room on that disk."
    return (
        f"The database at {place} cannot be used ({said}); see that it runs and that IVR_DATABASE is right."
    )


class Store:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer: waiting here costs nothing and is fair, waiting there is a busy loop.
        self._turn = asyncio.Lock() if self._sqlite else None

    @classmethod
    async def open(cls, url: str) -> "Store":
        """StoreError if the database cannot be reached or has not been migrated."""
        place = driver_url(url, asynchronous=True)
        engine = create_async_engine(
            place,
            connect_args=connect_args(place),
            json_serializer=to_json,
            pool_timeout=PATIENCE_SECONDS,
            **({"pool_size": CONNECTIONS, "max_overflow": 0} if place.get_backend_name() == "sqlite" else {}),
            hide_parameters=True,  # a traceback in a log must hold no number and nothing that was said
        )
        if engine.dialect.name == "sqlite":
            event.listen(engine.sync_engine, "connect", prepare_sqlite)
        store = cls(engine)
        try:
            async with store.read() as session:
                await session.execute(text("SELECT version_num FROM alembic_version"))
        except BaseException:
            await engine.dispose()
            raise
        return store

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session whose changes are thrown away at exit."""
        with plain_errors(self._engine.url):
            async with AsyncSession(self._engine, expire_on_commit=False) as session:
                if self._sqlite:
                    await session.execute(text("BEGIN"))
                yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session that commits at exit, or changes nothing if the body raises.

        If the exit is cancelled, the commit may or may not have happened: write so that twice does no harm.
        """
        with plain_errors(self._engine.url):
            if self._turn is None:
                async with AsyncSession(self._engine, expire_on_commit=False) as session:
                    yield session
                    await session.commit()
                return
            async with self._turn, AsyncSession(self._engine, expire_on_commit=False) as session:
                await _begin_immediate(session)
                yield session
                await session.commit()


async def _begin_immediate(session: AsyncSession) -> None:
    """Takes SQLite's write lock at once: a transaction that reads first and writes later can be refused."""
    for turn in range(1, BUSY_TURNS + 1):
        try:
            await session.execute(text("BEGIN IMMEDIATE"))
            return
        except OperationalError as error:
            if "locked" not in str(error.orig) or turn == BUSY_TURNS:
                raise


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = await Store.open(url)
    try:
        yield store
    finally:
        await store.close()
