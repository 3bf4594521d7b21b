"""An admin invites, changes and shuts out people: those of the own company, and nobody else's."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import select

from ivr.errors import Conflict
from ivr.settings import Settings, load
from ivr.store import agents, audit, users
from ivr.store.database import Store
from ivr.store.tables import Delivery, UserRow
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.desk import NOW, PASSWORD

pytestmark = pytest.mark.usefixtures("people")

INVITED = {"name": "tanaka", "email": "", "role": "agent", "tenant": ""}


@pytest.fixture
async def people(desk: Store) -> None:
    """Ann runs ecforce, Sue is its supervisor, Max runs sakura; root, who runs all, is an admin here."""
    async with desk.write() as db:
        hashed = (await users.to_change(db, "alice")).password  # all have the same
        await users.add(db, "ann", hashed, tenant="ecforce", at=NOW, role="admin", email="ann@example.co.jp")
        await users.add(db, "sue", hashed, tenant="ecforce", at=NOW, role="supervisor")
        await users.add(db, "max", hashed, tenant="sakura", at=NOW, role="admin")
        (await users.to_change(db, "root")).role = "admin"


async def post(client: TestClient, path: str, **form: str) -> tuple[int, str]:
    form["token"] = await form_token(client, "/account")
    answer = await client.post(path, data=form, allow_redirects=False)
    return answer.status, answer.headers.get("Location", "") or await answer.text()


async def one(store: Store, name: str) -> UserRow | None:
    async with store.read() as db:
        return await users.get(db, name)


async def changed(store: Store, name: str) -> UserRow:
    found = await one(store, name)
    assert found is not None
    return found


async def names(client: TestClient) -> list[str]:
    return re.findall(
        r'<th scope="row"><a href="/admin/users/([^"]+)"', await (await client.get("/admin/users")).text()
    )


async def noted(store: Store, about: str) -> list[tuple[str, str]]:
    async with store.read() as db:
        return [(row.who, row.what) for row in await audit.listing(db, tenant=None, about=[about])]


async def test_each_admin_sees_the_own_people(login: Login) -> None:
    assert await names(await login("ann")) == ["alice", "ann", "sue"]


async def test_who_runs_all_sees_all(login: Login) -> None:
    assert await names(await login("root")) == ["alice", "ann", "bob", "max", "root", "sue"]


@pytest.mark.parametrize("name", ["alice", "sue"])
async def test_nobody_else_comes_in(login: Login, store: Store, name: str) -> None:
    client = await login(name)
    for path in ("/admin/users", "/admin/users/alice"):
        assert (await client.get(path)).status == 403
    for path in ("", "/alice/role", "/alice/disable", "/alice/link", "/alice/factor", "/alice/unlock"):
        assert (await post(client, f"/admin/users{path}", **INVITED, **({"x": "y"})))[0] == 403
    assert await one(store, "tanaka") is None and (await changed(store, "alice")).disabled_at is None


async def test_no_admin_reaches_over_the_wall(login: Login, store: Store) -> None:
    max_ = await login("max")
    assert await names(max_) == ["bob", "max"]
    for name in ("alice", "ann", "root", "none"):
        assert (await max_.get(f"/admin/users/{name}")).status == 404
        for path in ("link", "role", "mail", "disable", "enable", "unlock", "factor"):
            form = {"role": "admin", "email": "max@example.co.jp"}
            assert (await post(max_, f"/admin/users/{name}/{path}", **form))[0] == 404, (name, path)
    alice = await changed(store, "alice")
    assert (alice.role, alice.email, alice.disabled_at) == ("agent", None, None)


async def test_an_invitation_without_mail_shows_the_link_once(login: Login, store: Store) -> None:
    ann = await login("ann")
    status, text = await post(ann, "/admin/users", **INVITED)
    found = re.search(r">http://[^/]+(/password/[^<]+)</textarea>", text)
    assert status == 200 and found is not None
    tanaka = await changed(store, "tanaka")
    assert (tanaka.tenant, tanaka.role, tanaka.password) == ("ecforce", "agent", "")
    page = await (await ann.get("/admin/users/tanaka")).text()
    assert "招待中" in page and found[1] not in page
    assert (await ann.get(found[1])).status == 200
    assert await noted(store, "tanaka") == [("ann", "link"), ("ann", "invite")]


@pytest.mark.parametrize("tenant", ["", "sakura", "ecforce", "nowhere"])
async def test_whom_an_admin_invites_is_of_the_own_company(login: Login, store: Store, tenant: str) -> None:
    ann = await login("ann")
    assert (await post(ann, "/admin/users", **INVITED | {"tenant": tenant, "role": "admin"}))[0] == 200
    assert (await changed(store, "tanaka")).tenant == "ecforce"


async def test_who_runs_all_chooses_the_company(login: Login, store: Store) -> None:
    root = await login("root")
    assert (await post(root, "/admin/users", **INVITED | {"tenant": "nowhere"}))[0] == 422
    assert (await post(root, "/admin/users", **INVITED | {"tenant": "sakura"}))[0] == 200
    assert (await changed(store, "tanaka")).tenant == "sakura"


UNFIT: list[tuple[dict[str, str], str]] = [
    ({"name": "alice"}, "すでに使われています"),
    ({"name": "bob"}, "すでに使われています"),  # of another company: names are for all
    ({"name": "Tanaka"}, "半角の英小文字"),
    ({"name": "田中"}, "半角の英小文字"),
    ({"name": "../x"}, "半角の英小文字"),
    ({"name": ""}, "半角の英小文字"),
    ({"email": "tanaka"}, "メールアドレスとして読み取れません"),
    ({"role": "root"}, "権限を選んでください"),
]


async def test_what_cannot_be_invited(login: Login, store: Store) -> None:
    ann = await login("ann")
    for form, said in UNFIT:
        status, text = await post(ann, "/admin/users", **INVITED | form)
        assert status == 422 and said in text, form
    assert await one(store, "tanaka") is None


async def test_a_role_counts_at_the_next_request(login: Login, visitor: TestClient, store: Store) -> None:
    async with store.write() as db:
        (await users.to_change(db, "alice")).role = "admin"
    alice = await login("alice")
    assert (await alice.get("/admin/users")).status == 200
    async with store.write() as db:
        (await users.to_change(db, "alice")).role = "agent"
    assert (await alice.get("/admin/users")).status == 403


async def test_a_role_is_changed(login: Login, store: Store) -> None:
    ann = await login("ann")
    assert (await post(ann, "/admin/users/alice/role", role="supervisor"))[0] == 303
    assert (await changed(store, "alice")).role == "supervisor"
    assert (await post(ann, "/admin/users/alice/role", role="god"))[0] == 422
    assert await noted(store, "alice") == [("ann", "role")]


async def test_who_is_shut_out_is_out_at_the_next_request(login: Login, store: Store) -> None:
    alice = await login("alice")
    cookies = {each.key: each.value for each in alice.session.cookie_jar}
    await post(alice, "/logout")
    ann = await login("ann")
    assert (await ann.get("/callbacks", cookies=cookies, allow_redirects=False)).status == 200
    assert (await post(ann, "/admin/users/alice/disable"))[0] == 303
    answer = await ann.get("/callbacks", cookies=cookies, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/login?next=/callbacks")
    form = {"name": "alice", "password": PASSWORD}
    assert "利用停止" in await (await ann.get("/admin/users/alice")).text()
    await post(ann, "/logout")
    token = await form_token(ann, "/login")
    assert (await ann.post("/login", data={**form, "token": token}, allow_redirects=False)).status == 401


async def test_and_may_come_back(login: Login, store: Store) -> None:
    async with store.write() as db:
        (await users.to_change(db, "alice")).disabled_at = NOW
    ann = await login("ann")
    assert (await post(ann, "/admin/users/alice/link"))[0] == 422
    assert (await post(ann, "/admin/users/alice/enable"))[0] == 303
    await post(ann, "/logout")
    assert (await (await login("alice")).get("/callbacks")).status == 200


async def test_nobody_shuts_out_the_last_admin(login: Login, store: Store) -> None:
    ann = await login("ann")
    for path, form in (("role", {"role": "agent"}), ("disable", {}), ("factor", {})):
        status, text = await post(ann, f"/admin/users/ann/{path}", **form)
        assert status == 422 and "ほかの管理者にご依頼ください" in text, path
    kept = await changed(store, "ann")
    assert (kept.role, kept.disabled_at) == ("admin", None)


async def test_a_lost_factor_is_taken_away(login: Login, store: Store) -> None:
    async with store.write() as db:
        row = await users.to_change(db, "alice")
        row.totp_secret, row.totp_used, row.recovery = "JBSWY3DPEHPK3PXP", 1, ["x"]
    ann = await login("ann")
    assert (await post(ann, "/admin/users/alice/factor"))[0] == 303
    alice = await changed(store, "alice")
    assert (alice.totp_secret, alice.totp_used, alice.recovery) == (None, None, None)
    assert await noted(store, "alice") == [("ann", "factor_off")]


async def test_who_is_locked_out_is_seen_and_let_in(
    login: Login, visitor: TestClient, clock: StoppedClock
) -> None:
    for _ in range(5):
        form = {"name": "alice", "password": "wrong", "token": await form_token(visitor, "/login")}
        assert (await visitor.post("/login", data=form, allow_redirects=False)).status == 401
    form = {"name": "alice", "password": PASSWORD, "token": await form_token(visitor, "/login")}
    assert (await visitor.post("/login", data=form, allow_redirects=False)).status == 429
    ann = await login("ann")
    assert "ロック中" in await (await ann.get("/admin/users")).text()
    assert (await post(ann, "/admin/users/alice/unlock"))[0] == 303
    assert "ロック中" not in await (await ann.get("/admin/users/alice")).text()
    await post(ann, "/logout")
    await login("alice")


async def test_no_forged_form(login: Login, store: Store) -> None:
    ann = await login("ann")
    form = {**INVITED, "token": "0" * 64}
    for path in ("", "/alice/role", "/alice/disable", "/alice/link", "/alice/mail", "/alice/unlock"):
        answer = await ann.post(f"/admin/users{path}", data=form, allow_redirects=False)
        assert answer.status == 403, path
    assert await one(store, "tanaka") is None


class TestWithAMailServer:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        folders = {"IVR_DATA": "var", "IVR_DIALPLANS": "dialplans", "IVR_PROMPTS": "prompts"}
        mail = {"IVR_SMTP": "127.0.0.1:25", "IVR_MAIL_FROM": "ivr@example.co.jp"}
        return load({**{name: str(tmp_path / folder) for name, folder in folders.items()}, **mail})

    async def test_the_link_goes_by_mail_and_is_not_shown(self, login: Login, store: Store) -> None:
        ann = await login("ann")
        form = INVITED | {"email": "Tanaka@Example.co.jp"}
        assert await post(ann, "/admin/users", **form) == (303, "/admin/users/tanaka?done=mailed")
        assert await post(ann, "/admin/users/ann/link") == (303, "/admin/users/ann?done=mailed")
        async with store.read() as db:
            rows = (await db.scalars(select(Delivery).order_by(Delivery.id))).all()
        assert [(row.event, row.target, row.state) for row in rows] == [
            ("invite", "tanaka@example.co.jp", "waiting"),
            ("reset", "ann@example.co.jp", "waiting"),
        ]

    async def test_who_has_no_address_gets_it_by_hand(self, login: Login, store: Store) -> None:
        ann = await login("ann")
        status, text = await post(ann, "/admin/users/alice/link")
        assert status == 200 and "/password/" in text and "1時間" in text


async def test_links_that_stand_are_told(login: Login, clock: StoppedClock) -> None:
    ann = await login("ann")
    await post(ann, "/admin/users/alice/link")
    assert "今日 12:00まで使えるリンクがあります" in await (await ann.get("/admin/users/alice")).text()
    clock.at += timedelta(hours=1)
    assert "使えるリンクがあります" not in await (await ann.get("/admin/users/alice")).text()


@pytest.mark.parametrize("company", [None, "sakura"], ids=["everybody's", "another company's"])
async def test_nobody_gets_a_telephone_of_others_by_its_name(
    login: Login, people: None, store: Store, company: str | None
) -> None:
    """The admin of one company would take the calls of an agent who works for all, or for another."""
    telephone = {"groups": ["support"], "endpoint": "PJSIP/tanaka", "secret": "s"}
    async with store.write() as db:
        await agents.add(db, "tanaka", **telephone, tenant=company, at=NOW)  # type: ignore[arg-type]
    ann = await login("ann")
    status, text = await post(ann, "/admin/users", **INVITED)
    assert status == 422 and "すでに使われています" in text
    assert await one(store, "tanaka") is None


async def test_nobody_waits_under_a_name_for_its_telephone(login: Login, people: None, store: Store) -> None:
    ann = await login("ann")
    assert (await post(ann, "/admin/users", **INVITED))[0] == 200
    telephone = {"groups": ["support"], "endpoint": "PJSIP/tanaka", "secret": "s"}
    for company in (None, "sakura"):
        with pytest.raises(Conflict, match="ecforce; give the same --tenant, or choose another name"):
            async with store.write() as db:
                await agents.add(db, "tanaka", **telephone, tenant=company, at=NOW)  # type: ignore[arg-type]
    async with store.write() as db:
        await agents.add(db, "tanaka", **telephone, tenant="ecforce", at=NOW)  # type: ignore[arg-type]


async def test_the_own_company_s_telephone_and_who_sees_all(login: Login, people: None, store: Store) -> None:
    telephone = {"groups": ["support"], "endpoint": "PJSIP/tanaka", "secret": "s"}
    async with store.write() as db:
        for name, company in (("tanaka", "ecforce"), ("mori", "sakura"), ("sato", None)):
            await agents.add(db, name, **telephone, tenant=company, at=NOW)  # type: ignore[arg-type]
    ann, root = await login("ann"), await login("root")
    assert (await post(ann, "/admin/users", **INVITED))[0] == 200
    for name in ("mori", "sato"):
        assert (await post(root, "/admin/users", **{**INVITED, "name": name}))[0] == 200
