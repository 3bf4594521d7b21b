"""In a real browser: the telephone's state is set without losing what was typed, and listening is noted."""

import pytest
from aiohttp.test_utils import TestClient
from playwright.async_api import Browser, expect
from sqlalchemy import update

from ivr.store import agents, audit
from ivr.store.database import Store
from ivr.store.tables import AgentRow
from tests.web.chromium import DESK, complaints, logged_in
from tests.web.desk import NOW

pytestmark = pytest.mark.usefixtures("desk")


async def test_a_state_is_chosen_by_keys_and_what_was_typed_stays(
    browser: Browser, visitor: TestClient, store: Store
) -> None:
    async with store.write() as db:
        await agents.add(
            db, "alice", tenant="ecforce", groups=["support"], endpoint="PJSIP/alice", secret="s", at=NOW
        )
    page = await logged_in(browser, visitor, DESK, "alice", "/account")
    await page.fill("#mobile", "090-1234-5678")
    seat = page.locator("#seat > summary")
    await expect(seat).to_contain_text("受付可")
    await seat.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")  # the first reason
    await page.keyboard.press("Enter")
    await expect(seat).to_contain_text("離席")
    await expect(seat).to_contain_text("休憩")
    await expect(seat).to_be_focused()
    await expect(page.locator("#mobile")).to_have_value("090-1234-5678")
    async with store.read() as db:
        assert (await agents.get(db, "alice")).state == "away"
    # what somebody else changes comes by itself
    async with store.write() as db:
        await db.execute(update(AgentRow).values(state="talking", reason=None))
    await page.clock.run_for(6000)
    await expect(seat).to_contain_text("通話中")
    assert complaints(page) == []
    await page.context.close()


async def test_listening_is_noted_when_it_begins(browser: Browser, visitor: TestClient, store: Store) -> None:
    page = await logged_in(browser, visitor, DESK, "alice", "/callbacks/1000012")
    async with page.expect_response("**/messages/m1000012/heard") as answer:
        await page.get_by_role("button", name="再生", exact=True).click()
    assert (await answer.value).status == 204
    async with store.read() as db:
        noted = await audit.listing(db, tenant=None, about=["m1000012"])
    assert [(row.who, row.what) for row in noted] == [("alice", "play"), ("alice", "load")]
    await page.context.close()
