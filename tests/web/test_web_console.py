"""The console as the server makes it: what stands in which view, how it is found, as a file, and who is told of what."""

import asyncio
import csv
import io
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import edits, service
from ivr.callbacks.who import SYSTEM, Who
from ivr.store import callbacks, closures, search, users
from ivr.store.database import Store
from ivr.store.tables import AuditRow, CallbackRow, MessageRow
from ivr.web.auth import session
from ivr.web.callbacks.stream import Watch
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.desk import NOW, add_callback
from tests.web.test_web_callbacks import alice as alice
from tests.web.test_web_callbacks import page, row_of

ALICE = Who("alice", "ecforce")


_changes = itertools.count(1)


async def change(store: Store, ticket: str, **values: Any) -> None:
    async with store.write() as db:
        one = update(CallbackRow).where(CallbackRow.ticket == ticket)
        await db.execute(one.values({"version": CallbackRow.version + 1, **values}))
        await edits.memo(
            db, ticket, f"変更{next(_changes)}", who=SYSTEM, now=NOW
        )  # an event, as every change has


def tickets(html: str) -> list[str]:
    return re.findall(r'id="row-(\d+)"', html)


def tallies(html: str) -> dict[str, str]:
    """View -> how many."""
    return dict(re.findall(r'<span>([^<]+)</span><span class="tally"[^>]*>(\d+)<', html))


# -- views ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        ("due", ["1000012", "1000023"]),
        ("open", ["1000012", "1000023", "1000045", "1000056", "1000067", "1000101"]),
        ("waiting", ["1000089"]),
        ("mine", []),
        ("handled", ["1000112", "1000123", "1000134"]),
    ],
)
async def test_a_view_shows_its_own(alice: TestClient, show: str, expected: list[str]) -> None:
    assert tickets(await page(alice, f"/callbacks?show={show}")) == expected


async def test_views_of_what_a_person_or_a_supervisor_is_to_do(alice: TestClient, desk: Store) -> None:
    await change(desk, "1000034", agent="alice")
    await change(desk, "1000078", offered_to="alice")
    await change(desk, "1000023", exhausted_at=NOW)
    await change(desk, "1000101", reply_wanted=False)
    await change(desk, "1000045", next_at=NOW.replace(hour=15))
    for show, expected in (
        ("mine", "1000034"), ("handed", "1000078"), ("decide", "1000023"), ("unread", "1000101"),
    ):  # fmt: skip
        assert tickets(await page(alice, f"/callbacks?show={show}")) == [expected]
    assert tickets(await page(alice, "/callbacks?show=waiting")) == ["1000045", "1000089"]
    counted = tallies(await page(alice))
    assert counted["対応が必要"] == "10"
    assert counted["自分の担当"] == counted["自分への引き継ぎ"] == counted["連絡不能の判断待ち"] == "1"
    assert (
        counted["期限間近・超過"] == "2" and counted["次回・返事待ち"] == "2" and counted["不要・未読"] == "1"
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("branch=-", ["1000023", "1000089", "1000101"]),
        ("branch=billing", []),
        ("cause=no_agent", ["1000056", "1000134"]),
        ("state=waiting", ["1000089"]),
        ("state=done", ["1000112"]),
        ("line=ecforce&cause=asked", ["1000067", "1000123"]),
        ("line=sakura", []),
        ("show=nothing&rows=x", ["1000012"]),
    ],
)
async def test_the_list_is_narrowed_down(alice: TestClient, query: str, expected: list[str]) -> None:
    found = tickets(await page(alice, f"/callbacks?{query}"))
    assert found == expected or (query.startswith("show=nothing") and found[:1] == expected)


async def test_choices_are_counted(alice: TestClient) -> None:
    counted = tallies(await page(alice))
    assert (
        counted["振り分け待ち"] == "3" and counted["営業時間外"] == "3" and counted["オペレーター不在"] == "1"
    )


# -- rows ---------------------------------------------------------------------------------------


async def test_a_row_says_what_an_agent_must_know(alice: TestClient, desk: Store) -> None:
    flags = {"careful": True, "complaint": True, "second": "sato", "offered_to": "ben"}
    await change(
        desk, "1000012", contacts=3, attempts=2, next_at=NOW.replace(hour=14), reply_wanted=True, **flags
    )
    row = row_of(await page(alice), "1000012")
    for word in (
        "再入電 3回目",
        "架電 2回",
        "次回 今日 14:00",
        "折返し要",
        "要注意",
        "クレーム",
        "二次対応中",
        "引き継ぎ → ben",
    ):
        assert word in row, row
    await change(desk, "1000045", reply_wanted=False, due_at=None, exhausted_at=NOW)
    row = row_of(await page(alice), "1000045")
    assert "折返し不要" in row and "連絡不能の判断待ち" in row


async def test_the_text_as_it_was_put_right_comes_before_the_matter_and_what_was_recognised(
    alice: TestClient, desk: Store
) -> None:
    await change(desk, "1000012", matter="ログインの件")
    assert "ログインの件" in row_of(await page(alice), "1000012")
    async with desk.write() as db:
        one = update(MessageRow).where(MessageRow.id == "m1000012")
        await db.execute(one.values(corrected_text="ログインできません。棚田です。"))
    await change(desk, "1000012")
    row = row_of(await page(alice), "1000012")
    assert "ログインできません。棚田です。" in row and "試験用" not in row and "の件" not in row


async def test_what_was_begun_and_is_not_solved_in_time_is_marked(alice: TestClient, desk: Store) -> None:
    minute = timedelta(minutes=1)
    await change(desk, "1000012", begun_at=NOW - minute, resolution_due_at=NOW - minute)
    await change(desk, "1000023", begun_at=NOW - minute, resolution_due_at=NOW + minute)
    html = await page(alice)
    assert "解決の期限超過" in row_of(html, "1000012") and "解決の期限超過" not in row_of(html, "1000023")
    shown = await (await alice.get("/callbacks/1000012")).text()
    assert shown.count("解決の期限超過") == 2, "in its row and in its head"
    await change(desk, "1000012", state="done", done_at=NOW)
    assert "解決の期限超過" not in await page(alice)


async def test_a_promise_for_a_time_in_which_the_line_was_closed_since_is_marked(
    alice: TestClient, desk: Store, clock: StoppedClock
) -> None:
    assert "約束に影響" not in await page(alice)
    async with desk.write() as db:
        until = NOW.replace(hour=12)
        await closures.add(db, "ecforce", begins=NOW, ends=until, reason="停電", by="x", at=NOW)
    await change(desk, "1000012")
    html = await page(alice)
    assert "約束に影響" in row_of(html, "1000023") and "あと25分" in row_of(html, "1000023")
    for other in ("1000012", "1000034", "1000112"):
        assert "約束に影響" not in row_of(html, other)


async def test_two_open_matters_of_one_number_are_marked(alice: TestClient, desk: Store) -> None:
    await change(desk, "1000067", number="+81312345678")
    await change(desk, "1000112", number="+819012345678")  # handled: no matter that is open
    html = await page(alice)
    marked = [one for one in tickets(html) if "同じ番号の別件" in row_of(html, one)]
    assert marked == ["1000012", "1000067"]


# -- the next thing -----------------------------------------------------------------------------


def chosen(html: str) -> str:
    return re.findall(r'id="link-(\d+)" aria-current="true"', html)[0]


async def test_the_first_page_shows_the_next_thing_to_do(alice: TestClient, desk: Store) -> None:
    assert chosen(await page(alice)) == "1000012"
    assert "受付番号 1000012" in await page(alice)
    async with desk.write() as db:
        await service.claim(db, "1000012", Who("ben", "ecforce"), until=NOW.replace(hour=12), now=NOW)
    assert chosen(await page(alice)) == "1000023", "another has the first one"
    await change(desk, "1000023", next_at=NOW.replace(hour=15))
    assert chosen(await page(alice)) == "1000045", (
        "it waits for its next attempt, and the others are somebody's"
    )
    async with desk.write() as db:
        await service.claim(db, "1000034", ALICE, until=NOW.replace(hour=12), now=NOW)
    assert chosen(await page(alice, "/callbacks")) == "1000034", "what she has begun is due before it"


async def test_the_open_ticket_is_marked_in_the_list_that_is_kept(alice: TestClient) -> None:
    html = await page(alice, "/callbacks/1000067?show=open")
    assert chosen(html) == "1000067"
    assert 'href="/callbacks/1000012?show=open"' in html


# -- looking for ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sought", "expected"),
    [
        ("山崎", ["1000067"]), ("配送の設定", ["1000112"]), ("03-1234-5678", ["1000012"]), ("1000045", ["1000045"]),
        ("設定", ["1000067", "1000078", "1000112"]), ("さくらの秘密", []), ("%", []),
    ],
)  # fmt: skip
async def test_what_is_looked_for_is_found_in_all_states_and_no_other_company(
    alice: TestClient, sought: str, expected: list[str]
) -> None:
    html = await (await alice.get("/callbacks", params={"q": sought, "show": "mine"})).text()
    assert tickets(html) == expected
    if not expected:
        assert f"「{sought}」は見つかりません。" in html


async def test_what_is_left_to_do_is_found_however_much_was_handled_since(
    alice: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MANY", 1)  # of which 1000112, which is handled, is the latest
    html = await (await alice.get("/callbacks", params={"q": "設定"})).text()
    assert tickets(html) == ["1000067", "1000078", "1000112"]


async def test_an_empty_view_says_so_and_leads_out(alice: TestClient) -> None:
    html = await page(alice, "/callbacks?show=mine")
    assert "この条件の折り返しはありません。" in html and 'href="/callbacks"' in html


# -- a file -----------------------------------------------------------------------------------


async def table(client: TestClient, query: str = "") -> list[dict[str, str]]:
    answer = await client.get(f"/callbacks.csv{query}")
    assert answer.status == 200 and answer.content_type == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    raw = await answer.read()
    assert raw.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))


async def test_the_list_as_a_file(alice: TestClient, desk: Store) -> None:
    names = {"name": "𠮷野 﨑子", "company": "株式会社髙島"}
    await change(desk, "1000067", matter='一行目\n二行目,"三"', careful=True, **names)
    rows = await table(alice)
    assert [row["受付番号"] for row in rows] == tickets(await page(alice))
    row = next(row for row in rows if row["受付番号"] == "1000067")
    assert (row["お名前"], row["会社名"], row["宛先"]) == ("𠮷野 﨑子", "株式会社髙島", "山﨑")
    assert (row["状態"], row["電話番号"], row["目印"]) == ("未対応", "080-1111-2222", "要注意")
    assert row["ご用件"] == '一行目\n二行目,"三"' and row["折り返し"] == "要"
    assert row["期限"] == "2026/11/25 17:00" and row["受付日時"] == "2026/11/24 10:55"
    causes = {row["受付番号"]: row["理由"] for row in rows}
    assert (causes["1000012"], causes["1000090"]) == ("話し中（混雑）", "応答なし"), "not the words of a dial"
    assert [row["受付番号"] for row in await table(alice, "?q=配送")] == ["1000112"]
    async with desk.read() as db:
        noted = list(await db.scalars(select(AuditRow).where(AuditRow.kind == "list")))
    downloads = [one for one in noted if one.what == "download"]
    assert [(one.who, one.tenant) for one in downloads] == [("alice", "ecforce")] * 2
    views = [(one.who, one.tenant, one.about) for one in noted if one.what == "view"]
    assert views == [("alice", "ecforce", "callbacks")], "the page was looked at once"


@pytest.mark.parametrize("written", ["=1+1", "+81", "-2", "@SUM(A1)", "\tx", "\rx", " =1", "＝1"])
async def test_no_cell_is_carried_out_as_a_formula(alice: TestClient, desk: Store, written: str) -> None:
    await change(desk, "1000067", name=written)
    row = next(row for row in await table(alice) if row["受付番号"] == "1000067")
    assert row["お名前"] == f"'{written}"


async def test_the_file_holds_the_memos(alice: TestClient, desk: Store) -> None:
    async with desk.write() as db:
        for text, who in (("お急ぎです", ALICE), ("午後に\n再度", SYSTEM)):
            await edits.memo(db, "1000067", text, who=who, now=NOW)
    row = next(row for row in await table(alice) if row["受付番号"] == "1000067")
    assert (
        row["メモ"]
        == f"2026/11/24 11:00 {ALICE.name}：お急ぎです\n2026/11/24 11:00 {SYSTEM.name}：午後に\n再度"
    )


async def test_the_number_beside_a_list_is_that_of_the_list(alice: TestClient, desk: Store) -> None:
    async def said(query: str) -> str:
        html = await (await alice.get(f"/callbacks{query}")).text()
        return re.sub(
            r"<[^>]+>", "", html.split('<p class="count"', 1)[1].split(">", 1)[1].split("</p>", 1)[0]
        )

    assert await said("?q=どこにもない言葉") == "0件"
    assert await said("?q=1000067") == "1件"
    await change(desk, "1000067", unrecorded="alice")
    assert await said("?show=owed") == "1件"
    assert await said("?show=mine") == "0件"
    await change(desk, "1000067", state="dialing", agent="alice")
    assert await said("?show=owed") == "0件", "who still talks owes nothing yet"
    row = next(row for row in await table(alice) if row["受付番号"] == "1000067")
    assert (row["状態"], row["目印"]) == ("発信中", "")


# -- told by the server -----------------------------------------------------------------------


async def heard(answer: Any, wanted: bytes) -> None:
    async with asyncio.timeout(60):
        async for line in answer.content:
            if line.startswith(wanted):
                return
    pytest.fail("the stream ended")


async def test_an_open_console_is_told_at_once_and_of_no_other_company(
    alice: TestClient, desk: Store, settings: Any
) -> None:
    answer = await alice.get("/callbacks/stream")
    assert answer.content_type == "text/event-stream" and answer.headers["Cache-Control"] == "no-store"
    await heard(answer, b"event: open")
    async with desk.write() as db:
        await edits.memo(db, "2000015", "秘密", who=SYSTEM, now=NOW)
        more = {"text": "新しい用件です。"}
        await add_callback(db, settings.recordings, "1999991", "open", "busy", None, "anonymous", 5, 0, more)
    await heard(answer, b'data: ["1999991"]')
    async with desk.write() as db:
        await edits.memo(db, "1000012", "あとで", who=ALICE, now=NOW)
    await heard(answer, b'data: ["1000012"]')
    answer.close()


async def test_what_happens_to_a_message_is_told_of_its_ticket(alice: TestClient, desk: Store) -> None:
    async with desk.write() as db:
        await db.execute(
            text("INSERT INTO callback_contacts (ticket, told_ticket, tenant, line, source, cause, path, priority,"
                 " created_at, message_id) VALUES ('1000034', '1000034', 'ecforce', 'ecforce', 'message', 'busy', '[]',"
                 " 'medium', '2026-11-24', 'm1000034')")
        )  # fmt: skip
    answer = await alice.get("/callbacks/stream")
    await heard(answer, b"event: open")
    async with desk.write() as db:
        await db.execute(
            text(
                "INSERT INTO events (at, kind, subject, data) VALUES ('2026-11-24', 'transcript', 'm1000034', '{}')"
            )
        )
    await heard(answer, b'data: ["1000034"]')
    answer.close()


async def ended(answer: Any) -> None:
    async with asyncio.timeout(60):
        while await answer.content.readline():
            pass


async def test_who_logs_out_or_is_shut_out_hears_nothing_more(
    alice: TestClient, desk: Store, login: Login
) -> None:
    elsewhere = await alice.get("/callbacks/stream")  # by the cookie of another browser
    here = await (await login("alice")).get("/callbacks/stream")
    await heard(elsewhere, b"event: open")
    await alice.post("/leave", data={"token": await form_token(alice, "/account")}, allow_redirects=False)
    await ended(here)
    async with desk.write() as db:
        await edits.memo(db, "1000012", "あとで", who=ALICE, now=NOW)
    await heard(elsewhere, b'data: ["1000012"]')
    async with desk.write() as db:
        (await users.to_change(db, "alice")).disabled_at = NOW
    await ended(elsewhere)


async def test_who_opens_a_console_in_the_middle_of_a_look_keeps_the_stream(desk: Store) -> None:
    async with desk.read() as db:
        alice, root = [
            session.of(user, NOW) for user in await users.listing(db) if user.name in ("alice", "root")
        ]

    class Busy:
        """While it is asked who may listen, somebody comes."""

        @asynccontextmanager
        async def read(self) -> AsyncIterator[AsyncSession]:
            async with desk.read() as db:
                if len(watch.listeners) == 1:
                    watch.join(root, None)
                yield db

    watch = Watch(Busy())  # type: ignore[arg-type]
    watch.join(alice, "ecforce")
    looking = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(60):
            while (
                not all(listener.woken.is_set() for listener in watch.listeners) or len(watch.listeners) < 2
            ):
                async with desk.write() as db:  # nothing is told of what was before the first look
                    await edits.memo(db, "1000012", "あとで", who=ALICE, now=NOW)
                await asyncio.sleep(0.05)
        assert [listener.over for listener in watch.listeners] == [False, False]
    finally:
        looking.cancel()


async def test_nobody_is_told_without_a_login(visitor: TestClient, desk: Store) -> None:
    for path in ("/callbacks/stream", "/callbacks/list", "/callbacks.csv"):
        answer = await visitor.get(path, allow_redirects=False)
        assert answer.status == 303 and answer.headers["Location"].startswith("/login")


async def test_the_wall_between_companies_stands_in_every_part(desk: Store, login: Login) -> None:
    bob = await login("bob")
    assert tickets(await page(bob, "/callbacks/list")) == ["2000015"]
    assert [row["受付番号"] for row in await table(bob)] == ["2000015"]
    assert (await bob.get("/callbacks/1000012?part=ticket")).status == 404


async def test_a_page_refreshes_its_parts_alone(alice: TestClient) -> None:
    part = await page(alice, "/callbacks/list?show=open")
    assert tickets(part)[0] == "1000012" and "<html" not in part and "受付番号" not in part
    part = await page(alice, "/callbacks/1000012?part=ticket")
    assert "受付番号 1000012" in part and "<html" not in part


async def test_a_change_is_seen_by_who_made_it_at_once(alice: TestClient, desk: Store) -> None:
    assert tallies(await page(alice))["対応が必要"] == "10"
    async with desk.write() as db:
        await service.close(db, "1000012", who=ALICE, now=NOW, note="済")
        assert (await callbacks.get(db, "1000012")).done_at == NOW
    html = await page(alice)
    assert tallies(html)["対応が必要"] == "9" and tickets(html)[0] == "1000023"
