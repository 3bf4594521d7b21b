"""What the transcriber costs over Vosk itself, on the same minute of speech: `python -m bench.transcribe`.

Raw: a loop of AcceptWaveform over samples that lie in memory at the model's rate, as in Vosk's own example. Ours: the
whole request of `ivr`'s client, from the path of a WAV file to the Transcript. Both in turn, in one run; the medians
count. Fails above 1.05.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import vosk

from ivr.messages.transcriber import HttpTranscriber
from tests.speech import speak, wav
from tests.transcriber_process import TINY, TranscriberProcess

RATE = 8000
ROUNDS = 41
MOST = 1.05
SENTENCES = (
    "ログインできません。田中です。折り返しお電話ください。",
    "請求書の再発行をお願いします。",
    "もしもし、佐藤と申します。契約の変更をお願いいたします。",
    "高橋です。返品の方法を教えてください。",
    "鈴木です。注文をキャンセルしたいです。",
)


def a_minute() -> bytes:
    sound = b"".join(speak(sentence, RATE).tobytes() for sentence in SENTENCES)
    return (sound * (1 + 60 * RATE * 2 // len(sound)))[: 60 * RATE * 2]


def raw(model: vosk.Model, samples: bytes) -> list[str]:
    recognizer = vosk.KaldiRecognizer(model, RATE)
    recognizer.SetWords(True)
    words = []
    for at in range(0, len(samples), 8000):
        if recognizer.AcceptWaveform(samples[at : at + 8000]):
            words += json.loads(recognizer.Result()).get("result", [])
    words += json.loads(recognizer.FinalResult()).get("result", [])
    return [w["word"] for w in words]


async def measure(directory: Path) -> float:
    samples = a_minute()
    path = directory / "minute.wav"
    path.write_bytes(wav(samples, RATE))
    vosk.SetLogLevel(-1)
    model = vosk.Model(str(TINY))
    raws, ours = [], []
    with TranscriberProcess(directory / "log", TINY, directory) as process:
        client = HttpTranscriber(process.url)
        transcript = await client.transcribe(path)
        assert [w.word for w in transcript.words] == raw(model, samples), "not the same work"
        for _ in range(ROUNDS):
            began = time.perf_counter()
            raw(model, samples)
            between = time.perf_counter()
            await client.transcribe(path)
            raws.append(between - began)
            ours.append(time.perf_counter() - between)
    ratio = statistics.median(ours) / statistics.median(raws)
    for name, times in (("raw vosk", raws), ("our request", ours)):
        print(
            f"{name:12} median {statistics.median(times) * 1000:7.1f} ms   best {min(times) * 1000:7.1f} ms"
        )
    print(
        f"ratio of medians {ratio:.3f} (aim {MOST}), 60 s of speech, {len(transcript.words)} words, {ROUNDS} rounds"
    )
    return ratio


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        ratio = asyncio.run(measure(Path(directory)))
    sys.exit(ratio > MOST)


if __name__ == "__main__":
    main()
