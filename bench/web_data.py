"""A store as bench/web.py finds it: callbacks of two years, most of them handled, with messages, contacts and history."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from ivr import lines
from ivr.store import search, tokens, users
from ivr.store.database import Store
from ivr.store.dialplans import LiveLine, publish
from ivr.store.tables import CallbackEvent, CallbackRow, CallbackText, ContactRow, MessageRow
from ivr.web.auth.passwords import make_hash

DIALPLAN = Path(__file__).parent / "dialplans" / "bench.yaml"
AGENTS = tuple(f"agent{n:02}" for n in range(10))
PASSWORD = "bench password"
LINES = tuple((f"line{n}", f"窓口{n}") for n in range(4))
AT_ONCE = 5000
LEFT = 0.05  # of all callbacks are left to do, the newest
HISTORY = ("created", "claim", "dial", "result", "next", "lease_end", "claim", "dial", "answered", "done")
PEOPLE = [
    "佐藤",
    "鈴木",
    "髙橋",
    "田中",
    "渡邊",
    "伊藤",
    "山本",
    "中村",
    "小林",
    "加藤",
    "吉田",
    "𠮷野",
    "山﨑",
    "佐々木",
    "山口",
    "松本",
    "井上",
    "木村",
    "林",
    "斎藤",
]
FIRMS = [
    "株式会社さくら商店",
    "有限会社山田工業",
    "合同会社みどり",
    "髙島屋商事株式会社",
    "北海道水産株式会社",
]
MATTERS = (
    "請求書の宛名を変更したいのですが、管理画面のどこから操作すればよいか分かりません。",
    "ログインできません。パスワードを再設定しても、同じ画面に戻ってしまいます。",
    "配送の設定を教えてください。離島の送料だけを変えたいと思っています。",
    "解約の手続きについて伺いたいのですが、契約の更新日はいつになりますでしょうか。",
    "メールサーバーの設定で困っています。DNSの値をもう一度教えていただけますか。",
    "昨日お電話した件ですが、その後どうなりましたでしょうか。折り返しお電話ください。",
)


def _text(chance: random.Random, name: str, number: str) -> str:
    said = " ".join(chance.sample(MATTERS, 2))
    return f"{name}と申します。{said}番号は{number}です。よろしくお願いいたします。"


def _callback(n: int, left: bool, chance: random.Random, now: datetime) -> dict[str, Any]:
    created = (
        now - timedelta(minutes=chance.randrange(5, 3000)) if left else now - timedelta(minutes=10 * (n + 1))
    )
    due = now + timedelta(minutes=chance.randrange(60, 5000)) if left else created + timedelta(hours=4)
    state = chance.choice(("open", "open", "open", "claimed", "working", "waiting")) if left else "done"
    name = f"{chance.choice(PEOPLE)} {chance.choice('一二三四五六七八九')}郎"
    line = LINES[n % len(LINES)][0]
    return {
        "ticket": f"{1000000 + n}", "line": line, "tenant": "bench", "state": state, "priority": "medium",
        "cause": chance.choice(("busy", "closed", "no_answer", "asked")), "number": f"+8190{n:08}", "name": name,
        "company": chance.choice(FIRMS) if n % 3 == 0 else None, "path": ["welcome", "menu", "#1", "support"],
        "branch": chance.choice(("support", "billing", None)), "message_id": f"m{n}" if n % 5 < 3 else None,
        "matter": None if n % 5 < 3 else chance.choice(MATTERS), "contacts": 1, "created_at": created, "due_at": due,
        "begun_at": None if left else created, "done_at": None if left else created + timedelta(hours=2),
        "agent": None if state == "open" else chance.choice(AGENTS), "attempts": 0, "version": 0,
    }  # fmt: skip


def _message(row: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    number = "0" + str(row["number"]).removeprefix("+81")
    text = _text(chance, row["name"], number)
    words = [
        {"word": text[at : at + 3], "start": at / 5, "end": at / 5 + 0.5, "conf": 0.9}
        for at in range(0, 90, 3)
    ]
    return {
        "id": row["message_id"], "line": row["line"], "tenant": "bench", "cause": row["cause"], "number": row["number"],
        "audio": f"messages/{row['message_id']}.wav", "state": "stored", "origin": "engine", "duration": 30.0,
        "created_at": row["created_at"], "transcript_state": "done", "transcript_text": text,
        "transcript_words": words, "peaks": [0.5] * 200, "audio_state": "done", "reading_state": "done",
        "reading": {"text": text, "pieces": [], "suggestions": []},
    }  # fmt: skip


def _contact(row: dict[str, Any]) -> dict[str, Any]:
    shared = ("ticket", "tenant", "line", "cause", "number", "name", "company", "path", "branch", "priority")
    more = {
        "told_ticket": row["ticket"],
        "source": "message" if row["message_id"] else "key",
        "told_at": row["created_at"],
    }
    return {name: row[name] for name in (*shared, "due_at", "created_at", "message_id", "matter")} | more


def _events(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for minute, what in enumerate(HISTORY):
        at = row["created_at"] + timedelta(minutes=minute)
        yield {"ticket": row["ticket"], "at": at, "who": AGENTS[minute], "what": what, "told_at": at}


async def fill(store: Store, callbacks: int, now: datetime) -> None:
    """As many callbacks of one company, ten events each, and ten agents with a token each, as they are named."""
    chance = random.Random(1)
    hashed = make_hash(PASSWORD)
    async with store.write() as db:
        for key, name in LINES:
            source = DIALPLAN.read_text("utf-8").replace("ベンチマーク", name)
            digest = lines.LiveLine.read(key, source).dialplan.hash
            await publish(db, LiveLine(key, "bench", name, (), digest, source), at=now, by="bench")
        for name in AGENTS:
            await users.add(db, name, hashed, tenant="bench", at=now)
            await tokens.add(db, f"token-of-{name}-that-is-long-enough", name=name, tenant="bench", at=now)
    for first in range(0, callbacks, AT_ONCE):
        # The oldest first, as they came.
        rows = [
            _callback(n, n < callbacks * LEFT, chance, now)
            for n in reversed(range(callbacks - first - AT_ONCE, callbacks - first))
        ]
        messages = [_message(row, chance) for row in rows if row["message_id"]]
        heard = {message["id"]: message["transcript_text"] for message in messages}
        fields = ("ticket", "number", "name", "company", "matter")
        texts = [
            {
                "ticket": row["ticket"],
                "tenant": "bench",
                "text": search.together([*(row[name] for name in fields), heard.get(row["message_id"])]),
            }
            for row in rows
        ]
        async with store.write() as db:
            await db.execute(insert(MessageRow), messages)
            await db.execute(insert(CallbackRow), rows)
            await db.execute(insert(ContactRow), [_contact(row) for row in rows])
            await db.execute(insert(CallbackText), texts)
            await db.execute(insert(CallbackEvent), [event for row in rows for event in _events(row)])
