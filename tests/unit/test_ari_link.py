"""The link to Asterisk against a server that fails as Asterisk may."""

import asyncio

from aiohttp import web

from ivr.asterisk.ari import Ari
from ivr.settings import Address

DEADLINE = 60.0  # seconds


async def test_a_link_that_could_not_be_set_up_is_made_again() -> None:
    """Its event filter or the look at what was missed: without them the engine waits for what never comes."""
    links, set_up = 0, asyncio.Event()

    async def events(request: web.Request) -> web.WebSocketResponse:
        nonlocal links
        links += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    async def anything(request: web.Request) -> web.Response:
        refused = "eventFilter" in request.path and links == 1
        return web.Response(status=500 if refused else 204)

    async def on_link() -> None:
        set_up.set()

    app = web.Application()
    app.router.add_get("/ari/events", events)
    app.router.add_route("*", "/ari/{rest:.*}", anything)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    ari = Ari(Address(host, port), "ivr-1", "engine", "secret")
    ari.on_link = on_link
    linked = asyncio.create_task(ari.run(lambda _: None))
    try:
        async with asyncio.timeout(DEADLINE):
            await set_up.wait()
        assert links == 2
    finally:
        linked.cancel()
        await asyncio.gather(linked, return_exceptions=True)
        await runner.cleanup()
