"""Transactions, settings of SQLite, and what is said when the database cannot be used."""

import asyncio
import sqlite3
import threading
import traceback
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from ivr.errors import Conflict, SettingsError, StoreError
from ivr.store import agents, calls, users
from ivr.store.database import Store
from ivr.store.migrate import migrate
from ivr.store.tables import CallRow
from tests.store.postgres import Postgres
from tests.store.rows import NOON, call


async def test_a_write_whose_body_fails_changes_nothing(store: Store) -> None:
    with pytest.raises(Conflict):
        async with store.write() as session:
            await users.add(session, "alice", "hash", tenant=None, at=NOON)
            raise Conflict
    async with store.read() as session:
        assert await users.get(session, "alice") is None


async def test_what_a_log_tells_of_a_failure_holds_no_number(store: Store) -> None:
    number = "+819012345678"
    with pytest.raises(StoreError) as failed:
        async with store.write() as session:
            await session.execute(text("UPDATE nowhere SET number = :number"), {"number": number})
    told = "".join(traceback.format_exception(failed.value))
    assert "UPDATE nowhere" in told and number not in told


async def test_a_change_in_a_read_is_thrown_away(store: Store) -> None:
    async with store.read() as session:
        await users.add(session, "alice", "hash", tenant=None, at=NOON)
    async with store.read() as session:
        assert await users.get(session, "alice") is None


async def test_times_come_back_aware_and_equal(store: Store) -> None:
    async with store.write() as session:
        await calls.save(session, [call("c1", started_at=NOON)])
    async with store.read() as session:
        row = await session.get(CallRow, "c1")
    assert row is not None
    assert row.started_at.isoformat() == "2026-11-24T03:00:00+00:00"  # noon in Japan
    assert row.started_at == NOON


async def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="a time without a zone must not reach the store"):
        async with store.write() as session:
            await calls.save(session, [call("c1", started_at=NOON.replace(tzinfo=None))])


async def test_a_counter_raised_by_many_at_once_loses_nothing(store: Store, other_process: Store) -> None:
    async with store.write() as session:
        await calls.save(session, [call("c1", keys_received=0)])

    async def raise_it(through: Store) -> None:
        async with through.write() as session:
            row = await session.get(CallRow, "c1", with_for_update=True)
            assert row is not None
            row.keys_received += 1

    await asyncio.gather(*(raise_it(through) for through in (store, other_process) * 10))
    async with store.read() as session:
        row = await session.get(CallRow, "c1")
    assert row is not None
    assert row.keys_received == 20


async def test_a_cancelled_write_leaves_the_store_usable(store: Store) -> None:
    entered = asyncio.Event()

    async def stay() -> None:
        async with store.write() as session:
            await users.add(session, "alice", "hash", tenant=None, at=NOON)
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stay())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(60), store.write() as session:
        assert await users.get(session, "alice") is None
        await users.add(session, "alice", "hash", tenant=None, at=NOON)


# -- SQLite ----------------------------------------------------------------------------------------------


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    file = tmp_path / "own.db"
    file.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{file}"


async def test_sqlite_is_durable_and_keeps_references(sqlite_url: str) -> None:
    store = await Store.open(sqlite_url)
    async with store.read() as session:
        found = {
            pragma: await session.scalar(text(f"PRAGMA {pragma}"))
            for pragma in ("journal_mode", "synchronous", "foreign_keys")
        }
    await store.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}  # 2 is FULL


async def test_readers_do_not_wait_for_a_writer(sqlite_url: str) -> None:
    store = await Store.open(sqlite_url)
    async with store.write() as writing:
        await users.add(writing, "alice", "hash", tenant=None, at=NOON)
        async with asyncio.timeout(60), store.read() as reading:
            assert await users.get(reading, "alice") is None
    await store.close()


async def test_a_writer_behind_a_locked_database_can_be_given_up_within_300_ms(sqlite_url: str) -> None:
    """A call goes on when the store does not answer: cancelling must not wait for the lock."""
    store = await Store.open(sqlite_url)
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), store.write() as session:
            await users.add(session, "alice", "hash", tenant=None, at=NOON)
    assert 0.3 <= loop.time() - begun < 8.0, "it waited for the lock"
    holder.execute("ROLLBACK")
    holder.close()
    async with asyncio.timeout(60), store.write() as session:
        await users.add(session, "alice", "hash", tenant=None, at=NOON)
    await store.close()


async def test_a_writer_waits_for_a_short_lock(sqlite_url: str) -> None:
    store = await Store.open(sqlite_url)
    holder = sqlite3.connect(
        sqlite_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
    )
    holder.execute("BEGIN IMMEDIATE")
    ending = threading.Timer(0.5, lambda: holder.execute("ROLLBACK"))
    ending.start()
    async with store.write() as session:
        await users.add(session, "alice", "hash", tenant=None, at=NOON)
    ending.join()
    holder.close()
    await store.close()


async def test_a_database_that_stays_locked_says_so(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.store.database.BUSY_TURNS", 2)
    store = await Store.open(sqlite_url)
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"own\.db was locked .*; end the program that holds it") as caught:
        async with store.write() as session:
            await agents.release_all(session, NOON)
    assert caught.value.retryable
    holder.close()
    await store.close()


# -- what cannot be opened -------------------------------------------------------------------------------


async def test_a_directory_that_is_missing_is_made_by_the_migration(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'ivr.db'}"
    with pytest.raises(StoreError, match="cannot be used"):
        await Store.open(url)
    migrate(url)
    await (await Store.open(url)).close()


async def test_a_postgresql_that_does_not_run_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://desk:geheim@/ivr?host={tmp_path}"
    with pytest.raises(StoreError, match="IVR_DATABASE is right") as caught:
        await Store.open(url)
    assert "geheim" not in str(caught.value)
    assert caught.value.retryable
    with pytest.raises(StoreError, match="IVR_DATABASE is right"):
        migrate(url)


@pytest.mark.parametrize("url", ["mysql://desk@host/ivr", "sqlite://", "sqlite:///:memory:", "ivr.db", ""])
async def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"write sqlite:///FILE or postgresql://…"):
        await Store.open(url)


# -- PostgreSQL ------------------------------------------------------------------------------------------


async def test_a_postgresql_that_comes_back_is_used_again(postgres: Postgres, postgres_url: str) -> None:
    store = await Store.open(postgres_url)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ivr'")
    with pytest.raises(StoreError) as caught:
        async with store.write() as session:
            await users.add(session, "alice", "hash", tenant=None, at=NOON)
    assert caught.value.retryable
    async with store.write() as session:
        await users.add(session, "alice", "hash", tenant=None, at=NOON)
    await store.close()


async def test_a_locked_row_can_be_given_up_within_300_ms(postgres_url: str) -> None:
    store = await Store.open(postgres_url)
    async with store.write() as session:
        await calls.save(session, [call("c1")])
    loop = asyncio.get_running_loop()
    async with store.write() as holding:
        await calls.save(holding, [call("c1", outcome="message")])
        begun = loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), store.write() as waiting:
                await calls.save(waiting, [call("c1", outcome="silent")])
        assert 0.3 <= loop.time() - begun < 8.0, "it waited for the lock"
    async with store.read() as session:
        row = await calls.get(session, "c1")
    assert row is not None
    assert row.outcome == "message"
    await store.close()
