"""A support desk on a Tuesday at 11:00, with callbacks of every cause and state, and another tenant."""

import math
import struct
import wave
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from ivr.store import callbacks, health, messages, stages, tokens, users
from ivr.store.database import Store
from ivr.store.dialplans import LiveLine, publish
from ivr.store.tables import CallRow
from tests.store import rows

NOW = datetime.fromisoformat("2026-11-24T11:00:00+09:00")
PASSWORD = "correct horse 電話"
# A check of it takes as long as its own parameters say: here no time.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
SESSION_KEY = b"0123456789abcdef0123456789abcdef"
ALICE_TOKEN = "alice-token-that-is-long-enough"
BOB_TOKEN = "bob-token-that-is-long-enough-too"
ROOT_TOKEN = "root-token-of-the-whole-machine-x"

OPEN_PATH = ["welcome", "office", "menu", "#1", "product", "#2", "support", "busy_message"]
CLOSED_PATH = ["welcome", "office", "closed_message"]

# ticket, state, cause, number, withheld, minutes to the due time, minutes since it came, more
CALLBACKS: list[tuple[str, str, str, str | None, str | None, int | None, int, dict[str, Any]]] = [
    ("1000012", "open", "busy", "+81312345678", None, -10, 1450,
     {"text": "ログインできません。田中です。折り返しお電話ください。", "seconds": 12.4}),
    ("1000023", "open", "closed", "+819012345678", None, 25, 900,
     {"text": "請求書の宛名を変更したいのですが、管理画面のどこから操作すればよいか分かりません。"
      "昨日も一度お電話したのですが、営業時間外とのことでした。午後三時までにご連絡いただけると助かります。"
      "株式会社山田商店の山田と申します。よろしくお願いいたします。", "seconds": 41.0, "path": CLOSED_PATH}),
    ("1000034", "claimed", "no_answer", "+815031859080", None, 90, 30, {"agent": "suzuki", "state": "working"}),
    ("1000045", "open", "busy", None, "anonymous", 370, 12, {"state": "waiting", "seconds": 8.0}),
    ("1000056", "open", "no_agent", "+81112001234", None, 385, 9,
     {"state": "failed", "reason": "音声認識モデルが見つかりません", "seconds": 20.0}),
    ("1000067", "open", "asked", "+818011112222", None, 1800, 5,
     {"message": False, "name": "佐藤 花子", "company": "株式会社さくら商店", "matter": "決済の設定について教えてほしい。",
      "reply_wanted": True, "preferred_time": "午後", "addressee": "山﨑", "path": ["welcome", "menu", "#2", "billing"]}),
    ("1000078", "working", "busy", "+819087654321", None, 2000, 300,
     {"text": "メールサーバーの設定で困っています。", "seconds": 6.1, "agent": "tanaka", "priority": "high"}),
    ("1000089", "waiting", "closed", None, "payphone", 2100, 200, {"text": "", "seconds": 3.0, "path": CLOSED_PATH}),
    ("1000090", "dialing", "no_answer", "+81612345678", None, 60, 100, {"text": "解約について。", "seconds": 4.0}),
    ("1000101", "open", "closed", "+81451234567", None, None, 4, {"state": "none", "seconds": 1.0, "path": CLOSED_PATH}),
    ("1000112", "done", "busy", "+81335551111", None, -100, 2000,
     {"text": "配送の設定を教えてください。", "seconds": 15.0, "done": 60, "result": "ご案内済み", "agent": "suzuki"}),
    ("1000123", "cancelled", "asked", "+819033334444", None, -200, 3000, {"message": False, "done": 500}),
    ("1000134", "unreachable", "no_agent", "+817044445555", None, -300, 4000,
     {"text": "至急お願いします。", "seconds": 5.0, "done": 700}),
]  # fmt: skip


async def fill(store: Store, recordings: Path) -> None:
    """Tenant `ecforce` (Alice) has all of CALLBACKS, tenant `sakura` (Bob) has one, `root` sees both."""
    (recordings / "messages").mkdir(parents=True, exist_ok=True)
    hashed = CHEAP.hash(PASSWORD)
    async with store.write() as db:
        for key, name in (("ecforce", "ecforceカスタマーサポート"), ("sakura", "さくらサポート")):
            await publish(db, LiveLine(key, key, name, (), "0" * 64, "{}"), at=NOW, by="test")
        for name, tenant, token in (
            ("alice", "ecforce", ALICE_TOKEN),
            ("bob", "sakura", BOB_TOKEN),
            ("root", None, ROOT_TOKEN),
        ):
            await users.add(db, name, hashed, tenant=tenant, at=NOW)
            await tokens.add(db, token, name=name, tenant=tenant, at=NOW)
        for ticket, state, cause, number, withheld, due, since, more in CALLBACKS:
            await add_callback(db, recordings, ticket, state, cause, number, withheld, due, since, more)
        await add_callback(
            db, recordings, "2000015", "open", "closed", "+819099990000", None, 30, 60,
            {"text": "さくらの秘密です。", "line": "sakura", "path": CLOSED_PATH, "seconds": 2.0},
        )  # fmt: skip
        _add_calls(db)
        await health.beat(db, "engine", NOW, ok=True, detail={})


async def add_callback(
    db: Any,
    recordings: Path,
    ticket: str,
    state: str,
    cause: str,
    number: str | None,
    withheld: str | None,
    due: int | None,
    since: int,
    more: dict[str, Any],
) -> None:
    created = NOW - timedelta(minutes=since)
    line, path = more.get("line", "ecforce"), more.get("path", OPEN_PATH)
    facts = {"line": line, "tenant": line, "cause": cause, "number": number, "withheld": withheld}
    message_id = f"m{ticket}" if more.get("message", True) else None
    if message_id is not None:
        audio = f"messages/{message_id}.wav"
        row = {"id": message_id, "call_id": None, "audio": audio, "origin": "engine", "created_at": created}
        await messages.intend(db, {**facts, **row})
        seconds = more.get("seconds", 4.0)
        ended = {"state": "stored", "ended_at": created, "ended_by": "hangup", "duration": seconds}
        await messages.stored(db, message_id, **ended)
        tone(recordings / audio, min(seconds, 3.0))
        await _transcript(db, message_id, more)
    kept = ("name", "company", "matter", "reply_wanted", "preferred_time", "addressee", "agent", "result")
    row = {
        "ticket": ticket, "state": state, "priority": more.get("priority", "medium"), "path": path,
        "branch": None if path == CLOSED_PATH else path[-2], "message_id": message_id, "created_at": created,
        "due_at": None if due is None else NOW + timedelta(minutes=due),
        "done_at": NOW - timedelta(minutes=more["done"]) if "done" in more else None,
        **{name: more[name] for name in kept if name in more},
    }  # fmt: skip
    assert await callbacks.insert(db, {**facts, **row}, who="system", at=created)


async def _transcript(db: Any, message_id: str, more: dict[str, Any]) -> None:
    row = await messages.get(db, message_id)
    if "text" in more:
        values = rows.transcript(more["text"], row.created_at)
        assert await stages.done(db, "transcript", message_id, values, row.created_at)
    elif more["state"] == "failed":
        await stages.failed(db, "transcript", message_id, reason=more["reason"], at=row.created_at)
    else:
        row.transcript_state = more["state"]
        await db.flush()


def _add_calls(db: Any) -> None:
    rows = (
        ("c1", "ecforce", "+81312345678", 60, 3, "answered"),
        ("c2", "ecforce", None, 50, 1, "message"),
        ("c3", "ecforce", "+819012345678", 1, None, "in_progress"),
        ("c4", "sakura", "+819099990000", 40, 2, "message"),
    )
    for call_id, line, number, ago, minutes, outcome in rows:
        started = NOW - timedelta(minutes=ago)
        db.add(
            CallRow(
                id=call_id, line=line, tenant=line, dialplan="0" * 64, number=number,
                withheld=None if number else "anonymous", dialled="+815031859080", engine="1",
                started_at=started, ended_at=None if minutes is None else started + timedelta(minutes=minutes),
                outcome=outcome, path=["welcome", "menu", "#1"],
            )
        )  # fmt: skip


def tone(file: Path, seconds: float) -> None:
    """8 kHz mono 16 bit, as a telephone records."""
    with wave.open(str(file), "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", ""))
        samples = (round(6000 * math.sin(i * 440 * math.tau / 8000)) for i in range(int(8000 * seconds)))
        wav.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
