"""What agents do to a ticket by its forms: who has it, who may, what stands against it, and what is kept of what was typed."""

import re

from aiohttp.test_utils import TestClient

from ivr.callbacks import service
from ivr.callbacks.who import Who
from ivr.settings import Settings
from ivr.store import callbacks, messages, users
from ivr.store.database import Store
from ivr.web.auth.passwords import make_hash
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.desk import NOW, PASSWORD
from tests.web.tickets import NOTHING, ask, at, audited, history, leave, page, row_of, send, words
from tests.web.tickets import alice as alice
from tests.web.tickets import filled as filled
from tests.web.tickets import staffed as staffed

BEN = Who("ben", "shop")


async def ben_claims(store: Store, ticket: str) -> None:
    async with store.write() as db:
        await service.claim(db, ticket, BEN, until=at("2026-11-24T11:10"), now=at("2026-11-24T11:00"))


# -- who has it -------------------------------------------------------------------------------


async def test_who_claims_has_it_for_a_quarter_of_an_hour_and_gives_it_back(
    alice: TestClient, store: Store
) -> None:
    ticket = await ask(store)
    assert await send(alice, ticket, "claim") == (303, f"/callbacks/{ticket}")
    row = await row_of(store, ticket)
    assert (row.state, row.agent, row.lease_until) == ("claimed", "alice", at("2026-11-24T11:15"))
    assert row.begun_at is None, "a claim keeps no promise"
    assert (await send(alice, ticket, "give-back", {"why": "会議のため"}, store=store))[0] == 303
    row = await row_of(store, ticket)
    assert (row.state, row.agent, row.lease_until) == ("open", None, None)
    assert await history(store, ticket) == [("alice", "claim", None), ("alice", "give_back", "会議のため")]
    changes = [one for one in await audited(store, ticket) if one[1] != "view"]
    assert changes == [("alice", "change", "claim"), ("alice", "change", "give-back")]


async def test_who_loses_a_claim_is_told_by_whom(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    await ben_claims(store, ticket)
    assert await send(alice, ticket, "claim") == (409, "この折り返しは、benさんが担当しています。")
    assert (await row_of(store, ticket)).agent == "ben"
    html = await page(alice, ticket)
    assert "benさんが担当しています。" in html
    assert re.search(r'class="act-claim" hidden>', html), "there is nothing to claim"


async def test_a_ticket_whose_lease_is_over_is_anybodys(
    alice: TestClient, store: Store, clock: StoppedClock
) -> None:
    ticket = await ask(store)
    await ben_claims(store, ticket)
    clock.at = at("2026-11-24T11:10")
    assert (await send(alice, ticket, "claim"))[0] == 303
    assert (await row_of(store, ticket)).agent == "alice"


async def test_the_lease_goes_on_with_what_is_done_and_not_with_an_open_page(
    alice: TestClient, store: Store, clock: StoppedClock
) -> None:
    ticket = await ask(store)
    await send(alice, ticket, "claim")
    clock.at = at("2026-11-24T11:05")
    await page(alice, ticket)
    assert (await row_of(store, ticket)).lease_until == at("2026-11-24T11:15")
    await send(alice, ticket, "flag", {"careful": "on"}, store=store)
    assert (await row_of(store, ticket)).lease_until == at("2026-11-24T11:20")
    clock.at = at("2026-11-24T11:07")
    token = {"token": await form_token(alice, NOTHING)}
    assert (await alice.post(f"/callbacks/{ticket}/active", data=token)).status == 204
    assert (await row_of(store, ticket)).lease_until == at("2026-11-24T11:22")
    async with store.write() as db:
        now, until = at("2026-11-24T11:07"), at("2026-11-24T11:20")
        await service.assign(
            db, ticket, to="ben", who=Who("sam", "shop", supervisor=True), until=until, now=now
        )
    answer = await alice.post(f"/callbacks/{ticket}/active", data=token)
    assert (answer.status, await answer.text()) == (409, "この折り返しは、benさんが担当しています。")


async def test_who_sees_every_company_may_hand_over_to_the_likes(
    alice: TestClient, store: Store, login: Login
) -> None:
    ticket = await ask(store)
    async with store.write() as db:
        await users.add(db, "rin", make_hash(PASSWORD), tenant=None, at=NOW)
    await send(alice, ticket, "claim")
    assert "<option>rin<" not in await page(alice, ticket)
    root = await login("root")
    html = await page(root, ticket)
    assert all(f"<option>{name}<" in html for name in ("ben", "rin")) and "<option>dave<" not in html


async def test_a_handover_needs_a_memo_and_is_accepted_or_declined_by_who_gets_it(
    alice: TestClient, store: Store
) -> None:
    ticket = await ask(store)
    await send(alice, ticket, "claim")
    status, said = await send(alice, ticket, "offer", {"to": "ben", "memo": "  "}, store=store)
    assert (status, said) == (409, "引き継ぎには、メモが必要です。")
    for to in ("alice", "dave", "nobody", ""):
        status, said = await send(alice, ticket, "offer", {"to": to, "memo": "お願いします"}, store=store)
        assert (status, said) == (409, "引き継ぐ相手を選んでください。"), to
    assert (
        await send(alice, ticket, "offer", {"to": "ben", "memo": "ログの確認まで済みました"}, store=store)
    )[0] == 303
    row = await row_of(store, ticket)
    assert (row.agent, row.offered_to) == ("alice", "ben")
    status, said = await send(alice, ticket, "take-over", store=store)
    assert (status, said) == (409, "この折り返しは、あなたに引き継がれていません。")
    async with store.write() as db:
        await service.decline(db, ticket, who=BEN, now=at("2026-11-24T11:01"), why="外出中です")
    assert (await row_of(store, ticket)).offered_to is None
    assert "引き継ぎをやめました ：外出中です" in words(await page(alice, ticket))


async def test_who_gets_a_ticket_reads_the_memo_and_accepts(login: Login, store: Store) -> None:
    ticket = await ask(store)
    await ben_claims(store, ticket)
    async with store.write() as db:
        await service.offer(
            db, ticket, to="alice", who=BEN, memo="ログの確認まで済みました", now=at("2026-11-24T11:00")
        )
    alice = await login("alice")
    assert "benさんから、引き継ぎの依頼があります。 ログの確認まで済みました" in words(
        await page(alice, ticket)
    )
    assert (await send(alice, ticket, "take-over", store=store))[0] == 303
    row = await row_of(store, ticket)
    assert (row.state, row.agent, row.offered_to) == ("claimed", "alice", None)


async def test_only_a_supervisor_gives_a_ticket_to_somebody(login: Login, store: Store) -> None:
    ticket = await ask(store)
    alice = await login("alice")
    assert f"/callbacks/{ticket}/assign" not in await page(alice, ticket)
    assert await send(alice, ticket, "assign", {"to": "ben"}, store=store) == (
        409,
        "担当の変更は、スーパーバイザーだけができます。",
    )
    sam = await login("sam")
    assert (await send(sam, ticket, "assign", {"to": "ben"}, store=store))[0] == 303
    assert (await row_of(store, ticket)).agent == "ben"


# -- what stands against it ---------------------------------------------------------------------

FORMS = {
    "give-back": {},
    "offer": {"to": "ben", "memo": "m"},
    "take-over": {},
    "decline": {},
    "assign": {"to": "ben"},
    "result": {"result": "busy"},
    "next": {"next_at": "2026-11-25T10:00"},
    "begin": {},
    "help": {},
    "help-end": {},
    "news": {},
    "done": {"note": "メールで回答"},
    "reopen": {},
    "cancel": {"why": "w"},
    "give-up": {"why": "w"},
    "read": {},
    "want": {},
    "edit": {"name": "田中"},
    "flag": {"careful": "on"},
    "priority": {"priority": "low", "why": "w"},
    "merge": {"into": "1"},
    "split": {"contact": "1"},
    "accept": {"kind": "name", "value": "山田"},
    "claim": {},
    "dial": {"key": "0" * 32, "to": "telephone"},
    "memo": {"memo": "m"},
    "undo": {},
    "correct": {"text": "t"},
    "run": {"stage": "audio"},
    "active": {},
}


def test_every_form_is_tried() -> None:
    from ivr.web.callbacks.routes import ROUTES

    posted = {route.path.removeprefix("/callbacks/{ticket}/") for route in ROUTES if route.method == "POST"}
    assert posted == set(FORMS)


async def test_another_company_can_do_none_of_it(alice: TestClient, store: Store) -> None:
    theirs = await ask(store, tenant="sakura", number="+819099990000")
    token = {"token": await form_token(alice, NOTHING), "version": "0"}
    for action, form in FORMS.items():
        answer = await alice.post(
            f"/callbacks/{theirs}/{action}", data={**token, **form}, allow_redirects=False
        )
        assert answer.status == 404, action
    assert (await alice.get(f"/callbacks/{theirs}")).status == 404
    row = await row_of(store, theirs)
    assert (row.version, row.state) == (0, "open")
    assert await audited(store, theirs) == []


async def test_without_the_token_of_the_form_nothing_is_done(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    for action, form in FORMS.items():
        answer = await alice.post(f"/callbacks/{ticket}/{action}", data={**form, "version": "0"})
        assert answer.status == 403, action
    assert (await row_of(store, ticket)).version == 0


async def test_who_saw_an_older_state_is_told_what_happened_since(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    await ben_claims(store, ticket)
    told = "先にほかの変更がありました（ben：担当になりました）。今の状態を確かめてから、もう一度操作してください。"
    for action in FORMS.keys() - {"claim", "dial", "memo", "undo", "correct", "run", "active"}:
        answer = await send(alice, ticket, action, {**FORMS[action], "version": "0"})
        assert answer == (409, told), action
    assert (await row_of(store, ticket)).version == 1


async def test_what_was_typed_is_there_when_it_is_refused(alice: TestClient, store: Store) -> None:
    ticket = await ask(store, name="佐藤")
    token = await form_token(alice, NOTHING)
    form = {"token": token, "version": "9", "name": "田中 <花子>", "matter": "長い用件\n二行目", "number": ""}
    answer = await alice.post(f"/callbacks/{ticket}/edit", data=form)
    html = await answer.text()
    assert answer.status == 409
    assert 'value="田中 &lt;花子&gt;"' in html and "長い用件\n二行目</textarea>" in html
    assert re.search(r'id="edit"[^>]* open', html), "and in sight"
    memo = await alice.post(f"/callbacks/{ticket}/merge", data={"token": token, "version": "0", "into": "12"})
    assert 'value="12"' in await memo.text() and memo.status == 409
    assert (await row_of(store, ticket)).name == "佐藤"
    again = await alice.get(f"/callbacks/{ticket}/edit", allow_redirects=False)
    assert again.headers["Location"] == f"/callbacks/{ticket}", "who loads that answer again"


# -- what is known --------------------------------------------------------------------------------


async def test_what_a_ticket_holds_is_put_right(alice: TestClient, store: Store) -> None:
    ticket = await ask(store, company="山田商店")
    form = {"name": "山﨑 太郎", "company": "", "number": "03-1234-5678", "email": "taro@example.co.jp"}
    assert (await send(alice, ticket, "edit", form, store=store))[0] == 303
    row = await row_of(store, ticket)
    assert (row.name, row.company, row.number, row.email) == (
        "山﨑 太郎",
        None,
        "+81312345678",
        "taro@example.co.jp",
    )
    assert "内容を直しました ：お名前・会社名・メールアドレス・電話番号" in words(await page(alice, ticket))
    for wrong, said in (
        ({**form, "number": "110"}, "国内の固定電話・携帯電話・IP電話の番号を入力してください。"),
        ({**form, "number": ""}, "国内の固定電話・携帯電話・IP電話の番号を入力してください。"),
        ({**form, "email": "taro"}, "メールアドレスの形が正しくありません。"),
    ):
        assert await send(alice, ticket, "edit", wrong, store=store) == (409, said)
    before = (await row_of(store, ticket)).version
    await send(alice, ticket, "edit", form, store=store)
    assert (await row_of(store, ticket)).version == before, "nothing is new"


async def test_nobody_changes_what_another_agent_works_on(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    await ben_claims(store, ticket)
    held = (409, "この折り返しは、benさんが担当しています。")
    for action in ("edit", "next", "begin", "done", "offer", "give-back", "priority"):
        assert await send(alice, ticket, action, FORMS[action], store=store) == held, action
    assert (await send(alice, ticket, "memo", {"memo": "お客様からメールも来ています"}))[0] == 303, (
        "notes never conflict"
    )


async def test_flags_and_a_complaint_that_only_a_supervisor_ends(login: Login, store: Store) -> None:
    ticket = await ask(store)
    alice = await login("alice")
    assert (await send(alice, ticket, "flag", {"careful": "on", "complaint": "on"}, store=store))[0] == 303
    html = await page(alice, ticket)
    assert "クレーム" in html and "要注意" in html
    for action, said in (
        ("done", "クレームの対応完了は、スーパーバイザーだけができます。"),
        ("cancel", "クレームの取消は、スーパーバイザーだけができます。"),
        ("flag", "クレームの取下げは、スーパーバイザーだけができます。"),
        ("give-up", "連絡不能の判断は、スーパーバイザーだけができます。"),
    ):
        form = {"why": "w"} if action != "flag" else {"careful": "on"}
        assert await send(alice, ticket, action, form, store=store) == (409, said)
    sam = await login("sam")
    assert (await send(sam, ticket, "give-up", {"why": "転居先不明"}, store=store))[0] == 303
    assert (await row_of(store, ticket)).state == "unreachable"


async def test_a_priority_is_lowered_with_a_reason_and_no_promise_moves(
    alice: TestClient, store: Store
) -> None:
    ticket = await ask(store, priority="high", due="1h")
    due = (await row_of(store, ticket)).due_at
    assert await send(alice, ticket, "priority", {"priority": "low"}, store=store) == (
        409,
        "優先度を下げるには、理由が必要です。",
    )
    await send(alice, ticket, "priority", {"priority": "low", "why": "解決済みの機能"}, store=store)
    row = await row_of(store, ticket)
    assert (row.priority, row.due_at) == ("low", due)
    assert "優先度を変えました ：低、解決済みの機能" in words(await page(alice, ticket))
    await send(alice, ticket, "priority", {"priority": "critical"}, store=store)
    row = await row_of(store, ticket)
    assert row.priority == "critical" and row.due_at == due, "one business day ends later than what was told"


async def test_not_wanted_is_unread_until_somebody_reads_it_and_may_become_wanted(
    alice: TestClient, store: Store
) -> None:
    ticket = await ask(store, reply_wanted=False)
    html = await page(alice, ticket)
    assert "折り返し不要のお問い合わせです。" in words(html)
    assert re.search(r'id="act-dial"[^>]* hidden', html), "there is no dial button"
    assert (await send(alice, ticket, "read", store=store))[0] == 303
    assert (await row_of(store, ticket)).state == "done"
    assert (await send(alice, ticket, "want", store=store))[0] == 303
    row = await row_of(store, ticket)
    assert (row.state, row.reply_wanted) == ("open", True)
    assert row.due_at == at("2026-11-25T17:00"), "one business day from now"


async def test_a_memo_stands_in_the_history_and_an_empty_one_does_not(
    alice: TestClient, store: Store
) -> None:
    ticket = await ask(store)
    assert await send(alice, ticket, "memo", {"memo": " "}) == (409, "メモが空です。")
    await send(alice, ticket, "memo", {"memo": "管理画面は確認済み"})
    assert "メモ ：管理画面は確認済み alice" in words(await page(alice, ticket))


# -- two tickets, one ticket ------------------------------------------------------------------------


async def test_two_tickets_are_made_one_and_one_is_made_two(alice: TestClient, store: Store) -> None:
    one, other = await ask(store, "a", company="山田商店"), await ask(store, "b", company="田中工業", ago=5)
    assert f"/callbacks/{other}" in await page(alice, one), "同じ番号の別件"
    assert await send(alice, one, "merge", {"into": "0000000"}, store=store) == (
        409,
        "その受付番号の折り返しはありません。",
    )
    assert await send(alice, other, "merge", {"into": one}, store=store) == (303, f"/callbacks/{one}")
    html = words(await page(alice, other))
    assert f"受付番号 {one}" in html and "お問い合わせ 2件" in html, "both numbers lead there"
    assert f"受付番号 {other} とご案内" in html and f"もとの受付番号 {other}" in html
    ids = re.findall(r'name="contact" value="(\d+)"', await page(alice, one))
    assert await send(alice, one, "split", {}, store=store) == (
        409,
        "分けるには、移すお問い合わせと残すお問い合わせが、それぞれ1件以上必要です。",
    )
    status, there = await send(alice, one, "split", {"contact": ids[1]}, store=store)
    assert (status, there) == (303, f"/callbacks/{other}"), "under the number that the customer heard"
    theirs = await ask(store, "c", tenant="sakura")
    assert await send(alice, one, "merge", {"into": theirs}, store=store) == (
        409,
        "その受付番号の折り返しはありません。",
    ), "what another company has is not there"


# -- messages -----------------------------------------------------------------------------------------


async def test_each_message_of_a_ticket_can_be_heard_put_right_and_taken_over(
    alice: TestClient, store: Store, settings: Settings
) -> None:
    ticket = await leave(store, settings, "m1", "一件目です。")
    assert await leave(store, settings, "m2", "二件目です。", ago=5) == ticket
    html = await page(alice, ticket)
    assert 'src="/messages/m1/audio' in html and 'src="/messages/m2/audio' not in html
    html = await page(alice, ticket, message="m2")
    assert 'src="/messages/m2/audio' in html and 'src="/messages/m1/audio' not in html
    assert "【試験用モデル】" in html and 'name="message" value="m2"' in html
    form = {"message": "m2", "text": "二件目を直しました。", "seen": ""}
    assert await send(alice, ticket, "correct", form) == (303, f"/callbacks/{ticket}?message=m2")
    token = await form_token(alice, NOTHING)
    refused = await alice.post(
        f"/callbacks/{ticket}/correct", data={**form, "text": "上書き", "token": token}
    )
    html = await refused.text()
    assert 'src="/messages/m2/audio' in html and ">上書き</textarea>" in html, (
        "typed for m2, and shown with it"
    )
    status, said = await send(alice, ticket, "correct", {**form, "text": "上書き"})
    assert (status, said) == (
        409,
        "aliceさんが、先に文字を直しました。確かめてから、もう一度保存してください。",
    )
    async with store.read() as db:
        assert (await messages.get(db, "m2")).corrected_text == "二件目を直しました。"
        assert (await messages.get(db, "m1")).corrected_text is None
    taken = {"message": "m2", "kind": "name", "value": "山田"}
    assert (await send(alice, ticket, "accept", taken, store=store))[0] == 303
    assert (await row_of(store, ticket)).name == "山田"
    assert (await send(alice, ticket, "run", {"message": "m2", "stage": "reading"}))[0] == 303
    async with store.read() as db:
        assert (await messages.get(db, "m2")).reading_state == "waiting"


async def test_a_suggested_urgency_that_is_taken_promises_what_the_line_promises_for_it(
    alice: TestClient, store: Store, settings: Settings
) -> None:
    ticket = await leave(store, settings, "m1", "至急お願いします。")
    async with store.write() as db:
        message = await messages.get(db, "m1")
        urgent = {"kind": "priority", "value": "high", "compared": None, "reason": "「至急」"}
        message.reading = {
            **(message.reading or {}),
            "suggestions": [{**urgent, "start": 0.0, "end": 1.0}],
        }
        row = await callbacks.get(db, ticket, to_change=True)
        row.due_at, row.priority = at("2026-12-01T18:00"), "low"
    taken = {"message": "m1", "kind": "priority", "value": "high"}
    assert (await send(alice, ticket, "accept", taken, store=store))[0] == 303
    row = await row_of(store, ticket)
    assert (row.priority, row.due_at) == ("high", at("2026-11-25T17:00")), "one business day from now on"


async def test_a_message_of_another_ticket_is_not_there(
    alice: TestClient, store: Store, settings: Settings
) -> None:
    ticket = await leave(store, settings, "m1", "一件目です。")
    await leave(store, settings, "theirs", "ほかのお客様です。", number="+81312345678")
    forms: dict[str, dict[str, str]] = {
        "correct": {"text": "t", "seen": ""},
        "run": {"stage": "audio"},
        "accept": {},
    }
    for named in ("m9", "theirs", ""):
        assert 'src="/messages/m1/audio' in await page(alice, ticket, message=named)
        for action, form in forms.items():
            status, said = await send(alice, ticket, action, {**form, "message": named}, store=store)
            assert (status, said) == (409, "この受付番号に、その録音はありません。"), action


# -- the audit ------------------------------------------------------------------------------------------


async def test_who_looks_at_a_ticket_is_noted_once_in_half_an_hour(
    alice: TestClient, store: Store, clock: StoppedClock
) -> None:
    ticket = await ask(store)
    for minutes, views in ((0, 1), (10, 1), (31, 2)):
        clock.at = at(f"2026-11-24T11:{minutes:02}")
        await page(alice, ticket)
        # The next answer on the same connection comes after what is noted of the page.
        await alice.get("/static/icon.svg")
        assert await audited(store, ticket) == [("alice", "view", None)] * views


async def test_what_is_done_by_somebody_who_left_the_company_is_not_offered(
    alice: TestClient, store: Store
) -> None:
    ticket = await ask(store)
    await send(alice, ticket, "claim")
    assert "<option>ben</option>" in await page(alice, ticket)
    async with store.write() as db:
        user = await users.get(db, "ben")
        assert user is not None
        user.disabled_at = at("2026-11-24T10:00")
    assert "<option>ben</option>" not in await page(alice, ticket)
    async with store.read() as db:
        assert (await callbacks.get(db, ticket)).agent == "alice"


async def test_who_works_in_a_narrowed_list_stays_in_it(alice: TestClient, store: Store) -> None:
    ticket = await ask(store)
    page_left = {"Referer": f"http://here/callbacks/{ticket}?show=due&cause=busy&x=1"}
    token = re.findall(r'name="token" value="([^"]+)"', await page(alice, ticket))[0]
    answer = await alice.post(
        f"/callbacks/{ticket}/claim", data={"token": token}, headers=page_left, allow_redirects=False
    )
    assert answer.headers["Location"] == f"/callbacks/{ticket}?show=due&cause=busy"


async def test_who_loses_a_claim_is_told_in_a_word_where_the_page_can_show_it(
    alice: TestClient, login: Login, store: Store
) -> None:
    ticket = await ask(store)
    async with store.write() as db:
        await service.claim(
            db, ticket, Who("ben", "shop"), until=at("2026-11-24T11:15"), now=at("2026-11-24T11:00")
        )
    token = re.findall(r'name="token" value="([^"]+)"', await page(alice, ticket))[0]
    told = await alice.post(
        f"/callbacks/{ticket}/claim", data={"token": token}, headers={"Accept": "text/plain"}
    )
    assert (told.status, await told.text()) == (409, "この折り返しは、benさんが担当しています。")
    assert (await send(alice, ticket, "claim")) == (409, "この折り返しは、benさんが担当しています。")
