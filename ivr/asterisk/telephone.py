"""A SIP telephone that a program holds: baresip, headless, for `ivr call` and the tests.

It registers as an agent's telephone or calls as anybody, presses keys (RFC 4733), speaks WAV
files and keeps what it heard. Not of this program: `Privacy: id`, which needs sipp. A caller who
withholds the number as carriers pass it on is `ANONYMOUS`.
"""

import asyncio
import contextlib
import json
import logging
import random
import shutil
import socket
import wave
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ivr.errors import AsteriskError
from ivr.settings import Address, Ports

log = logging.getLogger("ivr.asterisk.telephone")

ANONYMOUS = "anonymous@anonymous.invalid"
RATE = 8000
SILENCE = 600  # seconds of it before baresip runs out: a telephone that sends nothing ends recordings
START = 60.0  # seconds for baresip to be ready
PORTS = range(
    61000, 65000, 4
)  # above those that Linux gives away by itself: another program would have them first

Event = dict[str, Any]


class Telephone:
    """`async with Telephone(...) as telephone:`; start from the main thread, with which baresip dies.

    `user` is the From user (`09012345678`, an agent's user name) or a whole `user@host` (ANONYMOUS);
    `password` makes it register as that user, None calls without. `data_dir` is this telephone's own:
    `heard` and `spoken` of every call lie there. `rtp_ports` must hold four ports for each call.
    `speak` is said from the moment a call is up; `say` says something later.
    """

    def __init__(
        self,
        user: str,
        password: str | None,
        server: Address,
        data_dir: Path,
        rtp_ports: Ports,
        speak: Path | None = None,
        answer: bool = True,
        sip_port: int | None = None,
    ) -> None:
        """`sip_port`: where it listens, for calls that come without a registration; None: anywhere."""
        self._sip_port = sip_port
        self._aor = user if "@" in user else f"{user}@{server}"
        self._password = password
        self._server = server
        self._data = data_dir.resolve()
        self._rtp = rtp_ports
        self._speak = speak
        self._source = self._data / "speech.wav"
        self._said = False
        self._answer = answer
        self._process: asyncio.subprocess.Process | None = None
        self._held: socket.socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._arrived = asyncio.Condition()
        self._seen: dict[str, int] = {}  # by type: how far `wait_for` came in `events`
        self.events: list[Event] = []  # baresip's own, oldest first: type, param, peeruri, direction …

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- life -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Returns when it can dial; with a password, when it is registered."""
        program = shutil.which("baresip")
        if program is None:
            raise AsteriskError("baresip is not installed (Debian: baresip-core)", retryable=False)
        self._data.mkdir(parents=True, exist_ok=True)
        for old in self._data.glob("dump-*.wav"):
            old.unlink()
        sip, self._held = _ports()
        try:
            self._configure(sip + 2, self._sip_port or sip)
            with (self._data / "baresip.log").open("wb") as output:
                self._process = await asyncio.create_subprocess_exec(
                    *("setpriv", "--pdeathsig", "TERM", "--", program, "-f", str(self._data)),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # Ctrl-C is for us, who hang up first
                )
            async with asyncio.timeout(START):
                await self._connect(sip + 2)
                if self._password is not None:
                    await self._registered()
        except TimeoutError as error:
            await self.close()
            raise AsteriskError(f"baresip was not ready in time; see {self._data}/baresip.log") from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Hangs up and ends it; `heard` is complete then. Idempotent."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(AsteriskError, TimeoutError):
                await self.command("quit", limit=1.0)
            for end in (process.terminate, process.kill):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 3.0)
                    break
                end()
            await process.wait()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._held is not None:
            self._held.close()
            self._held = None

    # -- a call ---------------------------------------------------------------------------

    async def dial(self, number: str) -> None:
        """Returns at once; then `wait_for("CALL_ESTABLISHED", "CALL_CLOSED")`."""
        self._seen = dict.fromkeys(("CALL_RINGING", "CALL_ESTABLISHED", "CALL_CLOSED"), len(self.events))
        if self._said:  # else this call begins with what was said last
            await self.command("ausrc", f"aufile,{self._source}")
        await self.command("dial", f"sip:{number}@{self._server}")

    async def press(self, keys: str, pause: float = 0.25) -> None:
        """Sends each key of 0-9, * and #, with `pause` seconds from one to the next."""
        for position, key in enumerate(keys):
            if position:
                await asyncio.sleep(pause)
            await self.command("sndcode", key)

    async def say(self, file: Path) -> None:
        """Speaks a WAV (8 kHz mono 16 bit) from now on, then silence; in place of what it was saying."""
        padded = self._data / f"say-{file.stem}.wav"
        await asyncio.to_thread(_with_silence, file, padded)
        await self.command("ausrc", f"aufile,{padded}")
        self._said = True

    async def accept(self) -> None:
        """Answers a ringing call (for `answer=False`)."""
        await self.command("accept")

    async def hang_up(self) -> None:
        await self.command("hangup")

    async def wait_for(self, *types: str, limit: float = 60.0) -> Event:
        """The next event of one of these types that no earlier `wait_for` returned; else TimeoutError.

        CALL_INCOMING (only with `answer=False`), CALL_RINGING, CALL_ESTABLISHED, CALL_RTPESTAB (audio arrives), CALL_CLOSED
        (`param`: why, such as "486 Busy Here"), REGISTER_OK, REGISTER_FAIL.
        """
        position = 0
        async with asyncio.timeout(limit), self._arrived:
            while True:
                for event in self.events[position:]:
                    position += 1
                    if event["type"] in types and position > self._seen.get(event["type"], 0):
                        self._seen[event["type"]] = position
                        return event
                await self._arrived.wait()

    @property
    def heard(self) -> Path:
        """WAV of what the last call brought; while that lasts, its header says no length (`heard_now`)."""
        return self._dump("dec")

    @property
    def spoken(self) -> Path:
        """WAV of what the last call was sent."""
        return self._dump("enc")

    def heard_now(self) -> bytes:
        """The samples (8 kHz, 16 bit) heard in the last call up to now; b"" before there are any."""
        try:
            return self.heard.read_bytes()[44:]
        except FileNotFoundError:
            return b""

    def _dump(self, end: str) -> Path:
        dumps = sorted(self._data.glob(f"dump-*-{end}.wav"), key=lambda path: path.stat().st_mtime_ns)
        if not dumps:
            raise FileNotFoundError(f"no call of this telephone in {self._data} had audio")
        return dumps[-1]

    # -- baresip --------------------------------------------------------------------------

    async def command(self, name: str, params: str = "", limit: float = 15.0) -> str:
        """One command of baresip's; AsteriskError if it was refused."""
        if self._writer is None:
            raise AsteriskError("this telephone is not running")
        token = str(len(self._answers))
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        text = json.dumps({"command": name, "params": params, "token": token}).encode()
        self._writer.write(b"%d:%s," % (len(text), text))
        async with asyncio.timeout(limit):
            return await answer

    async def _connect(self, port: int) -> None:
        while self._writer is None:
            if self._process is None or self._process.returncode is not None:
                raise AsteriskError(f"baresip does not start; see {self._data}/baresip.log", retryable=False)
            try:
                reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
        self._reader = asyncio.create_task(self._listen(reader), name=f"telephone-{self._aor}")

    async def _registered(self) -> None:
        """Events before our connection are lost, so ask again where they may have been."""
        while True:
            if "OK " in await self.command("reginfo"):
                return
            if any(event.get("type") == "REGISTER_FAIL" for event in self.events):
                raise AsteriskError(f"the telephone {self._aor} was refused by {self._server}")
            await asyncio.sleep(0.02)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                length = int((await reader.readuntil(b":"))[:-1])
                message = json.loads((await reader.readexactly(length + 1))[:-1])
                await self._arrive(message)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(AsteriskError("the telephone ended"))
                answer.exception()  # somebody may wait no longer

    async def _arrive(self, message: Event) -> None:
        if message.get("event"):
            async with self._arrived:
                self.events.append(message)
                self._arrived.notify_all()
        elif message.get("response"):
            answer = self._answers[message["token"]]
            if answer.done():
                return
            if message.get("ok"):
                answer.set_result(message.get("data") or "")
            else:
                answer.set_exception(AsteriskError(f"baresip refused: {message.get('data')}"))

    def _configure(self, control: int, sip: int) -> None:
        _with_silence(self._speak, self._source)
        modules = next(iter(_module_dirs()), None)
        lines = [
            f"sip_listen {self._server.host}:{sip}",
            f"net_interface {self._server.host}",  # else RTP takes the machine's outer address
            f"rtp_ports {self._rtp}",
            f"ctrl_tcp_listen 127.0.0.1:{control}",
            f"audio_source aufile,{self._source}",
            f"snd_path {self._data}",
            *([f"module_path {modules}"] if modules else []),
            *(f"module {name}.so" for name in ("g711", "aufile", "sndfile")),
            *(f"module_app {name}.so" for name in ("account", "menu", "ctrl_tcp")),
        ]
        (self._data / "config").write_text("\n".join(lines) + "\n")
        user = self._aor.partition("@")[0]
        registers = f"auth_user={user};auth_pass={self._password};regint=60"
        (self._data / "accounts").write_text(
            f"<sip:{self._aor}>;{'regint=0' if self._password is None else registers}"
            f";answermode={'auto' if self._answer else 'manual'};audio_codecs=pcmu;dtmfmode=rtpevent\n"
        )


def _with_silence(speech: Path | None, to: Path) -> None:
    """`speech` (8 kHz mono 16 bit), then silence to the end: baresip stops sending where a file ends."""
    frames = b""
    if speech is not None:
        with wave.open(str(speech)) as source:
            if (source.getframerate(), source.getnchannels(), source.getsampwidth()) != (RATE, 1, 2):
                raise AsteriskError(f"{speech} is not 8 kHz mono 16 bit", retryable=False)
            frames = source.readframes(source.getnframes())
    with wave.open(str(to), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(RATE)
        target.writeframes(frames + bytes(2 * RATE * SILENCE))


def _module_dirs() -> list[Path]:
    """Where packages put baresip's modules; without one it looks where it was built to."""
    found = [path for base in ("/usr/lib", "/usr/local/lib") for path in _below(Path(base))]
    return [path for path in found if path.is_dir()]


def _below(lib: Path) -> list[Path]:
    return [lib / "baresip/modules", *lib.glob("*/baresip/modules")]


def _ports() -> tuple[int, socket.socket]:
    """The first of four that are free, and what keeps other telephones from them until it is closed.

    SIP (UDP and TCP), TLS, on which baresip insists, control (TCP); the fourth is the one that is held.
    """
    for first in random.sample(PORTS, len(PORTS)):
        held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError), contextlib.ExitStack() as tried:
            held.bind(("127.0.0.1", first + 3))
            _bound(tried, socket.SOCK_DGRAM, first)
            for port in range(first, first + 3):
                _bound(tried, socket.SOCK_STREAM, port)
            return first, held
        held.close()
    raise AsteriskError(f"every port from {PORTS.start} to {PORTS.stop - 1} is taken", retryable=False)


def _bound(held: contextlib.ExitStack, kind: socket.SocketKind, port: int) -> None:
    tried = held.enter_context(socket.socket(socket.AF_INET, kind))
    if kind is socket.SOCK_STREAM:  # what is left of a connection that ended does not hinder baresip
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tried.bind(("127.0.0.1", port))
