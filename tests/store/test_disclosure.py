"""Requests for disclosure: all of a number and nothing of anybody else's, written out or deleted."""

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ivr.clock import offset_for
from ivr.disclosure import admin
from ivr.disclosure.find import find, read_number
from ivr.errors import BadArgument, Conflict, NotFound
from ivr.settings import Settings, load
from ivr.store import callbacks, calls, messages, stages
from ivr.store.database import Store
from ivr.store.tables import (
    Base,
    CallbackEvent,
    CallbackRow,
    CallRow,
    ContactRow,
    Deletion,
    Delivery,
    DialRow,
    MessageRow,
)
from tests.store.rows import NOON, after, call, callback, message, transcript

NUMBER, OTHER = "+819012345678", "+819099998888"
SOUND = b"RIFF the voice"


@pytest.fixture
def settings(url: str, tmp_path: Path) -> Settings:
    offset = offset_for(NOON + timedelta(days=3))
    set_ = {"IVR_DATA": str(tmp_path), "IVR_DATABASE": url, "IVR_CONFIG": "", "IVR_CLOCK_OFFSET": str(offset)}
    made = load(set_)
    made.messages.mkdir(parents=True)
    return made


async def visited(
    store: Store,
    settings: Settings,
    id: str,
    *,
    number: str = NUMBER,
    tenant: str = "ecforce",
    state: str = "done",
) -> None:
    """A call with a message, its text, a callback and a notice."""
    about = {"number": number, "tenant": tenant, "line": tenant}
    (settings.messages / f"m{id}.wav").write_bytes(SOUND)
    async with store.write() as session:
        await calls.save(
            session, [call(f"c{id}", **about, ended_at=after(60), outcome="message", state=None)]
        )
        await messages.intend(session, message(f"m{id}", call_id=f"c{id}", **about))
        await messages.stored(session, f"m{id}", state="stored", ended_at=NOON, ended_by="key", duration=3.0)
        text = transcript("ログインできません 田中 です", NOON)
        await stages.done(session, "transcript", f"m{id}", text, NOON)
        row = callback(f"10{id}", **about, state=state, message_id=f"m{id}", call_id=f"c{id}", name="田中")
        session.add(CallbackRow(**row, result="ご案内済み", created_at=NOON))
        await session.flush()
        told = {"told_ticket": f"10{id}", "source": "message", "matter": "ログイン", "created_at": NOON}
        told |= {name: row[name] for name in ("ticket", "cause", "priority", "path", "call_id", "message_id")}
        session.add(ContactRow(**about, **told))
        session.add(CallbackEvent(ticket=f"10{id}", at=NOON, who="sato", what="done", why="田中様に連絡済み"))
        session.add(
            DialRow(ticket=f"10{id}", **about, agent="sato", by_hand=False, key=f"d{id}", began_at=NOON)
        )
        session.add(
            Delivery(
                tenant=tenant, line=tenant, event="callback", subject=f"10{id}", message_id=f"m{id}",
                channel="mail", target="desk@example.co.jp", state="sent", attempts=1, key=f"k{id}",
                data={"include": []}, answer="250 ok", created_at=NOON,
            )
        )  # fmt: skip


async def everything(store: Store) -> str:
    """All that the database holds, as text."""
    found = []
    async with store.read() as session:
        for table in Base.metadata.sorted_tables:
            found += [str(tuple(row)) for row in await session.execute(select(table))]
    return "\n".join(found)


async def remove(settings: Settings, number: str = "090-1234-5678", **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "tenant": None,
        "by": "sato",
        "why": "本人の請求",
        "cancel_open": False,
        "dry_run": False,
    }
    return await admin.delete(settings, number, **{**given, **more})


@pytest.mark.parametrize(
    "written",
    ["090-1234-5678", "09012345678", "+81 90 1234 5678", "+8190-1234-5678", "８１９０１２３４５６７８",
     "０９０－１２３４－５６７８", "＋８１ ９０ １２３４ ５６７８", " 090 (1234) 5678 ", "186-090-1234-5678"],
)  # fmt: skip
def test_a_number_as_people_write_it(written: str) -> None:
    assert read_number(written) == NUMBER


@pytest.mark.parametrize("written", ["", "田中", "1234", "+", "090"])
def test_what_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(BadArgument, match="no telephone number"):
        read_number(written)


async def test_all_of_it_is_written_out(store: Store, settings: Settings, tmp_path: Path) -> None:
    await visited(store, settings, "01")
    await visited(store, settings, "02", number=OTHER)
    into = tmp_path / "request"
    counts = await admin.export(settings, "090-1234-5678", into, tenant=None)
    assert {name: counts[name] for name in ("calls", "messages", "callbacks", "contacts", "recordings")} == {
        "calls": 1, "messages": 1, "callbacks": 1, "contacts": 1, "recordings": 1
    }  # fmt: skip
    assert (into / "audio" / "m01.wav").read_bytes() == SOUND
    assert [path.name for path in (into / "audio").iterdir()] == ["m01.wav"]
    data = json.loads((into / "data.json").read_text("utf-8"))
    assert data["messages"][0]["transcript_text"] == "ログインできません 田中 です"
    assert (data["contacts"][0]["matter"], data["events"][0]["why"]) == ("ログイン", "田中様に連絡済み")
    whole = "".join(path.read_text("utf-8") for path in into.glob("*.*"))
    assert OTHER not in whole and "090-9999-8888" not in whole and "m02" not in whole
    with (into / "callbacks.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["受付番号"], row["電話番号"], row["お名前"]) == ("1001", "090-1234-5678", "田中")
    assert (row["状態"], row["受付"]) == ("対応済み", "2026-11-24 12:00:00")
    assert into.stat().st_mode & 0o077 == 0
    with pytest.raises(Conflict, match="is not empty"):
        await admin.export(settings, "090-1234-5678", into, tenant=None)


async def test_a_cell_is_no_formula(store: Store, settings: Settings, tmp_path: Path) -> None:
    await visited(store, settings, "01")
    async with store.write() as session:
        (await callbacks.get(session, "1001")).name = '=HYPERLINK("http://example.com")'
    await admin.export(settings, NUMBER, tmp_path / "request", tenant=None)
    text = (tmp_path / "request" / "callbacks.csv").read_text("utf-8-sig")
    assert "'=HYPERLINK" in text


async def test_hundreds_of_rows(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.disclosure.find.AT_ONCE", 100)  # what is asked of the database at once
    monkeypatch.setattr("ivr.disclosure.delete.AT_ONCE", 100)
    ended: dict[str, Any] = {"state": "stored", "ended_at": NOON, "ended_by": "key", "duration": 1.0}
    async with store.write() as session:
        for number in range(210):
            await calls.save(session, [call(f"c{number}", ended_at=after(60), state=None)])
            await messages.intend(session, message(f"m{number}", call_id=f"c{number}"))
            await messages.stored(session, f"m{number}", **ended)
            (settings.messages / f"m{number}.wav").write_bytes(SOUND)
    counts = await admin.export(settings, NUMBER, tmp_path / "request", tenant=None)
    assert (counts["calls"], counts["messages"], counts["recordings"]) == (210, 210, 210)
    made = await remove(settings)
    assert (made["audio"], made["numbers"]) == (210, 420)
    assert list(settings.messages.iterdir()) == []


async def test_what_is_deleted_is_nowhere(store: Store, settings: Settings) -> None:
    await visited(store, settings, "01")
    await visited(store, settings, "02", number=OTHER)
    before = await everything(store)
    assert NUMBER in before and before.count("田中") >= 6
    planned = await remove(settings, dry_run=True)
    assert (planned["calls"], planned["messages"], planned["callbacks"]) == (1, 1, 1)
    assert await everything(store) == before, "a dry run changes nothing"
    await remove(settings)
    left = await everything(store)
    assert NUMBER not in left and "9012345678" not in left
    assert left.count("田中") == before.count("田中") // 2, "what is another caller's stays"
    assert [path.name for path in settings.messages.iterdir()] == ["m02.wav"]
    async with store.read() as session:
        kept = await session.get(CallRow, "c01")
        row = await session.get(MessageRow, "m01")
        proofs = (await session.scalars(select(Deletion))).all()
    assert kept is not None and (kept.number, kept.outcome) == (None, "message")
    assert row is not None and row.transcript_reason == "お客様のご依頼により削除しました（2026年11月27日）"
    assert {(proof.by, proof.why) for proof in proofs} == {("sato", "本人の請求")}
    assert sorted(proof.kind for proof in proofs) == [
        "audio", "call", "callback", "delivery", "number", "number", "text"
    ]  # fmt: skip
    with pytest.raises(NotFound):
        await remove(settings)


async def test_a_dry_run_tells_what_is_there_and_what_is_in_the_way(store: Store, settings: Settings) -> None:
    await visited(store, settings, "01", state="open")
    planned = await remove(settings, dry_run=True)
    assert (planned["calls"], planned["messages"], planned["callbacks"]) == (1, 1, 1)
    assert "--cancel-open" in planned["in_the_way"]
    planned = await remove(settings, dry_run=True, cancel_open=True)
    assert len(planned["to_cancel"]) == 1 and "in_the_way" not in planned


@pytest.mark.parametrize("state", ["open", "claimed", "working", "waiting"])
async def test_an_open_callback_is_asked_about(store: Store, settings: Settings, state: str) -> None:
    await visited(store, settings, "01", state=state)
    with pytest.raises(Conflict, match=r"callback 1001 is still to be rung back; .*--cancel-open"):
        await remove(settings)
    assert "田中" in await everything(store)
    made = await remove(settings, cancel_open=True)
    assert made["cancelled"] == ["1001"]
    async with store.read() as session:
        row = await callbacks.get(session, "1001")
    assert (row.state, row.number, row.name) == ("cancelled", None, None)
    assert "田中" not in await everything(store)


@pytest.mark.parametrize("state", ["dialing", "talking"])
async def test_nobody_is_cut_off(store: Store, settings: Settings, state: str) -> None:
    await visited(store, settings, "01", state=state)
    with pytest.raises(Conflict, match="on the telephone for callback 1001"):
        await remove(settings, cancel_open=True)


async def test_not_while_the_caller_is_on_the_line(store: Store, settings: Settings) -> None:
    await visited(store, settings, "01")
    async with store.write() as session:
        await calls.save(session, [call("c2")])
    with pytest.raises(Conflict, match="on the line now"):
        await remove(settings)


async def test_what_somebody_else_asked_is_neither_deleted_nor_told_with_it(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    await visited(store, settings, "01")
    async with store.write() as session:
        mine = (await session.scalars(select(ContactRow))).one()
        facts = {
            name: getattr(mine, name) for name in ("tenant", "line", "source", "cause", "path", "priority")
        }
        facts |= {"ticket": "1001", "told_ticket": "1002", "created_at": NOON}
        session.add(ContactRow(**facts, number=OTHER, name="鈴木"))
    with pytest.raises(Conflict, match="somebody else's request was merged into callback 1001"):
        await remove(settings)
    with pytest.raises(Conflict, match="somebody else's request was merged into callback 1001"):
        await admin.export(settings, NUMBER, tmp_path / "out", tenant=None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("why", ["090-1234-5678 の方", "number 9012345678", "０９０１２３４５６７８"])
async def test_the_proof_holds_no_number(store: Store, settings: Settings, why: str) -> None:
    await visited(store, settings, "01")
    with pytest.raises(BadArgument, match="must not hold the number"):
        await remove(settings, why=why)


async def test_each_company_answers_for_itself(store: Store, settings: Settings, tmp_path: Path) -> None:
    await visited(store, settings, "01")
    await visited(store, settings, "02", tenant="sakura")
    with pytest.raises(
        Conflict, match="several companies know this number: ecforce, sakura; say with --tenant"
    ):
        await admin.export(settings, NUMBER, tmp_path / "all", tenant=None)
    counts = await admin.export(settings, NUMBER, tmp_path / "sakura", tenant="sakura")
    assert (counts["calls"], counts["messages"]) == (1, 1)
    assert "ecforce" not in (tmp_path / "sakura" / "data.json").read_text("utf-8")
    await remove(settings, tenant="sakura")
    async with store.read() as session:
        assert (await find(session, NUMBER, "ecforce")).counts()["messages"] == 1
    with pytest.raises(NotFound, match='by "sakura"'):
        await remove(settings, tenant="sakura")


async def test_the_proofs_are_listed(store: Store, settings: Settings) -> None:
    await visited(store, settings, "01")
    await remove(settings)
    rows = await admin.proofs(settings, limit=9, line="ecforce", subject="m01")
    (proof,) = [row for row in rows if row["kind"] == "audio"]
    # printf 'RIFF the voice' | sha256sum
    assert proof["sha256"] == "978423e8e1ed1350d80caca1bcd9e6e0b48d177bd78643e6d616c6b787bad46f"
    assert (proof["of"], proof["by"], proof["why"]) == ("m01", "sato", "本人の請求")
    assert str(proof["at"]).startswith("2026-11-27T12:00")
