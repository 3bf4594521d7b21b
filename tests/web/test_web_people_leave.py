"""The end of a shift: each ticket is handed over or freed, and only then is somebody logged out."""

from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import insert, select, update

from ivr.store import agents, audit, callbacks, users
from ivr.store.database import Store
from ivr.store.tables import CallbackRow
from tests.store.rows import callback
from tests.web.conftest import Login, form_token
from tests.web.desk import NOW

pytestmark = pytest.mark.usefixtures("desk")

MINE = ("1000012", "1000045", "1000078")  # open, open, working


@pytest.fixture
async def holding(store: Store) -> None:
    """Alice holds three; Carol is a colleague of hers, Dave was shut out, Erin has not come yet."""
    async with store.write() as db:
        for name, password in (("carol", "hash"), ("dave", "hash"), ("erin", "")):
            await users.add(db, name, password, tenant="ecforce", at=NOW)
        (await users.to_change(db, "dave")).disabled_at = NOW
        held = {"agent": "alice", "lease_until": NOW + timedelta(minutes=20)}
        await db.execute(update(CallbackRow).where(CallbackRow.ticket.in_(MINE)).values(**held))
        await db.execute(update(CallbackRow).where(CallbackRow.ticket.in_(MINE[:2])).values(state="claimed"))


async def post(client: TestClient, path: str, **form: str) -> tuple[int, str, str]:
    form["token"] = await form_token(client, "/account")
    answer = await client.post(path, data=form, allow_redirects=False)
    return answer.status, answer.headers.get("Location", ""), await answer.text()


async def held(store: Store) -> dict[str, tuple[str, str | None]]:
    """Ticket -> state and to whom it is offered, of what Alice holds."""
    async with store.read() as db:
        rows = await db.scalars(select(CallbackRow).where(CallbackRow.agent == "alice"))
        return {row.ticket: (row.state, row.offered_to) for row in rows if row.state != "done"}


async def logged_in(client: TestClient) -> bool:
    return (await client.get("/callbacks", allow_redirects=False)).status == 200


async def test_who_holds_nothing_is_logged_out_at_once(login: Login) -> None:
    alice = await login("alice")
    assert (await post(alice, "/logout"))[:2] == (303, "/login")
    assert not await logged_in(alice)


@pytest.mark.usefixtures("holding")
async def test_who_holds_tickets_is_shown_them_first(login: Login) -> None:
    alice = await login("alice")
    assert (await post(alice, "/logout"))[:2] == (303, "/leave")
    assert await logged_in(alice)
    text = await (await alice.get("/leave")).text()
    assert all(f"受付 {ticket}" in text for ticket in MINE) and "受付 1000023" not in text
    options = text.split("<select", 1)[1].split("</select>", 1)[0]
    assert 'value="carol"' in options
    # nobody of another company, nobody who cannot log in, not oneself
    assert all(f'value="{name}"' not in options for name in ("bob", "root", "dave", "erin", "alice"))


@pytest.mark.usefixtures("holding")
async def test_all_is_freed_with_one_button(login: Login, store: Store) -> None:
    alice = await login("alice")
    assert (await post(alice, "/leave"))[:2] == (303, "/login")
    assert not await logged_in(alice)
    assert await held(store) == {}
    async with store.read() as db:
        for ticket in MINE:
            row = await callbacks.get(db, ticket)
            assert (row.state, row.agent, row.lease_until) == ("open", None, None)
            assert (await callbacks.events(db, ticket))[-1].what == "give_back"
        noted = await audit.listing(db, tenant="ecforce", who="alice")
    assert [(row.what, row.about) for row in noted if row.detail == "give-back"] == [
        ("change", ticket) for ticket in reversed(("1000012", "1000045", "1000078"))
    ]
    assert noted[0].what == "logout"


@pytest.mark.usefixtures("holding")
async def test_one_is_handed_over_with_a_memo_and_the_others_are_freed(login: Login, store: Store) -> None:
    alice = await login("alice")
    assert (await post(alice, "/leave/1000012/offer", to="carol", memo="夕方にもう一度"))[0] == 303
    assert (await held(store))["1000012"] == ("claimed", "carol")
    assert (await post(alice, "/leave/1000045/free"))[0] == 303
    assert (await post(alice, "/logout"))[1] == "/leave", "one is left"
    assert (await post(alice, "/leave"))[1] == "/login"
    assert await held(store) == {"1000012": ("claimed", "carol")}
    async with store.read() as db:
        event = (await callbacks.events(db, "1000012"))[-1]
    assert (event.what, event.why) == ("offer", "夕方にもう一度")


@pytest.mark.usefixtures("holding")
async def test_a_handover_needs_a_memo_and_somebody_who_can_take_it(login: Login, store: Store) -> None:
    alice = await login("alice")
    nobody = "引き継ぐ相手を選んでください。"
    for to, memo, said in (
        ("carol", " ", "引き継ぎには、メモが必要です。"),
        ("bob", "x", nobody),
        ("dave", "x", nobody),
        ("", "x", nobody),
    ):
        status, _, text = await post(alice, "/leave/1000012/offer", to=to, memo=memo)
        assert status == 409 and said in text, to
    assert (await held(store))["1000012"] == ("claimed", None)


@pytest.mark.usefixtures("holding")
async def test_nobody_leaves_a_customer_on_the_line(login: Login, store: Store) -> None:
    alice = await login("alice")
    async with store.write() as db:
        changed = update(CallbackRow).where(CallbackRow.ticket == "1000012").values(state="talking")
        await db.execute(changed)
    for path in ("/leave", "/leave/1000012/free"):
        status, _, text = await post(alice, path)
        assert status == 409 and "受付 1000012 は、発信中か通話中です。" in text
    assert await logged_in(alice)
    assert len(await held(store)) == 3, "nothing was freed halfway"


@pytest.mark.usefixtures("holding")
async def test_nobody_hands_over_or_frees_what_is_not_theirs(login: Login, store: Store) -> None:
    bob = await login("bob")
    for path, form in (("offer", {"to": "carol", "memo": "x"}), ("free", {})):
        for ticket in ("1000012", "1000023", "2000015", "none"):
            assert (await post(bob, f"/leave/{ticket}/{path}", **form))[0] == 404
    assert len(await held(store)) == 3


@pytest.mark.usefixtures("holding")
async def test_the_telephone_is_left_with_the_page(login: Login, store: Store) -> None:
    async with store.write() as db:
        await agents.add(
            db, "alice", tenant="ecforce", groups=["support"], endpoint="PJSIP/alice", secret="s", at=NOW
        )
    alice = await login("alice")
    assert (await post(alice, "/leave", away="1"))[0] == 303
    async with store.read() as db:
        row = await agents.get(db, "alice")
    assert (row.state, row.reason) == ("away", "勤務終了")


@pytest.mark.usefixtures("holding")
async def test_no_forged_form(login: Login, store: Store) -> None:
    alice = await login("alice")
    form = {"token": "0" * 64, "to": "carol", "memo": "x"}
    for path in ("/leave", "/leave/1000012/free", "/leave/1000012/offer"):
        assert (await alice.post(path, data=form, allow_redirects=False)).status == 403, path
    assert {offered for _, offered in (await held(store)).values()} == {None}


async def test_hundreds_are_freed_too(login: Login, store: Store) -> None:
    many = [
        callback(str(ticket), agent="alice", state="working", created_at=NOW, version=0)
        for ticket in range(30000, 30250)
    ]
    async with store.write() as db:
        await db.execute(insert(CallbackRow), many)
    alice = await login("alice")
    assert (await post(alice, "/leave"))[:2] == (303, "/login")
    assert await held(store) == {}


async def test_who_sees_every_company_hands_over_within_the_tickets_own(login: Login, store: Store) -> None:
    async with store.write() as db:
        await users.add(db, "carol", "hash", tenant="ecforce", at=NOW)
        held = {"agent": "root", "lease_until": NOW + timedelta(minutes=20), "state": "claimed"}
        await db.execute(update(CallbackRow).where(CallbackRow.ticket == "1000012").values(**held))
    root = await login("root")
    options = (await (await root.get("/leave")).text()).split("<select", 1)[1].split("</select>", 1)[0]
    assert 'value="carol"' in options and 'value="bob"' not in options, "bob is of another company"
    assert (await post(root, "/leave/1000012/offer", to="bob", memo="x"))[0] == 409
    assert (await post(root, "/leave/1000012/offer", to="carol", memo="x"))[0] == 303


async def test_who_owes_a_result_is_reminded_at_the_end_of_the_shift(login: Login, store: Store) -> None:
    async with store.write() as db:
        owed = update(CallbackRow).where(CallbackRow.ticket == "1000012").values(unrecorded="alice")
        await db.execute(owed)
    alice = await login("alice")
    text = await (await alice.get("/leave")).text()
    assert "お電話の結果が未記録です" in text and 'href="/callbacks/1000012"' in text
