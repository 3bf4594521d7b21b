"""Who is calling, for which company, and whom they want: by what is said around the names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ivr.messages.reading.said import Morpheme, Said
from ivr.messages.reading.surnames import IN_KANA, KANA


@dataclass(frozen=True, slots=True)
class Person:
    """`value` as it was said, at characters `start` to before `end`; `said`: the words that tell it."""

    value: str
    start: int
    end: int
    said: str


_KATAKANA = str.maketrans({chr(code): chr(code - 0x60) for code in range(ord("ァ"), ord("ヴ"))})
_MOST = 4  # morphemes of a name
_NOBODY = {
    "担当", "担当者", "責任者", "者", "私", "方", "本人", "社長", "店長", "部長", "課長", "名前", "電話", "番号", "以上", "用件",
    "営業", "経理", "総務", "受付", "こちら", "会社", "至急", "客", "母", "父", "妻", "夫", "娘", "息子", "家内", "主人", "何",
    "代表", "関係", "お世話", "どちら", "そちら", "もの", "人", "皆", "誰",
}  # fmt: skip
# (words after the name, does it tell a name that no dictionary knows?)
_I_AM = re.compile(
    "(?:って|と)(?:申し|もうし|申す|もうす|いいます|言います|いう(?:もの|者)|言う(?:もの|者)|いい(?:まし)|言い(?:まし))|いいます"
)
_IT_IS = re.compile(
    "です(?![かよ])|ですか?よろしく|でございます|でござい|でした(?!ら)|だ(?:けど|が|よ|$|(?=[〇零一二三四五六七八九ゼ]))|や(?:けど|$)|じゃけ|じゃが|より$|から$|まで(?:お願い|お?電話|ご?連絡)|"
    "電話番号|$|(?=電話は|番号は|番号が|携帯)"
)
_NAME_IS = re.compile("(?:名前|氏名|なまえ|名字|苗字)(?:は|が|って|、|ですが)")
_FAMILY = re.compile("の(?:母|父|妻|夫|娘|息子|家内|主人|家族|者|代理)(?:です|でございます|と申|だ)")
_TITLE = "様|さま|さん|サン|殿|先生|部長|課長|係長|主任|店長|社長|次長|所長"
_WANTED = re.compile(
    f"(?:{_TITLE})(?:さん|様)?(?:(?:宛て?|あて)"
    "|(?:に|へ).{0,24}?(?:伝え|つたえ|折り?返|おりかえ|電話|でんわ|連絡|れんらく|願い|取り?次|代わ|かわっ|話|つない|回し)"
    "|を(?:お?願い|呼|出して|お?頼)|お?(?:願い|ねがい)|から(?:の)?(?:お?電話|お?でんわ|折り?返|ご?連絡|着信)"
    "|(?:は)?(?:いらっしゃ|おられ|おいで|います|ご在席|お手すき)|と(?:話|お話|連絡|代わ))"
)
_ASKED_FOR_THEM = re.compile("ご?紹介|教えて|聞いて|注文")


def find_name(said: Said) -> Person | None:
    """The caller's name; of several the one that is said most plainly."""
    plain = list(_after_its_name(said)) + list(_before(said, _I_AM, known=False))
    found = plain or [
        *_before(said, _FAMILY, known=True),
        *_before(said, _IT_IS, known=True),
    ]
    if not found:
        return None
    first = found[0]
    # 「大野です大野真由美です」: the whole name, if it is said anywhere.
    return max((one for one in found if one.value.startswith(first.value)), key=lambda one: len(one.value))


def _before(said: Said, tail: re.Pattern[str], *, known: bool) -> Iterator[Person]:
    for match in tail.finditer(said.text):
        person = _name_ending(said, match.start(), known=known)
        if person is not None:
            yield Person(person.value, person.start, person.end, match[0])


def _after_its_name(said: Said) -> Iterator[Person]:
    for match in _NAME_IS.finditer(said.text):
        for m in said.morphemes:
            if m.start >= match.end() and m.start <= match.end() + 4 and (m.is_name or m.surface in KANA):
                end = m.end
                for after in said.morphemes:
                    if after.start == end and after.is_name:
                        end = after.end
                yield Person(said.text[m.start : end], m.start, end, match[0])
                break


def _name_ending(said: Said, place: int, *, known: bool) -> Person | None:
    """The name that ends there. `known`: only one that the dictionary or our list has."""
    if (kana := _kana_name(said, place)) is not None:
        return Person(said.text[kana:place], kana, place, "")
    index = said.ending.get(place)
    if index is None:
        return None
    taken: list[Morpheme] = []
    while index >= 0 and len(taken) < _MOST and _in_a_name(said.morphemes[index]):
        taken.insert(0, said.morphemes[index])
        index -= 1
    names = _from_the_first_name(taken)
    if names and not _is_place_here(said, names, index, known):
        return Person(said.text[names[0].start : place], names[0].start, place, "")
    if known or not taken or taken[-1].surface in _NOBODY or len(taken[-1].surface) > 6:
        return None
    last = taken[-1]
    return Person(last.surface, last.start, place, "")


def _in_a_name(m: Morpheme) -> bool:
    return m.kind[0] == "名詞" and m.kind[1] != "数詞" and m.surface not in _NOBODY


def _is_person(m: Morpheme) -> bool:
    return m.is_name or m.surface in KANA


def _from_the_first_name(taken: list[Morpheme]) -> list[Morpheme]:
    """Of 総務部 + 清水 the 清水, of 大野 + 真由美 both."""
    names: list[Morpheme] = []
    for m in reversed(taken):
        if not _is_person(m):
            break
        names.insert(0, m)
        if m.kind[3] == "姓" or m.surface in KANA:
            break
    return names


def _is_place_here(said: Said, names: list[Morpheme], before: int, known: bool) -> bool:
    """「届け先は千葉です」: a place that is also a name, told of something."""
    if not known or before < 0 or not names[0].is_place:
        return False
    return said.morphemes[before].surface in ("は", "が", "も", "、")


def _kana_name(said: Said, place: int) -> int | None:
    """Where a surname in kana begins that ends there, at the beginning of a word of the recogniser."""
    for length in range(6, 1, -1):
        start = place - length
        if start >= 0 and start in said.borders and said.text[start:place].translate(_KATAKANA) in IN_KANA:
            return start
    return None


def find_addressee(said: Said) -> Person | None:
    for match in _WANTED.finditer(said.text):
        person = _name_ending(said, match.start(), known=True)
        if person is not None and not _ASKED_FOR_THEM.search(match[0]):
            return Person(person.value, person.start, person.end, match[0])
    return None
