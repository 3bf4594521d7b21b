"""The editor in a real Chromium: a mistake shown at its line, mended, compared, tried, published, taken back."""

from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from playwright.async_api import Browser, Page, expect

from tests.dialplans import SHOP, changed
from tests.web.chromium import DESK, TELEPHONE, complaints, log_in, logged_in
from tests.web.conftest import StoppedClock
from tests.web.lines import Office

EDIT = "/admin/lines/shop/edit"
THANKS = changed("お電話ありがとうございました。", "お電話、誠にありがとうございました。")
PAUSE = 600  # milliseconds; the text is checked when nobody has typed for 500


async def line_of(page: Page, words: str) -> None:
    """Puts the cursor at the end of the line that holds `words`."""
    await page.locator(".cm-line", has_text=words).click()
    await page.keyboard.press("End")


async def back(page: Page, times: int) -> None:
    for _ in range(times):
        await page.keyboard.press("Backspace")


async def typed(page: Page) -> str:
    """What the editor holds, as the form would send it."""
    script = "new FormData(document.getElementById('edit-form')).get('text')"
    return str(await page.evaluate(script))


@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
async def test_from_a_mistake_to_a_version_and_back(
    office: Office, browser: Browser, visitor: TestClient, tmp_path: Path, size: tuple[int, int]
) -> None:
    page = await logged_in(browser, visitor, size, "carol", EDIT)
    count = page.locator("#problem-count")
    await expect(count).to_have_text("問題はありません")

    # a mistake, told at its line while one types
    await line_of(page, "max_wait: 2m")
    await page.keyboard.type("x")
    await page.clock.run_for(PAUSE)
    await expect(count).to_have_text("エラー 1件：このままでは公開できません")
    place = page.locator("#problems a.place")
    await expect(place).to_have_text("dialplans/shop.yaml:25:15")
    await expect(page.locator(".cm-lintRange-error")).to_have_text("2mx")
    await page.screenshot(path=tmp_path / "mistake.png", full_page=True)

    # from the list to the place, by the keyboard; mended
    await page.keyboard.press("Control+Home")
    await place.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".cm-content")).to_be_focused()
    await page.keyboard.press("Delete")
    await page.keyboard.type("3")
    await page.keyboard.press("End")
    await page.keyboard.press("Backspace")
    await page.clock.run_for(PAUSE)
    await expect(count).to_have_text("問題はありません")
    await expect(page.locator(".cm-lintRange-error")).to_have_count(0)
    wanted = changed("max_wait: 2m", "max_wait: 3m")
    assert (await typed(page)).replace("\r\n", "\n") == wanted

    # what is different, and how it would go
    await page.get_by_role("button", name="違いを見る").click()
    await expect(page.locator(".difference .removed")).to_have_text("-    max_wait: 2m")
    await expect(page.locator(".difference .added")).to_have_text("+    max_wait: 3m")
    await page.locator("#simulate summary").click()
    await page.get_by_label("押すキー").fill("#1")
    await page.get_by_label("オペレーター").select_option("全員が通話中")
    await page.get_by_label("発信音の後に話す言葉").fill("田中です")
    await page.keyboard.press("Enter")
    await expect(page.locator(".transcript-lines")).to_contain_text("you say 「田中です」")
    await page.screenshot(path=tmp_path / "tried.png", full_page=True)
    assert office.file("shop").read_text("utf-8") == SHOP

    # live, and back
    await page.get_by_label("変更の理由").fill("もう少し待っていただく")
    async with office.working():
        await page.get_by_role("button", name="公開する").click()
        await expect(page.get_by_role("heading", name="公開しました")).to_be_visible()
        assert office.file("shop").read_text("utf-8") == wanted
        assert await office.source("shop") == wanted
        await page.get_by_role("link", name="版の履歴を見る").click()
        rows = page.locator(".versions tbody tr")
        await expect(rows.nth(0)).to_contain_text("もう少し待っていただく")
        await page.screenshot(path=tmp_path / "versions.png", full_page=True)
        await rows.nth(1).get_by_role("link").click()
        await page.get_by_label("戻す理由").fill("長すぎた")
        await page.get_by_role("button", name="この版に戻す").click()
        await expect(rows.nth(0)).to_contain_text("長すぎた")
    assert await office.source("shop") == SHOP
    assert complaints(page) == []


async def test_everything_works_without_javascript(
    office: Office, browser: Browser, visitor: TestClient
) -> None:
    page = await logged_in(browser, visitor, DESK, "carol", EDIT, script=False)
    area = page.get_by_label("コールフロー")
    assert await area.input_value() == SHOP
    await area.fill(THANKS.replace("start: office", "start: ofice"))
    await page.get_by_role("button", name="確認する").click()
    await expect(page.locator("#problems")).to_contain_text('did you mean "office"?')
    await area.fill(THANKS)
    await page.get_by_role("button", name="違いを見る").click()
    await expect(page.locator(".difference .added")).to_have_count(1)
    await page.locator("#simulate summary").click()
    await page.get_by_label("押すキー").fill("#1")
    await page.locator("#simulate button").click()
    await expect(page.locator(".transcript-lines")).to_contain_text("you press #1")
    await page.get_by_role("button", name="公開する").click()
    await expect(page.get_by_role("heading", name="公開しています…")).to_be_visible()
    async with office.working():
        await expect(page.get_by_role("heading", name="公開しました")).to_be_visible()
    assert await office.source("shop") == THANKS


async def test_a_draft_outlives_a_login_that_ended(
    office: Office, browser: Browser, visitor: TestClient, clock: StoppedClock
) -> None:
    page = await logged_in(browser, visitor, DESK, "carol", EDIT)
    await line_of(page, "capacity: 2")
    await page.keyboard.type(" # 覚え書き")
    await page.context.clear_cookies()
    await page.clock.run_for(PAUSE)
    notice = page.locator("#live-notice")
    await expect(notice).to_contain_text("ログインの有効期限が切れました。書きかけは残っています。")
    await page.reload()
    await log_in(page, "carol")
    await page.get_by_role("button", name="書きかけに戻す").click()
    assert (await typed(page)).replace("\r\n", "\n") == changed("capacity: 2", "capacity: 2 # 覚え書き")


async def test_the_keyboard_leaves_the_editor(office: Office, browser: Browser, visitor: TestClient) -> None:
    """WCAG 2.1.2: no trap. Tab does not indent."""
    page = await logged_in(browser, visitor, DESK, "carol", EDIT)
    await page.locator(".cm-content").focus()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="確認する")).to_be_focused()
    editor = page.get_by_role("textbox", name="コールフロー")
    await expect(editor).to_have_attribute("aria-describedby", "problem-count")


async def test_nothing_is_too_small_or_too_wide_on_a_telephone(
    office: Office, browser: Browser, visitor: TestClient
) -> None:
    page = await logged_in(browser, visitor, TELEPHONE, "carol", "/admin/lines")
    version = (await office.hashes())["shop"]
    for path in ("", "/shop", "/shop/edit", "/shop/versions", f"/shop/versions/{version}"):
        await page.goto(str(visitor.make_url(f"/admin/lines{path}")))
        assert await page.evaluate("document.documentElement.scrollWidth") == TELEPHONE[0], path
        targets = page.locator("a:visible:not(.skip), button:visible, input:visible, select:visible")
        assert await targets.count() > 3
        for target in await targets.all():
            box = await target.bounding_box()
            assert box and box["height"] >= 48, (path, await target.inner_text(), box)


async def test_a_closing_and_its_end_are_in_sight_on_a_telephone(
    office: Office, browser: Browser, visitor: TestClient
) -> None:
    page = await logged_in(browser, visitor, TELEPHONE, "carol", "/admin/lines/shop/closing")
    await page.get_by_label("理由").fill("インフルエンザの流行")
    await page.get_by_role("button", name="臨時休業にする").click()
    ends = page.get_by_role("button", name="営業を再開する")
    await expect(ends).to_be_visible()
    await page.wait_for_load_state()
    box = await ends.bounding_box()
    assert box and box["x"] + box["width"] <= TELEPHONE[0], box
    assert await page.evaluate("document.documentElement.scrollWidth") == TELEPHONE[0]
