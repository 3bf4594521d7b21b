"""Telephone numbers said in a message: in pieces, repeated, corrected; and whether they are to be rung back."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import phonenumbers

from ivr.messages.reading.digits import FILLER, Atom, Run, counted
from ivr.messages.reading.said import Said

_LENGTHS = (11, 10)
_CORRECTED = (
    "いえ|いや|違う|ちがう|違い(?:ます|まし)た?|ちがいます|違った|じゃ(?:なく)て?|では?なく(?:って|て)?|じゃない|じゃねえ|"
    "間違(?:え(?:まし)?た|い(?:です|でした|まし)た?)|訂正(?:し(?:ます|て))?|失礼(?:し(?:まし)?た|いたし(?:まし)?た)?|"
    "すみません|すいません|ごめんなさい|もとい|正しくは"
)
_BESIDE = (
    f"{FILLER}|です(?:けど|が|ね)?|でした|あっ|あ|えっ|え|最後(?:の?四桁)?(?:が|は)?|末尾(?:が|は)?|下四桁(?:が|は)?|後ろ(?:が|は)?|"
    "番号(?:が|は)?|の|、|。|はい|って|で|もう一度"
)
_CORRECTION = re.compile(f"(?=.*?(?:{_CORRECTED}))(?:{_CORRECTED}|{_BESIDE})+")
_LONGEST_CORRECTION = 30  # characters
# What may correct three digits or fewer; 「すみません」 alone may go on to something else.
_SURELY_CORRECTED = re.compile("いえ|いや|違|ちが|じゃ|では|間違|訂正|もとい|正しく|最後|末尾|後ろ")
_OTHER_NUMBER = re.compile(
    "(?:(?:注文|受注|オーダー|商品|会員|客様|顧客|伝票|追跡|荷物|口座|カード|郵便|受付|契約|シリアル|製造|製品|機種|型|管理|登録|"
    "問い?合わ?せ|チケット|予約|保険|免許|承認|認証|整理|社員|店舗|ちゅうもん|かいいん|こうざ)"
    "(?:番号|ナンバー|コード|ばんごう|ID|ナンバ)|(?<![ごお])(?:注文|受注|会員|伝票|追跡|口座)|(?:ファックス|FAX|ファクス)(?:.{0,10}番号)?|マイナンバー|型番|品番)"
    f"(?:は|が|の|も|を|で|です(?:けど|が)?|なんです(?:けど|が|けれども)?|言い?ます|{FILLER}|、| )*$"
)
_MOBILE = re.compile("0[5-9]0")
_AFTER_A_NUMBER = re.compile(
    "です|でござ|番|に(?!つい|関し)|まで|と申|といい|と言い|の(?!方)|へ|から|じゃ|では|いえ|いや|あ|、|$"
)
_RANG_THEM = re.compile(
    "(?:番)?(?:という|って|の)?(?:番号|電話|ところ|とこ)?(?:から|より)(?:の)?(?:お?電話|着信|掛?か?かって|ご?連絡|何度も|不在)"
    "|(?:番)?に?(?:何度も|ずっと)?(?:お?電話|お?[かけ掛]け)(?:した|しま|して(?:も|いる|る|ます)|ても|たら|た|まし)"
    "|の?(?:ファックス|FAX|ファクス)|(?:では|じゃ)(?:なく|な[いく])"
)
_THIS_NUMBER = re.compile(
    "(?:この|こちらの|今の|いまの|(?:今|いま)?お?(?:かけし?|掛けし?|電話し)て(?:い|お)?(?:る|ります|ます)?の?|着信の?(?:あった)?|表示(?:の|されて(?:い)?る)|発信して(?:い)?る)"
    "(?:お?電話番号|番号|携帯(?:電話)?(?:番号)?|お?電話|スマホ)"
    "(?=に|へ|まで|で(?:大丈夫|結構|いい|よろし|お願い|構|かま|オッケー|OK|$)|です|でお|でござい|宛|$)(?!にかけて(?:い|る)|にかかって)"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A valid number of Japan; `start`, `end`: characters. `asked`: to be rung back, as far as is said."""

    e164: str
    shown: str  # 090-1234-5678
    start: int
    end: int
    asked: bool
    corrected: bool


def this_number(text: str) -> re.Match[str] | None:
    """「今かけている番号です」, and not 「この番号ではなく」."""
    return _THIS_NUMBER.search(text)


def numbers(said: Said, heard: Sequence[Run]) -> list[Found]:
    found: list[Found] = []
    index = 0
    while index < len(heard):
        wholes = _wholes(said, heard[index])
        last, better = _corrected(said, heard, index, wholes[-1] if wholes else None)
        if better is None:
            if _taken_back(said, heard, index):
                wholes = wholes[:-1]
            found += [_found(said, whole, corrected=False) for whole in wholes]
        else:
            found += [_found(said, whole, corrected=False) for whole in wholes[:-1]]
            found.append(_found(said, better, corrected=True))
        index = last + 1
    return found


@dataclass(frozen=True, slots=True)
class _Whole:
    """The digits of a valid number and the characters they were said in."""

    digits: str
    start: int
    end: int


def _found(said: Said, whole: _Whole, *, corrected: bool) -> Found:
    number = phonenumbers.parse(whole.digits, "JP")
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    asked = not (
        _OTHER_NUMBER.search(said.text[max(0, whole.start - 40) : whole.start])
        or _RANG_THEM.match(said.text, whole.end)
    )
    return Found(e164, shown, whole.start, whole.end, asked, corrected)


def _valid(digits: str) -> bool:
    # 010 leads abroad: phonenumbers would read a country out of it.
    if len(digits) not in _LENGTHS or digits[0] != "0" or digits.startswith("010"):
        return False
    return phonenumbers.is_valid_number(phonenumbers.parse(digits, "JP"))


def _wholes(said: Said, run: Run) -> list[_Whole]:
    """The numbers of a run, one after the other; none if digits are left over that may belong to them."""
    for atoms in _meant(said, run):
        if found := _cut(atoms):
            return found
    return []


def _meant(said: Said, run: Run) -> Iterator[Sequence[Atom]]:
    """Which of the digits may be meant: all, without a time or a price after them, without what may be a particle."""
    atoms = run.atoms
    if counted(said, run):
        yield atoms[:-1]
        yield atoms[:-2]
        return
    # 「三三三に電話」: what may be a particle is a digit at the end only if something else follows it.
    while atoms and not atoms[-1].sure and not _AFTER_A_NUMBER.match(said.text, atoms[-1].end):
        atoms = atoms[:-1]
    while atoms and not atoms[-1].sure:
        yield atoms
        atoms = atoms[:-1]
    yield atoms
    yield run.surely.atoms
    yield [atom for atom in atoms if atom.sure]


def _cut(atoms: Sequence[Atom]) -> list[_Whole]:
    digits = "".join(atom.digits for atom in atoms)
    place = {index: atom for index, atom in _places(atoms)}
    first = [index for index, atom in place.items() if index == 0 or atom.after_gap]
    order = list(place)
    found: list[_Whole] = []
    at = next((index for index in first if _length(digits, index, place)), None)
    while at is not None and (length := _length(digits, at, place)):
        last = order[bisect_left(order, at + length) - 1]
        found.append(_Whole(_national(digits[at : at + length]), place[at].start, place[last].end))
        at += length
        if at < len(digits) and not place[at].after_gap and not _length(digits, at, place):
            return []
        if at < len(digits) and not _length(digits, at, place):
            at = next((index for index in first if index > at and _length(digits, index, place)), None)
    return found


def _places(atoms: Sequence[Atom]) -> Iterator[tuple[int, Atom]]:
    """Where each atom begins among the digits."""
    index = 0
    for atom in atoms:
        yield index, atom
        index += len(atom.digits)


def _length(digits: str, at: int, place: dict[int, Atom]) -> int:
    """How many digits from there are a number, 0: none. It ends where a word ends."""
    for length in (*_LENGTHS, 12, 13, 14, 15, 16):
        end = at + length
        if (end in place or end == len(digits)) and _valid(_national(digits[at:end])):
            return length
    return 0


def _national(digits: str) -> str:
    """+81 90… and 010 81 90… as at home."""
    for prefix in ("01081", "81"):
        if digits.startswith(prefix) and len(digits) >= len(prefix) + 9:
            return "0" + digits[len(prefix) :].removeprefix("0")
    return digits


def _corrected(
    said: Said, heard: Sequence[Run], index: int, whole: _Whole | None
) -> tuple[int, _Whole | None]:
    """Takes in the runs that correct this one: the last of them, and what the number comes to."""
    start = whole.start if whole else heard[index].start
    digits = whole.digits if whole else _from_zero(heard[index])
    better, complete = None, whole is not None
    while index + 1 < len(heard):
        between = said.text[heard[index].end : heard[index + 1].start]
        if len(between) > _LONGEST_CORRECTION or not _CORRECTION.fullmatch(between):
            break
        after = heard[index + 1]
        instead = next(iter(_wholes(said, after)), None)
        if instead is None:
            mended = _mended(digits, complete, after.digits, bool(_SURELY_CORRECTED.search(between)))
            if mended is None or counted(said, after):
                break
            instead = _Whole(mended, start, after.end)
        index, digits, complete = index + 1, instead.digits, True
        better = _Whole(digits, start, instead.end)
    return index, better


def _taken_back(said: Said, heard: Sequence[Run], index: int) -> bool:
    """True if the caller says that it was wrong, but what is right was not understood."""
    if index + 1 == len(heard) or len(heard[index + 1].digits) < 2 or counted(said, heard[index + 1]):
        return False
    between = said.text[heard[index].end : heard[index + 1].start]
    return bool(_CORRECTION.fullmatch(between) and _SURELY_CORRECTED.search(between))


def _from_zero(run: Run) -> str:
    digits = run.digits
    return digits[digits.find("0") :] if "0" in digits else digits


def _mended(digits: str, complete: bool, after: str, surely: bool) -> str | None:
    """ "09012345678", "5679" -> "09012345679"; "0901234", "12355678" -> "09012355678"."""
    count = len(after)
    if complete:
        if _MOBILE.fullmatch(after) and _MOBILE.match(digits):
            return after + digits[count:]
        mended = digits[:-count] + after
        return mended if count <= (8 if surely else 4) and (surely or count == 4) and _valid(mended) else None
    for length in _LENGTHS:
        keep = length - count
        if (
            0 <= keep <= len(digits)
            and _valid(digits[:keep] + after)
            and _alike(digits[keep:], after, surely)
        ):
            return digits[:keep] + after
    return None


def _alike(wrong: str, after: str, surely: bool) -> bool:
    """A group that is said again differs in a digit or two; 「すみません」 may also just go on."""
    if not wrong:
        return not surely
    same = sum(one == two for one, two in zip(wrong, after, strict=False))
    return len(wrong) in (3, 4) and same * 2 >= len(wrong)
