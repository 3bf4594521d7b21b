"""The link to one Asterisk: events in, requests out, one websocket, reconnected for ever.

Requests go over the websocket (half the CPU of HTTP) save those that Asterisk answers only
when the channel's present playback is over: on the websocket such a request would hold up
every other call (facts: REST on the websocket runs one request at a time), so they go by HTTP.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from ivr.errors import AsteriskError
from ivr.settings import Address

log = logging.getLogger("ivr.asterisk.ari")

Json = dict[str, Any]
Handler = Callable[[Json], None]

# What the engine listens to; everything else never leaves Asterisk. RESTResponse is filtered too.
EVENTS = (
    "ApplicationReplaced",
    "CallBroadcast",
    "ChannelDestroyed",
    "ChannelDtmfReceived",
    "ChannelHangupRequest",
    "PlaybackFinished",
    "RESTResponse",
    "RecordingFailed",
    "RecordingFinished",
    "RecordingStarted",
    "StasisEnd",
    "StasisStart",
)
NEEDED = {
    "res_stasis_recording.so": "recording by ARI: no voicemail",
}
RECONNECT = (0.05, 2.0)  # seconds between tries: first, longest
LINK_PATIENCE = 2.0  # seconds that a request waits for a link that broke
LINK_BROKE = 503  # status of a request whose answer was lost: it may have been carried out
REQUEST_LIMIT = 10.0  # seconds for one answer; Asterisk takes about a millisecond


class AriRefused(AsteriskError):
    """Asterisk refused a request; `status` is HTTP's. 404 on a channel: it hung up."""

    def __init__(self, status: int, request: str, detail: str) -> None:
        super().__init__(f"{request}: {status} {detail}")
        self.status = status


class Ari:
    def __init__(
        self,
        address: Address,
        app: str,
        user: str,
        password: str,
        still_ours: Callable[[], None] = lambda: None,
    ) -> None:
        """`still_ours` is called before each request: an engine that was frozen leaves there and then."""
        self.app = app
        self.connected = False
        self.on_link: Callable[[], Awaitable[None]] | None = None  # after each (re)connect: events were lost
        self._linked = asyncio.Event()
        self._base = f"http://{address}/ari/"
        self._still_ours = still_ours
        self._login = {"Authorization": aiohttp.encode_basic_auth(user, password)}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._http: aiohttp.ClientSession | None = None
        self._handlers: dict[str, Handler] = {}
        self._answers: dict[str, Callable[[int, str], None]] = {}
        self._count = 0

    # -- events ---------------------------------------------------------------------------

    def listen(self, id: str, handler: Handler) -> None:
        """Events about the channel, playback or recording `id` (chosen by us, before it exists)."""
        self._handlers[id] = handler

    def forget(self, id: str) -> None:
        self._handlers.pop(id, None)

    async def run(self, unclaimed: Handler) -> None:
        """Keeps the link up until cancelled. `unclaimed` gets events about nothing listened to."""
        pause, told = RECONNECT[0], ""
        async with aiohttp.ClientSession(headers=self._login) as self._http:
            while True:
                try:
                    await self._session(unclaimed)
                    pause, told = RECONNECT[0], ""
                except (aiohttp.ClientError, AsteriskError, OSError, TimeoutError) as error:
                    why = str(error) or repr(error)
                    if why != told:  # not each of the attempts, which may go on for days
                        log.warning("no link to Asterisk", extra={"error": why})
                    told = why
                finally:
                    self._drop_link()
                await asyncio.sleep(pause)
                pause = min(pause * 2, RECONNECT[1])

    async def _session(self, unclaimed: Handler) -> None:
        assert self._http is not None
        url = f"{self._base}events?app={self.app}&subscribeAll=false"
        async with self._http.ws_connect(url, heartbeat=5.0, max_msg_size=0, compress=0) as socket:
            self._socket = socket
            self.connected = True
            self._linked.set()
            setup = asyncio.create_task(self._set_up(socket), name="ari-set-up")
            try:
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        self._dispatch(json.loads(message.data), unclaimed)
            finally:
                setup.cancel()
                failure = (await asyncio.gather(setup, return_exceptions=True))[0]
            if isinstance(failure, Exception):
                raise failure

    async def _set_up(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """A link of which something was missed is worth nothing: when this fails, it is made again."""
        try:
            allowed = {"allowed": [{"type": event} for event in EVENTS]}
            await self.http("PUT", f"applications/{self.app}/eventFilter", body=allowed)
            log.info("linked to Asterisk", extra={"app": self.app})
            await self._probe()
            if self.on_link is not None:
                await self.on_link()
        except Exception:
            await socket.close()
            raise

    async def _probe(self) -> None:
        """Says at once what this Asterisk lacks, not when the first call comes."""
        for module, lacks in NEEDED.items():
            try:
                await self.http("GET", f"asterisk/modules/{module}")
            except AriRefused as error:
                log.error("this Asterisk lacks a module", extra={"needed": lacks, "error": str(error)})

    def _drop_link(self) -> None:
        self._socket = None
        self.connected = False
        self._linked.clear()
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            answer(LINK_BROKE, "the link to Asterisk broke")

    def _dispatch(self, event: Json, unclaimed: Handler) -> None:
        kind = event["type"]
        if kind == "RESTResponse":
            answer = self._answers.pop(event["request_id"], None)
            if answer is not None:
                answer(event["status_code"], event.get("message_body") or "")
            return
        handler = self._handlers.get(_subject(event), unclaimed)
        try:
            handler(event)
        except Exception:  # one call's mistake must not deafen all the others
            log.exception("an event was not handled", extra={"event": kind})

    # -- requests -------------------------------------------------------------------------

    async def send(
        self,
        method: str,
        uri: str,
        body: Json | None = None,
        answer: Callable[[int, str], None] | None = None,
    ) -> None:
        """Sends a request that Asterisk answers at once; `answer` gets status and body later.

        Requests are carried out in the order in which they are sent.
        """
        self._still_ours()
        if self._socket is None:
            socket = await self._wait_for_link()
        else:
            socket = self._socket
        self._count += 1
        id = str(self._count)
        request: Json = {"type": "RESTRequest", "request_id": id, "method": method, "uri": uri}
        if body is not None:
            request["content_type"] = "application/json"
            request["message_body"] = json.dumps(body)
        if answer is not None:
            self._answers[id] = answer
        try:
            await socket.send_str(json.dumps(request))
        except (aiohttp.ClientError, OSError) as error:
            self._answers.pop(id, None)
            raise AsteriskError(f"the link to Asterisk broke: {error!r}") from error

    async def _wait_for_link(self) -> aiohttp.ClientWebSocketResponse:
        """A link that breaks is back in a moment, and no caller need notice."""
        try:
            async with asyncio.timeout(LINK_PATIENCE):
                await self._linked.wait()
        except TimeoutError:
            raise AsteriskError("there is no link to Asterisk") from None
        if self._socket is None:
            raise AsteriskError("there is no link to Asterisk")
        return self._socket

    async def http(self, method: str, uri: str, body: Json | None = None) -> Any:
        """For requests that may wait for the channel: answer in a playback, variables, bridges."""
        content = await self._request(method, uri, body)
        return json.loads(content) if content else None

    async def fetch(self, uri: str) -> bytes:
        """What is no JSON: a recording."""
        return await self._request("GET", uri, None)

    async def _request(self, method: str, uri: str, body: Json | None) -> bytes:
        self._still_ours()
        if self._http is None:
            raise AsteriskError("there is no link to Asterisk")
        timeout = aiohttp.ClientTimeout(total=REQUEST_LIMIT)
        try:
            async with self._http.request(method, self._base + uri, json=body, timeout=timeout) as response:
                content = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AsteriskError(f"Asterisk does not answer: {str(error) or repr(error)}") from error
        if response.status >= 400:
            raise AriRefused(response.status, f"{method} {uri}", content.decode("utf-8", "replace"))
        return content


def _subject(event: Json) -> str:
    """The id of what an event is about; "" when it is about nothing we could listen to."""
    if "playback" in event:
        id: str = event["playback"]["id"]
    elif "recording" in event:
        id = event["recording"]["name"]
    elif "channel" in event:
        id = event["channel"]["id"]
    else:
        id = ""
    return id
