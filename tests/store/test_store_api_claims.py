"""Ten programs that fight for the same callbacks through the API of two web processes: one of them gets each, nobody an error."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ivr.settings import load
from ivr.store import tokens
from ivr.store.database import Store
from ivr.web.app import build_app
from tests.web.conftest import StoppedClock
from tests.web.desk import NOW, SESSION_KEY, add_callback

AGENTS = [f"agent{n}" for n in range(10)]
TICKETS = [f"10{n:05}" for n in range(30)]


@pytest.fixture
async def doors(store: Store, other_process: Store, tmp_path: Path) -> AsyncIterator[list[TestClient]]:
    settings = load({"IVR_DATA": str(tmp_path / "var")})
    (settings.messages).mkdir(parents=True)
    async with store.write() as db:
        for name in AGENTS:
            await tokens.add(db, f"token-{name}", name=name, tenant="shop", at=NOW)
        for ticket in TICKETS:
            facts = (ticket, "open", "busy", f"+8190{ticket}0", None, 30, 5)
            await add_callback(db, settings.recordings, *facts, {"line": "shop", "message": False})
    async with AsyncExitStack() as stack:
        opened = []
        for one in (store, other_process):
            app = build_app(one, settings, StoppedClock(), session_key=SESSION_KEY)
            opened.append(await stack.enter_async_context(TestClient(TestServer(app))))
        yield opened


async def test_each_callback_goes_to_one_and_nobody_sees_an_error(doors: list[TestClient]) -> None:
    answers: list[tuple[str, str, int, str]] = []

    async def agent(number: int, name: str) -> None:
        client, headers = doors[number % 2], {"Authorization": f"Bearer token-{name}"}
        for ticket in random.Random(number).sample(TICKETS, len(TICKETS)):
            async with client.post(f"/api/v1/callbacks/{ticket}/claim", headers=headers) as answer:
                told = await answer.json()
                answers.append((name, ticket, answer.status, told.get("error", told.get("agent"))))

    await asyncio.gather(*(agent(number, name) for number, name in enumerate(AGENTS)))
    assert Counter(status for _, _, status, _ in answers) == {200: 30, 409: 270}
    assert {ticket for _, ticket, status, _ in answers if status == 200} == set(TICKETS)
    assert all(said == ("held" if status == 409 else name) for name, _, status, said in answers)


async def test_claims_and_releases_at_once_end_as_they_were_answered(doors: list[TestClient]) -> None:
    """Ten agents take and give back three callbacks as fast as they can; two never have one together."""
    held: dict[str, str] = {}
    statuses: Counter[int] = Counter()

    async def agent(number: int, name: str) -> None:
        client, headers = doors[number % 2], {"Authorization": f"Bearer token-{name}"}
        for turn in range(12):
            one = f"/api/v1/callbacks/{TICKETS[turn % 3]}"
            async with client.post(f"{one}/claim", headers=headers) as answer:
                statuses[answer.status] += 1
                if answer.status != 200:
                    continue
                assert one not in held, "two have it"
                held[one] = name
            async with client.post(f"{one}/renew", headers=headers) as answer:
                assert answer.status == 200
            del held[one]  # before it is given back: afterwards somebody else may have it already
            async with client.post(f"{one}/release", headers=headers, json={}) as answer:
                assert answer.status == 200

    await asyncio.gather(*(agent(number, name) for number, name in enumerate(AGENTS)))
    assert statuses.keys() <= {200, 409} and statuses[200] >= 6
