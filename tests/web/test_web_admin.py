"""Who may see and change which line: admins those of their company, nobody else any."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient

from ivr.store import alarms, orders
from ivr.web.admin.routes import ROUTES
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.desk import NOW
from tests.web.lines import Office

GETS = sorted(route.path for route in ROUTES if route.method == "GET")
POSTS = sorted(route.path for route in ROUTES if route.method == "POST")
# What exists only after something else was done.
NOT_YET = {"/admin/lines/{key}/prompts/{id}.wav"}
CHANGING_WHAT_A_LINE_DOES = [
    *("/admin/lines/{key}/edit", "/admin/lines/{key}/check", "/admin/lines/{key}/difference"),
    *("/admin/lines/{key}/simulate", "/admin/lines/{key}/publish"),
    *("/admin/lines/{key}/versions", "/admin/lines/{key}/versions/{hash}"),
    "/admin/lines/{key}/versions/{hash}/roll-back",
]

Example = dict[str, str]


@pytest.fixture
async def example(office: Office) -> Example:
    """What stands for the parts of an address, all of the shop's line."""
    async with office.store.write() as db:
        data = {"by": "carol", "why": None, "line": "shop"}
        order = await orders.put(db, "jobs", "publish", data, NOW)
        await orders.done(db, order, NOW)
    hashes = await office.hashes()
    return {"{key}": "shop", "{hash}": hashes["shop"], "{order}": str(order), "{id}": "0" * 16}


def address(path: str, example: Example) -> str:
    for name, value in example.items():
        path = path.replace(name, value)
    assert "{" not in path, f"give {path} an example"
    return path


def test_the_routes_are_all_here() -> None:
    assert {"/admin/lines", "/admin/lines/{key}/edit", "/admin/lines/{key}/versions/{hash}"} <= {*GETS}
    assert {"/admin/lines/{key}/publish", "/admin/lines/{key}/versions/{hash}/roll-back"} <= {*POSTS}


@pytest.mark.parametrize("path", [path for path in GETS if path not in {"/admin", *NOT_YET}])
async def test_an_admin_sees_the_pages_of_the_own_company_and_nobody_elses(
    example: Example, login: Login, path: str
) -> None:
    there = address(path, example)
    carol = await login("carol")
    answer = await carol.get(there)
    text = await answer.text()
    assert answer.status == 200, text
    assert "山田商店" in text and "さくらサポート" not in text
    root = await login("root")
    assert (await root.get(there)).status == 200
    dave = await login("dave")
    answer = await dave.get(there)
    assert answer.status == (404 if "{key}" in path else 200)
    assert "山田商店" not in await answer.text()


@pytest.mark.parametrize("path", POSTS)
async def test_an_admin_changes_nothing_of_another_company(
    example: Example, office: Office, login: Login, path: str
) -> None:
    before = {key: office.file(key).read_bytes() for key in ("shop", "sakura")}
    versions = await office.hashes()
    dave = await login("dave")
    token = await form_token(dave, "/admin/lines")
    form = {"token": token, "text": "line: {}", "digest": "", "why": "x", "reason": "x"}
    answer = await dave.post(address(path, example), data=form, allow_redirects=False)
    assert answer.status == 404
    assert {key: office.file(key).read_bytes() for key in before} == before
    assert await office.hashes() == versions
    assert await office.pending() == []


@pytest.mark.parametrize(
    ("name", "path"),
    [("alice", path) for path in [*GETS, *POSTS]] + [("sam", path) for path in CHANGING_WHAT_A_LINE_DOES],
)
async def test_the_pages_are_not_for_everybody(example: Example, login: Login, name: str, path: str) -> None:
    somebody = await login(name)
    there = address(path, example)
    if path in POSTS:
        form = {"token": await form_token(somebody, "/callbacks")}
        answer = await somebody.post(there, data=form, allow_redirects=False)
    else:
        answer = await somebody.get(there, allow_redirects=False)
    assert answer.status == 403
    assert "管理者の権限が必要です" in await answer.text()


@pytest.mark.parametrize("path", [*GETS, *POSTS])
async def test_nobody_comes_in_without_a_login(example: Example, visitor: TestClient, path: str) -> None:
    method = "POST" if path in POSTS else "GET"
    answer = await visitor.request(method, address(path, example), allow_redirects=False)
    assert answer.status == 303
    assert answer.headers["Location"].startswith("/login")


@pytest.mark.parametrize("token", [None, "", "0" * 64])
@pytest.mark.parametrize("path", POSTS)
async def test_no_form_is_taken_that_this_site_did_not_give_out(
    example: Example, office: Office, login: Login, path: str, token: str | None
) -> None:
    carol = await login("carol")
    form = {"text": "line: {}", "digest": "", "why": "x"} | ({} if token is None else {"token": token})
    answer = await carol.post(address(path, example), data=form, allow_redirects=False)
    assert answer.status == 403
    assert await office.pending() == []


@pytest.mark.parametrize(("name", "seen"), [("carol", True), ("alice", False), ("sam", True)])
async def test_only_who_manages_sees_the_link(office: Office, login: Login, name: str, seen: bool) -> None:
    somebody = await login(name)
    assert ("/admin" in await (await somebody.get("/callbacks")).text()) is seen


@pytest.mark.parametrize("page", ["", "/flow", "/calendar", "/prompts", "/closing", "/hours"])
async def test_supervisors_see_what_the_day_needs(office: Office, login: Login, page: str) -> None:
    sam = await login("sam")
    answer = await sam.get(f"/admin/lines/shop{page}")
    text = await answer.text()
    assert answer.status == 200 and "山田商店" in text
    assert "/edit" not in text and "/versions" not in text
    assert (await sam.get(f"/admin/lines/sakura{page}")).status == 404


async def test_a_role_that_is_taken_away_ends_at_once(office: Office, login: Login) -> None:
    carol = await login("carol")
    assert (await carol.get("/admin/lines")).status == 200
    await office.set_role("carol", "agent")
    assert (await carol.get("/admin/lines")).status == 403


def words(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)))


async def test_the_list_says_what_an_admin_wants_to_know(
    office: Office, login: Login, clock: StoppedClock
) -> None:
    root = await login("root")
    text = words(await (await root.get("/admin/lines")).text())
    assert "山田商店 shop" in text and "050-3185-9080" in text
    assert "営業中 今日 17:00まで" in text
    assert "今日 11:00 公開：test" in text
    assert "ファイルに未公開の内容があります" not in text
    clock.at += timedelta(hours=7)
    text = words(await (await root.get("/admin/lines")).text())
    assert "営業時間外 営業終了後・11/25(水) 10:00から営業" in text


async def test_a_file_that_is_wrong_is_told_while_the_last_good_version_answers(
    office: Office, login: Login
) -> None:
    office.file("shop").write_text(office.file("shop").read_text().replace("max_wait", "max_wate"))
    async with office.store.write() as db:
        await alarms.raise_(db, "dialplan:shop", "直してください", tenant="shop", at=NOW)
    carol = await login("carol")
    text = words(await (await carol.get("/admin/lines")).text())
    assert "ファイルに未公開の内容があります" in text and "直してください" in text
    text = words(await (await carol.get("/admin/lines/shop")).text())
    assert "ファイルにエラーがあるため、最後に公開した版のまま応対しています。" in text
    assert 'dialplans/shop.yaml:25:5 queue "agents": unknown key "max_wate"; did you mean "max_wait"?' in text
    assert "直してください" in text
    dave = await login("dave")
    for path in ("/admin/lines", "/admin/lines/sakura"):
        assert "直してください" not in await (await dave.get(path)).text()


async def test_a_file_that_is_gone_is_told(office: Office, login: Login) -> None:
    office.file("shop").unlink()
    carol = await login("carol")
    text = await (await carol.get("/admin/lines/shop")).text()
    assert "ファイルがないか、読み取れません。最後に公開した版で応対しています。" in text
    text = await (await carol.get("/admin/lines/shop/edit")).text()
    assert "最後に公開した版を表示しています" in text and "name: 山田商店" in text


def scripts(page: str) -> Iterator[str]:
    yield from re.findall(r"<script[^>]*>", page)


@pytest.mark.parametrize("path", [path for path in GETS if path not in {"/admin", *NOT_YET}])
async def test_pages_hold_no_inline_script_or_style(example: Example, login: Login, path: str) -> None:
    carol = await login("carol")
    answer = await carol.get(address(path, example))
    text = await answer.text()
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy and "script-src 'self';" in policy
    assert " style=" not in text and "<style" not in text and " onclick" not in text
    assert all(' src="/static/' in script for script in scripts(text))
