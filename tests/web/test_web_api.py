"""The API is a contract: its fields and answers come from the issue's text."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from sqlalchemy import update

from ivr.settings import Settings
from ivr.store.database import Store
from ivr.store.tables import MessageRow
from ivr.web.audio import inside
from tests.web.desk import ALICE_TOKEN, BOB_TOKEN, CALLBACKS, ROOT_TOKEN

pytestmark = pytest.mark.usefixtures("desk")

# What issue 1 promised; more may stand beside it.
FIRST = (
    *("ticket", "line", "state", "cause", "number", "name", "company", "addressee", "reply_wanted"),
    *("preferred_time", "matter", "path", "created_at", "due_at", "message"),
)
ALICE = {"Authorization": f"Bearer {ALICE_TOKEN}"}
BOB = {"Authorization": f"Bearer {BOB_TOKEN}"}
ROOT = {"Authorization": f"Bearer {ROOT_TOKEN}"}


async def get(client: TestClient, path: str, headers: dict[str, str] = ALICE) -> tuple[int, Any]:
    answer = await client.get(path, headers=headers, allow_redirects=False)
    assert answer.content_type == "application/json", await answer.text()
    return answer.status, await answer.json()


async def test_a_callback_has_the_fields_of_the_contract(visitor: TestClient) -> None:
    status, rows = await get(visitor, "/api/v1/callbacks")
    assert status == 200
    row = next(row for row in rows if row["ticket"] == "1000012")
    assert {name: row[name] for name in FIRST} == {
        "ticket": "1000012",
        "line": "ecforce",
        "state": "open",
        "cause": "busy",
        "number": "+81312345678",
        "name": None,
        "company": None,
        "addressee": None,
        "reply_wanted": None,
        "preferred_time": None,
        "matter": None,
        "path": ["welcome", "office", "menu", "#1", "product", "#2", "support", "busy_message"],
        "created_at": "2026-11-23T10:50:00+09:00",
        "due_at": "2026-11-24T10:50:00+09:00",
        "message": {
            "id": "m1000012",
            "duration": 12.4,
            "transcript": {
                "state": "done",
                "text": "ログインできません。田中です。折り返しお電話ください。",
                "model": "vosk-tiny-ja（試験用モデル）",
            },
        },
    }


async def test_what_is_due_first_comes_first(visitor: TestClient) -> None:
    _, rows = await get(visitor, "/api/v1/callbacks")
    due = [row["due_at"] for row in rows]
    assert due[-1] is None and due[:-1] == sorted(due[:-1])


async def test_what_is_unknown_is_null(visitor: TestClient) -> None:
    _, rows = await get(visitor, "/api/v1/callbacks")
    by_ticket = {row["ticket"]: row for row in rows}
    assert by_ticket["1000067"]["message"] is None
    assert by_ticket["1000067"]["reply_wanted"] is True
    assert by_ticket["1000045"]["number"] is None  # withheld
    assert by_ticket["1000045"]["message"]["transcript"] == {"state": "waiting", "text": None, "model": None}
    assert by_ticket["1000101"]["due_at"] is None


async def test_a_call_has_the_fields_of_the_contract(visitor: TestClient) -> None:
    status, rows = await get(visitor, "/api/v1/calls")
    assert status == 200
    assert [row["id"] for row in rows] == ["c3", "c2", "c1"]
    assert rows[2] == {
        "id": "c1",
        "line": "ecforce",
        "number": "+81312345678",
        "started_at": "2026-11-24T10:00:00+09:00",
        "ended_at": "2026-11-24T10:03:00+09:00",
        "path": ["welcome", "menu", "#1"],
        "outcome": "answered",
    }
    assert rows[1]["number"] is None
    assert rows[0]["ended_at"] is None


@pytest.mark.parametrize(("listing", "key", "total"), [("callbacks", "ticket", 14), ("calls", "id", 4)])
async def test_pages_by_cursor_give_every_row_once(
    visitor: TestClient, listing: str, key: str, total: int
) -> None:
    _, everything = await get(visitor, f"/api/v1/{listing}", ROOT)
    assert len(everything) == total
    seen: list[Any] = []
    while True:
        after = f"&after={seen[-1][key]}" if seen else ""
        _, page = await get(visitor, f"/api/v1/{listing}?limit=3{after}", ROOT)
        assert len(page) <= 3
        if not page:
            break
        seen += page
    assert seen == everything


async def test_lists_are_filtered_by_line_and_state(visitor: TestClient) -> None:
    _, rows = await get(visitor, "/api/v1/callbacks?line=sakura", ROOT)
    assert [row["ticket"] for row in rows] == ["2000015"]
    _, rows = await get(visitor, "/api/v1/callbacks?state=done")
    assert [row["ticket"] for row in rows] == ["1000112"]
    _, rows = await get(visitor, "/api/v1/calls?state=message")
    assert [row["id"] for row in rows] == ["c2"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("limit=0", "1 to 1000"),
        ("limit=1001", "1 to 1000"),
        ("limit=ten", "1 to 1000"),
        ("limit=-5", "1 to 1000"),
        ("limit=", "1 to 1000"),
        ("state=opne", "open, claimed"),
        ("lmit=5", "limit, after, line, state"),
        ("after=9999999", "last row"),
        ("after=2000015", "last row"),  # another tenant's looks like none
        ("line=", "leave it out"),
    ],
)
async def test_a_bad_value_says_what_to_write(visitor: TestClient, query: str, told: str) -> None:
    status, answer = await get(visitor, f"/api/v1/callbacks?{query}")
    assert (status, answer["status"], answer["error"]) == (400, 400, "bad_request")
    assert told in answer["detail"]
    assert answer["fields"] and told in answer["fields"][0]["problem"]


async def test_a_bad_outcome_and_a_foreign_call_are_refused(visitor: TestClient) -> None:
    status, answer = await get(visitor, "/api/v1/calls?state=open")
    assert status == 400 and "answered" in answer["detail"]
    status, _ = await get(visitor, "/api/v1/calls?after=c4")
    assert status == 400


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
@pytest.mark.parametrize("path", ["callbacks", "calls", "messages/m1000012/audio", "nothing"])
async def test_without_a_token_nothing_is_told(
    visitor: TestClient, path: str, header: dict[str, str]
) -> None:
    answer = await visitor.get(f"/api/v1/{path}", headers=header)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert set(await answer.json()) == {"status", "error", "detail"}


async def test_unknown_addresses_and_methods_are_json(visitor: TestClient) -> None:
    assert (await get(visitor, "/api/v1/nothing"))[0] == 404
    assert (await get(visitor, "/api/v1/messages/none/audio"))[0] == 404
    answer = await visitor.post("/api/v1/calls", headers=ALICE)
    assert answer.status == 405 and "GET" in answer.headers["Allow"]
    assert set(await answer.json()) == {"status", "error", "detail"}


async def test_a_tenant_sees_only_its_own(visitor: TestClient) -> None:
    _, rows = await get(visitor, "/api/v1/callbacks", ALICE)
    assert len(rows) == len(CALLBACKS) and {row["line"] for row in rows} == {"ecforce"}
    _, rows = await get(visitor, "/api/v1/callbacks", BOB)
    assert [row["ticket"] for row in rows] == ["2000015"]
    _, rows = await get(visitor, "/api/v1/calls", BOB)
    assert [row["id"] for row in rows] == ["c4"]
    _, rows = await get(visitor, "/api/v1/calls?line=ecforce", BOB)
    assert rows == []
    assert (await get(visitor, "/api/v1/messages/m1000012/audio", BOB))[0] == 404


async def test_audio_is_the_file_and_in_ranges(visitor: TestClient, settings: Settings) -> None:
    wav = (settings.recordings / "messages" / "m1000012.wav").read_bytes()
    answer = await visitor.get("/api/v1/messages/m1000012/audio", headers=ALICE)
    assert (answer.status, answer.content_type) == (200, "audio/wav")
    assert await answer.read() == wav
    answer = await visitor.get("/api/v1/messages/m1000012/audio", headers={**ALICE, "Range": "bytes=100-199"})
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes 100-199/{len(wav)}"
    assert await answer.read() == wav[100:200]


async def test_audio_outside_the_recordings_is_never_served(
    visitor: TestClient, desk: Store, settings: Settings
) -> None:
    secret = settings.data / "secrets.json"
    secret.write_text("{}")
    link = settings.recordings / "messages" / "link.wav"
    link.symlink_to(secret)
    for name in ("../secrets.json", str(secret), "messages/link.wav", "messages", ""):
        async with desk.write() as db:
            await db.execute(update(MessageRow).where(MessageRow.id == "m1000012").values(audio=name))
        assert (await get(visitor, "/api/v1/messages/m1000012/audio"))[0] == 404, name


async def test_audio_of_an_unfinished_recording_is_not_served(visitor: TestClient, desk: Store) -> None:
    async with desk.write() as db:
        await db.execute(update(MessageRow).where(MessageRow.id == "m1000012").values(state="recording"))
    status, answer = await get(visitor, "/api/v1/messages/m1000012/audio")
    assert status == 404 and "recording" in answer["detail"]


def test_a_file_inside_is_found(tmp_path: Path) -> None:
    (tmp_path / "messages").mkdir()
    (tmp_path / "messages" / "a.wav").touch()
    assert inside(tmp_path, "messages/a.wav") == (tmp_path / "messages" / "a.wav").resolve()
