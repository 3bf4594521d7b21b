"""A message is heard in a real Chromium: from a word, by keys, faster, without its silence; its text is put right."""

import asyncio
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestClient
from playwright.async_api import Browser, Page, expect
from sqlalchemy import update

from ivr.dialplan.reading import ReadingRules
from ivr.messages.audio import normalise
from ivr.messages.reading import read_message
from ivr.settings import Settings
from ivr.store import callbacks, messages
from ivr.store.database import Store
from ivr.store.tables import MessageRow
from ivr.transcript import Word
from tests.speech import speak, wav
from tests.web.chromium import DESK, TELEPHONE, comes_true, complaints, logged_in
from tests.web.test_web_callbacks import alice as alice
from tests.web.test_web_callbacks import page as html_of
from tests.web.test_web_callbacks import send

PAUSE = 5.0  # seconds of silence in the middle
TICKET = "/callbacks/1000012"


def words_of(texts: list[str], start: float, end: float, doubtful: str = "") -> list[Word]:
    each = (end - start) / len(texts)
    return [
        Word(
            text,
            round(start + at * each, 2),
            round(start + (at + 1) * each, 2),
            0.4 if text == doubtful else 1.0,
        )
        for at, text in enumerate(texts)
    ]


@pytest.fixture
async def message(desk: Store, settings: Settings) -> list[Word]:
    """The message of 1000012: three seconds of nothing, a name, silence, the wish to be called; as the pipeline leaves it."""
    name, wish = await asyncio.to_thread(
        lambda: (speak("えっと、田中と申します。"), speak("至急、折り返しお電話ください。"))
    )
    before, silence = np.zeros(3 * 8000, np.int16), np.zeros(int(PAUSE * 8000), np.int16)
    sound = np.concatenate([before, name, silence, wish])
    original = settings.recordings / "messages" / "m1000012.wav"
    original.write_bytes(wav(sound.tobytes(), 8000))
    copy = settings.recordings / "playback" / "m1000012.mp3"
    made = await normalise(original, copy)
    middle = 3 + len(name) / 8000
    words = words_of(["えっと", "田中", "と", "申します"], 3.2, middle - 0.2, "田中")
    words += words_of(
        ["至急", "折り返し", "お電話", "ください"], middle + PAUSE + 0.2, len(sound) / 8000 - 0.2
    )
    reading = read_message(words, ReadingRules(), caller="+81312345678")
    values: dict[str, Any] = {
        **{"audio_state": "done", "playback": "playback/m1000012.mp3", "playback_start": made.start},
        **{"playback_seconds": made.seconds, "peaks": list(made.peaks), "duration": len(sound) / 8000},
        **{"transcript_state": "done", "transcript_text": "".join(word.word for word in words)},
        "transcript_words": [{"word": w.word, "start": w.start, "end": w.end, "conf": w.conf} for w in words],
        **{"reading_state": "done", "reading": reading.as_json()},
    }
    async with desk.write() as db:
        await db.execute(update(MessageRow).where(MessageRow.id == "m1000012").values(**values))
    return words


async def opened(browser: Browser, visitor: TestClient, size: tuple[int, int]) -> Page:
    page = await logged_in(browser, visitor, size, "alice", TICKET)
    await expect(page.locator("[data-player][data-ready]")).to_be_visible()
    return page


async def at(page: Page) -> float:
    seconds: float = await page.locator("audio").evaluate("audio => audio.currentTime")
    return seconds


async def playing(page: Page) -> bool:
    going: bool = await page.locator("audio").evaluate("audio => !audio.paused")
    return going


async def slowly(page: Page) -> None:
    """The sound goes on for so long that nothing which is done meanwhile comes after its end."""
    await page.locator("audio").evaluate("audio => { audio.playbackRate = 1 / 16; }")


async def listen_from(page: Page, seconds: float) -> None:
    """Puts the needle there; from then on `window.jumps` counts the jumps that the page makes by itself."""
    set_it = "(audio, to) => { audio.currentTime = to; }"
    await page.locator("audio").evaluate(set_it, seconds)
    await comes_true(page, "!document.querySelector('audio').seeking")
    count = "audio => { window.jumps = 0; audio.addEventListener('seeking', () => window.jumps++); }"
    await page.locator("audio").evaluate(count)


async def reaches(page: Page, seconds: float) -> None:
    await comes_true(page, "to => document.querySelector('audio').currentTime >= to", seconds)


@pytest.mark.parametrize("size", [DESK, TELEPHONE], ids=["desk", "telephone"])
async def test_words_are_heard_from_and_light_up(
    message: list[Word], browser: Browser, visitor: TestClient, tmp_path: Path, size: tuple[int, int]
) -> None:
    page = await opened(browser, visitor, size)
    said = page.locator("#transcript p.prose")
    await expect(said).to_have_text("【試験用モデル】田中と申します至急折り返しお電話ください")
    await expect(page.locator("#transcript .kana")).to_contain_text("タナカ")
    await expect(page.locator("mark.doubtful")).to_have_text("田中")
    word = page.locator(".word", has_text="至急")
    await slowly(page)
    await word.click()
    cut = 2.5  # seconds: of three seconds before the voice half a one stays
    await reaches(page, message[4].start - cut - 0.1)
    await expect(word).to_have_attribute("data-now", "")
    await page.clock.run_for(31_000)  # the page is fetched again meanwhile
    await expect(page.locator(".word[data-now]")).to_have_count(1)
    await page.get_by_role("button", name="停止").click()
    assert await at(page) < message[-1].end + 1
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width == size[0], "nothing is wider than the screen"
    await page.screenshot(path=tmp_path / "player.png", full_page=True)
    assert complaints(page) == []


async def test_by_keys_alone(message: list[Word], browser: Browser, visitor: TestClient) -> None:
    page = await opened(browser, visitor, DESK)
    await slowly(page)
    await page.keyboard.press("Space")
    await expect(page.get_by_role("button", name="停止")).to_be_visible()
    # a Japanese IME is on: the browser tells no letter
    key = "new KeyboardEvent('keydown', {code: 'Space', key: 'Process', keyCode: 229, bubbles: true, cancelable: true})"
    await page.evaluate(f"document.body.dispatchEvent({key})")
    await expect(page.get_by_role("button", name="再生", exact=True)).to_be_visible()
    place = page.get_by_role("slider", name="再生位置")
    await place.focus()
    await page.keyboard.press("Home")
    await page.keyboard.press("ArrowRight")
    await expect(place).to_have_attribute("aria-valuetext", re.compile("^0:0[1-3]、田中$"))
    await page.keyboard.press("ArrowRight")
    await expect(place).to_have_attribute("aria-valuetext", re.compile("^0:0[1-3]、と$"))
    await page.keyboard.press("ArrowLeft")
    await expect(place).to_have_attribute("aria-valuetext", re.compile("^0:0[1-3]、田中$"))
    await page.keyboard.press("Space")
    await expect(page.get_by_role("button", name="停止")).to_be_visible()
    await page.keyboard.press("Space")
    result = page.locator("#memo")
    await result.press_sequentially("a b")
    await expect(result).to_have_value("a b")
    assert not await playing(page)


async def test_silence_is_skipped_and_how_one_listens_is_kept(
    message: list[Word], browser: Browser, visitor: TestClient
) -> None:
    page = await opened(browser, visitor, DESK)
    silence = await page.locator("#sound").evaluate("sound => JSON.parse(sound.dataset.silences)")
    [[begins, ends]] = silence
    gap = message[4].start - message[3].end
    assert gap - 1.5 < ends - begins < gap
    await listen_from(page, begins + 0.2)
    await page.keyboard.press("Space")
    await comes_true(page, "window.jumps > 0")
    await reaches(page, ends)
    await page.get_by_label("速さ").select_option("1.5")
    await page.get_by_label("無音を飛ばす").uncheck()
    await page.reload()
    await expect(page.get_by_label("速さ")).to_have_value("1.5")
    await expect(page.get_by_label("無音を飛ばす")).not_to_be_checked()
    await listen_from(page, begins - 0.2)
    await page.keyboard.press("Space")
    await reaches(page, ends)
    assert await page.evaluate("window.jumps") == 0, "nothing was skipped"
    assert await page.locator("audio").evaluate("audio => audio.playbackRate") == 1.5


async def test_a_sound_that_does_not_come_is_said_and_asked_for_again(
    message: list[Word], browser: Browser, visitor: TestClient
) -> None:
    page = await opened(browser, visitor, DESK)
    await page.route("**/messages/**", lambda route: route.abort())
    await page.reload()
    await expect(page.locator("[data-part=status]")).to_contain_text("音声を再生できません")
    await page.unroute("**/messages/**")
    await page.get_by_role("button", name="再生", exact=True).click()
    await reaches(page, 0.1)
    await expect(page.locator("[data-part=status]")).to_be_empty()


async def test_a_text_is_put_right_and_the_suggestions_are_taken_over(
    message: list[Word], desk: Store, browser: Browser, visitor: TestClient
) -> None:
    page = await opened(browser, visitor, TELEPHONE)
    await page.get_by_text("文字を直す").click()
    right = page.get_by_label("正しい文字")
    await right.fill("田仲と申します。至急、折り返しお電話ください。")
    await page.clock.run_for(31_000)  # what is being typed stays, and the form open
    await expect(right).to_have_value("田仲と申します。至急、折り返しお電話ください。")
    await page.get_by_role("button", name="保存する").click()
    await expect(page.locator("#transcript")).to_contain_text("aliceさんが直した文字です（今日 11:00）")
    await page.get_by_role("button", name="お名前「田中」を採用").click()
    await expect(page.locator("#one-head")).to_contain_text("田中 様")
    await expect(page.locator("#suggestions")).to_contain_text("採用済み")
    await expect(page.locator("#history")).to_contain_text("候補を採用しました：お名前：田中 alice")
    async with desk.read() as db:
        row = await messages.get(db, "m1000012")
        assert row.transcript_text == "えっと田中と申します至急折り返しお電話ください"
        assert (row.corrected_by, row.corrected_text) == (
            "alice",
            "田仲と申します。至急、折り返しお電話ください。",
        )
        assert (await callbacks.get(db, "1000012")).name == "田中"
    await page.goto(str(visitor.make_url("/callbacks")))
    await expect(page.locator("#row-1000012")).to_contain_text("田仲と申します。")


async def test_who_corrects_what_somebody_else_has_corrected_looks_again(
    message: list[Word], alice: TestClient, desk: Store
) -> None:
    assert await send(alice, "1000012", "correct", message="m1000012", seen="", text="一度目") == (
        303,
        TICKET,
    )
    assert (await send(alice, "1000012", "correct", message="m1000012", seen="", text="二度目"))[0] == 409
    html = await html_of(alice, TICKET)
    assert "一度目" in html and "二度目" not in html
    seen = html.split('name="seen" value="')[1].split('"')[0]
    assert (await send(alice, "1000012", "correct", message="m1000012", seen=seen, text=" "))[1] == TICKET
    assert "さんが直した文字" not in await html_of(alice, TICKET)
    async with desk.read() as db:
        assert [event.what for event in await callbacks.events(db, "1000012")] == [
            "created",
            "corrected",
            "corrected",
        ]


async def test_only_what_was_read_can_be_taken_over(
    message: list[Word], alice: TestClient, desk: Store
) -> None:
    for kind, value in (("name", "鈴木"), ("urgent", "至急"), ("state", "done"), ("number", "03-9999-9999")):
        status, _ = await send(
            alice, "1000012", "accept", message="m1000012", version="0", kind=kind, value=value
        )
        assert status == 409, kind
    assert (
        await send(alice, "1000012", "accept", message="m1000012", version="7", kind="name", value="田中")
    )[0] == 409
    assert await send(
        alice, "1000012", "accept", message="m1000012", version="0", kind="reply", value="yes"
    ) == (303, TICKET)
    async with desk.read() as db:
        row = await callbacks.get(db, "1000012")
    assert (row.name, row.reply_wanted, row.number) == (None, True, "+81312345678")


async def test_another_company_corrects_and_takes_over_nothing(
    message: list[Word], alice: TestClient, desk: Store
) -> None:
    html = await html_of(alice, TICKET)
    token = html.split('name="token" value="')[1].split('"')[0]
    for what in ("correct", "accept"):
        answer = await alice.post(
            f"/callbacks/2000015/{what}", data={"token": token, "version": "0", "seen": ""}
        )
        assert answer.status == 404
