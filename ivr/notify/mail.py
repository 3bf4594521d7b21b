"""A notice as a mail. The only file that imports the SMTP client.

One mail for each delivery and address: so each has an answer of its own. Its Message-ID comes from the
delivery's key and is the same however often it is sent.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import format_datetime, parseaddr

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from ivr.clock import JAPAN
from ivr.errors import DeliveryFailed
from ivr.notify import texts
from ivr.notify.content import Content
from ivr.settings import Address

EACH = 30.0  # seconds for one answer of the server
WHOLE = 90.0  # seconds for one mail
_TYPES = {
    ".wav": ("audio", "wav"),
    ".mp3": ("audio", "mpeg"),
    ".opus": ("audio", "ogg"),
    ".ogg": ("audio", "ogg"),
}


@dataclass(frozen=True)
class MailServer:
    """As the settings have it; `tls`: starttls | tls | none."""

    address: Address
    sender: str  # 「窓口 <ivr@example.co.jp>」
    tls: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""  # file of certificates that are trusted beside the machine's own


def envelope(sender: str, to: str, subject: str, key: str, at: datetime) -> EmailMessage:
    """A mail without its text. `key` makes the Message-ID."""
    mail = EmailMessage(policy=POLICY)
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at.astimezone(JAPAN))
    mail["Message-ID"] = f"<{key}@{_domain(sender)}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday reply is to answer it
    mail["X-Auto-Response-Suppress"] = "All"
    return mail


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2]


def compose(content: Content, sender: str, to: str) -> bytes:
    """Blocks: reads the audio. OSError if that cannot be read."""
    mail = envelope(sender, to, texts.subject(content), content.key, content.at)
    mail["List-Id"] = f"<{content.line}.ivr.{_domain(sender)}>"
    if content.urgent:
        mail["Importance"] = "high"
    mail.set_content(texts.mail_text(content), charset="utf-8", cte="base64")
    if content.audio is not None:
        kind, subtype = _TYPES.get(content.audio.suffix, ("application", "octet-stream"))
        name = f"{content.ticket or content.message}{content.audio.suffix}"
        mail.add_attachment(content.audio.read_bytes(), maintype=kind, subtype=subtype, filename=name)
    return mail.as_bytes()


async def send(server: MailServer, mail: bytes, to: str) -> str:
    """The server's answer. DeliveryFailed says whether it may arrive later, or may have arrived already."""
    client = SMTP(
        hostname=server.address.host,
        port=server.address.port,
        timeout=EACH,
        use_tls=server.tls == "tls",
        start_tls=server.tls == "starttls",
        tls_context=_trust(server.ca) if server.tls != "none" else None,
        username=server.user or None,
        password=server.password or None,
    )
    step = "connect"
    try:
        async with asyncio.timeout(WHOLE):
            await client.connect()
            step = "address"
            await client.mail(parseaddr(server.sender)[1])
            await client.rcpt(to)
            step = "data"
            answer = await client.data(mail)
    except SMTPResponseException as error:
        raise _refused(step, error) from error
    except (SMTPException, OSError, TimeoutError) as error:
        # After the last line of the mail the answer may be lost on its way: then it has arrived.
        said = str(error) or type(error).__name__
        raise DeliveryFailed(f"メールサーバーと通信できません：{said}", unsure=step == "data") from error
    finally:
        with suppress(SMTPException, OSError, TimeoutError):
            await _leave(client)
    return f"{answer.code} {answer.message}"


def _refused(step: str, error: SMTPResponseException) -> DeliveryFailed:
    """A 5xx to the sender, the address or the mail is for good; to a connection or a password it is about the server."""
    answer = f"{error.code} {error.message}"
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return DeliveryFailed(f"メールサーバーにログインできません：{answer}")
    # Codes that are none of SMTP's are the client's own: the connection broke.
    unsure = step == "data" and not 400 <= error.code < 600
    return DeliveryFailed(answer, retryable=step == "connect" or not 500 <= error.code < 600, unsure=unsure)


def _trust(ca: str) -> ssl.SSLContext:
    """DeliveryFailed if the file cannot be used."""
    context = ssl.create_default_context()
    if ca:
        try:
            context.load_verify_locations(ca)
        except OSError as error:
            raise DeliveryFailed(
                f"証明書のファイルを読み込めません（IVR_SMTP_CA）：{error.strerror}"
            ) from error
    return context


async def _leave(client: SMTP) -> None:
    """QUIT, for two seconds; what was answered before counts."""
    try:
        if client.is_connected:
            async with asyncio.timeout(2.0):
                await client.quit()
    finally:
        client.close()
