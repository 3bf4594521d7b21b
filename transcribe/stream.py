"""Text while a caller speaks: orders by websocket, the caller's audio from Asterisk by AudioSocket (TCP)."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from aiohttp import WSMsgType, web

from transcribe.cores import Cores
from transcribe.model import Models
from transcribe.protocol import Answer, Failure, Word, join_words
from transcribe.recognizer import Recognizer, Stream
from transcribe.resample import Resampler

log = logging.getLogger("transcribe.stream")

PER_CORE = 16  # streams; who comes later is told `busy`
PHRASES = 500  # of a grammar
STRANGERS = 64  # connections that have not said yet whose audio they bring
PATIENCE = 10.0  # seconds for the first message, until audio comes, and after its end
LOADING = 60.0  # seconds that a model may take that was not in memory
LONGEST = 3600.0  # seconds of audio
BEHIND = 60.0  # seconds of audio that wait to be decoded: then this machine is too slow for it
LAST_WORDS = 1.0  # seconds in which Asterisk closes a connection after it was told that it is over
PIECE = 0.5  # seconds that are decoded at once; a recording's are as long
PIECE_OF_AN_ANSWER = 0.1

_HANGUP, _ID, _ERROR = 0x00, 0x01, 0xFF
_RATES = {0x10: 8000, 0x12: 16000}  # of 16-bit mono samples, little endian
_OVER = bytes((_HANGUP, 0, 0))


class Streams:
    """All that listen at present. Never more threads decode for them than there are cores."""

    def __init__(self, models: Models, cores: Cores, threads: int, patience: float = PATIENCE) -> None:
        self._models = models
        self._patience = patience
        self._cores = cores
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="stream")
        self._places = threads * PER_CORE
        self._ears: dict[bytes, _Ear] = {}
        self._doors: dict[str, asyncio.Server] = {}  # by the address at which they are
        self._opening = asyncio.Lock()
        self._strangers = 0

    def __len__(self) -> int:
        return len(self._ears)

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/listen`; README.md shows what is said."""
        if len(self._ears) >= self._places:
            raise Failure("busy", "too many callers are listened to; the recording can be sent later")
        socket = web.WebSocketResponse(heartbeat=10.0, max_msg_size=64 * 1024)
        ear = _Ear(self._patience)
        self._ears[ear.id.bytes] = ear
        try:
            await socket.prepare(request)
            try:
                async with asyncio.timeout(self._patience) as limit:
                    ear.limit = limit
                    try:
                        await self._converse(request, socket, ear)
                    finally:
                        ear.limit = None
            except TimeoutError:
                raise Failure(
                    "no_audio", "no audio came in time, or no order, or more than is decoded"
                ) from None
        except Failure as failure:
            log.warning("a caller is not listened to", extra={"error": failure.code})
            await _say(socket, failure.as_json())
        finally:
            del self._ears[ear.id.bytes]
            ear.close()
            await socket.close()
        return socket

    async def close(self) -> None:
        for ear in self._ears.values():
            ear.grant(0)
        for door in self._doors.values():
            door.close()

    async def _converse(self, request: web.Request, socket: web.WebSocketResponse, ear: "_Ear") -> None:
        asked = _read(await socket.receive())
        ear.grant(LOADING)
        recognizer = await self._models.recognizer(_name(asked))
        grammar, lacks = await asyncio.to_thread(understood, recognizer, asked.get("grammar"))
        address = await self._address(request)
        ear.grant(self._patience)
        about = {"model": recognizer.name, "trial": recognizer.trial, "lacks": lacks}
        await _say(socket, {"address": address, "uuid": str(ear.id), **about})

        async def said(words: Sequence[Word]) -> None:
            if grammar is not None and words:
                await _say(socket, {"phrase": _as_json(words)})

        async for message in socket:
            match _read(message).get("do"):
                case "begin":
                    ear.take_up(Take(recognizer, grammar, self._cores, self._workers, said))
                    await _say(socket, {"did": "begin"})
                case "drop":
                    ear.take_up(None)
                    await _say(socket, {"did": "drop"})
                case "end" if ear.take is not None:
                    await _say(socket, await _ended(ear.take, recognizer))
                    ear.take_up(None)
                case _:
                    raise Failure(
                        "bad_request", 'orders are {"do": "begin"}, "drop", and "end" after "begin"'
                    )

    async def _address(self, request: web.Request) -> str:
        """Where Asterisk brings the audio: the same machine, as the engine sees it."""
        assert request.transport is not None
        host = request.transport.get_extra_info("sockname")[0]
        async with self._opening:
            if host not in self._doors:
                self._doors[host] = await asyncio.start_server(self._connected, host, 0)
        return f"{host}:{self._doors[host].sockets[0].getsockname()[1]}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            ear = await self._whose(reader)
            if ear is not None:
                await ear.hear(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return  # Asterisk hung up without a word, as it does
        finally:
            writer.close()

    async def _whose(self, reader: asyncio.StreamReader) -> "_Ear | None":
        if self._strangers >= STRANGERS:
            return None
        self._strangers += 1
        try:
            async with asyncio.timeout(self._patience):
                kind, id = await _message(reader)
        finally:
            self._strangers -= 1
        ear = self._ears.get(id) if kind == _ID else None
        return None if ear is None or ear.connected else ear


class _Ear:
    """One who is listened to: `id` says to whom a connection with audio belongs, and is not to be guessed."""

    def __init__(self, patience: float) -> None:
        self.id = uuid.uuid4()
        self._patience = patience
        self.limit: asyncio.Timeout | None = None
        self.take: Take | None = None
        self.connected = False
        self._seconds = 0.0
        self._writer: asyncio.StreamWriter | None = None

    def grant(self, seconds: float) -> None:
        """From now until something more must have happened."""
        if self.limit is not None and not self.limit.expired():
            self.limit.reschedule(asyncio.get_running_loop().time() + seconds)

    def take_up(self, take: "Take | None") -> None:
        if self.take is not None:
            self.take.cancel()
        self.take = take

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All audio of one connection; what comes outside a take is dropped."""
        self.connected = True
        self._writer = writer
        while self._seconds < LONGEST:
            kind, payload = await _message(reader)
            if kind in (_HANGUP, _ERROR):
                return
            rate = _RATES.get(kind)
            if rate is not None and len(payload) % 2 == 0:
                self._seconds += len(payload) / 2 / rate
                self.grant(self._patience)
                if self.take is not None and not self.take.feed(payload, rate):
                    self.grant(0)
                    return

    def close(self) -> None:
        """Asterisk is told, and what is still on its way from there read: else the connection would be reset."""
        self.take_up(None)
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(_OVER)
            asyncio.get_running_loop().call_later(LAST_WORDS, self._writer.close)


class Take:
    """What is said from "begin" to "end": decoded as it comes, so that at the end only the last piece is left."""

    def __init__(
        self,
        recognizer: Recognizer,
        grammar: Sequence[str] | None,
        cores: Cores,
        workers: Executor,
        said: Callable[[Sequence[Word]], Awaitable[None]],
    ) -> None:
        """`said` is given the words of a phrase after each pause."""
        self.seconds = 0.0
        self.rate = 8000  # Hz of what comes
        self._recognizer = recognizer
        self._grammar = grammar
        self._cores = cores
        self._workers = workers
        self._said = said
        self._piece = PIECE if grammar is None else PIECE_OF_AN_ANSWER
        self._waiting = bytearray()
        self._more = asyncio.Event()
        self._ended = False
        self._stream: Stream | None = None
        self._resampler: Resampler | None = None
        self._task = asyncio.create_task(self._run(), name="listen")

    def feed(self, pcm: bytes, rate: int) -> bool:
        """False when the decoding has fallen too far behind."""
        self.rate = rate
        self.seconds += len(pcm) / 2 / rate
        self._waiting += pcm
        if len(self._waiting) >= self._size:
            self._more.set()
        return len(self._waiting) <= BEHIND * rate * 2

    async def end(self) -> tuple[Word, ...]:
        self._ended = True
        self._more.set()
        return await self._task

    def cancel(self) -> None:
        self._task.cancel()

    @property
    def _size(self) -> int:
        """Bytes of a piece."""
        return round(self._piece * self.rate) * 2

    async def _run(self) -> tuple[Word, ...]:
        loop = asyncio.get_running_loop()
        found: list[Word] = []
        last = False
        while not last:
            await self._more.wait()
            self._more.clear()
            piece = bytes(self._waiting[: self._size])
            del self._waiting[: self._size]
            last = self._ended and not self._waiting
            if not last and (self._ended or len(self._waiting) >= self._size):
                self._more.set()
            words = await loop.run_in_executor(self._workers, self._decode, piece, last)
            await self._said(words)
            found += words
        return tuple(found)

    def _decode(self, piece: bytes, last: bool) -> tuple[Word, ...]:
        """In a thread; the pieces come one after the other."""
        with self._cores.first():
            if self._stream is None or self._resampler is None:
                self._stream = self._recognizer.stream(self._grammar)
                self._resampler = Resampler(self.rate, self._recognizer.rate)
            words = self._stream.feed(self._resampler.feed(piece)) if piece else ()
            if last:
                rest = self._resampler.rest()
                words += self._stream.feed(rest) if rest else ()
                words += self._stream.final()
            return words


async def _ended(take: Take, recognizer: Recognizer) -> dict[str, Any]:
    words = await take.end()
    seconds = round(take.seconds, 3)
    log.info("a caller was listened to", extra={"seconds": round(seconds, 1), "words": len(words)})
    return Answer(join_words(words), recognizer.name, recognizer.trial, take.rate, seconds, words).as_json()


async def _message(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One of AudioSocket: kind, length, that many bytes."""
    head = await reader.readexactly(3)
    return head[0], await reader.readexactly(int.from_bytes(head[1:], "big"))


async def _say(socket: web.WebSocketResponse, what: dict[str, Any]) -> None:
    if socket.prepared and not socket.closed:
        try:
            await socket.send_json(what)
        except ConnectionError:
            return  # who asked has left, and the handler ends by that


def _read(message: Any) -> dict[str, Any]:
    """What the engine said, as JSON; when it leaves, nothing."""
    if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
        raise Failure("stopping", "who asked has left")
    try:
        said = message.json() if message.type is WSMsgType.TEXT else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Failure("bad_request", "say a JSON object")
    return said


def _name(asked: dict[str, Any]) -> str | None:
    name = asked.get("model")
    if name is not None and not isinstance(name, str):
        raise Failure("bad_request", '"model" is a name, or null for the model of this transcriber')
    return name


def understood(recognizer: Recognizer, asked: object) -> tuple[list[str] | None, list[str]]:
    """As the model knows it, and the phrases that it does not know. None: all that the model knows is understood."""
    if asked is None:
        return None, []
    if not isinstance(asked, list) or len(asked) > PHRASES or not all(isinstance(one, str) for one in asked):
        raise Failure("bad_request", f'"grammar" is a list of at most {PHRASES} phrases, or null')
    parted = {phrase: _spelt(recognizer, phrase[:100]) for phrase in asked}
    known = [words for words in parted.values() if words is not None]
    if not known:
        raise Failure("bad_request", "the model knows none of these phrases")
    return known, [phrase for phrase, words in parted.items() if words is None]


def _spelt(recognizer: Recognizer, phrase: str) -> str | None:
    known = (recognizer.parted(spelling) for spelling in phrase.split("|"))
    return next((words for words in known if words is not None), None)


def _as_json(words: Sequence[Word]) -> list[dict[str, Any]]:
    return [{"word": w.word, "start": w.start, "end": w.end, "conf": w.conf} for w in words]
