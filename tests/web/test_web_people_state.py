"""受付可, 離席, 後処理 from the bar of every page; the engine is told."""

import re
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient

from ivr.store import agents, orders
from ivr.store.database import Store
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.desk import NOW

pytestmark = pytest.mark.usefixtures("desk")


@pytest.fixture
async def telephone(store: Store) -> None:
    """Alice's; Bob's name stands on a telephone of Alice's company, from before that was refused."""
    async with store.write() as db:
        for name, tenant in (("alice", "ecforce"), ("bob", "sakura")):
            await agents.add(
                db, name, groups=["support"], endpoint=f"PJSIP/{name}", secret="s", at=NOW, tenant=tenant
            )
        (await agents.get(db, "bob")).tenant = "ecforce"


async def control(client: TestClient) -> str:
    """What the bar says, without its choices."""
    answer = await client.get("/me/state")
    assert answer.status == 200
    summary = re.search(r"<summary>(.*?)</summary>", await answer.text(), re.S)
    assert summary is not None
    return re.sub(r"<[^>]+>", "", summary[1])


async def choose(client: TestClient, state: str, **more: str) -> tuple[int, str]:
    form = {"state": state, "token": await form_token(client, "/callbacks"), **more}
    answer = await client.post("/me/state", data=form, allow_redirects=False)
    return answer.status, answer.headers.get("Location", "")


async def row(store: Store, name: str = "alice") -> tuple[str, str | None]:
    async with store.read() as db:
        found = await agents.get(db, name)
        return found.state, found.reason


async def test_who_has_no_telephone_sees_no_control(login: Login) -> None:
    alice = await login("alice")
    assert 'id="seat"' not in await (await alice.get("/callbacks")).text()
    assert (await alice.get("/me/state")).status == 404
    assert (await choose(alice, "away:休憩"))[0] == 404


@pytest.mark.usefixtures("telephone")
@pytest.mark.parametrize("company", ["ecforce", None], ids=["another company's", "everybody's"])
async def test_a_telephone_that_is_not_of_my_company_is_not_mine(
    login: Login, store: Store, company: str | None
) -> None:
    async with store.write() as db:
        (await agents.get(db, "bob")).tenant = company
    bob = await login("bob")
    assert 'id="seat"' not in await (await bob.get("/callbacks")).text()
    assert (await choose(bob, "away:休憩"))[0] == 404
    assert await row(store, "bob") == ("available", None)


@pytest.mark.usefixtures("telephone")
async def test_a_state_is_set_and_the_engine_is_told(login: Login, store: Store) -> None:
    alice = await login("alice")
    assert await control(alice) == "電話の状態：●受付可"
    assert await choose(alice, "away:食事", next="/callbacks/1000012") == (303, "/callbacks/1000012")
    assert await row(store) == ("away", "食事")
    assert await control(alice) == "電話の状態：○離席食事"
    async with store.read() as db:
        assert [one.kind for one in await orders.pending(db, "engine")] == ["queue"]
        assert [one.kind for one in await orders.pending(db, "jobs")] == ["agents"]
    assert (await choose(alice, "available"))[0] == 303
    assert await row(store) == ("available", None)


@pytest.mark.usefixtures("telephone")
async def test_wrap_up_shows_what_is_left_and_is_ended_early(
    login: Login, store: Store, clock: StoppedClock
) -> None:
    alice = await login("alice")
    async with store.write() as db:
        await agents.set_state(db, "alice", "wrap_up", None, NOW)  # 30 s, as agents have
    clock.at += timedelta(seconds=10)
    assert await control(alice) == "電話の状態：◔後処理あと20秒"
    assert (await choose(alice, "available"))[0] == 303
    assert await control(alice) == "電話の状態：●受付可"
    async with store.write() as db:
        await agents.set_state(db, "alice", "wrap_up", None, clock.at)
    clock.at += timedelta(seconds=31)
    assert await control(alice) == "電話の状態：●受付可"


@pytest.mark.usefixtures("telephone")
async def test_who_talks_to_a_caller_does_not_become_free(login: Login, store: Store) -> None:
    alice = await login("alice")
    async with store.write() as db:
        await agents.reserve(db, "support", "c9", until=NOW + timedelta(seconds=20), now=NOW)
        assert await agents.answer(db, "alice", "c9", NOW)
    assert await control(alice) == "電話の状態：▶通話中"
    assert (await choose(alice, "available"))[0] == 303
    assert await row(store) == ("talking", None)


@pytest.mark.usefixtures("telephone")
async def test_only_what_is_offered_is_taken(login: Login, store: Store) -> None:
    alice = await login("alice")
    for state in ("talking", "away", "away:<b>", "", "wrap_up"):
        assert (await choose(alice, state))[0] == 400, state
    assert await row(store) == ("available", None)


@pytest.mark.usefixtures("telephone")
async def test_no_forged_form_and_no_redirect_elsewhere(login: Login, store: Store) -> None:
    alice = await login("alice")
    forged = await alice.post(
        "/me/state", data={"state": "away:休憩", "token": "0" * 64}, allow_redirects=False
    )
    assert forged.status == 403 and await row(store) == ("available", None)
    assert await choose(alice, "away:休憩", next="//evil.example/") == (303, "/callbacks")


@pytest.mark.usefixtures("telephone")
async def test_a_script_gets_the_control_alone(login: Login) -> None:
    alice = await login("alice")
    form = {"state": "away:会議", "token": await form_token(alice, "/callbacks")}
    answer = await alice.post("/me/state", data=form, headers={"X-Part": "state"}, allow_redirects=False)
    text = await answer.text()
    assert answer.status == 200 and "会議" in text and "<html" not in text
