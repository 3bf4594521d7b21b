"""The console over 100,000 callbacks with 1,000,000 events: `python -m bench.web`.

The web process as `ivr run` starts it, asked over HTTP by logged-in agents, while a callback changes every second. List, search and
ticket at 20 requests a second; a new callback on 50 open consoles; 200 claims a second by ten agents who want the same
tickets. Beside the search: the same question to the tables themselves, as it would be asked without the narrow table. Fails when
an aim is missed. `--database URL` takes an empty PostgreSQL instead of a new SQLite file.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from sqlalchemy import text

from bench.desk import Unfair, free_port
from bench.web_data import AGENTS, LINES, PASSWORD, fill
from ivr import settings
from ivr.callbacks import asking
from ivr.settings import ROOT
from ivr.store.database import Store, opened
from ivr.store.migrate import migrate

RATE = 20  # requests a second
CLAIMS = 200
PAGE_CLAIMS = 20
CONSOLES = 50
WANTED = 40  # tickets that all agents want
STARTS_WITHIN = 30.0
AIMS = {
    "list": 0.060,
    "search": 0.150,
    "ticket": 0.040,
    "arrival": 0.500,
}  # p95, seconds; arrival: the slowest
WORDS = (
    "渡辺",
    "髙橋 三郎",
    "090-0001-2345",
    "請求書",
    "離島の送料",
    "ﾊﾟｽﾜｰﾄﾞ",
    "𠮷野",
    "ください",
    "山崎",
    "1004321",
)
LISTS = (
    "/callbacks/list", "/callbacks/list", "/callbacks/list", "/callbacks/list?show=mine",
    "/callbacks/list?show=due", "/callbacks/list?line=line1", "/callbacks/list?show=handled",
)  # fmt: skip
WITHOUT = """SELECT c.ticket FROM callbacks c LEFT JOIN messages m ON m.id = c.message_id WHERE c.tenant = 'bench' AND
(c.name LIKE :q OR c.company LIKE :q OR c.matter LIKE :q OR c.number LIKE :q OR coalesce(m.corrected_text, m.transcript_text) LIKE :q)
ORDER BY c.created_at DESC LIMIT 100"""


def first(pid: int) -> None:
    """What else the machine does disturbs less (Linux' autogroups; needs root)."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("-15")


@contextlib.contextmanager
def serving(config: settings.Settings) -> Iterator[str]:
    """The web process; its address."""
    port = free_port(socket.SOCK_STREAM)
    environ = os.environ | {
        "IVR_DATA": str(config.data),
        "IVR_DATABASE": config.database_url,
        "IVR_HTTP": f"127.0.0.1:{port}",
    }
    command = ["setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-m", "ivr.cli", "process", "web"]
    process = subprocess.Popen(
        command,
        env=environ,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for pid in (process.pid, os.getpid()):
        first(pid)
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None:
                raise Unfair("the web process ended at its start")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@contextlib.asynccontextmanager
async def agents(base: str) -> AsyncIterator[list[aiohttp.ClientSession]]:
    """Logged in, as browsers."""
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for name in AGENTS:
            connector = aiohttp.TCPConnector(limit=0)
            session = aiohttp.ClientSession(
                base, connector=connector, cookie_jar=aiohttp.CookieJar(unsafe=True)
            )
            await stack.enter_async_context(session)
            page = await (await session.get("/login")).text()
            token = page.split('name="token" value="', 1)[1].split('"', 1)[0]
            form = {"name": name, "password": PASSWORD, "token": token}
            async with session.post("/login", data=form, allow_redirects=False) as answer:
                if answer.status != 303:
                    raise Unfair(f"{name} cannot log in: {answer.status}")
            found.append(session)
        yield found


async def steady(rate: float, seconds: float, ask: Callable[[int], Awaitable[None]]) -> list[float]:
    """Asks at a rate that does not wait for answers; from when each was due to its end, seconds."""
    begun = time.perf_counter()
    taken: list[float] = []

    async def one(n: int) -> None:
        due = begun + n / rate
        await asyncio.sleep(due - time.perf_counter())
        await ask(n)
        taken.append(time.perf_counter() - due)

    async with asyncio.TaskGroup() as group:
        for n in range(int(rate * seconds)):
            group.create_task(one(n))
    return taken


async def asked(session: aiohttp.ClientSession, path: str, params: dict[str, str] | None = None) -> str:
    async with session.get(path, params=params, allow_redirects=False) as answer:
        if answer.status != 200:
            raise Unfair(f"{path} answered {answer.status}")
        return await answer.text()


async def new_callback(store: Store, n: int, due: str = "1 minute") -> str:
    now = datetime.now(UTC)
    about = asking.MessageFacts(
        id=f"r{n}-{now.timestamp()}", line=LINES[0][0], tenant="bench", cause="asked", number=f"+8180{n:08}",
        received_at=now, name="新規 太郎", matter="新しい用件です。",
    )  # fmt: skip
    async with store.write() as db:
        return await asking.create_for_request(db, about.id, about, _Promise(due=due), None, now)


@dataclasses.dataclass(frozen=True)
class _Promise:
    priority: str = "medium"
    due: str = "1 minute"


async def changing(store: Store) -> None:
    """Something happens every second, so that nothing is shown from memory for long."""
    for n in range(10_000_000, 20_000_000):
        await new_callback(store, n, due="9 days")  # behind those whose arrival is measured
        await asyncio.sleep(1)


async def console(
    session: aiohttp.ClientSession, shown: asyncio.Queue[tuple[str, float]], ready: asyncio.Event
) -> None:
    """What live.js does: a stream, and the list again when something happened."""
    known: set[str] = set()
    async with session.get("/callbacks/stream", timeout=aiohttp.ClientTimeout(total=None)) as answer:
        async for line in answer.content:
            if line == b"event: open\n":
                ready.set()
            if not line.startswith(b"data: ["):
                continue
            page = await asked(session, "/callbacks/list")
            for ticket in set(json.loads(line.removeprefix(b"data: "))) - known:
                if f'id="row-{ticket}"' in page:
                    known.add(ticket)
                    shown.put_nowait((ticket, time.perf_counter()))


async def arrivals(store: Store, sessions: Sequence[aiohttp.ClientSession], rounds: int) -> list[float]:
    """From the commit until the last of all consoles shows it, seconds."""
    shown: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
    taken = []
    async with asyncio.TaskGroup() as group:
        opened_ = [asyncio.Event() for _ in range(CONSOLES)]
        open_ones = [
            group.create_task(console(sessions[n % len(sessions)], shown, opened_[n]))
            for n in range(CONSOLES)
        ]
        for event in opened_:
            await event.wait()
        for n in range(rounds):
            await asyncio.sleep(1.0)
            ticket = await new_callback(store, 30_000_000 + n)
            committed, last = time.perf_counter(), 0.0
            for _ in range(CONSOLES):
                async with asyncio.timeout(10):
                    found, at = await shown.get()
                if found != ticket:
                    raise Unfair("another callback was shown")
                last = max(last, at)
            taken.append(last - committed)
        for task in open_ones:
            task.cancel()
    return taken


async def claims(base: str, tickets: Sequence[str], seconds: float) -> tuple[list[float], Counter[int]]:
    chance, statuses = random.Random(2), Counter[int]()
    async with aiohttp.ClientSession(base, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def claim(n: int) -> None:
            token = f"token-of-{AGENTS[n % len(AGENTS)]}-that-is-long-enough"
            path = f"/api/v1/callbacks/{chance.choice(tickets)}/claim"
            async with session.post(path, json={}, headers={"Authorization": f"Bearer {token}"}) as answer:
                await answer.read()
                statuses[answer.status] += 1

        return await steady(CLAIMS, seconds, claim), statuses


async def page_claims(
    sessions: Sequence[aiohttp.ClientSession], tickets: Sequence[str], seconds: float, accept: str
) -> tuple[list[float], Counter[int]]:
    """The same by the form of the page."""
    chance, statuses = random.Random(2), Counter[int]()
    pages = [await asked(session, f"/callbacks/{tickets[0]}?part=ticket") for session in sessions]
    tokens = [page.split('name="token" value="', 1)[1].split('"', 1)[0] for page in pages]

    async def claim(n: int) -> None:
        who, path = n % len(sessions), f"/callbacks/{chance.choice(tickets)}/claim"
        form = {"data": {"token": tokens[who]}, "headers": {"Accept": accept}}
        async with sessions[who].post(path, **form, allow_redirects=False) as answer:
            await answer.read()
            statuses[answer.status] += 1

    return await steady(PAGE_CLAIMS, seconds, claim), statuses


async def without(store: Store) -> list[float]:
    taken = []
    for word in WORDS:
        async with store.read() as db:
            begun = time.perf_counter()
            (await db.execute(text(WITHOUT), {"q": f"%{word}%"})).all()
            taken.append(time.perf_counter() - begun)
    return taken


def told(name: str, taken: Sequence[float], aim: float | None = None, *, worst: bool = False) -> bool:
    """Prints a line; False if the aim is missed."""
    p95 = statistics.quantiles(taken, n=20)[-1]
    measured = max(taken) if worst else p95
    missed = aim is not None and measured > aim
    said = (
        ""
        if aim is None
        else f"{'MISSED' if missed else 'kept'}: {'slowest' if worst else 'p95'} under {aim * 1000:.0f}"
    )
    print(
        f"{name:32}{statistics.median(taken) * 1000:9.1f}{p95 * 1000:9.1f}{max(taken) * 1000:9.1f}   {said}",
        flush=True,
    )
    return not missed


async def measured(store: Store, base: str, seconds: float) -> bool:
    chance, kept = random.Random(3), []
    async with agents(base) as sessions:
        tickets = [f"{1000000 + chance.randrange(100_000)}" for _ in range(int(RATE * seconds))]
        asks: dict[str, Callable[[int], Awaitable[object]]] = {
            "list": lambda n: asked(sessions[n % 10], LISTS[n % len(LISTS)]),
            "search": lambda n: asked(sessions[n % 10], "/callbacks/list", {"q": WORDS[n % len(WORDS)]}),
            "ticket": lambda n: asked(
                sessions[n % 10], f"/callbacks/{tickets[n % len(tickets)]}?part=ticket"
            ),
        }
        print(f"{'ms':32}{'median':>9}{'p95':>9}{'slowest':>9}")
        for name, ask in asks.items():

            async def once(n: int, ask: Callable[[int], Awaitable[object]] = ask) -> None:
                await ask(n)

            await steady(RATE, 2, once)
            change = asyncio.create_task(changing(store))
            kept.append(told(f"{name}, {RATE}/s", await steady(RATE, seconds, once), AIMS[name]))
            change.cancel()
        told("search without the narrow table", await without(store))
        arrived = await arrivals(store, sessions, max(5, int(seconds)))
        kept.append(told(f"new callback on {CONSOLES} consoles", arrived, AIMS["arrival"], worst=True))
        wanted = [f"{1000000 + n}" for n in range(WANTED)]
        taken, statuses = await claims(base, wanted, seconds)
        told(f"claims, {CLAIMS}/s, {len(AGENTS)} agents", taken)
        kept.append(set(statuses) <= {200, 409} and statuses[200] > 0)
        print(f"{'':32}{dict(statuses)}; {'kept' if kept[-1] else 'MISSED'}: no error")
        for n, (accept, how) in enumerate((("text/plain", "told"), ("text/html", "shown the page")), 1):
            wanted = [f"{1000000 + n * WANTED + one}" for one in range(WANTED)]
            taken, statuses = await page_claims(sessions, wanted, seconds, accept)
            told(f"page {PAGE_CLAIMS}/s, losers {how}", taken)
            kept.append(set(statuses) <= {303, 409} and statuses[303] > 0)
            print(f"{'':32}{dict(statuses)}; {'kept' if kept[-1] else 'MISSED'}: no error")
    return all(kept)


async def run(callbacks: int, seconds: float, database: str | None, data: Path) -> bool:
    environ = {"IVR_DATA": str(data)} | ({"IVR_DATABASE": database} if database else {})
    config = settings.load(environ)
    config.data.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(migrate, config.database_url)
    async with opened(config.database_url) as store:
        begun = time.perf_counter()
        await fill(store, callbacks, datetime.now(UTC))
        if database:  # as autovacuum does within a minute
            async with store.write() as db:
                await db.execute(text("ANALYZE"))
        print(
            f"{callbacks:,} callbacks, {10 * callbacks:,} events, made in {time.perf_counter() - begun:.0f} s; load {os.getloadavg()[0]:.1f}"
        )
        with serving(config) as base:
            return await measured(store, base, seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--callbacks", type=int, default=100_000, help="a multiple of 5000")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement")
    parser.add_argument("--database", help="URL of an empty PostgreSQL")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as directory:
        kept = asyncio.run(run(given.callbacks, given.seconds, given.database, Path(directory)))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
