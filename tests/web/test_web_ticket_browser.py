"""One ticket in a real Chromium: two agents at it, a whole call by keys, a handover, taking back, and on a telephone."""

from pathlib import Path

from aiohttp.test_utils import TestClient
from playwright.async_api import Browser, Page, expect

from ivr.callbacks import dialing, edits
from ivr.callbacks.policy import Policy
from ivr.callbacks.who import Who
from ivr.dialplan.callbacks import CallbackRules
from ivr.settings import Settings
from ivr.store.database import Store
from tests.web.chromium import DESK, TELEPHONE, complaints, logged_in, press
from tests.web.tickets import ask, at, leave, made_dials, row_of
from tests.web.tickets import filled as filled
from tests.web.tickets import staffed as staffed

POLICY = Policy(CallbackRules(), lambda hours: None)


async def refreshed(page: Page) -> None:
    """What the page does by itself after half a minute, now."""
    await page.clock.fast_forward(31000)


async def test_two_agents_fight_for_a_ticket_and_hand_it_over(
    store: Store, browser: Browser, visitor: TestClient
) -> None:
    ticket = await ask(store, name="佐藤 花子", matter="決済の設定について")
    alice = await logged_in(browser, visitor, DESK, "alice", f"/callbacks/{ticket}")
    ben = await logged_in(browser, visitor, DESK, "ben", f"/callbacks/{ticket}")
    await alice.keyboard.press("c")
    await expect(alice.locator("#one-head")).to_contain_text("担当 alice")
    await ben.locator("#memo").fill("書きかけの")
    # He presses before his page has heard of it.
    await ben.locator(".act-claim").evaluate("form => form.requestSubmit()")
    await expect(ben.locator("#lost")).to_have_text("この折り返しは、aliceさんが担当しています。")
    await expect(ben.locator("#memo")).to_have_value("書きかけの")
    await expect(ben.locator("#one")).to_contain_text("aliceさんが担当しています。")
    await expect(ben.locator("[data-key=c]")).to_be_hidden()
    await alice.locator("#act-offer summary").click()
    await alice.get_by_label("引き継ぐ相手").first.select_option("ben")
    await alice.locator("#offer-memo").fill("ログの確認まで済みました")
    await alice.get_by_role("button", name="引き継ぎを依頼する").click()
    await refreshed(ben)
    await expect(ben.locator("#one-now")).to_contain_text("ログの確認まで済みました")
    await ben.get_by_role("button", name="引き受ける").click()
    await expect(ben.locator("#one-head")).to_contain_text("担当 ben")
    assert (await row_of(store, ticket)).agent == "ben"
    await refreshed(alice)
    await expect(alice.locator("#one")).to_contain_text("benさんが担当しています。")
    assert complaints(alice) == []
    assert [one for one in complaints(ben) if "409" not in one] == [], "a refusal is all that was said to ben"


async def test_a_call_by_eight_keys_and_what_was_typed_stays(
    store: Store, browser: Browser, visitor: TestClient, settings: Settings, tmp_path: Path
) -> None:
    ticket = await leave(
        store, settings, "m1", "ログインできません。山田です。", company="株式会社さくら商店", ago=60
    )
    other = await ask(store, "b", number="+81312345678", ago=5)
    page = await logged_in(browser, visitor, DESK, "alice", f"/callbacks/{ticket}")
    await page.keyboard.press("c")
    await expect(page.locator("#one-head")).to_contain_text("担当 alice")
    await press(page, "Space")
    await expect(page.locator("[data-part=play]")).to_have_attribute("data-state", "playing")
    await page.locator("#memo").fill("書きかけのメモ")
    async with store.write() as db:
        await edits.memo(db, ticket, "ほかの人のメモ", who=Who("ben", "shop"), now=at("2026-11-24T11:00"))
    await refreshed(page)
    await expect(page.locator("#history")).to_contain_text("ほかの人のメモ")
    await expect(page.locator("#memo")).to_have_value("書きかけのメモ")
    await page.locator("#one-heading").click()
    await page.keyboard.press("d")
    await expect(page.get_by_role("button", name="電話機で発信する")).to_be_focused()
    await page.screenshot(path=tmp_path / "ticket-dial.png")
    await page.keyboard.press("Enter")
    await expect(page.locator("#one-now")).to_contain_text("先に、あなたの電話機が鳴ります。")
    await expect(page.locator("#confirmed p")).to_be_hidden()
    await page.get_by_text("ご本人と確認").click()
    await expect(page.locator("#confirmed p")).to_contain_text("山田商店のaliceでございます。")
    await page.screenshot(path=tmp_path / "ticket-ringing.png")
    key = (await made_dials(store, ticket))[0].key
    async with store.write() as db:
        now = at("2026-11-24T11:01")
        assert await dialing.answered(db, key, until=at("2026-11-24T11:30"), now=now)
        await dialing.ended(db, key, None, policy=POLICY, now=now)
    await refreshed(page)
    first = page.locator("#act-result [name=result]").first
    await expect(first).to_be_focused()
    await page.keyboard.press("1")
    await expect(first).to_be_checked()
    await page.screenshot(path=tmp_path / "ticket-result.png")
    await page.locator("#note").fill("ご案内済み")
    await page.keyboard.press("Enter")
    await expect(page.locator("#one-heading")).to_have_text(f"受付番号 {other}")
    assert (await row_of(store, ticket)).state == "done"
    await expect(page.locator(".undo")).to_contain_text(f"受付番号 {ticket}：結果を記録しました")
    await press(page, "u")
    await expect(page.locator("#one-heading")).to_have_text(f"受付番号 {ticket}")
    await expect(page.locator("#act-result")).to_have_attribute("open", "")
    assert (await row_of(store, ticket)).state == "claimed"
    assert complaints(page) == []


async def test_on_a_telephone_by_hand_and_without_script(
    store: Store, browser: Browser, visitor: TestClient, settings: Settings, tmp_path: Path
) -> None:
    ticket = await leave(store, settings, "m1", "ログインできません。", name="山田 太郎")
    await leave(store, settings, "m2", "まだログインできません。", ago=5)
    page = await logged_in(browser, visitor, TELEPHONE, "alice", f"/callbacks/{ticket}", script=False)
    await page.get_by_role("button", name="担当する").click()
    await expect(page.locator("#one-head")).to_contain_text("担当 alice")
    for panel in ("act-dial", "act-result", "act-next", "act-offer", "act-more"):
        await page.locator(f"#{panel} > summary").click()
        await page.screenshot(path=tmp_path / f"{panel}.png")
        assert await page.evaluate("document.documentElement.scrollWidth") == TELEPHONE[0], panel
        box = "label:visible:has(input[type=checkbox], input[type=radio])"
        field = (
            "input:visible:not([type=checkbox], [type=radio], [type=range]), select:visible, textarea:visible"
        )
        for target in await page.locator(f"#one :is(button:visible, summary:visible, {box}, {field})").all():
            size = await target.bounding_box()
            assert size and size["height"] >= 48, (panel, await target.inner_text(), size)
        for text in await page.locator(f"#one :is({field})").all():
            assert await text.evaluate("node => parseFloat(getComputedStyle(node).fontSize)") >= 16
    await page.locator("#act-result > summary").click()
    await page.get_by_label("話中").check()
    await page.get_by_role("button", name="記録して、次へ").click()
    await expect(page.locator("#one-head")).to_contain_text("次回 今日 11:10")
    assert (await row_of(store, ticket)).state == "open"
