"""What was deleted is said to be deleted, and when: on the page, in the list and to programs; there is no broken player."""

import re
from datetime import datetime

import pytest
from aiohttp.test_utils import TestClient

from ivr.dialplan.retention import RetentionRules
from ivr.lines import JAPAN
from ivr.messages.retention import Retention
from ivr.settings import Settings
from ivr.store.database import Store
from ivr.store.tables import CallbackRow
from tests.messages_helpers import ManualClock
from tests.web.conftest import Login
from tests.web.desk import ALICE_TOKEN, BOB_TOKEN, NOW

KEPT = {"ecforce": (RetentionRules.model_validate({"audio": "0", "text": "0", "calls": "0"}), JAPAN)}
SAID = "保存期間が過ぎたため削除しました（2026年12月4日）"
LATER = datetime.fromisoformat("2026-12-04T12:00+09:00")


pytestmark = pytest.mark.usefixtures("desk", "ten_days_later")


@pytest.fixture
async def ten_days_later(store: Store, settings: Settings) -> None:
    """One of ecforce's callbacks is done, and what it keeps has passed."""
    async with store.write() as db:
        row = await db.get(CallbackRow, "1000012")
        assert row is not None
        row.state, row.done_at = "done", NOW
    await Retention(store, settings.recordings, ManualClock(LATER), lambda: KEPT).round()


async def test_the_page_says_so_in_place_of_a_player(visitor: TestClient, login: Login) -> None:
    await login("alice")
    page = await (await visitor.get("/callbacks/1000012")).text()
    assert "<audio" not in page and "/original" not in page
    pane = page.split('id="pane"')[1]
    assert pane.count(SAID) == 2, "of the audio and of the text"
    assert "番号は削除済み" in page and "tel:" not in page
    assert "ログインできません" not in page
    page = await (await visitor.get("/callbacks")).text()
    row = re.search(r'<li id="row-1000012">.*?</li>', page, re.DOTALL)
    assert row is not None and SAID in row[0]


async def test_an_old_link_to_the_audio_says_so(visitor: TestClient, login: Login) -> None:
    await login("alice")
    answer = await visitor.get("/messages/m1000012/audio")
    assert answer.status == 410
    assert SAID in await answer.text()


async def test_programs_are_told(visitor: TestClient) -> None:
    header = {"Authorization": f"Bearer {ALICE_TOKEN}"}
    rows = await (await visitor.get("/api/v1/callbacks", headers=header)).json()
    (row,) = [row for row in rows if row["ticket"] == "1000012"]
    deleted = {"state": "deleted", "deleted_at": "2026-12-04T12:00:00+09:00", "reason": SAID}
    assert row["number"] is None
    assert row["message"]["audio"] == deleted
    assert row["message"]["transcript"] == {**deleted, "text": None, "model": "vosk-tiny-ja（試験用モデル）"}
    answer = await visitor.get("/api/v1/messages/m1000012/audio", headers=header)
    assert (answer.status, await answer.json()) == (
        410,
        {"status": 410, "error": "gone", "detail": "it was deleted", "said": SAID},
    )


async def test_another_tenant_is_not_even_told_that(visitor: TestClient) -> None:
    header = {"Authorization": f"Bearer {BOB_TOKEN}"}
    assert (await visitor.get("/api/v1/messages/m1000012/audio", headers=header)).status == 404


async def test_what_is_open_is_all_there(visitor: TestClient, login: Login) -> None:
    await login("alice")
    assert (await visitor.get("/messages/m1000034/audio")).status == 200
