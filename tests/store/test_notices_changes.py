"""What happens to a callback, told to customers, supervisors and programs: who, once, and nothing of others."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from ivr.call import CallbackPromise
from ivr.callbacks import asking, dialing, escalation, merging, service
from ivr.callbacks.asking import MessageFacts
from ivr.callbacks.policy import Policy
from ivr.callbacks.results import Result
from ivr.callbacks.who import Who
from ivr.dialplan.callbacks import CallbackRules
from ivr.dialplan.form import CustomerMails
from ivr.hours.calendar import Calendar
from ivr.hours.closings import Closing
from ivr.hours.model import HoursModel
from ivr.store import callbacks
from ivr.store.database import Store
from ivr.store.tables import CallbackRow, ContactRow
from tests.mail_server import MailServer
from tests.messages_helpers import publish
from tests.store.rows import NOON, TOKYO
from tests.store.test_notices import Desk
from tests.web_hook import SECRET, WebHook

AIKO, BOSS = Who("aiko", "ecforce"), Who("boss", "ecforce", supervisor=True)
OFFICE = Calendar(HoursModel(zone="Asia/Tokyo", weekly={"月-金": "9:00-18:00"}, holidays="JP"))
RULES = CallbackRules.model_validate({"escalation": {"near": "15m", "second": "0m", "third": "1h"}})
POLICY = Policy(RULES, lambda hours: OFFICE)
NUMBER, TARO, HANAKO = "+819012345678", "taro@example.jp", "hanako@example.jp"
ALL = ["received", "begun", "not_reached", "delayed", "done", "cancelled", "unreachable"]


class Counter(Desk):
    """Customers who ask by the form, and agents who work on it."""

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def tell(self, *what: str, **more: Any) -> None:
        self.live.mails = CustomerMails.model_validate({"tell": what or ALL, **more})

    async def ask(self, request: str = "a", **said: Any) -> str:
        facts: dict[str, Any] = {"line": "ecforce", "tenant": "ecforce", "cause": "asked", "number": NUMBER}
        facts |= {"name": "田中 太郎", "email": TARO, "matter": "解約について", "received_at": self.now}
        about = MessageFacts(id=request, **{**facts, **said})
        promise = CallbackPromise("medium", "2h", None)
        async with self.store.write() as session:
            return await asking.create_for_request(
                session, request, about, promise, OFFICE, self.now, source="form"
            )

    async def claim(self, ticket: str) -> None:
        async with self.store.write() as session:
            until = self.now + timedelta(hours=1)
            await service.claim(session, ticket, AIKO, until=until, now=self.now)

    async def record(self, ticket: str, result: Result, **more: Any) -> CallbackRow:
        async with self.store.write() as session:
            return await dialing.record(
                session, ticket, result, who=AIKO, policy=POLICY, now=self.now, **more
            )

    async def row_of(self, ticket: str) -> CallbackRow:
        async with self.store.read() as session:
            return await callbacks.get(session, ticket)

    async def told(self, *, settled: bool = True) -> list[tuple[str, str, str]]:
        """(address, subject, text) of the mails that came since it was last asked; a minute passes if they are to settle."""
        while await self.round():
            pass
        if settled:
            self.clock.advance(61)
            await self.round()
        came = [(str(mail["To"]), str(mail["Subject"]), _text(mail)) for mail in self.server.parsed()]
        self.server.taken.clear()
        return came


def _text(mail: EmailMessage) -> str:
    return str(mail.get_content()).replace("\r\n", "\n")


@pytest.fixture
async def desk(store: Store, tmp_path: Path) -> AsyncIterator[Counter]:
    await publish(store)
    async with MailServer() as server:
        made = Counter(store, tmp_path, server)
        made.clock._now = NOON
        yield made


# -- customers ------------------------------------------------------------------------------------


async def test_a_customer_is_told_of_each_change_once(desk: Counter) -> None:
    desk.tell()
    ticket = await desk.ask()
    ((to, subject, text),) = await desk.told()
    assert (to, subject) == (TARO, f"お申し込みを承りました（受付番号 {ticket}）")
    assert "田中 太郎 様" in text and "お電話のお約束：2026年11月24日（火）14時00分まで" in text
    assert "解約" not in text and "http" not in text, "no matter, and no page that needs a login"
    assert "ご返信をいただきましても、お答えすることができません" in text

    await desk.claim(ticket)
    assert await desk.told(settled=False) == [], "whoever claims often rings at once"
    desk.clock.advance(61)
    await desk.claim(ticket)
    ((_, subject, _),) = await desk.told()
    assert subject == f"担当者が決まりました（受付番号 {ticket}）"

    row = await desk.record(ticket, "no_answer")
    assert row.next_at == datetime(2026, 11, 24, 16, 0, tzinfo=TOKYO), (
        "two hours, and in another part of the day"
    )
    ((_, subject, text),) = await desk.told()
    assert subject.startswith("お電話いたしましたが、つながりませんでした")
    assert "次のお電話：2026年11月24日（火）16時00分ごろ" in text

    desk.clock.advance(4 * 3600)
    await desk.claim(ticket)
    await desk.record(ticket, "reached")
    ((_, subject, _),) = await desk.told()
    assert subject == f"ご対応が完了いたしました（受付番号 {ticket}）"
    assert {row.state for row in await desk.rows()} == {"sent"}
    assert all(row.target == "お客様" for row in await desk.rows()), "the ledger holds no address"


async def test_who_is_rung_at_once_hears_nothing_of_its_beginning(desk: Counter) -> None:
    desk.tell("begun", "done")
    ticket = await desk.ask()
    await desk.claim(ticket)
    await desk.record(ticket, "reached")
    desk.clock.advance(61)
    ((_, subject, _),) = await desk.told()
    assert subject.startswith("ご対応が完了")


async def test_what_is_undone_within_a_minute_is_told_to_nobody(desk: Counter) -> None:
    desk.tell("done")
    ticket = await desk.ask()
    close = partial(service.close, note="済")
    for step in (close, service.reopen, close):
        async with desk.store.write() as session:
            await step(session, ticket, who=AIKO, now=desk.now)
        await desk.round()
    ((_, subject, _),) = await desk.told()
    assert subject.startswith("ご対応が完了")
    assert sorted(row.state for row in await desk.rows()) == ["sent", "spared"]


async def test_after_a_merge_each_hears_of_the_own_number_at_the_own_address(desk: Counter) -> None:
    desk.tell()
    first = await desk.ask("a", company="田中商店")
    second = await desk.ask("b", email=HANAKO, name="田中 花子", company="別の会社", number=NUMBER)
    third = await desk.ask("c", company=None)  # joins one of them
    assert first != second and third in (first, second)
    await desk.told()
    async with desk.store.write() as session:
        await merging.merge(session, second, into=first, who=BOSS, now=desk.now)
    async with desk.store.write() as session:
        await service.cancel(session, first, who=BOSS, why="お客様のご希望", now=desk.now)
    came = await desk.told()
    assert sorted((to, subject) for to, subject, _ in came) == sorted(
        [
            (HANAKO, f"お申し込みを取り消しました（受付番号 {second}）"),
            (TARO, f"お申し込みを取り消しました（受付番号 {first}）"),
            (TARO, f"お申し込みを取り消しました（受付番号 {third}）"),
        ]
    )
    assert all("お客様のご希望" not in text for _, _, text in came)
    assert all("花子" not in text for to, _, text in came if to == TARO)


async def test_an_address_that_an_agent_put_right_is_used_while_it_is_nobody_elses(desk: Counter) -> None:
    desk.tell("cancelled")
    first = await desk.ask("a", company="田中商店")
    async with desk.store.write() as session:
        await session.execute(update(CallbackRow).values(email="right@example.jp"))
    second = await desk.ask("b", email=None, company="別の会社")
    async with desk.store.write() as session:
        await service.cancel(session, second, who=BOSS, why="x", now=desk.now)
    assert await desk.told() == []
    third = await desk.ask("c", email=None, company="別の会社")
    async with desk.store.write() as session:
        await merging.merge(session, third, into=first, who=BOSS, now=desk.now)
        await service.cancel(session, first, who=BOSS, why="x", now=desk.now)
    ((to, _, _),) = await desk.told()
    assert to == TARO, "of two people in one ticket each has the own address"
    fourth = await desk.ask("d", email=None, number="+81312345678")
    async with desk.store.write() as session:
        await session.execute(
            update(CallbackRow).where(CallbackRow.ticket == fourth).values(email="told@example.jp")
        )
    async with desk.store.write() as session:
        await service.cancel(session, fourth, who=BOSS, why="x", now=desk.now)
    assert [to for to, _, _ in await desk.told()] == ["told@example.jp"], "told on the telephone"


async def test_a_promise_that_is_broken_is_owned_up_to_once(desk: Counter) -> None:
    desk.tell("delayed")
    ticket = await desk.ask()
    desk.clock.advance(2 * 3600 - 1)
    assert await desk.told(settled=False) == []
    desk.clock.advance(2)
    ((to, subject, text),) = await desk.told(settled=False)
    assert (to, subject) == (TARO, f"ご連絡が遅れております（受付番号 {ticket}）")
    assert "誠に申し訳ございません" in text and "2026年11月24日（火）14時00分まで" in text
    desk.clock.advance(3600)
    assert await desk.told(settled=False) == []


async def test_who_told_an_address_on_the_telephone_is_told_of_a_broken_promise_too(desk: Counter) -> None:
    desk.tell("delayed")
    first = await desk.ask("a", email=None)
    second = await desk.ask("b", email=HANAKO, number="+81312345678")
    async with desk.store.write() as session:
        for ticket, email in ((first, "told@example.jp"), (second, None)):
            changed = update(CallbackRow).where(CallbackRow.ticket == ticket).values(email=email)
            await session.execute(changed)
    desk.clock.advance(2 * 3600 + 1)
    ((to, subject, _),) = await desk.told(settled=False)
    assert (to, subject) == ("told@example.jp", f"ご連絡が遅れております（受付番号 {first}）")
    desk.clock.advance(3600)
    assert await desk.told(settled=False) == [], "nor whose address was taken away"


async def test_a_promise_that_is_kept_is_not(desk: Counter) -> None:
    desk.tell("delayed")
    ticket = await desk.ask()
    async with desk.store.write() as session:
        await service.begin_work(session, ticket, who=AIKO, now=desk.now)
    desk.clock.advance(3 * 3600)
    assert await desk.told() == []


async def test_a_sudden_closing_is_told_to_whom_it_touches_and_not_once_more_when_the_time_comes(
    desk: Counter,
) -> None:
    desk.tell("delayed")
    ticket = await desk.ask()
    desk.clock.advance(600)
    later = await desk.ask("b", email=HANAKO, number="+81312345678")
    begin = NOON + timedelta(hours=1)
    desk.live.closed = [Closing(begin, NOON + timedelta(hours=2, minutes=5), "台風")]
    ((to, subject, text),) = await desk.told()
    assert (to, subject) == (TARO, f"ご連絡が遅れる見込みでございます（受付番号 {ticket}）")
    assert "台風のため、お約束の日時までに" in text
    desk.live.closed = []
    desk.clock.advance(2 * 3600 + 1)
    ((to, subject, _),) = await desk.told()
    assert (to, subject) == (HANAKO, f"ご連絡が遅れております（受付番号 {later}）")


async def test_a_wrong_number_is_asked_for_again(desk: Counter) -> None:
    desk.tell("not_reached")
    ticket = await desk.ask()
    await desk.claim(ticket)
    await desk.record(ticket, "wrong_number")
    ((_, _, text),) = await desk.told()
    assert "お電話番号をお確かめのうえ、もう一度お申し込みください" in text and "次のお電話" not in text


async def test_a_result_that_is_put_right_is_told_once(desk: Counter) -> None:
    desk.tell("not_reached")
    ticket = await desk.ask()
    await desk.claim(ticket)
    async with desk.store.write() as session:
        await dialing.begin(session, ticket, who=AIKO, key="d1", policy=POLICY, now=desk.now)
        await dialing.ended(session, "d1", policy=POLICY, now=desk.now, outcome="no_answer")
    ((_, subject, _),) = await desk.told()
    assert subject.startswith("お電話いたしましたが")
    async with desk.store.write() as session:  # as the pages put a result right
        await callbacks.transition(
            session, ticket, version=(await desk.row_of(ticket)).version, after="open", who="aiko", what="result",
            at=desk.now, why="machine", changes={"outcome": "machine"},
        )  # fmt: skip
    assert await desk.told() == []


async def test_matter_sign_and_answers_only_where_the_line_says_so(desk: Counter) -> None:
    desk.tell(
        "received", include="matter", reply_to="desk@example.co.jp", sign="サポート窓口\n電話 050-3185-9080"
    )
    await desk.ask(name="当選おめでとう http://evil.example をご覧ください")
    assert await desk.round() == 1
    (mail,) = desk.server.parsed()
    text = _text(mail)
    assert mail["Reply-To"] == "desk@example.co.jp"
    assert "ご用件：\n解約について" in text and "サポート窓口\n電話 050-3185-9080" in text
    assert "お答えすることができません" not in text
    assert text.startswith("お客様\n") and "evil" not in text, "a name that is none is nobody's advertisement"


async def test_a_line_that_tells_nobody_and_a_customer_without_an_address(desk: Counter) -> None:
    await desk.ask()
    assert await desk.told() == []
    desk.tell()
    ticket = await desk.ask("b", email=None, number="+81312345678")
    async with desk.store.write() as session:
        await service.cancel(session, ticket, who=BOSS, why="x", now=desk.now)
    assert await desk.told() == [] and await desk.rows() == []


async def test_an_address_that_was_deleted_is_told_nothing(desk: Counter) -> None:
    desk.tell("done")
    ticket = await desk.ask()
    async with desk.store.write() as session:
        await service.close(session, ticket, who=AIKO, now=desk.now, note="済")
    await desk.notices.sweep()
    async with desk.store.write() as session:
        await session.execute(update(ContactRow).values(email=None))
        await session.execute(update(CallbackRow).values(email=None))
    assert await desk.told() == []
    assert (await desk.row()).state == "spared"


async def test_a_mistyped_address_raises_no_alarm(desk: Counter) -> None:
    desk.tell("received")
    desk.server.rcpt.append("550 5.1.1 no such user")
    await desk.ask()
    await desk.round()
    assert ((await desk.row()).state, await desk.alarms()) == ("failed", [])


# -- supervisors ----------------------------------------------------------------------------------


async def test_near_due_then_tier_two_then_tier_three_each_to_its_people(desk: Counter) -> None:
    desk.rules(
        {"when": "near_due", "mail": "team@example.co.jp"},
        {"when": "tier2", "mail": "second@example.co.jp", "include": "history"},
        {"when": "tier3", "mail": "third@example.co.jp", "include": ["history", "number"]},
    )
    ticket = await desk.ask()

    async def passes(seconds: float) -> list[tuple[str, str, str]]:
        desk.clock.advance(seconds)
        await escalation.sweep(desk.store, lambda line: POLICY, desk.now)
        return await desk.told(settled=False)

    assert await passes(6299) == []
    ((to, subject, text),) = await passes(1)  # 13:45
    assert (to, subject) == ("team@example.co.jp", "折り返し期限が近づいているご案内")
    assert f"受付番号：{ticket}" in text and "担当：決まっておりません" in text and "経緯" not in text
    await desk.claim(ticket)
    ((to, subject, text),) = await passes(900)
    assert (to, subject) == ("second@example.co.jp", "折り返し期限を過ぎたご案内（二次対応）")
    assert "担当：aiko" in text
    assert "11月24日 12:00　受付（自動）" in text and "11月24日 13:45　担当になりました（aiko）" in text
    assert "9012345678" not in text.replace("-", "")
    ((to, _, text),) = await passes(3600)
    assert (
        to == "third@example.co.jp"
        and "上位に上げました（自動）：第2階層" in text
        and "090-1234-5678" in text
    )
    assert await passes(3600) == []


async def test_what_was_begun_meanwhile_is_told_no_more(desk: Counter) -> None:
    desk.rules({"when": "near_due", "mail": "team@example.co.jp"})
    ticket = await desk.ask()
    desk.clock.advance(6300)
    await escalation.sweep(desk.store, lambda line: POLICY, desk.now)
    await desk.notices.sweep()
    async with desk.store.write() as session:
        await service.begin_work(session, ticket, who=AIKO, now=desk.now)
    assert await desk.told() == []
    assert (await desk.row()).state == "spared"


async def test_news_that_are_due_are_asked_for_each_hour_until_somebody_tells_them(desk: Counter) -> None:
    """Desk 3: progress every hour for critical ones."""
    desk.rules({"when": "news_due", "mail": "team@example.co.jp"})
    rules = CallbackRules.model_validate({"critical": {"response": "15m", "news": "1h"}})
    policy = Policy(rules, lambda hours: OFFICE)
    ticket = await desk.ask()
    async with desk.store.write() as session:
        await service.raise_priority(session, ticket, "critical", who=AIKO, why="停止", now=desk.now)
        await service.begin_work(session, ticket, who=AIKO, now=desk.now)

    async def passes(minutes: int) -> list[tuple[str, str, str]]:
        desk.clock.advance(minutes * 60)
        await escalation.sweep(desk.store, lambda line: policy, desk.now)
        await escalation.sweep(desk.store, lambda line: policy, desk.now)
        return await desk.told(settled=False)

    assert await passes(59) == []
    ((to, subject, text),) = await passes(1)
    assert (to, subject) == ("team@example.co.jp", "お客様への経過のご連絡のお願い")
    assert f"受付番号：{ticket}" in text
    assert await passes(120) == [], "once for each"
    async with desk.store.write() as session:
        await escalation.news_told(session, ticket, policy=policy, who=AIKO, now=desk.now)
    assert await passes(59) == []
    assert len(await passes(1)) == 1
    async with desk.store.write() as session:
        await escalation.news_told(session, ticket, policy=policy, who=AIKO, now=desk.now)
        await service.close(session, ticket, who=AIKO, now=desk.now, note="済")
    assert await passes(61) == []


async def test_a_customer_whom_nobody_reaches_is_put_before_a_supervisor(desk: Counter) -> None:
    desk.rules({"when": "exhausted", "mail": "leader@example.co.jp"})
    ticket = await desk.ask()
    for day in range(3):
        desk.clock._now = NOON + timedelta(days=day)
        await desk.claim(ticket)
        row = await desk.record(ticket, "no_answer")
        assert (await desk.told() == []) == (day < 2)
    assert row.exhausted_at is not None
    (told,) = [one for one in await desk.rows() if one.event == "exhausted"]
    assert (told.target, told.state) == ("leader@example.co.jp", "sent")


# -- programs -------------------------------------------------------------------------------------


async def test_a_webhook_gets_everything_that_happens_signed_and_once(desk: Counter) -> None:
    async with WebHook() as hook:
        hook.answers.append(500)
        desk.places.write_text(f'[webhook.crm]\nurl = "{hook.url}"\nsecret = "{SECRET}"\n')
        desk.rules({"when": "change", "webhook": "crm"})
        ticket = await desk.ask()
        await desk.claim(ticket)
        await desk.record(ticket, "no_answer", note="奥様が応答。解約の件")
        await desk.round()
        desk.clock.advance(61)
        await desk.round()
        await desk.round()
        assert all(one.signed for one in hook.received)
        assert len(hook.received) == 4, "three, one of them twice: the other side was down"
        keys = [one.key for one in hook.received]
        assert len(set(keys)) == 3 and keys[0] == keys[3]
        told = sorted((one.told for one in hook.received[1:]), key=lambda one: one["change"]["id"])
        assert [(one["event"], one["change"]["what"], one["change"]["by"]) for one in told] == [
            ("change", "created", "system"),
            ("change", "claim", "aiko"),
            ("change", "result", "aiko"),
        ]
        assert [(one["change"]["before"], one["change"]["after"]) for one in told] == [
            (None, "open"), ("open", "claimed"), ("claimed", "open"),
        ]  # fmt: skip
        last = told[-1]
        assert (last["ticket"], last["state"], last["outcome"]) == (ticket, "open", "no_answer")
        assert last["next_at"] == "2026-11-24T16:00:00+09:00"
        assert last["change"]["why"] is None, "an agent's own words are the matter"
        assert "number" not in last and "matter" not in last


async def test_who_asked_by_the_form_is_told_of_as_that(desk: Counter) -> None:
    desk.rules({"when": "callback", "mail": "desk@example.co.jp", "include": ["matter", "number"]})
    await desk.ask()
    ((_, subject, text),) = await desk.told(settled=False)
    assert subject == "折り返し必要のご案内"
    assert "お申し込みのページで、折り返しのお電話のお申し込みをいただきました" in text
    assert "お客様よりお電話をいただき" not in text
    assert "ご用件：\n解約について" in text and "お電話番号：090-1234-5678" in text


async def test_the_matter_goes_along_where_the_line_says_so(desk: Counter) -> None:
    async with WebHook() as hook:
        desk.places.write_text(f'[webhook.crm]\nurl = "{hook.url}"\nsecret = "{SECRET}"\n')
        desk.rules({"when": "change", "webhook": "crm", "include": ["matter", "number", "history"]})
        ticket = await desk.ask()
        async with desk.store.write() as session:
            await service.cancel(session, ticket, who=BOSS, why="お客様のご希望", now=desk.now)
        await desk.round()
        told = next(one.told for one in hook.received if one.told["change"]["what"] == "cancel")
        assert (told["number"], told["matter"], told["matter_model"]) == (NUMBER, "解約について", None)
        assert told["change"]["why"] == "お客様のご希望"
        assert [one["what"] for one in told["history"]] == ["created", "cancel"]


async def test_a_text_of_the_trial_model_is_marked_wherever_it_is_carried(desk: Counter) -> None:
    async with WebHook() as hook:
        desk.places.write_text(f'[webhook.crm]\nurl = "{hook.url}"\nsecret = "{SECRET}"\n')
        desk.rules({"when": "callback", "mail": "desk@example.co.jp", "webhook": "crm", "include": "matter"})
        heard = {"transcript_state": "done", "transcript_text": "解約", "transcript_trial": True}
        message = await desk.leave()
        await desk.change(message, **heard, transcript_model="vosk-tiny-ja", reading_state="done")
        ((_, _, text),) = await desk.told()
        assert "ご用件（試験用モデルによる文字起こし）：\n解約" in text
        assert hook.received[0].told["matter_model"] == "vosk-tiny-ja（試験用モデル）"
        other = await desk.leave()
        corrected = {"corrected_text": "解約したい", "reading_state": "done"}
        await desk.change(other, **heard, **corrected, transcript_model="vosk-tiny-ja")
        ((_, _, text),) = await desk.told()
        assert "ご用件：\n解約したい" in text, "what a person put right is no machine's"
        assert hook.received[1].told["matter_model"] is None
