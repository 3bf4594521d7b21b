"""A call of ours through a trunk and back to ourselves: is it answered, heard and understood both ways (`ivr trunk test`)?

The call that comes back is told from a caller's by our own number that it shows; the engine was told to leave it to us.
"""

import array
import asyncio
import io
import math
import secrets
import sys
import wave
from contextlib import suppress
from dataclasses import dataclass

from ivr.asterisk import numbers
from ivr.asterisk.ari import Ari, AriRefused, Json
from ivr.asterisk.channel import Channel, quietly
from ivr.asterisk.outgoing import NotReached, explained
from ivr.asterisk.recording import STARTED
from ivr.asterisk.waiting import RING_SLACK
from ivr.call import CallerHungUp
from ivr.outside import Way, national

RING = 30.0  # seconds
COMES_BACK = 5.0  # seconds from the answer until the call must be here
TONE = 1000  # Hz
LISTEN = 2.0  # seconds of it
KEYS = "#12"
KEYS_ARRIVE = 8.0  # seconds
WINDOW = 2000  # samples, a quarter of a second
FAINT = 100  # of 32767: what is weaker is the noise of a line


@dataclass
class Proof:
    """What was found; None: not tried, for something before it failed. Out: from us through the trunk and back in.

    `status`: SIP's, 0 if the carrier gave none. `elsewhere`: the number as it arrived of a call that showed ours and was
    for another one. `somebody`: a call without our number came to the tested one.
    """

    number: str
    shown: str
    refused: NotReached | None = None
    status: int = 0
    answered_after: float | None = None
    arrived: bool = False
    elsewhere: str | None = None
    somebody: bool = False
    caller: str | None = None
    dialled: str | None = None
    codec_out: str | None = None
    codec_in: str | None = None
    audio_out: bool | None = None
    audio_in: bool | None = None
    keys_out: str | None = None
    keys_in: str | None = None
    cut: bool = False


class _Leg(Channel):
    def __init__(self, ari: Ari, id: str) -> None:
        super().__init__(ari, id)
        self.keys = ""

    def on_event(self, event: Json) -> None:
        if event["type"] == "ChannelDtmfReceived":
            self.keys += event["digit"]
        super().on_event(event)


class Proving:
    """`on_event` gets what `ari` hears of channels that nobody listens to. `number`, `shown`: E.164."""

    def __init__(self, ari: Ari, number: str, shown: str) -> None:
        self._ari = ari
        self._id = f"trunk-test-{secrets.token_hex(4)}"
        self._proof = Proof(number, shown)
        self._claimed: str | None = None
        self._back: asyncio.Future[_Leg] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()

    def on_event(self, event: Json) -> None:
        if event["type"] == "CallBroadcast":
            self._offered(event["channel"])
        elif event["type"] == "StasisStart" and event["channel"]["id"] == self._claimed:
            leg = _Leg(self._ari, event["channel"]["id"])
            self._proof.caller = event["channel"]["caller"]["number"]
            self._proof.dialled = event["channel"]["dialplan"]["exten"]
            self._start("POST", f"channels/{leg.id}/answer")
            self._back.set_result(leg)

    def _offered(self, channel: Json) -> None:
        """Of callers nothing is kept but that there was one."""
        ours = numbers.to_e164(channel["caller"]["number"]) == self._proof.shown
        here = numbers.to_e164(channel["dialplan"]["exten"]) == self._proof.number
        if ours and here and self._claimed is None:
            self._claimed = channel["id"]
            self._start("POST", f"events/claim?channelId={channel['id']}&application={self._ari.app}")
        elif ours and not here:
            self._proof.elsewhere = channel["dialplan"]["exten"]
        elif here:
            self._proof.somebody = True

    def _start(self, method: str, uri: str) -> None:
        task = asyncio.get_running_loop().create_task(quietly(self._ari.send(method, uri), "trunk test"))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self, way: Way, ring: float = RING) -> Proof:
        """`ring`: seconds. AsteriskError if Asterisk cannot dial at all."""
        out = _Leg(self._ari, f"{self._id}-out")
        try:
            if await self._rings(out, way, ring):
                with suppress(TimeoutError):
                    back = await asyncio.wait_for(asyncio.shield(self._back), COMES_BACK)
                    self._proof.arrived = True
                    await self._talk(out, back)
        except (CallerHungUp, AriRefused):
            self._proof.cut = True
        finally:
            await out.hang_up()
            out.close()
            if self._back.done():
                await self._back.result().hang_up()
                self._back.result().close()
        return self._proof

    async def _rings(self, out: _Leg, way: Way, ring: float) -> bool:
        began = asyncio.get_running_loop().time()
        body = {
            "endpoint": way.endpoint,
            "app": self._ari.app,
            "channelId": out.id,
            "timeout": max(1, round(ring)),
            "callerId": way.shown,
        }
        try:
            await self._ari.http("POST", "channels", body)
        except AriRefused:
            self._proof.refused = NotReached("failed", "Asterisk にこの外線がありません。")
            return False
        try:
            answered = await out.until(lambda: out.up, ring + RING_SLACK)
        except CallerHungUp:
            answered = False
        lasted = asyncio.get_running_loop().time() - began
        if not answered:
            # Of what rang to the end, Asterisk tells a status (480) that no carrier gave.
            self._proof.status = out.status if lasted < ring - 0.5 else 0
            self._proof.refused = explained(out.cause, self._proof.status)
            return False
        self._proof.answered_after = round(lasted, 1)
        return True

    async def _talk(self, out: _Leg, back: _Leg) -> None:
        proof = self._proof
        proof.codec_out, proof.codec_in = await self._codec(out), await self._codec(back)
        proof.audio_out = await self._heard(out, back)
        proof.audio_in = await self._heard(back, out)
        proof.keys_out = await self._keys(out, back)
        proof.keys_in = await self._keys(back, out)

    async def _codec(self, leg: _Leg) -> str:
        found = await self._ari.http("GET", f"channels/{leg.id}/variable?variable=CHANNEL(audionativeformat)")
        return str(found["value"]).strip("()")

    async def _heard(self, speaks: _Leg, hears: _Leg) -> bool:
        """One channel does one thing at a time: the one plays, the other records."""
        name, playback = f"{self._id}-heard-{secrets.token_hex(2)}", f"{speaks.id}-tone"
        done = asyncio.Event()
        self._ari.listen(name, lambda event: None if event["type"] == STARTED else done.set())
        try:
            order = {"name": name, "format": "wav", "maxDurationSeconds": 30, "ifExists": "overwrite"}
            await self._ari.http("POST", f"channels/{hears.id}/record", order)
            await self._ari.http("POST", f"channels/{speaks.id}/play/{playback}", {"media": f"tone:{TONE}"})
            await asyncio.sleep(LISTEN)
            await quietly(self._ari.http("DELETE", f"playbacks/{playback}"), "tone")
            await self._ari.http("POST", f"recordings/live/{name}/stop")
            async with asyncio.timeout(COMES_BACK):
                await done.wait()
            return has_tone(await self._ari.fetch(f"recordings/stored/{name}/file"))
        except TimeoutError:
            return False
        finally:
            self._ari.forget(name)
            await quietly(self._ari.http("DELETE", f"recordings/stored/{name}"), "recording of a tone")

    async def _keys(self, presses: _Leg, hears: _Leg) -> str:
        """Once more if they did not all arrive: a busy machine loses one, and a trunk that loses keys loses them again."""
        pressed = {"dtmf": KEYS, "before": 200, "between": 200, "duration": 200}
        for _ in range(2):
            hears.keys = ""
            await self._ari.http("POST", f"channels/{presses.id}/dtmf", pressed)
            if await hears.until(lambda: len(hears.keys) >= len(KEYS), KEYS_ARRIVE):
                break
        return hears.keys


def has_tone(file: bytes) -> bool:
    """Whether TONE is the most of half a second of a WAV (mono, 16 bit)."""
    with wave.open(io.BytesIO(file)) as recording:
        rate, samples = recording.getframerate(), array.array("h")
        samples.frombytes(recording.readframes(recording.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    windows = [samples[at : at + WINDOW] for at in range(0, len(samples) - WINDOW + 1, WINDOW)]
    return sum(_share(window, rate) > 0.5 for window in windows) >= 2


def _share(window: "array.array[int]", rate: int) -> float:
    """The part of its energy that is at TONE (Goertzel); 0 if it is as good as silent."""
    energy = sum(sample * sample for sample in window)
    if energy < FAINT * FAINT * len(window):
        return 0.0
    factor = 2 * math.cos(2 * math.pi * TONE / rate)
    last = before = 0.0
    for sample in window:
        last, before = sample + factor * last - before, last
    return (last * last + before * before - factor * last * before) / (energy * len(window) / 2)


@dataclass(frozen=True)
class Finding:
    """`what` is so; `todo`: what to do about it, empty if it is good."""

    ok: bool
    what: str
    todo: str = ""


_REFUSED = {
    "busy": "the trunk needs a second free channel for the call that comes back; some carriers let no number ring "
    "itself: try another of ours by --number",
    "no_answer": "`ivr trunk list` tells whether the carrier is there; does it send calls to this number to us (its "
    "settings, firewall, `match`)?",
    "refused": "the contract bars such calls, or does not know the number that is shown: `numbers`, `from_user`, "
    "`from_domain`",
    "not_in_use": "the carrier wants numbers written in another way: `spelling`",
    "failed": "`ivr trunk list` and the page of this kind of carrier in docs/operator; `user` and password, `host`, "
    "`codecs`, `srtp`; `ivr trunk apply` after a change",
}
_SILENT = "`nat` behind a router; the ports of IVR_RTP open to the carrier's addresses, also to those that its voice comes from"
_KEYS = "`dtmf`: ask the carrier, and try `rfc4733`, `inband`, `info`"


def findings(proof: Proof) -> list[Finding]:
    """In the order of the call."""
    if proof.refused is not None:
        answer = f" (SIP {proof.status})" if proof.status else ""
        what = f"not answered{answer}: {proof.refused.said}"
        return [Finding(False, what, _REFUSED[proof.refused.reason])]
    found = [Finding(True, f"answered after {proof.answered_after} s")]
    if not proof.arrived:
        return [*found, _did_not_arrive(proof)]
    found.append(Finding(True, f"came back as a call of {proof.caller} to {proof.dialled}"))
    if proof.codec_out and proof.codec_in:
        found.append(Finding(True, f"codec: {proof.codec_out} out, {proof.codec_in} in"))
    for way, heard in (("out", proof.audio_out), ("in", proof.audio_in)):
        if heard is not None:
            what = f"audio {way} was {'heard' if heard else 'not heard'}"
            found.append(Finding(heard, what, "" if heard else _SILENT))
    for way, keys in (("out", proof.keys_out), ("in", proof.keys_in)):
        if keys is not None:
            found.append(
                Finding(True, f"keys {way} arrived: {keys}")
                if keys == KEYS
                else Finding(False, f'keys {way}: of "{KEYS}" arrived "{keys}"', _KEYS)
            )
    if proof.cut:
        found.append(Finding(False, "the call was cut in the middle", "`session_timers`, `rtp_timeout`"))
    return found


def _did_not_arrive(proof: Proof) -> Finding:
    number = national(proof.number)
    if proof.elsewhere is not None:
        return Finding(
            False,
            f"it came back for {proof.elsewhere} instead of {number}, and was treated as a caller",
            "`called_number`: where this carrier puts the dialled number",
        )
    if proof.somebody:
        return Finding(
            False,
            f"no call of {national(proof.shown)} came to {number}, but one that shows another number or none: if that "
            "was ours, the line has answered it",
            "`identity`, and what the contract says of the number that is shown (発信者番号通知); then test again",
        )
    return Finding(
        False,
        f"something answered, but no call came in to {number}",
        "the number is not routed to us (着信番号, 転送電話), or its calls come from an address that `match` lacks",
    )
