"""What takes minutes in a call with a carrier, tried beside each other on a real Asterisk: `python -m tools.long_calls`.

Sessions that have to be refreshed (RFC 4028; 90 s is the shortest that may be agreed on), and callers who vanish. Takes
two and a half minutes, prints what was seen and ends with 1 if something was wrong. The suite has what is short of it.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ivr.asterisk import conf, trunks
from ivr.asterisk.fetch import find_asterisk
from ivr.asterisk.private import PrivateAsterisk
from ivr.trunks.load import Trunks, load_trunks
from tests.asterisk.bare_engine import BareEngine
from tests.asterisk.carrier import Exchange
from tests.asterisk.instances import instance_settings
from tests.asterisk.sip import LOUD, SipCall

SESSION = 90  # seconds
LASTS = 130.0  # seconds: two refreshes, 45 s from one to the other
GONE = 35.0  # seconds: a caller who vanished holds no channel for longer
LATE = 5.0  # seconds
TIMER = "Supported: timer\r\nSession-Expires: {};refresher={}\r\n"
TRUNKS = """\
trunks:
  carrier: {{template: ip, host: 127.0.5.1, numbers: [03-1111-0001], channels: 9}}
  rung: {{template: ip, host: "{rung}", match: [127.0.5.9], numbers: [03-1111-0002], channels: 9}}
"""


@dataclass
class Talk:
    """One call, from `source`. `goes`: what the carrier does; its words of what was wrong, empty if nothing was."""

    name: str
    goes: Callable[[SipCall], str]
    headers: str = ""
    source: str = "127.0.5.1"


def we_refresh(how: str) -> Callable[[SipCall], str]:
    def goes(call: SipCall) -> str:
        call.talk(LASTS)
        wrong = "" if call.asked.count(how) >= 2 else f"refreshed by {call.asked} in {LASTS:.0f} s"
        return wrong or still_up(call)

    return goes


def carrier_refreshes(call: SipCall) -> str:
    for _ in range(3):
        call.talk(LASTS / 3)
        status = call.again("UPDATE", headers=TIMER.format(SESSION, "uac"))
        if status != 200:
            return f"the refresh was answered by {status}"
    return still_up(call)


def carrier_forgets(call: SipCall) -> str:
    began = time.monotonic()
    while "BYE" not in call.asked and time.monotonic() - began < SESSION + LATE:
        call.talk(0.5)
    lasted = time.monotonic() - began
    return "" if "BYE" in call.asked and lasted > SESSION / 2 else f"{lasted:.0f} s, {call.asked}"


def vanishes(call: SipCall) -> str:
    call.talk(2.0, LOUD)
    call.status = 0  # no BYE
    return ""


def still_up(call: SipCall) -> str:
    if "BYE" in call.asked:
        return "it was hung up"
    return "" if len(set(call.talk(1.0))) > 8 else "nothing is heard any more"


TALKS = [
    Talk("we refresh, by UPDATE", we_refresh("UPDATE"), TIMER.format(SESSION, "uas") + "Allow: UPDATE\r\n"),
    Talk("we refresh, by INVITE", we_refresh("INVITE"), TIMER.format(SESSION, "uas")),
    Talk("the carrier refreshes", carrier_refreshes, TIMER.format(SESSION, "uac")),
    Talk("the carrier forgets to", carrier_forgets, TIMER.format(SESSION, "uac")),
    Talk("vanishes on a trunk", vanishes),
    Talk("vanishes without one", vanishes, source="127.0.5.8"),
]


async def call(engine: BareEngine, asterisk: PrivateAsterisk, talk: Talk) -> asyncio.Task[str]:
    """Answered, with music; the task ends with the call."""
    channel: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def calls() -> str:
        with SipCall(asterisk.settings.sip, "0311110001", headers=talk.headers, source=talk.source) as sip:
            return talk.goes(sip) if sip.status == 200 else f"refused: {sip.status}"

    async def goes() -> str:
        try:
            wrong = await asyncio.to_thread(calls)
        except (TimeoutError, AssertionError) as error:
            return repr(error)
        return wrong or await freed(engine, await channel)

    task = asyncio.create_task(goes(), name=talk.name)
    start = await engine.take()
    channel.set_result(start["channel"]["id"])
    await engine.request("POST", f"channels/{channel.result()}/answer")
    await engine.request("POST", f"channels/{channel.result()}/moh")
    return task


async def freed(engine: BareEngine, channel: str) -> str:
    """Within GONE of what the carrier sent last."""
    began = time.monotonic()
    while any(one["id"] == channel for one in await engine.request("GET", "channels")):
        if time.monotonic() - began > GONE:
            return f"its channel was not free after {GONE:.0f} s"
        await asyncio.sleep(0.2)
    return ""


async def rung(engine: BareEngine, known: Trunks, carrier: Exchange) -> asyncio.Task[str]:
    """We ring: the carrier's answer says that we refresh."""
    dial = {
        "endpoint": trunks.dial_string(known.by_name["rung"], "+81311110001"),
        "app": "ivr-9",
        "channelId": "rung",
    }
    await engine.request("POST", "channels", dial | {"callerId": "0311110002"})
    back = await engine.take()
    await engine.request("POST", f"channels/{back['channel']['id']}/answer")
    for id in ("rung", back["channel"]["id"]):
        await engine.request("POST", f"channels/{id}/moh")

    async def goes() -> str:
        await asyncio.sleep(LASTS)
        left = {one["id"] for one in await engine.request("GET", "channels")}
        return (
            "" if "rung" in left and carrier.refreshed >= 2 else f"{carrier.refreshed} refreshes, {left} left"
        )

    return asyncio.create_task(goes(), name="we ring, and refresh")


async def main(base: Path) -> int:
    install = find_asterisk(os.environ.get("IVR_ASTERISK", ""))
    asterisk = PrivateAsterisk(install, instance_settings(base))
    with ExitStack() as stack:
        timer = f"{SESSION};refresher=uac"
        exchange = stack.enter_context(Exchange("127.0.5.2", asterisk.settings.sip, timer=timer))
        (base / "trunks.yaml").write_text(TRUNKS.format(rung=exchange.address), "utf-8")
        known, problems = load_trunks(base / "trunks.yaml", base / "none")
        assert problems == [], problems
        conf.write(trunks.files(known, asterisk.settings.sip), asterisk.settings.etc)
        await asterisk.start()
        try:
            async with BareEngine(asterisk) as engine:
                tasks = [await rung(engine, known, exchange)]
                tasks += [await call(engine, asterisk, talk) for talk in TALKS]
                wrong = {task.get_name(): await task for task in tasks}
        finally:
            await asterisk.stop()
    for name, what in wrong.items():
        print(f"{'BAD' if what else 'ok '}  {name}{': ' if what else ''}{what}")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(asyncio.run(main(Path(folder))))
