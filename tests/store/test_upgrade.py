"""An upgrade in place: the store as the release before left it (schema 0005), with rows in every table, under this version."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Column, Connection, MetaData, Table, create_engine, select, text

from ivr.messages.transcription import Transcription
from ivr.store import agents, callbacks, messages, search, users
from ivr.store.database import driver_url, opened
from ivr.store.migrate import config, migrate
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.messages_helpers import EVENING, ManualClock, said

AT = (EVENING - timedelta(hours=2)).astimezone(UTC).replace(tzinfo=None)  # as it stands in the store
DONE, WAITING = "01KAM3XJ5M8QW5R0T1V2W3X4Y5", "01KAM3XJ5M8QW5R0T1V2W3X4Y6"
TICKET, CLAIMED = "1000012", "1000023"
MESSAGE = {"line": "ecforce", "tenant": "ecforce", "cause": "closed", "origin": "engine", "state": "stored", "number": "+819012345678"}  # fmt: skip
CALLBACK = {"line": "ecforce", "tenant": "ecforce", "cause": "closed", "priority": "high", "path": [], "number": "+819012345678"}  # fmt: skip
# Those on which others lean come first; every table of 0005 that is not named here gets one row of chance.
ROWS: dict[str, list[dict[str, Any]]] = {
    "lines": [{"key": "ecforce", "tenant": "ecforce"}],
    "users": [{"name": "tanaka", "tenant": "ecforce", "password": "hash-of-before", "role": "supervisor"}],
    "agents": [{"name": "tanaka", "tenant": "ecforce", "groups": ["support"], "state": "available"}],
    "messages": [
        {**MESSAGE, "id": DONE, "audio": f"messages/{DONE}.wav", "transcript_state": "done", "transcript_text": "解約したいです"},
        {**MESSAGE, "id": WAITING, "audio": f"messages/{WAITING}.wav", "transcript_state": "waiting", "transcript_next_at": AT, "duration": 4.0},
    ],
    "callbacks": [
        {**CALLBACK, "ticket": TICKET, "state": "open", "name": "髙橋", "message_id": DONE},
        {**CALLBACK, "ticket": CLAIMED, "state": "claimed", "agent": "tanaka", "message_id": WAITING},
    ],
    "callback_contacts": [
        {"ticket": TICKET, "told_ticket": TICKET, "message_id": DONE, "name": "髙橋", "path": []},
        {"ticket": CLAIMED, "told_ticket": CLAIMED, "message_id": WAITING, "path": []},
    ],
    "callback_events": [{"ticket": CLAIMED, "who": "tanaka", "what": "claimed", "before": "open", "after": "claimed"}],
}  # fmt: skip
LEANING = {"ticket": TICKET, "message_id": DONE, "line": "ecforce"}
_numbers = itertools.count(1)


def filled(column: Column[Any]) -> Any:
    """Something of its type, another for each row."""
    if column.name in LEANING:
        return LEANING[column.name]
    kind = column.type.python_type
    if kind is datetime:
        return AT
    return {str: f"x{next(_numbers)}", int: next(_numbers), float: 1.5, bool: True, object: []}[kind]


def rows_of(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """By table, in the columns that it has."""
    found = MetaData()
    found.reflect(connection)
    return {
        name: [dict(row) for row in connection.execute(select(table)).mappings()]
        for name, table in found.tables.items()
        if name != "alembic_version"
    }


def write_rows(connection: Connection) -> None:
    found = MetaData()
    found.reflect(connection)
    others = [table.name for table in found.sorted_tables if table.name not in {*ROWS, "alembic_version"}]
    for name in [*ROWS, *others]:
        table: Table = found.tables[name]
        for given in ROWS.get(name, [{}]):
            needed = [
                one
                for one in table.columns
                if not (one.nullable or one.server_default is not None or one.name in given)
                and not (one.primary_key and one.type.python_type is int and one.autoincrement)
            ]
            connection.execute(table.insert().values({**{one.name: filled(one) for one in needed}, **given}))


@pytest.fixture
def before(empty_url: str) -> dict[str, list[dict[str, Any]]]:
    engine = create_engine(driver_url(empty_url, asynchronous=False))
    setup = config()
    with engine.begin() as connection:
        setup.attributes["connection"] = connection
        command.upgrade(setup, "0005")
    with engine.begin() as connection:
        write_rows(connection)
        written = rows_of(connection)
    assert all(written.values()), "no table is empty"
    migrate(empty_url)
    with engine.connect() as connection:
        after = rows_of(connection)
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) != "0005"
    engine.dispose()
    for name, rows in written.items():
        kept = [{column: row[column] for column in rows[0]} for row in after[name]]
        assert kept == rows, f"{name}: a row was lost or changed"
    return written


async def test_nothing_is_lost_and_what_was_open_goes_on(
    before: dict[str, list[dict[str, Any]]], empty_url: str, tmp_path: Path
) -> None:
    assert len(before) > 20
    async with opened(empty_url) as store:
        async with store.read() as session:
            user = await users.get(session, "tanaka")
            assert user is not None and (user.password, user.role) == ("hash-of-before", "supervisor")
            assert (await agents.get(session, "tanaka")).groups == ["support"]
            assert await search.latest(session, "高橋", "ecforce") == [TICKET]
            (claimed,) = await callbacks.claimed_by(session, "tanaka", tenant="ecforce")
            assert (claimed.ticket, claimed.number) == (CLAIMED, "+819012345678")
            assert [one.what for one in await callbacks.events(session, CLAIMED)] == ["claimed"]
            assert (await messages.get(session, DONE)).transcript_text == "解約したいです"
        # The text that nobody had made yet.
        recordings = tmp_path / "recordings"
        (recordings / "messages").mkdir(parents=True)
        said(recordings / "messages" / f"{WAITING}.wav")
        transcriber = FakeTranscriber(recordings, {f"{WAITING}.wav": "もしもし 田中 です"})
        work = Transcription(store, recordings, transcriber, ManualClock())
        assert [one.message_id for one in await work.due()] == [WAITING]
        assert await work.claim(WAITING, await work.lease())
        await work.work(WAITING)
        async with store.read() as session:
            row = await messages.get(session, WAITING)
            assert (row.transcript_state, row.transcript_text) == ("done", "もしもし田中です")
