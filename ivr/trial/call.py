"""`ivr call`: somebody dials a line with a real SIP telephone, and what happens is told.

The call enters by SIP like any other; the store is only read, to tell which step the caller is in.
"""

import asyncio
import random
import re
import shutil
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from ivr.asterisk import numbers
from ivr.asterisk.console import listens
from ivr.asterisk.telephone import ANONYMOUS, Telephone
from ivr.clock import JAPAN, Clock, SystemClock
from ivr.errors import AsteriskError, IvrError
from ivr.lines import Lines, LiveLine, groups_of
from ivr.prompts.audio import write_pair
from ivr.settings import Address, Ports, Settings
from ivr.store import agents, health
from ivr.store.database import Store, opened
from ivr.store.tables import AgentRow, CallbackRow, CallRow, MessageRow
from ivr.trial.caller import SILENT, Caller, Diary, Speech, Watch
from ivr.web.api import read
from ivr.web.api.shapes import Call, Message, as_json
from ivr.web.words import TRANSCRIPT_STATES, full_moment, length

WITHHELD = "anonymous"  # --caller
START = "start script/server first (with the same IVR_DATA and ports), then try again"
AGENT_SAYS = "お待たせいたしました。担当者でございます。ご用件をお聞かせください。"
ANSWERED_WITHIN = 15.0  # seconds
AFTERWARDS = 40.0  # seconds for message, transcript and callback; what the fallback took may need 35
NEVER = datetime.max.replace(tzinfo=UTC)
PORTS_EACH = 8  # RTP ports of one telephone
PORTS_AMONG = (20000, 32000)  # below those that Linux gives away by itself


@dataclass
class TrialResult:
    """`call`, `message` and `callback` as the API gives them; `ended`: the call came through and to an end."""

    call: dict[str, Any] | None = None  # None: no engine took it
    heard: str | None = None  # path of the WAV
    steps: list[dict[str, str]] = field(default_factory=list)  # at, what
    message: dict[str, Any] | None = None
    callback: dict[str, Any] | None = None
    answered_by: str | None = None
    ended: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def call(
    settings: Settings,
    number: str,
    *,
    keys: str,
    say: Sequence[str] | None,
    answer: bool,
    caller: str,
    hang_up: bool,
    out: Path | None,
    report: Callable[[str], None],
) -> TrialResult:
    """Dials `number` on `settings.sip`; IvrError says what to do if nobody answers there.

    `keys`: pressed one menu after the other. `say`: one text after each beep. `answer`: first an agent's
    telephone for each group of the line is put there. `caller`: a number or "anonymous". `hang_up`: ends
    the message instead of `#`. `out`: directory for `heard.wav`. `report` gets a line for each happening.
    """
    calls_as = _from(caller)
    if not await listens(settings.ari):
        raise AsteriskError(f"no Asterisk is running at {settings.ari}: {START}")
    clock = SystemClock(settings.clock_offset)
    async with opened(settings.database_url) as store:
        folder = out or new_folder(settings.data / "trial", clock.now())
        telephones = folder / "telephones"
        telephones.mkdir(mode=0o700, parents=True, exist_ok=True)  # agents' passwords will stand there
        speeches = [spoken(telephones / f"say-{turn}", text) for turn, text in enumerate(say or (), 1)]
        trial = _Trial(settings, clock, store, Diary(clock, report), telephones)
        line = await trial.look_around(number)
        async with AsyncExitStack() as stack:
            talk = await trial.seat_agents(stack, line) if answer else 0.0
            telephone = trial.telephone(calls_as, None)
            await stack.enter_async_context(telephone)
            watch = await trial.dial(telephone, number, caller)
            person = Caller(
                telephone, watch, trial.diary, clock, line, keys, speeches, hang_up=hang_up, talk=talk
            )
            result = TrialResult(ended=await person.visit(), answered_by=person.answered_by)
        # Only now is the file whole.
        result.heard = keep_heard(telephone, folder / "heard.wav")
        await trial.afterwards(watch, result, beeped=person.beeps > 0)
    shutil.rmtree(telephones)  # after an error they stay, with their logs
    result.steps = trial.diary.steps
    return result


@dataclass
class _Trial:
    settings: Settings
    clock: Clock
    store: Store
    diary: Diary
    folder: Path  # of the telephones

    async def look_around(self, number: str) -> LiveLine | None:
        """The line that has the number, if any."""
        lines, now = Lines(), self.clock.now()
        await lines.reload(self.store)
        async with self.store.read() as session:
            engine = await health.get(session, "engine")
        self.diary.note(f"it is {full_moment(now)} there")
        if not health.is_fresh(engine, now):
            self.diary.note("no engine is running there: Asterisk's fallback will answer")
        line = lines.answering(numbers.to_e164(number))
        if line is None:
            self.diary.note("no line has this number (dialplans/*.yaml say which there are)")
        return line

    async def seat_agents(self, stack: AsyncExitStack, line: LiveLine | None) -> float:
        """Telephones that pick up, until `stack` ends; the seconds that an agent speaks."""
        async with self.store.read() as session:
            rows = await agents.listing(session)
        groups, tenant = (groups_of(line.dialplan), line.dialplan.line.tenant) if line else (set(), "")
        chosen = choose_agents(rows, groups, tenant, self.clock.now())
        for group in groups:
            if not any(group in agent.groups for agent in chosen):
                self.diary.note(
                    f"nobody is there for {group}: `ivr agent list`, `ivr agent set NAME available`"
                )
        speech = spoken(self.folder / "agent", AGENT_SAYS)
        for agent in chosen:
            user = agent.endpoint.partition("/")[2]
            await stack.enter_async_context(self.telephone(user, agent.secret, speech.file))
            self.diary.note(f"agent {agent.name} sits at a telephone{_not_yet(agent, self.clock.now())}")
        return speech.seconds

    def telephone(self, user: str, password: str | None, speak: Path | None = None) -> Telephone:
        server = the_server(self.settings)
        folder = self.folder / (f"agent-{user}" if password else "caller")
        return Telephone(user, password, server, folder, free_ports(self.settings.rtp), speak)

    async def dial(self, telephone: Telephone, number: str, caller: str) -> Watch:
        """Returns when the call is up; AsteriskError if nobody answers, or with a refusal."""
        dialled = re.sub(r"[^0-9+*#]", "", number)
        who = None if caller == WITHHELD else numbers.to_e164(caller)
        watch = Watch(self.store, dialled, who, self.clock.now())
        await watch.begin()
        self.diary.dialled(f"dials {number} as {caller}")
        await telephone.dial(dialled)
        try:
            event = await telephone.wait_for("CALL_ESTABLISHED", "CALL_CLOSED", limit=ANSWERED_WITHIN)
        except TimeoutError:
            raise AsteriskError(f"nobody answers at {self.settings.sip} (UDP): {START}") from None
        if event["type"] == "CALL_CLOSED":
            raise AsteriskError(f"{self.settings.sip} refuses the call ({event.get('param')}): {START}")
        self.diary.note("the call is answered")
        return watch

    async def afterwards(self, watch: Watch, result: TrialResult, *, beeped: bool) -> None:
        """Waits for what comes of the call and notes it; `beeped`: there must be a message."""
        until = self.clock.monotonic() + AFTERWARDS
        while True:
            row = await watch.row()
            message, callback = await watch.message()
            settled = _settled(row, message, callback, beeped=beeped)
            if settled or self.clock.monotonic() > until:
                break
            await asyncio.sleep(0.2)
        result.call = as_json(Call.of(row)) if row else None
        result.message = as_json(Message.of(message)) if message else None
        if callback is not None:
            async with self.store.read() as session:
                result.callback = as_json((await read.all_of(session, [callback]))[0])
        self.diary.note(
            f"outcome: {row.outcome}" if row else "no engine took this call; it is in no list of calls"
        )
        for line in _told(message, callback, beeped=beeped):
            self.diary.note(line)
        self.diary.note(f"what the caller heard: {result.heard or 'nothing'}")


def _settled(
    row: CallRow | None, message: MessageRow | None, callback: CallbackRow | None, *, beeped: bool
) -> bool:
    if row is not None and row.ended_at is None:
        return False
    if message is None:
        return not beeped
    if message.state != "stored":
        return message.state != "recording"
    return callback is not None and message.transcript_state in ("done", "failed")


def _told(message: MessageRow | None, callback: CallbackRow | None, *, beeped: bool) -> Iterator[str]:
    if message is None:
        if beeped:
            yield f"no message has arrived within {AFTERWARDS:.0f} s; see `ivr callbacks` later"
        if callback is not None:
            yield _ticket(callback)
        return
    yield f"message: {message.state}, {length(message.duration)}"
    if message.state != "stored":
        return
    trial = "（試験用モデル）" if message.transcript_trial else ""
    state = TRANSCRIPT_STATES.get(message.transcript_state, "")
    yield f"transcript{trial}: {message.transcript_text or state}"
    if callback is None:
        yield "callback: none yet; see `ivr callbacks` later"
    else:
        yield _ticket(callback)


def _ticket(callback: CallbackRow) -> str:
    due = full_moment(callback.due_at) if callback.due_at else "no time given"
    return f"callback: ticket {callback.ticket}, because {callback.cause}, due {due}"


def the_server(settings: Settings) -> Address:
    """SIP as it is reached from this machine."""
    sip = settings.sip
    return Address("127.0.0.1", sip.port) if sip.host == "0.0.0.0" else sip


def new_folder(trial: Path, now: datetime) -> Path:
    """Named by the time; two calls of one second have one each."""
    stamp = now.astimezone(JAPAN).strftime("%Y%m%d-%H%M%S")
    for turn in count(1):
        folder = trial / (stamp if turn == 1 else f"{stamp}-{turn}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError


def spoken(base: Path, text: str) -> Speech:
    if not text.strip():
        return Speech("", None, SILENT)
    # Here and not above: it takes a second to load, and `ivr call` may have nothing to say.
    from ivr.prompts.synthesis import synthesise

    audio = synthesise(text, None)
    write_pair(base, audio)
    return Speech(text, base.with_name(base.name + ".wav"), audio.seconds)


def choose_agents(
    rows: Sequence[AgentRow], groups: Collection[str], tenant: str, now: datetime
) -> list[AgentRow]:
    """One of this company for each group, the one who is free first; nobody who is 離席 by hand."""

    def free_at(row: AgentRow) -> datetime:
        return now if agents.by_clock(row, now).state == "available" else row.wrap_up_until or NEVER

    chosen: list[AgentRow] = []
    theirs = [row for row in rows if row.tenant in (None, tenant)]
    for group in sorted(groups):
        here = [row for row in theirs if group in row.groups and (row.state != "away" or row.wrap_up_until)]
        if here and not any(row in chosen for row in here):
            chosen.append(min(here, key=free_at))
    return chosen


def _not_yet(agent: AgentRow, now: datetime) -> str:
    """In words, if this telephone will not ring at once."""
    state = agents.by_clock(agent, now).state
    if state == "available":
        return ""
    until = agent.wrap_up_until
    return f" ({state}{f' for another {(until - now).total_seconds():.0f} s' if until else ''})"


def _from(caller: str) -> str:
    if caller == WITHHELD:
        return ANONYMOUS
    if numbers.to_e164(caller) is None:
        raise IvrError(
            f'--caller {caller} is no telephone number; write one such as 090-1234-5678, or "{WITHHELD}"'
        )
    return re.sub(r"[^0-9+]", "", caller)


def free_ports(taken: Ports) -> Ports:
    """For one telephone on this machine, and none of Asterisk's own."""
    while True:
        first = random.randrange(*PORTS_AMONG, PORTS_EACH)
        last = first + PORTS_EACH - 1
        if (last < taken.first or first > taken.last) and all(map(_is_free, range(first, last + 1))):
            return Ports(first, last)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def keep_heard(telephone: Telephone, to: Path) -> str | None:
    try:
        return str(telephone.heard.replace(to))
    except FileNotFoundError:
        return None
