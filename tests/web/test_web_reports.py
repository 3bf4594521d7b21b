"""Reports on the page and as CSV: figures that lead to their rows, who may see them, and what is noted."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from ivr.store import audit, callbacks, calls
from ivr.store.database import Store
from ivr.store.tables import CallRow, ContactRow, DialRow
from tests.store import rows
from tests.web.conftest import Login
from tests.web.desk import NOW
from tests.web.lines import Office
from tests.web.test_web_live import part, words

NAME = "𠮷髙﨑 花子"


async def page(client: TestClient, path: str = "/reports") -> str:
    answer = await client.get(path)
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def table(client: TestClient, path: str) -> list[list[str]]:
    """Of a CSV, which begins with the mark by which Excel knows UTF-8."""
    answer = await client.get(path)
    assert answer.status == 200 and answer.content_type == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    body = await answer.read()
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))


async def ask(store: Store, ticket: str, line: str = "shop", **said: Any) -> None:
    """A callback with one contact. In `said`, what only a callback has is left out of the contact."""
    mine = {"state", "done_at", "agent", "resolution_due_at"}
    about = {"line": line, "tenant": line, "number": "+819012345678", "created_at": NOW - timedelta(hours=2)}
    contact = {name: value for name, value in said.items() if name not in mine}
    row = {**about, **{name: value for name, value in said.items() if name != "source"}}
    async with store.write() as session:
        await callbacks.insert(session, rows.callback(ticket, **row), who="x", at=NOW)
        session.add(ContactRow(**rows.contact(ticket, **{**about, **contact})))


@pytest.fixture
async def week(office: Office) -> Office:
    """Calls and callbacks of the line `shop` on this Tuesday, one of the day before and one of another company."""
    store, at = office.store, NOW - timedelta(hours=1)
    ended = (
        ("c1", "shop", "answered", None, at),
        ("c2", "shop", "answered", None, at),
        ("c3", "shop", "message", "busy", at),
        ("c4", "shop", "abandoned", "busy", at),
        ("c5", "shop", "abandoned", "closed", at - timedelta(hours=8)),
        ("c6", "shop", "abandoned", "no_answer", at - timedelta(days=1)),
        ("c7", "sakura", "abandoned", "busy", at),
        ("c8", "shop", "answered", None, at - timedelta(days=40)),
    )
    async with store.write() as session:
        for id, line, outcome, cause, began in ended:
            of = {
                "line": line,
                "tenant": line,
                "started_at": began,
                "ended_at": began + timedelta(seconds=42),
            }
            await calls.save(session, [rows.call(id, outcome=outcome, cause=cause, **of)])
        (await session.get_one(CallRow, "c1")).agent = "aiko"
    due, soon = NOW - timedelta(hours=1), NOW - timedelta(minutes=90)
    await ask(store, "1000001", name=NAME, company="=1+1", due_at=due, begun_at=soon, priority="high")
    await ask(
        store,
        "1000002",
        due_at=due,
        begun_at=NOW - timedelta(minutes=30),
        state="done",
        done_at=NOW - timedelta(minutes=20),
        agent="aiko",
    )
    await ask(store, "1000003", due_at=due, begun_at=None, state="cancelled")
    await ask(store, "1000004", due_at=NOW + timedelta(hours=1), begun_at=None)
    await ask(store, "2000001", "sakura", due_at=due, begun_at=soon, name="さくらの秘密")
    async with store.write() as session:
        of = {"tenant": "shop", "line": "shop", "number": "+819012345678", "by_hand": False}
        for key, result in (("a", "no_answer"), ("b", "reached")):
            session.add(DialRow(**of, ticket="1000002", agent="aiko", key=key, began_at=soon, outcome=result))
    return office


def of(html: str, key: str) -> str:
    """The words of a table's body."""
    return part(html, key).split("</thead>")[-1]


async def test_the_figures_of_today(week: Office, login: Login) -> None:
    html = await page(await login("sam"), "/reports?since=today&line=shop")
    assert "お約束を守った割合 33.3% 1/3件" in part(html, "tiles")
    assert "応答率 50.0% 2/4件" in part(html, "tiles") and "放棄率 25.0% 1/4件" in part(html, "tiles")
    promise = part(html, "promise")
    assert (
        "高 1 1 0 0 0 100.0%" in promise
        and "中 3 0 1 1 1 0.0%" in promise
        and "合計 4 1 1 1 1 33.3%" in promise
    )
    # work began 30 and 90 minutes after they asked; one was done after 100
    assert "合計 2 30分 1時間30分 1時間30分 1 1時間40分" in part(html, "times")
    assert "話し中（混雑）の後に切断 1 50.0% 営業時間外に切断 1 50.0% 合計 2" in part(html, "lost")
    assert "本人と通話 1 50.0% 不在 1 50.0%" in part(html, "dials") and "2回 1 100.0%" in part(html, "tries")
    assert part(html, "agents").endswith("aiko 1 2 1 1")
    assert "11/24(火) 5 2 2 0 4 2 1" in part(html, "days")
    assert "10時台 4 2 1 0 0 0 1" in part(html, "hours") and "9時台 0 0 0 0 4 2 0" in part(html, "hours")


async def test_periods_and_lines(week: Office, login: Login) -> None:
    sam = await login("sam")
    for query, found in (
        ("since=yesterday", 1),
        ("since=7d", 6),
        ("since=month", 6),
        ("since=last-month", 1),
        ("since=2026-10-01&until=2026-11-23", 2),
        ("since=2025-01-01&until=2025-12-31", 0),
    ):
        assert f"通話 {found} 件" in part(await page(sam, f"/reports?{query}"), "tiles"), query


@pytest.mark.parametrize(
    "query", ["since=x", "since=2026-11-24&until=2026-11-01", "since=2020-01-01", "since=0001-01-01"]
)
async def test_a_period_that_is_none_is_said(week: Office, login: Login, query: str) -> None:
    html = await page(await login("sam"), f"/reports?{query}")
    assert "7日間を表示しています。" in html and "通話 6 件" in part(html, "tiles")


async def test_every_figure_on_the_page_leads_to_as_many_rows(week: Office, login: Login) -> None:
    sam = await login("sam")
    html = await page(sam, "/reports?since=7d")
    links = set(re.findall(r'<td class="n"><a href="(/reports/rows[^"]+)">(\d+)</a>', html))
    assert len(links) > 40
    for address, count in links:
        listed = await page(sam, address.replace("&amp;", "&"))
        assert f"<b>{count}</b>件" in listed, address
        assert len(re.findall(r'<tr><th scope="row">', listed)) == int(count), address


async def test_rows_say_what_they_are_and_lead_to_their_tickets(week: Office, login: Login) -> None:
    sam = await login("sam")
    html = await page(sam, "/reports/rows?since=today&name=ask.kept&scope=priority:high")
    assert "お約束（守った）" in html and "優先度 高" in html and 'href="/callbacks/1000001"' in html
    assert (
        f"2026-11-24 09:00 山田商店 1000001 {NAME} =1+1 090-1234-5678 高 2026-11-24 10:00 2026-11-24 09:30"
        in words(html)
    )
    html = words(await page(sam, "/reports/rows?since=today&name=call.lost&scope=slot:1-10"))
    assert (
        "火曜日 10時台" in html
        and "2026-11-24 10:00 山田商店 — 090-1234-5678 途中で切断 話し中（混雑） — 0:42" in html
    )


async def test_csv_is_for_spreadsheets_and_no_formula_comes_out_of_it(week: Office, login: Login) -> None:
    found = await table(await login("sam"), "/reports/rows.csv?since=today&name=ask.kept&scope=")
    assert found[0][:5] == ["受付", "窓口", "受付番号", "お名前", "会社名"]
    assert found[1][:6] == ["2026-11-24 09:00:00", "山田商店", "1000001", NAME, "'=1+1", "090-1234-5678"]
    assert len(found) == 2


async def test_the_figures_as_csv(week: Office, login: Login) -> None:
    found = await table(await login("sam"), "/reports/figures.csv?since=today")
    assert ["優先度", "お約束", "守った", "遅れて着手", "着手せず超過", "期限前", "守った割合"] in found
    assert ["合計", "4", "1", "1", "1", "1", "33.3%"] in found
    assert ["途中で切断", "2", "40.0%"] in found and ["aiko", "1", "2", "1", "1"] in found


async def test_what_was_looked_at_and_downloaded_is_noted(week: Office, login: Login) -> None:
    sam = await login("sam")
    await page(sam)
    for path in (
        "rows?name=ask&since=today",
        "rows.csv?name=ask&since=today",
        "figures.csv?since=today",
        "months.csv",
    ):
        assert (await sam.get(f"/reports/{path}")).status == 200
    async with week.store.read() as session:
        noted = [row for row in await audit.listing(session, tenant="shop") if row.kind == "report"]
    assert [(row.who, row.what, row.about) for row in reversed(noted)] == [
        ("sam", "view", "ask  2026-11-24_2026-11-24"),
        ("sam", "download", "ask  2026-11-24_2026-11-24"),
        ("sam", "download", "figures 2026-11-24_2026-11-24"),
        ("sam", "download", "months"),
    ]


async def test_the_map_has_its_numbers_in_a_table_too(week: Office, login: Login) -> None:
    html = await page(await login("sam"), "/reports?since=today")
    picture = html[html.index("<svg") : html.index("</svg>")]
    assert 'aria-hidden="true"' in picture and ">4</text>" in picture and "✕1</text>" in picture
    assert picture.count('tabindex="-1"') == picture.count("<a ") == 2
    assert 'name=call&amp;scope=slot%3A1-10"' in picture
    heads = re.findall(r"<th scope=\"col\"[^>]*>([^<]+)</th>", html[html.index('id="congestion"') :])
    tuesday = re.search(r'<th scope="row">火曜日</th>(.*?)</tr>', html, re.DOTALL)
    assert tuesday
    cells = [words(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", tuesday[1])]
    by_head = dict(zip(heads[1:], cells, strict=False))
    assert (by_head["10時台 通話"], by_head["10時台 取れなかった"], by_head["2時台 取れなかった"]) == (
        "4",
        "1",
        "1",
    )


async def test_calls_of_each_month(week: Office, login: Login) -> None:
    sam = await login("sam")
    assert "2026-11 途中 山田商店 6 2026-10 山田商店 1" in part(await page(sam, "/reports/months"), "months")
    found = await table(sam, "/reports/months.csv")
    assert found[1:] == [
        ["2026-11", "shop", "shop", "山田商店", "6"],
        ["2026-10", "shop", "shop", "山田商店", "1"],
    ]


ADDRESSES = (
    "/reports",
    "/reports/rows?name=ask",
    "/reports/rows.csv?name=ask",
    "/reports/figures.csv",
    "/reports/months",
    "/reports/months.csv",
)


@pytest.mark.parametrize("path", ADDRESSES)
async def test_another_company_is_behind_the_wall(week: Office, login: Login, path: str) -> None:
    sam = await login("sam")
    text = await (await sam.get(path)).text()
    assert "さくら" not in text and "2000001" not in text and "sakura" not in text
    for line in ("sakura", "none"):
        mark = "&" if "?" in path else "?"
        if "months" not in path:
            assert (await sam.get(f"{path}{mark}line={line}")).status == 404
    root = await login("root")
    text = await (await root.get(path)).text()
    assert "さくら" in text or "sakura" in text or "figures" in path


@pytest.mark.parametrize("path", ADDRESSES)
async def test_agents_are_told_that_it_is_for_supervisors(office: Office, login: Login, path: str) -> None:
    answer = await (await login("alice")).get(path)
    assert answer.status == 403 and "管理者用です" in await answer.text()


@pytest.mark.parametrize("query", ["name=", "name=x", "name=ask.x", "name=call.lost.x"])
async def test_a_figure_that_is_none_is_not_found(office: Office, login: Login, query: str) -> None:
    assert (await (await login("sam")).get(f"/reports/rows?{query}")).status == 404


async def test_an_empty_report_is_designed_too(office: Office, login: Login) -> None:
    sam = await login("sam")
    html = await page(sam, "/reports?since=yesterday")
    assert "お約束を守った割合 — 0/0件" in part(html, "tiles") and "<svg" in html
    assert "該当するものはありません。" in await page(sam, "/reports/rows?name=ask&scope=nonsense")
