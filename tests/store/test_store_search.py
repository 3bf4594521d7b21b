"""What is looked for is found as Japanese write it, at once after it was written, and never after it was deleted."""

import pytest

from ivr.call import CallbackPromise
from ivr.callbacks import asking, edits, merging
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.who import SYSTEM, Who
from ivr.store import callbacks, contacts, deletions, messages, search, stages
from ivr.store.database import Store
from ivr.store.deletions import Cause
from ivr.store.tables import CallbackRow
from tests.store import rows
from tests.store.rows import NOON

AIKO = Who("aiko", "ecforce")
CAUSE = Cause(NOON, "retention", "after 30 days", "削除されました")


async def ask(store: Store, request: str, tenant: str = "ecforce", **said: str | None) -> str:
    facts = {"line": tenant, "tenant": tenant, "cause": "busy", "number": None, "received_at": NOON, **said}
    promise = CallbackPromise("medium", "1h", None)
    async with store.write() as db:
        about = MessageFacts(id=request, **facts)  # type: ignore[arg-type]
        return await asking.create_for_request(db, request, about, promise, None, NOON)


async def found(store: Store, text: str, tenant: str | None = "ecforce") -> list[str]:
    async with store.read() as db:
        return list(await search.latest(db, text, tenant))


@pytest.mark.parametrize(
    ("written", "sought"),
    [
        ("山﨑 花子", "山崎花子"), ("山崎", "山﨑"), ("髙橋", "高橋"), ("高橋", "髙橋"), ("𠮷野", "吉野"), ("吉野", "𠮷野"),
        ("𠮷野", "𠮷"), ("渡邊", "渡辺"), ("渡邉", "渡邊"), ("齋藤", "斉藤"), ("サクラ商店", "ｻｸﾗ"), ("さくら商店", "サクラ"),
        ("ＥＣ　ｆｏｒｃｅ", "ec force"), ("葛󠄀西", "葛西"), ("パスワードを、忘れました。", "パスワードを忘れ"),
    ],
)  # fmt: skip
async def test_forms_of_letters_make_no_difference(store: Store, written: str, sought: str) -> None:
    ticket = await ask(store, "a", name=written)
    await ask(store, "b", name="鈴木")
    assert await found(store, sought) == [ticket]
    async with store.read() as db:
        assert (await callbacks.get(db, ticket)).name == written, "what is kept stays as it was written"


@pytest.mark.parametrize(
    "sought", ["090-1234-5678", "09012345678", "+819012345678", "０９０ー１２３４ー５６７８", "1234-5678"]
)
async def test_a_number_is_found_as_people_write_it(store: Store, sought: str) -> None:
    ticket = await ask(store, "a", number="+819012345678")
    await ask(store, "b", number="+819012340000")
    assert await found(store, sought) == [ticket]


async def test_nothing_is_found_across_two_fields_or_tenants(store: Store) -> None:
    ticket = await ask(store, "a", company="山田", name="花子")
    await ask(store, "b", tenant="sakura", company="山田")
    assert await found(store, "田花") == []
    assert await found(store, "山田") == [ticket]
    assert len(await found(store, "山田", None)) == 2
    assert await found(store, "%") == await found(store, "_") == [], "no sign stands for others"


async def test_what_is_changed_is_found_as_it_is_now(store: Store) -> None:
    ticket = await ask(store, "a", name="田中", matter="請求書の件")
    async with store.write() as db:
        await edits.edit(db, ticket, {"name": "棚橋"}, who=AIKO, now=NOON)
        await edits.memo(db, ticket, "返金を約束した", who=AIKO, now=NOON)
    assert await found(store, "棚橋") == await found(store, "返金") == [ticket]
    assert await found(store, "田中") == [ticket], "the customer said it so"


async def test_the_words_of_a_message_are_found_from_the_transcript_on(store: Store) -> None:
    async with store.write() as db:
        await messages.intend(db, rows.message("m1"))
        await messages.stored(db, "m1", state="stored", ended_at=NOON, ended_by="hangup", duration=3.0)
        facts = MessageFacts(
            id="m1", line="ecforce", tenant="ecforce", cause="busy", number=None, received_at=NOON
        )
        promise = CallbackPromise("medium", "1h", None)
        ticket = await asking.create_for_message(db, facts, promise, None, NOON)
    assert await found(store, "解約") == []
    async with store.write() as db:
        assert await stages.done(db, "transcript", "m1", rows.transcript("会約 したい", NOON), NOON)
    assert await found(store, "会約したい") == [ticket]
    async with store.write() as db:
        assert await messages.correct(db, "m1", "解約したい", by="aiko", at=NOON)
    assert await found(store, "解約") == [ticket]
    assert await found(store, "会約") == []
    async with store.write() as db:
        assert await deletions.texts(db, [], 10, CAUSE) == 1
    assert await found(store, "解約") == []


async def test_merged_tickets_are_one_and_split_ones_two(store: Store) -> None:
    first = await ask(store, "a", number="+819012345678", company="甲社", matter="配送")
    second = await ask(store, "b", number="+819012345678", company="乙社", matter="請求")
    async with store.write() as db:
        await merging.merge(db, second, into=first, who=SYSTEM, now=NOON)
    for word in ("配送", "請求", "乙社", first, second):
        assert await found(store, word) == [first], word
    async with store.write() as db:
        _, asked = await contacts.of_ticket(db, first)
        made = await merging.split(db, first, [asked.id], who=SYSTEM, now=NOON)
    assert made == second
    assert await found(store, "請求") == [second]
    assert await found(store, "配送") == [first]


async def test_nothing_deleted_is_found(store: Store) -> None:
    ticket = await ask(store, "a", number="+819012345678", name="田中", matter="請求書")
    where = [CallbackRow.ticket == ticket]
    async with store.write() as db:
        assert await deletions.remarks(db, where, 10, CAUSE) == 1
    assert await found(store, "田中") == await found(store, "請求書") == []
    assert await found(store, "090-1234") == [ticket]
    async with store.write() as db:
        assert await deletions.callback_numbers(db, where, 10, CAUSE) == 1
    assert await found(store, "090-1234") == []
    assert await found(store, ticket) == [ticket]
