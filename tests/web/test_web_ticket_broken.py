"""The forms of a ticket over a slow line and one that breaks: what the server has done is done once, and what was typed stays."""

import asyncio

from aiohttp.test_utils import TestClient
from playwright.async_api import Browser, Request, Route, expect

from ivr.store.database import Store
from tests.web.chromium import DESK, log_in, logged_in
from tests.web.conftest import form_token
from tests.web.tickets import alice as alice
from tests.web.tickets import ask, history, made_dials, row_of
from tests.web.tickets import filled as filled
from tests.web.tickets import staffed as staffed


async def test_a_form_that_is_sent_twice_at_once_is_done_once(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    token = await form_token(alice, "/callbacks/0")

    async def twice(action: str, **form: str) -> list[int]:
        version = str((await row_of(store, ticket)).version)
        data = {"token": token, "version": version, **form}
        path = f"/callbacks/{ticket}/{action}"
        answers = await asyncio.gather(*(alice.post(path, data=data, allow_redirects=False) for _ in "12"))
        return sorted(answer.status for answer in answers)

    assert await twice("claim") == [303, 303]
    assert await twice("memo", memo="確認済み") == [303, 303]
    assert await twice("dial", key="0" * 32, to="telephone") == [303, 303]
    assert await twice("result", result="busy") == [303, 409]
    told = [what for _, what, _ in await history(store, ticket)]
    assert told[told.index("memo") :] == ["memo", "dial", "result"]
    assert len(await made_dials(store, ticket)) == 1


async def test_a_line_that_breaks_after_the_server_has_done_it(
    store: Store, browser: Browser, visitor: TestClient
) -> None:
    ticket = await ask(store)
    page = await logged_in(browser, visitor, DESK, "alice", f"/callbacks/{ticket}")
    arrived: list[Request] = []

    async def breaks(route: Route) -> None:
        await route.fetch(max_redirects=0)
        arrived.append(route.request)
        await route.abort("connectionreset")

    await page.route("**/memo", breaks)
    await page.locator("#memo").fill("折り返しは午後を希望")
    await page.get_by_role("button", name="メモを残す").click()
    await expect(page.locator("#memo")).to_have_count(0)  # the browser's own page says that the line broke
    assert len(arrived) == 1
    assert [what for _, what, _ in await history(store, ticket)] == ["memo"]
    await page.unroute("**/memo")
    await page.goto(str(visitor.make_url(f"/callbacks/{ticket}")))
    await expect(page.locator("#history")).to_contain_text("折り返しは午後を希望")
    await page.locator("#memo").fill("折り返しは午後を希望")  # by somebody who has not looked
    await page.get_by_role("button", name="メモを残す").click()
    await expect(page.locator("#memo")).to_have_value("")
    assert [what for _, what, _ in await history(store, ticket)] == ["memo"]


async def test_what_was_typed_stays_while_the_line_is_away(
    store: Store, browser: Browser, visitor: TestClient
) -> None:
    ticket = await ask(store)
    page = await logged_in(browser, visitor, DESK, "alice", f"/callbacks/{ticket}")

    async def away(route: Route) -> None:
        await route.abort("internetdisconnected")

    await page.route("**/memo", away)
    await page.locator("#memo").fill("書きかけの長いメモ")
    await page.get_by_role("button", name="メモを残す").click()
    await expect(page.locator("#memo")).to_have_count(0)
    assert await history(store, ticket) == []
    await page.unroute("**/memo")
    await page.go_back()
    await expect(page.locator("#memo")).to_have_value("書きかけの長いメモ")
    await page.get_by_role("button", name="メモを残す").click()
    await expect(page.locator("#history")).to_contain_text("書きかけの長いメモ")
    assert [what for _, what, _ in await history(store, ticket)] == ["memo"]


async def test_a_slow_line_and_a_login_that_ends_beneath_the_page(
    store: Store, browser: Browser, visitor: TestClient
) -> None:
    ticket = await ask(store)
    page = await logged_in(browser, visitor, DESK, "alice", f"/callbacks/{ticket}")
    devtools = await page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 10_000}
    await devtools.send("Network.emulateNetworkConditions", slow)
    await page.locator("#memo").fill("午後に折り返し")
    await page.get_by_role("button", name="メモを残す").dblclick()  # by somebody who sees nothing happen
    await expect(page.locator("#history")).to_contain_text("午後に折り返し")
    assert [what for _, what, _ in await history(store, ticket)] == ["memo"]
    await expect(page.locator("#memo")).to_have_value("")

    # Until the script came, too: it is slow like the rest.
    look = "done => { const look = () => sessionStorage.getItem('sent') ? setTimeout(look, 50) : done(); look(); }"
    await page.evaluate(f"() => new Promise({look})")
    await page.locator("#memo").fill("ログインが切れた後のメモ")
    await page.context.clear_cookies()
    await page.get_by_role("button", name="メモを残す").click()
    await expect(page).to_have_title("ログイン")
    await log_in(page, "alice")
    await expect(page.locator("#memo")).to_have_value("ログインが切れた後のメモ")
    assert page.url.endswith(f"/callbacks/{ticket}")
    await page.get_by_role("button", name="メモを残す").click()
    await expect(page.locator("#history")).to_contain_text("ログインが切れた後のメモ")
    await expect(page.locator("#memo")).to_have_value("")
