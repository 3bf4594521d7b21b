"""Tenant walls: every address of the application tried as somebody of the company next door, and as nobody.

A route without a row here fails the first test.
"""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import select

from ivr.store.database import Store
from ivr.store.tables import Base
from ivr.web.api import gate
from tests.web.api_desk import AGENT, NEXT_DOOR, bearer
from tests.web.conftest import Login, form_token
from tests.web.desk import CALLBACKS

pytestmark = pytest.mark.usefixtures("programs")

# Of the company `shop`, put into addresses and forms.
THEIRS = {
    "ticket": "1000012", "id": "m1000012", "call": "1700000000.1", "line": "shop", "key": "shop", "agent": "keisuke",
    "entry": "1", "name": "carol", "hash": "{hash}", "order": "1", "list": "incoming",
}  # fmt: skip

# Each names something of `shop` in its address, and must not know it.
FOREIGN = """
GET  /callbacks/{ticket}
POST /callbacks/{ticket}/active
GET  /messages/{id}/audio
GET  /messages/{id}/original
POST /messages/{id}/heard
GET  /metrics
POST /silent/{id}/promote
POST /leave/{ticket}/offer
POST /leave/{ticket}/free
POST /supervise/{ticket}/give-up
POST /supervise/{ticket}/once-more
POST /supervise/{ticket}/close
POST /lists/{list}/{id}/approve
POST /lists/{list}/{id}/end
GET  /admin/users/{name}
POST /admin/users/{name}/link
POST /admin/users/{name}/role
POST /admin/users/{name}/mail
POST /admin/users/{name}/disable
POST /admin/users/{name}/enable
POST /admin/users/{name}/unlock
POST /admin/users/{name}/factor
POST /admin/tokens/{id}/revoke
GET  /admin/lines/{key}
GET  /admin/lines/{key}/flow
GET  /admin/lines/{key}/calendar
GET  /admin/lines/{key}/prompts
GET  /admin/lines/{key}/prompts/{id}.wav
GET  /admin/lines/{key}/closing
POST /admin/lines/{key}/closing
POST /admin/lines/{key}/closing/reopen
GET  /admin/lines/{key}/hours
POST /admin/lines/{key}/hours/preview
POST /admin/lines/{key}/hours/publish
GET  /admin/lines/{key}/orders/{order}
GET  /admin/lines/{key}/edit
POST /admin/lines/{key}/check
POST /admin/lines/{key}/difference
POST /admin/lines/{key}/simulate
POST /admin/lines/{key}/publish
GET  /admin/lines/{key}/versions
GET  /admin/lines/{key}/versions/{hash}
POST /admin/lines/{key}/versions/{hash}/roll-back
GET  /api/v1/callbacks/{ticket}
GET  /api/v1/messages/{id}
GET  /api/v1/messages/{id}/audio
POST /api/v1/messages/{id}/run
POST /api/v1/messages/{id}/correct
POST /api/v1/messages/{id}/promote
GET  /api/v1/recordings/{id}
GET  /api/v1/calls/{call}
PUT  /api/v1/agents/{agent}/state
GET  /api/v1/lines/{line}
GET  /api/v1/lines/{line}/crowd
GET  /api/v1/lines/{line}/closings
POST /api/v1/lines/{line}/closings
DELETE /api/v1/lines/{line}/closings/{entry}
POST /api/v1/barred/{entry}/approve
POST /api/v1/barred/{entry}/end
"""
# What is done to one ticket: on the page by a form, where a GET only leads back to it, and by a program.
ON_THE_PAGE = (
    *(
        "give-back",
        "offer",
        "take-over",
        "decline",
        "assign",
        "result",
        "next",
        "begin",
        "help",
        "help-end",
        "news",
        "done",
    ),
    *(
        "reopen",
        "cancel",
        "give-up",
        "read",
        "want",
        "edit",
        "flag",
        "priority",
        "merge",
        "split",
        "accept",
        "claim",
    ),
    *("dial", "memo", "undo", "correct", "run"),
)
BY_A_PROGRAM = (
    *(
        "claim",
        "renew",
        "release",
        "offer",
        "accept",
        "decline",
        "assign",
        "help",
        "help-end",
        "begin",
        "dial",
        "result",
        "next",
    ),
    *(
        "wait",
        "news",
        "close",
        "read",
        "reopen",
        "cancel",
        "give-up",
        "undo",
        "priority",
        "flags",
        "memo",
        "fields",
    ),
    *("number", "wanted", "merge", "split"),
)
# Each shows or changes what is one's own; asked for by what is the others', if there is something to ask by.
OWN = """
GET  /
GET  /callbacks?line=shop&state=open&q=佐藤
GET  /callbacks.csv?line=shop&q=田中
GET  /callbacks/list?line=shop&show=handled
GET  /silent
GET  /live
GET  /reports?line=shop
GET  /reports/figures.csv?line=shop
GET  /reports/rows?line=shop&name=call.offered
GET  /reports/rows.csv?line=shop&name=call.offered
GET  /reports/months?line=shop
GET  /reports/months.csv?line=shop
GET  /supervise?line=shop&agent=suzuki
POST /supervise/assign
GET  /supervise/assign
GET  /lists
GET  /lists/{list}
POST /lists/{list}
POST /lists/dedicated/end
GET  /leave
GET  /me/state
POST /me/state
GET  /account
POST /account/mail
POST /account/mobile
GET  /account/factor
GET  /admin
GET  /admin/lines
GET  /admin/audit?about=1000012
GET  /admin/audit.csv?about=1000012
GET  /admin/users
POST /admin/users
GET  /admin/tokens
GET  /api/v1/callbacks?line=shop&q=佐藤
POST /api/v1/callbacks
GET  /api/v1/messages?line=shop
GET  /api/v1/silent
GET  /api/v1/calls?line=shop
GET  /api/v1/agents
GET  /api/v1/lines
GET  /api/v1/barred?kind=incoming
POST /api/v1/barred
GET  /api/v1/dedicated
GET  /api/v1/reports?line=shop
GET  /api/v1/reports/rows?name=ask&since=30d
GET  /api/v1/reports/months
GET  /api/v1/live
GET  /api/v1/health
PUT  /api/v1/dedicated
POST /api/v1/dedicated/end
"""
# For everybody, or of one's own session alone; the stream has a test of its own.
ELSEWHERE = """
GET  /static
GET  /healthz
GET  /readyz
GET  /login
POST /login
GET  /login/code
POST /login/code
POST /logout
POST /leave
GET  /forgot
POST /forgot
GET  /password/{token}
POST /password/{token}
GET  /request/{line}
POST /request/{line}
GET  /request/{line}/received/{receipt}
POST /account/password
POST /account/factor
POST /account/factor/codes
POST /account/factor/off
GET  /callbacks/stream
GET  /api/v1/openapi.json
"""


@dataclass(frozen=True)
class Door:
    method: str
    route: str  # as the application has it
    query: str = ""

    @property
    def name(self) -> str:
        return f"{self.method} {self.route}"

    @property
    def for_programs(self) -> bool:
        return self.route.startswith("/api/") or self.route == "/metrics"

    def path(self, hash: str) -> str:
        filled = re.sub(r"{(\w+)}", lambda part: THEIRS[part[1]], self.route).replace("{hash}", hash)
        return f"{filled}?{self.query}" if self.query else filled


def doors(text: str) -> list[Door]:
    found = []
    for line in text.split("\n"):
        if line:
            method, address = line.split()
            found.append(Door(method, *address.split("?", 1)))
    return found


CLOSED = [
    *doors(FOREIGN),
    *(Door(method, f"/callbacks/{{ticket}}/{name}") for name in ON_THE_PAGE for method in ("GET", "POST")),
    *(Door("POST", f"/api/v1/callbacks/{{ticket}}/{name}") for name in BY_A_PROGRAM),
]
# ... and asked for without that.
ALL = [*CLOSED, *doors(OWN), *(Door(one.method, one.route) for one in doors(OWN) if one.query)]

# For every form at once: with these, what is asked for would be done if it were one's own.
FORM = {
    "version": "0", "why": "理由", "memo": "メモ", "text": "文字", "to": "alice", "result": "reached", "then": "done",
    "priority": "high", "contact": "2", "into": "1000056", "careful": "on", "stage": "transcript", "kind": "name",
    "value": "山田", "key": "0" * 32, "next_at": "2026-11-25T10:00", "state": "away:休憩", "note": "済", "tickets": "1000012",
    "ticket": "1000012", "all": "", "number": "03-3581-5111", "reason": "台風", "until": "today", "agent": "alice",
    "tenant": "shop", "name": "carol", "email": "carol@example.com", "role": "admin", "closure": "1", "line": "shop",
}  # fmt: skip
BODIES: dict[str, Any] = {
    "offer": {"to": "alice", "memo": "x"}, "assign": {"to": "alice"}, "result": {"result": "reached"},
    "next": {"next_at": None}, "wait": {"state": "waiting"}, "cancel": {"why": "x"}, "give-up": {"why": "x"},
    "priority": {"priority": "high", "why": "x"}, "memo": {"text": "x"}, "number": {"number": "03-3581-5111"},
    "merge": {"into": "1000056"}, "split": {"contacts": [2]}, "run": {"stage": "transcript"}, "correct": {"text": "x"},
    "state": {"state": "away"}, "closings": {"reason": "台風", "until": "today"},
    "callbacks": {"line": "shop", "name": "x", "number": "03-3581-5111"},
    "barred": {"kind": "incoming", "number": "03-3581-5111", "reason": "x", "tenant": "shop"},
    "dedicated": {"number": "03-3581-5111", "agent": "alice", "tenant": "shop"},
    "end": {"number": "03-1234-5678", "tenant": "shop"},
}  # fmt: skip
WITHOUT_BODY = {
    "claim",
    "renew",
    "accept",
    "help",
    "help-end",
    "begin",
    "news",
    "read",
    "undo",
    "wanted",
    "promote",
    "approve",
}

# Pieces of what is known of `shop` alone: tickets, people, numbers, words.
SECRETS = [
    *(row[0] for row in CALLBACKS),
    *(row[3] for row in CALLBACKS if row[3]),
    *(
        "03-1234-5678",
        "0312345678",
        "+81355556666",
        "03-5555-6666",
        "050-3185-9080",
        "0503185",
    ),
    *(
        "佐藤",
        "さくら商店",
        "決済の設定",
        "ログインできません",
        "山田商店",
        "請求書の宛名",
        "配送の設定",
        "ご案内済み",
    ),
    *(
        "carol",
        "alice",
        "keisuke",
        "suzuki",
        "tanaka",
        "迷惑電話",
        "棚卸し",
        "誤りのあるコールフロー",
        "1700000000.1",
        "m10000",
        "山﨑",
    ),
]


async def test_every_route_has_a_row(visitor: TestClient) -> None:
    assert visitor.app is not None
    routes = [route for route in visitor.app.router.routes() if route.resource is not None]
    served = {f"{one.method} {one.resource.canonical}" for one in routes if one.method != "HEAD"}
    rows = [door.name for door in (*CLOSED, *doors(OWN), *doors(ELSEWHERE))]
    assert len(rows) == len(set(rows))
    assert served - set(rows) == set(), "add a row: what may somebody of another company see there?"
    assert set(rows) - served == set(), "no route (any more)"


async def told(
    client: TestClient, door: Door, hash: str, headers: dict[str, str], form: dict[str, str]
) -> tuple[int, str, str]:
    """Status, all that came back, and what was sent."""
    path, given = door.path(hash), {}
    if door.for_programs and door.method != "GET":
        last = door.route.rsplit("/", 1)[1]
        given = {} if last in WITHOUT_BODY else {"json": BODIES.get(last, {})}
        headers = {**headers, "Idempotency-Key": "k"}
    elif door.method == "POST":
        given = {"data": form}
    async with client.request(door.method, path, headers=headers, allow_redirects=False, **given) as answer:
        body = (await answer.read()).decode("utf-8", "replace")
        return answer.status, f"{body} {dict(answer.headers)}", f"{path} {given}"


def leaked(said: str, sent: str) -> list[str]:
    """What somebody sent himself may come back to him."""
    return [secret for secret in SECRETS if secret in said and secret not in sent]


async def kept(store: Store) -> dict[str, list[str]]:
    """All that the store has of `shop`."""
    found = {}
    async with store.read() as db:
        for table in Base.metadata.sorted_tables:
            if "tenant" in table.c:
                rows = (await db.execute(select(table).where(table.c.tenant == "shop"))).all()
                found[table.name] = sorted(str(tuple(row)) for row in rows)
        events = Base.metadata.tables["callback_events"]
        mine = select(Base.metadata.tables["callbacks"].c.ticket).where(
            Base.metadata.tables["callbacks"].c.tenant == "shop"
        )
        rows = (await db.execute(select(events).where(events.c.ticket.in_(mine)))).all()
        found["events"] = sorted(str(tuple(row)) for row in rows)
    assert len(found["callbacks"]) == len(CALLBACKS) and found["users"] and found["audit"]
    return found


async def live_hash(store: Store) -> str:
    lines = Base.metadata.tables["lines"]
    async with store.read() as db:
        return str(await db.scalar(select(lines.c.dialplan).where(lines.c.key == "shop")))


@pytest.mark.parametrize("name", ["erin", "frank", "dave"])
async def test_somebody_from_next_door_sees_and_changes_nothing(
    login: Login, store: Store, name: str
) -> None:
    client, before, hash = await login(name), await kept(store), await live_hash(store)
    form = {**FORM, "token": await form_token(client, "/account")}
    assert "秘田 密子" in await (await client.get("/callbacks")).text(), "one's own is there"
    statuses, wrong = {}, []
    for door in (one for one in ALL if not one.for_programs):
        status, said, sent = await told(client, door, hash, {}, form)
        statuses[door] = status
        if door in CLOSED and status not in (303, 403, 404):
            wrong.append(f"{door.name}: {status}")
        if status >= 500:
            wrong.append(f"{door.name}: {status}")
        wrong += [f"{door.name} tells {secret}" for secret in leaked(said, sent)]
    assert wrong == []
    assert await kept(store) == before
    seen = [door.name for door, status in statuses.items() if status == 200]
    assert len(seen) >= {"erin": 10, "frank": 22, "dave": 24}[name], seen
    async with client.get("/callbacks", allow_redirects=False) as answer:
        assert answer.status == 200, "still logged in"


async def test_a_program_from_next_door_sees_and_changes_nothing(visitor: TestClient, store: Store) -> None:
    before, hash, wrong = await kept(store), await live_hash(store), []
    for door in (one for one in ALL if one.for_programs):
        status, said, sent = await told(visitor, door, hash, bearer(NEXT_DOOR), {})
        if door in CLOSED and status not in ((401,) if door.route == gate.RECORDING else (404,)):
            wrong.append(f"{door.name}: {status} {said[:200]}")
        if door not in CLOSED and status not in (200, 400, 404, 409):
            wrong.append(f"{door.name}: {status} {said[:200]}")
        wrong += [f"{door.name} tells {secret}" for secret in leaked(said, sent)]
    assert wrong == []
    assert await kept(store) == before


async def test_nobody_sees_anything(visitor: TestClient, store: Store) -> None:
    before, hash, wrong = await kept(store), await live_hash(store), []
    for door in ALL:
        status, said, sent = await told(visitor, door, hash, {}, FORM)
        expected = 401 if door.for_programs else 303
        if status != expected or (status == 303 and "/login" not in said):
            wrong.append(f"{door.name}: {status}")
        wrong += [f"{door.name} tells {secret}" for secret in leaked(said, sent)]
    assert wrong == []
    assert await kept(store) == before


# One's own ticket, and in the body what is theirs.
CROSSING: list[tuple[str, dict[str, Any]]] = [
    ("callbacks/2000015/merge", {"into": "1000012"}),
    ("callbacks/2000015/split", {"contacts": [1, 2, 3]}),
    ("callbacks/2000015/offer", {"to": "alice", "memo": "x"}),
    ("callbacks/2000015/assign", {"to": "alice"}),
]


@pytest.mark.parametrize(("path", "body"), CROSSING)
async def test_what_is_ones_own_is_never_joined_to_what_is_theirs(
    visitor: TestClient, store: Store, path: str, body: dict[str, Any]
) -> None:
    before = await kept(store)
    async with visitor.post(f"/api/v1/{path}", json=body, headers=bearer(NEXT_DOOR)) as answer:
        assert answer.status in (404, 409)
        assert leaked(await answer.text(), f"{path} {body}") == []
    assert await kept(store) == before


async def test_nor_on_the_page(login: Login, store: Store) -> None:
    client, before = await login("dave"), await kept(store)
    form = {**FORM, "token": await form_token(client, "/account"), "into": "1000012"}
    for name in ("merge", "split", "offer", "assign"):
        async with client.post(f"/callbacks/2000015/{name}", data=form, allow_redirects=False) as answer:
            assert answer.status == 409, name
            assert leaked(await answer.text(), str(form)) == []
    assert await kept(store) == before


async def test_an_open_console_hears_of_its_own_alone(login: Login) -> None:
    client = await login("dave")
    heard: list[str] = []

    async def memo(ticket: str, token: str) -> None:
        path = f"/api/v1/callbacks/{ticket}/memo"
        text = f"メモ{len(heard)}"  # the same twice is one
        async with client.post(path, json={"text": text}, headers=bearer(token)) as answer:
            assert answer.status == 200

    async with client.get("/callbacks/stream") as stream, asyncio.timeout(60):
        # Nothing is told of what was before the first look.
        while sum("2000015" in line for line in heard) < 2:
            await memo("1000012", AGENT)
            await memo("2000015", NEXT_DOOR)
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    while not heard or "2000015" not in heard[-1]:
                        heard.append((await stream.content.readline()).decode())
                    heard.append("")
    told = [line for line in heard if line.startswith("data: [")]
    assert set(told) == {'data: ["2000015"]\n'}
