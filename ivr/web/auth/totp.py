"""Codes of six digits that change every 30 seconds (RFC 6238, SHA-1), and how a telephone takes their secret."""

import base64
import hashlib
import hmac
import secrets
import struct
from binascii import Error as NotBase32
from datetime import datetime
from urllib.parse import quote, urlencode

import segno
from markupsafe import Markup

STEP = 30  # seconds
DIGITS = 6
SLACK = 1  # steps that the clock of a telephone may be off, or somebody types slowly
RECOVERY_CODES = 10


def new_secret() -> str:
    """160 bits, as RFC 4226 recommends, in base32."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def code(secret: str, step: int, digits: int = DIGITS) -> str:
    """RFC 4226, 5.3. ValueError if `secret` is no base32."""
    try:
        key = base64.b32decode(secret)
    except NotBase32 as error:
        raise ValueError("no base32") from error
    made = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    offset = made[-1] & 15
    number = struct.unpack(">I", made[offset : offset + 4])[0] & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_at(now: datetime) -> int:
    return int(now.timestamp()) // STEP


def step_of(secret: str, given: str, now: datetime) -> int | None:
    """The step whose code was given, if that is now or the one before or after; else None."""
    here = step_at(now)
    steps = range(here - SLACK, here + SLACK + 1)
    # all of them are compared, so that the time it takes says nothing
    right = [step for step in steps if hmac.compare_digest(code(secret, step).encode(), given.encode())]
    return right[-1] if right else None


def address(secret: str, user: str, issuer: str) -> str:
    """otpauth://…, what an authenticator reads from the picture."""
    label = quote(f"{issuer}:{user}")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': issuer})}"


def picture(text: str) -> Markup:
    """A QR code as SVG, to stand in a page; nothing of it leaves the machine."""
    return Markup(segno.make(text, error="m").svg_inline(scale=4, border=4, light="#fff", svgclass="qr"))


def new_recovery_codes() -> list[str]:
    """Each stands in for a code once: ABCD-EFGH-JKMN, 59 bits."""
    letters = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
    return [
        "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(3))
        for _ in range(RECOVERY_CODES)
    ]


def plain(given: str) -> str:
    """As it is hashed: however it was typed."""
    return "".join(each for each in given.upper() if each.isalnum())
