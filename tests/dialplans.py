"""Small dialplans for tests, and what is said about them."""

from datetime import date

from ivr.dialplan.check import check
from ivr.dialplan.load import load_text
from ivr.dialplan.problems import BadDialplan
from ivr.steps import STEPS

TODAY = date(2026, 11, 24)
FILE = "dialplans/shop.yaml"

SHOP = """\
line:
  tenant: shop
  name: 山田商店
  numbers: ["050-3185-9080"]
  capacity: 2
hours:
  office:
    zone: Asia/Tokyo
    weekly: {月-金: "10:00-17:00"}
start: office
steps:
  office:
    type: hours
    hours: office
    open: menu
    closed: message
  menu:
    type: menu
    say: お問い合わせは、シャープと1を押してください。
    keys: {"#1": agents}
    otherwise: agents
  agents:
    type: queue
    agents: shop
    max_wait: 2m
    otherwise: message
  message:
    type: voicemail
    say: "{closed_greeting}発信音の後に、お話しください。"
    callback: {priority: medium, due: 1 business day}
    next: thanks
  thanks:
    type: play
    say: お電話ありがとうございました。
    next: bye
  bye:
    type: hangup
"""


def changed(old: str, new: str, text: str = SHOP) -> str:
    """`text` with one place changed; the place must be there, and once."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def refused(text: str) -> list[str]:
    """The lines that say why `text` cannot be loaded; none if it can."""
    try:
        load_text(FILE, text, STEPS)
    except BadDialplan as error:
        return [str(problem) for problem in error.problems]
    return []


def checked(text: str) -> list[str]:
    """The lines that `check` writes about a dialplan that loads."""
    return [str(problem) for problem in check(FILE, load_text(FILE, text, STEPS), TODAY)]
