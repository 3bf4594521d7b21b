"""Digits as they are said: kanji, kana, homophones of a poor recogniser, and what people say between them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ivr.messages.reading.said import Said

_SURE = {
    "0": "〇 零 ゼロ ゼロー ぜろ ぜろー れい れー レイ まる マル 丸",
    "1": "一 いち いっ イチ 壱",
    "2": "二 ニー にー にい ニイ 弐",
    "3": "三 さん サン",
    "4": "四 よん ヨン よー ヨー",
    "5": "五 ゴー ごー ごお ゴオ",
    "6": "六 ろく ロク ろー ロー",
    "7": "七 なな ナナ しち シチ",
    "8": "八 はち ハチ",
    "9": "九 きゅう キュウ きゅー キュー",
}
# Only between other digits: particles, and what is written for a digit that was not understood.
_UNSURE = {
    "0": "例 礼 霊 レー オー",
    "1": "位置 ひと ヒト 市",
    "2": "に ニ ふた フタ 荷",
    "3": "産 参 山 酸",
    "4": "し シ 氏 死 詩 よ ヨ 用 四つ",
    "5": "ご ゴ 後 語 号 御 碁",
    "6": "録 ロ",
    "7": "質 奈々",
    "8": "鉢 蜂 はっ ハッ",
    "9": "級 急 旧 宮 究 球 く ク 苦 救",
}
_WORDS = {word: (digit, True) for digit, words in _SURE.items() for word in words.split()}
_WORDS |= {word: (digit, False) for digit, words in _UNSURE.items() for word in words.split()}
_WORDS |= {digit: (digit, True) for digit in "0123456789"}
_LONGEST_DIGIT = max(map(len, _WORDS))
_DIGIT = re.compile("|".join(sorted(map(re.escape, _WORDS), key=len, reverse=True)))
# 三千二百, 百二十, 十二: a group said as one number; and how a number with a counter ends.
_ONE = "[一二三四五六七八九1-9]"
_LARGE = re.compile(
    f"(?=[^十百千]{{0,1}}[十百千])(?:({_ONE}?)(千))?(?:({_ONE}?)(百))?(?:({_ONE}?)(十))?({_ONE}?)(?!万)"
)
_VALUE = {kanji: value for value, kanji in enumerate("〇一二三四五六七八九")}
FILLER = "えーっと|えーと|えっと|ええっと|ええと|えっとー|えーとー|えと|えー+|えぇ|ええ|あのー+|あのう|あの|まあ|まぁ|んーと|んーっと|んと|んー|うーんと|うーん|そのー+"
_IN_A_GAP = re.compile(
    f"(?:{FILLER}|ハイフン|はいふん|ダッシュ|バー|カッコ|かっこ|とじる?|閉じ|です(?:ね|の)?|ですー|ね|の|ノ|で|と|が|は|はい|"
    "それから|それで|次(?:が|は)|続いて|つづいて|そして|市?内?(?:市外)?局番(?:が|は)?|番号(?:が|は)?|最後(?:が|は)?|"
    "下四桁(?:が|は)?|四桁(?:が|は)?|[-‐–—−ー、。,.()()・/ ])"
)
_LONGEST_IN_A_GAP, _LONGEST_GAP = 8, 24  # characters
_AGAIN = re.compile("(?:いえ|いや|違います|訂正します|なくて|最後が?|末尾が?)$")
_COUNTER = re.compile(
    "時|分(?!か)|日(?![中曜])|月(?!曜)|年|円|個(?!人)|件|名(?!前)|歳|才|人|回(?!線)|本(?![日人当社店])|台|階|丁目|番地|週間|か月|"
    "ヶ月|ヵ月|カ月|キロ|パーセント|%|枚|箱|つ(?!な)|万|点|代(?![わ表])"
)


@dataclass(frozen=True, slots=True)
class Atom:
    """One or more digits said as one word; `after_gap`: something is said between it and the one before."""

    digits: str
    start: int
    end: int
    sure: bool
    after_gap: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Digits with nothing but gaps between them."""

    atoms: tuple[Atom, ...]

    @property
    def surely(self) -> "Run":
        """Without what may be particles around it: 「一二三四について」."""
        sure = [index for index, atom in enumerate(self.atoms) if atom.sure]
        return Run(self.atoms[sure[0] : sure[-1] + 1])

    @property
    def start(self) -> int:
        return self.atoms[0].start

    @property
    def end(self) -> int:
        return self.atoms[-1].end

    @property
    def digits(self) -> str:
        return "".join(atom.digits for atom in self.atoms)


def runs(said: Said) -> list[Run]:
    """All runs of the text, single digits among them; each has one that is sure."""
    found: list[Run] = []
    atoms: list[Atom] = []
    place, gap = 0, False
    while place < len(said.text):
        if atom := _atom(said, place, gap, bool(atoms) or _said_again(said, place)):
            atoms.append(atom)
            place, gap = atom.end, False
        elif atoms and (end := _gap_end(said, place)) is not None:
            place, gap = end, True
        else:
            found += _closed(atoms)
            atoms, gap = [], False
            place += 1
    return [*found, *_closed(atoms)]


def _said_again(said: Said, place: int) -> bool:
    """After 「いえ」 digits may begin with one that was not understood."""
    return bool(_AGAIN.search(said.text[max(0, place - 6) : place]))


def _gap_end(said: Said, place: int) -> int | None:
    """Where the next digit begins, if nothing is said before it but what people say between digits."""
    ends, upto = {place}, place + _LONGEST_GAP
    while ends:
        # The shortest first: in 「の はち」 the は is no particle.
        at = min(ends)
        ends.remove(at)
        for end in range(at + 1, min(at + _LONGEST_IN_A_GAP, upto, len(said.text)) + 1):
            if _IN_A_GAP.fullmatch(said.text, at, end):
                if _atom(said, end, True, True):
                    return end
                ends.add(end)
    return None


def _atom(said: Said, place: int, gap: bool, inside: bool) -> Atom | None:
    if (large := _LARGE.match(said.text, place)) and large[0]:
        return Atom(_digits_of(large), place, large.end(), True, gap)
    known = [end for end in range(place + _LONGEST_DIGIT, place, -1) if said.text[place:end] in _WORDS]
    if not known:
        return None
    # Where the recogniser ends a word, else the longest: に いち is 2 1, and にい alone is 2.
    end = next((one for one in known if one in said.borders), known[0])
    digit, sure = _WORDS[said.text[place:end]]
    whole_word = {place, end} <= said.borders
    if not sure and not (inside and (whole_word or _DIGIT.match(said.text, end))):
        return None
    return Atom(digit, place, end, sure, gap)


def _digits_of(match: re.Match[str]) -> str:
    thousand, _, hundred, _, ten, _, one = match.groups()
    total = 0
    for digit, sign, size in ((thousand, match[2], 1000), (hundred, match[4], 100), (ten, match[6], 10)):
        if sign:
            total += size * _value(digit or "一")
    return str(total + (_value(one) if one else 0))


def _value(digit: str) -> int:
    return _VALUE[digit] if digit in _VALUE else int(digit)


def _closed(atoms: list[Atom]) -> Iterator[Run]:
    if any(atom.sure for atom in atoms):
        yield Run(tuple(atoms))


def counted(said: Said, run: Run) -> bool:
    """True if its last digits count something: times, days, prices."""
    return bool(_COUNTER.match(said.text, run.end))
