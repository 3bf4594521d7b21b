"""An admin sees what programs may come in, when each last did, and ends it: those of the own company."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from ivr.store import audit, tokens, users
from ivr.store.database import Store
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.desk import ALICE_TOKEN, NOW

pytestmark = pytest.mark.usefixtures("people")
Client = TestClient[Any, Any]
CALLBACKS = "/api/v1/callbacks?limit=1"


@pytest.fixture
async def people(desk: Store) -> None:
    """Ann runs ecforce, Sue is its supervisor, Max runs sakura; root, who runs all, is an admin here."""
    async with desk.write() as db:
        hashed = (await users.to_change(db, "alice")).password
        await users.add(db, "ann", hashed, tenant="ecforce", at=NOW, role="admin")
        await users.add(db, "sue", hashed, tenant="ecforce", at=NOW, role="supervisor")
        await users.add(db, "max", hashed, tenant="sakura", at=NOW, role="admin")
        (await users.to_change(db, "root")).role = "admin"


async def id_of(store: Store, name: str) -> str:
    async with store.read() as db:
        return next(tokens.id_of(row) for row in await tokens.listing(db) if row.name == name)


async def page(client: Client) -> str:
    answer = await client.get("/admin/tokens")
    assert answer.status == 200
    text = await answer.text()
    return text[text.index("<main") :]


async def revoke(client: Client, id: str) -> tuple[int, str]:
    form = {"token": await form_token(client, "/account")}
    answer = await client.post(f"/admin/tokens/{id}/revoke", data=form, allow_redirects=False)
    return answer.status, answer.headers.get("Location", "")


async def asks(client: Client, token: str = ALICE_TOKEN) -> int:
    return (await client.get(CALLBACKS, headers={"Authorization": f"Bearer {token}"})).status


async def test_what_there_is_and_when_it_was_last_used(
    login: Login, store: Store, clock: StoppedClock
) -> None:
    ann = await login("ann")
    assert "未使用" in await page(ann)
    clock.at = NOW + timedelta(hours=1)
    assert await asks(ann) == 200
    text = await page(ann)
    assert "未使用" not in text and ">alice<" in text and "オペレーター" in text
    assert ">bob<" not in text, "another company's"
    assert ALICE_TOKEN not in text
    async with store.read() as db:
        rows = {row.name: row.used_at for row in await tokens.listing(db)}
    assert rows["alice"] == NOW + timedelta(hours=1) and rows["bob"] is None


async def test_its_use_is_noted_once_in_five_minutes(
    visitor: Client, store: Store, clock: StoppedClock
) -> None:
    seen = []
    for minutes in (0, 4, 5):
        clock.at = NOW + timedelta(minutes=minutes)
        assert await asks(visitor) == 200
        async with store.read() as db:
            seen.append(next(row.used_at for row in await tokens.listing(db) if row.name == "alice"))
    assert seen == [NOW, NOW, NOW + timedelta(minutes=5)]


async def test_one_that_is_revoked_opens_nothing_any_more(login: Login, store: Store) -> None:
    ann, id = await login("ann"), await id_of(store, "alice")
    assert await asks(ann) == 200
    assert await revoke(ann, id) == (303, "/admin/tokens?done=revoked")
    assert await asks(ann) == 401
    assert await revoke(ann, id) == (303, "/admin/tokens")
    async with store.read() as db:
        found = [
            (row.who, row.what, row.about, row.tenant, row.detail)
            for row in await audit.listing(db, tenant=None)
            if row.kind == "token"
        ]
    assert found == [("ann", "token_revoke", "alice", "ecforce", "agent")]
    text = await (await ann.get("/admin/audit")).text()
    assert "失効" in text and "token_revoke" not in text


@pytest.mark.parametrize("name", ["max", "sue", "alice"])
async def test_nobody_else_ends_it(login: Login, store: Store, name: str) -> None:
    client, id = await login(name), await id_of(store, "alice")
    await revoke(client, id)
    assert await asks(client) == 200
    if name != "max":
        assert (await client.get("/admin/tokens")).status == 403


async def test_no_forged_form_ends_it(login: Login, store: Store) -> None:
    ann, id = await login("ann"), await id_of(store, "alice")
    forged = await ann.post(f"/admin/tokens/{id}/revoke", data={"token": "0" * 64}, allow_redirects=False)
    assert forged.status == 403
    assert await asks(ann) == 200


async def test_who_sees_all_sees_all(login: Login) -> None:
    text = await page(await login("root"))
    assert ">alice<" in text and ">bob<" in text and ">root<" in text
