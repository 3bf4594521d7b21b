"""Numbers, dates and waits: the text, and the kana that the synthesiser makes of it."""

import datetime as dt

import pyopenjtalk
import pytest

from ivr.prompts import spoken

# pyopenjtalk-plus calls an old name of SudachiPy's.
pytestmark = pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")


def kana(text: str) -> str:
    return str(pyopenjtalk.g2p(text, kana=True))


@pytest.mark.parametrize(
    ("day", "text", "read"),
    [
        (dt.date(2026, 11, 24), "11月24日", "ジューイチガツニジューヨッカ"),
        (dt.date(2026, 12, 1), "12月1日", "ジューニガツツイタチ"),
        (dt.date(2027, 1, 1), "1月1日", "イチガツツイタチ"),
        (dt.date(2027, 4, 4), "4月4日", "シガツヨッカ"),
        (dt.date(2027, 7, 7), "7月7日", "シチガツナノカ"),
        (dt.date(2027, 9, 20), "9月20日", "クガツハツカ"),
        (dt.date(2027, 3, 14), "3月14日", "サンガツジューヨッカ"),
    ],
)
def test_date(day: dt.date, text: str, read: str) -> None:
    assert spoken.date(day) == text
    assert kana(spoken.date(day)) == read


def test_first_of_each_month_is_tsuitachi_even_before_kara() -> None:
    for month in range(1, 13):
        assert kana(spoken.date(dt.date(2027, month, 1)) + "から").endswith("ガツツイタチカラ")


def test_weekday() -> None:
    # 2026-11-22 is a Sunday.
    week = [spoken.weekday(dt.date(2026, 11, 22) + dt.timedelta(days=n)) for n in range(7)]
    assert week == ["日曜日", "月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日"]
    assert [kana(day) for day in week] == [
        "ニチヨービ", "ゲツヨービ", "カヨービ", "スイヨービ", "モクヨービ", "キンヨービ", "ドヨービ",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "text", "read"),
    [
        ("10:00", "午前10時", "ゴゼンジュージ"),
        ("10:30", "午前10時30分", "ゴゼンジュージサンジュップン"),
        ("00:00", "午前れい時", "ゴゼンレイジ"),
        ("00:30", "午前れい時30分", "ゴゼンレイジサンジュップン"),
        ("12:00", "正午", "ショーゴ"),
        ("12:30", "午後れい時30分", "ゴゴレイジサンジュップン"),
        ("13:00", "午後1時", "ゴゴイチジ"),
        ("16:04", "午後4時4分", "ゴゴヨジヨンプン"),
        ("19:00", "午後7時", "ゴゴシチジ"),
        ("21:00", "午後9時", "ゴゴクジ"),
        ("23:59", "午後11時59分", "ゴゴジューイチジゴジューキューフン"),
    ],
)
def test_time(clock: str, text: str, read: str) -> None:
    assert spoken.time(dt.time.fromisoformat(clock)) == text
    assert kana(text) == read


def test_digits_one_by_one() -> None:
    assert spoken.digits("0123456789") == "ゼロ、イチ、ニー、サン、ヨン、ゴー、ロク、ナナ、ハチ、キュー"
    assert kana(spoken.digits("4821")) == "ヨン、ハチ、ニー、イチ"
    assert spoken.digits("48-21") == "ヨン、ハチ、ニー、イチ"


def test_telephone_number_pauses_between_its_groups() -> None:
    assert kana(spoken.phone("0120-123-456")) == "ゼロイチニーゼロ、イチニーサン、ヨンゴーロク"
    assert kana(spoken.phone("090-8765-4321")) == "ゼロキューゼロ、ハチナナロクゴー、ヨンサンニーイチ"


@pytest.mark.parametrize(
    ("seconds", "text", "read"),
    [
        (1, "1分", "イップン"),
        (60, "1分", "イップン"),
        (61, "2分", "ニフン"),
        (180, "3分", "サンプン"),
        (181, "4分", "ヨンプン"),
        (301, "10分", "ジュップン"),
        (600, "10分", "ジュップン"),
        (660, "15分", "ジューゴフン"),
        (1200, "20分", "ニジュップン"),
        (1860, "40分", "ヨンジュップン"),
        (3600, "1時間", "イチジカン"),
        (3601, "1時間30分", "イチジカンサンジュップン"),
        (7200, "2時間", "ニジカン"),
        (7201, "2時間以上", "ニジカンイジョー"),
        (90_000, "2時間以上", "ニジカンイジョー"),
    ],
)
def test_wait_is_rounded_up(seconds: int, text: str, read: str) -> None:
    assert spoken.wait(dt.timedelta(seconds=seconds)) == text
    assert kana(text) == read
    assert text in spoken.waits()


def test_waits_are_few_enough_to_be_spoken_ahead() -> None:
    assert len(spoken.waits()) == len(set(spoken.waits())) == 16


def test_people() -> None:
    assert spoken.people(3) == "3名様"
    assert [kana(spoken.people(n)) for n in (1, 3, 4, 7, 9, 10, 20)] == [
        "イチメーサマ", "サンメーサマ", "ヨンメーサマ", "ナナメーサマ", "キューメーサマ", "ジューメーサマ",
        "ニジューメーサマ",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("moment", "pieces", "read"),
    [
        ("2026-11-24T09:05", ["本日、", "午前9時", "5分"], "ホンジツ、 ゴゼンクジ ゴフン"),
        ("2026-11-23T12:00", ["昨日、", "正午"], "キノー、 ショーゴ"),
        ("2026-11-23T12:30", ["昨日、", "午後れい時", "30分"], "キノー、 ゴゴレイジ サンジュップン"),
        ("2026-11-01T00:00", ["11月", "ついたち、", "午前れい時"], "ジューイチガツ ツイタチ、 ゴゼンレイジ"),
        (
            "2026-04-20T19:44",
            ["4月", "20日、", "午後7時", "44分"],
            "シガツ ハツカ、 ゴゴシチジ ヨンジューヨンプン",
        ),
        (
            "2025-11-24T16:01",
            ["11月", "24日、", "午後4時", "1分"],
            "ジューイチガツ ニジューヨッカ、 ゴゴヨジ イップン",
        ),
    ],
)
def test_a_time_of_the_past_in_pieces(moment: str, pieces: list[str], read: str) -> None:
    said = spoken.moment_parts(dt.datetime.fromisoformat(moment), dt.date(2026, 11, 24))
    assert said == pieces
    assert " ".join(map(kana, said)) == read


def test_every_piece_of_any_time_is_known_before() -> None:
    known = set(spoken.moments())
    today = dt.date(2028, 3, 1)
    said = {
        piece
        for minutes in range(0, 366 * 24 * 60, 61)
        for piece in spoken.moment_parts(dt.datetime(2027, 3, 1) + dt.timedelta(minutes=minutes), today)
    }
    assert said <= known
    assert len(known) < 140  # few enough to be spoken whenever a line goes live
