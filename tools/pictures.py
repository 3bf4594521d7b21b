"""Takes the pictures of docs/agent again: .venv/bin/python -m tools.pictures

The pages are those of the tests' desk (tests/web/api_desk.py) with its clock stopped, in Debian's Chromium. The end of a talk is
written as the engine writes it.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer
from playwright.async_api import Browser, Page
from sqlalchemy import select

from ivr.callbacks import dialing
from ivr.settings import Settings, load
from ivr.store import agents, callbacks, dials
from ivr.store.database import Store
from ivr.store.migrate import migrate
from ivr.store.tables import ContactRow
from ivr.web.app import build_app
from ivr.web.keys import LINES
from tests.web.api_desk import furnish
from tests.web.chromium import TELEPHONE, launched, logged_in, watched
from tests.web.conftest import StoppedClock
from tests.web.desk import NOW, SESSION_KEY
from tests.web.lines import open_office
from tests.web.test_web_live import beats, crowd
from tests.web.test_web_request import WITH_FORM, calls

PICTURES = Path(__file__).parents[1] / "docs" / "agent" / "pictures"
DESK = (1120, 750)
FIRST, SECOND = "1000012", "1000067"


@asynccontextmanager
async def desk() -> AsyncIterator[tuple[Store, TestClient]]:
    with tempfile.TemporaryDirectory(prefix="ivr-pictures-") as made:
        names = {"IVR_DATA": "var", "IVR_DIALPLANS": "dialplans", "IVR_PROMPTS": "prompts"}
        settings: Settings = load({name: f"{made}/{folder}" for name, folder in names.items()})
        await asyncio.to_thread(migrate, settings.database_url)
        store, clock = await Store.open(settings.database_url), StoppedClock()
        office = await open_office(settings, store, clock)
        await furnish(store, settings)
        office.file("shop").write_text(WITH_FORM, "utf-8")
        assert await office.publish("test") == []
        await busy(store)
        async with TestClient(
            TestServer(build_app(store, settings, clock, session_key=SESSION_KEY))
        ) as client:
            yield store, client
        await store.close()


async def busy(store: Store) -> None:
    """Callers who wait, a week of calls, and who answers them."""
    await beats(store, {"shop": crowd(2, 1, 65)})
    async with store.write() as db:
        for day in range(18, 25):
            for hour in range(10, 17 if day < 24 else 11):
                cause = "busy" if hour == 12 else None
                db.add_all(calls(f"2026-11-{day}", hour, (day * 3 + hour * 5) % 7, cause, weeks=1))
        for name in ("alice", "sam"):
            (await agents.get(db, name)).groups = ["shop"]
        for one in await db.scalars(select(ContactRow).where(ContactRow.ticket != FIRST)):
            one.begun_at = one.created_at + timedelta(minutes=5)
        first = await callbacks.get(db, FIRST)
        first.name, first.company = "田中 一郎", "田中工業株式会社"


async def keep(page: Page, name: str, part: str = "", height: int | None = None) -> None:
    """The page as it is on the screen, or its upper part, or one element of it."""
    await page.evaluate("document.fonts.ready")
    path = PICTURES / f"{name}.png"
    if part:
        await page.locator(part).screenshot(path=path, animations="disabled", caret="hide")
    else:
        size = page.viewport_size
        assert size is not None
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"]}
        await page.screenshot(path=path, clip=clip, animations="disabled", caret="hide")  # type: ignore[arg-type]


async def of_an_agent(browser: Browser, client: TestClient, store: Store) -> None:
    page = await logged_in(browser, client, DESK, "alice", f"/callbacks/{FIRST}")
    await keep(page, "console", height=510)
    await page.keyboard.press("?")
    await keep(page, "keys", "#keys-help")
    await page.keyboard.press("Escape")
    await page.keyboard.press("c")
    await page.get_by_text("担当 alice").wait_for()
    await page.goto(str(client.make_url("/leave")))
    await keep(page, "leave", height=510)
    await page.goto(str(client.make_url(f"/callbacks/{FIRST}")))
    await page.locator("#act-offer > summary").click()
    await page.locator("#offer-to").select_option("sam")
    await page.locator("#offer-memo").fill("ログを確認済みです。設定の手順をご案内してください。")
    await keep(page, "handover", "#pane")
    await page.keyboard.press("Escape")
    await page.keyboard.press("d")
    await keep(page, "dial", "#pane")
    await page.keyboard.press("Enter")
    await page.get_by_text("先に、あなたの電話機が鳴ります。").wait_for()
    async with store.write() as db:
        key = (await dials.of_ticket(db, FIRST))[-1].key
        assert await dialing.answered(db, key, until=NOW + timedelta(minutes=5), now=NOW)
        policy = client.app[LINES].policy("shop")  # type: ignore[union-attr]
        await dialing.ended(db, key, None, policy=policy, now=NOW)
    await page.get_by_text("通話が終わりました。").first.wait_for()
    await page.keyboard.press("1")
    await keep(page, "result", "#pane")


async def on_a_telephone(browser: Browser, client: TestClient) -> None:
    page = await logged_in(browser, client, TELEPHONE, "sam", "/callbacks")
    await keep(page, "telephone-list")
    await page.goto(str(client.make_url(f"/callbacks/{SECOND}")))
    await keep(page, "telephone-ticket")
    customer = await watched(await browser.new_context(viewport={"width": 600, "height": 900}))
    await customer.goto(str(client.make_url("/request/shop")))
    await keep(customer, "form")


async def of_a_supervisor(browser: Browser, client: TestClient) -> None:
    page = await logged_in(browser, client, DESK, "sam", "/live")
    await keep(page, "live", height=640)
    await page.goto(str(client.make_url("/reports")))
    await keep(page, "reports", height=640)


async def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    async with desk() as (store, client), launched() as browser:
        await of_an_agent(browser, client, store)
        await on_a_telephone(browser, client)
        await of_a_supervisor(browser, client)


if __name__ == "__main__":
    asyncio.run(main())
