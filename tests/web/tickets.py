"""A line whose customers wait to be rung back, and who rings them: for the tests of one ticket."""

import asyncio
import re
import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import select

from ivr.call import CallbackPromise
from ivr.callbacks import asking
from ivr.callbacks.asking import MessageFacts
from ivr.settings import Settings, load
from ivr.store import agents, callbacks, dials, messages, orders, stages, users
from ivr.store.database import Store
from ivr.store.tables import AuditRow, CallbackRow, DialRow, Order
from tests.dialplans import changed
from tests.store import rows
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.desk import CHEAP, NOW, PASSWORD, tone
from tests.web.lines import open_office

TANAKA = "+819012345678"
NOTHING = "/callbacks/0"  # the smallest page with a form
RULES = """\
  callbacks:
    tel_links: true
    script: {family: "{agent}でございます。また、お電話いたします。"}
"""


async def _make(settings: Settings) -> None:
    store = await Store.open(settings.database_url)
    office = await open_office(settings, store, StoppedClock())
    office.file("shop").write_text(changed("  capacity: 2\n", f"  capacity: 2\n{RULES}"), "utf-8")
    assert await office.publish("test") == []
    async with store.write() as db:
        await users.add(db, "ben", CHEAP.hash(PASSWORD), tenant="shop", at=NOW)
        for name in ("alice", "sam"):
            telephone = {"groups": ["shop"], "endpoint": f"PJSIP/{name}", "secret": "x" * 20}
            await agents.add(db, name, tenant="shop", at=NOW, **telephone)
        (await agents.get(db, "alice")).mobile = "+818055556666"
    await store.close()


@pytest.fixture(scope="session")
def staffed(empty_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """alice, ben and the supervisor sam work for `shop`; alice and sam have telephones, alice a mobile too. Once made and
    copied for each test."""
    made = tmp_path_factory.mktemp("tickets")
    settings = load({"IVR_DATA": str(made / "var"), "IVR_DIALPLANS": str(made / "dialplans")})
    shutil.copytree(empty_data, settings.data)
    asyncio.run(_make(settings))
    return settings.data


@pytest.fixture
def filled(staffed: Path, settings: Settings) -> Settings:
    shutil.copytree(staffed, settings.data)
    return settings


@pytest.fixture
async def alice(login: Login) -> TestClient:
    return await login("alice")


async def ask(
    store: Store,
    request: str = "a",
    *,
    number: str | None = TANAKA,
    ago: int = 10,
    priority: str = "medium",
    due: str = "4h",
    tenant: str = "shop",
    **said: Any,
) -> str:
    """Somebody presses a key to be rung back, so many minutes ago; the ticket."""
    at = NOW - timedelta(minutes=ago)
    about = {
        "line": tenant,
        "tenant": tenant,
        "cause": "busy",
        "number": number,
        "path": ["office", "menu", "#1"],
    }
    facts = MessageFacts(id=request, received_at=at, **{**about, **said})
    async with store.write() as db:
        return await asking.create_for_request(
            db, request, facts, CallbackPromise(priority, due, None), None, at
        )


async def leave(
    store: Store, settings: Settings, message_id: str, text: str, *, ago: int = 10, **said: Any
) -> str:
    """The same by a message that was heard and read; the ticket."""
    at = NOW - timedelta(minutes=ago)
    audio = f"messages/{message_id}.wav"
    (settings.recordings / "messages").mkdir(parents=True, exist_ok=True)
    tone(settings.recordings / audio, 2.0)
    about = {
        "line": "shop",
        "tenant": "shop",
        "cause": "busy",
        "number": TANAKA,
        "path": ["office", "menu", "#1"],
    }
    row = {"id": message_id, "call_id": None, "audio": audio, "origin": "engine", "created_at": at}
    own = {name: about[name] for name in ("line", "tenant", "cause", "number")}
    async with store.write() as db:
        await messages.intend(db, {**own, "withheld": None, **row})
        await messages.stored(db, message_id, state="stored", ended_at=at, ended_by="hangup", duration=2.0)
        await stages.done(db, "transcript", message_id, rows.transcript(text, at), at)
        reading = {
            "text": text,
            "kana": "ヤマダデス",
            "pieces": [{"text": text, "first": 0, "last": 0, "doubtful": False}],
            "suggestions": [
                {
                    "kind": "name",
                    "value": "山田",
                    "start": 0.0,
                    "end": 1.0,
                    "compared": None,
                    "reason": "「山田です」",
                }
            ],
        }
        await stages.done(db, "reading", message_id, {"reading": reading}, at)
        facts = MessageFacts(id=message_id, received_at=at, **{**about, **said})
        return await asking.create_for_message(db, facts, CallbackPromise("medium", "4h", None), None, at)


async def row_of(store: Store, ticket: str) -> CallbackRow:
    async with store.read() as db:
        return await callbacks.get(db, ticket)


async def history(store: Store, ticket: str) -> list[tuple[str, str, str | None]]:
    """who, what, why; without how it began."""
    async with store.read() as db:
        return [(one.who, one.what, one.why) for one in (await callbacks.events(db, ticket))[1:]]


async def made_dials(store: Store, ticket: str) -> list[DialRow]:
    async with store.read() as db:
        return list(await dials.of_ticket(db, ticket))


async def ordered(store: Store) -> list[Order]:
    """Whom the engine is asked to ring."""
    async with store.read() as db:
        return [one for one in await orders.pending(db, "engine") if one.kind == "dial"]


async def audited(store: Store, ticket: str) -> list[tuple[str, str, str | None]]:
    """who, what, detail"""
    async with store.read() as db:
        found = await db.scalars(select(AuditRow).where(AuditRow.about == ticket).order_by(AuditRow.id))
        return [(row.who, row.what, row.detail) for row in found]


async def page(client: TestClient, ticket: str, **query: str) -> str:
    """The pane alone."""
    answer = await client.get(f"/callbacks/{ticket}", params={"part": "ticket", **query})
    assert answer.status == 200
    return await answer.text()


def words(html: str) -> str:
    """What stands on the page, one blank between the words."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def send(
    client: TestClient,
    ticket: str,
    action: str,
    form: Mapping[str, Any] | None = None,
    *,
    store: Store | None = None,
) -> tuple[int, str]:
    """A form of the ticket as it is now, or with the version that `form` gives: the status, and where it leads to, or what
    stands against it."""
    given: dict[str, Any] = {"token": await form_token(client, NOTHING)}
    if store is not None:
        given["version"] = str((await row_of(store, ticket)).version)
    answer = await client.post(
        f"/callbacks/{ticket}/{action}", data={**given, **(form or {})}, allow_redirects=False
    )
    text = await answer.text()
    if answer.status == 303:
        return 303, answer.headers["Location"]
    said = re.search(r'id="failed">([^<]*)<', text)
    return answer.status, said[1] if said else text


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+09:00")
