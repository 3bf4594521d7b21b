"""The console in a real Chromium: three panes, one on a telephone, nothing jumps, told by the server, broken connections,
the keyboard with a Japanese input method, and what axe says of every page."""

import json
import re
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from playwright.async_api import Browser, Page, Route, expect

from ivr.callbacks import edits
from ivr.callbacks.who import SYSTEM
from ivr.settings import Settings
from ivr.store import audit
from ivr.store.database import Store
from ivr.web.app import build_app
from tests.ports import free_port
from tests.web.chromium import DESK, TELEPHONE, comes_true, complaints, logged_in
from tests.web.conftest import StoppedClock
from tests.web.desk import NOW, SESSION_KEY, add_callback

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
AT_ONCE = (
    20_000  # milliseconds: less than the 30 s after which a page that is told everything looks by itself
)
TOLD = "接続が不安定です。5秒ごとに更新しています。"


async def add(store: Store, settings: Settings, ticket: str, due: int = -30) -> None:
    async with store.write() as db:
        more: dict[str, Any] = {"text": "新しい用件です。"}
        await add_callback(
            db, settings.recordings, ticket, "open", "busy", "+819055556666", None, due, 0, more
        )


async def top_of(page: Page, selector: str) -> float:
    found: float = await page.locator(selector).evaluate("node => node.getBoundingClientRect().top")
    return found


async def box(page: Page, selector: str) -> dict[str, float]:
    found = await page.locator(selector).bounding_box()
    assert found is not None, selector
    return dict(found)


async def told(page: Page) -> None:
    """From now on what appears AT_ONCE was said by the server."""
    await comes_true(page, "told && !looking")


async def focused(page: Page) -> str:
    found: str = await page.evaluate("document.activeElement.id")
    return found


async def looked_at(store: Store) -> set[str]:
    async with store.read() as db:
        return {
            row.about
            for row in await audit.listing(db, tenant=None, who="alice")
            if (row.what, row.kind) == ("view", "callback")
        }


async def test_three_panes_stand_side_by_side_and_nothing_jumps_when_work_arrives(
    desk: Store, browser: Browser, visitor: TestClient, settings: Settings
) -> None:
    page = await logged_in(browser, visitor, (1280, 500), "alice", "/callbacks")
    filters, rows, ticket = [await box(page, one) for one in ("#filters", "#list", "#pane")]
    assert filters["x"] + filters["width"] <= rows["x"] < rows["x"] + rows["width"] <= ticket["x"]
    assert (
        ticket["x"] + ticket["width"] <= 1280 and min(filters["width"], rows["width"], ticket["width"]) > 150
    )
    assert await page.evaluate("document.scrollingElement.scrollHeight <= innerHeight"), (
        "each pane scrolls by itself"
    )
    await expect(page.locator("#row-1000012 a")).to_have_attribute("aria-current", "true")
    await expect(page.locator("#pane")).to_contain_text("受付番号 1000012")

    await page.locator("#memo").fill("書きかけ")
    await page.locator("#link-1000078").focus()
    before = await top_of(page, "#link-1000078")
    await told(page)
    await add(desk, settings, "1999991")  # above what is being read
    await expect(page.locator("#todo-rows > li").first).to_have_attribute(
        "id", "row-1999991", timeout=AT_ONCE
    )
    await expect(page).to_have_title("(11) 折り返し")
    await expect(page.locator("#live-status")).to_have_text("新しい折り返しが1件あります")
    assert abs(await top_of(page, "#link-1000078") - before) < 2
    assert await focused(page) == "link-1000078"
    await expect(page.locator("#memo")).to_have_value("書きかけ")
    await expect(page.locator("#pane")).to_contain_text("受付番号 1000012")

    async with desk.write() as db:  # what happens to the ticket that is open shows in its pane
        await edits.memo(db, "1000012", "折り返し済みとのこと", who=SYSTEM, now=NOW)
    await expect(page.locator("#pane")).to_contain_text("折り返し済みとのこと", timeout=AT_ONCE)
    assert await looked_at(desk) == {"1000012"}
    assert complaints(page) == []


async def test_one_pane_stands_after_the_other_on_a_telephone(
    desk: Store, browser: Browser, visitor: TestClient, settings: Settings
) -> None:
    page = await logged_in(browser, visitor, TELEPHONE, "alice", "/callbacks")
    await expect(page.locator("#list")).to_be_visible()
    await expect(page.locator("#pane")).to_be_hidden()
    await told(page)
    async with desk.write() as db:  # of the ticket that a wide screen would show
        await edits.memo(db, "1000012", "折り返し済みとのこと", who=SYSTEM, now=NOW)
    await add(desk, settings, "1999992", 3000)
    await expect(page.locator("#row-1999992")).to_be_visible(timeout=AT_ONCE)
    pages = await box(page, ".bar .pages")
    assert pages["y"] + pages["height"] == TELEPHONE[1] and pages["width"] == TELEPHONE[0]
    await too_small(page)
    await page.get_by_role("link", name="絞り込み").click()
    await expect(page.locator("#list")).to_be_hidden()
    await too_small(page)
    await page.get_by_role("link", name=re.compile("お客様待ち|期限間近")).first.click()
    await expect(page.locator("#todo-rows > li")).to_have_count(2)
    await page.locator("#link-1000023").click()
    await expect(page.locator("#pane")).to_contain_text("受付番号 1000023")
    await expect(page.locator("#list")).to_be_hidden()
    await expect(page.locator(".bar .pages")).to_be_hidden()
    await page.wait_for_load_state()
    await too_small(page)
    await page.get_by_role("link", name="一覧へ戻る").click()
    await expect(page.locator("#todo-rows > li")).to_have_count(2)
    assert await looked_at(desk) == {"1000023"}, "what nobody could see is not noted as looked at"
    for ticket in ("1000012", "1000067", "1000112"):
        await page.goto(str(visitor.make_url(f"/callbacks/{ticket}")))
        await too_small(page)
    assert complaints(page) == []


async def too_small(page: Page) -> None:
    """Fails for a target under 48 px, a field under 16 px, and what is wider than the screen."""
    assert await page.evaluate("document.documentElement.scrollWidth") == TELEPHONE[0]
    small = await page.evaluate(
        """() => [...document.querySelectorAll("a, button, summary, select, input, textarea")]
        .filter((one) => one.checkVisibility() && !one.matches(".skip, .unseen, [type=hidden], [type=range]"))
        .map((one) => [one, (one.matches("[type=checkbox], [type=radio]") ? one.closest("label") : one).getBoundingClientRect()])
        .filter(([one, box]) => box.height < 47.9 ||
          (one.matches("input:not([type=checkbox], [type=radio]), textarea, select") && parseFloat(getComputedStyle(one).fontSize) < 16))
        .map(([one, box]) => one.outerHTML.slice(0, 120) + " " + box.height)"""
    )
    assert small == [], page.url


async def test_a_broken_connection_says_so_and_a_restart_beneath_the_page_heals(
    desk: Store, browser: Browser, settings: Settings, clock: StoppedClock
) -> None:
    def app() -> web.Application:
        return build_app(desk, settings, clock, session_key=SESSION_KEY)

    port = free_port()  # for two servers, one after the other
    async with TestClient(TestServer(app(), port=port)) as client:
        page = await logged_in(browser, client, DESK, "alice", "/callbacks")
        notice = page.locator("#live-notice")

        async def refused(route: Route) -> None:
            await route.abort()

        await page.route("**/callbacks/stream", refused)  # a proxy that does not let streams through
        await page.reload()
        await add(desk, settings, "1999991")
        await page.clock.run_for(5500)
        await expect(notice).to_have_text(TOLD)
        await expect(page.locator("#row-1999991")).to_be_visible()
        await page.unroute("**/callbacks/stream")
        await page.clock.run_for(5500)
        await expect(notice).to_be_hidden()
        await page.locator("#memo").fill("書きかけ")
    await page.clock.run_for(6000)
    await expect(notice).to_contain_text("最新の状態を取得できません")
    await expect(page.locator("#row-1000012")).to_be_visible()
    await add(desk, settings, "1999992", -40)
    async with TestClient(TestServer(app(), port=port)):
        for _ in range(4):
            await page.clock.run_for(5500)
        await expect(notice).to_be_hidden()
        await expect(page.locator("#row-1999992")).to_be_visible()
        await expect(page.locator("#memo")).to_have_value("書きかけ")
        await told(page)
        await add(desk, settings, "1999993", -50)
        await expect(page.locator("#row-1999993")).to_be_visible(timeout=AT_ONCE)


# -- the keyboard -------------------------------------------------------------------------------


async def test_the_list_is_worked_by_keys_also_with_an_input_method_on(
    desk: Store, browser: Browser, visitor: TestClient
) -> None:
    page = await logged_in(browser, visitor, DESK, "alice", "/callbacks")
    await page.keyboard.press("j")
    assert await focused(page) == "link-1000023", "the one after the one that is open"
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    assert await focused(page) == "link-1000023"
    await page.keyboard.press("Enter")
    await expect(page.locator("#pane")).to_contain_text("受付番号 1000023")
    await page.wait_for_load_state()
    devtools = await page.context.new_cdp_session(page)
    key = {"type": "rawKeyDown", "key": "Process", "code": "KeyJ", "windowsVirtualKeyCode": 229}
    await devtools.send("Input.dispatchKeyEvent", key)
    assert await focused(page) == "link-1000090", "the letter is read by its place"
    await page.keyboard.press("Control+j")
    assert await focused(page) == "link-1000090"

    await page.keyboard.press("n")
    memo = page.locator("[data-key=n]")
    await expect(memo).to_be_focused()
    await page.keyboard.type("jk?")
    await expect(memo).to_have_value("jk?")
    await expect(page.locator("#keys-help")).to_be_hidden()

    await page.locator("#link-1000012").focus()
    await page.keyboard.press("?")
    await expect(page.locator("#keys-help")).to_be_visible()
    await page.get_by_label("キー操作を使う").uncheck()
    await page.keyboard.press("Escape")
    await page.reload(wait_until="load")
    await page.keyboard.press("j")
    assert await focused(page) == "", "they are off, and this is remembered"
    await page.locator("[data-keys-help]").click()
    await page.get_by_label("キー操作を使う").check()
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    assert (await focused(page)).startswith("link-")
    assert complaints(page) == []


async def test_the_enter_that_confirms_a_conversion_sends_nothing(
    desk: Store, browser: Browser, visitor: TestClient
) -> None:
    page = await logged_in(browser, visitor, DESK, "alice", "/callbacks")
    await page.locator("#q").focus()
    devtools = await page.context.new_cdp_session(page)
    composed = {"text": "はいそう", "selectionStart": 4, "selectionEnd": 4}
    await devtools.send("Input.imeSetComposition", composed)
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229, "text": "\r"}
    await devtools.send("Input.dispatchKeyEvent", {"type": "keyDown", **enter})
    await devtools.send("Input.insertText", {"text": "配送"})
    # As Safari tells it: after the composition has ended.
    await devtools.send("Input.dispatchKeyEvent", {"type": "keyDown", **enter})
    await expect(page.locator("#q")).to_have_value("配送")
    assert page.url.endswith("/callbacks")
    await page.keyboard.press("Enter")
    await expect(page.locator("#handled-rows > li")).to_have_count(1)
    assert page.url.endswith("/callbacks?q=%E9%85%8D%E9%80%81")


# -- for everybody ------------------------------------------------------------------------------


async def test_axe_finds_nothing(desk: Store, browser: Browser, visitor: TestClient) -> None:
    page = await logged_in(browser, visitor, DESK, "alice", "/callbacks")
    for place in ("/callbacks/1000067", "/callbacks?q=zzz", "/silent"):
        await page.goto(str(visitor.make_url(place)))
        await clean(page)
    await page.goto(str(visitor.make_url("/callbacks")))
    await page.locator("#act-more > summary").click()
    await clean(page)
    await page.locator("[data-keys-help]").click()
    await clean(page)
    await page.set_viewport_size({"width": TELEPHONE[0], "height": TELEPHONE[1]})
    for place in ("/callbacks", "/callbacks#filters", "/callbacks/1000112"):
        await page.goto(str(visitor.make_url(place)))
        # What lies half beneath the bar at the foot is measured as small; at the end of the page nothing does.
        await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        await clean(page)


async def clean(page: Page) -> None:
    await page.evaluate(AXE.read_text("utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    said = await page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
    found = [
        (one["id"], node["target"], node["failureSummary"])
        for one in said["violations"]
        for node in one["nodes"]
    ]
    assert len(said["passes"]) > 10, "axe looked at the page"
    assert found == [], (page.url, json.dumps(found, ensure_ascii=False, indent=1))
