"""Order numbers: in the shapes of the line, or after 「注文番号」."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ivr.dialplan.reading import ReadingRules
from ivr.messages.reading.digits import Run
from ivr.messages.reading.said import Said

# What letters are called: the letter first.
_CALLED = """
A|エー|えー|エイ B|ビー|びー C|シー|しー D|ディー|でぃー|デー E|イー|いー F|エフ|えふ G|ジー|じー H|エイチ|えいち|エッチ I|アイ|あい J|ジェー|ジェイ|じぇー K|ケー|ケイ|けー
L|エル|える M|エム|えむ N|エヌ|えぬ O|オー|おー P|ピー|ぴー Q|キュー|きゅー R|アール|あーる S|エス|えす T|ティー|てぃー U|ユー|ゆー V|ブイ|ぶい W|ダブリュー|ダブル X|エックス|えっくす Y|ワイ|わい Z|ゼット|ぜっと
"""
_LETTERS = {called[0]: called for called in _CALLED.split()}
_NAMED = re.compile(
    "(?:注文|受注|オーダー|ちゅうもん|お?申し?込み?)(?:の)?(?:番号|ナンバー|ばんごう|コード|No\\.?)?(?:は|が|の|を|で|です|なんです(?:けど|が)|えー+|えーと|、)*$"
)
_SHORTEST, _LONGEST = 4, 20


@dataclass(frozen=True, slots=True)
class Order:
    """`value` in the line's shape, at characters `start` to before `end`."""

    value: str
    start: int
    end: int
    reason: str


def find_order(said: Said, heard: Sequence[Run], rules: ReadingRules) -> Order | None:
    """Digits that are a telephone number must be taken out of `heard` before."""
    for run in (run.surely for run in heard):
        before = said.text[max(0, run.start - 30) : run.start]
        named = bool(_NAMED.search(_without_letters(before, rules)))
        for shape in rules.order:
            if (order := _shaped(run, before, shape, named)) is not None:
                return order
        if named and not rules.order and _SHORTEST <= len(run.digits) <= _LONGEST:
            return Order(run.digits, run.start, run.end, "「注文番号」の後の数字です")
    return None


def _shaped(run: Run, before: str, shape: str, named: bool) -> Order | None:
    plain = shape.replace("-", "")
    letters = re.match("[A-Z]*", plain)
    head = letters[0] if letters else ""
    rest = plain[len(head) :]
    if not re.fullmatch("0+", rest) or len(run.digits) != len(rest):
        return None
    spoken = re.search(_said_as(head) + "(?:ハイフン|の|-|、)*$", before) if head else None
    if head and not spoken:
        return None
    start = run.start - (len(spoken[0]) if spoken else 0)
    digits = iter(head + run.digits)
    value = "".join(sign if sign == "-" else next(digits) for sign in shape)
    return Order(
        value, start, run.end, "「注文番号」の後にあります" if named else "この窓口の注文番号の形です"
    )


def _said_as(head: str) -> str:
    return "".join(f"(?:{letter.lower()}|{_LETTERS[letter]})" for letter in head)


def _without_letters(before: str, rules: ReadingRules) -> str:
    for shape in rules.order:
        head = re.match("[A-Z]*", shape)
        if head and head[0]:
            before = re.sub(_said_as(head[0]) + "(?:ハイフン|の|-)*$", "", before)
    return before
