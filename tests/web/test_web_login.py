"""Nobody comes in without a login, and no form is taken that this site did not give out."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import ClientSession, DummyCookieJar
from aiohttp.test_utils import TestClient

from ivr.store import users
from ivr.store.database import Store
from ivr.web.auth.passwords import make_hash
from ivr.web.auth.views import inside
from ivr.web.keys import RENEWS
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.desk import PASSWORD

pytestmark = pytest.mark.usefixtures("desk")


async def attempt(client: TestClient, name: str, password: str, next: str = "") -> tuple[int, str, str]:
    token = await form_token(client, "/login")
    form = {"name": name, "password": password, "token": token, "next": next}
    answer = await client.post("/login", data=form, allow_redirects=False)
    return answer.status, answer.headers.get("Location", ""), await answer.text()


@pytest.mark.parametrize("path", ["/", "/callbacks", "/callbacks/1000012", "/messages/m1000012/audio", "/x"])
async def test_every_page_leads_to_the_login(visitor: TestClient, path: str) -> None:
    answer = await visitor.get(path, allow_redirects=False)
    assert answer.status == 303
    assert parse_qs(urlsplit(answer.headers["Location"]).query) == {"next": [path]}


@pytest.mark.parametrize("path", ["/callbacks/1000012/done", "/callbacks/1000112/reopen", "/logout"])
async def test_no_form_is_taken_without_a_login(visitor: TestClient, path: str) -> None:
    answer = await visitor.post(path, data={"version": "0"}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/login")


@pytest.mark.parametrize("path", ["/login", "/healthz", "/readyz", "/static/style.css", "/static/live.js"])
async def test_these_are_open(visitor: TestClient, path: str) -> None:
    assert (await visitor.get(path, allow_redirects=False)).status == 200


async def test_login_leads_to_the_page_that_was_wanted(visitor: TestClient) -> None:
    assert await attempt(visitor, "alice", PASSWORD, "/callbacks/1000012") == (303, "/callbacks/1000012", "")
    assert (await visitor.get("/callbacks/1000012")).status == 200


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "\\/evil.example", "/\tx", "evil", "",
     "/\r\nSet-Cookie: a=b", "javascript:alert(1)"],
)  # fmt: skip
async def test_no_redirect_leaves_the_site(visitor: TestClient, target: str) -> None:
    status, location, _ = await attempt(visitor, "alice", PASSWORD, target)
    assert (status, location) == (303, "/callbacks")


def test_a_page_of_ours_with_a_query_is_kept() -> None:
    assert inside("/callbacks/1?problem=changed") == "/callbacks/1?problem=changed"


@pytest.mark.parametrize(
    ("name", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("", ""), ("alice", "")]
)
async def test_a_wrong_login_says_no_more_than_that(visitor: TestClient, name: str, password: str) -> None:
    status, _, text = await attempt(visitor, name, password)
    assert status == 401
    assert "ユーザー名かパスワードが違います。" in text
    assert (await visitor.get("/callbacks", allow_redirects=False)).status == 303


async def test_guessing_is_stopped_for_five_minutes(visitor: TestClient, clock: StoppedClock) -> None:
    for _ in range(5):
        assert (await attempt(visitor, "alice", "wrong"))[0] == 401
    assert (await attempt(visitor, "alice", PASSWORD))[0] == 429
    assert (await attempt(visitor, "bob", "wrong"))[0] == 401, "another name is not stopped"
    clock.at += timedelta(seconds=301)
    assert (await attempt(visitor, "alice", PASSWORD))[0] == 303


async def test_a_right_password_forgets_the_wrong_ones(visitor: TestClient) -> None:
    for _ in range(3):
        for _ in range(4):
            assert (await attempt(visitor, "alice", "wrong"))[0] == 401
        assert (await attempt(visitor, "alice", PASSWORD))[0] == 303
        await visitor.post("/logout", data={"token": await form_token(visitor, "/callbacks")})


async def test_the_cookie_is_out_of_reach(visitor: TestClient, login: Login) -> None:
    token = await form_token(visitor, "/login")
    form = {"name": "alice", "password": PASSWORD, "token": token}
    answer = await visitor.post("/login", data=form, allow_redirects=False)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie


@pytest.mark.parametrize("path", ["/callbacks/1000012/done", "/logout"])
@pytest.mark.parametrize("token", ["", "0" * 64, "ああ"])
async def test_a_forged_form_is_refused(login: Login, path: str, token: str) -> None:
    alice = await login("alice")
    answer = await alice.post(path, data={"version": "0", "token": token}, allow_redirects=False)
    assert answer.status == 403
    text = await (await alice.get("/callbacks/1000012")).text()
    assert "未対応" in text and "対応済みにする" in text


async def test_the_login_form_cannot_be_forged_either(visitor: TestClient) -> None:
    answer = await visitor.post("/login", data={"name": "alice", "password": PASSWORD}, allow_redirects=False)
    assert answer.status == 403


async def test_a_token_is_of_one_session_only(visitor: TestClient, login: Login) -> None:
    before = await form_token(visitor, "/login")
    alice = await login("alice")
    assert (await alice.post("/logout", data={"token": before}, allow_redirects=False)).status == 403


async def test_logout_ends_it(login: Login) -> None:
    alice = await login("alice")
    token = await form_token(alice, "/callbacks")
    answer = await alice.post("/logout", data={"token": token}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    assert (await alice.get("/callbacks", allow_redirects=False)).status == 303


async def test_a_session_ends_after_twelve_hours(login: Login, clock: StoppedClock) -> None:
    alice = await login("alice")
    clock.at += timedelta(hours=11, minutes=59)
    assert (await alice.get("/callbacks", allow_redirects=False)).status == 200
    clock.at += timedelta(minutes=1)
    assert (await alice.get("/callbacks", allow_redirects=False)).status == 303


async def test_a_new_password_ends_every_session(login: Login, desk: Store) -> None:
    alice = await login("alice")
    async with desk.write() as db:
        await users.set_password(db, "alice", make_hash("another one"))
    assert (await alice.get("/callbacks", allow_redirects=False)).status == 303


async def test_a_changed_cookie_is_worthless(login: Login) -> None:
    alice = await login("alice")
    cookie = next(c.value for c in alice.session.cookie_jar if c.key == "ivr_session")
    body, _, signature = cookie.rpartition(".")

    async def status(value: str) -> int:
        async with ClientSession(cookie_jar=DummyCookieJar()) as bare:
            headers = {"Cookie": f"ivr_session={value}"}
            answer = await bare.get(alice.make_url("/callbacks"), headers=headers, allow_redirects=False)
            return answer.status

    assert await status(cookie) == 200
    for forged in (f"{body}.{'0' * 64}", f"A{body}.{signature}", f"{body}.", body, "", "."):
        assert await status(forged) == 303, forged


@pytest.mark.parametrize(
    "path", ["/login", "/callbacks", "/healthz", "/api/v1/calls", "/static/live.js", "/x"]
)
async def test_every_answer_has_the_security_headers(visitor: TestClient, path: str) -> None:
    headers = (await visitor.get(path, allow_redirects=False)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


async def test_pages_hold_no_inline_script_or_style(login: Login) -> None:
    alice = await login("alice")
    for path in ("/callbacks", "/callbacks/1000012"):
        text = await (await alice.get(path)).text()
        assert 'lang="ja"' in text
        assert " style=" not in text and "<style" not in text and "onclick" not in text
        assert "<script" in text
        assert all(tag.partition(">")[0].count(' src="/static/') == 1 for tag in text.split("<script")[1:])


async def test_no_form_of_any_page_is_taken_from_another_site(login: Login, desk: Store) -> None:
    """Whatever will be added: the guard stands before every handler. Programs come with a token, never with a cookie."""
    async with desk.write() as db:
        (await users.to_change(db, "root")).role = "admin"
    root = await login("root")
    app = root.server.app  # type: ignore[attr-defined]
    tried = 0
    for route in app.router.routes():
        path = re.sub(r"\{[^}]+\}", "1", route.resource.canonical)
        if route.method in ("GET", "HEAD") or route.resource.canonical in app[RENEWS]:
            continue  # the public form comes back with what was typed
        tried += 1
        answer = await root.request(route.method, path, data={"token": "0" * 64}, allow_redirects=False)
        assert answer.status == (401 if path.startswith("/api/") else 403), path
    assert tried > 100
