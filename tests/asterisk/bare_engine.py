"""The least that takes calls by ARI: for what the configuration of Asterisk does alone."""

from typing import Any, Self

import aiohttp

from ivr.asterisk.private import PrivateAsterisk


class BareEngine:
    """The least that takes a call by ARI."""

    def __init__(self, asterisk: PrivateAsterisk) -> None:
        self._url = f"http://{asterisk.settings.ari}/ari"
        self._key = {"api_key": f"ivr-engine:{asterisk.passwords.engine}"}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        self._events = await self._session.ws_connect(
            f"{self._url}/events", params={"app": "ivr-9", **self._key}
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._events.close()
        await self._session.close()

    async def take(self) -> dict[str, Any]:
        """Claim the next call; its StasisStart."""
        channel = (await self.event("CallBroadcast"))["channel"]["id"]
        await self.request("POST", "events/claim", {"channelId": channel, "application": "ivr-9"})
        return await self.event("StasisStart")

    async def event(self, kind: str, patience: float = 60) -> dict[str, Any]:
        """The next one of that kind; `patience`: seconds for each event before it."""
        while True:
            event: dict[str, Any] = await self._events.receive_json(timeout=patience)
            if event["type"] == kind:
                return event

    async def request(self, method: str, path: str, params: dict[str, str] | None = None) -> Any:
        async with self._session.request(
            method, f"{self._url}/{path}", params={**(params or {}), **self._key}
        ) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json() if "json" in reply.content_type else None
