"""Two companies as programs see them: `shop` with callbacks, messages, agents and tokens, and `sakura`, which is next door."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.callbacks import lists
from ivr.callbacks.who import Who
from ivr.settings import Settings
from ivr.store import agents, alarms, audit, closures, contacts, dials, messages, tokens, users
from ivr.store.database import Store
from ivr.store.tables import CallbackRow, CallRow
from tests.web.desk import CALLBACKS, CHEAP, CLOSED_PATH, NOW, PASSWORD, add_callback, tone

AGENT, BOSS, NEXT_DOOR, ROOT = (f"token-of-{name}-that-is-long" for name in ("alice", "sam", "dave", "root"))
# token, name, company, role
TOKENS = (
    (AGENT, "alice", "shop", "agent"),
    (BOSS, "sam", "shop", "supervisor"),
    (NEXT_DOOR, "dave", "sakura", "admin"),
    (ROOT, "root", None, "admin"),
)
WIN = Who("sam", "shop", supervisor=True)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def furnish(store: Store, settings: Settings) -> None:
    """Upon `tests.web.lines.open_office`."""
    recordings = settings.recordings
    (recordings / "messages").mkdir(parents=True, exist_ok=True)
    hashed = CHEAP.hash(PASSWORD)
    async with store.write() as db:
        for name, role in (("erin", "agent"), ("frank", "supervisor")):
            await users.add(db, name, hashed, tenant="sakura", at=NOW, role=role)  # type: ignore[arg-type]
        for token, name, tenant, role in TOKENS:
            await tokens.add(db, token, name=name, tenant=tenant, at=NOW, role=role)  # type: ignore[arg-type]
        for ticket, state, cause, number, withheld, due, since, more in CALLBACKS:
            more = {**more, "line": "shop"}
            await add_callback(db, recordings, ticket, state, cause, number, withheld, due, since, more)
        await add_callback(
            db, recordings, "2000015", "open", "closed", "+819099990000", None, 30, 60,
            {"text": "さくらの秘密です。", "line": "sakura", "path": CLOSED_PATH, "seconds": 2.0,
             "name": "秘田 密子", "company": "秘密商会"},
        )  # fmt: skip
        await _contacts(db)
        await _held_by_sam(db)
        for name, tenant in (("alice", "shop"), ("keisuke", "shop"), ("sam", "shop"), ("dave", "sakura")):
            await agents.add(
                db, name, groups=["support"], endpoint=f"PJSIP/{name}", secret="x", at=NOW, tenant=tenant
            )
        for number in ("+81312345678", "+819012345678"):
            await lists.ask(db, "incoming", number, tenant="shop", who=WIN, reason="迷惑電話", now=NOW)
        await dials.add(
            db,
            {"tenant": "shop", "line": "shop", "number": "+819087654321", "ticket": "1000078", "agent": "tanaka",
             "by_hand": False, "key": "k1", "began_at": NOW - timedelta(hours=1), "ended_at": NOW, "outcome": "reached"},
        )  # fmt: skip
        tone(recordings / "messages" / "quiet.wav", 1.0)
        facts = {"line": "shop", "tenant": "shop", "cause": "busy", "number": None, "withheld": None}
        row = {"id": "quiet", "call_id": None, "audio": "messages/quiet.wav", "origin": "engine"}
        await messages.intend(db, {**facts, **row, "created_at": NOW})
        await messages.stored(
            db, "quiet", state="silent", ended_at=NOW, ended_by="hangup", duration=1.0, kind="tone"
        )
        await alarms.raise_(db, "dialplan:shop", "誤りのあるコールフロー", tenant="shop", at=NOW)
        later = NOW + timedelta(days=3)
        await closures.add(db, "shop", begins=later, ends=None, reason="棚卸し", by="carol", at=NOW)
        await audit.note(
            db, who="carol", tenant="shop", what="view", kind="callback", about="1000012", at=NOW
        )
        for call, line, number in (
            ("1700000000.1", "shop", "+81355556666"),
            ("1700000000.2", "shop", "+81355556666"),
            ("1700000000.9", "sakura", "+819099990000"),
        ):
            db.add(
                CallRow(
                    id=call, line=line, tenant=line, dialplan="0" * 64, number=number, withheld=None,
                    dialled="+815031859080", engine="1", started_at=NOW, ended_at=NOW, outcome="message",
                    path=["welcome"],
                )
            )  # fmt: skip


async def _held_by_sam(db: AsyncSession) -> None:
    """One that he has, one that he works on, one that is offered to him, one without a reply."""
    for ticket, changes in (
        ("1000023", {"state": "claimed", "agent": "sam", "lease_until": NOW + timedelta(hours=1)}),
        ("1000078", {"agent": "sam"}),
        ("1000034", {"offered_to": "sam"}),
        ("1000045", {"reply_wanted": False}),
    ):
        row = await db.get_one(CallbackRow, ticket)
        for name, value in changes.items():
            setattr(row, name, value)
    await db.flush()


async def _contacts(db: AsyncSession) -> None:
    """Each callback was asked for once, 1000012 twice."""
    names = ("tenant", "line", "cause", "number", "withheld", "name", "company", "matter", "priority")
    for ticket in ("1000012", *(row[0] for row in CALLBACKS), "2000015"):
        row = await db.get_one(CallbackRow, ticket)
        again = {} if ticket != "1000012" else {"message_id": None}
        about = {name: getattr(row, name) for name in (*names, "message_id", "path", "due_at", "created_at")}
        if ticket == "1000012" and not await contacts.of_ticket(db, ticket):
            about |= again
        await contacts.add(db, {**about, "ticket": ticket, "told_ticket": ticket, "source": "message"})
