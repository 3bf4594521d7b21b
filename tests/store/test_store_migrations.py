"""Versions of the schema: from nothing, twice, together, and from the future."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text

from ivr.errors import StoreError
from ivr.store import search
from ivr.store.database import Store, driver_url, opened
from ivr.store.migrate import config, migrate
from ivr.store.tables import Base


def test_the_migrations_make_the_tables_that_the_code_declares(empty_url: str) -> None:
    migrate(empty_url)
    engine = create_engine(driver_url(empty_url, asynchronous=False))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    migrate(empty_url)
    migrate(empty_url)


def test_calls_of_the_first_schema_are_kept(empty_url: str) -> None:
    engine = create_engine(driver_url(empty_url, asynchronous=False))
    setup = config()
    with engine.begin() as connection:
        setup.attributes["connection"] = connection
        command.upgrade(setup, "0001")
        connection.execute(
            text(
                "INSERT INTO calls (id, line, tenant, dialplan, dialled, engine, started_at, outcome, path,"
                " keys_received, keys_used, keys_emptied)"
                " VALUES ('c1', 'l', 't', 'd', '05031859080', '1', '2026-11-24 03:00:00', 'answered', '[]', 0, 0, 0)"
            )
        )
    migrate(empty_url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id, outcome, answers FROM calls")).all()
    assert [tuple(row) for row in found] == [("c1", "answered", None)]
    engine.dispose()


async def test_callbacks_of_before_are_found(empty_url: str) -> None:
    engine = create_engine(driver_url(empty_url, asynchronous=False))
    setup = config()
    with engine.begin() as connection:
        setup.attributes["connection"] = connection
        command.upgrade(setup, "0005")
        for ticket, name in (("1000012", "髙橋"), ("1000023", "田中")):
            connection.execute(
                text(
                    "INSERT INTO callbacks (ticket, line, tenant, state, cause, priority, name, number, path, contacts,"
                    " created_at, tier, attempts, misses, careful, complaint, version)"
                    " VALUES (:ticket, 'l', 't', 'open', 'busy', 'low', :name, '+819012345678', '[]', 1,"
                    " '2026-11-24 03:00:00', 1, 0, 0, false, false, 0)"
                ),
                {"ticket": ticket, "name": name},
            )
    migrate(empty_url)
    engine.dispose()
    async with opened(empty_url) as store, store.read() as session:
        assert await search.latest(session, "高橋", "t") == ["1000012"]
        assert await search.latest(session, "090-1234", "t") == ["1000023", "1000012"]


def test_two_processes_that_start_together_migrate_once(empty_url: str) -> None:
    program = "import sys; from ivr.store.migrate import migrate; migrate(sys.argv[1])"
    started = [
        subprocess.Popen([sys.executable, "-c", program, empty_url], stderr=subprocess.PIPE) for _ in range(3)
    ]
    errors = [process.communicate(timeout=90)[1].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], errors


def test_a_migration_waits_for_one_that_holds_a_new_file(tmp_path: Path) -> None:
    """SQLite does not wait by itself where a new file is switched to WAL."""
    place = tmp_path / "ivr.db"
    with closing(sqlite3.connect(place, isolation_level=None)) as other, ThreadPoolExecutor() as threads:
        other.execute("BEGIN EXCLUSIVE")
        migrating = threads.submit(migrate, f"sqlite:///{place}")
        with pytest.raises(TimeoutError):
            migrating.result(timeout=0.5)
        other.execute("COMMIT")
        migrating.result(timeout=60)


def test_a_database_of_a_newer_version_is_refused_and_left_alone(empty_url: str) -> None:
    migrate(empty_url)
    engine = create_engine(driver_url(empty_url, asynchronous=False))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"schema 9999.*install the newer version again or restore a backup"):
        migrate(empty_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
    engine.dispose()


async def test_a_store_without_tables_says_how_to_get_them(empty_url: str) -> None:
    with pytest.raises(StoreError, match=r"has not been set up .*script/server"):
        await Store.open(empty_url)
