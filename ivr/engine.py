"""The engine: finds the line of each call and leads its caller; nothing else runs in its loop."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ivr.asterisk import numbers
from ivr.asterisk.ari import Ari, Json
from ivr.asterisk.caller import AriCall, Sounds
from ivr.asterisk.channel import AGENT
from ivr.asterisk.ears import NOBODY, Ears
from ivr.asterisk.outgoing import Outgoing
from ivr.asterisk.ways import Ways
from ivr.call import BY_DEFAULT, NOBODY_READS, CallerHungUp, CallState, Journal, Mailbox, Reader
from ivr.clock import Clock
from ivr.dialplan.desk import Desk
from ivr.dialplan.run import run
from ivr.errors import AsteriskError
from ivr.known import NOBODY_KNOWN, Customers
from ivr.lines import Lines, LiveLine
from ivr.outside import NOWHERE, Outside
from ivr.queues.queues import Queues
from ivr.queues.talks import OldTalks
from ivr.staff import Closings, Retrieval

log = logging.getLogger("ivr.engine")

UNKNOWN_NUMBER = (
    "おかけになった電話番号は、現在使われておりません。番号をお確かめになって、もう一度おかけ直しください。"
)


@dataclass
class Engine:
    ari: Ari
    lines: Lines
    queues: Queues
    mailbox: Mailbox
    journal: Journal
    sounds: Sounds
    clock: Clock
    recordings: Path
    closings: Closings
    retrieval: Retrieval
    outside: Outside = NOWHERE
    ears: Ears = NOBODY
    reader: Reader = NOBODY_READS
    default_line: Callable[[str], str | None] = lambda trunk: None
    customers: Customers = NOBODY_KNOWN

    def __post_init__(self) -> None:
        self.calls: dict[str, AriCall] = {}
        self._ways = Ways(self.ari, self.outside)
        self.outgoing = Outgoing(
            self.ari, self.sounds, self.recordings, self._ways, self._begins, self._closed
        )
        self.draining = False
        self._adopted = False
        self._tested: tuple[str, str, datetime] | None = None
        self.freed = asyncio.Event()  # agents whom the engine before this one had, save those who still talk
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    async def serve(self) -> None:
        """Answers calls until cancelled."""
        self.ari.on_link = self._catch_up
        await self.ari.run(self.on_event)

    async def _catch_up(self) -> None:
        """At the first link, the talks of the engine before; later, who hung up while the link was broken."""
        if not self._adopted:
            self._adopted = True
            talks = OldTalks(self.queues.roster, self.clock, self._agents_legs, self.freed.set)
            self.start(talks.adopt(self.calls), "old talks")
            return
        before = list(self.calls.values())  # a call that begins while we ask may be missing in the answer
        there = await self._channels()
        for call in before:
            for channel in (call, call.bridge.agent if call.bridge else call):
                if channel.id not in there:
                    channel.vanished = True
                    channel.on_event({"type": "StasisEnd"})
            await call.catch_up()

    async def _agents_legs(self) -> dict[str, str]:
        """Channel of an agent's telephone -> id of its call."""
        return {id: id.partition(AGENT)[0] for id in await self._channels() if AGENT in id}

    async def _channels(self) -> set[str]:
        return {channel["id"] for channel in await self.ari.http("GET", "channels")}

    def on_event(self, event: Json) -> None:
        """Events about channels that nobody listens to yet."""
        match event["type"]:
            # Without any line, at the very first start, the fallback serves better.
            case "CallBroadcast" if self.lines and not self.draining and not self._is_test(event["channel"]):
                self.start(self._claim(event["channel"]["id"]), "claim")
            case "StasisStart":
                self._on_call(event)
            case "ApplicationReplaced":
                log.error("another engine has our id, this one is deaf", extra={"app": self.ari.app})

    def start(self, work: "asyncio._CoroutineLike[None]", name: str) -> None:
        """Runs it beside the calls; cancelled at a stop."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error(
                "a task of the engine failed", exc_info=task.exception(), extra={"task": task.get_name()}
            )

    def leave_to_test(self, number: str, shown: str, until: datetime) -> None:
        """A test of a trunk rings `number` (E.164) until then, and takes the call itself: it shows `shown`, a number of ours."""
        self._tested = (number, shown, until)

    def _is_test(self, channel: Json) -> bool:
        if self._tested is None or self.clock.now() >= self._tested[2]:
            return False
        about = (channel["dialplan"]["exten"], channel["caller"]["number"])
        return tuple(map(numbers.to_e164, about)) == self._tested[:2]

    async def _claim(self, channel: str) -> None:
        """The first engine to claim has the call; for the others, and after a hang-up, it is refused."""
        await self.ari.send("POST", f"events/claim?channelId={channel}&application={self.ari.app}")

    def _on_call(self, event: Json) -> None:
        channel, arguments = event["channel"], event.get("args", [])
        if AGENT in channel["id"]:
            # Answered in the moment that the offer ended. The hang-up is on its way, unless the link broke.
            self.start(self.ari.send("DELETE", f"channels/{channel['id']}"), "late answer")
            return
        dialled = arguments[0] if arguments else channel["dialplan"]["exten"]
        # Asked by name, with a timer until somebody has it.
        if channel["dialplan"].get("app_name") == "Stasis":
            timer = f"channels/{channel['id']}/variable?variable=TIMEOUT(absolute)&value=0"
            self.start(self.ari.send("POST", timer), "timer")
        about = channel["caller"]
        who = numbers.caller(about["number"], about["name"], channel.get("language") or "ja")
        known = self.lines.answering(numbers.to_e164(dialled))
        line = known or self._by_default(arguments[1] if len(arguments) > 1 else "")
        state = CallState(
            channel["id"], line.dialplan.key if line else "", line.dialplan.hash if line else ""
        )
        if line is not None and known is None:
            state.variables[BY_DEFAULT] = "yes"
        parts = (self.sounds, self.recordings, self._ways, self.ears)
        call = AriCall(self.ari, channel["id"], who, dialled, state, *parts)
        self._begins(call)
        self.start(self._serve(call, line), f"call {call.id}")

    def _begins(self, call: AriCall) -> None:
        self._idle.clear()
        self.calls[call.id] = call

    def _by_default(self, trunk: str) -> LiveLine | None:
        """Who takes calls of a trunk ("" for none) to a number that no line has."""
        key = self.default_line(trunk)
        return self.lines.get(key) if key else None

    async def _serve(self, call: AriCall, line: LiveLine | None) -> None:
        """One call from its first event to its last; whatever goes wrong in it stays in it."""
        self.journal.started(call, self.clock.now())
        try:
            if line is None:
                await self._reject(call)
            else:
                await run(call, line.dialplan, self._desk(line))
        except asyncio.CancelledError:
            await self._abandon_to_fallback(call)
            raise
        except AsteriskError as error:
            log.error("a call lost Asterisk", extra={"call_id": call.id, "error": str(error)})
            await self._abandon_to_fallback(call)
        except Exception:
            log.exception("a call failed", extra={"call_id": call.id, "step": call.state.step})
            await self._abandon_to_fallback(call)
        finally:
            self.journal.ended(call, self.clock.now())
            await self._closed(call)

    async def _abandon_to_fallback(self, call: AriCall) -> None:
        """We stop or failed in the middle: a bridged talk goes on alone, everybody else to the fallback."""
        if call.state.outcome == "in_progress":
            call.state.outcome = "failed"  # what it had come to before, a message or an answer, remains true
        if call.bridge is not None:
            call.bridge = None
        else:
            await call.leave_to_fallback()

    async def _closed(self, call: AriCall) -> None:
        self.mailbox.release(call.id)
        await call.aclose()
        self.calls.pop(call.id, None)
        if not self.calls:
            self._idle.set()

    def _desk(self, line: LiveLine) -> Desk:
        return Desk(
            line.dialplan.key,
            line.dialplan.line,
            line.calendars,
            self.clock,
            self.mailbox,
            self.queues,
            self.journal,
            self.closings,
            self.retrieval,
            self.lines.get,
            self.reader,
            self.customers,
        )

    async def _reject(self, call: AriCall) -> None:
        log.error("a number without a line was dialled", extra={"call_id": call.id})
        call.state.outcome = "rejected"
        try:
            await call.answer()
            await call.play(UNKNOWN_NUMBER)
            await call.hang_up()
        except CallerHungUp:
            return

    async def drain(self, seconds: float) -> None:
        """Takes no more calls, gives the running ones `seconds`, hands the rest to the fallback."""
        self.draining = True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            log.warning("calls are handed over at the stop", extra={"calls": len(self.calls)})
        self.queues.stopping = True
        tasks = [task for task in self._tasks if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=3)
