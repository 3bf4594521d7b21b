"""A wheel in a clean environment, without the clone: it checks, starts, and takes a message."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.asterisk.desk import STARTS_WITHIN, UP
from tests.asterisk.instances import InstancePorts
from tests.asterisk.sayings import RETURN
from tests.asterisk.sip import SipCall
from tests.speech import speak, to_mulaw

ROOT = Path(__file__).parents[2]
SOURCES = ("ivr", "transcribe", "asterisk_conf", "dialplans", "packaging")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "script/asterisk.lock")
DIALPLAN = """\
line: {tenant: shop, name: 山田商店, numbers: ["050-3185-9076"]}
start: message
steps:
  message: {type: voicemail, say: 発信音の後に、お話しください。, max: 20s, callback: {due: 2h}, next: thanks}
  thanks: {type: play, say: ありがとうございました。, next: bye}
  bye: {type: hangup}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, as from a clean clone."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        (source / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", "."]
    subprocess.run(pip, cwd=source, check=True, timeout=300)
    return next((source / "dist").glob("ivr-*.whl"))


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ivr` of an environment that has the wheel, and its packages as they are locked: those of this one."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True, timeout=120)
    python = home / "bin" / "python"
    place = next((home / "lib").glob("python3*")) / "site-packages"
    # Named by a .pth, the files of that directory which bring this clone are not followed.
    (place / "packages.pth").write_text(next(one for one in sys.path if one.endswith("site-packages")) + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", str(wheel)]
    subprocess.run(pip, check=True, timeout=300)
    return home / "bin" / "ivr"


def test_it_carries_what_a_clone_has(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    for name in (
        "ivr/shipped/asterisk_conf/ivr_extensions.conf",
        "ivr/shipped/asterisk_conf/agi/ivr_fallback.py",
        "ivr/shipped/dialplans/ecforce.yaml",
        "ivr/shipped/packaging/ivr.service",
        "ivr/shipped/script/asterisk.lock",
        "ivr/web/templates/base.html",
        "ivr/web/static/style.css",
        "ivr/hours/syukujitsu.csv",
        "transcribe/models/vosk-tiny-ja/am/final.mdl",
    ):
        assert name in names
    assert not [name for name in names if name.startswith(("tests", "bench", "tools"))]


def leave(sip: str) -> None:
    """A message: what is said is sent by this process itself, so that no busy machine swallows it."""
    said = to_mulaw(speak(RETURN))
    with SipCall(sip, "05031859076", caller="<sip:09012345678@127.0.0.1>") as call:
        call.talk(8)  # the prompt and the beep
        call.talk(len(said) / 8000, said)
        call.talk(1)


def test_the_main_job_is_done_from_it(program: Path, tmp_path: Path, spoken_prompts: Path) -> None:
    ports = InstancePorts()
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("IVR_", "PYTHON"))},
        "IVR_DATA": str(tmp_path / "var"),
        "IVR_DIALPLANS": str(tmp_path / "mine"),
        "IVR_ASTERISK": os.environ.get("IVR_ASTERISK", ""),
        "IVR_SIP": str(ports.sip),
        "IVR_ARI": str(ports.ari),
        "IVR_HTTP": str(ports.http),
        "IVR_TRANSCRIBER": str(ports.transcriber),
        "IVR_RTP": "{}-{}".format(*ports.rtp),
    }

    def ivr(*arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    python = program.with_name("python")
    where = subprocess.run(
        [python, "-c", "import ivr; print(ivr.__file__)"], cwd=tmp_path, capture_output=True, text=True
    )
    assert where.stdout.startswith(str(program.parents[1])), "the clone was used"
    ivr("examples", "desks")
    ivr("check", "desks/ecforce.yaml")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "shop.yaml").write_text(DIALPLAN, "utf-8")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "prompts").symlink_to(spoken_prompts)
    with (tmp_path / "run.log").open("wb") as log:
        running = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", program, "run", "--asterisk"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ, cwd=tmp_path,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while UP not in (said := (tmp_path / "run.log").read_text("utf-8")):
            assert running.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.1)
        leave(str(ports.sip))
        deadline = time.monotonic() + 60
        while not (
            messages := [one for one in json.loads(ivr("messages", "--json")) if one["text"] == "done"]
        ):
            assert time.monotonic() < deadline, ivr("messages")
        assert messages[0]["state"] == "stored"
        (callback,) = json.loads(ivr("callbacks", "--json"))
        assert (callback["state"], callback["number"]) == ("open", "+819012345678")
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(60)
    assert running.returncode == 0
