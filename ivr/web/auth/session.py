"""A signed cookie: who is logged in, and the secret that every form must repeat.

Nothing is kept on the server. The cookie also holds a mark of the password's hash, of the second factor and of a
number that is raised with another role and when somebody is shut out: a change of any of them ends every session at once.
"""

import base64
import hashlib
import hmac
import json
import secrets
from binascii import Error as NotBase64
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from ivr.store.tables import UserRow

COOKIE = "ivr_session"
LIFETIME = timedelta(hours=12)
FOR_A_CODE = timedelta(minutes=10)  # between the password and the second factor


@dataclass(frozen=True, slots=True)
class Session:
    """`user` is None before the login; `mark` ties a session to one password and second factor."""

    ends: int  # seconds since the epoch
    user: str | None = None
    mark: str = ""
    awaits_code: bool = (
        False  # the password was right, the second factor was not given yet: logged in is nobody
    )
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))


def nobodys(now: datetime) -> Session:
    return Session(int((now + LIFETIME).timestamp()))


def of(user: UserRow, now: datetime, *, awaits_code: bool = False) -> Session:
    lifetime = FOR_A_CODE if awaits_code else LIFETIME
    return Session(int((now + lifetime).timestamp()), user.name, mark_of(user), awaits_code)


def mark_of(user: UserRow) -> str:
    facts = f"{user.password}\n{user.totp_secret or ''}\n{user.epoch}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def stands(given: Session, user: UserRow | None) -> bool:
    """Whether who was let in then would be let in now; `user`: the account of that name."""
    return user is not None and user.disabled_at is None and given.mark == mark_of(user)


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


def sign_secret(session: Session, key: bytes, secret: str) -> str:
    """Goes with a secret that a form brings back: it is one that this session was shown."""
    return _sign(key, "secret", f"{session.nonce}:{secret}")


def _sign(key: bytes, purpose: str, text: str) -> str:
    return hmac.new(key, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()
