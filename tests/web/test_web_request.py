"""The public form: what customers see and send, what becomes of it, and what is never lost or made twice."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import ClientSession, DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from ivr.callbacks import lists
from ivr.callbacks.who import Who
from ivr.settings import Address, Settings
from ivr.store import agents, health, tokens
from ivr.store.database import Store
from ivr.store.tables import AuditRow, CallbackRow, CallRow, ContactRow, Order
from ivr.web.app import build_app
from tests.dialplans import changed
from tests.web.conftest import Login, StoppedClock
from tests.web.desk import NOW, SESSION_KEY
from tests.web.lines import Office

FORM = """\
  capacity: 2
  form:
    callback: {priority: medium, due: 1 business day}
    now: {priority: high, due: 15m}
    by_mail: 3 business days
    privacy_url: https://www.example.co.jp/privacy
  customers: {tell: [received]}
"""
WITH_FORM = changed("  capacity: 2\n", FORM)
PAGE = "/request/shop"
TYPED = {
    "name": "田中 﨑子",
    "company": "髙木商店",
    "matter": "ログインできません。\r\n管理画面の「設定」でエラーになります。𠮷",
    "call": "yes",
    "number": "０９０-1234-5678",
    "email": "tanaka@example.jp",
    "consent": "yes",
}


class Customer:
    """A browser on the form."""

    def __init__(self, client: TestClient[Any, Any], form: str = PAGE) -> None:
        self.client = client
        self.form = form
        self.page = ""

    async def open(self, path: str | None = None) -> str:
        answer = await self.client.get(path or self.form)
        self.page = await answer.text()
        return self.page

    def hidden(self, name: str) -> str:
        return self.page.split(f'name="{name}" value="', 1)[1].split('"', 1)[0]

    async def send(self, typed: dict[str, str], **more: str) -> tuple[int, str]:
        """Status and page, or the address of the receipt."""
        fields = {"token": self.hidden("token"), "key": self.hidden("key"), **typed, **more}
        answer = await self.client.post(self.form, data=fields, allow_redirects=False)
        if answer.status == 303:
            return 303, answer.headers["Location"]
        self.page = await answer.text()
        return answer.status, self.page


async def rows(store: Store, table: Any) -> Sequence[Any]:
    async with store.read() as db:
        return (await db.scalars(select(table))).all()


async def rung_now(store: Store) -> list[dict[str, Any]]:
    """What the engine was asked to ring at once."""
    orders = await rows(store, Order)
    assert {order.recipient for order in orders if order.kind == "now"} <= {"engine"}
    return [order.data for order in orders if order.kind == "now"]


@pytest.fixture
async def shop(office: Office) -> Office:
    office.file("shop").write_text(WITH_FORM, "utf-8")
    assert await office.publish("test") == []
    return office


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, smtp=Address("127.0.0.1", 25), mail_from="ivr@example.co.jp")


@pytest.fixture
def customer(shop: Office, visitor: TestClient[Any, Any]) -> Customer:
    return Customer(visitor)


async def test_a_request_becomes_a_callback_and_the_customer_is_told(
    customer: Customer, store: Store
) -> None:
    await customer.open()
    status, receipt = await customer.send(TYPED)
    assert status == 303
    (row,) = await rows(store, CallbackRow)
    assert (row.line, row.tenant, row.state, row.cause) == ("shop", "shop", "open", "asked")
    assert (row.number, row.name, row.company) == ("+819012345678", "田中 﨑子", "髙木商店")
    assert row.matter == "ログインできません。\n管理画面の「設定」でエラーになります。𠮷"
    assert (row.email, row.reply_wanted, row.priority) == ("tanaka@example.jp", True, "medium")
    assert row.due_at == datetime.fromisoformat("2026-11-25T17:00:00+09:00")
    (contact,) = await rows(store, ContactRow)
    assert (contact.source, contact.email, contact.told_ticket) == ("form", "tanaka@example.jp", row.ticket)
    assert await rung_now(store) == [], "nobody asked to be rung at once"
    page = await customer.open(receipt)
    assert row.ticket in page and "11月25日（水）17時" in page
    assert "090-1234-5678" in page and "田中 﨑子" in page and "𠮷" in page
    assert "受付のご案内をお送りいたします" in page


async def test_sending_twice_makes_one_callback(customer: Customer, store: Store) -> None:
    await customer.open()
    sent = await asyncio.gather(*(customer.send(TYPED) for _ in range(4)))
    assert len(set(sent)) == 1 and sent[0][0] == 303
    assert len(await rows(store, CallbackRow)) == len(await rows(store, ContactRow)) == 1


async def test_what_was_put_right_after_going_back_is_taken_too(customer: Customer, store: Store) -> None:
    await customer.open()
    _, first = await customer.send(TYPED)
    _, second = await customer.send(TYPED, matter="請求書についてでした。")
    assert first != second
    assert [row.contacts for row in await rows(store, CallbackRow)] == [2], "one customer, one ticket"
    assert "請求書についてでした。" in await customer.open(second)


async def test_without_the_tick_it_is_answered_by_mail(customer: Customer, store: Store) -> None:
    await customer.open()
    typed = {name: text for name, text in TYPED.items() if name not in ("call", "number")}
    status, receipt = await customer.send(typed)
    assert status == 303
    (row,) = await rows(store, CallbackRow)
    assert (row.reply_wanted, row.number) == (False, None)
    assert row.due_at == datetime.fromisoformat("2026-11-27T17:00:00+09:00"), (
        "what was promised is not forgotten"
    )
    page = await customer.open(receipt)
    assert "11月27日（金）17時</b>までに、メールでお答えいたします" in page
    assert "お電話いたします" not in page


async def test_an_agent_sees_that_a_mail_was_promised(customer: Customer, store: Store, login: Login) -> None:
    await customer.open()
    await customer.send({name: text for name, text in TYPED.items() if name not in ("call", "number")})
    (row,) = await rows(store, CallbackRow)
    alice = await login("alice")
    page = await (await alice.get(f"/callbacks/{row.ticket}")).text()
    assert "メールでの回答をお約束しています（tanaka@example.jp）" in page and "折り返し不要" not in page


async def test_what_is_missing_is_said_beside_its_field_and_nothing_typed_is_lost(
    customer: Customer, store: Store
) -> None:
    await customer.open()
    status, page = await customer.send(
        {"name": "田中<b>", "call": "yes", "number": "0120-123-456", "email": "a@b"}
    )
    assert status == 422
    for field, said in (
        ("matter", "ご用件をご入力ください。"),
        ("number", "フリーダイヤル"),
        ("email", "メールアドレスに誤りがある"),
        ("consent", "個人情報の取扱いをご確認のうえ"),
    ):
        assert re.search(rf'id="{field}-wrong">.*{said}', page), field
        assert f'<a href="#{field}">' in page, "the summary leads to the field"
        assert f'{field}-wrong"' in re.search(rf'<(?:input|textarea)[^>]*id="{field}".*?>', page, re.S)[0]  # type: ignore[index]
    assert 'value="田中&lt;b&gt;"' in page and 'value="0120-123-456"' in page and 'value="a@b"' in page
    assert re.search(r'id="call"[^>]* checked', page)
    assert await rows(store, CallbackRow) == []
    status, _ = await customer.send(TYPED)
    assert status == 303, "the page that came back can be sent"


async def test_who_wants_a_mail_must_give_an_address(customer: Customer) -> None:
    await customer.open()
    status, page = await customer.send({"name": "田中", "matter": "質問", "consent": "yes"})
    assert status == 422 and "お電話をご希望の場合は、「お電話での折返し案内を希望する」にチェック" in page


async def add_agent(store: Store, state: agents.State = "available", *, registered: bool = True) -> None:
    """And the engine that has seen the telephone."""
    async with store.write() as db:
        await agents.add(db, "suzuki", groups=["shop"], endpoint="PJSIP/suzuki", secret="x", at=NOW)
        await agents.set_state(db, "suzuki", state, None, NOW)
        await agents.note_telephones(db, lambda _: registered, NOW)
    await beats(store, NOW)


async def beats(store: Store, at: datetime, *, ok: bool = True) -> None:
    async with store.write() as db:
        await health.beat(db, "engine", at, ok=ok, detail={"queues": {}})


async def test_at_once_rings_now_while_an_agent_is_free(customer: Customer, store: Store) -> None:
    await add_agent(store)
    assert "今すぐ電話がほしい" in await customer.open()
    status, receipt = await customer.send(TYPED, now="yes")
    assert (await customer.send(TYPED, now="yes"))[0] == status == 303
    (row,) = await rows(store, CallbackRow)
    assert (row.priority, row.due_at) == ("high", NOW + timedelta(minutes=15))
    assert await rung_now(store) == [{"ticket": row.ticket}]
    assert "まもなく、担当者よりお電話いたします" in await customer.open(receipt)


@pytest.mark.parametrize("why", ["nobody", "away", "unregistered", "no engine", "cut", "closed"])
async def test_at_once_is_not_offered_when_it_cannot_be(
    customer: Customer, store: Store, clock: StoppedClock, why: str
) -> None:
    if why != "nobody":
        state: agents.State = "away" if why == "away" else "available"
        await add_agent(store, state, registered=why != "unregistered")
    if why in ("no engine", "cut"):
        await beats(store, NOW - timedelta(seconds=0 if why == "cut" else 10), ok=why != "cut")
    if why == "closed":
        clock.at = datetime.fromisoformat("2026-11-24T18:30:00+09:00")
    page = await customer.open()
    assert "今すぐ電話がほしい" not in page and "順番に、折り返しお電話いたします" in page
    assert (await customer.send(TYPED, now="yes"))[0] == 303, (
        "who had the page open before is taken all the same"
    )
    (row,) = await rows(store, CallbackRow)
    assert row.priority == "medium" and await rung_now(store) == []


async def test_a_number_that_is_not_to_be_rung_is_refused(customer: Customer, store: Store) -> None:
    boss = Who("carol", "shop", supervisor=True)
    async with store.write() as db:
        number, why = "+819012345678", "今後の連絡不要とのご希望"
        await lists.ask(db, "outgoing", number, tenant="shop", who=boss, reason=why, now=NOW)
    await customer.open()
    status, page = await customer.send(TYPED)
    assert status == 422 and "お電話でのご案内を承ることができません" in page
    assert await rows(store, CallbackRow) == []


async def test_a_form_without_its_cookie_comes_back_with_all_that_was_typed(
    customer: Customer, store: Store
) -> None:
    await customer.open()
    async with ClientSession(cookie_jar=DummyCookieJar()) as stranger:
        fields = {**TYPED, "token": customer.hidden("token"), "key": customer.hidden("key")}
        answer = await stranger.post(customer.client.make_url(PAGE), data=fields, allow_redirects=False)
        page = await answer.text()
    assert answer.status == 403 and "もう一度「送信する」を押してください" in page
    assert "田中 﨑子" in page and "管理画面の「設定」" in page
    assert "ivr_session" in answer.headers["Set-Cookie"], "the next one is taken"
    assert await rows(store, CallbackRow) == []


async def test_the_hidden_field_stops_programs_and_promises_nothing(customer: Customer, store: Store) -> None:
    await customer.open()
    status, page = await customer.send(TYPED, homepage="http://spam.example")
    assert status == 400 and "お送りいただけませんでした" in page and "spam.example" not in page
    assert await rows(store, CallbackRow) == []
    assert (await customer.send(TYPED))[0] == 303


async def test_one_number_is_asked_for_three_times_an_hour(
    customer: Customer, clock: StoppedClock, store: Store
) -> None:
    await customer.open()
    sent = [await customer.send({**TYPED, "email": "", "matter": f"{turn}回目"}) for turn in range(4)]
    assert [status for status, _ in sent] == [303, 303, 303, 429]
    assert "すでに何件か承っております" in sent[3][1] and "3回目" in sent[3][1]
    assert (await customer.send({**TYPED, "email": "", "matter": "0回目"}))[0] == 303, (
        "the first one, once more"
    )
    clock.seconds += 3601
    assert (await customer.send({**TYPED, "email": "", "matter": "3回目"}))[0] == 303
    assert len(await rows(store, ContactRow)) == 4


async def test_one_address_sends_twenty_forms_in_ten_minutes(customer: Customer, clock: StoppedClock) -> None:
    await customer.open()
    sent = [(await customer.send({}))[0] for _ in range(21)]
    assert sent == [422] * 20 + [429]
    clock.seconds += 601
    assert (await customer.send({}))[0] == 422


async def test_a_proxy_is_believed_only_if_the_operator_names_it(
    shop: Office, store: Store, settings: Settings, clock: StoppedClock
) -> None:
    named = replace(settings, proxies=(ip_network("127.0.0.1"),))
    for given, expected in ((named, [422] * 2), (settings, [422, 429])):
        app = build_app(store, given, clock, session_key=SESSION_KEY)
        async with TestClient(TestServer(app)) as client:
            customer = Customer(client)
            await customer.open()
            for _ in range(19):
                await customer.send({})
            found = []
            for address in ("203.0.113.7", "203.0.113.8"):
                fields = {"token": customer.hidden("token"), "key": customer.hidden("key")}
                headers = {"X-Forwarded-For": f"198.51.100.1, {address}", "X-Forwarded-Proto": "https"}
                answer = await client.post(PAGE, data=fields, headers=headers)
                found.append(answer.status)
        assert found == expected


async def test_a_line_without_a_form_has_no_page(customer: Customer) -> None:
    for path in ("/request/sakura", "/request/nothing", f"{PAGE}/received/x"):
        answer = await customer.client.get(path)
        page = await answer.text()
        assert answer.status == 404 and "ページが見つかりません" in page and "ログイン" not in page


async def test_what_was_typed_is_shown_for_an_hour(
    customer: Customer, clock: StoppedClock, store: Store
) -> None:
    await customer.open()
    _, receipt = await customer.send(TYPED)
    clock.at += timedelta(minutes=61)
    page = await customer.open(receipt)
    (row,) = await rows(store, CallbackRow)
    assert row.ticket in page and "田中" not in page and "090-1234-5678" not in page


async def test_the_page_says_how_crowded_the_line_is(
    customer: Customer, store: Store, clock: StoppedClock
) -> None:
    assert "混雑の状況は、ご案内できません" in await customer.open(), "no engine says who is there"
    await add_agent(store, registered=False)
    assert "お電話が混み合っております" in await customer.open(), "no telephone would ring"
    clock.seconds += 6
    async with store.write() as db:
        await agents.note_telephones(db, lambda _: True, NOW)
    assert "お電話がつながりやすくなっております" in await customer.open()
    clock.at, clock.seconds = datetime.fromisoformat("2026-11-24T18:30:00+09:00"), clock.seconds + 6
    page = await customer.open()
    assert "受付時間外でございます。次の受付は、11月25日（水）10時からでございます。" in page


def calls(day: str, hour: int, number: int, cause: str | None, weeks: int = 7) -> list[CallRow]:
    """Of the weekday in each of so many weeks."""
    begins = datetime.fromisoformat(f"{day}T{hour:02}:05:00+09:00")
    return [
        CallRow(
            id=f"{day}-{hour}-{week}-{turn}", line="shop", tenant="shop", dialplan="0" * 64, number=None,
            withheld="anonymous", dialled="+815031859080", engine="1",
            started_at=begins - timedelta(weeks=week), ended_at=begins - timedelta(weeks=week) + timedelta(minutes=3),
            outcome="message" if cause else "answered", cause=cause, path=["office"],
        )
        for week in range(weeks)
        for turn in range(number)
    ]  # fmt: skip


async def test_busy_hours_are_those_of_real_calls(
    customer: Customer, store: Store, clock: StoppedClock
) -> None:
    assert "つながりやすい時間帯" not in await customer.open(), "too few calls"
    async with store.write() as db:
        # Mondays at 10 many ring; on Tuesdays at 14 who rings reaches nobody; Sundays are closed.
        db.add_all([*calls("2026-11-23", 10, 12, None), *calls("2026-11-17", 14, 1, "busy", 3)])
        db.add_all([*calls("2026-11-18", 11, 1, None, 3), *calls("2026-11-22", 11, 9, None)])
        db.add_all([*calls("2026-11-20", 15, 1, None, 1), *calls("2026-11-19", 12, 2, None)])
    clock.seconds += 1801
    page = await customer.open()
    body = page.split("<tbody>", 1)[1].split("</tbody>", 1)[0]
    found = {
        int(hour): re.findall(r'<td class="(\w+)">', cells)
        for hour, cells in re.findall(r'<th scope="row">(\d+)時台</th>(.*?)</tr>', body, re.S)
    }
    assert sorted(found) == [10, 11, 12, 13, 14, 15, 16]
    assert found[10] == ["crowded", "easy", "easy", "easy", "easy", "closed", "closed"]
    assert found[14][1] == "crowded", "all of them found the lines busy"
    assert found[11][6] == "closed", "a call on a Sunday is none of open hours"
    assert found[11][2] == "normal", "three calls of the 104 in 280 hours"
    assert found[12][3] == "crowded" and found[15][4] == "easy"


# -- the API -------------------------------------------------------------------------------------

BODY = {"line": "shop", "name": "田中", "number": "+81 (0)90-1234-5678", "matter": "解約について"}


@pytest.fixture
async def program(
    shop: Office, store: Store, visitor: TestClient[Any, Any]
) -> AsyncIterator[TestClient[Any, Any]]:
    async with store.write() as db:
        await tokens.add(db, "shop-token-that-is-long-enough", name="crm", tenant="shop", at=NOW)
        await tokens.add(db, "sakura-token-that-is-long-enough", name="other", tenant="sakura", at=NOW)
    yield visitor


async def ask(
    client: TestClient[Any, Any],
    body: dict[str, Any],
    key: str | None = "k-1",
    token: str = "shop-token-that-is-long-enough",
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
    answer = await client.post("/api/v1/callbacks", json=body, headers=headers)
    return answer.status, await answer.json()


async def test_a_program_asks_for_a_callback_once(program: TestClient[Any, Any], store: Store) -> None:
    first, again = await ask(program, BODY), await ask(program, BODY)
    assert first == again and first[0] == 201
    (row,) = await rows(store, CallbackRow)
    assert first[1] == {
        "ticket": row.ticket, "line": "shop", "due_at": "2026-11-25T17:00:00+09:00", "at_once": False,
    }  # fmt: skip
    assert (row.number, row.name, row.matter) == ("+819012345678", "田中", "解約について")
    (noted,) = await rows(store, AuditRow)
    assert (noted.who, noted.what, noted.about, noted.tenant) == ("crm", "change", row.ticket, "shop")
    status, told = await ask(program, {**BODY, "matter": "別のこと"})
    assert (status, told["error"]) == (409, "key_reused")


async def test_a_program_is_told_what_is_wrong(program: TestClient[Any, Any], store: Store) -> None:
    assert (await ask(program, BODY, key=None))[0] == 400
    status, told = await ask(program, {**BODY, "number": "110"})
    assert status == 400 and told["fields"][0]["where"] == "number"
    assert (await ask(program, {**BODY, "number": None}))[1]["fields"][0]["where"] == "number"
    assert (await ask(program, {**BODY, "line": "nothing"}))[1]["fields"][0]["where"] == "line"
    status, told = await ask(program, BODY, token="sakura-token-that-is-long-enough")
    assert status == 400 and told["fields"] == [{"where": "line", "problem": "there is no such line"}]
    assert await rows(store, CallbackRow) == []


async def test_a_program_may_want_no_reply_or_a_call_at_once(
    program: TestClient[Any, Any], store: Store
) -> None:
    await add_agent(store)
    status, told = await ask(program, {"line": "shop", "name": "田中", "reply_wanted": False})
    assert (status, told["due_at"], told["at_once"]) == (201, None, False)
    status, told = await ask(program, {**BODY, "now": True}, key="k-2")
    assert (status, told["at_once"]) == (201, True)
    assert await rung_now(store) == [{"ticket": told["ticket"]}]


async def test_a_program_reads_how_crowded_a_line_is(program: TestClient[Any, Any], store: Store) -> None:
    path, headers = "/api/v1/lines/shop/crowd", {"Authorization": "Bearer shop-token-that-is-long-enough"}
    told = await (await program.get(path, headers=headers)).json()
    assert (told["now"], told["free"]) == ("unknown", False), "no engine runs"
    await beats(store, NOW)
    told = await (await program.get(path, headers=headers)).json()
    assert told == {"line": "shop", "now": "busy", "free": False, "opens": None, "usual": None}
    headers = {"Authorization": "Bearer sakura-token-that-is-long-enough"}
    assert (await program.get(path, headers=headers)).status == 404
