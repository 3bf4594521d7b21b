"""A notice as a POST: signed JSON for programs, text for Slack and what takes the same."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime

import aiohttp

from ivr.errors import DeliveryFailed

WHOLE = 10.0  # seconds
_LATER = frozenset({408, 425, 429})  # refusals for the moment among the 4xx
_SHOWN = 200  # bytes of the answer that are kept


def signed(body: bytes, secret: str, key: str, at: datetime) -> dict[str, str]:
    """The headers of a webhook; the signature is over the time, a dot and the body."""
    timestamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {
        "Idempotency-Key": key,
        "X-IVR-Timestamp": timestamp,
        "X-IVR-Signature": f"sha256={digest}",
    }


def to_bytes(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


async def post(url: str, body: bytes, headers: Mapping[str, str]) -> str:
    """The answer. DeliveryFailed says whether it may arrive later, or may have arrived already.

    A redirect is not followed: where it leads is no place that the operator named.
    """
    all_headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "ivr", **headers}
    timeout = aiohttp.ClientTimeout(total=WHOLE, connect=WHOLE / 2)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=body, headers=all_headers, allow_redirects=False) as answer,
        ):
            said = (
                f"HTTP {answer.status} {(await answer.content.read(_SHOWN)).decode(errors='replace')}".strip()
            )
            status = answer.status
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise DeliveryFailed(f"接続できません：{type(error).__name__}") from error
    except aiohttp.InvalidURL as error:
        raise DeliveryFailed("URLが正しくありません（IVR_NOTICES）", retryable=False) from error
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise DeliveryFailed(f"応答がありません：{type(error).__name__}", unsure=True) from error
    if 200 <= status < 300:
        return said
    raise DeliveryFailed(said, retryable=status >= 500 or status in _LATER)
