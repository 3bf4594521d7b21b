"""`ivr answer`: a customer's telephone and an agent's that pick up, for whoever presses 発信 on a page.

With `ivr run --trial`, calls that go out reach this machine alone: a trunk of its own leads to the customer's telephone.
"""

import asyncio
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ivr.asterisk import numbers
from ivr.asterisk.console import listens
from ivr.asterisk.telephone import Telephone
from ivr.clock import SystemClock
from ivr.dialplan.check import line_numbers
from ivr.dialplan.load import load_all
from ivr.errors import AsteriskError, Conflict, IvrError
from ivr.outside import national, spelled, to_ring_back
from ivr.settings import Settings
from ivr.steps import STEPS
from ivr.store import agents
from ivr.store.database import opened
from ivr.trial.call import AGENT_SAYS, START, free_ports, keep_heard, new_folder, spoken, the_server
from ivr.trial.caller import AFTER_SPEAKING, Diary

PORT_AFTER = 6  # the customer's telephone listens so many ports after Asterisk
CUSTOMER_SAYS = "はい、田中です。お電話ありがとうございます。"
PATIENCE = 600.0  # seconds until somebody has pressed
RINGS = 60.0  # seconds until the customer rings, or the call is over

TRUNK = """\
# Written by --trial: calls that go out ring the telephone of `ivr answer`, and nobody else.
trunks:
  trial:
    template: ip
    host: "{host}:{port}"
    match: [127.0.0.99]
    numbers: [{numbers}]
    channels: 1000
    qualify: 0s
"""


def write_trunk(settings: Settings) -> None:
    """For the lines as they are now; none without a number."""
    dialplans, _ = load_all(settings.dialplans, STEPS)
    ours = sorted({national(number) for plan in dialplans.values() for number in line_numbers(plan)})
    if ours:
        server = the_server(settings)
        quoted = ", ".join(f'"{number}"' for number in ours)
        text = TRUNK.format(host=server.host, port=server.port + PORT_AFTER, numbers=quoted)
        settings.trial_trunks.parent.mkdir(parents=True, exist_ok=True)
        settings.trial_trunks.write_text(text, "utf-8")


@dataclass
class Answered:
    """What each heard: paths of WAV files, None if that telephone did not talk."""

    agent: str | None = None
    customer: str | None = None


async def answer(
    settings: Settings,
    number: str,
    *,
    agent: str,
    busy: bool,
    out: Path | None,
    report: Callable[[str], None],
) -> Answered:
    """Waits until both telephones have rung and the call is over; `busy`: the customer's declines."""
    customer = to_ring_back(numbers.to_e164(number))
    if customer is None:
        raise IvrError(f"{number} is no number that is ever rung back; write one such as 090-1234-5678")
    if settings.trunks != settings.trial_trunks:
        raise IvrError(
            "calls that go out reach this telephone only under `ivr run --trial` without trunks of your own"
        )
    if not await listens(settings.ari):
        raise AsteriskError(f"no Asterisk is running at {settings.ari}: {START}")
    with _alone(settings.run / "answer.lock"):
        return await _answer(settings, customer, agent, busy, out, report)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """There is one telephone for all customers: a second would be rung for the first, or not start at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Conflict(
            "another `ivr answer` is waiting for a call; end it first (Ctrl-C), or use that one"
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


async def _answer(
    settings: Settings, customer: str, agent: str, busy: bool, out: Path | None, report: Callable[[str], None]
) -> Answered:
    clock = SystemClock(settings.clock_offset)
    async with opened(settings.database_url) as store, store.read() as session:
        account = await agents.get(session, agent)
        user, secret = account.endpoint.partition("/")[2], account.secret
    folder = out or new_folder(settings.data / "trial", clock.now())
    telephones = folder / "telephones"
    telephones.mkdir(mode=0o700, parents=True, exist_ok=True)  # the agent's password will stand there
    said = [spoken(telephones / name, text) for name, text in (("a", AGENT_SAYS), ("c", CUSTOMER_SAYS))]
    server = the_server(settings)
    async with AsyncExitStack() as stack:
        theirs = Telephone(
            national(customer),
            None,
            server,
            telephones / "customer",
            free_ports(settings.rtp),
            said[1].file,
            answer=not busy,
            sip_port=server.port + PORT_AFTER,
        )
        mine = Telephone(user, secret, server, telephones / "agent", free_ports(settings.rtp), said[0].file)
        for telephone in (theirs, mine):
            await stack.enter_async_context(telephone)
        diary = Diary(clock, report)
        diary.note(
            f"{agent} and {spelled(customer)} sit at their telephones; press 発信 on {settings.pages_url}"
        )
        await _visit(mine, theirs, diary, busy, max(each.seconds for each in said))
    heard = Answered(
        keep_heard(mine, folder / "agent-heard.wav"), keep_heard(theirs, folder / "customer-heard.wav")
    )
    shutil.rmtree(telephones)
    diary.note(f"what they heard: {heard.agent or 'nothing'}, {heard.customer or 'nothing'}")
    return heard


async def _visit(mine: Telephone, theirs: Telephone, diary: Diary, busy: bool, talk: float) -> None:
    try:
        event = await mine.wait_for("CALL_ESTABLISHED", limit=PATIENCE)
    except TimeoutError:
        raise IvrError("nobody has pressed 発信 for ten minutes") from None
    diary.note(f"the agent's telephone rings, shows {_shown(event)}, and picks up")
    first = "CALL_INCOMING" if busy else "CALL_ESTABLISHED"
    ringing = asyncio.create_task(theirs.wait_for(first, limit=RINGS))
    over = asyncio.create_task(mine.wait_for("CALL_CLOSED", limit=PATIENCE))
    await asyncio.wait({ringing, over}, return_when=asyncio.FIRST_COMPLETED)
    if ringing.done() and ringing.exception() is None:
        shown = _shown(ringing.result())
        diary.note(f"the customer's telephone rings, shows {shown}, and {'is busy' if busy else 'picks up'}")
        if not busy:
            await asyncio.sleep(talk + AFTER_SPEAKING)
            diary.note("the customer hangs up")
        await theirs.hang_up()
    else:
        ringing.cancel()
        diary.note("the customer's telephone does not ring; the callback says why")
    await over
    diary.note("the agent's call has ended")


def _shown(event: dict[str, str]) -> str:
    """The number that a telephone shows."""
    shown = str(event.get("peeruri", "")).removeprefix("sip:").partition("@")[0]
    return spelled(numbers.to_e164(shown) or shown)
