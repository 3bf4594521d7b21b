"""The company a caller speaks for: 株式会社…, …商店, and 「サンライズの田中と申します」."""

import re
from collections.abc import Iterator

from ivr.messages.reading.people import Person
from ivr.messages.reading.said import Morpheme, Said
from ivr.messages.reading.surnames import KANA

_FORM = re.compile(
    "株式会社|有限会社|合同会社|合資会社|一般社団法人|一般財団法人|医療法人|社会福祉法人|学校法人|かぶしきがいしゃ|ゆうげんがいしゃ"
)
_SUFFIX = re.compile(
    "商店|商事|商会|工業|製作所|工務店|建設|不動産|運送|運輸|物流|クリニック|医院|病院|薬局|歯科|事務所|サービス|企画|設計|印刷|電機|"
    "電器|電気|食品|フーズ|水産|農園|旅館|ホテル|ショップ|ストア|スーパー|産業|金属|化学|化成|製薬|電子|技研|精機|精工|興業|興産|通商|通信|物産|製菓|製麺|鉄工所?|塗装|空調|設備|組合|協会|研究所|ファーム|"
    "コーポレーション|ホールディングス|スタジオ|美容室|サロン|カフェ|食堂|酒店|大学|高校|小学校|中学校|役所|役場|銀行|信用金庫|保険|リース|システムズ?|"
    "ソフト|テック|デザイン|本舗|酒造|米店|書店|造園|自動車|タクシー|観光|学園|幼稚園|保育園|堂|屋|"
    "しょうてん|しょうじ|しょうかい|こうぎょう|せいさくしょ|こうむてん|うんそう|ふどうさん|けんせつ"
)
_SPEAKS = re.compile("の者|です|でござい|と申|ともうし|と言い|といい|だけど|で、|$")
_INTRODUCES = re.compile("(?:と(?:申|もうし|言い|いい)|です(?!か)|でござい|だけど|$)")
_PART = re.compile(
    "経理|総務|営業|人事|購買|技術|担当|受付|お客様|本社|本店|支店|代表|開発|広報|企画部|システム部|.*[部課]$"
)
_NO_COMPANY = {
    "担当", "先日", "昨日", "今日", "本日", "明日", "先ほど", "さっき", "携帯", "営業", "経理", "総務", "本店", "支店", "先週", "前回", "名前",
    "自分", "会社", "うち", "お宅", "そちら", "番号", "注文", "カード", "メール", "サイト", "テレビ", "ネット", "リモコン", "管理", "隣", "近所",
    "プラン", "コース", "サービス", "システム", "アプリ", "サポート", "ファックス", "キャンセル", "電話", "契約",
}  # fmt: skip
_MOST = 5


def find_company(said: Said) -> Person | None:
    found = [*_with_form(said), *_with_suffix(said), *_before_a_name(said)]
    return next((one for one in found if not _told_of(said, one)), None)


def _told_of(said: Said, company: Person) -> bool:
    """「宛名を株式会社やまとに変更」「大塚商会様より」: somebody else."""
    return bool(
        re.match(
            "(?:様|さま|さん)|に(?!勤|お世話)|を|へ|宛|から(?!お?電話し)|が|は(?!なぶさ)",
            said.text[company.end :],
        )
    )


def _with_form(said: Said) -> Iterator[Person]:
    for match in _FORM.finditer(said.text):
        start, end = match.span()
        before = _back(said, start)
        after = _forward(said, end)
        if after > end:
            yield _person(said, start, after, match[0])
        elif before < start:
            yield _person(said, before, end, match[0])


def _with_suffix(said: Said) -> Iterator[Person]:
    for match in _SUFFIX.finditer(said.text):
        rest = said.text[match.end() :]
        start = _back(said, match.start())
        short = len(match[0]) == 1
        if (inside := _inside(said, match)) is not None:
            start = min(start, inside)
        if start == match.start() or (short and not _introduced(said, match.end())):
            continue
        if _SPEAKS.match(rest) or _name_follows(said, match.end() + rest.startswith("の")):
            yield _person(said, start, match.end(), match[0])


def _inside(said: Said, match: re.Match[str]) -> int | None:
    """Where the word begins that ends with the suffix, if the dictionary knows it as one: 松葉屋."""
    index = said.ending.get(match.end())
    if index is None or said.morphemes[index].start >= match.start():
        return None
    return said.morphemes[index].start


def _before_a_name(said: Said) -> Iterator[Person]:
    """X の 姓 と申します, where X is no place, no part of a company and no time."""
    for index, m in enumerate(said.morphemes[1:-1], 1):
        after = said.morphemes[index + 1]
        if m.surface != "の" or not (after.is_name or after.surface in KANA):
            continue
        if not _INTRODUCES.match(said.text, _end_of_name(said, index + 1)):
            continue
        start = _back(said, m.start)
        words = [one for one in said.morphemes if start <= one.start < m.start]
        if words and _sounds_like_one(words):
            yield _person(said, start, m.start, "の")


def _sounds_like_one(words: list[Morpheme]) -> bool:
    last, text = words[-1], "".join(one.surface for one in words)
    if last.surface in _NO_COMPANY or text in _NO_COMPANY or _PART.fullmatch(last.surface) or last.is_place:
        return False
    if any(
        one.kind[2] == "副詞可能" or one.kind[1] in ("代名詞", "数詞") or one.is_name for one in words[-1:]
    ):
        return False
    return bool(re.fullmatch("[ァ-ヶー・A-Za-z]{2,}", text)) or last.kind[1] == "固有名詞"


def _end_of_name(said: Said, index: int) -> int:
    while index + 1 < len(said.morphemes) and said.morphemes[index + 1].is_name:
        index += 1
    return said.morphemes[index].end


def _name_follows(said: Said, place: int) -> bool:
    for index, m in enumerate(said.morphemes):
        if m.start == place:
            known = m.is_name or m.surface in KANA
            return known and bool(_INTRODUCES.match(said.text, _end_of_name(said, index)))
    return False


def _introduced(said: Said, place: int) -> bool:
    return (
        bool(re.match("の?.{1,4}(?:と申|です|でござい)|です|でござい|と申", said.text[place:])) and place < 40
    )


def _back(said: Said, place: int) -> int:
    """Where the nouns begin that end there."""
    index = said.ending.get(place)
    taken = 0
    while index is not None and index >= 0 and taken < _MOST and _belongs(said.morphemes[index]):
        place = said.morphemes[index].start
        index, taken = index - 1, taken + 1
    return place


def _forward(said: Said, place: int) -> int:
    """Where the name ends that begins there: before a particle, a department, or the name of a person."""
    taken = 0
    for index, m in enumerate(said.morphemes):
        if m.start < place or taken >= _MOST:
            continue
        person = (
            (m.is_name or m.surface in KANA)
            and taken
            and _INTRODUCES.match(said.text, _end_of_name(said, index))
        )
        if (
            m.start != place
            or person
            or (taken and _PART.fullmatch(m.surface))
            or not _belongs(m, first=not taken)
        ):
            break
        place, taken = m.end, taken + 1
    return place


def _belongs(m: Morpheme, *, first: bool = False) -> bool:
    if m.kind[1] == "数詞" or (m.kind[2] == "副詞可能" and not first):
        return False
    return m.is_noun or m.kind[0] in ("接頭辞", "形状詞") or (first and m.kind[0] not in ("助詞", "助動詞"))


def _person(said: Said, start: int, end: int, words: str) -> Person:
    return Person(said.text[start:end], start, end, words)
