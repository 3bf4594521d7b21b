"""Editing a dialplan in the page: checked, compared, tried, published, and nothing is lost."""

import html
import re
from collections.abc import Mapping

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient

from tests.dialplans import SHOP, changed
from tests.web.conftest import Login, form_token
from tests.web.lines import Office

EDIT = "/admin/lines/shop/edit"
GREETING = "お電話ありがとうございました。"
THANKS = changed(GREETING, "お電話、誠にありがとうございました。")
WRONG = changed("otherwise: message", "otherwise: mesage")


def hidden(page: str, name: str) -> str:
    return page.split(f'name="{name}" value="', 1)[1].split('"', 1)[0]


def words(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)))


def written(page: str) -> str:
    """What stands in the editor."""
    return html.unescape(page.split("<textarea", 1)[1].split(">\n", 1)[1].split("</textarea>", 1)[0])


async def send(
    client: TestClient, action: str, text: str, fields: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """As the browser sends the form of the page, with CR LF. Where it leads to is opened."""
    page = await (await client.get(EDIT)).text()
    form = FormData(default_to_multipart=True)
    given = {"token": hidden(page, "token"), "digest": hidden(page, "digest"), "why": "挨拶を丁寧に"}
    for name, value in {**given, "text": text.replace("\n", "\r\n"), **(fields or {})}.items():
        form.add_field(name, value)
    answer = await client.post(f"/admin/lines/shop/{action}", data=form)
    return answer.status, await answer.text()


async def test_the_editor_holds_the_file(office: Office, login: Login) -> None:
    carol = await login("carol")
    page = await (await carol.get(EDIT)).text()
    assert written(page) == SHOP
    assert "問題はありません" in page


async def test_a_check_tells_the_place_and_keeps_what_was_written(office: Office, login: Login) -> None:
    carol = await login("carol")
    status, page = await send(carol, "check", WRONG)
    assert status == 200
    assert "エラー 1件：このままでは公開できません" in page
    assert 'data-line="26" data-column="16"' in page
    said = 'dialplans/shop.yaml:26:16 queue "agents": otherwise: there is no step "mesage"; did you mean "message"?'
    assert said in words(page)
    assert written(page) == WRONG
    assert office.file("shop").read_text("utf-8") == SHOP


@pytest.mark.parametrize(
    "text", ["", "a: [", "\t", "x" * 30_000, "&a [*a]", "\x00", "ああ: \ud7ff", "---\n---\n"]
)
async def test_whatever_is_written_is_answered(office: Office, login: Login, text: str) -> None:
    carol = await login("carol")
    for action in ("check", "difference", "simulate"):
        assert (await send(carol, action, text))[0] == 200
    assert (await send(carol, "publish", text))[0] == 422
    assert office.file("shop").read_text("utf-8") == SHOP


SHARED_TEXT = """hours:
  office:
    zone: Asia/Tokyo
    weekly: {月-金: "10:00-17:00"}
"""
USING = changed(SHARED_TEXT, "use: [japan]\n")


async def test_what_is_wrong_in_a_shared_file_is_told(office: Office, login: Login) -> None:
    carol = await login("carol")
    office.share("japan", SHARED_TEXT.replace("17:00", "27"))
    _, page = await send(carol, "check", USING)
    assert "dialplans/shop.yaml:6:7 use: dialplans/shared/japan.yaml has errors" in words(page)
    assert 'dialplans/shared/japan.yaml:4:19 hours "office": weekly.月-金: "10:00-27"' in words(page)
    assert page.count('class="place" href') == 1, "only what can be mended here is a link"
    office.share("japan", SHARED_TEXT)
    _, page = await send(carol, "check", USING)
    assert "問題はありません" in page
    fields = {"at": "2026-11-24T09:00", "keys": "", "staff": "free", "caller": "", "say": ""}
    _, page = await send(carol, "simulate", USING, fields)
    assert "[message] voicemail" in words(page)
    async with office.working():
        _, page = await send(carol, "publish", USING)
    assert "公開しました" in page
    page = await (await carol.get("/admin/lines/shop")).text()
    assert "公開中の版と同じです。" in page
    office.share("japan", SHARED_TEXT.replace("17:00", "18:00"))
    page = await (await carol.get("/admin/lines/shop")).text()
    assert "ファイルの内容は、まだ公開されていません。" in page


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_dialplan_may_be_larger_than_other_forms(office: Office, login: Login) -> None:
    carol = await login("carol")
    large = SHOP + "# " + "あ" * 300_000 + "\n"
    status, page = await send(carol, "check", large)
    assert (status, "問題はありません" in page) == (200, True)
    status, page = await send(carol, "check", SHOP + "# " + "あ" * 340_000)
    assert "the file is larger than 1000000 bytes" in page
    assert (await send(carol, "check", "あ" * 500_000))[0] == 413
    token = await form_token(carol, "/callbacks")
    answer = await carol.post("/logout", data={"token": token, "more": "x" * 70_000})
    assert answer.status == 413


async def test_the_difference_is_coloured_and_escaped(office: Office, login: Login) -> None:
    carol = await login("carol")
    _, page = await send(carol, "difference", changed(GREETING, "<b>どうも</b>。"))
    assert "公開中の版との違い" in page and "今のファイルとの違い" not in page
    assert f'<del><span class="sign">-</span>    say: {GREETING}</del>' in page
    assert '<ins><span class="sign">+</span>    say: &lt;b&gt;どうも&lt;/b&gt;。</ins>' in page
    office.file("shop").write_text(THANKS, "utf-8")
    _, page = await send(carol, "difference", SHOP)
    assert "違いはありません。" in page and "今のファイルとの違い" in page


async def test_a_call_is_tried_before_anything_is_saved(office: Office, login: Login) -> None:
    carol = await login("carol")
    fields = {"at": "2026-11-24T11:00", "keys": "#1", "staff": "free", "caller": "", "say": ""}
    _, page = await send(carol, "simulate", THANKS, fields)
    said = words(page.split("応対の記録")[1])
    assert "11:00:00 [office] hours" in said
    assert "you press #1" in said and "shop-1 answers" in said and "outcome: answered" in said
    _, page = await send(carol, "simulate", THANKS, {**fields, "staff": "busy", "say": "田中です"})
    said = words(page.split("応対の記録")[1])
    assert "you say 「田中です」" in said and "「お電話、誠にありがとうございました。」" in said
    _, page = await send(carol, "simulate", THANKS, {**fields, "at": "2026-11-22T11:00", "say": "田中です"})
    assert "本日は休業日でございます。" in words(page.split("応対の記録")[1])
    assert office.file("shop").read_text("utf-8") == SHOP


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"at": "yesterday"}, '"yesterday" is no time; write it like 2026-11-24T11:00'),
        ({"caller": "x"}, '"x"'),
        ({"at": "9999-12-31T23:59"}, "A calendar knows the years"),
        ({"keys": "＃１", "at": "2026-11-24T11:00"}, "you press #1"),
        ({"caller": "０９０－１２３４－５６７８", "keys": "#1#2"}, "nobody asked for the keys #2"),
    ],
)
async def test_a_field_is_understood_or_what_is_wrong_is_told(
    office: Office, login: Login, fields: Mapping[str, str], told: str
) -> None:
    carol = await login("carol")
    status, page = await send(carol, "simulate", SHOP, fields)
    assert status == 200
    assert told in words(page)


async def test_published_it_is_in_the_file_and_live(office: Office, login: Login) -> None:
    carol = await login("carol")
    async with office.working():
        status, page = await send(carol, "publish", THANKS)
        assert (status, "公開しました" in page) == (200, True)
    assert office.file("shop").read_text("utf-8") == THANKS
    assert await office.source("shop") == THANKS
    text = words(await (await carol.get("/admin/lines/shop/versions")).text())
    newest, oldest = text.index("carol 挨拶を丁寧に"), text.index("今日 11:00 test")
    assert newest < oldest


async def test_what_is_wrong_is_not_saved(office: Office, login: Login) -> None:
    carol = await login("carol")
    status, page = await send(carol, "publish", WRONG)
    assert (status, written(page)) == (422, WRONG)
    assert "エラーがあるため、公開していません。" in page
    assert "挨拶を丁寧に" in page, "the reason need not be typed again"
    assert office.file("shop").read_text("utf-8") == SHOP
    assert await office.pending() == []


async def test_a_line_cannot_be_moved_to_another_company(office: Office, login: Login) -> None:
    carol = await login("carol")
    status, page = await send(carol, "publish", changed("tenant: shop", "tenant: sakura"))
    assert status == 422 and "契約企業（tenant）は、この画面では変更できません" in page
    assert office.file("shop").read_text("utf-8") == SHOP


async def test_the_number_of_another_company_cannot_be_taken(office: Office, login: Login) -> None:
    carol = await login("carol")
    status, page = await send(carol, "publish", changed("050-3185-9080", "03-3581-4111"))
    assert status == 422 and "sakura.yaml" not in page
    assert office.file("shop").read_text("utf-8") == SHOP


async def test_a_file_that_changed_meanwhile_is_not_overwritten_unseen(office: Office, login: Login) -> None:
    carol = await login("carol")
    page = await (await carol.get(EDIT)).text()
    before = {"digest": hidden(page, "digest")}
    theirs = changed("capacity: 2", "capacity: 9")
    office.file("shop").write_text(theirs, "utf-8")
    status, page = await send(carol, "publish", THANKS, before)
    assert status == 409 and "ファイルが別の変更で書き換えられました" in page
    assert written(page) == THANKS
    assert '<del><span class="sign">-</span>  capacity: 9</del>' in page
    assert office.file("shop").read_text("utf-8") == theirs
    async with office.working():
        status, page = await send(carol, "publish", THANKS, {"digest": hidden(page, "digest")})
        assert (status, "公開しました" in page) == (200, True)
    assert await office.source("shop") == THANKS


async def test_a_text_that_the_voice_refuses_is_told_and_the_old_version_stays(
    office: Office, login: Login
) -> None:
    office.prompts.mute.add("お電話、誠にありがとうございました。")
    carol = await login("carol")
    async with office.working():
        status, page = await send(carol, "publish", THANKS)
    assert (status, "公開できませんでした" in page) == (200, True)
    assert "a prompt without anything that can be read aloud" in page
    assert await office.source("shop") == SHOP


async def test_a_wrong_file_of_another_company_is_nobodys_business(office: Office, login: Login) -> None:
    office.file("sakura").write_text("secret: 1\n", "utf-8")
    carol = await login("carol")
    async with office.working():
        status, page = await send(carol, "publish", THANKS)
    assert (status, "公開しました" in page) == (200, True)
    assert "secret" not in page and "sakura" not in page


async def test_while_nobody_publishes_the_page_asks_again(office: Office, login: Login) -> None:
    carol = await login("carol")
    page = await (await carol.get(EDIT)).text()
    form = {"token": hidden(page, "token"), "digest": hidden(page, "digest"), "text": THANKS}
    answer = await carol.post("/admin/lines/shop/publish", data=form)
    assert answer.headers["Refresh"] == "1"
    assert "公開しています…" in await answer.text()
    async with office.working():
        page = await (await carol.get(answer.url.path)).text()
    assert "公開しました" in page


@pytest.mark.parametrize("order", ["0", "999999", "x", "1" * 30])
async def test_there_is_no_such_order(office: Office, login: Login, order: str) -> None:
    carol = await login("carol")
    assert (await carol.get(f"/admin/lines/shop/orders/{order}")).status == 404


async def test_a_file_of_another_encoding_is_replaced(office: Office, login: Login) -> None:
    """As an old editor on Windows saves it: nobody can read it, and the page says that it may be replaced."""
    carol = await login("carol")
    office.file("shop").write_bytes(SHOP.encode("cp932"))
    page = await (await carol.get(EDIT)).text()
    assert "公開すると、この内容で置き換わります。" in page and written(page) == SHOP
    async with office.working():
        status, _ = await send(carol, "publish", THANKS)
    assert status == 200 and office.file("shop").read_text("utf-8") == THANKS
