"""The transcriber as a process: it answers whatever its model is like, and ends when told."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.speech import speak, telephone_wav, wav
from tests.transcriber_process import TINY, TranscriberProcess, until

SENTENCE = "請求書の再発行をお願いします"
AT_ONCE = 10.0  # seconds, on a busy machine; an hour of speech takes longer


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    directory = tmp_path / "recordings"
    directory.mkdir()
    telephone_wav(directory / "message.wav", SENTENCE)
    return directory


def long_recording(directory: Path, seconds: int) -> Path:
    second = bytes(speak(SENTENCE)[8000:16000].tobytes())
    path = directory / "long.wav"
    path.write_bytes(wav(second * seconds, 8000))
    return path


def test_ready_and_at_work(tmp_path: Path, recordings: Path) -> None:
    with TranscriberProcess(tmp_path / "log", TINY, recordings) as process:
        health = process.settled()
        assert (health["state"], health["model"], health["detail"]) == ("ready", "vosk-tiny-ja", "")
        status, answer = process.transcribe(recordings / "message.wav")
        assert status == 200
        assert answer["text"] == SENTENCE
        assert (answer["model"], answer["trial"], answer["sample_rate"]) == ("vosk-tiny-ja", True, 8000)
        assert answer["words"][0].keys() == {"word", "start", "end", "conf"}
        assert "請求書" not in process.log
        assert "\\u" not in process.log


def test_a_model_without_the_mark_is_no_trial(tmp_path: Path, recordings: Path) -> None:
    model = tmp_path / "model-of-ours"
    shutil.copytree(TINY, model)
    (model / "TRIAL").unlink()
    with TranscriberProcess(tmp_path / "log", model, recordings) as process:
        _, answer = process.transcribe(recordings / "message.wav")
        assert (answer["model"], answer["trial"]) == ("model-of-ours", False)


def test_a_missing_model_that_then_appears(tmp_path: Path, recordings: Path) -> None:
    model = tmp_path / "model"
    with TranscriberProcess(tmp_path / "log", model, recordings) as process:
        health = process.settled()
        assert (health["state"], health["model"]) == ("no_model", "model")
        assert "put a Vosk model" in health["detail"]
        status, answer = process.transcribe(recordings / "message.wav")
        assert (status, answer["error"], answer["retryable"]) == (503, "no_model", True)
        shutil.copytree(TINY, model)
        status, answer = process.transcribe(recordings / "message.wav")
        assert (status, answer["text"]) == (200, SENTENCE)
        assert process.settled()["state"] == "ready"


def test_a_model_that_aborts_kaldi_leaves_the_process_answering_until_it_is_replaced(
    tmp_path: Path, recordings: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(TINY, model)
    conf = model / "conf" / "model.conf"
    whole = conf.read_text()
    conf.write_text("\n".join(line for line in whole.splitlines() if "endpoint.silence-phones" not in line))
    with TranscriberProcess(tmp_path / "log", model, recordings) as process:
        health = process.settled()
        assert health["state"] == "broken_model"
        assert "replace the model" in health["detail"]
        assert "silence-phones" in health["detail"]
        for _ in range(2):
            status, answer = process.transcribe(recordings / "message.wav")
            assert (status, answer["error"], answer["retryable"]) == (503, "broken_model", True)
        assert process.process.poll() is None
        conf.write_text(whole)
        assert process.transcribe(recordings / "message.wav")[0] == 200


@pytest.mark.parametrize("part", ["am/final.mdl", "conf/mfcc.conf", "graph/HCLr.fst", "graph/words.txt"])
def test_a_model_of_which_a_part_is_empty(tmp_path: Path, recordings: Path, part: str) -> None:
    model = tmp_path / "model"
    shutil.copytree(TINY, model)
    (model / part).write_bytes(b"")
    with TranscriberProcess(tmp_path / "log", model, recordings) as process:
        assert process.settled()["state"] == "broken_model"
        assert process.transcribe(recordings / "message.wav")[0] == 503


def test_a_model_whose_list_of_words_was_cut_off(tmp_path: Path, recordings: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(TINY, model)
    words = model / "graph" / "words.txt"
    whole = words.read_bytes()
    words.write_bytes(b"".join(whole.splitlines(keepends=True)[:60]))
    with TranscriberProcess(tmp_path / "log", model, recordings) as process:
        assert process.settled()["state"] == "ready"  # nothing shows it before somebody speaks
        status, answer = process.transcribe(recordings / "message.wav")
        assert (status, answer["error"], answer["retryable"]) == (503, "broken_model", True)
        assert process.settled()["state"] == "broken_model"
        words.write_bytes(whole)
        assert process.transcribe(recordings / "message.wav")[1]["text"] == SENTENCE


def test_paths_outside_the_recordings_are_refused_whether_they_exist_or_not(
    tmp_path: Path, recordings: Path
) -> None:
    second = tmp_path / "more"
    second.mkdir()
    telephone_wav(second / "message.wav", SENTENCE)
    with TranscriberProcess(tmp_path / "log", TINY, recordings, second) as process:
        assert process.transcribe(second / "message.wav")[0] == 200
        for path in (tmp_path / "log", tmp_path / "nothing.wav", recordings / ".." / "log"):
            status, answer = process.transcribe(path)
            assert (status, answer["error"], answer["retryable"]) == (403, "forbidden_path", False)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"path": 1}', b'{"path": "a.wav"}', b'{"path": "/a\\u0000"}']
)
def test_a_request_that_names_no_path(tmp_path: Path, recordings: Path, body: bytes) -> None:
    with TranscriberProcess(tmp_path / "log", TINY, recordings) as process:
        status, answer = process.ask("POST", "/v1/transcribe", body)
    assert (status, answer["error"], answer["retryable"]) == (400, "bad_request", False)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path, recordings: Path) -> None:
    os.mkfifo(recordings / "pipe.wav")
    with TranscriberProcess(tmp_path / "log", TINY, recordings) as process:
        for path in (recordings, recordings / "pipe.wav"):
            status, answer = process.transcribe(path)
            assert (status, answer["error"]) == (422, "not_audio")


def test_health_answers_and_the_line_of_waiting_is_bounded_while_all_cores_decode(
    tmp_path: Path, recordings: Path
) -> None:
    path = long_recording(recordings, 3600)
    cores = os.cpu_count() or 1
    crowd = cores * 17 + 8  # one at work and 16 waiting for each core; the other 8 are sent away
    with TranscriberProcess(tmp_path / "log", TINY, recordings) as process, ThreadPoolExecutor(crowd) as pool:
        process.settled()
        asked = [pool.submit(process.transcribe, path) for _ in range(crowd)]
        until(lambda: sum(one.done() for one in asked) == 8, what="those without a place are answered")
        assert {(a.result()[0], a.result()[1]["error"]) for a in asked if a.done()} == {(503, "busy")}
        assert process.has_open(path)
        assert process.ask("GET", "/healthz")[1]["state"] == "ready"
        assert sum(one.done() for one in asked) == 8
        assert process.terminate() < AT_ONCE
        pool.shutdown(cancel_futures=True)
        for one in asked:
            assert one.exception() is not None or one.result()[1]["error"] in ("busy", "stopping")


def test_sigterm_in_the_midst_of_a_recording_ends_it_promptly(tmp_path: Path, recordings: Path) -> None:
    path = long_recording(recordings, 3600)
    with TranscriberProcess(tmp_path / "log", TINY, recordings) as process:
        answers: list[tuple[int, dict[str, object]]] = []
        asking = threading.Thread(target=lambda: answers.append(process.transcribe(path)))
        asking.start()
        until(lambda: process.has_open(path), what="it reads the recording")
        assert not answers
        assert process.terminate() < AT_ONCE
        asking.join()
        assert process.process.returncode == 0
    assert [(status, answer["error"], answer["retryable"]) for status, answer in answers] == [
        (503, "stopping", True)
    ]


def test_who_hangs_up_stops_the_work(tmp_path: Path, recordings: Path) -> None:
    path = long_recording(recordings, 7200)
    with TranscriberProcess(tmp_path / "log", TINY, recordings) as process:
        process.settled()
        client = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys, urllib.request as u; u.urlopen(sys.argv[1], sys.argv[2].encode())",
                process.url + "/v1/transcribe",
                f'{{"path": "{path}"}}',
            ]
        )
        until(lambda: process.has_open(path), what="it reads the recording")
        client.kill()
        client.wait()
        until(lambda: not process.has_open(path), seconds=AT_ONCE, what="it has let the recording go")
        assert process.transcribe(recordings / "message.wav")[0] == 200


def test_sigterm_while_the_model_is_tried_ends_both(tmp_path: Path, recordings: Path) -> None:
    def children(parent: int) -> list[int]:
        """Those that run a program of their own by now: the parent stands still until then, and would for ever."""
        tasks = Path(f"/proc/{parent}/task").iterdir()
        pids = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        return [pid for pid in pids if command(pid) != command(parent)]

    def command(pid: int) -> bytes:
        return Path(f"/proc/{pid}/cmdline").read_bytes()

    with TranscriberProcess(tmp_path / "log", TINY, recordings) as process:
        tried = until(lambda: children(process.process.pid), what="the child that tries the model")
        os.kill(tried[0], signal.SIGSTOP)  # a model that takes for ever
        assert process.ask("GET", "/healthz")[1]["state"] == "loading"
        assert process.terminate() < AT_ONCE
        assert not Path(f"/proc/{tried[0]}").exists()
