"""A small Asterisk behind the interface of ivr/asterisk/ari.py, in virtual time.

It knows channels, playbacks, music, bridges and recordings, and answers as the real one does: a request
about something that is gone is refused, a channel that is hung up leaves its bridge and sends StasisEnd.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ivr.asterisk.ari import AriRefused, Handler, Json
from ivr.asterisk.caller import AriCall, Sound, Sounds
from ivr.asterisk.outgoing import Outgoing
from ivr.asterisk.ways import Ways
from ivr.outside import Outside

LATENCY = 0.001  # seconds, each way
SILENCE = Sound(Path("silence"), 1.0)
SOUNDS = Sounds(  # each text is its own file
    of=lambda text: Sound(Path(text), 1.0), neutral=lambda: SILENCE, beep=SILENCE, taken=lambda: SILENCE
)


def outgoing(ari: "FakeAri", outside: Outside, calls: list[AriCall]) -> Outgoing:
    """`calls`: those that are made, as long as they last."""

    async def over(call: AriCall) -> None:
        await call.aclose()
        calls.remove(call)

    ways = Ways(ari, outside)  # type: ignore[arg-type]
    return Outgoing(ari, SOUNDS, Path("/recordings"), ways, calls.append, over)  # type: ignore[arg-type]


class FakeAri:
    def __init__(self) -> None:
        self.app = "ivr-1"
        self.connected = True
        self.on_link: Callable[[], Awaitable[None]] | None = None
        self.unclaimed: Handler = lambda _: None
        self.channels: set[str] = set()  # in our application, or ringing
        self.music: set[str] = set()
        self.tones: set[str] = set()  # channels that hear it ring
        self.played: list[str] = []
        self.missing: set[str] = set()  # media without a file
        self.bridges: dict[str, list[str]] = {}
        self.said: list[str] = []  # to all in a bridge
        self.limits: dict[str, int] = {}  # channel -> seconds after which Asterisk hangs up
        self.handed_over: list[str] = []
        self.claimed: list[str] = []
        self.contexts: list[str] = []  # where to
        self.recordings: set[str] = set()  # that run
        self.rung: list[str] = []  # ids of the channels of agents and outside
        self.dialled: list[str] = []  # endpoints
        self.callers_seen: list[str] = []  # by those who are rung
        self.unknown: set[str] = set()  # endpoints that cannot be rung
        self.endpoints: dict[str, str] = {}  # of channels, where they are known
        self.listening: dict[str, str] = {}  # snoop channel -> where it was sent to bring the audio
        self.deaf = False  # a module for listening is missing
        self.playback = 1.0  # seconds of each
        self._handlers: dict[str, Handler] = {}
        self._playbacks: dict[str, str] = {}  # id -> channel

    # -- what the engine uses -------------------------------------------------------------

    def listen(self, id: str, handler: Handler) -> None:
        self._handlers[id] = handler

    def forget(self, id: str) -> None:
        self._handlers.pop(id, None)

    async def run(self, unclaimed: Handler) -> None:
        self.unclaimed = unclaimed
        await asyncio.Event().wait()

    async def send(
        self,
        method: str,
        uri: str,
        body: Json | None = None,
        answer: Callable[[int, str], None] | None = None,
    ) -> None:
        def carry_out() -> None:
            status = self._carry_out(method, uri, body)[0]
            if answer is not None:
                answer(status, "")

        asyncio.get_running_loop().call_later(LATENCY, carry_out)

    async def http(self, method: str, uri: str, body: Json | None = None) -> Any:
        await asyncio.sleep(LATENCY)
        status, found = self._carry_out(method, uri, body)
        await asyncio.sleep(LATENCY)
        if status >= 400:
            raise AriRefused(status, f"{method} {uri}", "")
        return found

    # -- what people do -------------------------------------------------------------------

    def is_offered(self, channel: str, dialled: str, number: str) -> None:
        """A call that whoever claims it has."""
        about = {"id": channel, "caller": {"number": number, "name": ""}, "dialplan": {"exten": dialled}}
        self._emit("", {"type": "CallBroadcast", "channel": about})

    def comes(self, channel: str, *arguments: str) -> None:
        """A call, or an agent's telephone that answers, enters the application."""
        self.channels.add(channel)
        about = {"id": channel, "caller": {"number": "09012345678", "name": ""}, "dialplan": {"exten": "s"}}
        self._emit(channel, {"type": "StasisStart", "channel": about, "args": list(arguments)})

    def leaves(self, channel: str) -> None:
        """Hangs up. Asterisk knows at once, the engine hears of it a moment later."""
        if channel in self.channels:
            self.channels.discard(channel)
            self.music.discard(channel)
            for bridged in self.bridges.values():
                if channel in bridged:
                    bridged.remove(channel)
            loop = asyncio.get_running_loop()
            for snoop in [id for id in self.listening if channel in (id, id.partition("-a-")[0])]:
                del self.listening[snoop]
                self.channels.discard(snoop)
            for kind in ("ChannelHangupRequest", "StasisEnd"):
                event = {"type": kind, "channel": {"id": channel}}
                loop.call_later(3 * LATENCY, self._emit, channel, event)

    def presses(self, channel: str, key: str) -> None:
        event = {"type": "ChannelDtmfReceived", "digit": key, "duration_ms": 100}
        self._emit(
            channel, {**event, "timestamp": "2026-11-24T11:00:00.000+0900", "channel": {"id": channel}}
        )

    def is_not_answered(self, channel: str, cause: int, status: int = 0) -> None:
        """A telephone that rang, or was tried to: Q.850 says why nobody talks there, and SIP's status."""
        self.channels.discard(channel)
        event = {"type": "ChannelDestroyed", "channel": {"id": channel}, "cause": cause}
        self._emit(channel, {**event, "tech_cause": status} if status else event)

    def ends(self, recording: str, lasted: float | None = None) -> None:
        """`lasted`: seconds by Asterisk's clock; None: events are lost."""
        self.recordings.discard(recording)
        about: Json = {"recording": {"name": recording}}
        if lasted is not None:
            begin = datetime.fromisoformat("2026-11-24T11:00:00.000+0900")
            self._emit(recording, {"type": "RecordingStarted", "timestamp": begin.isoformat(), **about})
            about["timestamp"] = (begin + timedelta(seconds=lasted)).isoformat()
        self._emit(recording, {"type": "RecordingFinished", **about})

    # -- inside ---------------------------------------------------------------------------

    def _emit(self, subject: str, event: Json) -> None:
        self._handlers.get(subject, self.unclaimed)(event)

    def _carry_out(self, method: str, uri: str, body: Json | None) -> tuple[int, Any]:
        match method, *uri.split("?")[0].split("/"):
            case "GET", "channels":
                return 200, [
                    {"id": id, "name": f"{self.endpoints.get(id, '')}-00000001"} for id in self.channels
                ]
            case "POST", "channels":
                return self._ring(body or {})
            case "POST", "events", "claim":
                self.claimed.append(uri.partition("channelId=")[2].partition("&")[0])
            case _, "channels", channel, *_ if channel not in self.channels:
                return 404, None
            case "DELETE", "channels", channel:
                self.leaves(channel)
            case "POST", "channels", channel, "play", id:
                self._play(channel, id, body or {})
            case "POST", "channels", channel, "moh":
                self.music.add(channel)
            case "DELETE", "channels", channel, "moh":
                self.music.discard(channel)
            case "POST", "channels", channel, "ring":
                self.tones.add(channel)
            case "DELETE", "channels", channel, "ring":
                self.tones.discard(channel)
            case "POST", "channels", _, "snoop", _ if self.deaf:
                return 500, None
            case "POST", "channels", channel, "snoop", snoop:
                assert uri.endswith("?spy=in&app=ivr-1")
                self.listening[snoop] = ""
                self.comes(snoop)
            case "POST", "channels", channel, "continue" if channel in self.listening:
                assert (body or {})["context"] == "ivr-ears"
                self.listening[channel] = (body or {})["extension"]
            case "POST", "channels", channel, "continue":
                self.handed_over.append(channel)
                self.contexts.append((body or {})["context"])
                self.leaves(channel)
            case "POST", "channels", channel, "variable" if body and body["variable"] == "TIMEOUT(absolute)":
                self.limits[channel] = int(body["value"])
            case "POST", "channels", channel, "record":
                self.recordings.add((body or {})["name"])
            case "GET", "recordings", "live", name:
                return (200 if unquote(name) in self.recordings else 404), None
            case "GET", "playbacks", id:
                return (200 if id in self._playbacks else 404), None
            case "DELETE", "playbacks", id:
                self._played(id)
            case "GET", "bridges", id:
                return (200, {"channels": self.bridges[id]}) if id in self.bridges else (404, None)
            case "POST", "bridges", id:
                self.bridges.setdefault(id, [])
            case "POST", "bridges", id, "addChannel":
                wanted = (body or {})["channel"]
                if not set(wanted) <= self.channels:
                    return 400, None
                self.bridges[id] += wanted
            case "POST", "bridges", id, "play":
                self.said += (body or {})["media"] if id in self.bridges else []
            case "DELETE", "bridges", id:
                return (204 if self.bridges.pop(id, None) is not None else 404), None
        return 200, None

    def _ring(self, body: Json) -> tuple[int, Any]:
        self.dialled.append(body["endpoint"])
        if body["channelId"] in self.channels:
            return 409, None
        if body["endpoint"] in self.unknown:
            return 500, None
        self.channels.add(body["channelId"])
        kind, _, rest = body["endpoint"].partition("/")
        self.endpoints[body["channelId"]] = f"{kind}/{rest.rpartition('@')[2]}"
        self.callers_seen.append(body["callerId"])
        self.rung.append(body["channelId"])
        return 200, None

    def _play(self, channel: str, id: str, body: Json) -> None:
        self.played.append(str(body["media"]))
        self._playbacks[id] = channel
        failed = not self.missing.isdisjoint(body["media"])
        loop = asyncio.get_running_loop()
        loop.call_later(
            LATENCY if failed else self.playback, self._played, id, "failed" if failed else "done"
        )

    def _played(self, id: str, state: str = "done") -> None:
        if self._playbacks.pop(id, None) in self.channels:
            self._emit(id, {"type": "PlaybackFinished", "playback": {"id": id, "state": state}})
