"""Messages in which nobody spoke: counted by kind, heard, and made messages after all, within one's own company."""

import re

import pytest
from aiohttp.test_utils import TestClient

from ivr.settings import Settings
from ivr.store import messages
from ivr.store.database import Store
from tests.store.rows import message
from tests.web.conftest import Login
from tests.web.desk import ALICE_TOKEN, BOB_TOKEN, NOW, tone

pytestmark = pytest.mark.usefixtures("desk", "left")


@pytest.fixture
async def left(store: Store, settings: Settings) -> None:
    kinds = [("s1", "fax"), ("s2", "fax"), ("s3", "music"), ("s4", None)]
    async with store.write() as db:
        for id, kind in kinds:
            tone(settings.messages / f"{id}.wav", 1.0)
            await messages.intend(db, message(id, created_at=NOW))
            await messages.stored(
                db, id, state="silent", ended_at=NOW, ended_by="hangup", duration=1.0, kind=kind
            )


async def listed(visitor: TestClient, token: str) -> dict[str, int]:
    answer = await visitor.get("/api/v1/silent", headers={"Authorization": f"Bearer {token}"})
    found: dict[str, int] = (await answer.json())["counts"]
    return found


async def test_programs_are_told_how_many(visitor: TestClient) -> None:
    assert await listed(visitor, ALICE_TOKEN) == {"silent": 1, "tone": 0, "music": 1, "fax": 2}
    assert await listed(visitor, BOB_TOKEN) == {"silent": 0, "tone": 0, "music": 0, "fax": 0}


async def test_one_is_heard_and_made_a_callback(visitor: TestClient, login: Login) -> None:
    await login("alice")
    page = await (await visitor.get("/silent")).text()
    text = re.sub(r"<[^>]+>", "", page)
    assert "無音 1件、信号音 0件、音楽 1件、FAX 2件" in text
    assert page.count("<audio") == 4
    assert (await visitor.get("/messages/s3/audio")).status == 200
    token = page.split('name="token" value="', 1)[1].split('"', 1)[0]
    answer = await visitor.post("/silent/s3/promote", data={"token": token}, allow_redirects=False)
    assert answer.status == 303 and answer.headers["Location"].startswith("/callbacks/")
    assert "未対応" in await (await visitor.get(answer.headers["Location"])).text()
    assert (await listed(visitor, ALICE_TOKEN))["music"] == 0
    again = await visitor.post("/silent/s3/promote", data={"token": token}, allow_redirects=True)
    assert "いまは移せません" in await again.text()


async def test_not_another_companys(visitor: TestClient, login: Login) -> None:
    await login("bob")
    page = await (await visitor.get("/silent")).text()
    assert "音声のない留守番電話はありません" in page
    token = page.split('name="token" value="', 1)[1].split('"', 1)[0]
    assert (await visitor.post("/silent/s1/promote", data={"token": token})).status == 404
    assert (await listed(visitor, ALICE_TOKEN))["fax"] == 2
