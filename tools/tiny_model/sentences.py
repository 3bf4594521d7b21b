"""What callers say: sentences drawn from templates, each word with the reading it has there."""

import random
import re
from dataclasses import dataclass
from pathlib import Path

from tools.tiny_model.lexicon import group, read_words

_HERE = Path(__file__).resolve().parent
PAUSE = "/"
_ONES = "一二三四五六七八九"
_HOURS = {"四": "ヨ", "七": "シチ", "九": "ク"}  # as 時 wants them
_TENS_OF_MINUTES = ("十", "二 十", "三 十", "四 十", "五 十")


@dataclass(frozen=True, slots=True)
class Said:
    """A word and its reading; `word` is "/" for a pause, its reading then empty."""

    word: str
    reading: str


class Speaker:
    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._words = read_words()
        self._names = group("names")
        self._companies = group("company")
        self._desk = group("of the five desks")
        self._weights, self._templates = _read_templates(self._words)

    def sentence(self) -> list[Said]:
        [template] = self._dice.choices(self._templates, self._weights)
        return self._fill(template)

    def any_words(self, count: int) -> list[Said]:
        """Words in no order, so that each is heard beside every other; with any of their readings."""
        drawn = self._dice.choices(tuple(self._words), k=count)
        return [Said(word, self._dice.choice(self._words[word])) for word in drawn]

    def digits(self) -> list[Said]:
        return self._fill(["<digits>"])

    def as_written(self, line: str) -> list[Said]:
        return self._fill(line.split())

    def _fill(self, template: list[str]) -> list[Said]:
        found: list[Said] = []
        for part in template:
            if part.startswith("<"):
                found += self._fill(getattr(self, "_" + part[1:-1])().split())
            elif part == PAUSE:
                found.append(Said(PAUSE, ""))
            else:
                word, _, reading = part.partition(":")
                found.append(Said(word, reading or self._words[word][0]))
        return found

    def _digits(self) -> str:
        """As people say numbers: groups of two to four, a way of saying zero for each number."""
        zero = self._dice.choice(("零", "ゼロ", "ゼロ", "丸"))
        spoken = {"四": "四:ヨン", "七": self._dice.choice(("七:ナナ", "七:ナナ", "七:シチ"))}
        groups = []
        for _ in range(self._dice.choice((1, 1, 1, 2, 3, 3))):
            digits = self._dice.choices((zero, *_ONES), k=self._dice.choice((1, 2, 3, 3, 4, 4, 4)))
            if self._dice.random() < 0.2:  # 5555, 3553
                digits = self._dice.choices(digits[:2], k=len(digits))
            if len(digits) > 1 and self._dice.random() < 0.5:  # then 2 and 5 are drawn out
                digits = [{"二": "二:ニー", "五": "五:ゴー"}.get(digit, digit) for digit in digits]
            groups.append(" ".join(spoken.get(digit, digit) for digit in digits))
        between = self._dice.choice((" / ", " / ", " の ", " "))
        return between.join(groups)

    def _number(self) -> str:
        ten, one = self._dice.choice(("", "", "二", "三", "五")), self._dice.choice("一二三五六八")
        kinds = (
            one,
            f"{ten} 十 {one}",
            f"{ten} 百",
            f"{self._dice.choice('二四五七九')} 百 {ten} 十",
            f"{ten} 千",
            "三 千:ゼン 五 百",
            f"{ten} 千 二 百",
            f"{one} 万",
            f"{one} 万 五 千",
            "三 百:ビャク",
            "六:ロッ 百:ピャク",
            "八:ハッ 百:ピャク",
            "八:ハッ 千",
        )
        return self._dice.choice(kinds).strip()

    def _few(self) -> str:
        return self._dice.choice(("一つ", "二つ", "三つ"))

    def _person(self) -> str:
        return self._dice.choice(self._names)

    def _company(self) -> str:
        name, kind = self._dice.choice(self._names), self._dice.choice(self._companies[3:14])
        return self._dice.choice(
            (f"株式会社 {name} {kind}", f"株式会社 {name}", f"{name} {kind}", f"有限会社 {name}")
        )

    def _section(self) -> str:
        return self._dice.choice(("営業部", "経理部", "総務部", "サポート センター", "本社", "支店"))

    def _system(self) -> str:
        return self._dice.choice(
            (
                "管理画面",
                "システム",
                "サイト",
                "アプリ",
                "サーバー",
                "メール",
                "カート",
                "フォーム",
                "ページ",
                "チャット",
            )
        )

    def _goods(self) -> str:
        return self._dice.choice(
            ("商品", "商品", "荷物", "注文 した 商品", "定期 の 商品", "不良品", "カード")
        )

    def _topic(self) -> str:
        return self._dice.choice(self._desk)

    def _day(self) -> str:
        days = (
            "今日",
            "明日",
            "明日:アス",
            "昨日",
            "明後日",
            "来週",
            "先週",
            *(f"{day}曜日" for day in "月火水木金土日"),
        )
        return self._dice.choice((*days, "来週 の 月曜日", "今週 の 金曜日", "先月", "来月", "今月"))

    def _time(self) -> str:
        hour = self._dice.choice((*_ONES, "十", "十 一", "十 二"))
        hour = " ".join(f"{digit}:{_HOURS[digit]}" if digit in _HOURS else digit for digit in hour.split())
        tens = self._dice.choice(_TENS_OF_MINUTES)
        minutes = ("", "", "", "半", f"{tens}:ジュッ 分:プン", f"{tens} 五 分")
        return f"{self._dice.choice(('午前', '午後', '午後', ''))} {hour} 時 {self._dice.choice(minutes)}".strip()

    def _when(self) -> str:
        part = self._dice.choice(("午前中", "お昼", "夕方", "夜", "朝", "昼"))
        return self._dice.choice(
            (self._day(), self._time(), f"{self._day()} の {self._time()}", f"{self._day()} の {part}")
        )

    def _date(self) -> str:
        month = self._dice.choice(
            ("一", "二", "三", "四:シ", "五", "六", "七:シチ", "八", "九:ク", "十", "十 一", "十 二")
        )
        days = ("一日", "二日", "三日", "四日", "五日", "六日", "七日", "八日", "九日", "十日", "二十日")
        day = self._dice.choice((*days, "十 五 日", "二 十 五 日", "三 十 日", "二 十 一 日", "十 二 日"))
        return f"{month} 月 {day}"


def _read_templates(words: dict[str, tuple[str, ...]]) -> tuple[list[float], list[list[str]]]:
    """Raises ValueError for a word that words.tsv does not know."""
    weights, templates = [], []
    for line in (_HERE / "templates.txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        weight, rest = (
            (float(found[1]), found[2]) if (found := re.match(r"([\d.]+) (.+)", line)) else (1.0, line)
        )
        parts = rest.split()
        unknown = [part for part in parts if part not in words and part != PAUSE and not part.startswith("<")]
        if unknown:
            raise ValueError(f"{line}: not in words.tsv: {unknown}")
        weights.append(weight)
        templates.append(parts)
    return weights, templates


def held_out(speaker: Speaker) -> list[list[Said]]:
    """Sentences that no template makes."""
    lines = (_HERE / "heldout.txt").read_text("utf-8").splitlines()
    return [speaker.as_written(line) for line in lines if line and not line.startswith("#")]
