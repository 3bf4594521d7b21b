"""Ringing back from a ticket: what is stored before anything rings, refusals, results with the next attempt, and taking back."""

import re

from aiohttp.test_utils import TestClient
from sqlalchemy import delete, select

from ivr.callbacks import dialing, escalation, lists, ringing, service, undo
from ivr.callbacks.policy import Policy
from ivr.callbacks.who import Who
from ivr.dialplan.callbacks import CallbackRules
from ivr.store import agents, barred, deletions
from ivr.store.database import Store
from ivr.store.deletions import Cause
from ivr.store.tables import AgentRow, CallbackRow, UndoRow
from tests.web.conftest import Login, StoppedClock
from tests.web.tickets import (
    TANAKA,
    ask,
    at,
    history,
    made_dials,
    ordered,
    page,
    row_of,
    send,
    words,
)
from tests.web.tickets import alice as alice
from tests.web.tickets import filled as filled
from tests.web.tickets import staffed as staffed

POLICY = Policy(CallbackRules(), lambda hours: None)
BEN = Who("ben", "shop")
KEY = "0123456789abcdef0123456789abcdef"


async def ring(
    client: TestClient, store: Store, ticket: str, to: str = "telephone", key: str = KEY, **more: str
) -> tuple[int, str]:
    return await send(client, ticket, "dial", {"to": to, "key": key, **more}, store=store)


async def talked(store: Store, key: str = KEY) -> None:
    """As the engine has it: the customer answered, they talked, somebody hung up."""
    async with store.write() as db:
        now = at("2026-11-24T11:01")
        assert await dialing.answered(db, f"page {key}", until=at("2026-11-24T11:30"), now=now)
        await dialing.ended(db, f"page {key}", None, policy=POLICY, now=now)


# -- the dial ---------------------------------------------------------------------------------


async def test_a_dial_is_stored_and_ordered_once_however_often_it_is_sent(
    alice: TestClient, store: Store
) -> None:
    ticket = await ask(store)
    assert await ring(alice, store, ticket) == (303, f"/callbacks/{ticket}")
    row = await row_of(store, ticket)
    assert (row.state, row.agent, row.attempts) == ("dialing", "alice", 1)
    assert row.begun_at == at("2026-11-24T11:00"), "the clock of the promise stops"
    assert (await send(alice, ticket, "dial", {"to": "telephone", "key": KEY, "version": "0"}))[0] == 303
    assert [(one.kind, one.data) for one in await ordered(store)] == [
        ("dial", {"key": f"page {KEY}", "to": "telephone"})
    ]
    assert [one.by_hand for one in await made_dials(store, ticket)] == [False]
    assert "先に、あなたの電話機が鳴ります。" in words(await page(alice, ticket))


async def test_on_a_mobile_the_agents_own_mobile_rings_first(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    assert "携帯電話（080-5555-6666）で発信する" in await page(alice, ticket)
    assert (await ring(alice, store, ticket, "mobile"))[0] == 303
    assert [one.data["to"] for one in await ordered(store)] == ["mobile"]
    assert TANAKA not in str([one.data for one in await ordered(store)]), "no number stands in an order"


async def test_a_link_to_ring_by_comes_after_claim_and_lock_and_asks_for_the_result(
    alice: TestClient, store: Store
) -> None:
    ticket = await ask(store)
    assert "tel:" not in await page(alice, ticket)
    assert (await ring(alice, store, ticket, "hand"))[0] == 303
    assert f'href="tel:{TANAKA}"' in await page(alice, ticket)
    assert await ordered(store) == [], "no engine has to do with it"
    dial = (await made_dials(store, ticket))[0]
    assert (dial.by_hand, dial.agent, dial.outcome) == (True, "alice", None)
    result_first = (409, "お電話が終わってから、結果を記録してください。")
    assert await send(alice, ticket, "give-back", store=store) == result_first
    assert (await send(alice, ticket, "result", {"result": "no_answer"}, store=store))[0] == 303
    assert "tel:" not in await page(alice, ticket)


async def test_a_call_by_hand_that_nobody_told_of_is_asked_for_until_somebody_does(
    alice: TestClient, login: Login, store: Store, clock: StoppedClock
) -> None:
    ticket, other = await ask(store), await ask(store, "b", number="+81312345678", due="1h")
    await ring(alice, store, ticket, "hand")
    clock.at = at("2026-11-24T11:16")
    await escalation.sweep(store, lambda line: POLICY, clock.at)
    row = await row_of(store, ticket)
    assert (row.state, row.agent, row.attempts, row.unrecorded) == ("open", None, 1, "alice")
    asked = f"お電話の結果が未記録です 受付番号 {ticket}を記録する"
    assert asked in words(await page(alice, other)), "wherever its agent goes on"
    front = await (await alice.get("/callbacks")).text()
    assert f'data-one="{ticket}"' in front, "it comes before what is due earlier"
    assert re.search(rf'id="row-{ticket}".*?<span class="tag strong">結果未記録</span>', front, re.DOTALL)
    html = await page(alice, ticket)
    assert "お電話の結果が、まだ記録されていません。" in words(html)
    assert re.search(r'id="act-result" class="act" open data-wanted', html)
    ben = await login("ben")
    html = await page(ben, ticket)
    assert "結果未記録（alice）" in html and "data-wanted" not in html, "only who rang knows"
    assert asked not in words(await page(ben, other))
    form = {"result": "no_answer"}
    assert await send(alice, ticket, "result", form, store=store) == (303, f"/callbacks/{other}")
    row = await row_of(store, ticket)
    assert (row.state, row.outcome, row.attempts, row.unrecorded) == ("open", "no_answer", 1, None)
    assert asked not in words(await page(alice, other))


async def test_a_customer_of_whose_last_call_nobody_told_is_rung_only_by_who_knows_it(
    alice: TestClient, store: Store, clock: StoppedClock
) -> None:
    ticket = await ask(store, company="山田商店", preferred_time="午後")
    twin = await ask(store, "b", company="田中工業")
    await ring(alice, store, twin, "hand")
    clock.at = at("2026-11-24T11:16")
    await escalation.sweep(store, lambda line: POLICY, clock.at)
    said = "aliceさんがこのお客様にかけたお電話の結果が、まだ記録されていません。先に確かめてください。"
    assert await ring(alice, store, ticket, key="e" * 32) == (409, said), "on whichever ticket"
    form = {"to": "telephone", "key": "e" * 32, "version": "0", "insist": "unrecorded"}
    token = re.findall(r'name="token" value="([^"]+)"', await page(alice, ticket))[0]
    html = await (await alice.post(f"/callbacks/{ticket}/dial", data={**form, "token": token})).text()
    assert re.findall(r'name="insist" value="([^"]+)"', html) == ["unrecorded", "wish"], "one after the other"


async def test_the_lock_of_a_call_by_hand_goes_on_with_its_agent(
    alice: TestClient, store: Store, clock: StoppedClock
) -> None:
    ticket, twin = await ask(store, company="山田商店"), await ask(store, "b", company="田中工業")
    await ring(alice, store, ticket, "hand")
    clock.at = at("2026-11-24T11:14")
    token = re.findall(r'name="token" value="([^"]+)"', await page(alice, ticket))[0]
    assert (await alice.post(f"/callbacks/{ticket}/active", data={"token": token})).status == 204
    clock.at = at("2026-11-24T11:20")
    locked = (409, "aliceさんが、このお客様に発信中です。")
    assert await ring(alice, store, twin, key="e" * 32) == locked


async def test_the_same_key_once_more_neither_rings_nor_claims(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    await ring(alice, store, ticket)
    async with store.write() as db:
        await ringing.not_rung(
            db, f"page {KEY}", "外線がいっぱいでした。", now=at("2026-11-24T11:01"), free=True
        )
    assert await ring(alice, store, ticket) == (303, f"/callbacks/{ticket}")
    row = await row_of(store, ticket)
    assert (row.state, row.agent) == ("open", None)
    assert len(await made_dials(store, ticket)) == len(await ordered(store)) == 1


async def test_no_link_where_the_line_does_not_allow_it(login: Login, store: Store) -> None:
    ticket = await ask(store, tenant="sakura")
    dave = await login("dave")
    assert 'value="hand"' not in await page(dave, ticket)
    said = "この窓口では、携帯電話から直接かけることはできません。"
    assert await ring(dave, store, ticket, "hand") == (409, said)
    assert await made_dials(store, ticket) == []


async def test_who_has_no_telephone_here_is_told(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    async with store.write() as db:
        (await agents.get(db, "alice")).mobile = None
    no_mobile = (409, "あなたの携帯電話が登録されていません。管理者にご連絡ください。")
    assert await ring(alice, store, ticket, "mobile") == no_mobile
    async with store.write() as db:
        await db.execute(delete(AgentRow).where(AgentRow.name == "alice"))
    no_telephone = (409, "あなたの電話機が登録されていません。管理者にご連絡ください。")
    assert await ring(alice, store, ticket) == no_telephone
    assert await ring(alice, store, ticket, "elsewhere") == (409, "発信する電話機を選んでください。")
    assert (await row_of(store, ticket)).state == "open", "a dial that is refused claims nothing"


async def test_what_forbids_a_dial_is_said_and_nothing_is_claimed(
    alice: TestClient, store: Store, clock: StoppedClock
) -> None:
    ticket = await ask(store, preferred_time="午後")
    clock.at = at("2026-11-24T20:30")
    night = (409, "お客様にお電話できる時間帯ではありません。")
    assert await ring(alice, store, ticket, insist="hours") == night, "whoever insists"
    clock.at = at("2026-11-24T11:00")
    wish = (409, "お客様のご希望の時間帯（午後）ではありません。")
    assert await ring(alice, store, ticket) == wish
    assert (await row_of(store, ticket)).state == "open"
    assert (await ring(alice, store, ticket, insist="wish"))[0] == 303
    assert (await row_of(store, ticket)).state == "dialing"


async def test_a_refusal_that_one_may_go_against_has_a_second_button(alice: TestClient, store: Store) -> None:
    ticket = await ask(store, preferred_time="午後")
    token = re.findall(r'name="token" value="([^"]+)"', await page(alice, ticket))[0]
    form = {"token": token, "version": "0", "key": KEY, "to": "telephone"}
    html = await (await alice.post(f"/callbacks/{ticket}/dial", data=form)).text()
    assert "それでも電話機で発信する" in html and 'name="insist" value="wish"' in html
    assert "それでも" not in await page(alice, ticket)


async def test_a_customer_who_is_rung_on_another_ticket_is_not_rung(alice: TestClient, store: Store) -> None:
    one, other = await ask(store, "a", company="山田商店"), await ask(store, "b", company="田中工業")
    async with store.write() as db:
        now = at("2026-11-24T11:00")
        await service.claim(db, other, BEN, until=at("2026-11-24T11:15"), now=now)
        await dialing.begin(db, other, who=BEN, key="b1", policy=POLICY, now=now)
    assert await ring(alice, store, one) == (409, "benさんが、このお客様に発信中です。")
    assert await ring(alice, store, other, key="f" * 32) == (409, "この折り返しは、benさんが担当しています。")


async def test_a_key_that_no_page_made_rings_nobody(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    for key in ("", "x" * 32, "0" * 31):
        assert (await ring(alice, store, ticket, key=key))[0] == 409, key
    assert await made_dials(store, ticket) == []


# -- results ------------------------------------------------------------------------------------


async def test_after_a_talk_the_result_is_asked_for_and_the_next_ticket_comes(
    alice: TestClient, store: Store
) -> None:
    ticket = await ask(store, "a", due="1h")
    later, sooner = (
        await ask(store, "b", number="+81312345678", due="8h"),
        await ask(store, "c", number="+81312345679", due="2h"),
    )
    await ring(alice, store, ticket)
    await talked(store)
    html = await page(alice, ticket)
    assert re.search(r'id="act-result" class="act" open data-wanted', html)
    assert "お電話の結果を記録してください。" in html
    assert "通話が終わりました。 結果を記録してください。" in words(html) and "お話し中です" not in html
    form = {"result": "reached", "then": "done", "note": "ご案内済み"}
    assert await send(alice, ticket, "result", form, store=store) == (303, f"/callbacks/{sooner}")
    row = await row_of(store, ticket)
    assert (row.state, row.outcome, row.result) == ("done", "reached", "ご案内済み")
    assert (await send(alice, sooner, "claim"))[0] == 303
    await send(alice, later, "claim")
    assert await send(alice, later, "cancel", {"why": "誤り"}, store=store) == (
        303,
        f"/callbacks/{sooner}",
    ), "what is one's own comes first"


async def test_the_customers_of_others_come_last_but_not_for_their_deputy(login: Login, store: Store) -> None:
    boss, since = Who("sam", "shop", supervisor=True), at("2026-11-24T10:00")
    async with store.write() as db:
        await lists.dedicate(
            db, "03-1234-5679", tenant="shop", agent="carol", deputy="ben", who=boss, now=since
        )
    ticket, theirs = await ask(store), await ask(store, "b", number="+81312345679", due="1h")
    others, _ = [
        await ask(store, each, number=f"+8131234567{n}", due=f"{n}h") for n, each in ((2, "c"), (3, "d"))
    ]
    alice = await login("alice")
    assert await send(alice, ticket, "cancel", {"why": "誤り"}, store=store) == (303, f"/callbacks/{others}")
    ben = await login("ben")
    assert "専任担当 carol（代理 ben）" in words(await page(ben, theirs))
    assert await send(ben, others, "cancel", {"why": "誤り"}, store=store) == (303, f"/callbacks/{theirs}")


async def test_nothing_is_asked_of_a_customer_who_was_never_rung(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    await ring(alice, store, ticket)
    async with store.write() as db:
        await ringing.not_rung(db, f"page {KEY}", "外線がいっぱいでした。", now=at("2026-11-24T11:01"))
    html = await page(alice, ticket)
    assert "外線がいっぱいでした。" in html and "data-wanted" not in html and "通話が終わりました" not in html


RESULTS = (
    ("busy", "2026-11-24T11:10", "話中"),
    ("no_answer", "2026-11-24T13:00", "不在"),
    ("machine", "2026-11-24T13:00", "留守電"),
    ("left_word", "2026-11-24T13:00", "伝言あり"),
    ("other_person", "2026-11-24T13:00", "別の方が応答"),
    ("refused", "2026-11-24T13:00", "着信拒否・発信規制"),
    ("wrong_number", None, "番号違い"),
    ("no_more_calls", None, "今後の連絡不要"),
)


async def test_a_result_that_reached_nobody_leaves_it_open_with_the_next_attempt(
    alice: TestClient, store: Store
) -> None:
    for place, (result, next_at, said) in enumerate(RESULTS):
        ticket = await ask(store, result, number=f"+8131234560{place}")
        await send(alice, ticket, "claim")
        shown = re.search(rf'value="{result}" required data-next="([^"]*)"', await page(alice, ticket))
        assert shown and shown[1] == (next_at or ""), "it is shown before it is recorded"
        form = {"result": result, "then": "done", "note": ""}
        assert (await send(alice, ticket, "result", form, store=store))[0] == 303
        row = await row_of(store, ticket)
        assert (row.state, row.agent, row.outcome) == ("open", None, result), (
            "none of them answers a callback"
        )
        assert row.next_at == (None if next_at is None else at(next_at)), result
        assert f"結果を記録しました ：{said}" in words(await page(alice, ticket))


async def test_the_next_attempt_may_be_another_one(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    await send(alice, ticket, "claim")
    form = {"result": "no_answer", "next_at": "2026-11-26T10:30", "note": "呼出音のみ"}
    await send(alice, ticket, "result", form, store=store)
    assert "結果を記録しました ：不在、呼出音のみ" in words(await page(alice, ticket))
    assert (await row_of(store, ticket)).next_at == at("2026-11-26T10:30")
    assert (await send(alice, ticket, "next", {"next_at": "2026-11-27T09:30"}, store=store))[0] == 303
    assert (await row_of(store, ticket)).next_at == at("2026-11-27T09:30")
    for wrong, said in (
        ("2026-11-24T10:59", "次回の日時は、今より後にしてください。"),
        ("あした", "日時は「2026-11-25 14:30」のように入力してください。"),
    ):
        assert await send(alice, ticket, "next", {"next_at": wrong}, store=store) == (409, said)


async def test_a_wrong_number_is_not_rung_again_for_this_ticket(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    await send(alice, ticket, "claim")
    await send(alice, ticket, "result", {"result": "wrong_number"}, store=store)
    assert await ring(alice, store, ticket) == (
        409,
        "番号違いと記録されています。正しい番号を入力してください。",
    )
    await send(alice, ticket, "edit", {"number": "03-1234-5678"}, store=store)
    assert (await ring(alice, store, ticket))[0] == 303


async def test_what_is_looked_into_has_a_time_and_may_wait_for_the_customer(
    alice: TestClient, store: Store
) -> None:
    ticket = await ask(store)
    await ring(alice, store, ticket)
    await talked(store)
    form = {"result": "reached", "then": "working"}
    assert await send(alice, ticket, "result", form, store=store) == (
        409,
        "確認中にするには、次にご連絡する日時が必要です。",
    )
    await send(alice, ticket, "result", {**form, "next_at": "2026-11-24T15:00"}, store=store)
    row = await row_of(store, ticket)
    assert (row.state, row.agent, row.next_at) == ("working", "alice", at("2026-11-24T15:00"))
    assert (await send(alice, ticket, "next", {"state": "waiting"}, store=store))[0] == 303
    assert (await row_of(store, ticket)).state == "waiting"
    assert await send(alice, ticket, "next", {"state": "working"}, store=store) == (
        409,
        "確認中にするには、次にご連絡する日時が必要です。",
    )
    other = await ask(store, "b", number="+81312345678")
    await send(alice, other, "claim")
    assert (await send(alice, other, "next", {"state": "waiting"}, store=store))[0] == 409


async def test_who_does_not_have_a_ticket_records_nothing(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    assert await send(alice, ticket, "result", {"result": "busy"}, store=store) == (
        409,
        "この折り返しの担当ではありません。担当してから結果を記録してください。",
    )
    await send(alice, ticket, "claim")
    for wrong in ("", "done", "open"):
        said = (409, "結果を選んでください。")
        assert await send(alice, ticket, "result", {"result": wrong}, store=store) == said


# -- what is said --------------------------------------------------------------------------------


async def test_the_script_holds_nothing_of_the_matter_before_the_customer_is_known(
    alice: TestClient, store: Store
) -> None:
    ticket = await ask(store, name="佐藤 花子", matter="解約したい")
    html = await page(alice, ticket)
    script, confirmed = html[html.index('id="script"') :].split('<details id="confirmed"', 1)
    assert "佐藤 花子様でいらっしゃいますでしょうか。" in script
    assert "aliceでございます。また、お電話いたします。" in script, "what the line lets them say to others"
    assert "解約" not in script and "山田商店" not in script
    confirmed = confirmed[: confirmed.index("</details>")]
    assert "ご本人と確認" in confirmed
    assert "山田商店のaliceでございます。本日午前10時50分にお問い合わせいただきました件で" in confirmed
    assert "「解約したい」" in confirmed


# -- taking back ---------------------------------------------------------------------------------


TAKEN_BACK: tuple[tuple[str, dict[str, str]], ...] = (
    ("result", {"result": "no_answer"}),
    ("result", {"result": "reached", "then": "done"}),
    ("result", {"result": "no_more_calls"}),
    ("give-back", {}),
    ("done", {"note": "誤り"}),
    ("offer", {"to": "ben", "memo": "m"}),
    ("edit", {"name": "別の人", "number": "03-1234-5678"}),
    ("flag", {"careful": "on"}),
    ("next", {"next_at": "2026-11-30T10:00"}),
    ("priority", {"priority": "low", "why": "w"}),
)
BACK = (
    *("name", "number", "careful", "next_at", "priority", "result", "outcome", "done_at", "due_at", "state"),
    *("agent", "offered_to"),
)


async def test_what_one_did_last_is_taken_back(alice: TestClient, store: Store) -> None:
    for place, (action, form) in enumerate(TAKEN_BACK):
        ticket = await ask(store, f"{place}", number=f"+8131234560{place}", name="佐藤")
        await send(alice, ticket, "claim")
        before = await row_of(store, ticket)
        assert (await send(alice, ticket, action, form, store=store))[0] == 303
        assert f"/callbacks/{ticket}/undo" in await page(alice, ticket)
        assert await send(alice, ticket, "undo") == (303, f"/callbacks/{ticket}")
        row = await row_of(store, ticket)
        for name in BACK:
            assert getattr(row, name) == getattr(before, name), (action, name)
        assert (await history(store, ticket))[-1][:2] == ("alice", "undo")
        assert await send(alice, ticket, "undo") == (409, "元に戻せる操作がありません。"), "once"
    async with store.read() as db:
        listed = await barred.standing(db, "outgoing", tenant="shop", now=at("2026-11-24T11:00"))
        assert list(listed) == [], "nor is 今後の連絡不要 waiting for its approval"


async def test_a_claim_that_is_taken_back_frees_the_ticket(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    await send(alice, ticket, "claim")
    await send(alice, ticket, "undo")
    row = await row_of(store, ticket)
    assert (row.state, row.agent, row.lease_until) == ("open", None, None)


async def test_a_result_that_was_taken_back_is_asked_for_again(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    await ring(alice, store, ticket)
    await talked(store)
    await send(alice, ticket, "result", {"result": "reached", "then": "done"}, store=store)
    await send(alice, ticket, "undo")
    row = await row_of(store, ticket)
    assert (row.state, row.begun_at) == ("claimed", at("2026-11-24T11:00")), "that it was rung stays true"
    html = await page(alice, ticket)
    assert "data-wanted" in html and words(html).count("元に戻しました ：結果を記録しました") == 1
    await send(alice, ticket, "result", {"result": "left_word"}, store=store)
    assert [one.outcome for one in await made_dials(store, ticket)] == ["left_word"], "of one dial"


async def test_what_cannot_be_taken_back_is_said(alice: TestClient, store: Store) -> None:
    never: dict[str, dict[str, str]] = {
        "begin": {},
        "memo": {"memo": "m"},
        "cancel": {"why": "誤り"},
        "dial": {"to": "telephone", "key": KEY},
    }
    for place, (action, form) in enumerate(never.items()):
        ticket = await ask(store, action, number=f"+8131234560{place}")
        await send(alice, ticket, "claim")
        assert (await send(alice, ticket, action, form, store=store))[0] == 303
        assert await send(alice, ticket, "undo") == (409, "この操作は、元に戻せません。"), action


async def test_nothing_is_taken_back_late_or_after_somebody_else(
    alice: TestClient, store: Store, clock: StoppedClock
) -> None:
    ticket = await ask(store)
    await send(alice, ticket, "flag", {"careful": "on"}, store=store)
    async with store.write() as db:
        await service.claim(db, ticket, BEN, until=at("2026-11-24T11:15"), now=at("2026-11-24T11:00"))
    assert await send(alice, ticket, "undo") == (409, "そのあとに変更があったため、元に戻せません。")
    other = await ask(store, "b", number="+81312345678")
    await send(alice, other, "claim")
    clock.at = at("2026-11-24T11:02")
    assert f"/callbacks/{other}/undo" not in await page(alice, other)
    assert await send(alice, other, "undo") == (409, "時間がたったため、元に戻せません。")
    assert (await row_of(store, other)).state == "claimed"


async def test_what_was_deleted_is_not_taken_back(alice: TestClient, store: Store) -> None:
    ticket = await ask(store, name="佐藤")
    await send(alice, ticket, "edit", {"name": "佐藤 花子"}, store=store)
    cause = Cause(at("2026-11-24T11:00"), "sam", "asked", "ご本人のご希望により削除")
    async with store.write() as db:
        assert await deletions.remarks(db, [CallbackRow.ticket == ticket], 10, cause) == 1
        assert (await db.scalars(select(UndoRow))).all() == [], "what it was like before is kept no longer"
    assert await send(alice, ticket, "undo") == (409, "元に戻せる操作がありません。")
    assert (await row_of(store, ticket)).name is None


async def test_what_was_done_is_taken_back_after_a_restart_and_by_who_did_it_alone(
    alice: TestClient, login: Login, store: Store
) -> None:
    ticket = await ask(store)
    await send(alice, ticket, "claim")
    ben = await login("ben")
    assert "/undo" not in await page(ben, ticket)
    assert await send(ben, ticket, "undo") == (409, "元に戻せる操作がありません。")
    async with store.write() as db:  # as another process would, which has seen none of it
        row = await undo.undo(db, ticket, who=Who("alice", "shop"), now=at("2026-11-24T11:01"))
    assert (row.state, row.agent) == ("open", None)
