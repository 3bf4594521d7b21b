"""The smallest SIP caller: one call by UDP, one header or another, audio by RTP both ways.

For what a real telephone program does not send (Privacy, P-Asserted-Identity, wrong things).
"""

import re
import select
import socket
import struct
import time
import uuid
from types import TracebackType
from typing import Self

SILENCE = b"\xff" * 160  # mu-law
LOUD = b"\x00\x00\x80\x80" * 40  # mu-law, a tone of 2 kHz at full level


class SipCall:
    """`with SipCall("127.0.0.1:5060", "0501234567") as call:` is up when the body begins."""

    def __init__(
        self,
        address: str,
        dialled: str,
        *,
        caller: str = "<sip:0312345678@127.0.0.1>",
        headers: str = "",
        to: str | None = None,
        source: str = "127.0.0.1",
        format: int = 0,
        parameters: str = "",
    ):
        """`dialled` stands in the request, with `parameters` of its URI, and in To unless `to` does.

        `format`: 0 PCMU, 8 PCMA.
        """
        host, port = address.split(":")
        self._server = (host, int(port))
        self._dialled = dialled
        self._caller = caller
        self._headers = headers
        self._sip, self._rtp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._sip.bind((source, 0))
        self._rtp.bind((source, 0))
        self._format = format
        self._parameters = parameters
        self._id = uuid.uuid4().hex
        self._to = to or f"<sip:{dialled}@{address}>"
        self._packets = 0
        self._sequence = 1
        self.status = 0
        self.reply = ""  # that told the status
        self.asked: list[str] = []  # methods of what was asked of us meanwhile, each answered by 200

    def __enter__(self) -> Self:
        offer = self._offer("sendrecv")
        self._send("INVITE", 1, f"Content-Type: application/sdp\r\n{self._headers}", offer)
        self.status, reply = self._final_reply(15)
        self.reply = reply
        to = re.search(r"^To: (.*)\r$", reply, re.MULTILINE)
        assert to is not None, reply
        self._to = to[1]
        self._send("ACK", 1)
        if self.status == 200:
            media = re.search(r"^m=audio (\d+)", reply, re.MULTILINE)
            assert media is not None, reply
            self._peer = (self._server[0], int(media[1]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status == 200 and "BYE" not in self.asked:
            self._send("BYE", self._sequence + 1)
        self._sip.close()
        self._rtp.close()

    def talk(self, seconds: float, payload: bytes = SILENCE) -> bytes:
        """Send for that long, `payload` again and again; what was heard meanwhile, at 8 kHz as it came."""
        heard = b""
        begin = time.monotonic()
        for tick in range(round(seconds * 50)):
            head = struct.pack("!BBHII", 0x80, self._format, self._packets, self._packets * 160, 7)
            at = tick * 160 % len(payload)
            self._rtp.sendto(head + payload[at : at + 160], self._peer)
            self._packets += 1
            while (wait := begin + 0.02 * (tick + 1) - time.monotonic()) > 0:
                ready = select.select([self._rtp, self._sip], [], [], wait)[0]
                if self._rtp in ready:
                    packet = self._rtp.recv(2048)
                    heard += packet[12:] if packet[1] & 0x7F == self._format else b""
                if self._sip in ready:
                    self._serve(self._sip.recv(65536).decode("utf-8", "surrogateescape"))
        return heard

    def _serve(self, text: str) -> None:
        """A request within the call; an ACK or a late reply gets nothing."""
        method = text.split(" ", 1)[0]
        if method not in ("UPDATE", "INVITE", "BYE", "OPTIONS"):
            return
        self.asked.append(method)
        kept = re.findall(r"^(?:Via|From|To|Call-ID|CSeq|Session-Expires): .*\r\n", text, re.MULTILINE)
        host, port = self._sip.getsockname()
        body = self._offer("sendrecv") if method == "INVITE" else ""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        require = "Require: timer\r\n" if "\nSession-Expires: " in text else ""
        reply = (
            f"SIP/2.0 200 OK\r\n{''.join(kept)}Contact: <sip:caller@{host}:{port}>\r\n{require}{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._sip.sendto(reply.encode("utf-8", "surrogateescape"), self._server)

    def again(
        self, method: str, direction: str = "", format: int | None = None, headers: str = "", body: str = ""
    ) -> int:
        """A request within the call, with an offer if there is a `direction`; the status of the answer."""
        self._sequence += 1
        if format is not None:
            self._format = format
        kind = "Content-Type: application/sdp\r\n" if direction else ""
        self._send(method, self._sequence, f"{kind}{headers}", self._offer(direction) if direction else body)
        status, _ = self._final_reply(15)
        if method == "INVITE":
            self._send("ACK", self._sequence)
        return status

    def _offer(self, direction: str) -> str:
        host, port = self._rtp.getsockname()
        return (
            f"v=0\r\no=- 1 {self._sequence} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {self._format}\r\na={direction}\r\n"
        )

    def _send(self, method: str, sequence: int, headers: str = "", body: str = "") -> None:
        host, port = self._sip.getsockname()
        # The ACK of a 200 is a transaction of its own, that of a refusal is not.
        branch = f"z9hG4bK{self._id}{sequence}{'-ack' if method == 'ACK' and self.status == 200 else ''}"
        self._sip.sendto(
            (
                f"{method} sip:{self._dialled}@{self._server[0]}:{self._server[1]}{self._parameters} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {host}:{port};branch={branch}\r\nMax-Forwards: 70\r\n"
                f"From: {self._caller};tag={self._id}\r\nTo: {self._to}\r\nCall-ID: {self._id}\r\n"
                f"CSeq: {sequence} {method}\r\nContact: <sip:caller@{host}:{port}>\r\n{headers}"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            ).encode("utf-8", "surrogateescape"),
            self._server,
        )

    def _final_reply(self, limit: float) -> tuple[int, str]:
        self._sip.settimeout(limit)
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            text = self._sip.recv(65536).decode("utf-8", "surrogateescape")
            status = int(text.split()[1]) if text.startswith("SIP/2.0 ") else 0
            if status >= 200 and f"\r\nCSeq: {self._sequence} " in text:
                return status, text
        raise AssertionError("no final reply")
