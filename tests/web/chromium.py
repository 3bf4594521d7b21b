"""Debian's Chromium, on a desk and on a telephone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.web.desk import PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESK, TELEPHONE = (1280, 800), (390, 844)
PATIENCE = 60_000  # milliseconds; the machine may be busy, and only a failure waits for so long
expect.set_options(timeout=PATIENCE)


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    if not CHROMIUM.exists():  # noqa: ASYNC240
        pytest.fail(f"{CHROMIUM} is missing: run script/setup --dev")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


async def watched(context: BrowserContext) -> Page:
    """What the browser's console says is kept for `complaints`."""
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    page.complaints = []  # type: ignore[attr-defined]
    page.on("console", lambda message: page.complaints.append(message.text))  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.complaints.append(str(error)))  # type: ignore[attr-defined]
    return page


async def logged_in(
    browser: Browser, visitor: TestClient, size: tuple[int, int], name: str, path: str, *, script: bool = True
) -> Page:
    """At `path`."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, java_script_enabled=script
    )
    page = await watched(context)
    await page.clock.install()
    await page.goto(str(visitor.make_url(path)))
    await log_in(page, name)
    return page


async def log_in(page: Page, name: str) -> None:
    """By the keyboard, to where the login leads."""
    await expect(page.get_by_label("ユーザー名")).to_be_focused()  # which may come some time after the page
    await page.keyboard.type(name)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).not_to_have_title("ログイン")
    await page.wait_for_load_state()  # its style, too: until then nothing is where it will be


async def press(page: Page, key: str) -> None:
    """As soon as the page that stands there hears keys: its words are seen before its scripts have come."""
    await page.wait_for_load_state()
    await page.keyboard.press(key)


async def comes_true(page: Page, expression: str, argument: object = None) -> None:
    """Asked from here again and again: the pages' policy forbids Playwright to ask in them."""
    async with asyncio.timeout(60):
        while not await page.evaluate(expression, argument):
            await page.wait_for_timeout(50)


def complaints(page: Page) -> list[str]:
    """Errors, and what the policy forbade."""
    return page.complaints  # type: ignore[attr-defined, no-any-return]
