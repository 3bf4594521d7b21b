"""What a supervisor sees of the running day, and that it never shows what nobody knows."""

import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from playwright.async_api import Browser, Page, expect

from ivr.store import agents, callbacks, calls, health
from ivr.store.database import Store
from tests.store import rows
from tests.web.chromium import DESK, TELEPHONE, complaints, logged_in
from tests.web.conftest import Login, StoppedClock
from tests.web.desk import NOW
from tests.web.lines import Office

ENGINE = {"calls": 5, "lines": 2, "draining": False}


def words(html: str) -> str:
    """One blank between what stands in different elements."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def part(html: str, id: str) -> str:
    """The words of the element with this id, to the end of it or of its row."""
    found = re.search(rf'<(\w+)[^>]* id="{id}".*?</\1>', html, re.DOTALL)
    assert found, id
    return words(found[0])


async def page(client: TestClient) -> str:
    answer = await client.get("/live")
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def beats(
    store: Store, queues: dict[str, Any], *, ok: bool = True, ago: int = 0, **detail: Any
) -> None:
    async with store.write() as session:
        at = NOW - timedelta(seconds=ago)
        await health.beat(session, "engine", at, ok=ok, detail={**ENGINE, "queues": queues, **detail})


def crowd(waiting: int, talking: int, seconds: int) -> dict[str, Any]:
    return {"waiting": waiting, "talking": talking, "since": (NOW - timedelta(seconds=seconds)).isoformat()}


@pytest.fixture
async def day(office: Office) -> Office:
    """A Tuesday morning of the line `shop`, beside the one of another company."""
    store = office.store
    await beats(store, {"shop": crowd(2, 1, 65), "sakura": crowd(7, 0, 600)})
    midnight = NOW.replace(hour=0, minute=0)
    ended = [
        *(("answered", None, NOW - timedelta(minutes=n)) for n in range(6)),
        ("message", "busy", NOW - timedelta(hours=1)),
        ("abandoned", "no_answer", NOW - timedelta(hours=1)),
        ("message", "closed", midnight),
        ("answered", None, midnight - timedelta(minutes=5)),
    ]
    async with store.write() as session:
        for number, (outcome, cause, at) in enumerate(ended):
            of = {"line": "shop", "tenant": "shop", "started_at": at, "ended_at": at + timedelta(seconds=30)}
            await calls.save(session, [rows.call(f"c{number}", outcome=outcome, cause=cause, **of)])
        for name, tenant, group in (
            ("aiko", "shop", "shop"),
            ("ben", "shop", "shop"),
            ("otto", "sakura", "x"),
        ):
            place = {"groups": [group], "endpoint": f"PJSIP/{name}", "secret": "x", "tenant": tenant}
            await agents.add(session, name, **place, at=NOW - timedelta(minutes=3))  # type: ignore[arg-type]
        await agents.set_state(session, "ben", "away", "会議", NOW - timedelta(minutes=2))
        dues = {"1": -600, "2": -1, "3": 1700, "4": 1900}
        for ticket, seconds in dues.items():
            of = {"line": "shop", "tenant": "shop", "due_at": NOW + timedelta(seconds=seconds)}
            await callbacks.insert(session, rows.callback(ticket, **of), who="x", at=NOW)
        await callbacks.insert(
            session,
            rows.callback("5", line="sakura", tenant="sakura", due_at=NOW - timedelta(days=1)),
            who="x",
            at=NOW,
        )
    return office


async def test_the_day_at_a_glance(day: Office, login: Login) -> None:
    html = await page(await login("sam"))
    tiles = part(html, "tiles")
    assert "お待ちの方 2 人" in tiles and "最長の待ち時間 1分05秒" in tiles
    assert "受付可のオペレーター 1 人 2人中" in tiles
    assert "期限を過ぎた折り返し 2 件 30分以内 1件" in tiles
    # six of eight who wanted somebody; the closed hours count for nobody, nor does yesterday
    assert "応答率（今日） 75% 6/8件" in tiles and "放棄率（今日） 12% 1/8件" in tiles
    # waiting, longest, talking, free, overdue, near, calls, rates
    assert part(html, "line-shop").endswith("2 1分05秒 1 1 2 1 9 75% 12%")
    assert part(html, "seat-ben").startswith("ben ○ 離席 会議 2分00秒 shop")
    assert part(html, "seat-aiko").startswith("aiko ● 受付可 3分00秒")
    assert 'role="alert">電話' not in html


async def test_another_company_is_behind_the_wall(day: Office, login: Login) -> None:
    html = await page(await login("sam"))
    for secret in ("さくら", "sakura", "otto", "10分00秒"):
        assert secret not in html, secret
    html = await page(await login("root"))
    assert "お待ちの方 9 人" in part(html, "tiles") and "otto" in html


async def test_how_the_carriers_stand_is_for_who_sees_every_company(day: Office, login: Login) -> None:
    refused = {"state": "refused", "reason": "ユーザー名またはパスワードが違います。"}
    detail = {"hikari": {"state": "registered", "reason": ""}, "account": refused}
    async with day.store.write() as session:
        await health.beat(session, "trunks", NOW, ok=False, detail=detail)
    html = await page(await login("root"))
    assert part(html, "trunk-hikari") == "hikari 登録済み"
    assert part(html, "trunk-account") == "account 登録を断られました ユーザー名またはパスワードが違います。"
    assert "外線" not in await page(await login("sam"))


async def test_agents_are_told_that_it_is_for_supervisors(
    office: Office, login: Login, visitor: TestClient
) -> None:
    answer = await visitor.get("/live", allow_redirects=False)
    assert answer.headers["Location"].startswith("/login")
    answer = await (await login("alice")).get("/live")
    assert answer.status == 403 and "管理者用です" in await answer.text()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ago": 4}, "電話の受付が応答していません。"),
        ({"ok": False}, "接続が切れています。"),
        (None, "電話の受付が応答していません。"),
    ],
)
async def test_a_dead_engine_shows_no_old_numbers(
    day: Office, login: Login, given: dict[str, Any] | None, said: str, clock: StoppedClock
) -> None:
    if given is None:  # it wrote before, and time went on
        clock.at = NOW + timedelta(minutes=1)
    else:
        await beats(day.store, {"shop": crowd(2, 1, 65)}, **given)
    html = await page(await login("sam"))
    assert said in part(html, "engine")
    assert "お待ちの方 不明" in part(html, "tiles") and "最長の待ち時間 不明" in part(html, "tiles")
    assert "不明 不明 不明 不明" in part(html, "line-shop") and "1分05秒" not in html
    assert "受付可のオペレーター 不明" in part(html, "tiles") and "電話に出られる人数は分かりません" in html
    assert "電話機の登録状況は、最後に報告されたものです" in part(html, "seat-counts")
    assert "期限を過ぎた折り返し 2 件" in part(html, "tiles"), "what the store knows is shown"


async def test_while_it_stops_its_numbers_are_true(day: Office, login: Login) -> None:
    await beats(day.store, {"shop": crowd(1, 3, 5)}, ok=False, draining=True)
    html = await page(await login("sam"))
    assert "停止の準備中" in part(html, "engine") and "お待ちの方 1 人" in part(html, "tiles")


async def test_a_telephone_that_is_not_registered_is_nobody_s_who_is_free(day: Office, login: Login) -> None:
    async with day.store.write() as session:
        at = NOW - timedelta(seconds=90)
        await agents.note_telephones(session, lambda endpoint: endpoint != "PJSIP/aiko", at)
    client = await login("sam")
    html = await page(client)
    assert part(html, "seat-aiko").startswith("aiko ○ 離席 電話未登録 1分30秒")
    assert "受付可のオペレーター 0 人 2人中・電話未登録 1人" in part(html, "tiles")
    assert part(html, "line-shop").endswith("2 1分05秒 1 0 2 1 9 75% 12%")
    assert part(html, "seat-ben").startswith("ben ○ 離席 会議"), "who is away anyhow stays so"


async def test_a_line_without_callers_has_zero_and_no_wait(day: Office, login: Login) -> None:
    await beats(day.store, {})
    assert "0 — 0" in part(await page(await login("sam")), "line-shop")


# -- in Chromium -------------------------------------------------------------------------------

PAGES = (
    "/live",
    "/reports?since=today",
    "/reports/rows?name=call",
    "/reports/months",
    "/supervise",
    "/lists/incoming",
    "/lists/dedicated",
)


async def test_it_keeps_itself_true_and_tickets_are_given_away_by_keyboard(
    day: Office, browser: Browser, visitor: TestClient, clock: StoppedClock
) -> None:
    page = await logged_in(browser, visitor, DESK, "sam", "/live")
    await expect(page.locator("#tiles")).to_contain_text("1分05秒")
    await beats(day.store, {"shop": crowd(5, 1, 130)})
    await page.clock.run_for(5100)
    await expect(page.locator("#tiles")).to_contain_text("2分10秒")
    clock.at = NOW + timedelta(minutes=1)
    await page.clock.run_for(5100)
    await expect(page.locator("#engine")).to_contain_text("電話の受付が応答していません。")
    await expect(page.locator("#tiles")).not_to_contain_text("2分10秒")
    await page.get_by_role("link", name="割り当てと判断").click()
    await page.get_by_label("新しい担当").focus()
    await page.keyboard.type("ali")
    boxes = page.locator('input[name="ticket"]')
    for place in (0, 1):
        await boxes.nth(place).focus()
        await page.keyboard.press("Space")
    await page.get_by_role("button", name="担当にする").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert", name="操作の結果")).to_contain_text(
        "2件をaliceさんの担当にしました：1、2"
    )
    await page.goto(str(visitor.make_url("/reports?since=today")))
    await page.locator("svg.congestion a").first.click()
    await expect(page.locator("h1")).to_have_text("通話")
    assert complaints(page) == []


async def test_nothing_is_too_small_or_too_wide_on_a_telephone(
    day: Office, browser: Browser, visitor: TestClient
) -> None:
    page = await logged_in(browser, visitor, TELEPHONE, "sam", "/live")
    for path in PAGES:
        await page.goto(str(visitor.make_url(path)))
        assert await page.evaluate("document.documentElement.scrollWidth") == TELEPHONE[0], path
        assert await too_small(page) == [], path
    assert complaints(page) == []


async def too_small(page: Page) -> list[str]:
    """What is pressed and lower than 48 px; the cells of the map stand in a table, too."""
    found: list[str] = await page.evaluate(
        """[...document.querySelectorAll("main :is(a, button, select, summary, input, label.tick)")]
          .filter(one => one.checkVisibility() && !one.closest("svg, label.tick input"))
          .filter(one => one.type !== "checkbox" && one.type !== "hidden")
          .filter(one => one.getBoundingClientRect().height < 48)
          .map(one => `${one.tagName} ${one.textContent} ${one.getBoundingClientRect().height}`)"""
    )
    return found
