"""An agent who presses 発信: what the page commits and orders, done on the store of a running instance."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from aiohttp import ClientSession, CookieJar

from ivr.call import CallbackPromise
from ivr.callbacks import asking, dialing, ringing, service
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.dialing import Dial
from ivr.callbacks.who import Who
from ivr.clock import SystemClock
from ivr.lines import Lines
from ivr.ringing_back.job import To
from ivr.store import agents, orders
from ivr.store.database import Store, opened
from ivr.wake import wake
from tests.asterisk.desk import Desk


class Page:
    """`line`: whose callbacks these are."""

    def __init__(self, desk: Desk, store: Store, lines: Lines, line: str) -> None:
        self._desk = desk
        self._store = store
        self._lines = lines
        self._line = line
        offset = float((desk.data / "run" / "clock_offset").read_text("ascii"))
        self._clock = SystemClock(offset)

    def _now(self) -> datetime:
        return self._clock.now()

    async def asked(self, number: str) -> str:
        """Somebody has asked to be rung back at this number (E.164): the ticket."""
        now = self._now()
        facts = MessageFacts(number, self._line, self._lines.tenants[self._line], "asked", number, now)
        async with self._store.write() as session:
            promise = CallbackPromise("medium", "4h", None)
            return await asking.create_for_request(session, f"test {number} {now}", facts, promise, None, now)

    async def has_mobile(self, agent: str, number: str) -> None:
        async with self._store.write() as session:
            (await agents.get(session, agent)).mobile = number

    async def press(
        self, ticket: str, agent: str, to: To = "telephone", *, order: bool = True, engine: str | None = None
    ) -> str:
        """担当, 発信: the key of the dial. Not `order`: the page died there; `engine`: which one had taken it."""
        now, who = self._now(), Who(agent, self._lines.tenants[self._line])
        key = f"{ticket} {now.timestamp()}"
        policy = self._lines.policy(self._line)
        async with self._store.write() as session:
            await service.claim(session, ticket, who, until=now + timedelta(minutes=15), now=now)
            begun = await dialing.begin(session, ticket, who=who, key=key, policy=policy, now=now)
            assert isinstance(begun, Dial), begun
            if order:
                await orders.put(session, "engine", "dial", {"key": key, "to": to}, now)
        if engine is not None:
            async with self._store.write() as session:
                await ringing.take(session, key, engine)
        wake(self._desk.data / "run", "engine")
        return key

    async def records(self, ticket: str, agent: str) -> None:
        """本人と通話, 対応済み."""
        who, policy = Who(agent, self._lines.tenants[self._line]), self._lines.policy(self._line)
        async with self._store.write() as session:
            await dialing.record(session, ticket, "reached", who=who, policy=policy, now=self._now())

    def state(self, ticket: str) -> tuple[str, str | None, str | None, int]:
        """State, agent, outcome, attempts."""
        query = "SELECT state, agent, outcome, attempts FROM callbacks WHERE ticket = ?"
        ((state, agent, outcome, attempts),) = self._desk.rows(query, ticket)
        return state, agent, outcome, attempts

    def history(self, ticket: str) -> list[tuple[str, str | None]]:
        query = "SELECT what, why FROM callback_events WHERE ticket = ? ORDER BY id"
        return [(what, why) for what, why in self._desk.rows(query, ticket)]

    def agent_is(self, name: str) -> str:
        ((state,),) = self._desk.rows("SELECT state FROM agents WHERE name = ?", name)
        return str(state)


class Form:
    """The public form of `line`, as a customer's browser has it."""

    def __init__(self, desk: Desk, line: str) -> None:
        self._address = f"{desk.pages}/request/{line}"

    async def offers_now(self) -> bool:
        async with ClientSession() as browser:
            return "今すぐ電話がほしい" in await self._open(browser)

    async def asks(self, number: str) -> str:
        """今すぐ: the ticket that the customer is told."""
        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:
            shown = await self._open(browser)
            hidden = {
                name: shown.split(f'name="{name}" value="', 1)[1].split('"', 1)[0]
                for name in ("token", "key")
            }
            typed = {"name": "前田", "matter": "ログインできません。", "number": number, "consent": "yes"}
            fields = {**hidden, **typed, "call": "yes", "now": "yes"}
            async with browser.post(self._address, data=fields) as answer:
                receipt = await answer.text()
        assert "まもなく、担当者よりお電話いたします" in receipt, receipt
        found = re.search(r"\b\d{7}\b", receipt)
        assert found, receipt
        return found[0]

    async def _open(self, browser: ClientSession) -> str:
        async with browser.get(self._address) as answer:
            assert answer.status == 200
            return await answer.text()


@asynccontextmanager
async def page(desk: Desk, line: str) -> AsyncIterator[Page]:
    async with opened(f"sqlite:///{desk.data / 'ivr.db'}") as store:
        lines = Lines()
        await lines.reload(store)
        yield Page(desk, store, lines, line)
