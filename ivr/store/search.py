"""Callbacks found by any part of what is known of them, as Japanese write it.

One narrow row a ticket holds the text in a plain form; it is written in the transaction that changes what it is made
of. Numbers stand there as people dial them, without hyphens.
"""

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import JSON, ColumnElement, Select, cast, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ivr.store.tables import AliasRow, CallbackEvent, CallbackRow, CallbackText, ContactRow, MessageRow
from ivr.store.upsert import dialect_of, insert

# Another form of a letter in names, which NFKC leaves alone -> the usual one. Only for finding; what is kept stays as it
# was written.
_FORMS: Final = (
    "崎﨑嵜 高髙 吉𠮷 浜濱濵 辺邊邉 斉斎齋齊 沢澤 桜櫻 広廣 徳德 瀬瀨 国國 真眞 恵惠 竜龍 島嶋嶌 富冨 学學 実實 栄榮 円圓 浅淺 槙槇 "
    "万萬 条條 寿壽 弥彌 豊豐 関關 黒黑 柳栁 船舩 凛凜 曽曾 蔵藏 塩鹽 滝瀧 館舘 巌巖 静靜 渕淵 隆隆 博愽 橋槗 来來 亀龜 児兒 宝寳寶 "
    "遥遙 祢禰 穂穗 緑綠 郎郞 暁曉 為爲 礼禮 尭堯 与與 誉譽 駅驛 剣劍劔 県縣 峰峯 松枩 野埜 薮藪 桧檜 鉄鐵 会會 増增 福福 社社 祐祐"
)
_USUAL: Final = {ord(other): forms[0] for forms in _FORMS.split() for other in forms[1:]}
_KANA: Final = {code: code - 0x60 for code in range(ord("ァ"), ord("ヶ") + 1)}  # katakana as hiragana
_NOTHING: Final = dict.fromkeys(
    [*map(ord, "、。,.・!?「」『』()[]"), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)  # marks, and the selectors of a letter's variants
_PLAIN: Final = {**_USUAL, **_KANA, **_NOTHING}
_FIELDS: Final = ("number", "name", "company", "addressee", "member", "matter", "email")
FOUND_BY: Final = frozenset({*_FIELDS, "result", "message_id"})  # columns of a callback
_NUMBER: Final = re.compile(r"\+?[\d\-‐–—−ー() ]*\d[\d\-‐–—−ー() ]*")


def plain(text: str) -> str:
    """Width, case, kana, blanks, marks and forms of a letter make no difference."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().translate(_PLAIN).split())


def sought(text: str) -> str:
    """In the plain form; a telephone number without what stands between its digits."""
    wide = unicodedata.normalize("NFKC", text).strip()
    return _dialled(wide) if _NUMBER.fullmatch(wide) else plain(wide)


def _dialled(number: str) -> str:
    digits = "".join(re.findall(r"\d", number))
    return "0" + digits.removeprefix("81") if number.startswith("+81") else digits


MANY: Final = 1000


def holds(session: AsyncSession, text: str) -> ColumnElement[bool]:
    """Of a row of CallbackText; `text` as people write it."""
    found: ColumnElement[bool] = _place(session, text) > 0
    return found


def held_by(session: AsyncSession, text: str) -> ColumnElement[bool]:
    """The same of a CallbackRow. Its text is looked up by its number, also where PostgreSQL would read all texts through."""
    theirs = select(_place(session, text)).where(CallbackText.ticket == CallbackRow.ticket)
    found: ColumnElement[bool] = theirs.correlate(CallbackRow).scalar_subquery() > 0
    return found


def _place(session: AsyncSession, text: str) -> ColumnElement[int]:
    find = func.instr if dialect_of(session) == "sqlite" else func.strpos
    return find(CallbackText.text, sought(text))


async def latest(session: AsyncSession, text: str, tenant: str | None) -> Sequence[str]:
    """Tickets, the latest first, at most MANY; reads the narrow table through if it must."""
    query = select(CallbackText.ticket).where(holds(session, text))
    if tenant is not None:
        query = query.where(CallbackText.tenant == tenant)
    return (await session.scalars(query.order_by(CallbackText.id.desc()).limit(MANY))).all()


def among(session: AsyncSession, tickets: Sequence[str]) -> ColumnElement[bool]:
    """Of a CallbackRow. One parameter for all: to write a thousand into a query takes longer than its answer."""
    every: Any = (
        func.json_each(json.dumps(list(tickets)))
        if dialect_of(session) == "sqlite"
        else func.json_array_elements_text(cast(list(tickets), JSON))
    )
    return CallbackRow.ticket.in_(select(every.table_valued("value").c.value))


async def keep(session: AsyncSession, *tickets: str) -> None:
    """These tickets are found by what they hold now; in the transaction that changes it."""
    await session.flush()
    for row in await session.execute(_known(tickets)):
        ticket, _, *own = row
        text = together([ticket, *own, *await _said(session, ticket)])
        values = {"ticket": row.ticket, "tenant": row.tenant, "text": text}
        statement = insert(dialect_of(session), CallbackText).values(values)
        written = {"tenant": row.tenant, "text": text}
        await session.execute(statement.on_conflict_do_update(index_elements=["ticket"], set_=written))


async def keep_of_messages(session: AsyncSession, ids: Collection[str]) -> None:
    """The tickets to which these messages belong."""
    query = select(ContactRow.ticket).where(ContactRow.message_id.in_(ids))
    own = select(CallbackRow.ticket).where(CallbackRow.message_id.in_(ids))
    await keep(session, *{*await session.scalars(query), *await session.scalars(own)})


async def forget(session: AsyncSession, ticket: str) -> None:
    await session.execute(delete(CallbackText).where(CallbackText.ticket == ticket))


def _known(tickets: Iterable[str]) -> Select[Any]:
    fields = [getattr(CallbackRow, name) for name in (*_FIELDS, "result")]
    return select(CallbackRow.ticket, CallbackRow.tenant, *fields).where(CallbackRow.ticket.in_(tickets))


async def _said(session: AsyncSession, ticket: str) -> list[str | None]:
    """By contacts, in messages, in memos; and the other numbers of the ticket."""
    contact = select(ContactRow.told_ticket, *(getattr(ContactRow, name) for name in _FIELDS))
    heard = func.coalesce(MessageRow.corrected_text, MessageRow.transcript_text)
    ids = select(ContactRow.message_id).where(ContactRow.ticket == ticket)
    first = select(CallbackRow.message_id).where(CallbackRow.ticket == ticket)
    memo = select(CallbackEvent.why).where(CallbackEvent.ticket == ticket, CallbackEvent.what == "memo")
    found: list[str | None] = []
    for query in (
        contact.where(ContactRow.ticket == ticket),
        select(heard).where(MessageRow.id.in_(ids.union_all(first))),
        memo,
        select(AliasRow.number).where(AliasRow.ticket == ticket),
    ):
        for row in await session.execute(query):
            found += row
    return found


def together(texts: Iterable[str | None]) -> str:
    """A line for each that says something new, so that nothing is found across two of them."""
    return "\n".join(dict.fromkeys(part for text in texts if text and (part := sought(text))))
