"""The real transcriber, started by tests as `python -m transcribe`."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "transcribe" / "models" / "vosk-tiny-ja"


def until(true: Any, *, seconds: float = 60.0, what: str) -> Any:
    """Polls to a deadline."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.005)
    return value


class TranscriberProcess:
    def __init__(
        self,
        log: Path,
        model: Path,
        *recordings: Path,
        models: Path | None = None,
        key: str = "",
        fetch: str = "",
        before: str = "",
    ) -> None:
        """`before`: Python that is run in the process first."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        arguments = ["--listen", f"127.0.0.1:{self.port}", "--model", str(model)]
        if models is not None:
            arguments += ["--models", str(models)]
        if fetch:
            arguments += ["--fetch", fetch]
        for directory in recordings:
            arguments += ["--recordings", str(directory)]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", f"{before}\nfrom transcribe.__main__ import main; main()", *arguments],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                env={**os.environ, "IVR_TRANSCRIBER_KEY": key},
            )

    def __enter__(self) -> "TranscriberProcess":
        until(self._listens, what="the transcriber listens")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            self.ask("GET", "/healthz")
        except OSError:
            return False
        return True

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(self.url + path, body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=240) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def transcribe(self, path: Path, model: str | None = None) -> tuple[int, dict[str, Any]]:
        return self.ask("POST", "/v1/transcribe", json.dumps({"path": str(path), "model": model}).encode())

    def settled(self) -> dict[str, Any]:
        """Health once the model has been tried."""

        def health() -> dict[str, Any] | None:
            _, answer = self.ask("GET", "/healthz")
            return None if answer["state"] == "loading" else answer

        return until(health, what="the model was tried")

    def has_open(self, path: Path) -> bool:
        """Is it reading this recording right now?"""
        for entry in Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                if os.readlink(entry) == str(path):
                    return True
            except FileNotFoundError:
                continue
        return False

    def terminate(self) -> float:
        """Seconds from SIGTERM to the end."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        return time.monotonic() - began
