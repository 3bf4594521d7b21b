"""Notices from the matter to the other side: put into the ledger, sent, tried again, given up.

Only the jobs process does this. A rule is applied once, when the matter is found in the store; filing
a message knows nothing of it, so that no notice can hold it up.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from ivr.clock import Clock
from ivr.dialplan.notices import When
from ivr.errors import DeliveryFailed, IvrError
from ivr.hours.calendar import Calendar
from ivr.notify import changes, customers, letters, mail, places, texts, webhook
from ivr.notify.content import Content, gather, is_urgent
from ivr.notify.rules import told
from ivr.settings import Settings
from ivr.store import alarms, deliveries, stages
from ivr.store.database import Store
from ivr.store.tables import CallbackRow, ContactRow, Delivery, MessageRow

log = logging.getLogger("ivr.notify")

LEASE = timedelta(minutes=5)  # longer than one mail may take
FIRST, LATEST = timedelta(minutes=1), timedelta(hours=6)  # between two attempts
GIVE_UP = timedelta(days=2)
ALARM_AFTER = 5  # attempts, a quarter of an hour
TEXT_PATIENCE = timedelta(minutes=5)
LIMIT = 100


class Rules(changes.Live, Protocol):
    """The live lines: `ivr.lines.Lines`."""

    def calendar(self, line: str, hours: str | None) -> Calendar | None: ...


@dataclass(frozen=True)
class Ways:
    """How notices leave the machine, as the settings have it; None: not at all."""

    server: mail.MailServer | None
    places: Path | None
    base_url: str  # of the pages
    recordings: Path


def ways(settings: Settings) -> Ways:
    server = None
    if settings.smtp is not None:
        server = mail.MailServer(
            settings.smtp,
            settings.mail_from,
            settings.smtp_tls,
            settings.smtp_user,
            settings.smtp_password,
            settings.smtp_ca,
        )
    return Ways(server, settings.notices, settings.pages_url, settings.recordings)


class Notices:
    def __init__(self, store: Store, rules: Rules, ways: Ways, clock: Clock) -> None:
        self._store = store
        self._rules = rules
        self._ways = ways
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    # -- into the ledger --------------------------------------------------------------------

    async def sweep(self) -> None:
        """Makes the deliveries of every matter of which nobody was told yet; twice does no harm."""
        now = self._clock.now()
        async with self._store.read() as session:
            untold = await deliveries.untold_messages(session, LIMIT)
            asked = await deliveries.untold_contacts(session, LIMIT)
            awaiting = await deliveries.somebody_awaits_text(session)
        if untold or asked:
            async with self._store.write() as session:
                for message, callback, contact in untold:
                    await self._tell(session, message, callback, contact, now)
                    await deliveries.was_told(session, MessageRow, message.id, now)
                for callback, contact in asked:
                    await self._tell(session, None, callback, contact, now)
                    await customers.received(session, self._rules, contact, now)
                    await deliveries.was_told(session, ContactRow, contact.id, now)
        await changes.sweep(self._store, self._rules, self._was_open, now)
        if awaiting or untold:
            async with self._store.write() as session:
                await deliveries.text_is_there(session, now)

    async def _tell(
        self,
        session: AsyncSession,
        message: MessageRow | None,
        callback: CallbackRow | None,
        contact: ContactRow | None,
        now: datetime,
    ) -> None:
        """`contact`: the one of `callback` that nobody was told of yet; each is told."""
        matter = contact or message
        assert matter is not None
        subject = callback.ticket if callback else message.id if message else ""
        about = f"{contact.told_ticket}/{contact.id}" if contact else subject
        is_open = self._was_open(matter.line, matter.created_at)
        for one in told(self._rules.notices(matter.line), events_of(message, callback), is_open):
            data: dict[str, Any] = {"include": list(one.include), "reply": one.reply}
            awaits = message is not None and message.state == "stored" and "matter" in one.include
            begins = now + (TEXT_PATIENCE if awaits else timedelta())
            if contact is not None:
                data["asked_by"] = contact.id
            if one.after is not None:
                data["unless_seen"] = int(one.after.total_seconds())
                begins, awaits = now + one.after, False
            await deliveries.create(
                session,
                {
                    "tenant": matter.tenant,
                    "line": matter.line,
                    "event": one.event,
                    "subject": subject,
                    "message_id": message.id if message else None,
                    "channel": one.channel,
                    "target": one.target,
                    "key": deliveries.key_of(about, one.channel, one.target, later=one.after is not None),
                    "awaits_text": awaits,
                    "data": data,
                    "created_at": now,
                    "next_at": begins,
                },
            )

    def _was_open(self, line: str, at: datetime) -> Callable[[str], bool | None]:
        def is_open(hours: str) -> bool | None:
            try:
                calendar = self._rules.calendar(line, hours)
                return calendar.state(at).open if calendar else None
            except IvrError:
                log.exception("no calendar for a notice", extra={"line": line})
                return None

        return is_open

    # -- out of it --------------------------------------------------------------------------

    async def due(self) -> Sequence[tuple[int, datetime]]:
        """Ids of deliveries to send now, and since when: together they name one attempt."""
        async with self._store.read() as session:
            return await deliveries.due(session, self._clock.now(), LIMIT)

    async def lease(self) -> str:
        """When a sender that claims now is forgotten, ISO 8601."""
        return stages.lease(self._clock.now(), LEASE).isoformat()

    async def claim(self, delivery_id: int, lease: str) -> bool:
        """True for one sender; asked again with its `lease`, it is told so again."""
        now, until = self._clock.now(), datetime.fromisoformat(lease)
        async with self._store.write() as session:
            return await deliveries.claim(session, delivery_id, now=now, until=until)

    async def send(self, delivery_id: int) -> None:
        """One attempt at what was claimed. Done again after a crash it may arrive twice, and the ledger says so."""
        async with self._store.write() as session:
            row = await deliveries.get(session, delivery_id)
            if row.state != "sending":
                return  # another one has done it meanwhile
            if await _is_spared(session, row):
                await deliveries.spare(session, row)
                return
            await deliveries.begin(session, row)
            await session.refresh(row)
            if letters.is_letter(row) or customers.is_one(row):
                letter = await self._letter(session, row)
                if letter is None:
                    await deliveries.spare(session, row)
                    return
                go_out = partial(self._mailed, *letter)
            else:
                content = await gather(session, row, self._ways.base_url, self._ways.recordings)
                go_out = partial(self._over, row, content)
        try:
            answer = await go_out()
        except DeliveryFailed as failure:
            await self._failed(row, failure)
        except Exception as error:  # the ledger tells it, and it ends like any other
            extra = {"delivery": row.id, "reason": type(error).__name__}
            log.error("a notice failed unexpectedly", extra=extra)
            await self._failed(row, DeliveryFailed("お知らせを作れませんでした（jobs.log をご確認ください）"))
        else:
            async with self._store.write() as session:
                await deliveries.sent(session, row, answer, self._clock.now())
                await alarms.clear(session, alarm_key(row), self._clock.now())
            log.info("a notice was sent", extra={"delivery": row.id, "action": row.channel})

    async def _letter(self, session: AsyncSession, row: Delivery) -> tuple[str, bytes] | None:
        """To whom, and what; None if nobody needs it any more."""
        sender = self._ways.server.sender if self._ways.server else ""
        if customers.is_one(row):
            return await customers.write(session, self._rules, row, sender)
        composed = await letters.write(session, row, sender, self._ways.base_url, self._clock.now())
        return None if composed is None else (row.target, composed)

    async def _mailed(self, to: str, composed: bytes) -> str:
        return await mail.send(self._server(), composed, to)

    def _server(self) -> mail.MailServer:
        if self._ways.server is None:
            raise DeliveryFailed("メールサーバーが設定されていません（IVR_SMTP）")
        return self._ways.server

    async def _over(self, row: Delivery, content: Content) -> str:
        """The other side's answer."""
        if row.channel == "mail":
            sender = self._server().sender
            try:
                composed = await asyncio.to_thread(mail.compose, content, sender, row.target)
            except OSError as error:
                raise DeliveryFailed(f"録音ファイルを読み込めません：{error.strerror}") from error
            return await self._mailed(row.target, composed)
        place = await asyncio.to_thread(places.find, self._ways.places, row.channel, row.target)
        if row.channel == "slack":
            return await webhook.post(place.url, webhook.to_bytes({"text": texts.slack_text(content)}), {})
        body = webhook.to_bytes(texts.as_json(content))
        headers = webhook.signed(body, place.secret, row.key, self._clock.now())
        return await webhook.post(place.url, body, headers)

    async def _failed(self, row: Delivery, failure: DeliveryFailed) -> None:
        now = self._clock.now()
        since = datetime.fromisoformat(row.data["since"])
        pause = min(FIRST * 2 ** min(row.attempts - 1, 20), LATEST)
        over = not failure.retryable or now + pause > since + GIVE_UP
        # Not the answer: it may name an address.
        log.warning(
            "a notice was not taken",
            extra={"delivery": row.id, "action": row.channel, "attempts": row.attempts, "given_up": over},
        )
        async with self._store.write() as session:
            if over:
                await deliveries.failed(session, row, str(failure))
            else:
                await deliveries.again(session, row, str(failure), now + pause, unsure=failure.unsure)
            # An address that a customer mistyped is nobody's alarm.
            mistyped = customers.is_one(row) and not failure.retryable
            if (over or row.attempts >= ALARM_AFTER) and not mistyped:
                whose = row.tenant or None  # of who logs in for the operator: none
                await alarms.raise_(session, alarm_key(row), _alarm(row, over), tenant=whose, at=now)


def events_of(message: MessageRow | None, callback: CallbackRow | None) -> Collection[When]:
    found: set[When] = set()
    if callback is not None:
        found.add("callback")
    if message is not None and message.state == "stored":
        found.add("message")
    if message is not None and message.state == "silent":
        found.add("silent")
    if is_urgent(message, callback):
        found.add("urgent")
    return found


async def _is_spared(session: AsyncSession, row: Delivery) -> bool:
    """Told later, and somebody was there in time; or no reply is wanted."""
    callback = await session.get(CallbackRow, row.subject)
    if row.data.get("reply") == "wanted" and (callback is None or callback.reply_wanted is False):
        return True
    if changes.is_over(row, callback):
        return True
    if "unless_seen" not in row.data:
        return False
    taken_up = callback is not None and callback.state != "open"
    return taken_up or await deliveries.anybody_saw(session, row.subject)


def alarm_key(row: Delivery) -> str:
    """One for each place that a line tells."""
    place = hashlib.sha256(f"{row.channel}\n{row.target}".encode()).hexdigest()[:12]
    return f"notice:{row.line}:{place}"


def _alarm(row: Delivery, over: bool) -> str:
    what = {"mail": "メール", "webhook": "Webhook", "slack": "Slack"}[row.channel]
    ends = (
        "再送はいたしません。原因を取り除いたあと、「ivr deliver 番号」で送り直してください。"
        if over
        else "自動で再送を続けています。"
    )
    where = f"{what}：{row.target}"
    whose = (
        f"窓口「{row.line}」の通知（{where}）が届いていません。"
        if row.line
        else f"利用者へのご案内（{where}）が届いていません。"
    )
    return f"{whose}{ends}相手先の応答は、折り返しの画面の「通知」か、「ivr deliveries」でご確認ください。"
