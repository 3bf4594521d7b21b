"""Who asks, and over what, when a reverse proxy stands before us: only one that the operator named is believed."""

import ipaddress
from collections.abc import Awaitable, Callable

from aiohttp import web

from ivr.settings import Network
from ivr.web.keys import SETTINGS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def seen_through(request: web.Request, handler: Handler) -> web.StreamResponse:
    """`request.remote` and `request.scheme` are those of the browser from here on."""
    proxies = request.app[SETTINGS].proxies
    if not _is_one(request.remote or "", proxies):
        return await handler(request)
    passed = [one.strip() for one in request.headers.get("X-Forwarded-For", "").split(",")]
    # From the right: what stands before the first stranger, he wrote himself.
    stranger = next((one for one in reversed(passed) if one and not _is_one(one, proxies)), request.remote)
    scheme = request.headers.get("X-Forwarded-Proto", "").strip().lower()
    secure = "https" if scheme == "https" else request.scheme
    return await handler(request.clone(remote=stranger or "", scheme=secure))


def _is_one(address: str, proxies: tuple[Network, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in proxies)
