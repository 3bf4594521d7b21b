"""The whole product as `ivr run` starts it, and the people who telephone with it.

What a caller does and hears goes over SIP and RTP; what came of it is read by HTTP, in ARI, and where
the API says nothing of it (keys, numbers that must appear nowhere) in the files and rows themselves.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import numpy as np

from ivr.asterisk.conf import ari_passwords
from ivr.asterisk.telephone import Telephone
from ivr.settings import Ports
from tests.asterisk.hearing import Samples, Search, read_wav, samples, speech_of, write_wav
from tests.asterisk.instances import TELEPHONES, Block, InstancePorts
from tests.speech import speak

ROOT = Path(__file__).resolve().parents[2]
UP = "Ctrl-C stops everything."
STARTS_WITHIN = 500.0  # seconds, with every prompt still to be spoken, on a busy machine
SLICE = 0.02  # seconds between two looks at what somebody has heard
LATE = (
    5.0  # seconds that a busy machine may take; what the product takes on an idle one, script/bench measures
)
SOON = 10.0  # seconds: at once, on a busy machine; a telephone rings for 20
PATIENCE = 60.0  # seconds

_folders = count()


class Desk:
    """A running instance. `prompts`: the cache of spoken prompts that instances share."""

    def __init__(self, base: Path, clock: str, dialplans: Path, prompts: Path) -> None:
        self.data = base / "data"
        self.base = base
        self._ports = InstancePorts()
        self.sip, self._ari, self._http = self._ports.sip, self._ports.ari, self._ports.http
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("IVR_")},
            "IVR_ASTERISK": os.environ.get("IVR_ASTERISK", ""),
            "IVR_DATA": str(self.data),
            "IVR_SIP": str(self.sip),
            "IVR_ARI": str(self._ari),
            "IVR_HTTP": str(self._http),
            "IVR_TRANSCRIBER": str(self._ports.transcriber),
            "IVR_RTP": "{}-{}".format(*self._ports.rtp),
            "IVR_DIALPLANS": str(dialplans),
            "IVR_CLOCK": clock,
            # The telephone outside with the number 0… is that of a person called t0…, which registers here.
            "IVR_TRANSFERS": "03-1234-5678",
            "IVR_OUTBOUND": "PJSIP/t{number}",
        }
        self.pages = f"http://{self._http}"
        self.passwords: dict[str, str] = {}  # of agents' telephones
        self._token = ""
        self._prompts = prompts
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0  # characters of `output` from before this start
        self._spoken: dict[str, Samples] = {}
        self._known_prompts: set[Path] = set()

    # -- life -----------------------------------------------------------------------------

    def start(self) -> None:
        self.launch()
        self.wait_up()

    def launch(self) -> None:
        """From the main thread, with which the instance ends."""
        self.data.mkdir(parents=True, exist_ok=True)
        if not (self.data / "prompts").exists():
            (self.data / "prompts").symlink_to(self._prompts)
        self._said_before = len(self.output())
        with (self.base / "run.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-m", "ivr.cli", "run", "--asterisk"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environ, cwd=ROOT,
            )  # fmt: skip

    def wait_up(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + STARTS_WITHIN
        while UP not in self.output()[self._said_before :]:
            assert self._process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.05)
        self._token = self._token or self.ivr("token", "tests").strip()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the instance did not stop: {self.output()}") from None

    def kill(self) -> None:
        """As a power cut ends it: the guard with kill -9, and everything that it started goes too."""
        assert self._process is not None
        children = subprocess.run(
            ["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        for process in (self._process.pid, *map(int, children)):
            os.kill(process, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def output(self) -> str:
        log = self.base / "run.log"
        return log.read_text("utf-8", "replace") if log.exists() else ""

    def ivr(self, *arguments: str) -> str:
        return self._run("-m", "ivr.cli", *arguments)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environ, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add_agents(self, groups: Mapping[str, str]) -> None:
        """`groups`: of each agent. One process does it for all: most of what a command computes is its start."""
        commands = [
            ["agent", "add", name, "--group", group, "--wrap-up", "0"] for name, group in groups.items()
        ]
        program = (
            "import json, sys; from ivr.cli import main; sys.exit(any(map(main, json.loads(sys.argv[1]))))"
        )
        said = self._run("-c", program, json.dumps(commands))
        self.passwords |= zip(groups, re.findall(r"password (\S+)", said), strict=True)

    def process(self, name: str) -> int | None:
        """The id of `engine`, `jobs`, `web`, `transcriber` or `asterisk`: the child of this instance, if it runs."""
        assert self._process is not None
        words = {"transcriber": "-m transcribe", "asterisk": r"asterisk\.conf -f$"}.get(
            name, f"process {name}"
        )
        found = subprocess.run(
            ["pgrep", "-P", str(self._process.pid), "-f", "--", words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return int(found.stdout) if found.stdout else None

    # -- what is there ---------------------------------------------------------------------

    async def get(self, path: str) -> Any:
        """`callbacks`, `calls`, of the API."""
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {self._token}"}) as session,
            session.get(f"http://{self._http}/api/v1/{path}") as reply,
        ):
            assert reply.status == 200, await reply.text()
            return await reply.json() if "json" in reply.content_type else await reply.read()

    async def ari(self, path: str) -> Any:
        """As the guard, who may look at everything."""
        password = ari_passwords(self.data / "asterisk").guard
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                f"http://{self._ari}/ari/{path}", params={"api_key": f"ivr-guard:{password}"}
            ) as reply,
        ):
            return await reply.json()

    async def ready(self, *agents: str) -> None:
        """Asterisk knows the telephones of these agents."""
        for name in agents:
            await until(lambda name=name: self._known(name), PATIENCE, f"Asterisk knows {name}")  # type: ignore[misc]

    async def _known(self, agent: str) -> bool:
        return "state" in await self.ari(f"endpoints/PJSIP/{agent}")

    async def talks(self) -> list[set[str]]:
        """Who is in each bridge of Asterisk: a caller's number as dialled with, an agent's user name."""
        who = {one["id"]: self._who(one) for one in await self.ari("channels")}
        bridges = await self.ari("bridges")
        assert all(bridge["bridge_type"] == "mixing" for bridge in bridges), bridges
        return [{who.get(id, id) for id in bridge["channels"]} for bridge in bridges]

    async def talk_of(self, who: str) -> set[str]:
        """With whom `who` is bridged: one other, or nobody."""
        talks = [talk for talk in await self.talks() if who in talk]
        assert len(talks) <= 1 and all(len(talk) <= 2 for talk in talks), talks
        return talks[0] if talks and len(talks[0]) == 2 else set()

    def _who(self, channel: Mapping[str, Any]) -> str:
        user: str = channel["name"].partition("/")[2].rpartition("-")[0]
        return user if user in self.passwords else channel["caller"]["number"]

    async def call_of(self, number: str) -> dict[str, Any]:
        """The only call of this E.164 number, when it has ended."""
        return (await self.ended_calls(number, 1))[0]

    async def ended_calls(self, number: str, calls: int) -> list[dict[str, Any]]:
        async def ended() -> list[dict[str, Any]]:
            found = [call for call in await self.get("calls?limit=1000") if call["number"] == number]
            return found if found and all(call["ended_at"] for call in found) else []

        found = await until(ended, PATIENCE, f"the call of {number} ends")
        assert len(found) == calls, found
        return list(found)

    async def callbacks_of(self, number: str | None) -> list[dict[str, Any]]:
        return [one for one in await self.get("callbacks?limit=1000") if one["number"] == number]

    async def callback_of(self, number: str | None, seconds: float = 90) -> dict[str, Any]:
        """The only callback of this E.164 number, when its transcript is done."""

        async def done() -> list[dict[str, Any]]:
            found = await self.callbacks_of(number)
            return found if found and found[0]["message"]["transcript"]["state"] == "done" else []

        found = await until(done, seconds, f"the message of {number} becomes text")
        assert len(found) == 1, found
        return dict(found[0])

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with sqlite3.connect(f"file:{self.data / 'ivr.db'}?mode=ro", uri=True) as store:
            return store.execute(query, values).fetchall()

    def spoken(self) -> dict[str, Samples]:
        """Every prompt that is ready, by what the cache says of it."""
        new = set(self._prompts.glob("*.json")) - self._known_prompts
        # The newest of a text, should an earlier run have read it in another way.
        for about in sorted(new, key=lambda path: path.stat().st_mtime_ns):
            self._known_prompts.add(about)
            text = json.loads(about.read_text("utf-8"))["text"]
            self._spoken[text] = read_wav(about.with_suffix(".wav"))
        return self._spoken

    def prompt(self, text: str) -> Samples:
        assert text in self.spoken(), f"nobody has spoken: {text}"
        return self._spoken[text]

    @property
    def beep(self) -> Samples:
        return read_wav(self.data / "sounds" / "beep.wav")

    # -- people ----------------------------------------------------------------------------

    def caller(self, number: str) -> "Person":
        return Person(self, number, None)

    def agent(self, name: str, *, answers: bool = True) -> "Person":
        return Person(self, name, self.passwords[name], answers=answers)


class Person:
    """Somebody with a telephone; everything heard carries the time at which it came."""

    def __init__(self, desk: Desk, user: str, password: str | None, *, answers: bool = True) -> None:
        self.desk = desk
        self.user = user
        folder = desk.base / "telephones" / f"{next(_folders):03}-{user.partition('@')[0]}"
        self._ports = Block(TELEPHONES)
        ports = Ports(self._ports.first, self._ports.first + 18)
        self.telephone = Telephone(user, password, desk.sip, folder, ports, answer=answers)
        self._folder = folder
        self._watching: asyncio.Task[None] | None = None
        self._before: Path | None = None  # what was heard in the call before the one that is dialled
        self._call: Path | None = None  # what is heard in this one
        self._audio = bytearray()  # of it, so far
        self._arrivals: list[tuple[float, int]] = []  # when, how many samples by then
        self._from = 0  # samples that were listened to before

    async def __aenter__(self) -> Self:
        await self.telephone.start()
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self.telephone.close()
        self._ports.close()

    async def _watch(self) -> None:
        """Asterisk sends nothing while nothing is said, so the time is not to be seen in the audio."""
        while True:
            self._listen()
            await asyncio.sleep(SLICE)

    def _listen(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            call = self.telephone.heard
            if call == self._before:
                return
            if call != self._call:
                self._call, self._audio, self._arrivals, self._from = call, bytearray(), [], 0
            with call.open("rb") as file:
                file.seek(44 + len(self._audio))
                new = file.read()
            if new:
                self._audio += new
                self._arrivals.append((time.monotonic(), len(self._audio) // 2))

    async def dial(self, number: str) -> float:
        """When the call was up."""
        self._before = self._call
        self._audio, self._arrivals, self._from = bytearray(), [], 0
        await self.telephone.dial(number)
        event = await self.telephone.wait_for("CALL_ESTABLISHED", "CALL_CLOSED")
        assert event["type"] == "CALL_ESTABLISHED", event
        return time.monotonic()

    async def press(self, keys: str, pause: float = 0.25) -> float:
        """When the last key was pressed. Of keys whose packets come in one heap, Asterisk drops some."""
        await self.telephone.press(keys, pause)
        return time.monotonic()

    async def says(self, *texts: str) -> None:
        """Returns when it is said; of `sayings.SAID`, or its making comes first, which may take seconds."""
        audio = np.concatenate([speak(text) for text in texts])
        await self.telephone.say(write_wav(self._folder / "words.wav", audio))
        await asyncio.sleep(len(audio) / 8000)

    async def sounds(self, audio: Samples) -> None:
        """Begins to send this."""
        await self.telephone.say(write_wav(self._folder / "sound.wav", audio))

    async def begins_to_hear(self, text: str) -> float:
        """The first 1.5 s of this: when they began."""
        return (await self.hears_sound(speech_of(self.desk.prompt(text))[:12000], text))[0]

    async def skips(self, text: str) -> None:
        """Begins to hear this and presses a key, which ends it."""
        await self.begins_to_hear(text)
        await self.press("1")

    async def leaves(self, text: str) -> None:
        """The message: what is said after the beep."""
        speak(text)
        await self.hears_beep()
        await self.says(text)

    async def hang_up(self) -> None:
        await self.telephone.hang_up()

    async def is_hung_up(self, limit: float = PATIENCE) -> float:
        await self.telephone.wait_for("CALL_CLOSED", limit=limit)
        return time.monotonic()

    def heard(self) -> Samples:
        self._listen()
        return samples(bytes(self._audio))

    async def hears(self, *texts: str, due: float | None = None) -> float:
        """These texts, each from its beginning to its end, one after the other; the first soon after `due`.

        When the last one ended.
        """
        ended = 0.0
        for position, text in enumerate(texts):
            begin, ended = await self.hears_sound(self.desk.prompt(text), text)
            if position == 0 and due is not None:
                assert due - 1 <= begin <= due + LATE, f"{begin - due:.2f} s after it was due: {text}"
        return ended

    async def hears_beep(self) -> float:
        return (await self.hears_sound(self.desk.beep, "the beep"))[1]

    async def hears_sound(self, audio: Samples, name: str, patience: float = PATIENCE) -> tuple[float, float]:
        """When its first and its last sample came."""
        deadline = time.monotonic() + len(audio) / 8000 + patience
        call, search = self._call, Search(audio, self._from)
        while True:
            late, heard = time.monotonic() > deadline, self.heard()
            if self._call != call:  # another one, which was answered meanwhile
                call, search = self._call, Search(audio)
            found = search.look(heard, complete=late)
            if found is not None:
                break
            assert not late, f"{self.user} did not hear: {name}"
            await asyncio.sleep(0.1)
        self._from = found.end
        return self._came(found.begin), self._came(found.end)

    async def hears_and_keeps(self, audio: Samples, name: str) -> Samples:
        """What was heard where this sound was."""
        await self.hears_sound(audio, name)
        return self.heard()[self._from - len(speech_of(audio)) : self._from]

    async def hears_anything(self, limit: float = PATIENCE) -> float:
        """When the first sample of the call came that is not silence."""

        async def loud() -> bool:
            return bool((abs(self.heard().astype(int)) > 300).any())

        await until(loud, limit, f"{self.user} hears something")
        return time.monotonic()

    def _came(self, position: int) -> float:
        return next((when for when, heard in self._arrivals if heard >= position), time.monotonic())


def understood(transcript: str, sentence: str) -> float:
    """The part of the words of `sentence` (written apart) that the transcript has, in their order."""
    words = [word for word in sentence.split() if word not in "、。"]
    position = hits = 0
    for word in words:
        found = transcript.find(word, position)
        if found >= 0:
            hits, position = hits + 1, found + len(word)
    return hits / len(words)


Scenario = Callable[[Desk], Coroutine[Any, Any, None]]
AT_ONCE = 4  # scenarios: they wait most of their time, but each has up to eight telephones
SCENARIO_LIMIT = 300.0  # seconds


class Running:
    """A scenario on its way, in a loop and a thread of its own; whoever waits for it gets its end or its error."""

    def __init__(self, end: "Future[None]") -> None:
        self._end = end

    def __await__(self) -> Generator[Any, None, None]:
        return asyncio.wrap_future(self._end).__await__()


@contextmanager
def beside_each_other(desk: Desk, scenarios: Sequence[Scenario]) -> Iterator[dict[str, Running]]:
    """By the name of each scenario, which it must not share; cancelled at the end."""
    loop = asyncio.new_event_loop()
    places = asyncio.Semaphore(AT_ONCE)

    async def run(scenario: Scenario) -> None:
        async with places, asyncio.timeout(SCENARIO_LIMIT):
            await scenario(desk)

    thread = threading.Thread(target=loop.run_forever, name="scenarios")
    thread.start()
    ends = {one.__name__: asyncio.run_coroutine_threadsafe(run(one), loop) for one in scenarios}
    try:
        yield {name: Running(end) for name, end in ends.items()}
    finally:
        for end in ends.values():
            end.cancel()
        asyncio.run_coroutine_threadsafe(_all_over(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _all_over() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


async def until(look: Callable[[], Any], limit: float, what: str) -> Any:
    """What `look` gives as soon as that is true; awaits it if need be."""
    deadline = time.monotonic() + limit
    while True:
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"in {limit} s it did not come true that {what}"
        await asyncio.sleep(0.05)


def line(folder: Path, number: str, **replaced: str) -> None:
    """A line of its own number, like the one of ecforce.yaml but for `busy_wait="2s"` and so on.

    `agents`: the group that the step `support` rings.
    """
    text = (ROOT / "dialplans" / "ecforce.yaml").read_text("utf-8")
    changes = {"numbers": f'["{number}"]', **replaced}
    for name, value in changes.items():
        lines = text.splitlines(keepends=True)
        where = [i for i, one in enumerate(lines) if one.strip().startswith(f"{name}:")]
        assert where, f"ecforce.yaml has no {name} any more"
        for i in where[:1] if name in ("agents", "closed") else where:
            lines[i] = f"{lines[i].partition(name)[0]}{name}: {value}\n"
        text = "".join(lines)
    (folder / f"line{number.replace('-', '')[-4:]}.yaml").write_text(text, "utf-8")


@contextmanager
def running(
    base: Path, clock: str, prompts: Path, *, dialplans: Path, agents: Mapping[str, str], **environ: str
) -> Iterator[Desk]:
    """`agents`: name -> group."""
    desk = Desk(base, clock, dialplans, prompts)
    desk.environ |= environ
    try:
        desk.start()
        if agents:
            desk.add_agents(agents)
        asyncio.run(desk.ready(*agents))
        yield desk
    finally:
        desk.stop()
