"""The flow with its callers, the year with its reasons, the prompts: what admins see of a line that lives."""

import io
import re
import wave
from datetime import timedelta
from pathlib import Path

from aiohttp.test_utils import TestClient

from ivr.prompts.library import PromptLibrary
from ivr.settings import Settings
from ivr.store import calls
from tests.dialplans import SHOP
from tests.store import rows
from tests.web.conftest import Login
from tests.web.desk import NOW
from tests.web.lines import Office

FLOW, CALENDAR, PROMPTS = (f"/admin/lines/shop/{page}" for page in ("flow", "calendar", "prompts"))
THANKS = "お電話ありがとうございました。"


async def page_of(client: TestClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status == 200, await answer.text()
    return await answer.text()


def flat(text: str) -> str:
    """Cells of tables apart by one space."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


async def ended(office: Office, call_id: str, *path: str, days: int = 0, **changed: object) -> None:
    begun = NOW - timedelta(days=days, minutes=10)
    row = rows.call(
        call_id,
        line="shop",
        tenant="shop",
        path=list(path),
        path_times=[float(number) for number in range(len(path))],
        started_at=begun,
        ended_at=begun + timedelta(seconds=60),
        state=None,
        **changed,
    )
    async with office.store.write() as session:
        await calls.save(session, [row])


async def test_the_flow_counts_the_callers_of_the_period(office: Office, login: Login) -> None:
    await ended(office, "c1", "office", "menu", "#1", "agents", outcome="answered")
    await ended(office, "c2", "office", "menu", outcome="abandoned")
    await ended(office, "c3", "office", "message", "thanks", "bye", outcome="message", days=3)
    await ended(office, "c4", "office", "message", outcome="message", days=40)
    carol = await login("carol")
    week = await page_of(carol, FLOW)
    assert "通話 3件" in week and "営業中 2人" in flat(week) and "2人、途中で切断1人" in week
    assert "menu メニュー 2 1" in flat(week)
    today = await page_of(carol, f"{FLOW}?since=today")
    assert "通話 2件" in today and "営業時間外 1人" not in flat(today)
    dates = await page_of(carol, f"{FLOW}?since={NOW - timedelta(days=60):%Y-%m-%d}&until=")
    assert "通話 4件" in dates and "営業時間外 2人" in flat(dates)


async def test_a_period_that_is_none_is_said(office: Office, login: Login) -> None:
    carol = await login("carol")
    for query in (
        "since=gestern",
        "since=2026-13-99",
        "since=2030-01-01",
        "since=%00",
        "since=999999999999d",
    ):
        text = await page_of(carol, f"{FLOW}?{query}")
        assert "期間を読み取れませんでした" in text and "通話 0件" in text


async def test_surveys_are_told_with_their_mean(office: Office, login: Login) -> None:
    for number, grade in enumerate((5, 4, 3)):
        await ended(office, f"s{number}", "office", outcome="answered", answers={"manner": grade})
    text = flat(await page_of(await login("carol"), FLOW))
    assert "manner 3 4.0 1 1 1 0 0" in text


async def test_a_huge_flow_is_drawn(office: Office, login: Login) -> None:
    start = "\nstart: office"
    assert start in SHOP
    chain = (
        "".join(f"  s{n}: {{type: play, say: {THANKS}, next: s{n + 1}}}\n" for n in range(399))
        + "  s399: {type: play, say: お待たせいたしました。, next: office}\n"
    )
    office.file("shop").write_text(SHOP.replace(start, "\nstart: s0").rstrip("\n") + "\n" + chain, "utf-8")
    assert await office.publish("test") == []
    page = await page_of(await login("carol"), FLOW)
    assert ">s399<" in page.partition('class="picture"')[2].partition("</svg>")[0]
    assert "s399 アナウンス 0" in flat(page)


async def test_the_year_says_why_a_day_differs(office: Office, login: Login) -> None:
    source = office.file("shop").read_text("utf-8")
    hours = 'weekly: {月-金: "10:00-17:00"}'
    holidays = f'{hours}\n    holidays: JP\n    closed: {{"12/29-1/3": 年末年始休業}}'
    office.file("shop").write_text(source.replace(hours, holidays), "utf-8")
    assert await office.publish("test") == []
    text = flat(await page_of(await login("carol"), f"{CALENDAR}?year=2026"))
    assert "12月30日（水） 休み 休業日 年末年始休業" in text
    assert "9月22日（火） 休み 祝日 国民の休日" in text
    other = flat(await page_of(await login("carol"), f"{CALENDAR}?year=2031"))
    assert "2031年の営業日" in other


async def test_the_next_seven_days_say_what_callers_hear(office: Office, login: Login) -> None:
    text = flat(await page_of(await login("carol"), CALENDAR))
    ahead = text.partition("これからの7日間")[2].partition("年の営業日")[0]
    assert len(re.findall(r"\d+月\d+日（[月火水木金土日]）", ahead)) == 7
    assert ahead.count("10:00-17:00") == 5
    assert "本日は休業日でございます。次の営業は、" in ahead


async def test_a_year_that_cannot_be_shown_is_said(office: Office, login: Login) -> None:
    carol = await login("carol")
    for query in ("year=20", "year=2６２６", "year=9999", "year=0001"):
        text = await page_of(carol, f"{CALENDAR}?{query}")
        assert "今年を表示しています" in text and f"{NOW.year}年の営業日" in text


async def test_prompts_can_be_read_and_heard(office: Office, login: Login, settings: Settings) -> None:
    made = PromptLibrary(settings.prompt_cache, settings.prompts).make(THANKS)
    carol = await login("carol")
    text = await page_of(carol, PROMPTS)
    assert f"{THANKS} thanks.say 合成音声" in flat(text)
    assert "まだ音声になっていないアナウンスが" in text
    [address] = re.findall(r'src="([^"]+\.wav)"', text)
    answer = await carol.get(address)
    assert answer.status == 200 and answer.content_type == "audio/wav"
    with wave.open(io.BytesIO(await answer.read())) as heard:
        assert heard.getframerate() == 8000 and heard.getnframes() > 8000
    assert Path(made).stem in address


async def test_the_audio_of_another_company_stays_with_it(
    office: Office, login: Login, settings: Settings
) -> None:
    PromptLibrary(settings.prompt_cache, settings.prompts).make(THANKS)
    carol = await login("carol")
    [address] = re.findall(r'src="([^"]+\.wav)"', await page_of(carol, PROMPTS))
    dave = await login("dave")
    for path in (FLOW, CALENDAR, PROMPTS, address):
        assert (await dave.get(path)).status == 404, path
    alice = await login("alice")
    for path in (FLOW, CALENDAR, PROMPTS, address):
        assert (await alice.get(path)).status == 403, path


async def test_no_address_reaches_another_file(office: Office, login: Login) -> None:
    carol = await login("carol")
    for name in ("..%2F..%2Fivr.db", "0" * 64, "x"):
        assert (await carol.get(f"{PROMPTS}/{name}.wav")).status == 404
