"""着信規制, 発信禁止 and customers' own agents on the page."""

from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from ivr.callbacks import lists
from ivr.callbacks.who import Who
from ivr.store import audit, barred
from ivr.store.tables import BarredNumber
from tests.web.conftest import Login, form_token
from tests.web.desk import NOW
from tests.web.lines import Office
from tests.web.test_web_live import words

NUMBER, WRITTEN = "+819012345678", "０９０（1234）5678"


async def page(client: TestClient, which: str = "incoming") -> str:
    answer = await client.get(f"/lists/{which}")
    assert answer.status == 200, await answer.text()
    return words(await answer.text())


async def post(client: TestClient, path: str, **form: Any) -> tuple[int, str]:
    token = await form_token(client, "/lists/incoming")
    answer = await client.post(f"/lists/{path}", data={"token": token, **form}, allow_redirects=False)
    return answer.status, words(await answer.text())


async def standing(office: Office, kind: str = "incoming", tenant: str | None = None) -> list[BarredNumber]:
    async with office.store.read() as session:
        return list(await barred.standing(session, kind, tenant=tenant, now=NOW))


async def asked_by(office: Office, name: str, tenant: str, kind: lists.Kind = "incoming") -> int:
    async with office.store.write() as session:
        about = {"tenant": tenant, "who": Who(name, tenant), "reason": "無言電話", "now": NOW}
        return (await lists.ask(session, kind, "03-1234-5678", **about)).id  # type: ignore[arg-type]


async def test_an_agent_asks_and_a_supervisor_approves(office: Office, login: Login) -> None:
    alice = await login("alice")
    assert (await post(alice, "incoming", number=WRITTEN, reason="無言電話", until="2026-12-24"))[0] == 303
    html = await page(alice)
    assert "090-1234-5678 承認待ち 無言電話 aliceさんが申請（今日 11:00） 期限：2026-12-24まで" in html
    assert "承認 却下" not in html
    (row,) = await standing(office)
    assert (row.number, row.approved_at) == (NUMBER, None)
    assert row.expires_at == datetime(2026, 12, 24, 15, 0, tzinfo=UTC), "to the end of that day in Japan"
    for what in ("approve", "end"):
        assert (await post(alice, f"incoming/{row.id}/{what}"))[0] == 409
    assert (await standing(office))[0].approved_at is None
    sam = await login("sam")
    assert "うち承認待ち 1件" in await page(sam)
    assert (await post(sam, f"incoming/{row.id}/approve"))[0] == 303
    assert "承認済み 無言電話 aliceさんが申請（今日 11:00）、samさんが承認（今日 11:00）" in await page(sam)
    assert (await post(sam, f"incoming/{row.id}/end"))[0] == 303
    assert await standing(office) == [] and "登録はありません。" in await page(sam)
    async with office.store.read() as session:
        noted = [one for one in await audit.listing(session, tenant="shop") if one.kind == "list"]
    changes = [(one.who, one.about, one.detail) for one in reversed(noted) if one.what == "change"]
    entry = f"incoming {row.id}"
    assert changes == [("alice", entry, "ask"), ("sam", entry, "approve"), ("sam", entry, "end")]
    assert {(one.who, one.about) for one in noted if one.what == "view" and one.about != "callbacks"} == {
        ("alice", "incoming"),
        ("sam", "incoming"),
    }


async def test_a_supervisors_word_is_approval(office: Office, login: Login) -> None:
    assert (await post(await login("sam"), "outgoing", number=WRITTEN, reason="ご希望"))[0] == 303
    (row,) = await standing(office, "outgoing")
    assert (row.approved_by, row.expires_at, row.tenant) == ("sam", None, "shop")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"number": "123", "reason": "x"}, "国内の固定電話・携帯電話・IP電話の番号を入力してください。"),
        ({"number": "110", "reason": "x"}, "国内の固定電話・携帯電話・IP電話の番号を入力してください。"),
        ({"number": WRITTEN, "reason": " "}, "着信規制には、理由が必要です。"),
        (
            {"number": WRITTEN, "reason": "x", "until": "2026-11-23"},
            "期限は、今日か、それより後の日にしてください。",
        ),
        (
            {"number": WRITTEN, "reason": "x", "until": "9999-12-31"},
            "期限は、2026-11-24のように入力してください。",
        ),
    ],
)
async def test_what_is_wrong_is_told_and_what_was_typed_stays(
    office: Office, login: Login, form: dict[str, str], said: str
) -> None:
    alice = await login("alice")
    token = await form_token(alice, "/lists/incoming")
    answer = await alice.post("/lists/incoming", data={"token": token, **form})
    html = await answer.text()
    assert answer.status == 409 and said in html and f'value="{form["number"]}"' in html
    assert await standing(office) == []


async def test_a_customer_gets_an_agent_of_their_own(office: Office, login: Login) -> None:
    sam = await login("sam")
    assert (await post(sam, "dedicated", number=WRITTEN, agent="alice", deputy="carol"))[0] == 303
    assert "090-1234-5678 専任 alice 代理 carol samさんが設定（今日 11:00）" in await page(sam, "dedicated")
    for form in (
        {"agent": "dave"},
        {"agent": "alice", "deputy": "alice"},
        {"agent": "alice", "deputy": "dave"},
        {},
    ):
        assert (await post(sam, "dedicated", number=WRITTEN, **form))[0] == 409, form
    alice = await login("alice")
    assert "専任 alice" in await page(alice, "dedicated")
    assert (await post(alice, "dedicated", number=WRITTEN, agent="alice"))[0] == 409
    assert (await post(alice, "dedicated/end", number=NUMBER))[0] == 409
    sam = await login("sam")
    assert (await post(sam, "dedicated/end", number=NUMBER))[0] == 303
    assert "登録はありません。" in await page(sam, "dedicated")
    assert (await post(sam, "dedicated/end", number=NUMBER))[0] == 404


async def test_another_company_is_behind_the_wall(office: Office, login: Login) -> None:
    id = await asked_by(office, "eve", "sakura")
    async with office.store.write() as session:
        boss = Who("dave", "sakura", supervisor=True)
        await lists.dedicate(
            session, "06-1234-5678", tenant="sakura", agent="dave", deputy=None, who=boss, now=NOW
        )
    sam = await login("sam")
    for which in ("incoming", "outgoing", "dedicated"):
        html = await page(sam, which)
        assert "登録はありません。" in html and "eve" not in html and "dave" not in html
    for path in (f"incoming/{id}/approve", f"incoming/{id}/end"):
        assert (await post(sam, path))[0] == 404
    assert (await post(sam, "dedicated/end", number="+81612345678", tenant="sakura"))[0] == 404
    assert (await post(sam, "incoming", number=WRITTEN, reason="x", tenant="sakura"))[0] == 303
    assert [row.tenant for row in await standing(office)] == ["shop", "sakura"], (
        "the user's own, whatever is sent"
    )
    (entry,) = await standing(office, tenant="sakura")
    assert (entry.approved_at, entry.ended_at) == (None, None)


async def test_who_sees_every_company_says_which(office: Office, login: Login) -> None:
    root = await login("root")
    assert (await post(root, "incoming", number=WRITTEN, reason="x"))[0] == 409
    assert (await post(root, "incoming", number=WRITTEN, reason="x", tenant="none"))[0] == 409
    assert (await post(root, "incoming", number=WRITTEN, reason="x", tenant="sakura"))[0] == 303
    assert [row.tenant for row in await standing(office)] == ["sakura"]
    assert "090-1234-5678 sakura 承認済み" in await page(root)


@pytest.mark.parametrize(
    "path", ["none", "incoming/x/approve", "incoming/99999/end", "dedicated/1/approve", "outgoing/{id}/end"]
)
async def test_what_there_is_not_is_not_found(office: Office, login: Login, path: str) -> None:
    id = await asked_by(office, "alice", "shop")
    sam = await login("sam")
    assert (await post(sam, path.format(id=id), number=WRITTEN, reason="x"))[0] == 404
    assert len(await standing(office)) == 1
