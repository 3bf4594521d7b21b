"""What holds for all of the API: roles, versions, keys, conflicts, cursors, filters, the audit."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import select

from ivr.store import audit, callbacks, dials, orders, tokens
from ivr.store.database import Store
from ivr.store.tables import DialRow
from tests.web.api_desk import AGENT, BOSS, ROOT, bearer
from tests.web.conftest import StoppedClock
from tests.web.desk import NOW

pytestmark = pytest.mark.usefixtures("programs")
ONE = "/api/v1/callbacks/1000012"


async def post(
    client: TestClient, path: str, body: Any = None, *, token: str = AGENT, **headers: str
) -> tuple[int, Any]:
    given = {} if body is None else {"json": body}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.post(path, headers={**bearer(token), **sent}, **given) as answer:
        return answer.status, await answer.json()


async def get(client: TestClient, path: str, token: str = AGENT) -> Any:
    async with client.get(f"/api/v1/{path}", headers=bearer(token)) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


# -- who ----------------------------------------------------------------------------------------


async def test_a_token_opens_nothing_once_its_time_is_over(
    visitor: TestClient, store: Store, clock: StoppedClock
) -> None:
    async with store.write() as db:
        until = NOW + timedelta(hours=1)
        await tokens.add(db, "short-lived", name="crm", tenant="shop", at=NOW, expires_at=until)
    async with visitor.get("/api/v1/agents", headers=bearer("short-lived")) as answer:
        assert answer.status == 200
    clock.at = NOW + timedelta(hours=1)
    async with visitor.get("/api/v1/agents", headers=bearer("short-lived")) as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{ONE}/assign", {"to": "sam"}),
        (f"{ONE}/give-up", {"why": "x"}),
        ("/api/v1/barred/1/approve", None),
        ("/api/v1/lines/shop/closings", {"reason": "台風", "until": "today"}),
    ],
)
async def test_what_a_supervisor_decides_an_agents_token_cannot(
    visitor: TestClient, path: str, body: Any
) -> None:
    status, told = await post(visitor, path, body)
    assert (status, told["error"]) == (403, "forbidden")
    status, _ = await post(visitor, path, body, token=BOSS)
    assert status in (200, 201, 409)


async def test_an_agent_sets_nobody_elses_state(visitor: TestClient) -> None:
    sent = {"json": {"state": "away"}, "headers": bearer(AGENT)}
    async with visitor.put("/api/v1/agents/keisuke/state", **sent) as answer:
        assert answer.status == 403
    async with visitor.put("/api/v1/agents/alice/state", **sent) as answer:
        assert answer.status == 200


async def test_the_history_names_the_token(visitor: TestClient, store: Store) -> None:
    assert (await post(visitor, f"{ONE}/claim"))[0] == 200
    told = await get(visitor, "callbacks/1000012")
    last = {"who": "alice", "what": "claim", "before": "open", "after": "claimed"}
    assert {name: told["events"][-1][name] for name in last} == last
    async with store.read() as db:
        noted = await audit.listing(db, tenant="shop", about=["1000012"], who="alice")
    assert [(row.what, row.detail) for row in noted] == [("view", None), ("change", "claim")]


# -- two at once ------------------------------------------------------------------------------------


async def test_who_is_second_is_told_who_has_it(visitor: TestClient) -> None:
    assert (await post(visitor, f"{ONE}/claim"))[0] == 200
    status, told = await post(visitor, f"{ONE}/claim", token=BOSS)
    assert (status, told["error"]) == (409, "held")
    assert told["said"] == "この折り返しは、aliceさんが担当しています。"


async def test_a_change_bound_to_what_was_seen(visitor: TestClient, store: Store) -> None:
    async with visitor.get(ONE, headers=bearer(AGENT)) as answer:
        seen = answer.headers["ETag"]
    status, _ = await post(visitor, f"{ONE}/claim", If_Match=seen)
    assert status == 200
    status, told = await post(visitor, f"{ONE}/close", {}, If_Match=seen)
    assert (status, told["error"]) == (412, "precondition_failed")
    async with store.read() as db:
        assert (await callbacks.get(db, "1000012")).state == "claimed"
    assert (await post(visitor, f"{ONE}/close", {"note": "メールで"}, If_Match="*"))[0] == 200


async def test_a_key_rings_once(visitor: TestClient, store: Store) -> None:
    key = {"Idempotency_Key": "first"}
    first = await post(visitor, "/api/v1/callbacks/1000023/dial", {}, token=BOSS, **key)
    assert first == (200, {"ticket": "1000023", "fresh": True})
    again = await post(visitor, "/api/v1/callbacks/1000023/dial", {}, token=BOSS, **key)
    assert again == (200, {"ticket": "1000023", "fresh": False})
    async with store.read() as db:
        made = await dials.of_ticket(db, "1000023")
        (order,) = [one for one in await orders.pending(db, "engine") if one.kind == "dial"]
    assert len(made) == 1 and order.data == {"key": made[0].key, "to": "telephone"}
    assert "81901" not in str(order.data)


async def test_a_key_of_another_client_or_ticket_means_nothing(visitor: TestClient, store: Store) -> None:
    """Or one could learn of, or ride on, what somebody else dialled."""
    key = {"Idempotency_Key": "first"}
    await post(visitor, "/api/v1/callbacks/1000023/dial", {}, token=BOSS, **key)
    status, told = await post(visitor, "/api/v1/callbacks/1000056/dial", {}, token=AGENT, **key)
    assert (status, told["ticket"], told["fresh"]) == (200, "1000056", True)
    async with store.read() as db:
        keys = list(await db.scalars(select(DialRow.key).where(DialRow.key != "k1")))
    assert len(set(keys)) == 2


async def test_a_dial_that_the_guard_refuses_says_which_rule(
    visitor: TestClient, clock: StoppedClock
) -> None:
    clock.at = NOW + timedelta(hours=11)  # 22:00
    status, told = await post(visitor, f"{ONE}/dial", {}, Idempotency_Key="k")
    assert (status, told["error"], told["refused"], told["may_insist"]) == (
        409,
        "not_dialled",
        "hours",
        False,
    )
    assert told["said"] == "お客様にお電話できる時間帯ではありません。"


async def test_a_dial_without_a_key_is_refused(visitor: TestClient) -> None:
    status, told = await post(visitor, f"{ONE}/dial", {})
    assert status == 400 and "Idempotency-Key" in told["detail"]


# -- what is shown ----------------------------------------------------------------------------------


async def test_each_contact_stands_with_its_own_words(visitor: TestClient) -> None:
    (row,) = [one for one in await get(visitor, "callbacks") if one["ticket"] == "1000012"]
    assert [one["id"] for one in row["contacts"]] == [1, 2]
    assert row["contacts"][1]["message"]["transcript"]["model"] == "vosk-tiny-ja（試験用モデル）"
    assert row["contacts"][0]["heard"] == "1000012" and row["contacts"][0]["source"] == "message"


@pytest.mark.parametrize(
    ("query", "tickets"),
    [
        ("show=mine", []),
        ("show=handled", ["1000112", "1000123", "1000134"]),
        ("q=佐藤", ["1000067"]),
        ("q=03-1234", ["1000012"]),
        ("q=%E9%85%8D%E9%80%81", ["1000112"]),
        ("cause=asked", ["1000067", "1000123"]),
        ("priority=high", ["1000078"]),
        ("agent=suzuki", ["1000034", "1000112"]),
        ("number=%2B819012345678", ["1000023"]),
        ("branch=-&state=open", ["1000101"]),
        ("since=2026-11-24T10:51:00%2B09:00", ["1000056", "1000067", "1000101"]),
        ("until=2026-11-22T09:00:00Z", ["1000123", "1000134"]),
        ("complaint=true", []),
    ],
)
async def test_a_list_is_narrowed_down(visitor: TestClient, query: str, tickets: list[str]) -> None:
    rows = await get(visitor, f"callbacks?{query}")
    assert sorted(row["ticket"] for row in rows) == tickets


async def test_a_page_goes_on_where_the_last_one_ended(visitor: TestClient) -> None:
    every = [row["ticket"] for row in await get(visitor, "callbacks?limit=100")]
    found: list[str] = []
    while len(found) < len(every):
        after = f"&after={found[-1]}" if found else ""
        found += [row["ticket"] for row in await get(visitor, f"callbacks?limit=4{after}")]
    assert found == every and len(every) == 13


async def test_a_program_of_no_company_sees_every_one(visitor: TestClient) -> None:
    tickets = {row["ticket"] for row in await get(visitor, "callbacks", ROOT)}
    assert {"1000012", "2000015"} <= tickets


async def test_what_was_done_last_is_taken_back_once(visitor: TestClient) -> None:
    assert (await post(visitor, f"{ONE}/flags", {"complaint": True}))[1]["complaint"] is True
    status, told = await post(visitor, f"{ONE}/undo")
    assert (status, told["complaint"]) == (200, False)
    status, told = await post(visitor, f"{ONE}/undo")
    assert (status, told["error"]) == (409, "undo")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"careful": "yes"}, "careful"),
        ({"carefull": True}, "carefull"),
        ([], "body"),
        ({"complaint": 1}, "complaint"),
    ],
)
async def test_a_wrong_body_says_where(visitor: TestClient, body: Any, where: str) -> None:
    status, told = await post(visitor, f"{ONE}/flags", body)
    assert (status, told["error"]) == (400, "bad_request")
    assert [one["where"] for one in told["fields"]] == [where]


async def test_what_is_not_json_is_told_so(visitor: TestClient) -> None:
    async with visitor.post(f"{ONE}/memo", data={"text": "x"}, headers=bearer(AGENT)) as answer:
        assert answer.status == 415
    sent = {**bearer(AGENT), "Content-Type": "application/json"}
    async with visitor.post(f"{ONE}/memo", data=b"{", headers=sent) as answer:
        assert answer.status == 400
    async with visitor.post(f"{ONE}/memo", data=b" " * 70_000, headers=sent) as answer:
        assert answer.status == 413
