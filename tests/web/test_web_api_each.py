"""Each request of the API once: it does what it says, and answers what the document says."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from jsonschema import Draft202012Validator

from ivr.settings import Settings
from ivr.store.database import Store
from ivr.web.api.document import document as make_document
from ivr.web.api.gate import CONFLICTS
from ivr.web.api.routes import OPERATIONS
from tests.web.api_desk import AGENT, BOSS, bearer

IVR = Path(__file__).parents[2] / "ivr"
KEY = {"Idempotency-Key": "k-1"}
MADE = {"line": "shop", "name": "新規 花子", "number": "03-3581-5111", "matter": "見積の件"}


@dataclass(frozen=True)
class Row:
    """`body` None: none is sent. `told`: what the answer holds, among other things."""

    path: str
    body: Any = None
    told: Any = None
    status: int = 200
    token: str = BOSS
    headers: dict[str, str] = field(default_factory=dict)


ONE = "callbacks/{ticket}"
TABLE: dict[str, Row] = {
    "GET callbacks": Row("callbacks?limit=2&state=open"),
    "POST callbacks": Row("callbacks", MADE, {"line": "shop", "at_once": False}, 201, headers=KEY),
    f"GET {ONE}": Row("callbacks/1000012", None, {"ticket": "1000012", "state": "open"}),
    f"POST {ONE}/claim": Row("callbacks/1000012/claim", None, {"state": "claimed", "agent": "sam"}),
    f"POST {ONE}/renew": Row("callbacks/1000023/renew", None, {"agent": "sam"}),
    f"POST {ONE}/release": Row("callbacks/1000023/release", {"why": "昼休み"}, {"state": "open", "agent": None}),
    f"POST {ONE}/offer": Row("callbacks/1000023/offer", {"to": "alice", "memo": "午後に"}, {"offered_to": "alice"}),
    f"POST {ONE}/accept": Row("callbacks/1000034/accept", None, {"agent": "sam", "offered_to": None}),
    f"POST {ONE}/decline": Row("callbacks/1000034/decline", {}, {"offered_to": None}),
    f"POST {ONE}/assign": Row("callbacks/1000012/assign", {"to": "alice"}, {"agent": "alice"}),
    f"POST {ONE}/help": Row("callbacks/1000034/help", None, {"second": "sam", "agent": "suzuki"}),
    f"POST {ONE}/help-end": Row("callbacks/1000034/help-end", None, {"second": None, "agent": "suzuki"}),
    f"POST {ONE}/begin": Row("callbacks/1000023/begin", None, {"begun_at": "2026-11-24T11:00:00+09:00"}),
    f"POST {ONE}/dial": Row("callbacks/1000023/dial", {}, {"ticket": "1000023", "fresh": True}, headers=KEY),
    f"POST {ONE}/result": Row("callbacks/1000023/result", {"result": "reached", "note": "済"}, {"state": "done"}),
    f"POST {ONE}/next": Row(
        "callbacks/1000023/next", {"next_at": "2026-11-25T01:00:00Z"}, {"next_at": "2026-11-25T10:00:00+09:00"}
    ),
    f"POST {ONE}/wait": Row("callbacks/1000078/wait", {"state": "waiting"}, {"state": "waiting"}),
    f"POST {ONE}/news": Row("callbacks/1000078/news", None, {"state": "working"}),
    f"POST {ONE}/close": Row("callbacks/1000012/close", {"note": "メールで"}, {"state": "done", "result": "メールで"}),
    f"POST {ONE}/read": Row("callbacks/1000045/read", None, {"state": "done"}),
    f"POST {ONE}/reopen": Row("callbacks/1000112/reopen", {}, {"state": "open", "done_at": None}),
    f"POST {ONE}/cancel": Row("callbacks/1000012/cancel", {"why": "重複"}, {"state": "cancelled"}),
    f"POST {ONE}/give-up": Row("callbacks/1000012/give-up", {"why": "3回不在"}, {"state": "unreachable"}),
    f"POST {ONE}/undo": Row("callbacks/1000012/undo", None, {"state": "open", "agent": None}),
    f"POST {ONE}/priority": Row("callbacks/1000012/priority", {"priority": "high", "why": "急ぎ"}, {"priority": "high"}),
    f"POST {ONE}/flags": Row("callbacks/1000012/flags", {"careful": True}, {"careful": True, "complaint": False}),
    f"POST {ONE}/memo": Row("callbacks/1000012/memo", {"text": "午後は不在"}, {"version": 0}),
    f"POST {ONE}/fields": Row("callbacks/1000012/fields", {"name": "田中﨑"}, {"name": "田中﨑", "company": None}),
    f"POST {ONE}/number": Row("callbacks/1000012/number", {"number": "０９０ー１２３４ー９９９９"}, {"number": "+819012349999"}),
    f"POST {ONE}/wanted": Row("callbacks/1000045/wanted", None, {"reply_wanted": True}),
    f"POST {ONE}/merge": Row("callbacks/1000012/merge", {"into": "1000056"}, {"ticket": "1000056"}),
    f"POST {ONE}/split": Row("callbacks/1000012/split", {"contacts": [2]}, {"state": "open"}),
    "GET messages": Row("messages?state=stored&limit=3"),
    "GET messages/{id}": Row("messages/m1000012", None, {"id": "m1000012", "ticket": "1000012"}),
    "GET messages/{id}/audio": Row("messages/m1000012/audio"),
    "POST messages/{id}/run": Row("messages/m1000012/run", {"stage": "transcript"}),
    "POST messages/{id}/correct": Row("messages/m1000012/correct", {"text": "ログインの件"}),
    "POST messages/{id}/promote": Row("messages/quiet/promote"),
    "GET silent": Row("silent", None, {"counts": {"silent": 0, "tone": 1, "music": 0, "fax": 0}}),
    "GET recordings/{id}": Row("recordings/m1000012", token="k" * 40),
    "GET calls": Row("calls?limit=1"),
    "GET calls/{call}": Row("calls/1700000000.1", None, {"id": "1700000000.1", "line": "shop"}),
    "GET agents": Row("agents"),
    "PUT agents/{agent}/state": Row(
        "agents/alice/state", {"state": "away", "reason": "休憩"}, {"state": "away", "reason": "休憩"}, token=AGENT
    ),
    "GET lines": Row("lines"),
    "GET lines/{line}": Row("lines/shop?at=2026-11-23T03:00:00Z", None, {"key": "shop"}),
    "GET lines/{line}/crowd": Row("lines/shop/crowd", None, {"line": "shop"}),
    "GET lines/{line}/closings": Row("lines/shop/closings"),
    "POST lines/{line}/closings": Row(
        "lines/shop/closings", {"reason": "台風", "until": "today"}, {"reason": "台風", "stands": True}, 201
    ),
    "DELETE lines/{line}/closings/{entry}": Row("lines/shop/closings/1", status=204),
    "GET barred": Row("barred?kind=incoming"),
    "POST barred": Row(
        "barred", {"kind": "outgoing", "number": "03-3581-5111", "reason": "ご希望"}, {"approved_by": None}, 201, AGENT
    ),
    "POST barred/{entry}/approve": Row("barred/1/approve", None, {"approved_by": "sam"}),
    "POST barred/{entry}/end": Row("barred/1/end", None, {"ended_at": "2026-11-24T11:00:00+09:00"}),
    "GET dedicated": Row("dedicated"),
    "PUT dedicated": Row("dedicated", {"number": "0335815111", "agent": "alice"}, {"number": "+81335815111"}),
    "POST dedicated/end": Row("dedicated/end", {"number": "03-3581-5111"}, status=204),
    "GET reports": Row("reports?since=2026-11-01&until=2026-11-24&line=shop", None, {"line": "shop"}),
    "GET reports/rows": Row("reports/rows?name=call&since=7d"),
    "GET reports/months": Row("reports/months"),
    "GET live": Row("live", None, {"engine": "dead"}),
    "GET health": Row("health", None, {"ready": False, "reason": "the engine has never reported", }),
    "GET openapi.json": Row("openapi.json", None, {"openapi": "3.1.0"}),
}  # fmt: skip


def name_of(method: str, path: str) -> str:
    return f"{method} {path.removeprefix('/api/v1/')}"


BEFORE = {
    "POST dedicated/end": ("PUT", TABLE["PUT dedicated"]),
    f"POST {ONE}/undo": ("POST", Row("callbacks/1000012/claim")),
    f"POST {ONE}/help-end": ("POST", TABLE[f"POST {ONE}/help"]),
    "DELETE lines/{line}/closings/{entry}": ("POST", TABLE["POST lines/{line}/closings"]),
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, transcriber_key="k" * 40)


@pytest.fixture
async def client(programs: Store, visitor: TestClient) -> TestClient:
    return visitor


async def send(client: TestClient, name: str, row: Row) -> tuple[int, Any, Any]:
    """Status, headers, what is answered."""
    method = name.partition(" ")[0]
    given = {} if row.body is None else {"json": row.body}
    headers = {**bearer(row.token), **row.headers}
    async with client.request(method, f"/api/v1/{row.path}", headers=headers, **given) as answer:
        told = await answer.json() if answer.content_type == "application/json" else None
        return answer.status, answer.headers, told


def test_every_request_has_a_row() -> None:
    assert TABLE.keys() == {name_of(one.method, one.path) for one in OPERATIONS}


@pytest.mark.parametrize("name", TABLE)
async def test_it_does_what_it_says_and_answers_what_the_document_says(client: TestClient, name: str) -> None:
    row = TABLE[name]
    if name in BEFORE:
        await send(client, *BEFORE[name])
    status, headers, told = await send(client, name, row)
    assert status == row.status, told
    if row.told is not None:
        assert {key: told[key] for key in row.told} == row.told
    document = await (await client.get("/api/v1/openapi.json")).json()
    method, _, path = name.partition(" ")
    response = document["paths"][f"/api/v1/{path}"][method.lower()]["responses"][str(status)]
    if told is not None:
        schema = response["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(told)
    if "headers" in response:
        assert headers["ETag"] == f'"{told["version"]}"'


def test_the_document_is_whole() -> None:
    """Every operation says in a sentence what it is for, and has a name of its own."""
    document = make_document(OPERATIONS)
    each = [one for methods in document["paths"].values() for one in methods.values()]
    assert len(each) == len(OPERATIONS) > 50
    assert len({one["operationId"] for one in each}) == len(each)
    assert [one["operationId"] for one in each if not one["summary"].endswith(".")] == []


async def test_every_route_of_the_application_is_in_the_document(client: TestClient) -> None:
    assert client.app is not None
    served = {
        (route.method, route.resource.canonical)
        for route in client.app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/")
        if route.method != "HEAD"  # of every GET
    }
    document = await (await client.get("/api/v1/openapi.json")).json()
    told = {(method.upper(), path) for path, each in document["paths"].items() for method in each}
    assert served == told


def raised_in(path: Path) -> Iterator[str]:
    """Ids of the conflicts that a file raises."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Conflict", "super().__init__"):
            yield from (ast.literal_eval(one.value) for one in node.keywords if one.arg == "id")


def test_every_conflict_has_an_id_that_is_documented() -> None:
    """Those of pages alone, which stand in ivr/web, never reach the API; what they share with it does."""
    pages = [path for path in (IVR / "web").rglob("*.py") if path.parent != IVR / "web" / "api"]
    raised = {id for path in IVR.rglob("*.py") if path not in pages for id in raised_in(path)}
    assert {"held", "state", "not_yours"} < raised
    assert raised - CONFLICTS.keys() == {"supervisor"}, "403"
