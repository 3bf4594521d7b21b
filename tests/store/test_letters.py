"""Invitations and ways back to a password, from the ledger to a real SMTP server."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select

from ivr import accounts
from ivr.dialplan.notices import NoticeRule
from ivr.hours.calendar import Calendar
from ivr.notify.mail import MailServer as Server
from ivr.notify.notices import Notices, Ways
from ivr.settings import Address
from ivr.store import alarms, links, users
from ivr.store.database import Store
from ivr.store.tables import Delivery, UserLink
from tests.mail_server import MailServer
from tests.messages_helpers import ManualClock

TO = "tanaka@example.co.jp"


class NoRules:
    def notices(self, line: str) -> list[NoticeRule]:
        return []

    def calendar(self, line: str, hours: str | None) -> Calendar | None:
        return None


class Desk:
    def __init__(self, store: Store, folder: Path, server: MailServer) -> None:
        self.store, self.server, self.clock = store, server, ManualClock()
        smtp = Server(Address("127.0.0.1", server.port), "電話受付 <ivr@example.co.jp>", "none")
        ways = Ways(smtp, None, "https://ivr.example.co.jp", folder)
        self.notices = Notices(store, NoRules(), ways, self.clock)

    async def invite(self) -> None:
        async with self.store.write() as session:
            facts = {"role": "agent", "tenant": "ecforce", "email": TO, "by": "ann"}
            user = await accounts.invite(session, "tanaka", now=self.clock.now(), **facts)  # type: ignore[arg-type]
            await accounts.mail_link(session, user, by="ann", now=self.clock.now())

    async def change(self, **values: object) -> None:
        async with self.store.write() as session:
            user = await users.to_change(session, "tanaka")
            for name, value in values.items():
                setattr(user, name, value)

    async def round(self) -> None:
        for delivery_id, _ in await self.notices.due():
            assert await self.notices.claim(delivery_id, await self.notices.lease())
            await self.notices.send(delivery_id)

    async def row(self) -> Delivery:
        async with self.store.read() as session:
            return (await session.scalars(select(Delivery))).one()

    async def link(self, mail: EmailMessage) -> str | None:
        """Whose link the mail brings, if it opens anything."""
        token = token_of(mail)
        async with self.store.read() as session:
            found = await links.find(session, token, self.clock.now())
        return found.user if found else None


def token_of(mail: EmailMessage) -> str:
    found = re.search(r"https://ivr\.example\.co\.jp/password/(\S+)", mail.get_content())
    assert found is not None
    return found[1]


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with MailServer() as started:
        yield started


@pytest.fixture
def desk(store: Store, tmp_path: Path, server: MailServer) -> Desk:
    return Desk(store, tmp_path, server)


async def test_an_invitation_brings_a_link_that_stands_nowhere_else(desk: Desk) -> None:
    await desk.invite()
    before = await desk.row()
    await desk.round()
    await desk.round()
    (mail,) = desk.server.parsed()
    assert (mail["Subject"], mail["To"]) == ("アカウントのご案内", TO)
    text = mail.get_content()
    assert "ユーザー名：tanaka" in text
    # 24 hours after 2026-11-24 20:00
    assert "2026年11月25日（水）20時00分まで、1回に限り" in text
    assert await desk.link(mail) == "tanaka"
    row = await desk.row()
    assert (row.state, row.event, row.subject, row.attempts) == ("sent", "invite", "user/tanaka", 1)
    token = token_of(mail)
    kept = [str(vars(one)) for one in (before, row)]
    async with desk.store.read() as session:
        kept += [str(vars(one)) for one in (await session.scalars(select(UserLink))).all()]
    assert len(kept) == 3 and not any(token in one for one in kept)


async def test_a_way_back_is_good_for_an_hour(desk: Desk) -> None:
    await desk.invite()
    await desk.round()
    await desk.change(password="hash")
    async with desk.store.write() as session:
        await accounts.ask_reset(session, TO, desk.clock.now())
    await desk.round()
    mail = desk.server.parsed()[-1]
    assert mail["Subject"] == "パスワード再設定のご案内"
    assert "2026年11月24日（火）21時00分まで、1回に限り" in mail.get_content()
    assert await desk.link(mail) == "tanaka"
    desk.clock.advance(3600)
    assert await desk.link(mail) is None


async def test_a_mail_that_was_refused_for_now_comes_later_with_a_link_of_its_own(desk: Desk) -> None:
    desk.server.data = ["451 come back later"]
    await desk.invite()
    await desk.round()
    assert desk.server.parsed() == []
    assert (await desk.row()).state == "waiting"
    desk.clock.advance(60)
    await desk.round()
    (mail,) = desk.server.parsed()
    assert await desk.link(mail) == "tanaka"
    assert (await desk.row()).state == "sent"


async def test_of_two_mails_both_links_work_until_one_is_used(desk: Desk) -> None:
    """The answer to the first was lost on its way: it has arrived all the same."""
    await desk.invite()
    await desk.round()
    async with desk.store.write() as session:
        row = (await session.scalars(select(Delivery))).one()
        row.state, row.next_at = "unsure", desk.clock.now()
    await desk.round()
    first, second = desk.server.parsed()
    assert first["Message-ID"] != second["Message-ID"] and token_of(first) != token_of(second)
    assert [await desk.link(one) for one in (first, second)] == ["tanaka", "tanaka"]
    async with desk.store.write() as session:
        taken = await links.take(session, token_of(first), desk.clock.now())
        assert taken is not None
        user = await accounts.one(session, "tanaka", tenant=None)
        await accounts.set_password(session, user, "hash", by="tanaka", now=desk.clock.now())
    assert [await desk.link(one) for one in (first, second)] == [None, None]


@pytest.mark.parametrize(
    "values",
    [
        {"email": "another@example.co.jp"},
        {"email": None},
        {"password": "set by another link"},
        {"disabled_at": True},
    ],
)
async def test_nothing_is_sent_that_nobody_needs_any_more(desk: Desk, values: dict[str, object]) -> None:
    await desk.invite()
    now = desk.clock.now()
    await desk.change(**{name: now if value is True else value for name, value in values.items()})
    await desk.round()
    assert desk.server.parsed() == []
    assert (await desk.row()).state == "spared"


async def test_a_way_back_that_comes_too_late_is_not_sent(desk: Desk) -> None:
    await desk.invite()
    await desk.round()
    await desk.change(password="hash")
    async with desk.store.write() as session:
        await accounts.ask_reset(session, "tanaka", desk.clock.now())
    desk.clock.advance(timedelta(hours=1, seconds=1).total_seconds())
    await desk.round()
    assert len(desk.server.parsed()) == 1


async def test_an_address_that_takes_no_mail_raises_an_alarm_in_words(desk: Desk) -> None:
    desk.server.rcpt = ["550 no such user"]
    await desk.invite()
    await desk.round()
    assert (await desk.row()).state == "failed"
    async with desk.store.read() as session:
        (alarm,) = await alarms.standing(session)
    assert alarm.tenant == "ecforce"
    assert alarm.text.startswith("利用者へのご案内（メール：tanaka@example.co.jp）が届いていません。")
