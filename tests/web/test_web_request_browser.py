"""The public form in a real Chromium: by the keyboard without JavaScript on a desk; on a telephone with axe, which needs it."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from playwright.async_api import Browser, Page, expect
from sqlalchemy import select

from ivr.store.database import Store
from ivr.store.tables import CallbackRow
from tests.web.chromium import DESK, TELEPHONE, complaints, watched
from tests.web.lines import Office
from tests.web.test_web_request import PAGE, WITH_FORM, add_agent, calls

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
SMALL = """() => [...document.querySelectorAll('a, button, input, select, textarea')]
  .filter(node => node.type != 'hidden' && !node.closest('.trap'))
  .map(node => ['checkbox', 'radio'].includes(node.type) ? node.labels[0] : node)
  .filter(node => node.tagName != 'A' && node.getBoundingClientRect().height < 48)
  .map(node => node.outerHTML)"""


async def customer_at(browser: Browser, visitor: TestClient[Any, Any], size: tuple[int, int]) -> Page:
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, java_script_enabled=size == TELEPHONE, locale="ja-JP"
    )
    page = await watched(context)
    await page.goto(str(visitor.make_url(PAGE)))
    return page


async def axe(page: Page) -> list[str]:
    """What it says against the page, in the rules of WCAG 2.2 AA."""
    await page.evaluate(AXE.read_text("utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    said = await page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
    assert len(said["passes"]) > 10, "axe looked at the page"
    return [f"{one['id']}: {node['html']}" for one in said["violations"] for node in one["nodes"]]


async def shot(page: Page, folder: Path, name: str) -> None:
    await page.screenshot(path=folder / f"{name}.png", full_page=True)


@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
async def test_a_customer_makes_a_mistake_puts_it_right_and_is_promised_a_call(
    office: Office,
    store: Store,
    browser: Browser,
    visitor: TestClient[Any, Any],
    tmp_path: Path,
    size: tuple[int, int],
) -> None:
    office.file("shop").write_text(WITH_FORM, "utf-8")
    assert await office.publish("test") == []
    await add_agent(store)
    async with store.write() as db:
        db.add_all([*calls("2026-11-23", 10, 12, None), *calls("2026-11-17", 14, 1, "busy", 3)])
        db.add_all([*calls("2026-11-19", 12, 2, None), *calls("2026-11-18", 11, 1, None, 3)])
    page = await customer_at(browser, visitor, size)
    await expect(page).to_have_title("お問い合わせ・折り返しのお申し込み｜山田商店")
    await shot(page, tmp_path, "form")
    assert await page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert await page.evaluate(SMALL) == []
    await page.get_by_label("お名前").fill("田中 花子")
    await page.keyboard.press("Tab")
    await page.keyboard.type("髙木商店")
    await page.get_by_label("折り返し先のお電話番号").fill("０１２０−１２３−４５６")
    await page.get_by_label("お電話での折返し案内を希望する").check()
    await page.get_by_label("今すぐ電話がほしい").check()
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("入力内容をご確認ください：お問い合わせ・折り返しのお申し込み｜山田商店")
    await shot(page, tmp_path, "mistakes")
    assert size == DESK or await axe(page) == []
    number = page.get_by_role("textbox", name="折り返し先のお電話番号")
    described = "フリーダイヤルなどの着信者負担の番号へは、お電話をおかけすることができません"
    await expect(number).to_have_accessible_description(re.compile(described))
    await expect(page.get_by_label("お名前")).to_have_value("田中 花子")
    await expect(page.get_by_label("今すぐ電話がほしい")).to_be_checked()
    await page.locator("#summary a", has_text="フリーダイヤル").press("Enter")
    await expect(number).to_be_focused()
    await number.fill("090-1234-5678")
    await page.get_by_label("ご用件").fill("管理画面にログインできません。\nパスワードは変えていません。")
    await page.get_by_label("個人情報の取扱いに同意する").check()
    await page.get_by_role("button", name="送信する").press("Enter")
    await expect(page.locator("h1")).to_have_text("折り返しのお電話を承りました")
    await shot(page, tmp_path, "received")
    assert size == DESK or await axe(page) == []
    async with store.read() as db:
        (row,) = (await db.scalars(select(CallbackRow))).all()
    await expect(page.locator(".ticket b")).to_have_text(row.ticket)
    await expect(page.locator(".promise")).to_contain_text("まもなく、担当者よりお電話いたします")
    assert await page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert [one for one in complaints(page) if "status of 422" not in one] == []
