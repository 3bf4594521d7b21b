"""A real receiver of webhooks (aiohttp) that checks the signature as a customer's would, and answers as it is told."""

import asyncio
import hmac
import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiohttp import web

SECRET = "sixteen characters, or more"


@dataclass
class Received:
    key: str | None
    signed: bool
    told: dict[str, Any]


@dataclass
class WebHook:
    """`answers`: statuses of the next answers, then 200; `slow`: seconds before each answer."""

    answers: list[int] = field(default_factory=list)
    slow: float = 0.0
    received: list[Received] = field(default_factory=list)
    elsewhere: int = 0
    port: int = 0

    async def __aenter__(self) -> "WebHook":
        app = web.Application()
        app.add_routes([web.post("/ivr", self._take), web.post("/elsewhere", self._elsewhere)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ivr"

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        timestamp = request.headers.get("X-IVR-Timestamp", "")
        digest = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, "sha256").hexdigest()
        signed = hmac.compare_digest(request.headers.get("X-IVR-Signature", ""), f"sha256={digest}")
        self.received.append(Received(request.headers.get("Idempotency-Key"), signed, json.loads(body)))
        if self.slow:
            await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=self.slow)
        status = self.answers.pop(0) if self.answers else 200
        headers = {"Location": "/elsewhere"} if 300 <= status < 400 else {}
        return web.Response(status=status, headers=headers, text="said")

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.elsewhere += 1
        return web.Response()
