"""axe on the pages beside the console: nothing against WCAG 2.2 AA, on a desk and on a telephone."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from playwright.async_api import Browser

from tests.web.chromium import DESK, TELEPHONE, logged_in
from tests.web.lines import Office
from tests.web.test_web_request_browser import axe

PAGES = (
    *(
        "/live",
        "/reports",
        "/reports/months",
        "/supervise",
        "/lists/incoming",
        "/lists/outgoing",
        "/lists/dedicated",
    ),
    *("/account", "/account/factor", "/admin/users", "/admin/tokens", "/admin/audit", "/leave"),
    *("/admin/lines", "/admin/lines/shop", "/admin/lines/shop/closing", "/admin/lines/shop/hours"),
)
OPEN = ("/login", "/forgot")
ALIKE = (
    "/live",
    "/supervise",
    "/lists/incoming",
    "/account",
    "/admin/users",
)  # what a telephone shows otherwise


@pytest.mark.parametrize(("size", "pages"), [(DESK, PAGES), (TELEPHONE, ALIKE)], ids=["desk", "telephone"])
async def test_axe_finds_nothing(
    office: Office,
    browser: Browser,
    visitor: TestClient[Any, Any],
    size: tuple[int, int],
    pages: tuple[str, ...],
) -> None:
    found: list[str] = []
    page = await logged_in(browser, visitor, size, "root", pages[0])
    for path in pages:
        answer = await page.goto(str(visitor.make_url(path)))
        assert answer is not None and answer.ok, path
        found += [f"{path} {one}" for one in await axe(page)]
    await page.context.close()
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = await context.new_page()
    for path in OPEN:
        await page.goto(str(visitor.make_url(path)))
        found += [f"{path} {one}" for one in await axe(page)]
    await context.close()
    assert found == []
