"""Mails to a real SMTP server: taken, refused, greylisted, stalled, dropped, encrypted; and what stands in them."""

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from ivr.errors import DeliveryFailed
from ivr.notify import mail
from ivr.notify.content import Content
from ivr.notify.mail import MailServer as Server
from ivr.notify.mail import compose, send
from ivr.settings import Address
from tests.mail_server import MailServer, certificate, dies, stalls

SENDER = "折り返し窓口 <ivr@example.co.jp>"
TO = "support@example.co.jp"
CONTENT = Content(
    delivery=17,
    key="5f0c" * 10,
    event="callback",
    line="ecforce",
    line_name="ecforceカスタマーサポート",
    at=datetime(2026, 11, 24, 2, 5, tzinfo=UTC),
    url="https://ivr.example.co.jp/callbacks/482-913?notice=17",
    ticket="482-913",
    message="01KAM3XJ5M8QW5R0T1V2W3X4Y5",
    due=datetime(2026, 11, 25, 8, 0, tzinfo=UTC),
    cause="busy",
    priority="medium",
    reply_wanted=True,
)


def server_at(port: int, tls: str = "none", **more: str) -> Server:
    return Server(Address("127.0.0.1", port), SENDER, tls, **more)


async def send_to(server: MailServer, content: Content = CONTENT, **more: str) -> str:
    return await send(server_at(server.port, **more), compose(content, SENDER, TO), TO)


async def test_headers_and_body_read_right_elsewhere() -> None:
    async with MailServer() as server:
        answer = await send_to(server)
    assert answer.startswith("250")
    assert (server.to, server.senders) == ([TO], ["ivr@example.co.jp"])
    assert server.taken[0].isascii(), "no server needs 8BITMIME or SMTPUTF8"
    (parsed,) = server.parsed()
    assert parsed["Subject"] == "折り返し必要のご案内"
    assert parsed["From"].addresses[0].display_name == "折り返し窓口"
    assert parsed["From"].addresses[0].addr_spec == "ivr@example.co.jp"
    assert parsed["To"] == TO
    assert parsed["Message-ID"] == f"<{'5f0c' * 10}@example.co.jp>"
    assert parsed["Date"] == "Tue, 24 Nov 2026 11:05:00 +0900"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["List-Id"] == "<ecforce.ivr.example.co.jp>"
    assert parsed["Importance"] is None
    text = parsed.get_content().replace("\r\n", "\n")
    assert text.startswith("ecforceカスタマーサポート\nご担当者様\n")
    for line in (
        "受付番号：482-913",
        "窓口：ecforceカスタマーサポート",
        "受付日時：2026年11月24日（火）11時05分",
        "折り返し期限：2026年11月25日（水）17時00分",
        "https://ivr.example.co.jp/callbacks/482-913?notice=17",
    ):
        assert line in text.splitlines()


async def test_an_attachment_only_with_the_audio(tmp_path: Path) -> None:
    audio = tmp_path / "01KAM3XJ5M8QW5R0T1V2W3X4Y5.wav"
    audio.write_bytes(b"RIFF" + bytes(range(256)) * 40)
    async with MailServer() as server:
        await send_to(server)
        await send_to(server, replace(CONTENT, audio=audio, urgent=True))
    without, with_audio = server.parsed()
    assert not without.is_multipart()
    assert with_audio["Importance"] == "high"
    (attached,) = list(with_audio.iter_attachments())
    assert isinstance(attached, EmailMessage)
    assert (attached.get_filename(), attached.get_content_type()) == ("482-913.wav", "audio/wav")
    assert attached.get_content() == audio.read_bytes()
    body = with_audio.get_body()
    assert body is not None
    assert "音声を、このメールに添付しております。" in body.get_content()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("step", "answer", "retryable"),
    [
        ("rcpt", "550 5.1.1 no such user", False),
        ("rcpt", "451 4.7.1 greylisted, try again", True),
        ("rcpt", "452 4.2.2 mailbox full", True),
        ("data", "554 5.7.1 looks like spam", False),
        ("data", "451 4.3.0 try again", True),
    ],
)
async def test_a_refusal_is_for_good_or_for_the_moment(step: str, answer: str, retryable: bool) -> None:
    async with MailServer() as server:
        getattr(server, step).append(answer)
        with pytest.raises(DeliveryFailed) as failure:
            await send_to(server)
        assert str(failure.value) == answer
        assert (failure.value.retryable, failure.value.unsure) == (retryable, False)
        assert server.taken == []


async def test_nobody_there() -> None:
    async with MailServer() as server:
        pass
    with pytest.raises(DeliveryFailed) as failure:
        await send_to(server)
    assert (failure.value.retryable, failure.value.unsure) == (True, False)


async def test_a_server_that_stalls_before_the_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "EACH", 0.3)
    async with MailServer() as server:
        server.rcpt.append(stalls)
        with pytest.raises(DeliveryFailed) as failure:
            await send_to(server)
    assert (failure.value.retryable, failure.value.unsure) == (True, False)


async def test_a_server_that_stalls_after_the_mail_may_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "EACH", 0.3)
    async with MailServer() as server:
        server.data.append(stalls)
        with pytest.raises(DeliveryFailed) as failure:
            await send_to(server)
    assert (failure.value.retryable, failure.value.unsure) == (True, True)


async def test_a_server_that_dies_before_its_answer_may_have_the_mail() -> None:
    async with MailServer() as server:
        server.data.append(dies)
        with pytest.raises(DeliveryFailed) as failure:
            await send_to(server)
    assert (failure.value.retryable, failure.value.unsure) == (True, True)


async def test_a_connection_that_drops_in_the_middle_of_the_mail() -> None:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readexactly(200)
                writer.transport.abort()
                return
            writer.write(b"250 OK\r\n")

    server = await asyncio.start_server(drop, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(DeliveryFailed) as failure:
            await send(server_at(port), compose(CONTENT, SENDER, TO), TO)
    assert (failure.value.retryable, failure.value.unsure) == (True, True)


# -- encrypted --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    cert, key = certificate(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


async def test_starttls_with_a_certificate_of_ones_own(certified: tuple[Path, ssl.SSLContext]) -> None:
    cert, context = certified
    async with MailServer(tls=context, login=("ivr", "ひみつ1234")) as server:
        login = {"tls": "starttls", "user": "ivr", "password": "ひみつ1234"}
        assert (await send_to(server, ca=str(cert), **login)).startswith("250")
        with pytest.raises(DeliveryFailed) as failure:
            await send_to(server, **login)  # a certificate that nobody trusts
        assert failure.value.retryable
        with pytest.raises(DeliveryFailed, match="ログインできません") as failure:
            await send_to(server, ca=str(cert), **{**login, "password": "wrong"})
        assert failure.value.retryable, "a password can be mended; it says nothing of the mail"
        assert "wrong" not in str(failure.value)
    assert len(server.taken) == 1


async def test_a_server_without_starttls_gets_nothing() -> None:
    async with MailServer() as server:
        with pytest.raises(DeliveryFailed) as failure:
            await send_to(server, tls="starttls")
    assert failure.value.retryable
    assert server.taken == []


async def test_a_file_of_certificates_that_is_not_there(tmp_path: Path) -> None:
    async with MailServer() as server:
        with pytest.raises(DeliveryFailed, match="IVR_SMTP_CA"):
            await send_to(server, tls="starttls", ca=str(tmp_path / "none.pem"))
