"""A signed cookie: who is logged in, and the secret that every form must repeat.

Nothing is kept on the server. The cookie also holds a mark of the password's
hash, so that a changed password or a removed user ends every session at once.
"""

import base64
import hashlib
import hmac
import json
import secrets
from binascii import Error as NotBase64
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

COOKIE = "ivr_session"
LIFETIME = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Session:
    """`user` is None before the login; `mark` ties a session to one password."""

    ends: int  # seconds since the epoch
    user: str | None = None
    mark: str = ""
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))


def new(now: datetime, user: str | None = None, password_hash: str = "") -> Session:
    return Session(int((now + LIFETIME).timestamp()), user, mark_of(password_hash))


def mark_of(password_hash: str) -> str:
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]


def seal(session: Session, key: bytes) -> str:
    body = base64.urlsafe_b64encode(json.dumps(asdict(session)).encode()).decode()
    return f"{body}.{_sign(key, 'session', body)}"


def unseal(cookie: str, key: bytes, now: datetime) -> Session | None:
    """None for a cookie that is not ours, was changed or has ended."""
    body, _, signature = cookie.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _sign(key, "session", body).encode()):
        return None
    try:
        session = Session(**json.loads(base64.urlsafe_b64decode(body)))
    except (NotBase64, ValueError, TypeError):  # signed by us, in the form of another version
        return None
    return session if now.timestamp() < session.ends else None


def form_token(session: Session, key: bytes) -> str:
    return _sign(key, "form", session.nonce)


def form_token_is_right(session: Session, key: bytes, given: str) -> bool:
    return hmac.compare_digest(form_token(session, key).encode(), given.encode())


def _sign(key: bytes, purpose: str, text: str) -> str:
    return hmac.new(key, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()
