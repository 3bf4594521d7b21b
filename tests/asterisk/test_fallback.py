"""Calls without an engine, on a real Asterisk, by real telephones: rule 1 of DESIGN.md.

Each prompt is a tone of its own, so that what was heard says which prompts were played.
"""

import asyncio
import math
import os
import signal
import struct
import sys
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.asterisk import conf
from ivr.asterisk.bundle import BundleLine, last_resort, write_bundle
from ivr.asterisk.conf import AgentTelephone
from ivr.asterisk.install import AsteriskInstall
from ivr.asterisk.private import PrivateAsterisk
from ivr.asterisk.telephone import ANONYMOUS, Telephone
from ivr.call import CallbackPromise
from ivr.messages.sidecar import Facts, Sidecar
from ivr.settings import Address, Ports
from tests.asterisk.instances import TELEPHONES, Block, instance_settings

TONES = {"fallback_open": 500, "fallback_closed": 700, "record": 900, "thanks": 1100, "goodbye": 1300}
BEEP, VOICE, AGENTS_VOICE, LAST_RESORT, MENU = 1500, 1800, 2100, 2400, 2700
PROMISE = CallbackPromise("medium", "1 business day", "office")
OPEN, CLOSED = "0312345678", "0312345679"


class Desk:
    """An Asterisk with a bundle of two lines: OPEN and CLOSED, now."""

    def __init__(self, asterisk: PrivateAsterisk, base: Path) -> None:
        self.asterisk = asterisk
        self.base = base
        self.bundle = base / "bundle"
        self.recordings = base / "recordings"
        self.messages = self.recordings / "messages"
        self.server = Address("127.0.0.1", int(asterisk.settings.sip.rpartition(":")[2]))
        self._telephones: list[Block] = []

    async def publish(self, python: Path = Path(sys.executable)) -> None:
        now, day = datetime.now(UTC), timedelta(days=1)
        prompts = {name: self.base / f"{name}.wav" for name in (*TONES, "beep")}
        lines = [
            _line("open", "+81312345678", [(now - day, now + day)]),
            _line("closed", "+81312345679", [(now + day, now + 2 * day)]),
        ]
        text = write_bundle(self.bundle, lines, prompts, self.messages, 0.0, python)
        conf.write({conf.FALLBACK_FILE: text}, self.asterisk.settings.etc)
        await self.asterisk.cli("dialplan reload")

    def telephone(self, user: str = "09012345678", **more: Any) -> Telephone:
        self._telephones.append(Block(TELEPHONES))
        first = self._telephones[-1].first
        password = "secret-1" if user in ("tanaka", "suzuki") else None
        place = self.base / f"telephone{len(self._telephones)}"
        return Telephone(user, password, self.server, place, Ports(first, first + 18), **more)

    def voice(self, hertz: int = VOICE) -> Path:
        return self.base / f"{hertz}.wav"

    async def message(self) -> tuple[Facts, Path]:
        """The only message there is, as the reconciler would read it, and its recording; then they are removed."""
        deadline = time.monotonic() + 40
        while True:
            for path in self.messages.glob("*.json"):
                sidecar = await asyncio.to_thread(Sidecar.open, path)
                if sidecar is not None and sidecar.facts.state == "recorded":
                    path.replace(path.with_suffix(".seen"))
                    sidecar.close()
                    return sidecar.facts, self.messages / sidecar.facts.takes[0]
                if sidecar is not None:
                    sidecar.close()
            assert time.monotonic() < deadline, "no message"
            await asyncio.sleep(0.05)

    def no_message(self) -> bool:
        return not list(self.messages.glob("*.json"))


def _line(key: str, number: str, is_open: list[tuple[datetime, datetime]]) -> BundleLine:
    until = datetime.now(UTC) + timedelta(days=2)
    telephones = ["PJSIP/tanaka", "PJSIP/suzuki"]
    return BundleLine(key, "t", key, "9f2c", [number], is_open, until, True, telephones, PROMISE, PROMISE)


def _tone(path: Path, hertz: int, seconds: float) -> None:
    samples = [round(8000 * math.sin(2 * math.pi * hertz * i / 8000)) for i in range(round(8000 * seconds))]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))


FRAME = 160  # samples: 20 ms
HERTZ = np.array([*TONES.values(), BEEP, VOICE, AGENTS_VOICE, LAST_RESORT, MENU])
TURNS = np.exp(2j * np.pi * np.outer(np.arange(FRAME), HERTZ) / 8000)


def heard(samples: bytes) -> list[int]:
    """The tones in the order in which they begin, of those that last for 0.2 s."""
    frames = np.frombuffer(samples[: len(samples) // (2 * FRAME) * 2 * FRAME], np.int16)
    frames = frames.reshape(-1, FRAME).astype(np.float64)
    energy = np.maximum(np.sum(frames**2, axis=1), 1)
    parts = 2 * np.abs(frames @ TURNS) ** 2 / (FRAME * energy[:, None])  # 0 to 1, of each frame's energy
    strongest = np.argmax(parts, axis=1)
    clear = (np.max(parts, axis=1) >= 0.5) & (np.max(frames, axis=1) >= 500)
    order: list[int] = []
    before, count = -1, 0
    for now, is_clear in zip(strongest, clear, strict=True):
        count = (count + 1 if now == before else 1) if is_clear else 0
        before = now
        if count == 10 and order[-1:] != [HERTZ[now]]:
            order.append(int(HERTZ[now]))
    return order


def heard_in(path: Path) -> list[int]:
    return heard(path.read_bytes()[44:])


async def until(done: Callable[[], object], limit: float = 90.0) -> None:
    deadline = time.monotonic() + limit
    while not done():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def running(asterisk_install: AsteriskInstall, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    base = tmp_path_factory.mktemp("fallback")
    for name, hertz in TONES.items():
        _tone(base / f"{name}.wav", hertz, 0.6)
    _tone(base / "beep.wav", BEEP, 0.4)
    for hertz in (VOICE, AGENTS_VOICE):
        _tone(base / f"{hertz}.wav", hertz, 6.0)
    _tone(base / "menu.wav", MENU, 20.0)
    settings = replace(
        instance_settings(base),
        fallback_dir=base / "recordings/messages",
        neutral_prompt=last_resort(base / "bundle") / "record.wav",
        thanks_prompt=last_resort(base / "bundle") / "thanks.wav",
    )
    (settings.spool).mkdir(parents=True)
    (base / "recordings").mkdir()
    settings.recordings.symlink_to(base / "recordings")
    asterisk = PrivateAsterisk(asterisk_install, settings)
    agents = [AgentTelephone(name, name, "secret-1") for name in ("tanaka", "suzuki")]
    conf.write({conf.AGENTS_FILE: conf.render_agents(agents)}, settings.etc)
    asyncio.run(asterisk.start())
    yield Desk(asterisk, base)
    asyncio.run(asterisk.stop())


@pytest.fixture
async def desk(running: Desk) -> Desk:
    await running.publish()
    # What speaks beneath the bundle is told from what speaks in it.
    _tone(last_resort(running.bundle) / "record.wav", LAST_RESORT, 0.6)
    return running


async def leave_message(desk: Desk, caller: Telephone, number: str) -> None:
    """Dials, speaks after the beep, ends by #."""
    await caller.dial(number)
    await caller.wait_for("CALL_ESTABLISHED")
    await until(lambda: BEEP in heard(caller.heard_now()))
    await caller.say(desk.voice())
    await until(lambda: recorded(desk))
    await caller.press("#")
    await caller.wait_for("CALL_CLOSED")


def recorded(desk: Desk) -> bool:
    """The caller's voice is in the recording of a message."""
    return any(
        VOICE in heard_in(path) for path in desk.messages.glob("*.wav") if path.with_suffix(".json").exists()
    )


async def test_closed_a_message_is_taken(desk: Desk) -> None:
    before = datetime.now(UTC)
    async with desk.telephone() as caller:
        await leave_message(desk, caller, CLOSED)
    assert heard_in(caller.heard) == [TONES["fallback_closed"], BEEP, TONES["thanks"]]
    facts, recording = await desk.message()
    assert (facts.line, facts.cause, facts.number, facts.withheld) == (
        "closed",
        "closed",
        "+819012345678",
        None,
    )
    assert (facts.origin, facts.ended_by, facts.promise) == ("fallback", "key", PROMISE)
    assert facts.call_id is not None and facts.call_id.startswith("test-")
    assert before <= facts.created_at <= datetime.now(UTC)
    assert heard_in(recording) == [VOICE]
    with wave.open(str(recording)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert 0.2 < file.getnframes() / 8000 < 10


@pytest.mark.parametrize("number", ["+81312345679", "81312345679", "03-1234-5679"])
async def test_a_number_is_known_however_it_is_dialled(desk: Desk, number: str) -> None:
    async with desk.telephone() as caller:
        await caller.dial(number)
        await until(lambda: heard(caller.heard_now()) == [TONES["fallback_closed"], BEEP])
        await caller.hang_up()
    facts, _ = await desk.message()
    assert facts.line == "closed"


async def test_who_hangs_up_in_the_middle_has_left_a_message_all_the_same(desk: Desk) -> None:
    async with desk.telephone(ANONYMOUS) as caller:
        await caller.dial(CLOSED)
        await until(lambda: BEEP in heard(caller.heard_now()))
        await caller.say(desk.voice())
        await until(lambda: recorded(desk))
        await caller.hang_up()
    facts, recording = await desk.message()
    assert (facts.ended_by, facts.number, facts.withheld) == ("hangup", None, "anonymous")
    assert heard_in(recording) == [VOICE]


async def test_who_says_nothing_is_promised_nothing(desk: Desk) -> None:
    async with desk.telephone() as caller:
        await caller.dial(CLOSED)
        await until(lambda: BEEP in heard(caller.heard_now()))
        await asyncio.sleep(1)
        await caller.press("#")
        await caller.wait_for("CALL_CLOSED")
    assert heard_in(caller.heard) == [TONES["fallback_closed"], BEEP, TONES["goodbye"]]
    assert (await desk.message())[0].speech is None


async def test_open_the_agents_are_rung_and_the_first_to_answer_talks(desk: Desk) -> None:
    async with (
        desk.telephone("tanaka", answer=False) as slow,
        desk.telephone("suzuki", answer=False, speak=desk.voice(AGENTS_VOICE)) as quick,
        desk.telephone(speak=desk.voice()) as caller,
    ):
        await caller.dial(OPEN)
        await slow.wait_for("CALL_INCOMING")
        await quick.wait_for("CALL_INCOMING")
        await quick.accept()
        await slow.wait_for("CALL_CLOSED")
        await until(lambda: AGENTS_VOICE in heard(caller.heard_now()))
        await caller.say(desk.voice())
        await until(lambda: VOICE in heard(quick.heard_now()))
        await quick.hang_up()
        await caller.wait_for("CALL_CLOSED")
    assert heard_in(caller.heard)[0] == TONES["fallback_open"]
    assert desk.no_message()


async def test_open_and_nobody_there(desk: Desk) -> None:
    async with desk.telephone() as caller:
        await leave_message(desk, caller, OPEN)
    assert heard_in(caller.heard) == [TONES["record"], BEEP, TONES["thanks"]]
    assert (await desk.message())[0].cause == "no_agent"


async def test_open_and_refused_by_the_only_agent_there(desk: Desk) -> None:
    async with desk.telephone("tanaka", answer=False) as agent, desk.telephone() as caller:
        leaving = asyncio.create_task(leave_message(desk, caller, OPEN))
        await agent.wait_for("CALL_INCOMING")
        await agent.hang_up()
        await leaving
    assert heard_in(caller.heard)[0] == TONES["fallback_open"]
    assert heard_in(caller.heard)[-3:] == [TONES["record"], BEEP, TONES["thanks"]]
    assert (await desk.message())[0].cause == "no_answer"


async def test_open_and_the_only_agent_talks_already(desk: Desk) -> None:
    async with (
        desk.telephone("tanaka") as agent,
        desk.telephone() as first,
        desk.telephone() as second,
    ):
        await first.dial(OPEN)
        await agent.wait_for("CALL_ESTABLISHED")
        await leave_message(desk, second, OPEN)
        assert first.events[-1]["type"] != "CALL_CLOSED"
    assert (await desk.message())[0].cause == "busy"


def bare(desk: Desk) -> list[Path]:
    return [path for path in desk.messages.glob("*_*.wav")]


async def test_with_the_virtual_environment_gone_a_neutral_prompt_and_a_recording(desk: Desk) -> None:
    await desk.publish(python=desk.base / "renamed/bin/python")
    _tone(last_resort(desk.bundle) / "record.wav", LAST_RESORT, 0.6)
    await _left_to_the_last_resort(desk)


async def test_with_a_bundle_half_gone_a_neutral_prompt_and_a_recording(desk: Desk) -> None:
    (desk.bundle / "lines/closed.json").write_text('{"open": [')
    await _left_to_the_last_resort(desk)


async def test_with_no_bundle_a_neutral_prompt_and_a_recording(desk: Desk) -> None:
    desk.bundle.unlink()
    await _left_to_the_last_resort(desk)


async def _left_to_the_last_resort(desk: Desk) -> None:
    began = int(time.time())
    async with desk.telephone() as caller:
        await caller.dial(CLOSED)
        await until(lambda: LAST_RESORT in heard(caller.heard_now()))
        await until(lambda: bare(desk))
        await caller.say(desk.voice())
        await until(lambda: VOICE in heard_in(bare(desk)[0]))
        await caller.press("#")
        await caller.wait_for("CALL_CLOSED")
    assert heard_in(caller.heard)[0] == LAST_RESORT
    assert heard_in(caller.heard)[-1] == TONES["thanks"]
    (recording,) = bare(desk)
    epoch, dialled, number, _ = recording.stem.split("_", 3)
    assert began <= int(epoch) <= time.time()
    assert (dialled, number) == (CLOSED, "09012345678")
    assert desk.no_message()
    recording.unlink()


# -- an engine that dies in the middle ----------------------------------------------------

# Takes every call and plays the menu, or records with an intent, as argv says; beats.
ENGINE = """
import asyncio, json, os, pathlib, sys
from datetime import UTC, datetime
from ivr import settings
from ivr.asterisk.ari import Ari
from ivr.asterisk.conf import ari_passwords
from ivr.heartbeat import beat
from ivr.messages.sidecar import Facts, Sidecar, new_id
base, does = pathlib.Path(sys.argv[1]), sys.argv[2]
ours = settings.load()
ari = Ari(ours.ari, "ivr-1", "ivr-engine", ari_passwords(ours.asterisk_base).engine)
kept = []
def on(event):
    if event["type"] == "CallBroadcast":
        asyncio.ensure_future(ari.send("POST", f"events/claim?channelId={event['channel']['id']}&application=ivr-1"))
    elif event["type"] == "StasisStart" and not event["args"][:1] == ["agent"]:
        asyncio.ensure_future(serve(event["channel"]["id"]))
async def serve(id):
    await ari.http("POST", f"channels/{id}/answer")
    if does == "menu":
        await ari.http("POST", f"channels/{id}/play/{id}-p3", {"media": f"sound:{base}/menu"})
    elif does == "talk":
        body = {"endpoint": "PJSIP/tanaka", "app": "ivr-1", "appArgs": "agent", "channelId": f"{id}-a-tanaka"}
        await ari.http("POST", "channels", body)
        while (await ari.http("GET", f"channels/{id}-a-tanaka"))["state"] != "Up":
            await asyncio.sleep(0.05)
        await ari.http("POST", f"bridges/{id}-b", {"type": "mixing"})
        await asyncio.sleep(0.2)
        await ari.http("POST", f"bridges/{id}-b/addChannel", {"channel": [id, f"{id}-a-tanaka"]})
    else:
        now = datetime.now(UTC)
        mine = new_id(now)
        facts = Facts(mine, "closed", "closed", None, "engine", now, call_id=id, takes=(f"{mine}.wav",))
        kept.append(Sidecar.create(ours.messages, facts))
        body = {"name": f"messages/{mine}", "format": "wav", "maxSilenceSeconds": 10, "terminateOn": "#"}
        await ari.http("POST", f"channels/{id}/record", body)
    (base / "taken").write_text(id)
async def main():
    (base / "engine.pid").write_text(str(os.getpid()))
    await asyncio.gather(ari.run(on), beat("engine"))
asyncio.run(main())
"""

GUARD = """
import asyncio, pathlib, sys
from ivr import guard, logs, settings
logs.set_up("guard")
base = pathlib.Path(sys.argv[1])
asyncio.run(guard.run(settings.load(), {"engine": [sys.executable, str(base / "engine.py"), *sys.argv[1:]]},
    asterisk=False, before=["true"], ready=(base / "ready").touch))
"""


@asynccontextmanager
async def guarded(desk: Desk, does: str) -> AsyncIterator[Callable[[], int]]:
    """A guard with an engine that does one thing; gives the pid of the present engine."""
    (desk.base / "engine.py").write_text(ENGINE)
    for name in ("ready", "taken", "engine.pid"):
        (desk.base / name).unlink(missing_ok=True)
    ours = {"IVR_DATA": str(desk.base), "IVR_ARI": desk.asterisk.settings.ari}
    with (desk.base / "guard.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", GUARD, str(desk.base), does), env={**os.environ, **ours}, stderr=log
        )
    try:
        await until((desk.base / "ready").exists)
        async with asyncio.timeout(60):
            while "ivr-1" not in await desk.asterisk.cli("ari show apps"):
                pass
        yield lambda: int((desk.base / "engine.pid").read_text())
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 60)


async def test_a_frozen_engines_caller_is_in_the_fallback_within_four_seconds(desk: Desk) -> None:
    async with guarded(desk, "menu") as engine, desk.telephone() as caller:
        await caller.dial(CLOSED)
        await until(lambda: MENU in heard(caller.heard_now()))
        frozen = engine()
        os.kill(frozen, signal.SIGSTOP)
        began = time.monotonic()
        await until(lambda: TONES["fallback_closed"] in heard(caller.heard_now()))
        # The tone was on for 0.2 s before `heard` took it for one.
        assert time.monotonic() - began < 4.0 + 10.0, "an idle machine needs less than 4.5 s"
        await until(lambda: engine() != frozen)
        await until(lambda: BEEP in heard(caller.heard_now()))
        await caller.hang_up()
    assert heard_in(caller.heard) == [MENU, TONES["fallback_closed"], BEEP]
    assert (await desk.message())[0].cause == "closed"


async def test_a_dead_engines_caller_who_leaves_a_message_finishes_it(desk: Desk) -> None:
    async with guarded(desk, "record") as engine, desk.telephone(speak=desk.voice()) as caller:
        await caller.dial(CLOSED)
        await until((desk.base / "taken").exists)
        await until(lambda: any(VOICE in heard_in(path) for path in desk.messages.glob("*.wav")))
        dead = engine()
        os.kill(dead, signal.SIGKILL)
        await until(lambda: engine() != dead)
        await caller.press("#")
        await caller.wait_for("CALL_CLOSED")
    assert heard_in(caller.heard) == [TONES["thanks"]]
    (path,) = desk.messages.glob("*.json")
    sidecar = Sidecar.open(path)
    assert sidecar is not None, "the dead engine's lock is gone, so the reconciler adopts it"
    sidecar.remove()
    assert heard_in(desk.messages / sidecar.facts.takes[0]) == [VOICE]


async def test_a_dead_engine_cuts_no_talk_and_the_talk_ends_for_both(desk: Desk) -> None:
    async with (
        guarded(desk, "talk") as engine,
        desk.telephone("tanaka", speak=desk.voice(AGENTS_VOICE)) as agent,
        desk.telephone() as caller,
    ):
        await caller.dial(CLOSED)
        await until((desk.base / "taken").exists)
        await agent.wait_for("CALL_ESTABLISHED")
        dead = engine()
        os.kill(dead, signal.SIGKILL)
        await until(lambda: engine() != dead)
        await caller.say(desk.voice())
        await until(lambda: VOICE in heard(agent.heard_now()))
        await agent.hang_up()
        await caller.wait_for("CALL_CLOSED")
        async with asyncio.timeout(60):
            while "-b " in await desk.asterisk.cli("bridge show all"):
                pass
    assert heard_in(caller.heard) in ([], [AGENTS_VOICE])
    assert desk.no_message()
