"""Brings the tables up to date; runs once, before any process starts."""

import logging
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError

from ivr.errors import StoreError
from ivr.store.database import connect_args, driver_url, plain_errors, prepare_sqlite

log = logging.getLogger("ivr.store")

# Any number that nobody else uses; PostgreSQL's advisory locks know numbers only.
LOCK = 4_815_016

# Another process that starts may hold SQLite's lock for the whole of its migration.
TURNS = 300
TURN_SECONDS = 0.1


def config() -> Config:
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return made


def migrate(url: str) -> None:
    """Blocks. StoreError if the database cannot be used or was written by a newer version of this program."""
    place = driver_url(url, asynchronous=False)
    with plain_errors(place):
        if place.get_backend_name() == "sqlite":
            _make_directory(Path(str(place.database)).parent)
        engine = create_engine(place, connect_args=connect_args(place))
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", prepare_sqlite)
        try:
            with _connected(engine) as connection:
                _upgrade(connection)
        finally:
            engine.dispose()


def _connected(engine: Engine) -> Connection:
    """Waits for another process: SQLite does not, where a new file is switched to WAL."""
    for turn in range(1, TURNS + 1):
        try:
            return engine.connect()
        except OperationalError as error:
            if "locked" not in str(error.orig) or turn == TURNS:
                raise
            time.sleep(TURN_SECONDS)
    raise AssertionError("the last turn returns or raises")


def _upgrade(connection: Connection) -> None:
    """In one transaction and behind a lock: two processes that start together migrate once."""
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"PRAGMA busy_timeout={int(TURNS * TURN_SECONDS * 1000)}"))
        connection.execute(text("BEGIN IMMEDIATE"))
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    setup = config()
    scripts = ScriptDirectory.from_config(setup)
    known = {script.revision for script in scripts.walk_revisions()}
    present = MigrationContext.configure(connection).get_current_revision()
    if present is not None and present not in known:
        raise StoreError(
            f"The database has schema {present}, but this program knows only up to "
            f"{scripts.get_current_head()}; install the newer version again or restore a backup.",
            retryable=False,
        )
    setup.attributes["connection"] = connection
    command.upgrade(setup, "head")
    connection.commit()
    if present != scripts.get_current_head():
        log.info("schema brought up to date", extra={"before": present, "after": scripts.get_current_head()})


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The directory {directory} of the database cannot be made ({error.strerror}); see IVR_DATA."
        ) from error
