"""The link of a mail leads to the login and then to the ticket, for as long as the ticket is kept."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import TestClient

from ivr import accounts
from ivr.store.database import Store
from ivr.store.tables import AliasRow
from ivr.web.auth import totp
from tests.web.conftest import StoppedClock
from tests.web.desk import NOW, PASSWORD

pytestmark = pytest.mark.usefixtures("desk")

LINK = "/callbacks/1000012?notice=7"  # as ivr.notify writes it


async def submit(client: TestClient, page: str, **typed: str) -> tuple[int, str]:
    """As a browser sends the form of a page: with its hidden fields."""
    text = await (await client.get(page)).text()
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))
    answer = await client.post(urlsplit(page).path, data=hidden | typed, allow_redirects=False)
    return answer.status, answer.headers.get("Location", "")


async def to_the_login(client: TestClient, link: str) -> str:
    answer = await client.get(link, allow_redirects=False)
    assert answer.status == 303 and answer.headers["Location"].startswith("/login?next=")
    return answer.headers["Location"]


async def the_ticket(client: TestClient, page: str) -> str:
    answer = await client.get(page, allow_redirects=False)
    assert answer.status == 200
    text = await answer.text()
    assert "1000012" in text and "03-1234-5678" in text
    return text


@pytest.mark.parametrize("years", [0, 1, 5])
async def test_a_link_leads_to_its_ticket_however_old_it_is(
    visitor: TestClient, clock: StoppedClock, years: int
) -> None:
    clock.at += timedelta(days=365 * years)
    login = await to_the_login(visitor, LINK)
    assert await submit(visitor, login, name="alice", password=PASSWORD) == (303, LINK)
    await the_ticket(visitor, LINK)


async def test_a_slip_at_the_login_does_not_lose_the_way(visitor: TestClient) -> None:
    login = await to_the_login(visitor, LINK)
    text = await (await visitor.get(login)).text()
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))
    wrong = await visitor.post("/login", data=hidden | {"name": "alice", "password": "wrong"})
    again = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', await wrong.text()))
    right = again | {"name": "alice", "password": PASSWORD}
    answer = await visitor.post("/login", data=right, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, LINK)


async def test_a_second_factor_does_not_lose_the_way(
    visitor: TestClient, store: Store, clock: StoppedClock
) -> None:
    secret = totp.new_secret()
    async with store.write() as db:
        user = await accounts.one(db, "alice", tenant=None)
        await accounts.set_factor(db, user, secret, 0, [], by="alice", now=NOW)
    login = await to_the_login(visitor, LINK)
    status, code_page = await submit(visitor, login, name="alice", password=PASSWORD)
    assert status == 303 and code_page.startswith("/login/code?next=")
    code = totp.code(secret, totp.step_at(clock.now()))
    assert await submit(visitor, code_page, code=code) == (303, LINK)
    await the_ticket(visitor, LINK)


async def test_the_link_of_a_ticket_that_was_merged_leads_to_the_one_it_became(
    visitor: TestClient, store: Store
) -> None:
    async with store.write() as db:
        db.add(AliasRow(number="1999993", ticket="1000012"))
    login = await to_the_login(visitor, "/callbacks/1999993?notice=7")
    assert (await submit(visitor, login, name="alice", password=PASSWORD))[0] == 303
    await the_ticket(visitor, "/callbacks/1999993?notice=7")


async def test_it_opens_nothing_for_another_company(visitor: TestClient) -> None:
    login = await to_the_login(visitor, LINK)
    assert await submit(visitor, login, name="bob", password=PASSWORD) == (303, LINK)
    answer = await visitor.get(LINK, allow_redirects=False)
    assert answer.status == 404 and "03-1234-5678" not in await answer.text()
