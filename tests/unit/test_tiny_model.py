"""Those parts of tools/tiny_model that need neither PyTorch nor a synthesiser."""

import math
import random
import struct
from collections import Counter, defaultdict

import pytest

from bench.asr import edits, plain
from tests.transcriber_process import TINY
from tools.tiny_model.graph import grammar_fst, phone_ids, word_boundaries, word_ids, words_fst
from tools.tiny_model.kaldi import transitions
from tools.tiny_model.lexicon import PHONES, group, phones, read_words
from tools.tiny_model.sentences import Speaker, held_out
from tools.tiny_model.speech import read_events, read_trace

DIGITS = set("零一二三四五六七八九") | {"ゼロ", "丸"}
NAMES = {"佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "斎藤", "山崎"}
DESKS = {
    *(
        "イーシーフォース",
        "ログイン",
        "請求",
        "解約",
        "注文",
        "配送",
        "折り返し",
        "お願い",
        "担当",
        "至急",
        "株式会社",
    ),
    *(
        "商店",
        "午前",
        "午後",
        "時",
        "分",
        "今日",
        "明日",
        "月曜日",
        "はい",
        "いいえ",
        "会員",
        "障害",
        "復旧",
        "アンケート",
    ),
    *("規約", "出品", "アマゾン", "さくら", "プラン", "請求書", "宛", "繋がりやすい", "えっと", "あの"),
}


def test_the_words_of_the_model_to_build() -> None:
    known = word_ids(tuple(read_words()))
    assert len(known.keys() - {"<eps>", "[unk]"}) >= 400
    assert known.keys() >= DIGITS | NAMES | DESKS
    assert (known["<eps>"], known["[unk]"]) == (0, max(known.values()))
    assert len(set(known.values())) == len(known)
    assert len(group("names")) >= 100


def test_the_words_of_the_model_in_the_tree_stay() -> None:
    there = (TINY / "graph" / "words.txt").read_text("utf-8").splitlines()
    assert {line.split()[0] for line in there} <= word_ids(tuple(read_words())).keys()


@pytest.mark.parametrize(
    ("kana", "spoken"),
    [
        ("セーキューショ", "s e e ky u u sh o"),
        ("ログイン", "r o g u i N"),
        ("フォーム", "f o o m u"),
        ("キャンセル", "ky a N s e r u"),
        ("ヒャク", "hy a k u"),
        ("ジュッ", "j u cl"),
        ("ツイタチ", "ts u i t a ch i"),
    ],
)
def test_kana_as_phones(kana: str, spoken: str) -> None:
    assert phones(kana) == tuple(spoken.split())


@pytest.mark.parametrize("kana", ["請求", "abc", "ー", "ャ"])
def test_what_is_no_kana_is_refused(kana: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        phones(kana)


def test_every_reading_is_made_of_phones_the_network_knows() -> None:
    spoken = {phone for readings in read_words().values() for one in readings for phone in phones(one)}
    assert spoken <= set(PHONES)


def test_labels_of_open_jtalk() -> None:
    trace = (
        "[Output label]\n0 1850000 xx^xx-sil+d=e/A:xx\n1850000 3050000 xx^sil-d+e=s/A:-5\n"
        "3050000 3450000 sil^d-e+s=U/A:-4\n3450000 4500000 d^e-s+U=pau/A:-4\n4500000 5000000 e^s-U+pau=x/A:1\n"
        "5000000 6000000 s^U-pau+x=y/A:1\n\n[Global parameter]\n"
    )
    assert read_trace(trace) == (
        *(
            ("sil", 0.0, 0.185),
            ("d", 0.185, 0.305),
            ("e", 0.305, 0.345),
            ("s", 0.345, 0.45),
            ("u", 0.45, 0.5),
        ),
        ("sil", 0.5, 0.6),
    )


def test_labels_of_espeak() -> None:
    """イッキョー: a doubled consonant, a soft one, a long vowel that espeak-ng tells once."""
    events = [(0.0, "i"), (0.1, "k"), (0.2, "k"), (0.25, "_j"), (0.3, "o"), (0.5, "_:")]
    assert read_events(events, 0.7, ["i", "cl", "ky", "o", "o"]) == [
        *(("i", 0.0, 0.1), ("cl", 0.1, 0.2), ("ky", 0.2, 0.3), ("o", 0.3, 0.4), ("o", 0.4, 0.5)),
        ("sil", 0.5, 0.7),
    ]
    assert read_events(events, 0.7, ["i", "cl", "k", "a"]) is None


def test_sentences_are_of_known_words_and_the_held_out_ones_are_not_among_them() -> None:
    speaker, known = Speaker(random.Random(1)), read_words()
    drawn = [speaker.sentence() for _ in range(2000)]
    apart = held_out(speaker)
    assert {one.word for said in [*drawn, *apart] for one in said} <= known.keys() | {"/"}
    assert all(one.reading in known[one.word] for said in drawn for one in said if one.reading)
    assert len(apart) >= 50
    assert not {tuple(map(str, said)) for said in apart} & {tuple(map(str, said)) for said in drawn}


def test_the_same_seed_draws_the_same_sentences() -> None:
    one, other = Speaker(random.Random(7)), Speaker(random.Random(7))
    assert [one.sentence() for _ in range(50)] == [other.sentence() for _ in range(50)]


def arcs(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_the_graph_of_two_words() -> None:
    """Each phone is entered by its even number and stays by the odd one before; the word is told with its first."""
    lexicon, ids = {"はい": ("ハイ",), "絵": ("エ",)}, phone_ids()
    rows = arcs(words_fst(lexicon))
    assert rows[0][0] == "0" and rows.pop() == ["1"]  # where it begins and where it ends
    h, i, e = ids["h", "begin"], ids["i", "end"], ids["e", "singleton"]
    [begins] = [row for row in rows if row[0] == "1" and row[3] == "1"]
    assert begins[2] == str(2 * h)
    stays = [row for row in rows if row[0] == row[1] == begins[1]]
    assert [(row[2], row[3]) for row in stays] == [(str(2 * h - 1), "0")]
    middle = [row for row in rows if row[0] == begins[1] and row[1] != begins[1]]
    a = ids["a", "internal"]
    assert [row[2] for row in middle] == [str(2 * a)]
    assert str(2 * i) in {row[2] for row in rows if row[0] == middle[0][1]}
    assert [row[2] for row in rows if row[0] == "1" and row[3] == "2"] == [str(2 * e)]
    # [unk], the third word: any mora of one of 27 consonants and a vowel, at a cost, which then is over.
    moras = [row for row in rows if row[3] == "3"]
    assert {row[0] for row in moras} == {"1"} and {float(row[4]) for row in moras} == {16.0}
    assert Counter(row[2] for row in moras)[str(2 * h)] == 5 and len(moras) == 5 * 27
    after = [row for row in rows if row[0] == moras[0][1] and row[1] != moras[0][1]]
    assert [row[2] for row in after] == [str(2 * ids["a", "end"])]


def test_the_grammar_gives_each_state_all_of_its_probability() -> None:
    said = [("はい", "です"), ("はい",), ("です",)]
    rows = arcs(grammar_fst(said, ("はい", "です", "絵")))
    leaves: dict[str, float] = defaultdict(float)
    for row in rows:
        leaves[row[0]] += math.exp(-float(row[-1]))
    assert len(leaves) == 4  # the beginning, two words that something followed, and the way back
    assert all(total == pytest.approx(1, abs=0.001) for total in leaves.values())
    assert any(row[2] == str(word_ids(("はい", "です", "絵"))["絵"]) for row in rows if len(row) == 5)


def test_word_boundaries_name_every_phone() -> None:
    lines = word_boundaries().splitlines()
    assert lines[:5] == ["1 nonword", "2 begin", "3 end", "4 internal", "5 singleton"]
    assert len(lines) == 1 + 4 * 34


def test_the_transitions_of_a_model_are_as_kaldi_writes_them() -> None:
    written = transitions([0, 1])
    assert (TINY / "am" / "final.mdl").read_bytes().startswith(b"\0B<TransitionModel> <Topology> ")
    assert written.startswith(b"<TransitionModel> <Topology> \x04" + struct.pack("<3i", 2, 1, 2))
    assert written.endswith(b"</LogProbs> </TransitionModel> ")
    logs = written.split(b"<LogProbs> FV \x04\x05\0\0\0")[1][:20]
    assert struct.unpack("<5f", logs) == pytest.approx((0, -0.6931, -0.6931, -0.6931, -0.6931), abs=1e-4)


def test_errors_are_counted_in_characters() -> None:
    assert plain("ログイン できません。 １２、AB") == "ログインできません12AB"
    assert edits("請求書", "請求") == 1
    assert edits("", "です") == 2
    assert edits("かいやくです", "かいにゃくです") == 2
    assert edits("折り返し", "折り返し") == 0
