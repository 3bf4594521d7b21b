"""A telephone: the least of SIP (RFC 3261) by UDP on loopback, digest (RFC 2617), RTP with keys (RFC 4733).

One telephone has one call at a time. Everything that arrives is handled in one thread of its own.
"""

import hashlib
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tools.driver.rtp import Media

PATIENCE = 15.0  # seconds for a final reply
RESEND = 0.5
CRLF = "\r\n"


class SipError(Exception):
    """The other side did what no telephone expects."""


@dataclass(frozen=True)
class Message:
    first: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @classmethod
    def parse(cls, data: bytes) -> "Message":
        head, _, body = data.decode("utf-8", "replace").partition(CRLF * 2)
        first, *lines = head.split(CRLF)
        headers = tuple(
            (name.strip().lower(), value.strip()) for name, _, value in (h.partition(":") for h in lines)
        )
        return cls(first, headers, body)

    def __getitem__(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def status(self) -> int:
        """0 for a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """Of a reply: of what it replies to."""
        return self["cseq"].split()[-1] if self.status else self.first.split()[0]


@dataclass
class Dialog:
    """`peer`: the other side's Contact; `from_`, `to`: as our own requests write them."""

    id: str
    from_: str
    to: str
    peer: str
    sequence: int = 1


class Telephone:
    """`user`: a caller's number, or an agent's user name; `answers`: what it does when it is rung."""

    def __init__(
        self, server: str, user: str, password: str = "", *, answers: str = "never", display: str = ""
    ):
        """`answers`: "yes", "never", "declines", or "busy"."""
        host, _, port = server.partition(":")
        self._server = (host, int(port))
        self.user = user
        self._password = password
        self._answers = answers
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sip.bind(("127.0.0.1", 0))
        self._sip.settimeout(0.2)
        self._me = f"127.0.0.1:{self._sip.getsockname()[1]}"
        self._identity = f'"{display}" <sip:{user}>' if "@" in user else f"<sip:{user}@{self._me}>"
        self._replies: list[Message] = []
        self._changed = threading.Condition()
        self._open = True
        self._sent: dict[str, bytes] = {}  # our replies, for a request that comes again
        self._dialog: Dialog | None = None
        self._ringing: Message | None = None
        self.media: Media | None = None
        self.rang = 0
        self.up = threading.Event()
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._listen, name=f"sip {user}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self.up.is_set() and not self.over.is_set():
            self.hang_up()
        self._open = False
        self._thread.join(2)
        self._sip.close()
        if self.media is not None:
            self.media.close()

    # -- what a person does ------------------------------------------------------------------

    def register(self, within: float = 20.0) -> None:
        """As a known agent's telephone; a server that does not know us yet is asked again."""
        deadline = time.monotonic() + within
        call_id, sequence, authorization = secrets.token_hex(8), 0, ""
        uri = f"sip:{self._server[0]}:{self._server[1]}"
        address = f"<sip:{self.user}@{self._server[0]}>"
        tag = secrets.token_hex(4)
        while time.monotonic() < deadline:
            sequence += 1
            headers = f"Contact: <sip:{self.user}@{self._me}>{CRLF}Expires: 300{CRLF}{authorization}"
            reply = self._request(
                "REGISTER", uri, f"{address};tag={tag}", address, call_id, sequence, headers
            )
            if reply.status == 200:
                return
            if reply.status == 401 and not authorization:
                authorization = self._digest("REGISTER", uri, reply["www-authenticate"])
            else:
                authorization = ""
                threading.Event().wait(0.5)  # the server may not have read its configuration yet
        raise SipError(f"{self.user} could not register: {reply.first}")

    def dial(self, number: str) -> None:
        """Returns when the call is up, with audio both ways."""
        self.over.clear()
        self.media = Media()
        uri = f"sip:{number}@{self._server[0]}:{self._server[1]}"
        dialog = Dialog(secrets.token_hex(8), f"{self._identity};tag={secrets.token_hex(4)}", f"<{uri}>", uri)
        contact = f"Contact: <sip:caller@{self._me}>{CRLF}Content-Type: application/sdp{CRLF}"
        reply = self._request(
            "INVITE", uri, dialog.from_, dialog.to, dialog.id, 1, contact, self.media.offer()
        )
        dialog.to = reply["to"]
        dialog.peer = _address(reply["contact"]) or uri
        final = reply.status < 300
        self._send("ACK", dialog.peer if final else uri, dialog, 1, branch=None if final else f"{dialog.id}1")
        if not final:
            raise SipError(f"the call was refused: {reply.first}")
        self._dialog = dialog
        self.media.start(self._server[0], reply.body)
        self.up.set()

    def hang_up(self) -> None:
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            dialog.sequence += 1
            self.over.set()
            self._request("BYE", dialog.peer, dialog.from_, dialog.to, dialog.id, dialog.sequence)
        self._end()

    # -- requests ----------------------------------------------------------------------------

    def _request(
        self,
        method: str,
        uri: str,
        from_: str,
        to: str,
        call_id: str,
        sequence: int,
        headers: str = "",
        body: str = "",
    ) -> Message:
        """The final reply."""
        dialog = Dialog(call_id, from_, to, uri)
        deadline, begin, provisional = time.monotonic() + PATIENCE, 0.0, False
        while time.monotonic() < deadline:
            if not provisional and time.monotonic() - begin >= RESEND:
                begin = time.monotonic()
                self._send(method, uri, dialog, sequence, headers, body, branch=f"{call_id}{sequence}")
            with self._changed:
                self._changed.wait(0.1)
                for reply in self._replies:
                    if (reply["call-id"], reply["cseq"]) == (call_id, f"{sequence} {method}"):
                        provisional = True
                        if reply.status >= 200:
                            self._replies.clear()
                            return reply
        raise SipError(f"no final reply to {method} of {self.user}")

    def _send(
        self,
        method: str,
        uri: str,
        dialog: Dialog,
        sequence: int,
        headers: str = "",
        body: str = "",
        branch: str | None = None,
    ) -> None:
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._me};rport;branch=z9hG4bK{branch or secrets.token_hex(8)}",
            "Max-Forwards: 70",
            f"From: {dialog.from_}",
            f"To: {dialog.to}",
            f"Call-ID: {dialog.id}",
            f"CSeq: {sequence} {method}",
            f"{headers}Content-Length: {len(body)}",
        ]
        self._sip.sendto((CRLF.join(lines) + CRLF * 2 + body).encode(), self._server)

    def _digest(self, method: str, uri: str, challenge: str) -> str:
        given = {
            name.lower(): value.strip('"')
            for name, value in re.findall(r'(\w+)=("[^"]*"|[^\s,]+)', challenge)
        }
        md5: Callable[[str], str] = lambda text: hashlib.md5(text.encode()).hexdigest()  # noqa: E731
        who = md5(f"{self.user}:{given['realm']}:{self._password}")
        once, what = secrets.token_hex(8), md5(f"{method}:{uri}")
        middle = f":00000001:{once}:auth:" if "qop" in given else ":"
        parts = {
            "username": f'"{self.user}"',
            "realm": f'"{given["realm"]}"',
            "nonce": f'"{given["nonce"]}"',
            "uri": f'"{uri}"',
            "response": f'"{md5(who + ":" + given["nonce"] + middle + what)}"',
            "algorithm": "MD5",
        }
        if "opaque" in given:
            parts["opaque"] = f'"{given["opaque"]}"'
        if "qop" in given:
            parts |= {"qop": "auth", "nc": "00000001", "cnonce": f'"{once}"'}
        return "Authorization: Digest " + ", ".join(f"{k}={v}" for k, v in parts.items()) + CRLF

    # -- what comes --------------------------------------------------------------------------

    def _listen(self) -> None:
        while self._open:
            try:
                message = Message.parse(self._sip.recv(65536))
            except TimeoutError:
                continue
            if message.status:
                with self._changed:
                    self._replies.append(message)
                    self._changed.notify_all()
            elif message.method != "ACK":
                self._on_request(message)

    def _on_request(self, message: Message) -> None:
        again = self._sent.get(f"{message['call-id']} {message['cseq']}")
        if again is not None:
            self._sip.sendto(again, self._server)
            return
        match message.method:
            case "INVITE" if self._dialog is not None:
                assert self.media is not None
                self._reply(message, "200 OK", self.media.offer())  # asked again in a running call
            case "INVITE":
                self._on_ring(message)
            case "CANCEL":
                self._reply(message, "200 OK")
                if self._ringing is not None:
                    self._reply(self._ringing, "487 Request Terminated")
                    self._ringing = None
            case "BYE":
                self._reply(message, "200 OK")
                self._dialog = None
                self._end()
            case _:
                self._reply(message, "200 OK")

    def _on_ring(self, message: Message) -> None:
        self.rang += 1
        self._reply(message, "180 Ringing")
        match self._answers:
            case "declines":
                self._reply(message, "603 Decline")
            case "busy":
                self._reply(message, "486 Busy Here")
            case "yes":
                self.over.clear()
                self.media = Media()
                to = self._reply(message, "200 OK", self.media.offer())
                self._dialog = Dialog(message["call-id"], to, message["from"], _address(message["contact"]))
                self.media.start(self._server[0], message.body)
                self.up.set()
            case _:
                self._ringing = message

    def _reply(self, message: Message, status: str, body: str = "") -> str:
        """Our own side of the dialog: the To of the request, with our tag."""
        to = message["to"] if "tag=" in message["to"] else f"{message['to']};tag={self._me.replace(':', '')}"
        lines = [f"SIP/2.0 {status}"]
        lines += [f"Via: {value}" for name, value in message.headers if name == "via"]
        lines += [f"From: {message['from']}", f"To: {to}", f"Call-ID: {message['call-id']}"]
        lines += [f"CSeq: {message['cseq']}", f"Contact: <sip:{self.user}@{self._me}>"]
        lines += ["Content-Type: application/sdp"] if body else []
        data = (CRLF.join([*lines, f"Content-Length: {len(body)}"]) + CRLF * 2 + body).encode()
        if not status.startswith("180"):
            self._sent[f"{message['call-id']} {message['cseq']}"] = data
        self._sip.sendto(data, self._server)
        return to

    def _end(self) -> None:
        self.over.set()
        self.up.clear()
        if self.media is not None:
            self.media.close()


def _address(contact: str) -> str:
    found = re.search(r"<([^>]+)>", contact)
    return found[1] if found else contact
