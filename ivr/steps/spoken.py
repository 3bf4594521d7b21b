"""Spoken answers beside keys: what callers may say where a step allows it, and the keys that it stands for.

What a model does not know of it is never heard, and counts for nothing.
"""

import unicodedata
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from ivr.call import Call
from ivr.dialplan.model import Key

# Nothing that may mean both, such as 結構です, 大丈夫です or いいです.
YES = ("はい", "ええ", "そうです", "お願いします", "わかりました", "同意します", "間違いありません")
NO = ("いいえ", "いえ", "違います", "同意しません", "訂正します", "いいえ結構です", "いえ結構です")
NUMERALS: Mapping[str, str] = {  # spellings of one sound with "|" between them
    "0": "零|れい ゼロ まる",
    "1": "一|いち",
    "2": "二|に",
    "3": "三|さん",
    "4": "四|よん|し",
    "5": "五|ご",
    "6": "六|ろく",
    "7": "七|なな|しち",
    "8": "八|はち",
    "9": "九|きゅう|く",
}
DIGITS: Mapping[str, str] = {word: digit for digit, words in NUMERALS.items() for word in words.split()} | {
    "の": "",  # as in ゼロサンの…
    "です": "",
}
LONGER = 2.0  # seconds that are waited longer where callers may speak: until it is known what was said
MOST = 20  # phrases of a menu
LONGEST = 30  # characters


def plain(phrase: str) -> str:
    """By which two phrases are the same."""
    return "".join(unicodedata.normalize("NFKC", phrase).split())


def _phrase(text: str) -> str:
    said = plain(text)
    if not said or not all(character.isalpha() or character == "ー" for character in said):
        raise ValueError(
            f'"{text}" is nothing that can be said; write words alone, digits too, like はい or 一番'
        )
    return said


def _apart(phrases: object) -> object:
    """As they are written: of two that are the same, the model would let one win."""
    first: dict[str, str] = {}
    for written in phrases if isinstance(phrases, dict) else ():
        before = first.setdefault(plain(str(written)), str(written))
        if before != written:
            raise ValueError(f'"{before}" and "{written}" are the same phrase')
    return phrases


Phrase = Annotated[str, Field(max_length=LONGEST), AfterValidator(_phrase)]
Phrases = Annotated[dict[Phrase, Key], Field(min_length=1, max_length=MOST), BeforeValidator(_apart)]


def one_of(answers: Mapping[str, str]) -> dict[str, str]:
    """For a question with one answer: who says it twice has said it once, who says two has said nothing.

    Else the second one would be taken for the answer to the next question.
    """
    twice = {
        first + second: keys if keys == other else ""
        for first, keys in answers.items()
        for second, other in answers.items()
    }
    return {**twice, **answers}


def yes_or_no(yes: str, no: str | None) -> dict[str, str]:
    """`yes`, `no`: the keys; no key for "no": it counts for nothing."""
    return one_of(dict.fromkeys(YES, yes) | dict.fromkeys(NO, no or ""))


def listening(call: Call, answers: Mapping[str, str] | None) -> AbstractAsyncContextManager[None]:
    """None: callers may not speak."""
    return nullcontext() if answers is None else call.hearing(answers)
