"""The Asterisk that this suite runs on: the one `script/setup` fetched, or IVR_ASTERISK; and whole instances on it."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ivr.asterisk.fetch import find_asterisk
from ivr.asterisk.install import AsteriskInstall
from tests.asterisk.desk import Desk, Running, beside_each_other, line
from tests.asterisk.desk import running as desk_running
from tests.asterisk.sayings import SAID
from tests.speech import speak

# 2026-11-24 is a Tuesday, and the desk answers from Monday to Friday, 10:00 to 17:00.
OPEN = "2026-11-24T11:00+09:00"
SILENCE = "8s"  # a caller on a busy machine begins to speak some seconds after the beep
LINES = {  # what is other than in ecforce.yaml, so that scenarios run beside each other without waiting long
    "050-3185-9080": {},
    "050-3185-9082": {"agents": "pair"},
    "050-3185-9083": {"agents": "alone"},
    "050-3185-9084": {"agents": "talking", "busy_wait": "3s", "silence": SILENCE},
    "050-3185-9085": {"agents": "nobody", "silence": SILENCE},
    "050-3185-9086": {"agents": "deaf", "max_wait": "6s"},
    "050-3185-9087": {"agents": "rung"},
    "050-3185-9091": {"agents": "typed"},
    "050-3185-9092": {"agents": "left"},
    "050-3185-9093": {"agents": "back"},
    "050-3185-9095": {"agents": "form", "by_mail": "3 business days\n    now: {priority: high, due: 15m}"},
}
AGENTS = {
    "tanaka": "support",
    "sato": "pair",
    "suzuki": "pair",
    "takahashi": "alone",
    "ito": "talking",
    "kato": "deaf",
    "mori": "rung",
    "hayashi": "typed",
    "ikeda": "left",
    "t0312345678": "contact",  # a telephone outside
    "ueda": "timed",
    # Who rings customers back, customers, and a mobile
    "aoki": "contact",
    "t09011180001": "contact",
    "endo": "back",
    "t09011180002": "contact",
    "t08011180003": "contact",
    "nomura": "back",
    "t09011180005": "contact",
    "maeda": "form",
    "t09011180004": "contact",
    # On duty, and beside them one who is not
    "ogawa": "contact",
    "kimura": "contact",
    "sasaki": "held",
}
# 050-3185-9089, and a line that it leads to
CONTACT = [
    Path(__file__).parents[1] / "flows" / "dialplans" / f"{name}.yaml"
    for name in ("contact", "contact-branch")
]


# Nothing but a message: for what ends it and who leaves it.
ONLY_A_MESSAGE = """\
line: {tenant: ecforce, name: ecforceカスタマーサポート, numbers: ["050-3185-9088"], capacity: 4}
hours:
  office: {zone: Asia/Tokyo, weekly: {月-金: "10:00-17:00"}, holidays: JP, closed: {"12/29-1/3": 年末年始休業}}
start: message
steps:
  message: {type: voicemail, say: 発信音の後に、お話しください。, max: 20s, silence: 8s, callback: {priority: medium, due: 1 business day}, next: thanks}
  thanks: {type: play, say: "メッセージを承りました。担当者より、折り返しお電話いたします。お電話ありがとうございました。", next: bye}
  bye: {type: hangup}
"""

# A talk has a limit; who waits is told the place in the queue.
TIMED = """\
line: {tenant: ecforce, name: ecforceカスタマーサポート, numbers: ["050-3185-9090"], capacity: 4}
start: support
steps:
  support:
    type: queue
    agents: timed
    say: 担当者におつなぎいたします。現在、お客様の前に{position}がお待ちです。
    talk: {max: 30s, warn: 8s, warning: お時間は、あと1分でございます。, over: お時間となりました。}
    next: thanks
    otherwise: nobody
  thanks: {type: play, say: ご協力ありがとうございました。, next: bye}
  nobody: {type: play, say: 担当者におつなぎできませんでした。, next: bye}
  bye: {type: hangup}
"""

# Callers go over what they have said, and are asked for the matter.
REVIEWED = """\
line: {tenant: shop, name: 山田商店, numbers: ["050-3185-9073"]}
start: message
steps:
  message:
    type: voicemail
    say: 発信音の後に、お話しください。
    max: 20s
    silence: 8s
    ask_matter: true
    review: {listen: "3", append: "4", wait: 15s}
    callback: {due: 2h}
    next: thanks
  thanks: {type: play, say: ありがとうございました。, next: bye}
  bye: {type: hangup}
"""

# Never open while the tests run: an emergency is declared by a key, and rings who is on duty.
ON_DUTY = """\
line:
  tenant: ecforce
  name: 夜間窓口
  numbers: ["050-3185-9094"]
  callbacks: {critical: {response: 15m}, duty: [ogawa, kimura]}
hours:
  night: {zone: Asia/Tokyo, weekly: {日: "3:00-4:00"}}
start: choice
steps:
  choice: {type: menu, say: 担当者におつなぎする場合は1を、留守番電話は2を押してください。, keys: {"1": held, "2": message}, wait: 15s, otherwise: message}
  held: {type: queue, agents: held, otherwise: message}
  message:
    type: voicemail
    say: 発信音の後に、お話しください。
    max: 20s
    silence: 8s
    review: {urgent: {key: "9", twice: true, priority: critical}, wait: 15s}
    next: thanks
  thanks: {type: play, say: ありがとうございました。, next: bye}
  bye: {type: hangup}
"""

# A shop, and the number by which its staff hear its messages; a consent that may be spoken.
TELEPHONE = {
    "shop": """\
line: {tenant: shop, name: 山田商店, numbers: ["050-3185-9076"]}
start: message
steps:
  message: {type: voicemail, say: 発信音の後に、お話しください。, max: 20s, silence: 8s, callback: {due: 2h}, next: thanks}
  thanks: {type: play, say: ありがとうございました。, next: bye}
  bye: {type: hangup}
""",
    "shop-staff": """\
line: {tenant: shop, name: メッセージ確認, numbers: ["050-3185-9075"]}
start: messages
steps:
  messages: {type: mailbox, lines: [shop], next: goodbye, otherwise: goodbye}
  goodbye: {type: play, say: 失礼いたします。, next: bye}
  bye: {type: hangup}
""",
    "shop-rules": """\
line: {tenant: shop, name: 山田商店, numbers: ["050-3185-9074"]}
start: rules
steps:
  rules: {type: consent, say: この通話を録音いたします。よろしいでしょうか。, agree: "1", refuse: "2", spoken: true, next: agreed, otherwise: refused}
  agreed: {type: play, say: ご同意いただき、ありがとうございます。, next: bye}
  refused: {type: play, say: ご同意いただけず、残念です。, next: bye}
  bye: {type: hangup}
""",
}


@pytest.fixture(scope="session")
def asterisk_install() -> AsteriskInstall:
    return find_asterisk(os.environ.get("IVR_ASTERISK", ""))


@pytest.fixture(scope="session", autouse=True)
def said() -> None:
    """What callers say is made before they call: a line hears silence meanwhile, and ends the message."""
    for text in SAID:
        speak(text)


@pytest.fixture(scope="session")
def spoken_prompts(request: pytest.FixtureRequest, asterisk_install: AsteriskInstall) -> Path:
    """Named by content, so that no instance and no later run speaks a text again."""
    assert request.config.cache is not None
    return request.config.cache.mkdir("spoken_prompts")


@pytest.fixture(scope="session")
def open_desk(tmp_path_factory: pytest.TempPathFactory, spoken_prompts: Path) -> Iterator[Desk]:
    """Open, on a Tuesday at 11:00; each of LINES rings agents of its own after #1 #2."""
    base = tmp_path_factory.mktemp("open")
    dialplans = base / "dialplans"
    dialplans.mkdir()
    for number, changes in LINES.items():
        line(dialplans, number, **changes)
    (dialplans / "only-a-message.yaml").write_text(ONLY_A_MESSAGE, "utf-8")
    (dialplans / "timed.yaml").write_text(TIMED, "utf-8")
    (dialplans / "reviewed.yaml").write_text(REVIEWED, "utf-8")
    (dialplans / "on-duty.yaml").write_text(ON_DUTY, "utf-8")
    for key, text in TELEPHONE.items():
        (dialplans / f"{key}.yaml").write_text(text, "utf-8")
    for file in CONTACT:
        shutil.copy(file, dialplans)
    with desk_running(base, OPEN, spoken_prompts, dialplans=dialplans, agents=AGENTS) as desk:
        yield desk


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest, open_desk: Desk) -> Iterator[Mapping[str, Running]]:
    """By name, the SCENARIOS of every module whose tests were chosen: on the open desk, AT_ONCE beside each other.

    They begin with the first test that asks for one, and go on beside whatever tests come then.
    """
    chosen = [item.callspec.params["scenario"] for item in request.session.items if "running" in _needs(item)]
    modules = {item.module for item in request.session.items if "running" in _needs(item)}
    scenarios = {one.__name__: one for module in modules for one in module.SCENARIOS}
    with beside_each_other(open_desk, [scenarios[name] for name in chosen]) as tasks:
        yield tasks


def _needs(item: pytest.Item) -> list[str]:
    return list(getattr(item, "fixturenames", ()))
