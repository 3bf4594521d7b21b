"""What an agent sees and does."""

import re

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import text

from ivr.store import callbacks, contacts, messages
from ivr.store.database import Store
from tests.web.conftest import Login, form_token


def row_of(page: str, ticket: str) -> str:
    """The words of one row, one blank between them."""
    start = page.index(f'id="row-{ticket}"')
    html = page[page.index(">", start) + 1 : page.index("</li>", start)]
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def page(client: TestClient, path: str = "/callbacks") -> str:
    answer = await client.get(path)
    assert answer.status == 200
    return await answer.text()


@pytest.fixture
async def alice(desk: Store, login: Login) -> TestClient:
    return await login("alice")


@pytest.mark.parametrize(
    ("ticket", "words"),
    [
        (
            "1000012",
            ["超過10分 ● 未対応 03-1234-5678", "話し中（混雑） #1 #2"],
        ),
        ("1000012", ["【試験用モデル】 ログインできません。田中です。"]),
        (
            "1000023",
            ["あと25分", "090-1234-5678", "営業時間外", "振り分け待ち"],
        ),
        ("1000034", ["◐ 担当中", "あと1時間30分", "050-3185-9080", "応答なし", "文字起こし中"]),
        ("1000045", ["非通知", "文字起こし待ち"]),
        ("1000056", ["011-200-1234", "オペレーター不在", "文字起こし失敗：音声認識モデルが見つかりません"]),
        (
            "1000067",
            ["株式会社さくら商店 佐藤 花子 様 080-1111-2222", "宛先： 山﨑宛", "折り返し希望", "決済の設定"],
        ),
        ("1000067", ["希望時間帯： 午後希望", "折返し要"]),
        ("1000078", ["担当： tanaka"]),
        ("1000078", ["◆ 確認中", "優先度 高", "あと1日9時間"]),
        ("1000089", ["◇ お客様待ち", "公衆電話", "聞き取れる言葉はありませんでした"]),
        ("1000101", ["期限なし", "文字起こしなし"]),
        ("1000112", ["✓ 対応済み", "今日 10:00"]),
        ("1000123", ["× 取消", "留守番電話なし"]),
        ("1000134", ["△ 連絡不能", "11/23(月) 23:20"]),
    ],
)
async def test_a_row_says(alice: TestClient, ticket: str, words: list[str]) -> None:
    row = row_of(await page(alice), ticket)
    for word in words:
        assert word in row, row


async def test_what_is_due_first_comes_first_and_what_is_handled_last(alice: TestClient) -> None:
    tickets = re.findall(r'id="row-(\d+)"', await page(alice))
    assert tickets == [
        "1000012", "1000023", "1000090", "1000034", "1000045", "1000056", "1000067", "1000078", "1000089",
        "1000101", "1000112", "1000123", "1000134",
    ]  # fmt: skip
    greyed = re.findall(r'class="row handled" id="link-(\d+)"', await page(alice))
    assert greyed == ["1000112", "1000123", "1000134"]


async def test_text_of_a_caller_is_never_markup(alice: TestClient, desk: Store) -> None:
    async with desk.write() as db:
        await db.execute(text("UPDATE messages SET transcript_text = '<script>alert(1)</script>'"))
    for path in ("/callbacks", "/callbacks/1000012"):
        html = await page(alice, path)
        assert "<script>alert" not in html and "&lt;script&gt;alert" in html


async def test_nothing_to_do_is_said(store: Store, desk: Store, login: Login) -> None:
    async with store.write() as db:
        await db.execute(text("DELETE FROM callback_texts"))
        await db.execute(text("DELETE FROM callback_events"))
        await db.execute(text("DELETE FROM callbacks"))
    assert "対応が必要な折り返しはありません。" in await page(await login("alice"))


async def test_a_store_that_fails_is_said(alice: TestClient, store: Store) -> None:
    async with store.write() as db:
        await db.execute(text("ALTER TABLE callbacks RENAME TO gone"))
    answer = await alice.get("/callbacks")
    assert answer.status == 503
    assert "もう一度" in await answer.text()
    assert "gone" not in await answer.text()


async def test_a_ticket_shows_all(alice: TestClient) -> None:
    html = await page(alice, "/callbacks/1000067")
    for word in (
        "受付番号 1000067",
        "080-1111-2222",
        "佐藤 花子 様",
        "山﨑",
        "午後",
        "要",
    ):
        assert word in html, word
    assert "<audio" not in html
    html = await page(alice, "/callbacks/1000012")
    assert 'src="/messages/m1000012/audio?as=recorded"' in html and "0:12" in html
    assert (await alice.get("/messages/m1000012/audio")).content_type == "audio/wav"


@pytest.mark.parametrize(
    ("state", "word"), [("recording", "録音中です。"), ("lost", "音声は残っていません。")]
)
async def test_a_message_without_audio_says_why(
    alice: TestClient, desk: Store, state: str, word: str
) -> None:
    async with desk.write() as db:
        await db.execute(text("UPDATE messages SET state = :state"), {"state": state})
    html = await page(alice, "/callbacks/1000012")
    assert word in html and "<audio" not in html


async def test_no_page_links_a_withheld_number(alice: TestClient) -> None:
    html = await page(alice, "/callbacks/1000045")
    assert "非通知" in html and "tel:" not in html


async def send(client: TestClient, ticket: str, what: str, **form: str) -> tuple[int, str]:
    token = await form_token(client, f"/callbacks/{ticket}")
    answer = await client.post(
        f"/callbacks/{ticket}/{what}", data={"token": token, **form}, allow_redirects=False
    )
    return answer.status, answer.headers.get("Location", "")


async def test_done_and_open_again(alice: TestClient, desk: Store) -> None:
    # what is due next comes next
    assert await send(alice, "1000012", "done", version="0", note="ご案内済み") == (303, "/callbacks/1000023")
    row = row_of(await page(alice), "1000012")
    assert "✓ 対応済み" in row and "今日 11:00" in row
    html = await page(alice, "/callbacks/1000012")
    assert "対応済みにしました" in html and "alice" in html and "ご案内済み" in html
    assert await send(alice, "1000012", "reopen", version="1") == (303, "/callbacks/1000012")
    assert "● 未対応" in row_of(await page(alice), "1000012")
    async with desk.read() as db:
        assert [e.what for e in await callbacks.events(db, "1000012")] == ["created", "done", "reopen"]


@pytest.mark.parametrize("version", ["7", "", "x"])
async def test_who_saw_an_old_state_must_look_again(alice: TestClient, desk: Store, version: str) -> None:
    assert await send(alice, "1000012", "done", version=version) == (409, "")
    async with desk.read() as db:
        assert (await callbacks.get(db, "1000012")).state == "open"


@pytest.mark.parametrize(
    ("ticket", "what"), [("1000090", "done"), ("1000123", "done"), ("1000012", "reopen")]
)
async def test_what_its_state_forbids_is_not_offered_and_not_done(
    alice: TestClient, desk: Store, ticket: str, what: str
) -> None:
    assert f"/callbacks/{ticket}/{what}" not in await page(alice, f"/callbacks/{ticket}")
    status, location = await send(alice, ticket, what, version="0")
    assert (status, location) == (409, "")


async def test_another_tenant_sees_and_does_nothing(desk: Store, login: Login) -> None:
    bob = await login("bob")
    html = await page(bob)
    assert re.findall(r'id="row-(\d+)"', html) == ["2000015"]
    assert 'data-count="1"' in html
    for path in ("/callbacks/1000012", "/messages/m1000012/audio", "/callbacks/none"):
        assert (await bob.get(path)).status == 404, path
    token = await form_token(bob, "/callbacks/2000015")
    for path in ("/callbacks/1000012/done", "/callbacks/1000112/reopen"):
        assert (await bob.post(path, data={"token": token, "version": "0"})).status == 404
    async with desk.read() as db:
        assert (await callbacks.get(db, "1000012")).state == "open"
        assert (await callbacks.get(db, "1000112")).state == "done"


async def test_who_has_no_tenant_sees_all_and_which_line(desk: Store, login: Login) -> None:
    html = await page(await login("root"))
    assert "さくらサポート" in row_of(html, "2000015")
    assert "ecforceカスタマーサポート" in row_of(html, "1000012")


async def test_who_asked_again_is_heard_on_the_same_ticket(alice: TestClient, desk: Store) -> None:
    asked = {"tenant": "ecforce", "line": "ecforce", "cause": "busy", "number": "+81312345678"}
    async with desk.write() as db:
        row = await callbacks.get(db, "1000012")
        first = {"told_ticket": row.ticket, "source": "message", "path": [], "priority": "medium"}
        for id, what in (("m1000012", {}), ("m1000067b", {"matter": "請求書の件"})):
            if id != "m1000012":
                audio = {"audio": f"messages/{id}.wav", "origin": "engine", "created_at": row.created_at}
                await messages.intend(db, {"id": id, "call_id": None, "withheld": None, **audio, **asked})
            about = {"ticket": row.ticket, "message_id": id, "created_at": row.created_at}
            await contacts.add(db, {**asked, **first, **about, **what})
        other = {
            "ticket": "3000001",
            "state": "open",
            "priority": "medium",
            "path": [],
            "company": "田中工業",
        }
        await callbacks.insert(db, {**asked, **other}, who="system", at=row.created_at)
        await callbacks.insert(
            db, {**asked, **other, "ticket": "3000002", "tenant": "sakura"}, who="x", at=row.created_at
        )
    html = await page(alice, "/callbacks/1000012")
    for words in (
        "2件",
        "請求書の件",
        "/callbacks/1000012?message=m1000067b",
        "同じ番号の別件",
        "受付番号 3000001",
        "田中工業",
    ):
        assert words in html, words
    assert "3000002" not in html, "another tenant's"
