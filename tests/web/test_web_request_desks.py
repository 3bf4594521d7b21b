"""What the sample desks promise on the web: their own dialplans, shown and sent."""

import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from ivr.settings import Settings
from ivr.store import agents, health
from ivr.store.database import Store
from ivr.store.tables import CallbackRow
from tests.web.conftest import StoppedClock
from tests.web.desk import NOW
from tests.web.lines import Office
from tests.web.test_web_request import Customer, rows, rung_now

DIALPLANS = Path(__file__).parents[2] / "dialplans"
ASKED = {"name": "田中", "matter": "決済の設定について", "number": "080 1111 2222", "consent": "yes"}


async def live(office: Office, *keys: str) -> None:
    """These desks beside the lines of the office, whose number one of them has."""
    office.file("shop").unlink()
    (office.settings.dialplans / "shared").mkdir(exist_ok=True)
    for file in [*(DIALPLANS / f"{key}.yaml" for key in keys), *(DIALPLANS / "shared").glob("*.yaml")]:
        shutil.copy(file, office.settings.dialplans / file.relative_to(DIALPLANS))
    assert await office.publish("test") == []


class At(Customer):
    """On the form of one of the desks."""

    def __init__(self, client: TestClient[Any, Any], line: str) -> None:
        super().__init__(client, f"/request/{line}")


@pytest.mark.parametrize("time", ["2026-11-24T11:00", "2026-11-24T03:00", "2026-11-23T22:00"])
async def test_ecforce_takes_requests_day_and_night_and_no_time_can_be_chosen(
    office: Office, visitor: TestClient[Any, Any], store: Store, clock: StoppedClock, time: str
) -> None:
    await live(office, "ecforce")
    clock.at = datetime.fromisoformat(f"{time}:00+09:00")
    customer = At(visitor, "ecforce")
    page = await customer.open()
    assert "お電話での折返し案内を希望する" in page and "3営業日以内に、メールでお答えいたします" in page
    assert "時間帯を" not in page.replace("つながりやすい時間帯", "") and "<select" not in page
    assert "今すぐ" not in page
    assert (await customer.send({**ASKED, "call": "yes"}))[0] == 303
    assert (await customer.send({**ASKED, "email": "a@example.jp"}))[0] == 303
    assert sorted(bool(row.reply_wanted) for row in await rows(store, CallbackRow)) == [True]
    (row,) = await rows(store, CallbackRow)
    assert row.contacts == 2, "the same customer"
    closes = "2026-11-25" if time.startswith("2026-11-24") else "2026-11-24"
    assert row.due_at == datetime.fromisoformat(f"{closes}T17:00:00+09:00")


async def test_amazon_seller_rings_at_once_whoever_wishes_it(
    office: Office, visitor: TestClient[Any, Any], store: Store
) -> None:
    await live(office, "amazon-seller")
    async with store.write() as db:
        await agents.add(db, "sato", groups=["sellers"], endpoint="PJSIP/sato", secret="x", at=NOW)
        await health.beat(db, "engine", NOW, ok=True, detail={})
    customer = At(visitor, "amazon-seller")
    page = await customer.open()
    assert "今すぐ電話がほしい" in page and re.search('<option value="夕方"', page)
    typed = {**ASKED, "number": "+81 80 1111 2222", "now": "yes"}
    assert (await customer.send(typed))[0] == 303
    (row,) = await rows(store, CallbackRow)
    assert (row.number, row.priority) == ("+818011112222", "high")
    assert await rung_now(store) == [{"ticket": row.ticket}]


async def test_tiered_support_asks_for_the_company_and_counts_by_the_priority(
    office: Office, visitor: TestClient[Any, Any], store: Store, settings: Settings
) -> None:
    await live(office, "tiered-support")
    customer = At(visitor, "tiered-support")
    await customer.open()
    status, page = await customer.send(ASKED)
    assert status == 422 and "会社名をご入力ください。" in page
    assert (await customer.send({**ASKED, "company": "山田商店"}))[0] == 303
    (row,) = await rows(store, CallbackRow)
    assert row.due_at == datetime.fromisoformat("2026-11-24T15:00:00+09:00"), "four business hours"
