"""One's own account: password, mail, mobile number, second factor; and the login that asks for it."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from ivr import accounts
from ivr.settings import Settings, load
from ivr.store import agents, users
from ivr.store.database import Store
from ivr.store.tables import UserRow
from ivr.web.auth import totp
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.desk import NOW, PASSWORD

pytestmark = pytest.mark.usefixtures("desk")

NEW = "correct horse battery"


async def post(client: TestClient, path: str, page: str = "/account", **form: str) -> tuple[int, str]:
    form["token"] = await form_token(client, page)
    answer = await client.post(path, data=form, allow_redirects=False)
    return answer.status, answer.headers.get("Location", "") or await answer.text()


async def logs_in(client: TestClient, name: str = "alice", password: str = PASSWORD) -> tuple[int, str]:
    return await post(client, "/login", "/login", name=name, password=password, next="/callbacks/1000012")


async def gives(client: TestClient, code: str) -> tuple[int, str]:
    return await post(client, "/login/code", "/login/code", code=code, next="/callbacks/1000012")


async def may_see(client: TestClient) -> bool:
    return (await client.get("/callbacks/1000012", allow_redirects=False)).status == 200


async def alices(store: Store) -> UserRow:
    async with store.read() as db:
        found = await users.get(db, "alice")
        assert found is not None
        return found


def code_at(secret: str, clock: StoppedClock) -> str:
    return totp.code(secret, totp.step_at(clock.now()))


async def set_up(client: TestClient, clock: StoppedClock) -> tuple[str, list[str]]:
    """The secret and the recovery codes of who is logged in."""
    text = await (await client.get("/account/factor")).text()
    hidden = dict(re.findall(r'name="(secret|seal|token)" value="([^"]+)"', text))
    form = {**hidden, "code": code_at(hidden["secret"], clock), "password": PASSWORD}
    answer = await client.post("/account/factor", data=form, allow_redirects=False)
    assert answer.status == 200
    return hidden["secret"], re.findall(r"<code>([A-Z0-9-]+)</code>", await answer.text())


# -- password, mail, number -----------------------------------------------------------------------


async def test_a_new_password_ends_the_other_sessions_and_not_this_one(login: Login) -> None:
    alice = await login("alice")
    elsewhere = {one.key: one.value for one in alice.session.cookie_jar}
    changed = await post(alice, "/account/password", password=PASSWORD, new=NEW, again=NEW)
    assert changed == (303, "/account?done=password")
    assert await may_see(alice)
    other = await alice.get("/callbacks", cookies=elsewhere, allow_redirects=False)
    assert (other.status, other.headers["Location"]) == (303, "/login?next=/callbacks")


@pytest.mark.parametrize(
    ("password", "new", "again", "said"),
    [
        ("wrong", NEW, NEW, "今のパスワードが違います。"),
        (PASSWORD, "short", "short", "10文字以上"),
        (PASSWORD, "i am alice 26", "i am alice 26", "推測されやすい"),
        (PASSWORD, NEW, "other", "一致していません"),
    ],
)
async def test_a_password_is_not_changed_so(
    login: Login, store: Store, password: str, new: str, again: str, said: str
) -> None:
    alice, before = await login("alice"), (await alices(store)).password
    status, text = await post(alice, "/account/password", password=password, new=new, again=again)
    assert status == 422 and said in text
    assert (await alices(store)).password == before


async def test_the_present_password_is_not_guessed_on_that_page(login: Login) -> None:
    alice = await login("alice")
    for _ in range(5):
        assert (await post(alice, "/account/password", password="x", new=NEW, again=NEW))[0] == 422
    status, text = await post(alice, "/account/password", password=PASSWORD, new=NEW, again=NEW)
    assert status == 422 and "しばらくログインできません" in text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Alice@Example.co.jp ", "alice@example.co.jp"),
        ("", None),
        ("a.b+c@mail.example.jp", "a.b+c@mail.example.jp"),
    ],
)
async def test_the_mail_address_is_changed(login: Login, store: Store, typed: str, kept: str | None) -> None:
    alice = await login("alice")
    assert (await post(alice, "/account/mail", email=typed, password=PASSWORD))[0] == 303
    assert (await alices(store)).email == kept


async def test_what_is_no_mail_address_is_refused(login: Login, store: Store) -> None:
    alice = await login("alice")
    for typed in ("alice", "alice@example", "a b@example.co.jp", "a@b.jp,c@d.jp", "<a@b.jp>", "あ@b.jp"):
        status, text = await post(alice, "/account/mail", email=typed, password=PASSWORD)
        assert status == 422 and "メールアドレスとして読み取れません" in text, typed
    assert (await alices(store)).email is None


async def test_the_mail_address_needs_the_password(login: Login, store: Store) -> None:
    alice = await login("alice")
    assert (await post(alice, "/account/mail", email="mallory@example.com", password="x"))[0] == 422
    assert (await alices(store)).email is None


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("090-1234-5678", "+819012345678"),
        ("０９０ー１２３４ー５６７８", "+819012345678"),
        ("+81 (0)80 1111 2222", "+818011112222"),
        ("", None),
    ],
)
async def test_a_mobile_number_is_kept_as_people_write_it(
    login: Login, store: Store, typed: str, kept: str | None
) -> None:
    async with store.write() as db:
        await agents.add(
            db, "alice", tenant="ecforce", groups=["support"], endpoint="PJSIP/alice", secret="s", at=NOW
        )
        (await agents.get(db, "alice")).mobile = "+817099998888"
    alice = await login("alice")
    assert (await post(alice, "/account/mobile", mobile=typed))[0] == 303
    async with store.read() as db:
        assert (await agents.get(db, "alice")).mobile == kept


async def test_a_number_that_is_never_rung_is_refused(login: Login, store: Store) -> None:
    async with store.write() as db:
        await agents.add(
            db, "alice", tenant="ecforce", groups=["support"], endpoint="PJSIP/alice", secret="s", at=NOW
        )
    alice = await login("alice")
    for typed in ("110", "0990-123-456", "+1 650 253 0000", "mobile", "090-1234"):
        status, text = await post(alice, "/account/mobile", mobile=typed)
        assert status == 422 and "日本国内の電話番号として読み取れません" in text, typed
    async with store.read() as db:
        assert (await agents.get(db, "alice")).mobile is None


async def test_who_has_no_telephone_has_no_mobile_number(login: Login) -> None:
    alice = await login("alice")
    assert "/account/mobile" not in await (await alice.get("/account")).text()
    assert (await post(alice, "/account/mobile", mobile="090-1234-5678"))[0] == 404


async def test_no_forged_form(login: Login) -> None:
    alice = await login("alice")
    form = {"token": "0" * 64, "password": PASSWORD, "new": NEW, "again": NEW}
    for path in ("password", "mail", "mobile", "factor", "factor/codes", "factor/off"):
        answer = await alice.post(f"/account/{path}", data=form, allow_redirects=False)
        assert answer.status == 403, path


# -- the second factor ------------------------------------------------------------------------------


async def test_the_login_asks_for_the_second_factor(login: Login, clock: StoppedClock) -> None:
    alice = await login("alice")
    secret, codes = await set_up(alice, clock)
    assert len(codes) == 10 and await may_see(alice), "the session that set it up goes on"
    await post(alice, "/logout")
    assert await logs_in(alice) == (303, "/login/code?next=/callbacks/1000012")
    assert not await may_see(alice), "the password alone opens nothing"
    assert (await alice.get("/api/v1/callbacks")).status == 401
    clock.at += timedelta(seconds=30)
    assert await gives(alice, code_at(secret, clock)) == (303, "/callbacks/1000012")
    assert await may_see(alice)


async def test_a_code_counts_once_and_none_before_it(login: Login, clock: StoppedClock) -> None:
    alice = await login("alice")
    secret, _ = await set_up(alice, clock)
    clock.at += timedelta(seconds=60)
    used, earlier = code_at(secret, clock), totp.code(secret, totp.step_at(clock.now()) - 1)
    await post(alice, "/logout")
    assert (await logs_in(alice))[0] == 303
    assert (await gives(alice, used))[0] == 303
    await post(alice, "/logout")
    assert (await logs_in(alice))[0] == 303
    for code in (used, earlier):
        status, text = await gives(alice, code)
        assert status == 401 and "すでに使われています" in text
    assert not await may_see(alice)


async def test_the_code_that_set_it_up_is_used_up(login: Login, clock: StoppedClock) -> None:
    alice = await login("alice")
    secret, _ = await set_up(alice, clock)
    await post(alice, "/logout")
    await logs_in(alice)
    assert (await gives(alice, code_at(secret, clock)))[0] == 401


async def test_a_code_is_read_as_it_is_typed(login: Login, clock: StoppedClock) -> None:
    alice = await login("alice")
    secret, _ = await set_up(alice, clock)
    clock.at += timedelta(seconds=30)
    await post(alice, "/logout")
    await logs_in(alice)
    code = code_at(secret, clock).translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    assert (await gives(alice, f" {code[:3]} {code[3:]}"))[0] == 303


async def test_codes_are_not_guessed(login: Login, clock: StoppedClock) -> None:
    alice = await login("alice")
    secret, _ = await set_up(alice, clock)
    clock.at += timedelta(minutes=10)
    await post(alice, "/logout")
    await logs_in(alice)
    wrong = str((int(code_at(secret, clock)) + 500_000) % 1_000_000).zfill(6)
    tries = [(await gives(alice, wrong))[0] for _ in range(6)]
    assert tries == [401, 401, 401, 401, 401, 429]
    clock.at += timedelta(minutes=2)
    assert (await gives(alice, code_at(secret, clock)))[0] == 429
    # nor does the right password begin the count anew
    assert (await logs_in(alice))[0] == 303
    assert (await gives(alice, code_at(secret, clock)))[0] == 429
    clock.at += timedelta(minutes=4)
    assert (await gives(alice, code_at(secret, clock)))[0] == 303


async def test_a_right_password_does_not_count_as_a_wrong_one(login: Login, clock: StoppedClock) -> None:
    alice = await login("alice")
    await set_up(alice, clock)
    await post(alice, "/logout")
    for _ in range(7):
        assert (await logs_in(alice))[0] == 303


async def test_a_half_login_ends_after_ten_minutes(login: Login, clock: StoppedClock) -> None:
    alice = await login("alice")
    await set_up(alice, clock)
    await post(alice, "/logout")
    await logs_in(alice)
    clock.at += timedelta(minutes=10)
    answer = await alice.get("/login/code", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/login")


async def test_nobody_gets_to_the_code_without_the_password(visitor: TestClient) -> None:
    answer = await visitor.get("/login/code", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    assert (await post(visitor, "/login/code", "/login", code="123456")) == (303, "/login")


async def test_a_recovery_code_counts_once(login: Login, clock: StoppedClock, store: Store) -> None:
    alice = await login("alice")
    _, codes = await set_up(alice, clock)
    await post(alice, "/logout")
    await logs_in(alice)
    assert (await gives(alice, codes[0].lower().replace("-", " ")))[0] == 303
    assert len((await alices(store)).recovery or []) == 9
    await post(alice, "/logout")
    await logs_in(alice)
    assert (await gives(alice, codes[0]))[0] == 401
    assert (await gives(alice, codes[9]))[0] == 303
    kept = str((await alices(store)).recovery)
    assert not any(code in kept or totp.plain(code) in kept for code in codes), "only their digests are kept"


async def test_new_recovery_codes_end_the_old_ones(login: Login, clock: StoppedClock) -> None:
    alice = await login("alice")
    _, old = await set_up(alice, clock)
    assert (await post(alice, "/account/factor/codes", password="wrong"))[0] == 422
    status, text = await post(alice, "/account/factor/codes", password=PASSWORD)
    new = re.findall(r"<code>([A-Z0-9-]+)</code>", text)
    assert status == 200 and len(new) == 10 and not set(new) & set(old)
    await post(alice, "/logout")
    await logs_in(alice)
    assert (await gives(alice, old[0]))[0] == 401
    assert (await gives(alice, new[0]))[0] == 303


async def test_a_factor_is_set_up_with_the_password_and_its_own_secret_only(
    login: Login, clock: StoppedClock, store: Store
) -> None:
    alice = await login("alice")
    text = await (await alice.get("/account/factor")).text()
    hidden = dict(re.findall(r'name="(secret|seal|token)" value="([^"]+)"', text))
    good = {**hidden, "code": code_at(hidden["secret"], clock), "password": PASSWORD}
    mine = totp.new_secret()
    for bad, status in (
        ({"password": "wrong"}, 422),
        ({"code": "000000" if good["code"] != "000000" else "111111"}, 422),
        ({"secret": mine, "code": code_at(mine, clock)}, 403),
        ({"seal": "0" * 64}, 403),
    ):
        answer = await alice.post("/account/factor", data=good | bad, allow_redirects=False)
        assert answer.status == status, bad
    assert (await alices(store)).totp_secret is None
    assert (await alice.post("/account/factor", data=good, allow_redirects=False)).status == 200


async def test_it_is_given_up_with_the_password(login: Login, clock: StoppedClock, store: Store) -> None:
    alice = await login("alice")
    await set_up(alice, clock)
    assert (await post(alice, "/account/factor/off", password="wrong"))[0] == 422
    assert await post(alice, "/account/factor/off", password=PASSWORD) == (303, "/account?done=factor")
    assert (await alices(store)).totp_secret is None and await may_see(alice)


async def test_a_new_factor_and_its_end_by_an_admin_end_the_sessions(
    login: Login, clock: StoppedClock, store: Store
) -> None:
    alice = await login("alice")
    before = {one.key: one.value for one in alice.session.cookie_jar}
    await set_up(alice, clock)
    elsewhere = await alice.get("/callbacks", cookies=before, allow_redirects=False)
    assert elsewhere.status == 303
    async with store.write() as db:
        await accounts.drop_factor(db, await accounts.one(db, "alice", tenant=None), by="root", now=NOW)
    assert not await may_see(alice)


class TestWhereItIsNeeded:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        folders = {"IVR_DATA": "var", "IVR_DIALPLANS": "dialplans", "IVR_PROMPTS": "prompts"}
        given = {name: str(tmp_path / folder) for name, folder in folders.items()}
        return load({**given, "IVR_SECOND_FACTOR": "admin, *@ecforce"})

    async def test_who_owes_one_sees_nothing_else_before(self, login: Login, clock: StoppedClock) -> None:
        alice = await login("alice")
        for path in ("/callbacks", "/callbacks/1000012", "/account", "/messages/m1000012/audio", "/x"):
            answer = await alice.get(path, allow_redirects=False)
            assert (answer.status, answer.headers["Location"]) == (303, "/account/factor"), path
        await set_up(alice, clock)
        assert await may_see(alice)
        assert (await post(alice, "/account/factor/off", password=PASSWORD))[0] == 403

    async def test_others_do_not(self, login: Login) -> None:
        bob = await login("bob")
        assert (await bob.get("/callbacks", allow_redirects=False)).status == 200

    async def test_a_role_that_needs_one_needs_it_at_the_next_login(self, login: Login, store: Store) -> None:
        bob = await login("bob")
        async with store.write() as db:
            await accounts.set_role(
                db, await accounts.one(db, "bob", tenant=None), "admin", by="root", now=NOW
            )
        answer = await bob.get("/callbacks", allow_redirects=False)
        assert answer.headers["Location"] == "/login?next=/callbacks"
        bob = await login("bob")
        answer = await bob.get("/callbacks", allow_redirects=False)
        assert answer.headers["Location"] == "/account/factor"


@pytest.mark.parametrize(
    ("entries", "role", "tenant", "needed"),
    [
        ("", "admin", None, False),
        ("admin", "admin", "ecforce", True),
        ("admin", "agent", "ecforce", False),
        ("supervisor@ecforce", "supervisor", "ecforce", True),
        ("supervisor@ecforce", "supervisor", "sakura", False),
        ("*@sakura, admin", "agent", "sakura", True),
        ("*", "agent", None, True),
        ("admin@ecforce", "admin", None, False),
    ],
)
def test_the_setting_names_roles_and_companies(
    entries: str, role: str, tenant: str | None, needed: bool
) -> None:
    required = load({"IVR_SECOND_FACTOR": entries}).second_factor
    assert accounts.needs_factor(required, role, tenant) is needed
