"""Invitations, ways back to a password, and what becomes of a link that is used, old or somebody's who was shut out."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import select

from ivr import accounts
from ivr.settings import Settings, load
from ivr.store import deliveries, users
from ivr.store.database import Store
from ivr.store.tables import AuditRow, Delivery, UserLink
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.desk import NOW, PASSWORD

pytestmark = pytest.mark.usefixtures("desk")

NEW = "correct horse battery"
GONE = "このリンクは使えません"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With a mail server: nothing is sent here, for jobs does that."""
    given = {"IVR_DATA": "var", "IVR_DIALPLANS": "dialplans", "IVR_PROMPTS": "prompts"}
    mail = {"IVR_SMTP": "127.0.0.1:25", "IVR_MAIL_FROM": "ivr@example.co.jp"}
    return load({**{name: str(tmp_path / folder) for name, folder in given.items()}, **mail})


async def link_of(store: Store, name: str, clock: StoppedClock) -> str:
    async with store.write() as db:
        user = await accounts.one(db, name, tenant=None)
        return await accounts.link(db, user, by="root", now=clock.now())


async def invited(store: Store, clock: StoppedClock, name: str = "tanaka") -> str:
    async with store.write() as db:
        facts = {"tenant": "ecforce", "email": f"{name}@example.co.jp", "by": "root", "now": NOW}
        await accounts.invite(db, name, role="agent", **facts)
    return await link_of(store, name, clock)


async def use(client: TestClient, token: str, new: str = NEW, again: str | None = None) -> tuple[int, str]:
    page = f"/password/{token}"
    form = {"new": new, "again": new if again is None else again, "token": await form_token(client, page)}
    answer = await client.post(page, data=form, allow_redirects=False)
    return answer.status, await answer.text()


async def logs_in(client: TestClient, name: str, password: str) -> int:
    form = {"name": name, "password": password, "token": await form_token(client, "/login")}
    return (await client.post("/login", data=form, allow_redirects=False)).status


async def rows(store: Store) -> list[Delivery]:
    async with store.read() as db:
        return list((await db.scalars(select(Delivery).order_by(Delivery.id))).all())


async def ask(client: TestClient, who: str) -> tuple[int, str]:
    form = {"who": who, "token": await form_token(client, "/forgot")}
    answer = await client.post("/forgot", data=form, allow_redirects=False)
    text = await answer.text()
    return answer.status, text[text.index("<main") :]


async def test_an_invitation_leads_to_a_password_and_to_the_login(
    visitor: TestClient, store: Store, clock: StoppedClock
) -> None:
    token = await invited(store, clock)
    # nobody logs in before: not with an empty password, nor with any
    assert await logs_in(visitor, "tanaka", "") == 401
    assert await logs_in(visitor, "tanaka", "a password that opens nothing") == 401
    page = await visitor.get(f"/password/{token}")
    assert page.status == 200 and "tanaka" in await page.text()
    assert (await use(visitor, token))[0] == 303
    assert await logs_in(visitor, "tanaka", NEW) == 303
    assert (await visitor.get("/callbacks", allow_redirects=False)).status == 200


async def test_a_link_is_good_once(visitor: TestClient, store: Store, clock: StoppedClock) -> None:
    token = await invited(store, clock)
    assert (await visitor.get(f"/password/{token}")).status == 200
    assert (await visitor.get(f"/password/{token}")).status == 200  # to look at it uses nothing up
    form = {"new": NEW, "again": NEW, "token": await form_token(visitor, f"/password/{token}")}
    assert (await visitor.post(f"/password/{token}", data=form, allow_redirects=False)).status == 303
    form |= {"new": "another one 2026", "again": "another one 2026"}
    form["token"] = await form_token(visitor, "/login")
    again = await visitor.post(f"/password/{token}", data=form, allow_redirects=False)
    assert again.status == 410 and GONE in await again.text()
    assert await logs_in(visitor, "tanaka", NEW) == 303


@pytest.mark.parametrize(("kind", "hours"), [("invite", 24), ("reset", 1)])
async def test_a_link_ends(
    visitor: TestClient, store: Store, clock: StoppedClock, kind: str, hours: int
) -> None:
    token = await (invited(store, clock) if kind == "invite" else link_of(store, "alice", clock))
    clock.at += timedelta(hours=hours) - timedelta(seconds=1)
    assert (await visitor.get(f"/password/{token}")).status == 200
    clock.at += timedelta(seconds=1)
    answer = await visitor.get(f"/password/{token}")
    assert answer.status == 410 and GONE in await answer.text()


async def test_a_link_of_somebody_who_was_shut_out_opens_nothing(
    visitor: TestClient, store: Store, clock: StoppedClock
) -> None:
    token = await link_of(store, "alice", clock)
    async with store.write() as db:
        await accounts.disable(db, await accounts.one(db, "alice", tenant=None), by="root", now=NOW)
    assert (await visitor.get(f"/password/{token}")).status == 410
    async with store.write() as db:
        await accounts.enable(db, await accounts.one(db, "alice", tenant=None), by="root", now=NOW)
    assert (await visitor.get(f"/password/{token}")).status == 410, "nor once the account is open again"


async def test_one_that_is_used_ends_the_others_and_every_session(
    visitor: TestClient, store: Store, clock: StoppedClock
) -> None:
    assert await logs_in(visitor, "alice", PASSWORD) == 303
    first, second = await link_of(store, "alice", clock), await link_of(store, "alice", clock)
    cookies = {one.key: one.value for one in visitor.session.cookie_jar}
    assert (await use(visitor, second))[0] == 303
    assert (await visitor.get(f"/password/{first}")).status == 410
    before = await visitor.get("/callbacks", cookies=cookies, allow_redirects=False)
    assert before.status == 303 and before.headers["Location"].startswith("/login")
    assert await logs_in(visitor, "alice", PASSWORD) == 401
    assert await logs_in(visitor, "alice", NEW) == 303


@pytest.mark.parametrize(
    ("new", "again", "said"),
    [
        ("short", "short", "10文字以上"),
        ("alice is alice", "alice is alice", "推測されやすい"),
        ("aaaaaaaaaaaa", "aaaaaaaaaaaa", "推測されやすい"),
        (NEW, NEW + "x", "一致していません"),
    ],
)
async def test_a_bad_password_is_refused_and_the_link_stays(
    visitor: TestClient, store: Store, clock: StoppedClock, new: str, again: str, said: str
) -> None:
    token = await link_of(store, "alice", clock)
    status, text = await use(visitor, token, new, again)
    assert status == 422 and said in text
    assert (await visitor.get(f"/password/{token}")).status == 200


@pytest.mark.parametrize("token", ["x", "0" * 43, "..", "%00", "あ"])
async def test_no_other_link_opens_anything(visitor: TestClient, token: str) -> None:
    assert (await visitor.get(f"/password/{token}", allow_redirects=False)).status in (303, 404, 410)


async def test_a_form_without_the_token_of_the_page_is_refused(
    visitor: TestClient, store: Store, clock: StoppedClock
) -> None:
    token = await link_of(store, "alice", clock)
    for path in (f"/password/{token}", "/forgot"):
        await visitor.get(path)
        form = {"new": NEW, "again": NEW, "who": "alice", "token": "0" * 64}
        assert (await visitor.post(path, data=form, allow_redirects=False)).status == 403
    assert (await visitor.get(f"/password/{token}")).status == 200
    assert await rows(store) == []


async def test_asking_for_a_way_back_never_tells_who_is_there(
    visitor: TestClient, store: Store, clock: StoppedClock
) -> None:
    async with store.write() as db:
        (await users.to_change(db, "alice")).email = "alice@example.co.jp"
        disabled = await users.to_change(db, "bob")
        disabled.email, disabled.disabled_at = "bob@example.co.jp", NOW
    asked = (
        "alice",
        "Alice@Example.co.jp",
        "bob",
        "bob@example.co.jp",
        "root",
        "nobody",
        "x@y.z",
        "' OR 1=1 --",
    )
    answers = {await ask(visitor, who) for who in asked}
    assert len(answers) == 1 and answers.pop()[0] == 200
    found = await rows(store)
    # by the name and by the address; nothing to who was shut out, or has no address
    assert [(row.event, row.target, row.subject) for row in found] == [
        ("reset", "alice@example.co.jp", "user/alice")
    ] * 2
    assert all(set(row.data) <= {"by", "since"} for row in found), "the ledger holds no secret"


async def test_nobody_is_flooded_with_mails(visitor: TestClient, store: Store, clock: StoppedClock) -> None:
    async with store.write() as db:
        (await users.to_change(db, "alice")).email = "alice@example.co.jp"
    for _ in range(8):
        assert (await ask(visitor, "alice"))[0] == 200
        clock.at += timedelta(minutes=2)
    assert len(await rows(store)) == 3
    clock.at += timedelta(hours=1)
    await ask(visitor, "alice")
    assert len(await rows(store)) == 4


async def test_one_mailbox_is_not_flooded_by_many_names(
    visitor: TestClient, store: Store, clock: StoppedClock
) -> None:
    async with store.write() as db:
        for name in ("alice", "bob", "root"):
            (await users.to_change(db, name)).email = "desk@example.co.jp"
    for _ in range(12):
        for who in ("alice", "bob", "root"):
            await ask(visitor, who)
        clock.at += timedelta(minutes=61)
    assert len(await rows(store)) == 12


async def test_it_takes_as_long_whoever_is_asked_for(visitor: TestClient, store: Store) -> None:
    async with store.write() as db:
        (await users.to_change(db, "alice")).email = "alice@example.co.jp"
    loop = asyncio.get_running_loop()
    for who in ("alice", "nobody", "alice"):
        begin = loop.time()
        await ask(visitor, who)
        assert loop.time() - begin >= 0.3, who


async def test_two_people_with_one_mailbox_get_a_mail_each(visitor: TestClient, store: Store) -> None:
    async with store.write() as db:
        for name in ("alice", "bob"):
            (await users.to_change(db, name)).email = "desk@example.co.jp"
    await ask(visitor, "desk@example.co.jp")
    async with store.read() as db:
        for name in ("alice", "bob"):
            assert len(await deliveries.of_subject(db, f"user/{name}")) == 1


async def test_the_address_of_a_link_is_told_to_nobody(
    visitor: TestClient, store: Store, clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    token = await invited(store, clock)
    for _ in range(2):  # the second time it is used up
        answer = await visitor.get(f"/password/{token}")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        if answer.status == 200:
            assert (await use(visitor, token))[0] == 303
    ours = [
        vars(one) for one in caplog.records if one.name != "aiohttp.access"
    ]  # that is the test's server's
    assert ours and token not in str(ours)
    async with store.read() as db:
        kept = [
            str(vars(row))
            for table in (UserLink, AuditRow, Delivery)
            for row in await db.scalars(select(table))
        ]
    assert not any(token in row for row in kept)


async def test_the_link_that_is_used_ends_the_others(
    visitor: TestClient, store: Store, clock: StoppedClock
) -> None:
    tokens = [await link_of(store, "alice", clock) for _ in range(3)]
    assert (await use(visitor, tokens[1]))[0] == 303
    for token in tokens:
        assert (await visitor.get(f"/password/{token}")).status == 410


@pytest.mark.parametrize("what", ["disable", "role", "back"])
async def test_what_ended_a_session_ends_it_for_good(login: Login, store: Store, what: str) -> None:
    """Undone, an old cookie opens nothing again."""
    alice = await login("alice")
    assert (await alice.get("/callbacks", allow_redirects=False)).status == 200
    facts = {"by": "root", "now": NOW}
    async with store.write() as db:
        user = await accounts.one(db, "alice", tenant=None)
        if what == "disable":
            await accounts.disable(db, user, **facts)  # type: ignore[arg-type]
            await accounts.enable(db, user, **facts)  # type: ignore[arg-type]
        else:
            await accounts.set_role(db, user, "supervisor", **facts)  # type: ignore[arg-type]
            if what == "back":
                await accounts.set_role(db, user, "agent", **facts)  # type: ignore[arg-type]
    assert (await alice.get("/callbacks", allow_redirects=False)).headers["Location"].startswith("/login")
    assert (await (await login("alice")).get("/callbacks", allow_redirects=False)).status == 200
