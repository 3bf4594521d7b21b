"""`/readyz` is 503 unless the engine said within 3 s that its link to Asterisk lives."""

from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient

from ivr.store import alarms, health
from ivr.store.database import Store
from tests.web.conftest import StoppedClock
from tests.web.desk import NOW


async def beat(store: Store, *, ok: bool, ago: float, draining: bool = False) -> None:
    async with store.write() as db:
        await health.beat(db, "engine", NOW - timedelta(seconds=ago), ok=ok, detail={"draining": draining})


async def test_healthz_needs_nothing(visitor: TestClient, store: Store) -> None:
    await store.close()
    answer = await visitor.get("/healthz")
    assert answer.status == 200


@pytest.mark.parametrize("ago", [0, 1, 3])
async def test_ready(visitor: TestClient, store: Store, ago: float) -> None:
    await beat(store, ok=True, ago=ago)
    assert (await visitor.get("/readyz")).status == 200


async def test_how_the_carriers_stand_is_told_in_words_that_can_be_read(
    visitor: TestClient, store: Store, clock: StoppedClock
) -> None:
    await beat(store, ok=True, ago=0)
    trunk = {"hikari": {"state": "refused", "reason": "事業者に登録を断られました。"}}
    async with store.write() as db:
        await health.beat(db, "trunks", clock.now(), ok=False, detail=trunk)
    answer = await visitor.get("/readyz")
    assert answer.status == 200
    assert (
        '"trunks": {"hikari": {"state": "refused", "reason": "事業者に登録を断られました。"}}'
        in await answer.text()
    )


async def test_not_ready_before_the_engine_ran(visitor: TestClient) -> None:
    answer = await visitor.get("/readyz")
    assert answer.status == 503
    assert (await answer.json())["reason"] == "the engine has never reported"


async def test_not_ready_when_the_engine_is_silent(
    visitor: TestClient, store: Store, clock: StoppedClock
) -> None:
    await beat(store, ok=True, ago=0)
    clock.at += timedelta(seconds=3.2)
    answer = await visitor.get("/readyz")
    assert answer.status == 503
    assert "not reported" in (await answer.json())["reason"]


@pytest.mark.parametrize(
    ("draining", "reason"), [(False, "the ARI link is dead"), (True, "the engine is being stopped")]
)
async def test_not_ready_when_no_call_can_come(
    visitor: TestClient, store: Store, draining: bool, reason: str
) -> None:
    await beat(store, ok=False, ago=0, draining=draining)
    answer = await visitor.get("/readyz")
    assert answer.status == 503
    assert (await answer.json())["reason"] == reason


async def test_not_ready_without_a_live_line(visitor: TestClient, store: Store) -> None:
    async with store.write() as db:
        await health.beat(db, "engine", NOW, ok=True, detail={"draining": False, "lines": 0})
    answer = await visitor.get("/readyz")
    assert answer.status == 503
    assert (await answer.json())["reason"] == "no line is live yet"


async def test_not_ready_by_a_row_from_another_time(visitor: TestClient, store: Store) -> None:
    await beat(store, ok=True, ago=-3600)
    assert (await visitor.get("/readyz")).status == 503


async def test_ready_in_spite_of_alarms_which_are_counted(visitor: TestClient, store: Store) -> None:
    async with store.write() as db:
        await health.beat(db, "engine", NOW, ok=True, detail={"lines": 1})
        await alarms.raise_(db, "dialplan:shop", "誤り", tenant="shop", at=NOW)
    answer = await visitor.get("/readyz")
    assert (answer.status, await answer.json()) == (200, {"ready": True, "alarms": 1, "trunks": {}})


async def test_ready_tells_how_the_carriers_answer(visitor: TestClient, store: Store) -> None:
    trunks = {"hikari": {"state": "refused", "reason": "ユーザー名またはパスワードが違います。"}}
    async with store.write() as db:
        await health.beat(db, "engine", NOW, ok=True, detail={"lines": 1})
        await health.beat(db, "trunks", NOW, ok=False, detail=trunks)
    answer = await visitor.get("/readyz")
    assert (answer.status, (await answer.json())["trunks"]) == (200, trunks)
