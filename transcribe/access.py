"""Who may ask: on loopback anybody, elsewhere whoever has the key."""

import argparse
import hmac
import ipaddress

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from transcribe.protocol import Failure

KEY = "IVR_TRANSCRIBER_KEY"  # the environment variable: a command line is read by everybody on the machine
SHORTEST_KEY = 16


def address(value: str) -> tuple[str, int]:
    """For argparse: an IP address of this machine and a port."""
    host, _, port = value.rpartition(":")
    try:
        if str(ipaddress.ip_address(host.strip("[]"))) and 0 <= int(port) < 65536:
            return host.strip("[]"), int(port)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{value!r} is no IP address and port, such as 127.0.0.1:8091")


def needs_key(host: str) -> bool:
    return not ipaddress.ip_address(host).is_loopback


def demand(key: str) -> Middleware:
    """A middleware; without a key everybody may ask. Whoever does may have any recording read."""

    @web.middleware
    async def demand(request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        told = given.strip().encode("utf-8", "surrogateescape")
        right = scheme.lower() == "bearer" and hmac.compare_digest(told, key.encode())
        if key and not right:
            raise Failure("unauthorized", f'send "Authorization: Bearer KEY", the key that {KEY} holds here')
        return await handler(request)

    return demand
