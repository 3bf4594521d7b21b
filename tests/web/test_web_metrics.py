"""`/metrics`: figures an operator's Prometheus reads, by a token of the operator and nobody else's."""

import re
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient

from ivr.store import agents, alarms, health
from ivr.store.database import Store
from tests.web.desk import ALICE_TOKEN, NOW, ROOT_TOKEN

pytestmark = pytest.mark.usefixtures("desk")


async def scrape(visitor: TestClient) -> dict[str, float]:
    answer = await visitor.get("/metrics", headers={"Authorization": f"Bearer {ROOT_TOKEN}"})
    assert answer.status == 200 and answer.content_type == "text/plain"
    found = re.findall(r"^(ivr_\w+(?:\{[^}]*\})?) ([0-9.]+)$", await answer.text(), re.MULTILINE)
    return {name: float(value) for name, value in found}


async def test_what_an_operator_watches(visitor: TestClient, store: Store) -> None:
    queues = {"ecforce": {"waiting": 2, "talking": 1, "since": NOW.isoformat()}}
    async with store.write() as db:
        await health.beat(db, "engine", NOW, ok=True, detail={"calls": 3, "queues": queues})
        await health.beat(
            db,
            "trunks",
            NOW,
            ok=False,
            detail={
                "hikari": {"state": "registered"},
                "ip": {"state": "reachable"},
                "x": {"state": "refused"},
            },
        )
        await agents.add(
            db, "sato", groups=["support"], tenant="ecforce", endpoint="PJSIP/sato", secret="x", at=NOW
        )
        await alarms.raise_(db, "number", "番号", tenant=None, at=NOW)
    found = await scrape(visitor)
    assert found["ivr_engine_up"] == 1 and found["ivr_calls"] == 3
    assert found['ivr_waiting{line="ecforce"}'] == 2 and found['ivr_talking{line="ecforce"}'] == 1
    assert [found[f'ivr_trunk_up{{trunk="{name}"}}'] for name in ("hikari", "ip", "x")] == [1, 1, 0]
    assert found["ivr_alarms"] == 1
    assert sum(value for name, value in found.items() if name.startswith("ivr_agents{")) == 1
    # Of the desk's callbacks: those that are not over, and those of them that are late.
    assert found['ivr_callbacks{line="ecforce",state="open"}'] >= 1
    assert found['ivr_callbacks_overdue{line="ecforce"}'] >= 1


async def test_a_dead_engine_is_down_and_tells_no_old_numbers(visitor: TestClient, store: Store) -> None:
    async with store.write() as db:
        before = NOW - timedelta(seconds=4)
        await health.beat(
            db, "engine", before, ok=True, detail={"calls": 3, "queues": {"ecforce": {"waiting": 2}}}
        )
    found = await scrape(visitor)
    assert found["ivr_engine_up"] == 0 and found["ivr_calls"] == 0
    assert 'ivr_waiting{line="ecforce"}' not in found


@pytest.mark.parametrize(("token", "status"), [("", 401), ("guess", 401), (ALICE_TOKEN, 404)])
async def test_nobody_elses(visitor: TestClient, token: str, status: int) -> None:
    answer = await visitor.get("/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})
    assert answer.status == status
    assert "ivr_" not in await answer.text()
