"""A transcriber that listens while a caller speaks. Its protocol: transcribe/README.md.

The audio never comes here: a channel that listens to the caller's (snoop) is sent to `[ivr-ears]` of the dialplan, from
where Asterisk brings it straight to the transcriber. It ends with the caller's channel, with the transcriber's
connection, and so also with ours. Whatever fails, the caller is not listened to, and nothing else comes of it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from ivr.asterisk.ari import Ari, Json
from ivr.asterisk.channel import AGENT
from ivr.errors import AsteriskError, TranscriberError
from ivr.keys import spoken_keys
from ivr.settings import Address
from ivr.transcript import Transcript

log = logging.getLogger("ivr.asterisk.ears")

EAR = "ear"  # in the id of a channel, where an agent's name stands: late ones are hung up like an agent's
SET_UP = 2.0  # seconds until the audio flows, at most
PATIENCE = 1.0  # seconds that a caller waits for the text
REST = 5.0  # seconds for which a transcriber that could not be used is asked last
SURE = 0.9  # least confidence of each word of a spoken answer: see docs/operator/speech.md

_CLOSING = aiohttp.ClientWSTimeout(ws_close=0.5)
_FAILURES = (aiohttp.ClientError, AsteriskError, OSError, TimeoutError, TranscriberError, TypeError)


async def _no_model(line: str) -> str | None:
    return None


@dataclass
class _Place:
    url: str
    open: int = 0
    rests_until: float = 0.0  # loop time


class Ears:
    """All transcribers. The one that listens to the fewest of our callers is asked first."""

    def __init__(
        self,
        addresses: Sequence[Address] = (),
        key: str = "",
        model_of: Callable[[str], Awaitable[str | None]] = _no_model,
    ) -> None:
        """`model_of`: the name of the model for a line; None for the transcriber's own."""
        self._places = [_Place(f"http://{address}/v1/listen") for address in addresses]
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.model_of = model_of

    def in_turn(self) -> list[_Place]:
        now = asyncio.get_running_loop().time()
        return sorted(self._places, key=lambda place: (place.rests_until > now, place.open))


NOBODY = Ears()  # where there is no transcriber


class Ear:
    """Listens to one channel from now until `close`, which must come. Nothing here waits but `end`, nothing raises."""

    def __init__(
        self,
        ears: Ears,
        ari: Ari,
        channel: str,
        number: int,
        line: str,
        answers: Mapping[str, str] | None = None,
        press: Callable[[str], None] = lambda key: None,
    ) -> None:
        """`answers`: phrases and their keys, which `press` gets; None: whatever is said, for its text."""
        self.id = f"{channel}{AGENT}{EAR}-{number}"
        self._ears = ears
        self._ari = ari
        self._channel = channel
        self._line = line
        self._answers = answers
        self._press = press
        self._listening = False
        self._unconfirmed = 0  # orders: until then what is heard was said before them
        self._orders: asyncio.Queue[str] = asyncio.Queue()
        self._text: asyncio.Future[Transcript] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name=f"ear {self.id}")

    def begin(self) -> None:
        """From now on counts what is said."""
        self._listening = True
        self._unconfirmed += 1
        self._orders.put_nowait("begin")

    def drop(self) -> None:
        """What was said since `begin`, and what is said from now on, counts as nothing."""
        self._listening = False
        self._unconfirmed += 1
        self._orders.put_nowait("drop")

    async def end(self) -> Transcript | None:
        """What was said since `begin`; `duration` is that of what was heard. None if it is not there in time."""
        self._orders.put_nowait("end")
        either: list[asyncio.Future[Any]] = [self._text, self._task]
        await asyncio.wait(either, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if self._text.done() and not self._text.cancelled():
            return self._text.result()
        log.warning("the text of a message comes later", extra={"ear": self.id})
        return None

    def close(self) -> "asyncio.Task[None]":
        """At once; the task ends when Asterisk was told, too."""
        self._task.cancel()
        return self._task

    async def _run(self) -> None:
        try:
            async with aiohttp.ClientSession(headers=self._ears.headers) as session:
                model = await self._ears.model_of(self._line)
                for place in self._ears.in_turn():
                    if await self._listen(session, place, model):
                        return
        except asyncio.CancelledError:
            return  # closed
        except _FAILURES as error:
            log.warning("a caller is not listened to", extra={"ear": self.id, "error": repr(error)})
        except Exception:
            log.exception("listening to a caller failed", extra={"ear": self.id})

    async def _listen(self, session: aiohttp.ClientSession, place: _Place, model: str | None) -> bool:
        """To the end; False if this transcriber does not listen. What breaks later ends it."""
        socket = None
        place.open += 1
        try:
            try:
                async with asyncio.timeout(SET_UP):
                    socket = await session.ws_connect(place.url, heartbeat=5.0, timeout=_CLOSING)
                    where = await self._ask(socket, model)
            except _FAILURES as error:
                log.warning("a transcriber does not listen", extra={"error": repr(error)})
                if not isinstance(error, TranscriberError):
                    place.rests_until = asyncio.get_running_loop().time() + REST
                return False
            try:
                async with asyncio.timeout(SET_UP):
                    await self._bring(where)
                await self._converse(socket)
            finally:
                await self._hang_up()
            return True
        finally:
            place.open -= 1
            if socket is not None:
                await socket.close()

    async def _ask(self, socket: aiohttp.ClientWebSocketResponse, model: str | None) -> str:
        """Where the audio is to be brought."""
        grammar = None if self._answers is None else list(self._answers)
        await socket.send_json({"model": model, "grammar": grammar})
        told = _checked(await socket.receive_json())
        known = {keys for phrase, keys in (self._answers or {}).items() if phrase not in told["lacks"]}
        if unheard := {*(self._answers or {}).values()} - known:
            about = {"ear": self.id, "answers": len(unheard), "model": told["model"]}
            log.warning("the model has no words for a spoken answer: keys alone count for it", extra=about)
        return f"{told['uuid']}@{told['address']}"

    async def _bring(self, where: str) -> None:
        """The caller's audio to the transcriber."""
        there = asyncio.Event()

        def on_event(event: Json) -> None:
            if event["type"] == "StasisStart":
                there.set()

        self._ari.listen(self.id, on_event)
        await self._ari.http("POST", f"channels/{self._channel}/snoop/{self.id}?spy=in&app={self._ari.app}")
        await there.wait()
        order = {"context": "ivr-ears", "extension": where, "priority": 1}
        await self._ari.http("POST", f"channels/{self.id}/continue", order)

    async def _hang_up(self) -> None:
        self._ari.forget(self.id)
        try:
            await self._ari.send("DELETE", f"channels/{self.id}")  # mostly it is gone with its caller
        except AsteriskError as error:
            log.warning("a listening channel was not hung up", extra={"ear": self.id, "error": str(error)})

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Until the transcriber leaves, or this is cancelled."""
        giving = asyncio.create_task(self._give_orders(socket), name=f"orders {self.id}")
        try:
            async for message in socket:
                self._hear(_checked(message.json()))
        finally:
            giving.cancel()
            await asyncio.gather(giving, return_exceptions=True)

    async def _give_orders(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await socket.send_json({"do": await self._orders.get()})

    def _hear(self, said: Json) -> None:
        if "did" in said:
            self._unconfirmed -= 1
        elif "text" in said and not self._text.done():
            self._text.set_result(Transcript.from_json(said))
        elif "phrase" in said and self._listening and not self._unconfirmed:
            for key in keys_of(said["phrase"], self._answers or {}):
                self._press(key)


def keys_of(phrase: Sequence[Json], answers: Mapping[str, str], sure: float = SURE) -> str:
    """Of what was said between two pauses; none if a word of it is not sure, or is none of an answer."""
    if any(word["conf"] < sure for word in phrase):
        return ""
    return spoken_keys(" ".join(word["word"] for word in phrase), answers)


def _checked(told: Json) -> Json:
    if "error" in told:
        raise TranscriberError(f"{told['error']}: {told['detail']}", retryable=bool(told["retryable"]))
    return told
