"""A real SMTP server (aiosmtpd) on loopback that can refuse, stall, drop the connection, die and come back."""

import asyncio
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Answer = str | Callable[["MailServer"], Awaitable[str]]


class MailServer:
    """`answers`: what is said to the next mails, to RCPT or to DATA; then each is taken. `taken`: as they came."""

    def __init__(
        self, port: int = 0, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None
    ):
        self.port = port
        self.taken: list[bytes] = []
        self.to: list[str] = []
        self.senders: list[str] = []
        self.rcpt: list[Answer] = []
        self.data: list[Answer] = []
        self.connections = 0
        self._tls = tls
        self._login = login
        self._open: list[asyncio.Transport] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "MailServer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.die()

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(self._session, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def die(self) -> None:
        """As when it is killed: every connection is reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in self._open:
            # Python 3.11.2: of a TLS connection that failed in its handshake, nothing is left.
            with suppress(AttributeError):
                transport.abort()
        self._open.clear()

    def parsed(self) -> list[EmailMessage]:
        return [BytesParser(policy=default).parsebytes(one) for one in self.taken]  # type: ignore[arg-type]

    # -- aiosmtpd's hooks ---------------------------------------------------------------

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = await self._next(self.rcpt)
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        said = await self._next(self.data)
        if said.startswith("250"):
            assert isinstance(envelope.content, bytes) and envelope.mail_from is not None
            self.taken.append(envelope.content)
            self.to += envelope.rcpt_tos
            self.senders.append(envelope.mail_from)
        return said

    async def _next(self, answers: list[Answer]) -> str:
        answer = answers.pop(0) if answers else "250 OK"
        return answer if isinstance(answer, str) else await answer(self)

    def _session(self) -> SMTP:
        login = self._login
        mine = self

        def authenticate(
            server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword
        ) -> AuthResult:
            given = (data.login.decode(), data.password.decode())
            return AuthResult(success=given == login, handled=False)

        class Noted(SMTP):
            def connection_made(self, transport: Any) -> None:
                mine.connections += 1
                mine._open.append(transport)
                super().connection_made(transport)

        return Noted(
            self,
            enable_SMTPUTF8=False,
            tls_context=self._tls,
            require_starttls=self._tls is not None,
            authenticator=authenticate if login else None,
            auth_required=login is not None,
            loop=asyncio.get_running_loop(),
        )


async def stalls(server: MailServer) -> str:
    await asyncio.Event().wait()
    raise AssertionError


async def dies(server: MailServer) -> str:
    """After the last line of the mail, before the answer."""
    await server.die()
    await asyncio.Event().wait()
    raise AssertionError


def certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) of 127.0.0.1, made now and signed by nobody else."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    subprocess.run(
        ["openssl", *made, "-addext", "subjectAltName=IP:127.0.0.1", "-out", str(cert), "-keyout", str(key)],
        check=True,
        capture_output=True,
    )
    return cert, key
