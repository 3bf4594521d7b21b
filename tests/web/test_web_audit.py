"""Who viewed, heard, downloaded and changed what: on a page and as CSV, for supervisors and admins of the company."""

import csv
import io
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient

from ivr.store import audit, users
from ivr.store.database import Store
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.desk import ALICE_TOKEN, NOW, PASSWORD

pytestmark = pytest.mark.usefixtures("people")

JAPAN = ZoneInfo("Asia/Tokyo")


@pytest.fixture
async def people(desk: Store) -> None:
    async with desk.write() as db:
        hashed = (await users.to_change(db, "alice")).password  # all have the same
        await users.add(db, "sue", hashed, tenant="ecforce", at=NOW, role="supervisor")
        await users.add(db, "max", hashed, tenant="sakura", at=NOW, role="supervisor")
        await users.add(db, "ann", hashed, tenant="ecforce", at=NOW, role="admin")
        (await users.to_change(db, "root")).role = "admin"


async def note(store: Store, who: str, what: str, about: str, at: datetime = NOW, **more: str) -> None:
    facts = {"tenant": "ecforce", "kind": "callback", **more}
    async with store.write() as db:
        await audit.note(db, who=who, what=what, about=about, at=at, **facts)  # type: ignore[arg-type]


async def rows(client: TestClient, query: str = "") -> list[tuple[str, ...]]:
    """What the table says: who, act, about; without the logins."""
    text = await (await client.get(f"/admin/audit{query}")).text()
    found = [
        tuple(re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td>(.*?)</td>", row, re.S))[:3]
        for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", text, re.S)
    ]
    return [row for row in found if row[1] != "ログイン"]


async def as_csv(client: TestClient, query: str = "") -> list[list[str]]:
    answer = await client.get(f"/admin/audit.csv{query}")
    assert answer.status == 200 and answer.content_type == "text/csv"
    assert re.fullmatch(
        r'attachment; filename="audit-20261124-\d{4}\.csv"', answer.headers["Content-Disposition"]
    )
    body = await answer.read()
    assert body.startswith(b"\xef\xbb\xbf"), "Excel knows UTF-8 by its BOM"
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))


async def test_a_view_a_play_a_download_and_a_change_are_noted(login: Login, visitor: TestClient) -> None:
    alice = await login("alice")
    assert (await alice.get("/callbacks/1000012")).status == 200
    assert (await alice.get("/messages/m1000012/audio")).status == 200
    heard = {"token": await form_token(alice, "/account")}
    assert (await alice.post("/messages/m1000012/heard", data=heard)).status == 204
    await alice.post(
        "/account/mail",
        data={"token": await form_token(alice, "/account"), "email": "a@b.jp", "password": PASSWORD},
    )
    await alice.post("/logout", data={"token": await form_token(alice, "/account")})
    ann = await login("ann")
    assert (await ann.get("/messages/m1000012/original")).status == 200
    assert await rows(ann) == [
        ("ann", "ダウンロード", "留守番電話 1000012"),
        ("alice", "ログアウト", "利用者 alice"),
        ("alice", "メールアドレスの変更", "利用者 alice"),
        ("alice", "再生", "留守番電話 1000012"),
        ("alice", "音声の読み込み", "留守番電話 1000012"),
        ("alice", "閲覧", "折り返し 1000012"),
    ]


async def test_what_a_program_does_is_noted_by_its_name(login: Login, visitor: TestClient) -> None:
    bearer = {"Authorization": f"Bearer {ALICE_TOKEN}"}
    assert (await visitor.get("/api/v1/messages/m1000012/audio", headers=bearer)).status == 200
    assert ("alice", "ダウンロード", "留守番電話 1000012") in await rows(await login("sue"))


async def test_one_hearing_is_one_row_however_many_pieces_the_player_asks_for(
    login: Login, clock: StoppedClock, store: Store
) -> None:
    alice = await login("alice")
    whole = await (await alice.get("/messages/m1000012/audio")).read()
    for first in (0, 1000, 5000):
        answer = await alice.get("/messages/m1000012/audio", headers={"Range": f"bytes={first}-{first + 99}"})
        assert answer.status == 206 and await answer.read() == whole[first : first + 100]
        assert answer.headers["Content-Range"] == f"bytes {first}-{first + 99}/{len(whole)}"
    async with store.read() as db:
        heard = await audit.listing(db, tenant=None, about=["m1000012"])
    assert [(row.what, row.who, row.tenant) for row in heard] == [("load", "alice", "ecforce")]
    clock.at += timedelta(minutes=31)
    await alice.get("/messages/m1000012/audio")
    async with store.read() as db:
        assert len(await audit.listing(db, tenant=None, about=["m1000012"])) == 2


async def test_a_recording_needs_the_login_and_the_company(visitor: TestClient, login: Login) -> None:
    answer = await visitor.get(
        "/messages/m1000012/audio", headers={"Range": "bytes=0-9"}, allow_redirects=False
    )
    assert (answer.status, answer.headers["Location"]) == (303, "/login?next=/messages/m1000012/audio")
    max_ = await login("max")
    assert (await max_.get("/messages/m1000012/audio", headers={"Range": "bytes=0-9"})).status == 404
    heard = {"token": await form_token(max_, "/account")}
    assert (await max_.post("/messages/m1000012/heard", data=heard)).status == 404
    assert (await max_.post("/messages/m2000015/heard", data={"token": "0"})).status == 403
    assert not any("m1000012" in row[2] or "1000012" in row[2] for row in await rows(max_))


async def test_each_company_sees_its_own(login: Login, store: Store) -> None:
    await note(store, "root", "view", "1000012")
    await note(store, "bob", "view", "2000015", tenant="sakura")
    assert await rows(await login("max")) == [("bob", "閲覧", "折り返し 2000015")]


async def test_the_other_company_sees_who_of_the_operator_looked(login: Login, store: Store) -> None:
    await note(store, "root", "view", "1000012")
    await note(store, "bob", "view", "2000015", tenant="sakura")
    assert await rows(await login("sue")) == [("root", "閲覧", "折り返し 1000012")]


async def test_agents_do_not_see_it(login: Login) -> None:
    alice = await login("alice")
    for path in ("/admin/audit", "/admin/audit.csv"):
        assert (await alice.get(path)).status == 403


async def test_nobody_sees_it_without_a_login(visitor: TestClient) -> None:
    for path in ("/admin/audit", "/admin/audit.csv"):
        assert (await visitor.get(path, allow_redirects=False)).status == 303


async def test_it_is_searched_by_person_ticket_and_time(login: Login, store: Store) -> None:
    nine = datetime(2026, 11, 24, 9, 0, tzinfo=JAPAN)
    await note(store, "alice", "view", "1000012", nine)
    await note(store, "carol", "change", "1000012", nine + timedelta(minutes=30), detail="claim")
    await note(store, "alice", "play", "m1000012", nine + timedelta(hours=1), kind="message")
    await note(store, "alice", "view", "1000023", nine + timedelta(days=-1))
    sue = await login("sue")
    viewed, changed = ("alice", "閲覧", "折り返し 1000012"), ("carol", "変更", "折り返し 1000012")
    played, earlier = ("alice", "再生", "留守番電話 1000012"), ("alice", "閲覧", "折り返し 1000023")
    # by the number of the ticket its message is found, too
    assert sorted(await rows(sue, "?ticket=1000012")) == sorted([played, changed, viewed])
    assert sorted(await rows(sue, "?who=alice&ticket=1000012")) == sorted([played, viewed])
    assert sorted(await rows(sue, "?since=2026-11-24T09:30&until=2026-11-24T10:00")) == sorted(
        [changed, played]
    )
    assert await rows(sue, "?until=2026-11-23") == [earlier]
    assert await rows(sue, "?who=nobody") == []
    assert "担当" in await (await sue.get("/admin/audit?who=carol")).text()


async def test_what_programs_and_supervisors_did_is_read_in_the_words_of_the_pages(
    login: Login, visitor: TestClient
) -> None:
    bearer = {"Authorization": f"Bearer {ALICE_TOKEN}"}
    for what, body in (
        *(("claim", {}), ("flags", {"careful": True}), ("fields", {"name": "田中"})),
        *(("number", {"number": "090-1111-2222"}), ("release", {})),
    ):
        answer = await visitor.post(f"/api/v1/callbacks/1000012/{what}", json=body, headers=bearer)
        assert answer.status == 200, await answer.text()
    done = [row[5] for row in await as_csv(await login("sue"), "?ticket=1000012") if row[2] == "変更"]
    assert sorted(done) == sorted(["担当", "目印の変更", "内容の修正", "内容の修正", "担当を外れる"])


@pytest.mark.parametrize("query", ["?since=x", "?until=25%3A00", "?since=2026-13-01"])
async def test_a_time_that_is_none_is_said(login: Login, query: str) -> None:
    sue = await login("sue")
    answer = await sue.get(f"/admin/audit{query}")
    assert answer.status == 422 and "日時を読み取れませんでした" in await answer.text()
    assert (await sue.get(f"/admin/audit.csv{query}")).status == 400


async def test_pages_follow_each_other(login: Login, store: Store) -> None:
    async with store.write() as db:
        for number in range(250):
            facts = {"who": "alice", "tenant": "ecforce", "what": "view", "about": f"t{number}"}
            await audit.note(db, **facts, kind="callback", at=NOW)  # type: ignore[arg-type]
    sue = await login("sue")
    seen: list[str] = []
    path = "/admin/audit?who=alice"
    while path:
        text = await (await sue.get(path)).text()
        seen += re.findall(r">(t\d+)</a>", text)
        more = re.search(r'href="(/admin/audit\?[^"]*before=\d+)"', text)
        path = more[1].replace("&amp;", "&") if more else ""
    assert seen == [f"t{number}" for number in reversed(range(250))]


async def test_the_file_holds_all_of_it(login: Login, store: Store) -> None:
    await note(store, "alice", "change", "1000012", NOW, detail="memo")
    await note(store, "=cmd", "view", "1000012")
    await note(store, "bob", "view", "2000015", tenant="sakura")
    sue = await login("sue")
    head, *body = await as_csv(sue, "?ticket=1000012")
    assert head == ["日時", "利用者", "操作", "対象の種類", "対象", "内容", "契約企業"]
    assert body == [
        ["2026/11/24 11:00:00", "'=cmd", "閲覧", "折り返し", "1000012", "", "ecforce"],
        ["2026/11/24 11:00:00", "alice", "変更", "折り返し", "1000012", "メモ", "ecforce"],
    ]
    # that it was taken is in the next one
    assert ["sue", "ダウンロード", "一覧", "操作の記録"] in [row[1:5] for row in await as_csv(sue)]


async def test_failed_logins_are_seen_by_whose_name_was_tried(
    login: Login, visitor: TestClient, store: Store
) -> None:
    for name in ("alice", "a-password-typed-here"):
        form = {"name": name, "password": "wrong", "token": await form_token(visitor, "/login")}
        assert (await visitor.post("/login", data=form, allow_redirects=False)).status == 401
    async with store.read() as db:
        found = await audit.listing(db, tenant=None)
    assert [(row.what, row.about, row.tenant, row.detail) for row in found] == [
        # the name may be a password, so the operator alone sees that somebody tried
        ("login_failed", "?", None, "127.0.0.1"),
        ("login_failed", "alice", "ecforce", "127.0.0.1"),
    ]


@pytest.mark.parametrize(
    ("what", "kind", "about", "detail", "said"),
    [
        ("view", "list", "incoming", "", "着信規制"),
        ("change", "list", "dedicated", "end", "専任担当 解除・却下"),
        ("change", "list", "outgoing 12", "approve", "発信禁止 12 承認"),
        ("view", "list", "supervise", "", "割り当てと判断"),
        ("view", "list", "callbacks", "todo", "折り返しの一覧 対応が必要"),
        ("download", "list", "callbacks", "due", "折り返しの一覧 期限間近・超過"),
        ("change", "message", "m1000012", "run transcript", "m1000012 処理のやり直し 文字起こし"),
        ("download", "report", "figures 2026-11-01_2026-11-30", "", "集計 2026-11-01_2026-11-30"),
        ("view", "report", "call.lost slot:0-10 2026-11-01_2026-11-30", "",
         "取れなかった通話 月曜日 10時台 2026-11-01_2026-11-30"),
        ("download", "report", "months", "", "月ごとの通話数"),
        ("clear", "list", "audit", "120", "操作の記録 120"),
        ("token_add", "token", "crm", "supervisor", "crm スーパーバイザー"),
        ("role", "user", "bob", "agent > admin", "bob オペレーター → 管理者"),
    ],
)  # fmt: skip
async def test_codes_are_told_in_words(
    login: Login, store: Store, what: str, kind: str, about: str, detail: str, said: str
) -> None:
    await note(store, "root", what, about, kind=kind, detail=detail)
    sue = await login("sue")
    row = (await as_csv(sue, "?who=root"))[1]
    assert f"{row[4]} {row[5]}".rstrip() == said
    assert not re.search(r"[a-z_]", row[2] + row[3]), "the act and its kind, too"
    page = await (await sue.get("/admin/audit?who=root")).text()
    assert f"<td>{row[2]}</td>" in page and f"<td>{row[5]}</td>" in page
