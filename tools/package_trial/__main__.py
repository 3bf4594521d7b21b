"""Installs the Debian package into a clean Debian that is booted, beside an Asterisk that was there, and does the main job.

    script/package && .venv/bin/python -m tools.package_trial dist/ivr_*.deb

As root, with mmdebstrap, on Linux with cgroups of version 2; about ten minutes. systemd runs in namespaces of its own, the
Asterisk as the user asterisk, the units as the user ivr. What is tried stands in TRIALS, in this order. Ends with exit status
1 and what went wrong at the first that fails.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.asterisk.instances import InstancePorts
from tests.asterisk.sayings import RETURN
from tests.asterisk.sip import SipCall
from tests.asterisk.test_wheel import DIALPLAN
from tests.speech import speak, to_mulaw
from tools.package_trial import theirs
from tools.package_trial.debian import Debian, booted

TEXT_WITHIN = 120.0  # seconds
STARTS_WITHIN = 60.0  # seconds, with every prompt spoken
CALLER = "09012345678"


class Trial:
    def __init__(self, debian: Debian, package: Path) -> None:
        self.debian, self.package = debian, package
        self.ports = InstancePorts()
        self.messages = 0
        self.before: dict[str, Any] = {}

    # -- what is tried ---------------------------------------------------------------------

    def installed_by_apt_beside_an_asterisk(self) -> None:
        theirs.put_into(self.debian, self.ports)
        self.before = theirs.files(self.debian)
        self.debian.install(self.package)
        (self.debian.root / "etc/ivr/dialplans/shop.yaml").write_text(DIALPLAN, "utf-8")
        with (self.debian.root / "etc/ivr/ivr.env").open("a") as file:
            file.write(
                f"IVR_ARI={self.ports.ari}\nIVR_HTTP={self.ports.http}\nIVR_TRANSCRIBER={self.ports.transcriber}\n"
            )

    def connected_by_root_and_started_without_rights(self) -> None:
        self.debian.run("ivr", "asterisk", "install", "--yes")
        began = time.monotonic()
        self.debian.run("systemctl", "enable", "--now", "--quiet", "ivr")
        print(f"  first start {time.monotonic() - began:.0f} s", flush=True)
        for unit in ("ivr", "ivr-transcriber"):
            pid = self.debian.unit(unit, "MainPID")
            assert self.debian.run("stat", "--format=%U", f"/proc/{pid}").strip() == "ivr", unit
        assert "password" in self.debian.run("ivr", "agent", "add", "sato", "--group", "support")
        self.debian.until(
            lambda: "sato" in theirs.asked(self.debian, "pjsip show endpoints"), 30, "Asterisk knows sato"
        )

    def a_message_becomes_text_and_a_callback(self) -> None:
        self.leave()
        self.all_there()
        recordings = self.debian.root / "var/lib/ivr/recordings/messages"
        print(*sorted(f"  {one.name} {one.stat().st_mode:o}" for one in recordings.iterdir()), sep="\n")

    def without_an_engine_asterisk_takes_it_and_it_is_filed_later(self) -> None:
        self.debian.run("systemctl", "stop", "ivr")
        self.leave()
        self.start()
        self.all_there()

    def a_hung_guard_is_started_again_by_the_watchdog(self) -> None:
        pid = self.debian.unit("ivr", "MainPID")
        self.debian.run("sh", "-c", f"kill -STOP {pid}")
        self.debian.until(
            lambda: self.debian.unit("ivr", "NRestarts") == "1" and self.active("ivr"),
            10 + STARTS_WITHIN,
            "the hung guard is killed and started again",
        )
        assert "Watchdog timeout" in self.debian.run("journalctl", "--no-pager", "--unit=ivr")
        self.leave()
        self.all_there()

    def the_transcriber_is_apart(self) -> None:
        guard, transcriber = (self.debian.unit(unit, "MainPID") for unit in ("ivr", "ivr-transcriber"))
        self.debian.run("sh", "-c", f"kill -KILL {transcriber}")
        self.debian.until(
            lambda: (
                self.debian.unit("ivr-transcriber", "MainPID") not in ("0", transcriber)
                and self.active("ivr-transcriber")
            ),
            STARTS_WITHIN,
            "the transcriber is started again",
        )
        assert self.debian.unit("ivr", "MainPID") == guard
        self.leave()
        self.all_there()

    def a_stop_lets_the_caller_finish(self) -> None:
        caller = threading.Thread(target=self.leave)
        caller.start()
        time.sleep(11)  # they are speaking
        self.debian.run("systemctl", "stop", "ivr")
        caller.join()
        self.start()
        self.all_there()

    def an_upgrade_keeps_settings_and_messages(self) -> None:
        before = {unit: self.debian.unit(unit, "MainPID") for unit in ("ivr", "ivr-transcriber")}
        settings = (self.debian.root / "etc/ivr/ivr.env").read_text()
        later = newer(self.package)
        self.debian.install(later)
        later.unlink()
        assert (self.debian.root / "etc/ivr/ivr.env").read_text() == settings
        for unit, pid in before.items():
            assert self.active(unit) and self.debian.unit(unit, "MainPID") != pid, unit
        starts = self.debian.unit("ivr-transcriber", "ActiveEnterTimestampMonotonic")
        assert int(starts) < int(self.debian.unit("ivr", "ActiveEnterTimestampMonotonic"))
        self.all_there()
        self.leave()
        self.all_there()

    def taken_out_without_a_trace(self) -> None:
        self.debian.run("ivr", "asterisk", "remove")
        assert theirs.files(self.debian) == self.before
        assert "no existence" in theirs.asked(self.debian, "dialplan show ivr-in")
        assert not (self.debian.root / "var/spool/asterisk/recording").is_symlink()

    def removed_but_for_the_messages(self) -> None:
        self.debian.run("apt-get", "purge", "-y", "-q", "ivr")
        assert not self.debian.run("find", "/proc", "-maxdepth", "1", "-user", "ivr", check=False)
        left = [path for path in ("usr/bin/ivr", "usr/lib/ivr") if (self.debian.root / path).exists()]
        assert left == []
        kept = list((self.debian.root / "var/lib/ivr/recordings/messages").glob("*.wav"))
        assert len(kept) >= self.messages, kept

    # -- with what -------------------------------------------------------------------------

    def leave(self) -> None:
        """A message: what is said is sent by this process itself, so that no busy machine swallows it."""
        said = to_mulaw(speak(RETURN))
        with SipCall(str(self.ports.sip), "05031859076", caller=f"<sip:{CALLER}@127.0.0.1>") as call:
            assert call.status == 200
            call.talk(10)  # the prompt and the beep
            call.talk(len(said) / 8000, said)
            call.talk(1)
        self.messages += 1

    def all_there(self) -> None:
        """Every message has its text, and they stand in one callback of that number."""

        def texts() -> bool:
            rows = self.told("messages")
            return [row["text"] for row in rows] == ["done"] * self.messages

        self.debian.until(texts, TEXT_WITHIN, f"{self.messages} messages have their text")
        (callback,) = self.told("callbacks")
        assert (callback["number"], callback["state"]) == ("+819012345678", "open"), callback

    def told(self, what: str) -> list[dict[str, str]]:
        """By a command of root, which becomes the user ivr by itself."""
        rows: list[dict[str, str]] = json.loads(self.debian.run("ivr", what, "--json"))
        return rows

    def start(self) -> None:
        self.debian.run("systemctl", "start", "ivr")

    def active(self, unit: str) -> bool:
        return self.debian.unit(unit, "ActiveState") == "active"


TRIALS: tuple[Callable[[Trial], None], ...] = (
    Trial.installed_by_apt_beside_an_asterisk,
    Trial.connected_by_root_and_started_without_rights,
    Trial.a_message_becomes_text_and_a_callback,
    Trial.without_an_engine_asterisk_takes_it_and_it_is_filed_later,
    Trial.a_hung_guard_is_started_again_by_the_watchdog,
    Trial.the_transcriber_is_apart,
    Trial.a_stop_lets_the_caller_finish,
    Trial.an_upgrade_keeps_settings_and_messages,
    Trial.taken_out_without_a_trace,
    Trial.removed_but_for_the_messages,
)


def newer(package: Path) -> Path:
    """The same files under a later version."""
    folder = Path(tempfile.mkdtemp(prefix="ivr-newer-"))
    try:
        subprocess.run(["dpkg-deb", "-R", package, folder / "files"], check=True)
        control = folder / "files/DEBIAN/control"
        control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 1:"))
        made = package.with_name("newer.deb")
        subprocess.run(
            ["dpkg-deb", "--build", "--root-owner-group", "-Znone", folder / "files", made],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return made
    finally:
        shutil.rmtree(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path)
    package = parser.parse_args().package.resolve()
    if shutil.which("mmdebstrap") is None or os.geteuid() != 0:
        parser.error("it needs root and mmdebstrap: apt-get install mmdebstrap")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with booted() as debian:
        trial = Trial(debian, package)
        for one in TRIALS:
            print(one.__name__.replace("_", " "), flush=True)
            one(trial)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
