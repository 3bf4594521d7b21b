"""A transcriber that listens as it is told to: the engine's side of `GET /v1/listen`, without audio."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from ivr.settings import Address

WHERE = "6f7d1c52-0f3c-4c0e-9d4e-0a4e1a7f2b11@127.0.0.1:4573"
Phrase = Sequence[tuple[str, float]]  # words, each with its confidence


class FakeListener:
    """`answer`: what "end" brings; None: nothing, as from one that is frozen. `fault`: see `_listen`."""

    def __init__(
        self, *, seconds: float = 0.0, answer: str | None = "", fault: str = "", lacks: Sequence[str] = ()
    ) -> None:
        self.asked: list[dict[str, Any]] = []
        self.orders: list[str] = []
        self.keys: list[str] = []  # that were shown
        self._answer = answer
        self._seconds = seconds
        self._fault = fault
        self._lacks = list(lacks)
        self._sockets: list[web.WebSocketResponse] = []
        self.address = Address("127.0.0.1", 1)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeListener"]:
        app = web.Application()
        app.router.add_get("/v1/listen", self._listen)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.address = Address("127.0.0.1", runner.addresses[0][1])
            yield self
        finally:
            await runner.cleanup()

    async def understand(self, *phrase: tuple[str, float]) -> None:
        """Tells everybody who listens what was said."""
        words = [{"word": word, "conf": conf, "start": 0.5, "end": 0.9} for word, conf in phrase]
        for socket in self._sockets:
            await socket.send_json({"phrase": words})

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        self.keys.append(request.headers.get("Authorization", ""))
        if self._fault == "busy":
            return web.json_response({"error": "busy"}, status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.asked.append(await socket.receive_json())
        if self._fault == "says nothing":
            await asyncio.Event().wait()
        if self._fault == "no model":
            await socket.send_json({"error": "no_model", "detail": "bring one", "retryable": True})
            return socket
        uuid, _, address = WHERE.partition("@")
        about = {"model": "m", "trial": True, "lacks": self._lacks}
        await socket.send_json({"uuid": uuid, "address": address, **about})
        self._sockets.append(socket)
        async for message in socket:
            order = message.json()["do"]
            self.orders.append(order)
            if self._fault == f"dies at {order}":
                break
            await self._obey(socket, order)
        self._sockets.remove(socket)
        return socket

    async def _obey(self, socket: web.WebSocketResponse, order: str) -> None:
        if order != "end":
            await socket.send_json({"did": order})
        elif self._answer is not None:
            word = {"word": self._answer, "start": 0.2, "end": 0.8, "conf": 1.0}
            about = {
                "text": self._answer,
                "words": [word] if self._answer else [],
                "model": "m",
                "trial": True,
            }
            await socket.send_json({**about, "sample_rate": 8000, "duration": self._seconds})
