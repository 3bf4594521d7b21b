"""The notices of a callback on its page, and that opening the link of one is noted."""

from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient
from yarl import URL

from ivr.store import deliveries
from ivr.store.database import Store
from ivr.store.tables import Delivery
from tests.web.conftest import Login
from tests.web.desk import NOW

TICKET = "1000023"


async def told(desk: Store, state: str = "sent", ticket: str = TICKET, **values: object) -> int:
    key = deliveries.key_of(ticket, "mail", "desk@example.co.jp")
    row = {"tenant": "ecforce", "line": "ecforce", "event": "callback", "subject": ticket, "channel": "mail"}
    row |= {"target": "desk@example.co.jp", "key": key, "created_at": NOW, "next_at": NOW, "data": {}}
    async with desk.write() as session:
        assert await deliveries.create(session, row)
        found = (await deliveries.of_subject(session, ticket))[-1]
        found.state = state
        for name, value in values.items():
            setattr(found, name, value)
        return found.id


async def row(desk: Store, delivery_id: int) -> Delivery:
    async with desk.read() as session:
        return await deliveries.get(session, delivery_id)


@pytest.fixture
async def alice(desk: Store, login: Login) -> TestClient:
    return await login("alice")


async def test_the_link_of_a_notice_says_that_it_was_seen(desk: Store, alice: TestClient) -> None:
    notice = await told(desk)
    page = await (await alice.get(f"/callbacks/{TICKET}")).text()
    assert "送信済み" in page and "desk@example.co.jp" in page
    assert (await row(desk, notice)).state == "sent", "the page alone is not the link"
    page = await (await alice.get(f"/callbacks/{TICKET}?notice={notice}")).text()
    assert "確認済み" in page
    found = await row(desk, notice)
    assert (found.state, found.seen_at) == ("seen", NOW)


@pytest.mark.parametrize("query", ["notice=x", "notice=99999", "notice=-1", "notice=" + "9" * 40, "notice="])
async def test_a_link_that_names_no_notice_shows_the_page(alice: TestClient, query: str) -> None:
    assert (await alice.get(f"/callbacks/{TICKET}?{query}")).status == 200


async def test_a_notice_of_another_callback_is_not_seen(desk: Store, alice: TestClient) -> None:
    notice = await told(desk)
    assert (await alice.get(f"/callbacks/1000012?notice={notice}")).status == 200
    assert (await row(desk, notice)).seen_at is None


async def test_who_is_not_logged_in_or_of_another_tenant_has_not_seen_it(
    desk: Store, visitor: TestClient, login: Login
) -> None:
    notice = await told(desk)
    answer = await visitor.get(f"/callbacks/{TICKET}?notice={notice}", allow_redirects=False)
    assert answer.status == 303
    where = URL(answer.headers["Location"])
    assert (where.path, where.query["next"]) == ("/login", f"/callbacks/{TICKET}?notice={notice}")
    bob = await login("bob")
    assert (await bob.get(f"/callbacks/{TICKET}?notice={notice}")).status == 404
    assert (await row(desk, notice)).seen_at is None


async def test_what_failed_shows_the_answer(desk: Store, alice: TestClient) -> None:
    await told(desk, "failed", answer="550 5.1.1 <no such user>")
    await told(
        desk,
        "unsure",
        "1000012",
        answer="応答がありません",
        next_at=NOW + timedelta(minutes=2),
        data={"unsure": True},
    )
    page = await (await alice.get(f"/callbacks/{TICKET}")).text()
    assert "送信失敗" in page and "550 5.1.1 &lt;no such user&gt;" in page
    page = await (await alice.get("/callbacks/1000012")).text()
    assert "到達不明" in page and "次回 今日" in page
