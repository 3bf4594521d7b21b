"""A shop's owner changes the hours without YAML: seen first, then published; the file keeps the rest."""

import re
from datetime import datetime

import pytest
import yaml
from aiohttp.test_utils import TestClient

from tests.dialplans import SHOP
from tests.web.conftest import Login, StoppedClock, form_token
from tests.web.lines import Office

PAGE = "/admin/lines/shop/hours"


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


async def form_of(client: TestClient) -> dict[str, str]:
    """What a browser would send if nothing was changed."""
    text = await (await client.get(PAGE)).text()
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]+>", text):
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if found.get("type") in ("radio", "checkbox") and " checked" not in tag:
            continue
        fields[found["name"]] = found.get("value", "on")
    assert fields["token"] == await form_token(client, PAGE)
    return fields


async def send(client: TestClient, what: str, fields: dict[str, str]) -> tuple[int, str]:
    answer = await client.post(f"{PAGE}/{what}", data=fields, allow_redirects=False)
    return answer.status, await answer.text()


def hours(office: Office) -> dict[str, object]:
    found: dict[str, object] = yaml.load(office.file("shop").read_text("utf-8"), yaml.BaseLoader)["hours"][
        "office"
    ]
    return found


async def test_a_supervisor_sees_what_a_change_does_and_publishes_it(office: Office, login: Login) -> None:
    sam = await login("sam")
    fields = await form_of(sam)
    assert (fields["w0from0"], fields["w0to0"], fields["w5from0"]) == ("10:00", "17:00", "")
    fields |= {"w5from0": "10:00", "w5to0": "12:00"}
    fields |= {"c0first": "2026-12-29", "c0last": "2027-01-03", "c0yearly": "on", "c0reason": "年末年始休業"}
    fields |= {"e0day": "2026-11-25", "e0from0": "", "e0to0": "", "e0reason": "棚卸し"}
    status, page = await send(sam, "preview", fields)
    assert status == 200 and office.file("shop").read_text("utf-8") == SHOP
    ahead = flat(page.partition('id="preview"')[2].partition("</section>")[0])
    assert "11月25日（水） 休み 棚卸し 本日は、棚卸しのため、臨時休業とさせていただいております。" in ahead
    assert "11月28日（土） 10:00-12:00" in ahead and "公開する" in ahead
    async with office.working():
        status, _ = await send(sam, "publish", fields)
        assert status == 303
    assert hours(office) == {
        "zone": "Asia/Tokyo",
        "weekly": {"月-金": "10:00-17:00", "土": "10:00-12:00"},
        "closed": {"12/29-1/3": "年末年始休業"},
        "exceptions": {"2026-11-25": "closed 棚卸し"},
    }


async def test_the_rest_of_the_file_stays(office: Office, login: Login) -> None:
    sam = await login("sam")
    fields = await form_of(sam) | {"w5from0": "10:00", "w5to0": "12:00"}
    assert (await send(sam, "publish", fields))[0] == 303
    written = office.file("shop").read_text("utf-8")
    old, new = SHOP.splitlines(), written.splitlines()
    assert [line for line in old if line not in new] == ['    weekly: {月-金: "10:00-17:00"}']
    assert len(new) == len(old)


async def test_without_a_change_there_is_nothing_to_publish(office: Office, login: Login) -> None:
    sam = await login("sam")
    status, page = await send(sam, "preview", await form_of(sam))
    assert status == 200 and "変更はありません" in page and "/publish" not in page


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"w0to0": ""}, "月曜日の受付時間は、開始と終わりの両方を"),
        ({"w6from0": "25:00", "w6to0": "26:00"}, "日曜日の受付時間は"),
        ({"w0from1": "16:00", "w0to1": "18:00"}, "この内容では公開できません"),
        ({"holidays": "own"}, "祝日の受付時間を入力するか"),
        ({"holidays": "x"}, "祝日の扱いを選んでください"),
        ({"c0first": "2026-12-29"}, "休業日の理由を入力してください"),
        ({"c0first": "x", "c0reason": "休み"}, "休業日の開始日を入力してください"),
        ({"c0first": "2026-12-29", "c0last": "2026-12-01", "c0reason": "休み"}, "開始日より前"),
        ({"w0from0": "10:00", "w0to0": "10:00"}, "月曜日の受付時間の、開始と終わりが同じです"),
        (
            {"c0first": "2026-12-29", "c0reason": "休み", "c1first": "2026-12-29", "c1reason": "棚卸し"},
            "休業日に、同じ日が2回あります",
        ),
        (
            {
                "e0day": "2026-11-25",
                "e0reason": "棚卸し",
                "e1day": "2026-11-25",
                "e1from0": "10:00",
                "e1to0": "12:00",
            },
            "特別な日に、同じ日が2回あります",
        ),
        ({"e0day": "", "e0reason": "棚卸し"}, "特別な日を入力してください"),
        ({f"w{day}{part}0": "" for day in range(7) for part in ("from", "to")}, "この内容では公開できません"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_written(
    office: Office, login: Login, wrong: dict[str, str], said: str
) -> None:
    sam = await login("sam")
    fields = await form_of(sam) | wrong
    for what in ("preview", "publish"):
        status, page = await send(sam, what, fields)
        assert status == 422 and said in page
    assert office.file("shop").read_text("utf-8") == SHOP


async def test_what_was_typed_stays_after_a_mistake(office: Office, login: Login) -> None:
    sam = await login("sam")
    typed = {"w0to0": "16:30", "w5from0": "9:", "w5to0": "12:00", "e0day": "2026-11-25", "e0reason": "棚卸し"}
    typed |= {"c0first": "2027-08-15", "c0last": "2027-08-12", "c0reason": "夏季休業"}
    chosen = {"holidays": "as_week", "c0yearly": "on"}
    status, page = await send(sam, "preview", await form_of(sam) | typed | chosen)
    assert status == 422
    for name, value in typed.items():
        assert f'name="{name}" value="{value}"' in page, name
    assert 'name="holidays" value="as_week" checked' in page and 'name="c0yearly" checked' in page


@pytest.mark.parametrize("what", ["preview", "publish"])
async def test_a_file_that_changed_meanwhile_is_not_overwritten(
    office: Office, login: Login, what: str
) -> None:
    sam = await login("sam")
    fields = await form_of(sam) | {"w5from0": "10:00", "w5to0": "12:00"}
    newer = SHOP.replace("capacity: 2", "capacity: 3")
    office.file("shop").write_text(newer, "utf-8")
    status, page = await send(sam, what, fields)
    assert status == 422 and "ファイルが書き換えられました" in page
    assert office.file("shop").read_text("utf-8") == newer


async def test_a_keyboard_that_writes_japanese_does_no_harm(office: Office, login: Login) -> None:
    sam = await login("sam")
    fields = await form_of(sam) | {"w5from0": "１０：００", "w5to0": "１２：００"}
    fields |= {"e0day": "２０２６－１１－２５", "e0reason": "棚卸し"}
    assert (await send(sam, "publish", fields))[0] == 303
    assert hours(office)["weekly"] == {"月-金": "10:00-17:00", "土": "10:00-12:00"}
    assert hours(office)["exceptions"] == {"2026-11-25": "closed 棚卸し"}


async def test_today_is_where_the_line_is(office: Office, login: Login, clock: StoppedClock) -> None:
    """Half past midnight of New Year in Japan is the old year in UTC."""
    week = 'weekly: {月-金: "10:00-17:00"}'
    office.file("shop").write_text(SHOP.replace(week, week + "\n    closed: {1/2: 冬季休業}"), "utf-8")
    clock.at = datetime.fromisoformat("2026-12-31T15:30:00+00:00")
    fields = await form_of(await login("sam"))
    assert (fields["c0first"], fields["c0last"]) == ("2027-01-02", "2027-01-02")


async def test_hours_that_the_form_cannot_show_are_left_to_admins(office: Office, login: Login) -> None:
    sam = await login("sam")
    week = 'weekly: {月-金: "10:00-17:00"}'
    for other, said in (
        (SHOP.replace(week, 'weekly: {月-金: "9:00-10:00, 11:00-12:00, 13:00-14:00"}'), "3つ以上の受付時間"),
        (SHOP.replace(week, "weekly: ["), "ファイルにエラーがあるため"),
    ):
        office.file("shop").write_text(other, "utf-8")
        assert said in await (await sam.get(PAGE)).text()


async def test_weeks_of_the_month_are_shown_and_kept(office: Office, login: Login) -> None:
    sam = await login("sam")
    third = SHOP.replace('"10:00-17:00"}', '"10:00-17:00", 第3土曜: "10:00-12:00"}')
    office.file("shop").write_text(third, "utf-8")
    fields = await form_of(sam) | {"w0from0": "", "w0to0": ""}
    _, page = await send(sam, "preview", fields)
    assert "第3土曜: 10:00-12:00" in page
    assert (await send(sam, "publish", fields))[0] == 303
    assert hours(office)["weekly"] == {"火-金": "10:00-17:00", "第3土曜": "10:00-12:00"}
