"""Whether a message says what it is about: what is left when greetings, names, numbers and the wish for a call are gone."""

import re
from collections.abc import Sequence

from ivr.messages.reading.said import Morpheme, Said, morphemes
from ivr.messages.reading.small_talk import EMPTY

Span = tuple[int, int]
_CONTENT = {"名詞", "動詞", "形容詞", "形状詞", "副詞", "代名詞"}
# Kana that a recogniser could not write otherwise: no word is found in it.
_KANA_PHRASES = re.compile(
    "おりかえし|オリカエシ|お?でんわ|デンワ|ばんごう|バンゴウ|おねがい(?:し|いたし)?ます?|ください(?:ませ)?|くださ|もうし(?:ます|あげます)?|おつたえ|つたえて|おせわ(?:に)?(?:なって(?:い|お)?ます?|なります)?|"
    "よろしく|しつれい|すみません|すいません|ありがとう|ございます|ございました|おそれいり(?:ます)?|いただけ(?:ます|れば)?|ごれんらく|れんらく|かけ(?:なおし)?ます|また|あした|わたし|おまち|まって|ます|です|ですけど|ですが|なまえ|さま|と|し"
)
_ONLY_KANA = re.compile("[ぁ-ゖァ-ヶー]+")
# What a message is about, though each of its words alone may stand in a wish to be called.
_MATTER_ANYHOW = re.compile(
    "(?:の|た)件(?!名)|について|に関し|(?:でき|出来)(?:な(?!けれ)|ませ|へん|ん)|(?:分か|わか|判)ら(?:な|へ|ん)|分かりませ|わかりませ|"
    "どうなって|どういう|どうしたら|どうすれば|教えて|何時から.{0,2}何時|おかし[いく]|違うの|違うもの|入って|いくら(?:です|かか)"
)
_DAY = re.compile("[月火水木金土日]曜日?|再?来週|先週|先々週|今週|今月|来月")


def find_matter(said: Said, taken: Sequence[Span]) -> tuple[bool, str]:
    """`taken`: characters of names, numbers, times and the like. And how it was seen, in Japanese."""
    if not said.text.strip():
        return False, "言葉が聞き取れませんでした"
    if found := _MATTER_ANYHOW.search(_without(said.text, taken)):
        return True, f"「{found[0]}」とあります"
    rest = _left(said, taken)
    if rest:
        return True, f"「{'」「'.join(rest[:3])}」などと話しています"
    return False, "お名前、番号、折り返しのご依頼のほかに、用件が見当たりません"


def _without(text: str, taken: Sequence[Span]) -> str:
    letters = list(text)
    for start, end in taken:
        letters[start:end] = "、" * (end - start)
    return "".join(letters)


def _left(said: Said, taken: Sequence[Span]) -> list[str]:
    """Words that are about something."""
    # What has kanji is cut best in its sentence; so the words are cut first and then left out.
    text = _without(said.text, taken)
    if _ONLY_KANA.fullmatch(re.sub("[、0-9〇-九 ]", "", text)):
        text = _KANA_PHRASES.sub("、", text)
    return [m.surface for m in morphemes(text) if _is_about_something(m)]


def _is_about_something(m: Morpheme) -> bool:
    if m.kind[0] not in _CONTENT or m.kind[1] in ("数詞", "非自立可能") or m.is_name:
        return False
    plain = m.surface.lstrip("ごお御") or m.surface
    if not EMPTY.isdisjoint({m.base, m.surface, plain, m.base.lstrip("御")}) or _DAY.fullmatch(m.surface):
        return False
    return len(m.surface) > 1 or not _ONLY_KANA.fullmatch(m.surface)
