"""The real Vosk on speech through a telephone: every rate of a file, every rate of a model."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.speech import from_mulaw, speak, telephone_wav, to_mulaw, wav
from tests.transcriber_process import TINY
from transcribe.audio import pieces, read_header
from transcribe.protocol import Failure, Word, join_words
from transcribe.recognizer import Recognizer
from transcribe.trying import ModelError, model_rate

SENTENCES = [
    "ログイン できません 。 田中 です 。 折り返し お電話 ください",
    "請求書 の 再発行 を お願い します",
    "もしもし 、 佐藤 と 申します 。 契約 の 変更 を お願い いたします",
    "解約 したい ので 、 担当者 から 折り返し お電話 ください",
    "高橋 です 。 返品 の 方法 を 教えて ください",
    "注文 番号 は 、 三 、 五 、 七 、 二 です",
    "明日 の 午前 、 十 時 に お電話 ください",
    "鈴木 です 。 注文 を キャンセル したい です",
    "昨日 注文 した 商品 が 壊れて います",
]


def vocabulary() -> set[str]:
    return {line.split()[0] for line in (TINY / "graph" / "words.txt").read_text().splitlines()}


def words_of(sentence: str) -> list[str]:
    return [word for word in sentence.split() if word not in "、。"]


def recognise(recognizer: Recognizer, path: Path) -> list[str]:
    with path.open("rb") as file:
        words = recognizer.words(pieces(file, read_header(file), recognizer.rate), threading.Event())
    return [w.word for w in words]


@pytest.fixture(scope="module")
def tiny() -> Recognizer:
    return Recognizer(TINY)


@pytest.fixture(scope="module")
def wideband(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recognizer]:
    """As a model of 16 kHz that takes nothing else: the tiny one, told so."""
    directory = tmp_path_factory.mktemp("model") / "wideband"
    shutil.copytree(TINY, directory)
    conf = directory / "conf" / "mfcc.conf"
    lines = conf.read_text().replace("--sample-frequency=8000", "--sample-frequency=16000").splitlines()
    conf.write_text("\n".join(line for line in lines if not line.startswith("--allow-")))
    yield Recognizer(directory)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_through_a_telephone(tiny: Recognizer, tmp_path: Path, sentence: str) -> None:
    assert set(words_of(sentence)) <= vocabulary()
    path = telephone_wav(tmp_path / "a.wav", sentence.replace(" ", ""))
    assert recognise(tiny, path) == words_of(sentence)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("model", ["tiny", "wideband"])
def test_any_rate_of_a_file_is_brought_to_the_models_own(
    request: pytest.FixtureRequest, tmp_path: Path, model: str, rate: int
) -> None:
    recognizer = request.getfixturevalue(model)
    path = tmp_path / "a.wav"
    path.write_bytes(wav(speak("ログインできません。田中です。折り返しお電話ください", rate).tobytes(), rate))
    assert recognise(recognizer, path) == words_of(SENTENCES[0])


def test_telephone_audio_for_a_model_that_refuses_telephone_audio(
    wideband: Recognizer, tmp_path: Path
) -> None:
    assert wideband.rate == 16000
    narrow = from_mulaw(to_mulaw(speak("請求書の再発行をお願いします"))).tobytes()
    (tmp_path / "a.wav").write_bytes(wav(narrow, 8000))
    assert recognise(wideband, tmp_path / "a.wav") == words_of(SENTENCES[1])


def test_a_mulaw_file(tiny: Recognizer, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(to_mulaw(speak("請求書の再発行をお願いします")), 8000, bits=8, encoding=7))
    assert recognise(tiny, path) == words_of(SENTENCES[1])


def test_word_times_are_those_of_the_recording(tiny: Recognizer) -> None:
    sound = speak("田中です")
    late = b"".join([bytes(2 * 8000 * 3), sound.tobytes()])
    first, later = (tiny.words([data], threading.Event()) for data in (sound.tobytes(), late))
    assert [w.word for w in first] == [w.word for w in later] == ["田中", "です"]
    for one, other in zip(first, later, strict=True):
        assert other.start - one.start == pytest.approx(3.0, abs=0.1)


def test_the_same_sound_gives_the_same_words_in_two_threads(tiny: Recognizer) -> None:
    data = speak("ログインできません").tobytes()
    found: list[tuple[Word, ...]] = []
    threads = [
        threading.Thread(target=lambda: found.append(tiny.words([data], threading.Event()))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert [w.word for w in found[0]] == ["ログイン", "できません"]


def test_work_that_is_given_up_ends_at_the_next_piece(tiny: Recognizer) -> None:
    stopped = threading.Event()
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            if taken == 3:
                stopped.set()
            yield bytes(8000)

    with pytest.raises(Failure) as caught:
        tiny.words(endless(), stopped)
    assert (caught.value.code, caught.value.retryable, taken) == ("stopping", True, 3)


@pytest.mark.parametrize(
    ("conf", "rate"),
    [
        ("--use-energy=false\n", 16000),
        ("# --sample-frequency=44100\n--sample-frequency=8000 # telephone\n", 8000),
        ("--sample-frequency=16000.0\n", 16000),
    ],
)
def test_the_rate_comes_from_the_models_own_configuration(tmp_path: Path, conf: str, rate: int) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "mfcc.conf").write_text(conf)
    assert model_rate(tmp_path) == rate


@pytest.mark.parametrize("conf", ["--sample-frequency=fast\n", "--sample-frequency=0\n", None])
def test_a_configuration_without_a_usable_rate(tmp_path: Path, conf: str | None) -> None:
    (tmp_path / "conf").mkdir()
    if conf is not None:
        (tmp_path / "conf" / "mfcc.conf").write_text(conf)
    with pytest.raises(ModelError):
        model_rate(tmp_path)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["田中", "です"], "田中です"),
        (["IP", "phone", "を", "使う"], "IP phoneを使う"),
        (["はい", "[unk]", "です"], "はいです"),
        ([], ""),
    ],
)
def test_words_become_text_as_japanese_is_written(words: list[str], text: str) -> None:
    assert join_words(tuple(Word(word, 0, 1, 1) for word in words)) == text
