"""Installs the Debian package into a clean Debian and does the main job from there.

    script/package && .venv/bin/python -m tools.package_trial dist/ivr_*.deb

As root, with mmdebstrap; some minutes. The clean Debian has nothing but apt. The package is installed by apt with what it
depends on; then, as the user that it made, `ivr run --asterisk` answers a call from outside, and the message, its text and
its callback are there. At last it is removed, and the messages stay. Exit status 1 if something is wrong.
"""

import argparse
import json
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from ivr.asterisk.fetch import cache_dir
from tests.asterisk.desk import UP
from tests.asterisk.instances import InstancePorts
from tests.asterisk.test_wheel import DIALPLAN, leave

SUITE = "bookworm"
STARTS_WITHIN = 600.0  # seconds, with every prompt to be spoken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path)
    package = parser.parse_args().package.resolve()
    if shutil.which("mmdebstrap") is None:
        parser.error("mmdebstrap is missing: apt-get install mmdebstrap")
    root = Path(tempfile.mkdtemp(prefix="ivr-clean-debian-"))
    root.chmod(0o755)
    try:
        return try_in(root, package)
    finally:
        subprocess.run(["umount", "-l", root / "proc"], stderr=subprocess.DEVNULL)
        shutil.rmtree(root)


def try_in(root: Path, package: Path) -> int:
    print(f"a clean Debian in {root}", flush=True)
    subprocess.run(["mmdebstrap", "--quiet", "--variant=apt", SUITE, root], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    shutil.copyfile(package, root / "ivr.deb")
    shutil.copyfile("/etc/resolv.conf", root / "etc" / "resolv.conf")
    inside(root, "apt-get", "update", "-q")
    inside(root, "apt-get", "install", "-y", "-q", "--no-install-recommends", "/ivr.deb")
    print("installed", flush=True)
    # Asterisk, as it was fetched before; Debian 12 has none.
    shutil.copytree(cache_dir(), root / "var/lib/ivr/.cache/ivr/asterisk", symlinks=True)
    inside(root, "chown", "-R", "ivr:asterisk", "/var/lib/ivr")
    (root / "etc/ivr/dialplans/shop.yaml").write_text(DIALPLAN, "utf-8")
    ports = InstancePorts()
    with (root / "etc/ivr/ivr.env").open("a") as file:
        file.write(
            f"IVR_SIP={ports.sip}\nIVR_ARI={ports.ari}\nIVR_HTTP={ports.http}\nIVR_TRANSCRIBER={ports.transcriber}\n"
            "IVR_RTP={}-{}\n".format(*ports.rtp)
        )
    with (root / "run.log").open("wb") as log:
        running = subprocess.Popen(as_ivr(root, "ivr", "run", "--asterisk"), stdout=log, stderr=log)
    try:
        until(lambda: UP in (root / "run.log").read_text("utf-8", "replace"), STARTS_WITHIN, root)
        print("it runs as the user ivr", flush=True)
        leave(str(ports.sip))
        until(lambda: "done" in [row["text"] for row in told(root, "messages")], 120, root)
        (callback,) = told(root, "callbacks")
        print(f"callback {callback['ticket']} of {callback['number']}: {callback['state']}", flush=True)
        right = (callback["number"], callback["state"]) == ("+819012345678", "open")
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(60)
    inside(root, "apt-get", "remove", "-y", "-q", "ivr")
    kept = list((root / "var/lib/ivr/recordings/messages").glob("*.wav"))
    print(f"removed; {len(kept)} recordings stay", flush=True)
    return 0 if right and len(kept) == 1 and not (root / "usr/bin/ivr").exists() else 1


def inside(root: Path, *command: str) -> None:
    environ = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND": "noninteractive",
        "LANG": "C.UTF-8",
    }
    subprocess.run(["chroot", root, *command], check=True, env=environ, stdout=subprocess.DEVNULL)


def as_ivr(root: Path, *command: str) -> list[str]:
    user = [
        "setpriv",
        "--reuid=ivr",
        "--regid=asterisk",
        "--init-groups",
        "--reset-env",
        "env",
        "HOME=/var/lib/ivr",
    ]
    return ["chroot", str(root), *user, "LANG=C.UTF-8", *command]


def told(root: Path, what: str) -> list[dict[str, str]]:
    done = subprocess.run(as_ivr(root, "ivr", what, "--json"), capture_output=True, text=True, check=True)
    rows: list[dict[str, str]] = json.loads(done.stdout)
    return rows


def until(there: object, limit: float, root: Path) -> None:
    deadline = time.monotonic() + limit
    while not there():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise SystemExit((root / "run.log").read_text("utf-8", "replace"))
        time.sleep(0.5)


if __name__ == "__main__":
    raise SystemExit(main())
