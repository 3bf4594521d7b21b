"""What a supervisor decides, and callbacks given to somebody in bulk, each told by itself."""

import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from ivr.store import audit, callbacks
from ivr.store.tables import CallbackRow
from tests.store import rows
from tests.web.conftest import Login, form_token
from tests.web.desk import NOW
from tests.web.lines import Office
from tests.web.test_web_live import words

TO_DO = (
    ("1000001", {"state": "claimed", "agent": "alice", "lease_until": NOW + timedelta(minutes=9)}),
    ("1000002", {"state": "working", "agent": "alice", "begun_at": NOW}),
    ("1000003", {"state": "dialing", "agent": "alice", "lease_until": NOW + timedelta(minutes=3)}),
    ("1000004", {"state": "open", "due_at": NOW - timedelta(minutes=5)}),
    (
        "1000005",
        {"state": "open", "exhausted_at": NOW, "attempts": 3, "outcome": "no_answer", "name": "山﨑"},
    ),
    ("1000006", {"state": "open", "complaint": True, "name": "髙橋"}),
    ("1000007", {"state": "done", "done_at": NOW}),
)


@pytest.fixture
async def floor(office: Office) -> Office:
    async with office.store.write() as session:
        for ticket, about in TO_DO:
            row = {
                "line": "shop",
                "tenant": "shop",
                "due_at": NOW + timedelta(hours=1),
                "created_at": NOW,
                **about,
            }
            await callbacks.insert(session, rows.callback(ticket, **row), who="x", at=NOW)
        other = rows.callback("2000001", line="sakura", tenant="sakura", agent="dave", exhausted_at=NOW)
        await callbacks.insert(session, other, who="x", at=NOW)
    return office


async def page(client: TestClient, query: str = "") -> str:
    answer = await client.get(f"/supervise{query}")
    assert answer.status == 200, await answer.text()
    return await answer.text()


def picks(html: str) -> list[str]:
    return re.findall(r'name="ticket" value="(\d+)"', html)


async def post(client: TestClient, path: str, **form: Any) -> tuple[int, str]:
    token = await form_token(client, "/supervise")
    answer = await client.post(path, data={"token": token, **form}, allow_redirects=False)
    return answer.status, words(await answer.text())


async def row_of(floor: Office, ticket: str) -> CallbackRow:
    async with floor.store.read() as session:
        return await callbacks.get(session, ticket)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["1000004", "1000001", "1000002", "1000003", "1000005", "1000006"]),
        ("?agent=alice", ["1000001", "1000002", "1000003"]),
        ("?agent=-", ["1000004", "1000005", "1000006"]),
        ("?late=1", ["1000004"]),
        ("?state=working&line=shop", ["1000002"]),
        ("?state=done", ["1000004", "1000001", "1000002", "1000003", "1000005", "1000006"]),
        ("?line=sakura", []),
    ],
)
async def test_the_list_is_narrowed_down(floor: Office, login: Login, query: str, found: list[str]) -> None:
    assert picks(await page(await login("sam"), query)) == found
    async with floor.store.read() as session:
        noted = await audit.listing(session, tenant="shop", about=["supervise"])
    assert [(one.who, one.what, one.kind) for one in noted] == [("sam", "view", "list")]


async def test_each_ticket_is_told_what_became_of_it(floor: Office, login: Login) -> None:
    sam = await login("sam")
    form = {"to": "carol", "ticket": ["1000001", "1000003", "1000004", "1000007", "2000001", "9999999"]}
    status, said = await post(sam, "/supervise/assign", **form)
    assert status == 200
    assert "2件をcarolさんの担当にしました：1000001、1000004" in said
    assert (
        "1000003 ：この折り返しは「発信中」のため" in said
        and "1000007 ：この折り返しは「対応済み」のため" in said
    )
    assert "2000001 ：見つかりません。" in said and "9999999 ：見つかりません。" in said
    agents = {
        ticket: (await row_of(floor, ticket)).agent for ticket in ("1000001", "1000003", "1000004", "2000001")
    }
    assert agents == {"1000001": "carol", "1000003": "alice", "1000004": "carol", "2000001": "dave"}
    async with floor.store.read() as session:
        noted = await audit.listing(session, tenant="shop", about=["1000001", "1000003"])
    assert [(one.who, one.what, one.about, one.detail) for one in noted] == [
        ("sam", "change", "1000001", "assign")
    ]


async def test_all_tickets_of_one_agent(floor: Office, login: Login) -> None:
    status, said = await post(await login("sam"), "/supervise/assign", to="carol", all="1", agent="alice")
    assert (
        status == 200 and "2件をcarolさんの担当にしました：1000001、1000002" in said and "1000003 ：" in said
    )
    assert ((await row_of(floor, "1000002")).state, (await row_of(floor, "1000005")).agent) == (
        "working",
        None,
    )


@pytest.mark.parametrize(
    "form", [{"to": "dave", "ticket": "1000004"}, {"to": "", "ticket": "1000004"}, {"to": "carol"}]
)
async def test_nothing_is_given_to_nobody(floor: Office, login: Login, form: dict[str, str]) -> None:
    status, said = await post(await login("sam"), "/supervise/assign", **form)
    assert status == 409 and ("担当する方を選んでください。" in said or "折り返しを選んでください。" in said)
    assert (await row_of(floor, "1000004")).agent is None


async def test_one_of_another_company_is_given_nothing(floor: Office, login: Login) -> None:
    _, said = await post(await login("root"), "/supervise/assign", to="carol", ticket=["1000004", "2000001"])
    assert (
        "2000001 ：担当する方と契約企業が違います。" in said
        and "1件をcarolさんの担当にしました：1000004" in said
    )


async def test_who_cannot_be_reached_is_given_up_with_a_reason(floor: Office, login: Login) -> None:
    sam = await login("sam")
    html = words(await page(sam))
    assert "連絡不能の判断待ち 1件" in html and "架電3回、最後は「不在」" in html
    assert (await post(sam, "/supervise/1000005/give-up", version="0"))[0] == 409
    assert (await post(sam, "/supervise/1000005/give-up", version="0", why="三日間不在"))[0] == 303
    assert (await row_of(floor, "1000005")).state == "unreachable"
    assert "連絡不能の判断待ち" not in words(await page(sam))


async def test_or_is_rung_at_another_number(floor: Office, login: Login) -> None:
    sam = await login("sam")
    form = {"version": "0", "why": "お客様よりメール"}
    status, said = await post(sam, "/supervise/1000005/once-more", number="１２３", **form)
    assert status == 409 and "国内の固定電話・携帯電話・IP電話の番号を入力してください。" in said
    assert (await post(sam, "/supervise/1000005/once-more", number="（０３）１２３４−５６７８", **form))[
        0
    ] == 303
    row = await row_of(floor, "1000005")
    assert (row.state, row.number, row.exhausted_at, row.next_at) == ("open", "+81312345678", None, None)
    history = await (await sam.get("/callbacks/1000005")).text()
    assert "もう一度お電話することにしました" in history and "お客様よりメール" in history


async def test_what_was_the_wrong_number_is_not_rung_again(floor: Office, login: Login) -> None:
    async with floor.store.write() as session:
        row = await callbacks.get(session, "1000005", to_change=True)
        row.wrong_number = row.number
    status, said = await post(await login("sam"), "/supervise/1000005/once-more", version="0", why="再度")
    assert status == 409 and "この番号は「番号違い」でした。" in said


async def test_a_complaint_is_closed_with_a_result(floor: Office, login: Login) -> None:
    sam = await login("sam")
    assert "クレーム 1件" in words(await page(sam))
    assert (await post(sam, "/supervise/1000006/close", version="0"))[0] == 409
    assert (await post(sam, "/supervise/1000006/close", version="0", note="お詫び済み"))[0] == 303
    row = await row_of(floor, "1000006")
    assert (row.state, row.result) == ("done", "お詫び済み")


async def test_who_saw_an_old_state_must_look_again(floor: Office, login: Login) -> None:
    status, said = await post(await login("sam"), "/supervise/1000005/give-up", version="7", why="x")
    assert status == 409 and "先にほかの変更がありました。" in said
    assert (await row_of(floor, "1000005")).state == "open"


DEEDS = ("2000001/give-up", "2000001/once-more", "2000001/close")


@pytest.mark.parametrize("deed", DEEDS)
async def test_another_company_is_behind_the_wall(floor: Office, login: Login, deed: str) -> None:
    sam = await login("sam")
    assert "2000001" not in await page(sam) and "dave" not in await page(sam)
    assert (await post(sam, f"/supervise/{deed}", version="0", why="x", note="x"))[0] == 404
    assert (await row_of(floor, "2000001")).state == "open"


@pytest.mark.parametrize("deed", ["1000005/give-up", "1000005/once-more", "1000006/close", "assign"])
async def test_agents_are_told_that_it_is_for_supervisors(floor: Office, login: Login, deed: str) -> None:
    alice = await login("alice")
    assert (await alice.get("/supervise")).status == 403
    token = await form_token(alice, "/callbacks")
    form = {"token": token, "version": "0", "why": "x", "note": "x", "to": "alice", "ticket": "1000004"}
    assert (await alice.post(f"/supervise/{deed}", data=form)).status == 403
    assert {(await row_of(floor, ticket)).version for ticket in ("1000004", "1000005", "1000006")} == {0}
