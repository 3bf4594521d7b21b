"""From a message in the store to a real SMTP server, webhook and Slack: each place told once, and the ledger true."""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from ivr.dialplan.form import CustomerMails
from ivr.dialplan.notices import NoticeRule
from ivr.hours.calendar import Calendar
from ivr.hours.closings import Closing
from ivr.messages import filing
from ivr.messages.sidecar import new_id
from ivr.notify import mail
from ivr.notify.mail import MailServer as Server
from ivr.notify.notices import Notices, Ways
from ivr.settings import Address
from ivr.store import alarms, deliveries
from ivr.store.database import Store
from ivr.store.tables import CallbackRow, Delivery, MessageRow
from tests.mail_server import MailServer, dies, stalls
from tests.messages_helpers import EVENING, NUMBER, ManualClock, calendars, publish
from tests.web_hook import SECRET, WebHook

TO = "support@example.co.jp"
TEXT = "もしもし、田中です。ログインできません。"
MAIL = {"when": "callback", "mail": [TO]}


class Live:
    """The rules of the line `ecforce`."""

    def __init__(self) -> None:
        self.rules: Sequence[NoticeRule] = ()
        self.mails: CustomerMails | None = None
        self.closed: Sequence[Closing] = ()

    def be(self, *rules: Mapping[str, Any]) -> None:
        self.rules = [NoticeRule.model_validate(rule) for rule in rules]

    def notices(self, line: str) -> Sequence[NoticeRule]:
        return self.rules if line == "ecforce" else ()

    def customers(self) -> Mapping[str, CustomerMails]:
        return {"ecforce": self.mails} if self.mails else {}

    def closings(self, line: str) -> Sequence[Closing]:
        return self.closed if line == "ecforce" else ()

    def calendar(self, line: str, hours: str | None) -> Calendar | None:
        return calendars(line, hours)


class Desk:
    def __init__(self, store: Store, folder: Path, server: MailServer) -> None:
        self.store, self.folder, self.server = store, folder, server
        self.clock = ManualClock()
        self.live = Live()
        self.places = folder / "notices.toml"
        address = Address("127.0.0.1", server.port)
        smtp = Server(address, "折り返し窓口 <ivr@example.co.jp>", "none")
        self.ways = Ways(smtp, self.places, "https://ivr.example.co.jp", folder)
        self.notices = Notices(store, self.live, self.ways, self.clock)

    def rules(self, *rules: Mapping[str, Any]) -> None:
        self.live.be(*rules)

    async def leave(self, *, state: str = "stored", urgent: bool = False, number: str | None = NUMBER) -> str:
        """A message and its callback, as the mailbox files them."""
        now = self.clock.now()
        facts = filing.Facts(new_id(now), "ecforce", "closed", number, "engine", now, call_id="ivr-1.1")
        promise = filing_promise()
        ended = filing.Ended(state, 3.0, "key", None)  # type: ignore[arg-type]
        await filing.file(self.store, calendars, replace(facts, promise=promise), ended, now)
        if urgent:
            await self.change(facts.id, urgent=True)
        return facts.id

    async def change(self, message_id: str, **values: Any) -> None:
        async with self.store.write() as session:
            await session.execute(update(MessageRow).where(MessageRow.id == message_id).values(**values))

    async def round(self) -> int:
        """What the jobs process does in one; how many were due."""
        await self.notices.sweep()
        found = await self.notices.due()
        for delivery_id, _ in found:
            assert await self.notices.claim(delivery_id, await self.notices.lease())
            await self.notices.send(delivery_id)
        return len(found)

    async def rows(self) -> Sequence[Delivery]:
        async with self.store.read() as session:
            return (await session.scalars(select(Delivery).order_by(Delivery.id))).all()

    async def row(self) -> Delivery:
        (row,) = await self.rows()
        return row

    async def alarms(self) -> list[str]:
        async with self.store.read() as session:
            return [row.text for row in await alarms.standing(session)]

    async def ticket(self) -> str:
        async with self.store.read() as session:
            found = await session.scalar(select(CallbackRow.ticket))
        assert found is not None
        return found


def filing_promise() -> Any:
    from ivr.call import CallbackPromise

    return CallbackPromise("medium", "1 business day", "office")


@pytest.fixture
async def desk(store: Store, tmp_path: Path) -> AsyncIterator[Desk]:
    await publish(store)
    async with MailServer() as server:
        yield Desk(store, tmp_path, server)


async def test_a_callback_is_told_once_however_often_one_looks(desk: Desk) -> None:
    desk.rules(MAIL, {"when": ["message", "callback"], "mail": TO})
    await desk.leave()
    for _ in range(3):
        await desk.round()
    (told,) = desk.server.parsed()
    assert told["Subject"] == "折り返し必要のご案内"
    ticket = await desk.ticket()
    row = await desk.row()
    assert (row.state, row.event, row.subject, row.attempts) == ("sent", "callback", ticket, 1)
    assert row.answer is not None and row.answer.startswith("250")
    text = told.get_content()
    assert f"https://ivr.example.co.jp/callbacks/{ticket}?notice={row.id}" in text
    assert "折り返し期限：2026年11月25日（水）17時00分" in text
    assert "9012345678" not in text.replace("-", "") and "田中" not in text


async def test_who_asks_again_is_told_with_the_time_of_the_second_call(desk: Desk) -> None:
    desk.rules(MAIL)
    await desk.leave()
    desk.clock.advance(1800)
    await desk.leave()
    await desk.round()
    ticket = await desk.ticket()
    texts = [told.get_content() for told in desk.server.parsed()]
    assert all(f"受付番号：{ticket}" in text for text in texts)
    moments = sorted(line for text in texts for line in text.splitlines() if line.startswith("受付日時："))
    assert moments == [
        "受付日時：2026年11月24日（火）20時00分",
        "受付日時：2026年11月24日（火）20時30分",
    ]


async def test_two_jobs_processes_tell_once(desk: Desk, other_process: Store) -> None:
    desk.rules(MAIL)
    await desk.leave()
    other = Notices(other_process, desk.live, desk.ways, desk.clock)
    await desk.notices.sweep()
    await other.sweep()
    ((delivery_id, _),) = await other.due()
    assert [
        await desk.notices.claim(delivery_id, await desk.notices.lease()),
        await other.claim(delivery_id, await other.lease()),
    ] == [True, False]


async def test_a_sender_that_is_gone_is_forgotten_after_five_minutes(
    desk: Desk, other_process: Store
) -> None:
    desk.rules(MAIL)
    await desk.leave()
    await desk.notices.sweep()
    row = await desk.row()
    assert await desk.notices.claim(row.id, await desk.notices.lease())  # and is never heard of again
    other = Notices(other_process, desk.live, desk.ways, desk.clock)
    desk.clock.advance(299)
    assert await other.due() == []
    desk.clock.advance(2)
    assert await other.claim(row.id, await other.lease())
    await other.send(row.id)
    row = await desk.row()
    assert (row.state, row.attempts, row.data["unsure"]) == ("sent", 2, True)


async def test_matter_number_and_audio_only_when_the_rule_says_so(desk: Desk) -> None:
    desk.rules({"when": "callback", "mail": TO, "include": ["matter", "number", "audio"]})
    message = await desk.leave()
    (desk.folder / "messages").mkdir()
    (desk.folder / "messages" / f"{message}.wav").write_bytes(b"RIFFaudio")
    assert await desk.round() == 0, "it waits for the text"
    reading = {"text": TEXT}
    await desk.change(
        message, transcript_state="done", transcript_text="もしもし 田中 です", reading_state="working"
    )
    assert await desk.round() == 0
    await desk.change(message, reading_state="done", reading=reading)
    assert await desk.round() == 1
    (told,) = desk.server.parsed()
    body = told.get_body()
    assert body is not None
    text = body.get_content()  # type: ignore[attr-defined]
    assert TEXT in text and "お電話番号：090-1234-5678" in text
    (attached,) = list(told.iter_attachments())
    assert attached.get_payload(decode=True) == b"RIFFaudio"


async def test_a_text_that_does_not_come_is_waited_for_five_minutes(desk: Desk) -> None:
    desk.rules({"when": "callback", "mail": TO, "include": "matter"})
    await desk.leave()
    assert await desk.round() == 0
    desk.clock.advance(299)
    assert await desk.round() == 0
    desk.clock.advance(2)
    assert await desk.round() == 1
    assert "文字にすることができておりません" in desk.server.parsed()[0].get_content()


async def test_what_retention_deleted_is_told_no_more(desk: Desk) -> None:
    desk.rules({"when": "callback", "mail": TO, "include": ["matter", "audio"]})
    message = await desk.leave()
    await desk.change(
        message,
        transcript_state="done",
        reading_state="done",
        transcript_text=TEXT,
        text_deleted_at=EVENING,
        audio_deleted_at=EVENING,
    )
    await desk.round()
    (told,) = desk.server.parsed()
    assert not told.is_multipart()
    assert "田中" not in told.get_content()


async def test_urgent_and_silent_have_rules_of_their_own(desk: Desk) -> None:
    desk.rules(
        {"when": "urgent", "mail": "night@example.co.jp"}, {"when": "silent", "mail": "count@example.co.jp"}
    )
    await desk.leave()
    await desk.leave(state="silent")
    await desk.leave(urgent=True)
    await desk.round()
    assert sorted(desk.server.to) == ["count@example.co.jp", "night@example.co.jp"]
    subjects = {told["To"]: told["Subject"] for told in desk.server.parsed()}
    assert subjects == {"night@example.co.jp": "折り返し必要のご案内", "count@example.co.jp": "入電のご案内"}


async def test_rules_for_the_time_when_the_office_is_closed(desk: Desk) -> None:
    desk.rules(
        {"when": "callback", "mail": "night@example.co.jp", "during": {"office": "closed"}},
        {"when": "callback", "mail": "day@example.co.jp", "during": {"office": "open"}},
    )
    await desk.leave()  # EVENING: 20:00
    desk.clock.advance(16 * 3600)  # 12:00 of Wednesday
    await desk.leave()
    await desk.round()
    assert [told["To"] for told in desk.server.parsed()] == ["night@example.co.jp", "day@example.co.jp"]


async def test_who_wants_no_reply(desk: Desk) -> None:
    desk.rules({**MAIL, "reply": "wanted"}, {"when": "callback", "mail": "all@example.co.jp"})
    await desk.leave()
    async with desk.store.write() as session:
        await session.execute(update(CallbackRow).values(reply_wanted=False))
    await desk.round()
    assert [(row.target, row.state) for row in await desk.rows()] == [
        (TO, "spared"),
        ("all@example.co.jp", "sent"),
    ]
    assert desk.server.parsed()[0]["Subject"] == "入電のご案内"


# -- what the other side does -----------------------------------------------------------------


async def test_a_refusal_for_good_ends_it_and_raises_an_alarm(desk: Desk) -> None:
    desk.rules(MAIL)
    desk.server.rcpt.append("550 5.1.1 no such user")
    await desk.leave()
    await desk.round()
    desk.clock.advance(86400)
    assert await desk.round() == 0
    row = await desk.row()
    assert (row.state, row.answer, row.attempts) == ("failed", "550 5.1.1 no such user", 1)
    (alarm,) = await desk.alarms()
    assert "届いていません" in alarm

    async with desk.store.write() as session:
        await deliveries.order(session, row.id, desk.clock.now())
    assert await desk.round() == 1
    assert (await desk.row()).state == "sent"
    assert await desk.alarms() == [], "it goes when something arrives there"


async def test_a_greylist_is_tried_again_after_a_minute(desk: Desk) -> None:
    desk.rules(MAIL)
    desk.server.rcpt += ["451 4.7.1 greylisted", "451 4.7.1 greylisted"]
    await desk.leave()
    await desk.round()
    assert (await desk.row()).state == "waiting"
    desk.clock.advance(59)
    assert await desk.round() == 0
    desk.clock.advance(2)
    assert await desk.round() == 1
    desk.clock.advance(119)
    assert await desk.round() == 0
    desk.clock.advance(2)
    assert await desk.round() == 1
    assert ((await desk.row()).state, len(desk.server.taken)) == ("sent", 1)


async def test_after_two_days_it_is_given_up(desk: Desk) -> None:
    desk.rules(MAIL)
    await desk.server.die()
    await desk.leave()
    attempts: list[float] = []
    began = desk.clock.now()
    while (not attempts or (await desk.row()).state == "waiting") and len(attempts) < 50:
        if await desk.round():
            attempts.append((desk.clock.now() - began) / timedelta(minutes=1))
            if len(attempts) == 4:
                assert await desk.alarms() == []
            if len(attempts) == 5:
                assert "自動で再送を続けています" in (await desk.alarms())[0]
        next_at = (await desk.row()).next_at
        if next_at is not None:  # as the clock would, but without the rounds in which nothing is due
            desk.clock.advance(max(0.0, (next_at - desk.clock.now()).total_seconds()))
    assert attempts[:6] == [0, 1, 3, 7, 15, 31]
    assert attempts[-1] - attempts[-2] == 360
    assert 42 * 60 < attempts[-1] <= 48 * 60
    assert (await desk.row()).state == "failed"


async def test_a_server_that_dies_and_comes_back(desk: Desk) -> None:
    desk.rules(MAIL)
    desk.server.data.append(dies)
    await desk.leave()
    await desk.round()
    row = await desk.row()
    assert (row.state, row.data["unsure"]) == ("unsure", True), "the answer was never heard"
    desk.clock.advance(61)
    await desk.round()
    assert ((await desk.row()).state, (await desk.row()).attempts) == ("unsure", 2)
    await desk.server.start()
    desk.clock.advance(121)
    await desk.round()
    row = await desk.row()
    assert (row.state, row.attempts, len(desk.server.taken)) == ("sent", 3, 1)
    assert row.data["unsure"], "the ledger goes on saying so"


async def test_what_arrived_twice_has_one_message_id(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "EACH", 0.3)

    async def takes_and_stalls(server: MailServer) -> str:
        return await stalls(server)

    desk.rules(MAIL)
    desk.server.data.append(takes_and_stalls)
    await desk.leave()
    await desk.round()
    key = (await desk.row()).key
    desk.clock.advance(61)
    await desk.round()
    assert desk.server.parsed()[0]["Message-ID"] == f"<{key}@example.co.jp>"


async def test_without_a_mail_server_nothing_leaves_and_nothing_is_lost(desk: Desk) -> None:
    desk.rules(MAIL)
    ways = desk.notices._ways
    desk.notices = Notices(desk.store, desk.live, replace(ways, server=None), desk.clock)
    await desk.leave()
    await desk.round()
    row = await desk.row()
    assert (row.state, row.answer) == ("waiting", "メールサーバーが設定されていません（IVR_SMTP）")
    assert desk.server.connections == 0
    desk.notices = Notices(desk.store, desk.live, ways, desk.clock)
    desk.clock.advance(61)
    await desk.round()
    assert (await desk.row()).state == "sent"


# -- webhooks and Slack -----------------------------------------------------------------------


@pytest.fixture
async def hook(desk: Desk) -> AsyncIterator[WebHook]:
    async with WebHook() as hook:
        desk.places.write_text(
            f'[webhook.crm]\nurl = "{hook.url}"\nsecret = "{SECRET}"\n[slack.night]\nurl = "{hook.url}"\n'
        )
        yield hook


async def test_a_webhook_is_signed_and_keeps_its_key(desk: Desk, hook: WebHook) -> None:
    hook.answers = [500, 200]
    desk.rules({"when": "callback", "webhook": "crm", "include": "number"})
    message = await desk.leave()
    await desk.round()
    assert ((await desk.row()).state, (await desk.row()).answer) == ("waiting", "HTTP 500 said")
    desk.clock.advance(61)
    await desk.round()
    first, second = hook.received
    assert first.signed and second.signed
    assert first.key == second.key == (await desk.row()).key
    assert (await desk.row()).state == "sent"
    told = dict(first.told)
    assert told.pop("id") == first.key
    assert told.pop("url").startswith("https://ivr.example.co.jp/callbacks/")
    assert told.pop("ticket") == await desk.ticket()
    assert told == {
        "event": "callback",
        "line": "ecforce",
        "line_name": "ecforce",
        "message": message,
        "call": "ivr-1.1",
        "at": "2026-11-24T20:00:00+09:00",
        "due": "2026-11-25T17:00:00+09:00",
        "cause": "closed",
        "priority": "medium",
        "urgent": False,
        "reply_wanted": True,
        "source": "message",
        "about": None,
        "number": NUMBER,
    }


@pytest.mark.parametrize(
    ("status", "state"), [(302, "failed"), (404, "failed"), (429, "waiting"), (503, "waiting")]
)
async def test_answers_of_a_webhook(desk: Desk, hook: WebHook, status: int, state: str) -> None:
    hook.answers = [status]
    desk.rules({"when": "callback", "webhook": "crm"})
    await desk.leave()
    await desk.round()
    assert (await desk.row()).state == state
    assert (len(hook.received), hook.elsewhere) == (1, 0), "no redirect is followed"


async def test_a_slow_webhook_may_have_it(desk: Desk, hook: WebHook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.notify.webhook.WHOLE", 0.3)
    hook.slow = 2.0
    desk.rules({"when": "callback", "webhook": "crm"})
    await desk.leave()
    await desk.round()
    assert (await desk.row()).state == "unsure"
    hook.slow = 0.0
    desk.clock.advance(61)
    await desk.round()
    assert (await desk.row()).state == "sent"
    assert len({received.key for received in hook.received}) == 1


async def test_slack_gets_a_text(desk: Desk, hook: WebHook) -> None:
    desk.rules({"when": "callback", "slack": "night"})
    await desk.leave()
    await desk.round()
    (received,) = hook.received
    assert received.told.keys() == {"text"}
    text = received.told["text"].splitlines()
    assert text[0] == "*折り返し必要のご案内*"
    assert text[-1].startswith("<https://ivr.example.co.jp/callbacks/") and text[-1].endswith("|詳しく見る>")


async def test_a_place_that_the_operator_does_not_know(desk: Desk, hook: WebHook) -> None:
    desk.rules({"when": "callback", "webhook": "elsewhere"})
    await desk.leave()
    await desk.round()
    row = await desk.row()
    assert row.answer == "通知先のファイルに [webhook.elsewhere] がありません（IVR_NOTICES）"
    assert (row.state, hook.received) == ("waiting", [])


# -- if nobody looks --------------------------------------------------------------------------

LATER = {**MAIL, "unless_seen": "30m", "then": {"mail": "leader@example.co.jp"}}


async def test_if_nobody_looks_another_one_is_told(desk: Desk) -> None:
    desk.rules(LATER)
    await desk.leave()
    await desk.round()
    desk.clock.advance(29 * 60)
    assert await desk.round() == 0
    desk.clock.advance(61)
    assert await desk.round() == 1
    assert desk.server.to == [TO, "leader@example.co.jp"]
    assert "まだ確認されておりませんので" in desk.server.parsed()[1].get_content()


@pytest.mark.parametrize("how", ["seen", "taken up"])
async def test_who_looks_in_time_spares_the_next(desk: Desk, how: str) -> None:
    desk.rules(LATER)
    await desk.leave()
    await desk.round()
    ticket, (first, _) = await desk.ticket(), await desk.rows()
    async with desk.store.write() as session:
        if how == "seen":
            assert await deliveries.seen(session, first.id, ticket, desk.clock.now())
            assert not await deliveries.seen(session, first.id, ticket, desk.clock.now())
        else:
            await session.execute(update(CallbackRow).values(state="claimed"))
    desk.clock.advance(31 * 60)
    await desk.round()
    assert [row.state for row in await desk.rows()] == ["seen" if how == "seen" else "sent", "spared"]
    assert desk.server.to == [TO]


async def test_the_logs_name_nobody(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ivr")
    desk.rules({**MAIL, "include": ["number", "matter"]})
    desk.server.rcpt.append(f"451 <{TO}> later")
    message = await desk.leave()
    await desk.change(message, transcript_state="done", reading_state="done", transcript_text=TEXT)
    await desk.round()
    desk.clock.advance(61)
    await desk.round()
    assert len(desk.server.taken) == 1
    ours = [record for record in caplog.records if record.name.startswith("ivr")]
    assert len(ours) >= 2
    said = " ".join(str(vars(record)) for record in ours)
    assert [word for word in (TO, "9012345678", "田中") if word in said] == []


async def test_what_fails_unexpectedly_is_told_and_comes_to_an_end(desk: Desk) -> None:
    """A sender that no mail can have."""
    assert desk.ways.server is not None
    broken = replace(desk.ways, server=replace(desk.ways.server, sender="折り返し\n窓口 <ivr@example.co.jp>"))
    desk.notices = Notices(desk.store, desk.live, broken, desk.clock)
    desk.rules({**MAIL, "when": "message"})
    await desk.leave()
    desk.clock.advance(3600)
    assert await desk.round() == 1
    row = await desk.row()
    assert (row.state, row.answer) == ("waiting", "お知らせを作れませんでした（jobs.log をご確認ください）")
    assert row.next_at is not None
