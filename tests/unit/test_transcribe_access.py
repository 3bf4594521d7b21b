"""Who may ask a transcriber: on loopback anybody, elsewhere whoever has the key."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.speech import wav
from tests.transcriber_process import ROOT, TINY, TranscriberProcess

KEY = "0123456789abcdef0123456789abcdef"


def status(url: str, *, key: str | None = None, scheme: str = "Bearer", body: bytes | None = None) -> int:
    request = urllib.request.Request(url, body)
    if key is not None:
        request.add_header("Authorization", f"{scheme} {key}")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            assert error.code != 401 or b'"unauthorized"' in error.read()
            return error.code


def test_with_a_key_every_request_needs_it(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    path.write_bytes(wav(bytes(16000), 8000))
    body = f'{{"path": "{path}"}}'.encode()
    with TranscriberProcess(tmp_path / "log", TINY, tmp_path, key=KEY) as process:
        for url, sent in ((process.url + "/v1/transcribe", body), (process.url + "/healthz", None)):
            assert status(url, key=KEY, body=sent) == 200
            assert status(url, key=KEY, scheme="bearer", body=sent) == 200
            for wrong in (
                None,
                "",
                KEY[:-1],
                KEY + "0",
                "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
            ):
                assert status(url, key=wrong, body=sent) == 401
            assert status(url, key=KEY, scheme="Basic", body=sent) == 401
        assert status(process.url + "/nothing") == 401
        assert KEY not in process.log


@pytest.mark.parametrize(
    ("arguments", "key", "told"),
    [
        (("--listen", "0.0.0.0:8091", "--recordings", "."), "", "IVR_TRANSCRIBER_KEY"),
        (("--listen", "192.0.2.1:8091", "--recordings", "."), "too short", "IVR_TRANSCRIBER_KEY"),
        (("--listen", "127.0.0.1:8091", "--fetch", "http://127.0.0.1:1"), "", "IVR_TRANSCRIBER_KEY"),
        (("--listen", "127.0.0.1:8091"), "", "--recordings DIR, or --fetch URL"),
        (("--listen", "127.0.0.1", "--recordings", "."), "", "is no IP address and port"),
        (("--listen", "127.0.0.1:99999", "--recordings", "."), "", "is no IP address and port"),
        (("--listen", "machine:8091", "--recordings", "."), KEY, "is no IP address and port"),
    ],
)
def test_it_refuses_to_start_open_to_others(arguments: tuple[str, ...], key: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "transcribe", *arguments],
        cwd=ROOT,
        env={**os.environ, "IVR_TRANSCRIBER_KEY": key},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
