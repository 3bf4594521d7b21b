"""Two companies with a line each, on disk and live, and who works there; a jobs process that only publishes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from ivr import orders
from ivr.clock import Clock
from ivr.dialplan.model import Dialplan
from ivr.errors import DialplanError
from ivr.publish import Publisher
from ivr.settings import Settings
from ivr.steps import STEPS
from ivr.store import dialplans, users
from ivr.store import orders as placed
from ivr.store.database import Store
from ivr.store.tables import Order
from tests.dialplans import SHOP, changed
from tests.fakes.fake_prompts import FakePrompts
from tests.web.desk import CHEAP, NOW, PASSWORD

OTHER = changed("tenant: shop", "tenant: sakura", changed("050-3185-9080", "03-3581-4111"))
OTHER = changed("name: 山田商店", "name: さくらサポート", OTHER)

# name, company (None: all of them), role
PEOPLE = (
    ("carol", "shop", "admin"),
    ("sam", "shop", "supervisor"),
    ("alice", "shop", "agent"),
    ("dave", "sakura", "admin"),
    ("root", None, "admin"),
)


class Office:
    """The files, and the publisher that takes them live when a page orders it."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self.settings = settings
        self.store = store
        self.prompts = FakePrompts()
        self.published = asyncio.Event()
        self._clock = clock
        self._publisher = Publisher(
            directory=settings.dialplans,
            step_types=STEPS,
            store=store,
            prompts=self.prompts,
            voice=ThreadPoolExecutor(1, thread_name_prefix="voice"),
            write_bundle=self._write_bundle,
            wake=lambda: None,
            progress=lambda text: None,
        )

    def file(self, key: str) -> Path:
        return self.settings.dialplans / f"{key}.yaml"

    def share(self, key: str, text: str) -> None:
        file = self.file(f"shared/{key}")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")

    async def hashes(self) -> dict[str, str]:
        """Line -> its live version."""
        async with self.store.read() as db:
            return {line.key: line.hash for line in await dialplans.live(db)}

    async def source(self, key: str) -> str:
        """The live text of a line."""
        async with self.store.read() as db:
            return next(line.source for line in await dialplans.live(db) if line.key == key)

    async def pending(self) -> list[str]:
        """Kinds of what the jobs process was asked to do."""
        async with self.store.read() as db:
            return [order.kind for order in await placed.pending(db, "jobs")]

    async def set_role(self, name: str, role: str) -> None:
        async with self.store.write() as db:
            user = await users.get(db, name)
            assert user is not None
            user.role = role

    async def publish(self, by: str, why: str | None = None) -> list[str]:
        published = await self._publisher.publish(self._clock.now(), by, why)
        return [str(problem) for problem in published.problems if problem.severity == "error"]

    async def _carry_out(self, order: Order) -> None:
        wrong = await self.publish(order.data["by"], order.data["why"])
        if wrong:
            raise DialplanError("\n".join(wrong))

    async def _write_bundle(self, dialplans: Sequence[Dialplan]) -> None: ...

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """While a jobs process runs that carries out what is ordered."""
        task = asyncio.create_task(
            orders.serve(self.settings.run, self.store, self._clock, "jobs", self._carry_out)
        )
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def open_office(settings: Settings, store: Store, clock: Clock) -> Office:
    settings.dialplans.mkdir(parents=True)
    office = Office(settings, store, clock)
    office.file("shop").write_text(SHOP, "utf-8")
    office.file("sakura").write_text(OTHER, "utf-8")
    hashed = CHEAP.hash(PASSWORD)
    async with store.write() as db:
        for name, tenant, role in PEOPLE:
            await users.add(db, name, hashed, tenant=tenant, at=NOW, role=role)
    assert await office.publish("test") == []
    return office
