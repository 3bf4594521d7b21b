"""Numbers said aloud: whatever is a number of Japan is read as that, and nothing else becomes one."""

import phonenumbers
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ivr.dialplan.reading import ReadingRules
from ivr.messages.reading import Reading, read_message
from ivr.transcript import Word

RULES = ReadingRules()
KANJI = dict(zip("0123456789", "〇一二三四五六七八九", strict=True))
FULL_WIDTH = dict(zip("0123456789", "０１２３４５６７８９", strict=True))
# How each digit is said and written; every digit of a number takes one of these.
SAID = {
    "0": ["ゼロ", "ぜろ", "零", "〇", "れい", "まる", "丸"],
    "1": ["一", "イチ", "いち"],
    "2": ["二", "ニー", "にー", "に"],
    "3": ["三", "サン", "さん"],
    "4": ["四", "ヨン", "よん"],
    "5": ["五", "ゴー", "ごー", "ご"],
    "6": ["六", "ロク", "ろく"],
    "7": ["七", "ナナ", "なな", "シチ", "しち"],
    "8": ["八", "ハチ", "はち"],
    "9": ["九", "キュウ", "キュー", "きゅう", "きゅー"],
}
FILLERS = ["えー", "えーと", "えっと", "あの", "まあ"]
BETWEEN = ["の", "、", "ハイフン", "の えー", "で"]
# Every length of area code, mobiles, 050, toll-free and 0570.
_BEGINNINGS = """
03 06 011 022 045 052 075 078 092 0123 0166 0242 0299 0463 0561 0736 0823 0942 0977
01267 01372 04992 05979 07468 08396 09913 090 080 070 060 050 0120 0800 0570
"""
BEGINNINGS = _BEGINNINGS.split()
# And all the rest of the plan: whatever begins like that and is a number.
FIXED = st.from_regex(r"0[1-9][1-9][0-9]{3}", fullmatch=True)


def words(text: str) -> list[Word]:
    return [Word(word, i * 0.4, i * 0.4 + 0.4, 1.0) for i, word in enumerate(text.split())]


def read(text: str, caller: str | None = None) -> Reading:
    return read_message(words(text), RULES, caller=caller)


def numbers(text: str) -> list[str]:
    return [one.value for one in read(text).suggestions if one.kind == "number"]


@st.composite
def valid(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A valid number with hyphens, as phonenumbers writes it, and its groups."""
    begin = draw(st.one_of(st.sampled_from(BEGINNINGS), FIXED))
    length = 11 if begin in ("090", "080", "070", "060", "050", "0800") else 10
    rest = draw(st.text("0123456789", min_size=length - len(begin), max_size=length - len(begin)))
    number = phonenumbers.parse(begin + rest, "JP")
    assume(phonenumbers.is_valid_number(number))
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return shown, shown.split("-")


def test_the_beginnings_are_numbers_of_all_lengths_of_area_codes() -> None:
    found = {}
    for begin in BEGINNINGS:
        for end in ("2345678", "22345678", "223456", "22345", "345678", "234567", "2000000", "12345678"):
            number = phonenumbers.parse(begin + end, "JP")
            if phonenumbers.is_valid_number(number):
                shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
                found[begin] = len(shown.split("-")[0])
    assert found.keys() == set(BEGINNINGS)
    assert set(found.values()) == {2, 3, 4, 5}


@settings(max_examples=400)
@given(number=valid(), data=st.data())
def test_a_number_is_read_in_whatever_words_it_is_said(
    number: tuple[str, list[str]], data: st.DataObject
) -> None:
    shown, groups = number
    spoken = []
    for index, group in enumerate(groups):
        if index:
            spoken.append(data.draw(st.sampled_from(["", *BETWEEN])))
        for digit in group:
            if data.draw(st.integers(0, 9)) == 0:
                spoken.append(data.draw(st.sampled_from(FILLERS)))
            spoken.append(data.draw(st.sampled_from(SAID[digit])))
    before = data.draw(st.sampled_from(["", "電話 番号 は ", "番号 が えー ", "田中 です "]))
    after = data.draw(
        st.sampled_from(["", " です", " で ござい ます", " に お 電話 ください", " まで お 願い し ます"])
    )
    assert numbers(before + " ".join(spoken) + after) == [shown]


@settings(max_examples=200)
@given(
    number=valid(),
    digits=st.sampled_from([KANJI, FULL_WIDTH, {d: d for d in "0123456789"}]),
    apart=st.booleans(),
)
def test_a_number_is_read_in_any_digits(
    number: tuple[str, list[str]], digits: dict[str, str], apart: bool
) -> None:
    shown, groups = number
    joint = " の " if apart else ""
    text = joint.join("".join(digits[digit] for digit in group) for group in groups)
    reading = read(f"番号 は {text} です")
    assert [one.value for one in reading.suggestions if one.kind == "number"] == [shown]
    assert reading.text == f"番号は{shown}です"


@settings(max_examples=200)
@given(number=valid(), count=st.integers(1, 4), data=st.data())
def test_the_last_digits_can_be_corrected(
    number: tuple[str, list[str]], count: int, data: st.DataObject
) -> None:
    shown, _ = number
    plain = shown.replace("-", "")
    wrong = plain[:-count] + data.draw(st.text("0123456789", min_size=count, max_size=count))
    assume(phonenumbers.is_valid_number(phonenumbers.parse(wrong, "JP")))
    sorry = data.draw(
        st.sampled_from(
            ["いえ", "です いえ", "じゃ なく て", "あ 間違え まし た 最後 が", "です 訂正 し ます 末尾 が"]
        )
    )
    said = f"{' '.join(KANJI[d] for d in wrong)} {sorry} {' '.join(KANJI[d] for d in plain[-count:])} です"
    assert numbers(said) == [shown]


def amount(low: int, high: int) -> st.SearchStrategy[str]:
    """A count in kanji, as it is said: 三万二千."""

    def kanji(value: int) -> str:
        text = ""
        for size, sign in ((10000, "万"), (1000, "千"), (100, "百"), (10, "十")):
            part, value = divmod(value, size)
            if part:
                text += (kanji(part) if part > 1 or size == 10000 else "") + sign
        return text + (KANJI[str(value)] if value else "")

    return st.integers(low, high).map(kanji)


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("〇一二三四五六七八九", min_size=least, max_size=most).map(" ".join)


NO_NUMBER = [
    st.builds(
        "{} 年 {} 月 {} 日 に 注文 し まし た".format, amount(1950, 2030), amount(1, 12), amount(1, 31)
    ),
    st.builds(
        "{} 月 {} 日 {} 時 {} 分 です".format, amount(1, 12), amount(1, 31), amount(1, 23), amount(1, 59)
    ),
    st.builds("代金 {} 円 を 払い まし た".format, amount(1, 999_999)),
    st.builds("{} 円 が {} 円 に なっ て {} 個".format, amount(1, 99_999), amount(1, 99_999), amount(1, 99)),
    st.builds("母 は {} 歳 です 父 は {} 歳 です".format, amount(1, 105), amount(1, 105)),
    st.builds("注文 番号 は {} です".format, digits(4, 14)),
    st.builds("注文 番号 が {} の {} です".format, digits(3, 5), digits(3, 7)),
    st.builds("会員 番号 {} です".format, digits(6, 12)),
    st.builds("カード 番号 は {} の {} の {} の {} です".format, *[digits(4, 4)] * 4),
    st.builds("{} 時 から {} 時 まで です".format, amount(1, 23), amount(1, 23)),
    st.builds("{} 丁目 {} 番地 の {} 号 室".format, amount(1, 9), amount(1, 40), amount(101, 999)),
    st.builds("郵便 番号 {} の {} です".format, digits(3, 3), digits(4, 4)),
]


@settings(max_examples=400)
@given(text=st.one_of(NO_NUMBER))
def test_no_number_is_made_of_dates_prices_orders_ages_and_times(text: str) -> None:
    assert numbers(text) == []


@settings(max_examples=200)
@given(first=st.one_of(NO_NUMBER), number=valid(), then=st.one_of(NO_NUMBER))
def test_a_number_is_read_among_other_digits(first: str, number: tuple[str, list[str]], then: str) -> None:
    spoken = " の ".join(" ".join(KANJI[digit] for digit in group) for group in number[1])
    assert numbers(f"{first} それと 電話 は {spoken} です お 願い し ます {then}") == [number[0]]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("〇 九 〇 一 二 三 四 五 六 七 八 いえ 五 六 七 九 です", "090-1234-5679"),
        ("〇 九 〇 一 二 三 四 いえ 一 二 三 五 の 五 六 七 八 です", "090-1235-5678"),
        ("〇 八 〇 一 二 三 四 五 六 七 八 です すみません 〇 九 〇 です", "090-1234-5678"),
        (
            "〇 八 〇 一 二 三 四 五 六 七 八 間違え まし た 〇 三 一 二 三 四 五 六 七 八 です",
            "03-1234-5678",
        ),
        ("〇 九 〇 一 二 三 四 五 六 七 八 三 時 以降 に ください", "090-1234-5678"),
        ("ゼロ 級 ゼロ 一 二 産 四 後 六 七 八 です", "090-1234-5678"),
        ("プラス 八 一 九 〇 の 一 二 三 四 の 五 六 七 八 です", "090-1234-5678"),
        ("〇 八 〇 の 三千二百 の 千百十一", "080-3200-1111"),
        ("ゼロ 百二十 の 四四四 の 三三三", "0120-444-333"),
        ("〇三 一二三四 五六七八", "03-1234-5678"),
    ],
)
def test_numbers_as_people_say_them(text: str, shown: str) -> None:
    assert numbers(text) == [shown]


@pytest.mark.parametrize(
    "text",
    [
        "〇 九 〇 一 二 三 四 五 六 七",  # a digit is missing
        "〇 九 〇 一 二 三 四 五 六 七 八 九 一",  # two too many: nobody knows which
        "〇 一 二 〇 四 四 四 三 三 三 という 番号 から 着信 が あり まし た",
        "〇 三 一 二 三 四 五 六 七 八 に 電話 し た ん です けど 出 ませ ん",
        "ファックス は 〇 三 一 二 三 四 五 六 七 八 です",
        "〇 一 一 の 一 二 三 の 四 五 六 七",  # no number of Sapporo
    ],
)
def test_what_is_not_to_be_rung_back_is_not_suggested(text: str) -> None:
    assert numbers(text) == []


@pytest.mark.parametrize(
    ("caller", "compared"), [("+819012345678", "same"), ("+81312345678", "different"), (None, "none")]
)
def test_a_number_is_compared_with_the_caller_id(caller: str | None, compared: str) -> None:
    (number,) = (
        one
        for one in read("〇 九 〇 一 二 三 四 五 六 七 八 です", caller).suggestions
        if one.kind == "number"
    )
    assert (number.value, number.compared) == ("090-1234-5678", compared)
    assert (number.start, number.end) == (0.0, pytest.approx(4.4))


def test_this_number_is_the_one_the_call_came_from() -> None:
    text = "番号 は 今 かけ て いる 番号 です"
    (number,) = read(text, "+81312345678").suggestions
    assert (number.kind, number.value, number.compared) == ("number", "03-1234-5678", "same")
    assert read(text).suggestions == ()
    assert numbers("この 番号 で は なく 〇 九 〇 一 二 三 四 五 六 七 八 に お 願い し ます") == [
        "090-1234-5678"
    ]


def test_a_caller_id_that_is_no_number_is_shown_as_it_came() -> None:
    (number,) = read("この 番号 に お 願い し ます", "coin-line").suggestions[:1]
    assert (number.kind, number.value) == ("number", "coin-line")
