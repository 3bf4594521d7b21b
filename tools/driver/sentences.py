"""Sentences that nobody wrote down before, of words that the trial model knows."""

import random
from collections.abc import Sequence
from pathlib import Path

NAMES = ("田中", "佐藤", "鈴木", "高橋", "山田")
WANTED = (
    "請求書 の 再発行",
    "契約 の 変更",
    "契約 の 解約",
    "商品 の 返品",
    "住所 の 変更",
    "注文 の キャンセル",
    "商品 の 修理",
)
TROUBLES = (
    "ログイン できません",
    "パスワード を 忘れました",
    "商品 が 届いて いません",
    "商品 が 壊れて います",
    "支払い 方法 を 教えて ください",
    "返品 の 方法 を 教えて ください",
    "ログイン の 方法 を 教えて ください",
    "商品 の 交換 を お願い します",
)
CALL_ME = (
    "折り返し お電話 ください",
    "担当者 から 折り返し お電話 ください",
    "明日 の 午前 十 時 に お電話 ください",
    "至急 連絡 を ください",
    "明日 の 午後 三 時 に お電話 を お願い します",
)


def draw(dice: random.Random, count: int) -> list[str]:
    """All different; words apart by blanks, sentences ended by 。"""
    found: dict[str, None] = {}
    while len(found) < count:
        opening = f"{dice.choice(NAMES)} と 申します"
        matter = dice.choice((f"{dice.choice(WANTED)} を お願い します", dice.choice(TROUBLES)))
        sentences = [opening, matter, dice.choice(CALL_ME)]
        if dice.random() < 0.3:
            sentences = [matter, opening, sentences[2]]
        found[" 。 ".join(sentences) + " 。"] = None
    return list(found)


def unknown(sentence: str, words_file: Path) -> list[str]:
    """Words that the model does not know: then the sentence would be no fair question."""
    known = {line.split()[0] for line in words_file.read_text("utf-8").splitlines() if line.strip()}
    return [word for word in sentence.replace("。", "").split() if word not in known]


def understood(said: str, transcript: str) -> float:
    """The share of the words said that stand in the transcript, in their order."""
    wanted = said.replace("。", "").split()
    text = "".join(transcript.replace("。", "").split())
    return _common(wanted, text) / len(wanted)


def _common(words: Sequence[str], text: str) -> int:
    """The most words that can be found in `text` one after the other (as a longest common subsequence)."""
    ends = [0]  # ends[n]: the earliest end in `text` of n words found
    for word in words:
        for found in range(len(ends) - 1, -1, -1):
            at = text.find(word, ends[found])
            if at < 0:
                continue
            if found + 1 == len(ends):
                ends.append(at + len(word))
            else:
                ends[found + 1] = min(ends[found + 1], at + len(word))
    return len(ends) - 1
