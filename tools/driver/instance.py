"""The product, started as a user starts it, and asked by HTTP what came of the calls."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN = 240.0
STOPS_WITHIN = 30.0
STARTS_LATE = timedelta(
    seconds=20
)  # its clock begins to run some seconds after the command, on a busy machine


class Instance:
    """`base`: a directory to be made, for its data and logs."""

    def __init__(self, base: Path, dialplans: Path, clock: datetime) -> None:
        data = base / "data"
        data.mkdir(parents=True)
        self.prompts = data / "prompts"
        self._held, first = _ports()  # below those that Linux gives away by itself
        self.sip, self.http, ari, transcriber = (f"127.0.0.1:{first + n}" for n in range(180, 184))
        self.clock = clock
        self._log = base / "run.log"
        self._token = ""
        self._launched = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("IVR_")},
            "IVR_ASTERISK": os.environ.get("IVR_ASTERISK", ""),
            "IVR_DATA": str(data),
            "IVR_DIALPLANS": str(dialplans),
            "IVR_CLOCK": clock.isoformat(),
            "IVR_SIP": self.sip,
            "IVR_HTTP": self.http,
            "IVR_ARI": ari,
            "IVR_TRANSCRIBER": transcriber,
            "IVR_RTP": f"{first}-{first + 178}",
        }

    def start(self, prompts: Path | None) -> None:
        """Returns when callers are welcome. `prompts`: of an earlier instance, to save time."""
        if prompts is not None:
            shutil.copytree(prompts, self.prompts)
        self._launched = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                # Ctrl-C for it when the driver dies, in whatever way.
                ["setpriv", "--pdeathsig", "INT", "--", _ivr(), "run", "--asterisk"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environ, cwd=ROOT,
            )  # fmt: skip
        while "Ctrl-C stops everything" not in self.output():
            if self._process.poll() is not None or time.monotonic() - self._launched > STARTS_WITHIN:
                raise RuntimeError(f"the product did not start:\n{self.output()}")
            time.sleep(0.1)
        self._token = self.ivr("token", "driver").strip()

    def stop(self) -> list[str]:
        """What was wrong with it."""
        process, self._process = self._process, None
        if process is None:
            return []
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return ["the product did not stop at Ctrl-C"]
        return []

    def output(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def ivr(self, *arguments: str) -> str:
        done = subprocess.run(
            [_ivr(), *arguments],
            env=self._environ, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"ivr {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def add_agent(self, name: str, group: str) -> str:
        """The password of the telephone."""
        said = self.ivr("agent", "add", name, "--group", group, "--wrap-up", "0")
        return said.rpartition("password ")[2].strip()

    def now(self) -> tuple[datetime, datetime]:
        """Between these the product's clock is now."""
        latest = self.clock + timedelta(seconds=time.monotonic() - self._launched)
        return latest - STARTS_LATE, latest

    def get(self, path: str) -> Any:
        return json.loads(self.get_bytes(path))

    def get_bytes(self, path: str) -> bytes:
        request = urllib.request.Request(
            f"http://{self.http}/api/v1/{path}", headers={"Authorization": f"Bearer {self._token}"}
        )
        with urllib.request.urlopen(request, timeout=20) as reply:
            return bytes(reply.read())


def _ivr() -> str:
    """The command of the virtual environment that we run in."""
    return str(Path(sys.executable).with_name("ivr"))


def _ports() -> tuple[socket.socket, int]:
    """The first of 200 ports; the socket holds their last one, so that no other run takes them."""
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for first in random.sample(range(25000, 32600, 200), 38):
        try:
            held.bind(("127.0.0.1", first + 199))
        except OSError:
            continue
        return held, first
    raise RuntimeError("no free range of ports")
