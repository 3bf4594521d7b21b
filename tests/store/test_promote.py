"""A message judged silent can be made one after all: once, with the promise of the voicemail it was left in."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ivr.admin import callbacks as waiting
from ivr.admin import messages as admin
from ivr.clock import offset_for
from ivr.errors import Conflict, NotFound
from ivr.settings import Settings, load
from ivr.store import callbacks, calls, dialplans, messages
from ivr.store.database import opened
from ivr.store.migrate import migrate

# A Tuesday, 11:00 in Tokyo: two business days later is Thursday, 17:00.
NOW = datetime.fromisoformat("2026-11-24T11:00+09:00")
DUE = "2026-11-26T17:00:00+09:00"
SOURCE = """
line: {tenant: shop, name: 店, numbers: ["03-1234-5678"]}
hours: {office: {zone: Asia/Tokyo, weekly: {月-金: "10:00-17:00"}}}
start: message
steps:
  message:
    type: voicemail
    say: お話しください。
    callback: {priority: high, due: 2 business days}
    next: bye
  bye: {type: hangup}
"""


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    offset = offset_for(NOW)
    settings = load({"IVR_DATA": str(tmp_path), "IVR_CLOCK_OFFSET": str(offset), "IVR_CONFIG": ""})
    migrate(settings.database_url)
    line = dialplans.LiveLine("shop", "shop", "店", ("+81312345678",), "1" * 64, SOURCE)
    row = {
        "id": "m1",
        "call_id": None,
        "line": "shop",
        "tenant": "shop",
        "cause": "closed",
        "number": "+819012345678",
        "withheld": None,
        "audio": "messages/m1.wav",
        "origin": "engine",
        "created_at": NOW - timedelta(hours=20),
    }
    async with opened(settings.database_url) as store, store.write() as session:
        await dialplans.publish(session, line, at=NOW, by="test")
        await messages.intend(session, row)
        await messages.stored(session, "m1", state="silent", ended_at=NOW, ended_by="hangup", duration=2.0)
    return settings


async def test_it_gets_a_text_and_a_callback_due_from_now(settings: Settings) -> None:
    assert [row["id"] for row in await admin.listing(settings, limit=9, line=None, state="silent")] == ["m1"]
    ticket = await admin.promote(settings, "m1")
    async with opened(settings.database_url) as store, store.read() as session:
        callback = await callbacks.get(session, ticket)
        message = await messages.get(session, "m1")
    assert (callback.message_id, callback.cause, callback.number) == ("m1", "closed", "+819012345678")
    # No call row says which voicemail it was, so the promise is the usual one: 1 business day.
    assert callback.due_at == datetime.fromisoformat("2026-11-25T17:00:00+09:00")
    assert (message.state, message.transcript_state) == ("stored", "waiting")


async def test_once(settings: Settings) -> None:
    await admin.promote(settings, "m1")
    with pytest.raises(Conflict, match="not silent"):
        await admin.promote(settings, "m1")
    with pytest.raises(NotFound):
        await admin.promote(settings, "m2")
    assert len(await waiting.listing(settings, limit=9, line=None, state=None)) == 1


async def test_the_promise_of_the_voicemail(settings: Settings) -> None:
    call = {
        "id": "c1",
        "line": "shop",
        "tenant": "shop",
        "dialplan": "1" * 64,
        "number": "+819012345678",
        "withheld": None,
        "dialled": "0312345678",
        "engine": "1",
        "started_at": NOW,
        "ended_at": NOW,
        "outcome": "silent",
        "cause": "closed",
        "path": ["message"],
        "state": None,
        "answers": None,
        "path_times": [],
        "keys_received": 0,
        "keys_used": 0,
        "keys_emptied": 0,
    }
    async with opened(settings.database_url) as store, store.write() as session:
        await calls.save(session, [call])
        (await messages.get(session, "m1")).call_id = "c1"
    ticket = await admin.promote(settings, "m1")
    (callback,) = await waiting.listing(settings, limit=9, line=None, state=None)
    assert (callback["ticket"], callback["due_at"], callback["path"]) == (ticket, DUE, ["message"])
