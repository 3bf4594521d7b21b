"""The least that an ARI application can be: no store, no state, no menu. The bound of what `ivr` can reach.

`python -m bench.bare_ari HOST:PORT PASSWORD FIRST SECOND` plays the sound FIRST to each caller and SECOND after a
key, then hangs up. uvloop, REST on the websocket and an event filter: the fastest of the ways that were tried.
"""

import json
import sys
from typing import Any

import aiohttp
import uvloop

APP = "bench-bare"
EVENTS = ("StasisStart", "ChannelDtmfReceived", "PlaybackFinished")


async def serve(address: str, password: str, first: str, second: str) -> None:
    base = f"http://{address}/ari/"
    headers = {"Authorization": aiohttp.encode_basic_auth("ivr-engine", password)}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(f"{base}events?app={APP}", compress=0, max_msg_size=0) as socket,
    ):
        allowed = {"allowed": [{"type": event} for event in EVENTS]}
        async with http.put(f"{base}applications/{APP}/eventFilter", json=allowed) as response:
            response.raise_for_status()

        async def send(method: str, uri: str) -> None:
            request = {"type": "RESTRequest", "request_id": "", "method": method, "uri": uri}
            await socket.send_str(json.dumps(request))

        async for message in socket:
            event: dict[str, Any] = json.loads(message.data)
            match event["type"]:
                case "StasisStart":
                    channel = event["channel"]["id"]
                    await send("POST", f"channels/{channel}/answer")
                    await send("POST", f"channels/{channel}/play/{channel}-1?media=sound:{first}")
                case "ChannelDtmfReceived":
                    channel = event["channel"]["id"]
                    await send("POST", f"channels/{channel}/play/{channel}-2?media=sound:{second}")
                case "PlaybackFinished":
                    playback = event["playback"]["id"]
                    if playback.endswith("-2"):
                        await send("DELETE", f"channels/{playback.removesuffix('-2')}")


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
