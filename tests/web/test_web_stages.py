"""The stages of a message on the callback's page: what failed and why, done again by a button; what was read; the audio."""

from typing import Any

from aiohttp.test_utils import TestClient
from sqlalchemy import update

from ivr.settings import Settings
from ivr.store import messages
from ivr.store.database import Store
from ivr.store.tables import MessageRow, UserRow
from tests.web.test_web_callbacks import alice as alice
from tests.web.test_web_callbacks import page, send


async def change(desk: Store, message_id: str, **values: Any) -> None:
    async with desk.write() as db:
        await db.execute(update(MessageRow).where(MessageRow.id == message_id).values(**values))


async def test_a_failed_stage_says_why_and_is_done_again(alice: TestClient, desk: Store) -> None:
    reason = "ディスクの空き容量が足りません。自動で再試行します。"
    await change(desk, "m1000012", audio_state="failed", audio_reason=reason, transcript_state="done")
    html = await page(alice, "/callbacks/1000012")
    assert reason in html and "音声の変換をやり直す" in html
    assert (await send(alice, "1000012", "run", message="m1000012", stage="audio"))[0] == 303
    async with desk.read() as db:
        row = await messages.get(db, "m1000012")
    assert (row.audio_state, row.audio_reason, row.audio_attempts) == ("waiting", None, 0)
    assert "音声の変換をやり直す" not in await page(alice, "/callbacks/1000012")


async def test_the_state_of_each_stage_is_told_and_what_is_done_is_done_again(
    alice: TestClient, desk: Store
) -> None:
    await change(desk, "m1000012", audio_state="working", transcript_state="done", reading_state="waiting")
    html = await page(alice, "/callbacks/1000012")
    for told in ("音声の変換：処理中", "文字起こし：完了", "内容の読み取り：順番待ち"):
        assert told in html, told
    assert "文字起こしをもう一度行う" in html and "音声の変換をもう一度行う" not in html
    assert (await send(alice, "1000012", "run", message="m1000012", stage="transcript"))[0] == 303
    assert "文字起こし：順番待ち" in await page(alice, "/callbacks/1000012")


async def test_another_companys_stage_and_a_stage_that_is_none(alice: TestClient, desk: Store) -> None:
    assert (await send(alice, "1000012", "run", message="m1000012", stage="everything"))[0] == 409
    token_page = "/callbacks/1000012"
    html = await page(alice, token_page)
    token = html.split('name="token" value="')[1].split('"')[0]
    answer = await alice.post("/callbacks/2000015/run", data={"token": token, "stage": "audio"})
    assert answer.status == 404


async def test_what_was_read_is_shown_as_a_suggestion(alice: TestClient, desk: Store) -> None:
    number = {"kind": "number", "value": "090-1234-5678", "start": 1.0, "end": 3.0}
    reading = {
        "text": "田中です。お電話ください",
        "kana": "",
        "pieces": [
            {"text": "田中です。", "first": 0, "last": 1, "doubtful": True},
            {"text": "お電話<b>ください", "first": 2, "last": 3, "doubtful": False},
        ],
        "doubtful": [0],
        "suggestions": [{**number, "reason": "番号をおっしゃっています", "compared": "different"}],
        "matter": False,
        "why": "",
    }
    await change(desk, "m1000012", transcript_state="done", reading_state="done", reading=reading)
    html = await page(alice, "/callbacks/1000012")
    assert '<mark class="word doubtful" title="聞き取りが不確かです">田中です。</mark>' in html
    assert "お電話&lt;b&gt;ください" in html
    for word in ("お電話番号？", "090-1234-5678", "発信番号と違う", "番号をおっしゃっています"):
        assert word in html, word


async def test_the_player_gets_the_copy_and_the_original_where_there_is_none(
    alice: TestClient, desk: Store, settings: Settings
) -> None:
    await change(
        desk, "m1000012", audio_state="done", playback="playback/m1000012.mp3", peaks=[0.1, 1.0, 0.0]
    )
    assert (await alice.get("/messages/m1000012/audio")).content_type == "audio/wav", "the copy is gone"
    copy = settings.recordings / "playback" / "m1000012.mp3"
    copy.parent.mkdir()
    copy.write_bytes(bytes(range(200)))
    answer = await alice.get("/messages/m1000012/audio", headers={"Range": "bytes=100-109"})
    assert (answer.status, answer.content_type) == (206, "audio/mpeg")
    assert await answer.read() == bytes(range(100, 110))
    assert "M1 2V99" in await page(alice, "/callbacks/1000012"), "the waveform"


async def test_the_original_is_for_admins(alice: TestClient, desk: Store) -> None:
    assert (await alice.get("/messages/m1000012/original")).status == 404
    assert "/original" not in await page(alice, "/callbacks/1000012")
    async with desk.write() as db:
        await db.execute(update(UserRow).where(UserRow.name == "alice").values(role="admin"))
    assert "/original" in await page(alice, "/callbacks/1000012")
    answer = await alice.get("/messages/m1000012/original")
    assert (answer.status, answer.content_type) == (200, "audio/wav")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="m1000012.wav"'
