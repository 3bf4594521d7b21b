"""The pages in a real Chromium, on a desk and on a telephone."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from playwright.async_api import Browser, Page, expect
from sqlalchemy import text

from ivr.settings import Settings
from ivr.store.database import Store
from tests.web.chromium import DESK, TELEPHONE, comes_true, complaints, logged_in
from tests.web.desk import CLOSED_PATH, add_callback

LOOKS = 31_000  # milliseconds: after 30 s the page asks again, though the server said nothing


async def alice_at(browser: Browser, visitor: TestClient, size: tuple[int, int]) -> Page:
    page = await logged_in(browser, visitor, size, "alice", "/callbacks")
    await expect(page).to_have_title("(10) 折り返し")
    return page


async def colour(page: Page, selector: str) -> str:
    found: str = await page.locator(selector).evaluate("node => getComputedStyle(node).color")
    return found


@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
async def test_from_login_to_done(
    desk: Store, browser: Browser, visitor: TestClient, tmp_path: Path, size: tuple[int, int]
) -> None:
    page = await alice_at(browser, visitor, size)
    await page.screenshot(path=tmp_path / "list.png", full_page=True)
    before = await colour(page, "#row-1000012 .number")
    await page.locator("#link-1000012").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#pane h2").first).to_have_text("受付番号 1000012")
    await expect(page.locator("#transcript")).to_contain_text("ログインできません。田中です。")
    await comes_true(page, "document.querySelector('audio').readyState >= 1")
    assert await page.evaluate("document.querySelector('audio').duration") == pytest.approx(3.0, abs=0.01)
    await page.screenshot(path=tmp_path / "ticket.png", full_page=True)
    await page.locator("#act-more > summary").click()
    await page.locator("#result").fill("ご案内済み")
    await page.get_by_role("button", name="対応済みにする").click()
    await expect(page).to_have_title("(9) 受付番号 1000023")  # the next one
    await page.goto(str(visitor.make_url("/callbacks")))
    row = page.locator("#handled-rows #row-1000012")
    await expect(row).to_contain_text("対応済み")
    assert await colour(page, "#row-1000012 .number") != before
    assert complaints(page) == []


async def add(store: Store, settings: Settings, ticket: str, due: int) -> None:
    async with store.write() as db:
        more: dict[str, Any] = {"text": "新しい用件です。", "path": CLOSED_PATH}
        await add_callback(
            db, settings.recordings, ticket, "open", "closed", "+819055556666", None, due, 0, more
        )


async def test_new_work_appears_by_itself_and_nothing_jumps(
    desk: Store, browser: Browser, visitor: TestClient, settings: Settings
) -> None:
    page = await alice_at(browser, visitor, TELEPHONE)
    held = page.locator("#link-1000078")
    await held.focus()
    before = await held.bounding_box()
    await add(desk, settings, "1999991", -30)  # the most urgent: above what is being read
    await page.clock.run_for(LOOKS)
    await expect(page.locator("#todo-rows > li").first).to_have_attribute("id", "row-1999991")
    await expect(page).to_have_title("(11) 折り返し")
    await expect(page.locator("#live-status")).to_have_text("新しい折り返しが1件あります")
    after = await held.bounding_box()
    assert before and after and abs(after["y"] - before["y"]) < 2
    assert await held.evaluate("node => node === document.activeElement")
    assert complaints(page) == []


async def test_a_transcript_arrives_while_the_ticket_is_open(
    desk: Store, browser: Browser, visitor: TestClient
) -> None:
    page = await alice_at(browser, visitor, DESK)
    await page.goto(str(visitor.make_url("/callbacks/1000034")))
    await expect(page.locator("#transcript")).to_have_text("文字起こし中（まもなく）")
    await page.locator("#memo").fill("書きかけ")
    async with desk.write() as db:
        await db.execute(
            text(
                "UPDATE messages SET transcript_state='done', transcript_text='届きました' WHERE id='m1000034'"
            )
        )
    await page.clock.run_for(LOOKS)
    await expect(page.locator("#transcript")).to_have_text("届きました")
    await expect(page.locator("#memo")).to_have_value("書きかけ")


async def test_a_page_that_cannot_be_refreshed_says_so_and_recovers(
    desk: Store, browser: Browser, visitor: TestClient
) -> None:
    page = await alice_at(browser, visitor, DESK)
    async with desk.write() as db:
        await db.execute(text("ALTER TABLE callbacks RENAME TO gone"))
    await page.clock.run_for(LOOKS)
    notice = page.locator("#live-notice")
    await expect(notice).to_contain_text("最新の状態を取得できません")
    await expect(page.locator("#row-1000012")).to_be_visible()
    async with desk.write() as db:
        await db.execute(text("ALTER TABLE gone RENAME TO callbacks"))
    await page.clock.run_for(LOOKS)
    await expect(notice).to_be_hidden()


async def test_a_session_that_ended_leads_to_the_login(
    desk: Store, browser: Browser, visitor: TestClient
) -> None:
    page = await alice_at(browser, visitor, DESK)
    await page.context.clear_cookies()
    await page.clock.run_for(LOOKS)
    await page.get_by_role("link", name="もう一度ログインしてください").click()
    await expect(page).to_have_title("ログイン")
