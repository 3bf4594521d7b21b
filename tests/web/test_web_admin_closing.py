"""臨時休業 from the page: closed for the next call, with a reason that is said; opened again by clock or by hand."""

import re
from datetime import UTC, datetime, timedelta

from aiohttp.test_utils import TestClient

from ivr.store import closures, orders
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.desk import NOW
from tests.web.lines import Office

PAGE = "/admin/lines/shop/closing"


async def close(client: TestClient, **form: str) -> tuple[int, str]:
    form = {"reason": "台風", "begins": "", "until": "today", "ends": ""} | form
    form["token"] = await form_token(client, PAGE)
    answer = await client.post(PAGE, data=form, allow_redirects=False)
    return answer.status, await answer.text()


async def text_of(client: TestClient) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", await (await client.get(PAGE)).text()))


async def test_a_line_is_closed_and_opened_again(office: Office, login: Login, clock: StoppedClock) -> None:
    sam = await login("sam")
    assert "本日は、○○のため、臨時休業とさせていただいております。" in await text_of(sam)
    assert (await close(sam))[0] == 303
    shown = await text_of(sam)
    assert "休業中 台風" in shown and "sam" in shown and "営業を再開する" in shown
    # To the end of the day in the line's zone, which is 15:00 in UTC.
    async with office.store.read() as session:
        [row] = await closures.listing(session, NOW)
        engine, jobs = await orders.pending(session, "engine"), await orders.pending(session, "jobs")
    assert row.ends_at == datetime(2026, 11, 24, 15, 0, tzinfo=UTC) and row.begins_at == NOW
    assert "reload" in [order.kind for order in engine] and [order.kind for order in jobs] == ["closings"]
    state = await (await sam.get("/admin/lines/shop")).text()
    assert "臨時休業" in state and "営業時間外" in state
    token = await form_token(sam, PAGE)
    form = {"closure": str(row.id), "token": token}
    assert (await sam.post(f"{PAGE}/reopen", data=form, allow_redirects=False)).status == 303
    assert "休業中" not in await text_of(sam)


async def test_it_opens_by_itself(office: Office, login: Login, clock: StoppedClock) -> None:
    carol = await login("carol")
    assert (await close(carol, until="moment", ends="2026-11-24T13:30"))[0] == 303
    clock.at += timedelta(hours=3)
    assert "休業中" not in await text_of(carol)


async def test_one_that_is_to_come_can_be_taken_back(office: Office, login: Login) -> None:
    carol = await login("carol")
    tomorrow = {"begins": "2026-11-25T10:00", "until": "open-ended"}
    assert (await close(carol, **tomorrow))[0] == 303
    shown = await text_of(carol)
    assert "予定 台風" in shown and "開けるまで" in shown and "取り消す" in shown
    async with office.store.read() as session:
        [row] = await closures.listing(session, NOW)
    form = {"closure": str(row.id), "token": await form_token(carol, PAGE)}
    assert (await carol.post(f"{PAGE}/reopen", data=form, allow_redirects=False)).status == 303
    assert "予定 台風" not in await text_of(carol)


async def test_a_minute_that_has_begun_is_now(office: Office, login: Login, clock: StoppedClock) -> None:
    clock.at = NOW + timedelta(seconds=40)
    carol = await login("carol")
    assert (await close(carol, begins="２０２６－１１－２４Ｔ１１：００"))[0] == 303
    async with office.store.read() as session:
        [row] = await closures.listing(session, clock.at)
    assert row.begins_at == clock.at


async def test_what_cannot_be_done_comes_back_with_the_form(office: Office, login: Login) -> None:
    carol = await login("carol")
    for wrong, said in (
        ({"reason": " "}, "理由を入力してください"),
        ({"reason": "あ" * 41}, "40文字まで"),
        ({"reason": "🌀"}, "読み上げられません"),
        ({"reason": "{line}"}, "読み上げられません"),
        ({"until": "moment"}, "終わりの日時を入力してください"),
        ({"until": "moment", "ends": "きのう"}, "終わりの日時を読み取れませんでした"),
        ({"until": "moment", "ends": "2026-11-24T09:00"}, "終わりの日時が"),
        ({"begins": "2026-11-26T09:00", "until": "moment", "ends": "2026-11-25T09:00"}, "開始より前"),
        ({"begins": "9999-99-99T00:00"}, "開始の日時を読み取れませんでした"),
        ({"begins": "today"}, "開始の日時を読み取れませんでした"),
        ({"begins": "2026-11-23T11:00"}, "開始の日時が過ぎています"),
    ):
        status, text = await close(carol, **wrong)
        assert status == 422 and said in text, wrong
        assert f'value="{wrong.get("reason", "台風")}"' in text, "what was typed is not lost"
    async with office.store.read() as session:
        assert await closures.listing(session, NOW) == []


async def test_another_company_closes_nothing(office: Office, login: Login) -> None:
    carol = await login("carol")
    assert (await close(carol))[0] == 303
    async with office.store.read() as session:
        [row] = await closures.listing(session, NOW)
    dave = await login("dave")
    token = await form_token(dave, "/admin/lines/sakura/closing")
    here, there = "/admin/lines/sakura/closing/reopen", f"{PAGE}/reopen"
    form = {"closure": str(row.id), "token": token}
    assert (await dave.post(there, data=form, allow_redirects=False)).status == 404
    assert (await dave.post(here, data=form, allow_redirects=False)).status == 303
    async with office.store.read() as session:
        assert len(await closures.listing(session, NOW)) == 1
