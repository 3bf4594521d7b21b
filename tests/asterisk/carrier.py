"""A carrier on loopback, at an address of its own: registers whom it knows, takes calls, and rings us by `SipCall`."""

import hashlib
import re
import select
import socket
import threading
from collections.abc import Collection
from types import TracebackType
from typing import Any, Self

REALM = "carrier"
NONCE = "5f2c9a"


class Carrier:
    """`with Carrier("127.0.0.2", {"0003": "secret"}) as carrier:` answers until the body ends.

    `answer`: what an INVITE gets, its final status; 0: nothing at all. `refuse`: the status that every registration gets.
    """

    def __init__(self, host: str, users: dict[str, str], answer: int = 486, refuse: int = 0) -> None:
        self.refuse = refuse
        self.min_se = 0  # seconds; a session that is refreshed more often is refused (422)
        self.registered: dict[str, str] = {}  # user -> Contact
        self.invited: list[str] = []  # requests that bore the right password, or to which none was asked
        self._users = users
        self.answer = answer
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(0.2)
        self.address = "{}:{}".format(*self._socket.getsockname())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="carrier")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                data, peer = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            text = data.decode("utf-8", "replace")
            method = text.split(" ", 1)[0]
            if method == "OPTIONS":
                self._reply(text, peer, 200)
            elif method == "REGISTER":
                self._register(text, peer)
            elif method == "INVITE":
                self._invite(text, peer)
            else:
                self._other(text, peer)

    def _other(self, text: str, peer: tuple[str, int]) -> None:
        """A response, or a further request."""

    def _register(self, text: str, peer: tuple[str, int]) -> None:
        if self.refuse:
            self._reply(text, peer, self.refuse)
        elif user := self._known(text, "REGISTER"):
            contact = header(text, "Contact")
            self.registered[user] = contact
            self._reply(text, peer, 200, f"Contact: {contact};expires=300\r\n")
        else:
            challenge = f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5\r\n'
            self._reply(text, peer, 401, challenge)

    def _invite(self, text: str, peer: tuple[str, int]) -> None:
        if self._users and not self._known(text, "INVITE"):
            challenge = f'Proxy-Authenticate: Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5\r\n'
            self._reply(text, peer, 407, challenge)
            return
        self.invited.append(text)
        if int(header(text, "Session-Expires").partition(";")[0] or self.min_se) < self.min_se:
            self._reply(text, peer, 422, f"Min-SE: {self.min_se}\r\n")
        elif self.answer:
            self._reply(text, peer, self.answer)

    def _known(self, text: str, method: str) -> str | None:
        """Whose password the request proves (RFC 2617, without qop)."""
        login = header(text, "Authorization") or header(text, "Proxy-Authorization")
        given = dict(re.findall(r'(\w+)="([^"]*)"', login))
        user = given.get("username", "")
        if user not in self._users:
            return None
        one = hashlib.md5(f"{user}:{REALM}:{self._users[user]}".encode()).hexdigest()
        two = hashlib.md5(f"{method}:{given['uri']}".encode()).hexdigest()
        right = hashlib.md5(f"{one}:{NONCE}:{two}".encode()).hexdigest()
        return user if given.get("response") == right else None

    def _reply(
        self, request: str, peer: tuple[str, int], status: int, headers: str = "", body: str = ""
    ) -> None:
        kept = "".join(
            f"{line}\r\n" for line in request.split("\r\n") if re.match(r"(Via|From|Call-ID|CSeq):", line)
        )
        to = header(request, "To") + ("" if ";tag=" in header(request, "To") else ";tag=carrier")
        text = f"SIP/2.0 {status} Carrier\r\n{kept}To: {to}\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"
        self._socket.sendto(text.encode(), peer)


class Exchange(Carrier):
    """Brings each call that it gets back to `back_to` (host:port), the voice too, but for what is `lost`.

    `shows`: the number from which it comes there; None: the one that was shown here. `after`: seconds for which it rings.
    `timer`: the Session-Expires of its answer.
    """

    def __init__(
        self,
        host: str,
        back_to: str,
        *,
        lost: Collection[str] = (),
        shows: str | None = None,
        after: float = 0,
        timer: str = "",
    ) -> None:
        super().__init__(host, {})
        self.refreshed = 0
        self._timer = f"Require: timer\r\nAllow: UPDATE\r\nSession-Expires: {timer}\r\n" if timer else ""
        self._host = host
        self._back_to = back_to
        self._lost = lost
        self._shows = shows
        self._after = after
        self._invites: dict[str, tuple[str, tuple[str, int]]] = {}  # Call-ID here -> INVITE, from where
        self._sides = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        self._media: list[tuple[str, int] | None] = [None, None]  # who calls here; to whom it is brought
        for side in self._sides:
            side.bind((host, 0))
        self._voice = threading.Thread(target=self._relay, name="voice")

    def __enter__(self) -> Self:
        self._voice.start()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._voice.join()
        for side in self._sides:
            side.close()

    def _relay(self) -> None:
        while not self._ended.is_set():
            for side in select.select(self._sides, [], [], 0.2)[0]:
                here = self._sides.index(side)
                packet, to = side.recv(4096), self._media[1 - here]
                if to is not None and ("out", "in")[here] not in self._lost:
                    self._sides[1 - here].sendto(packet, to)

    def _invite(self, text: str, peer: tuple[str, int]) -> None:
        self._reply(text, peer, 180)
        id = header(text, "Call-ID")
        if id in self._invites:
            return
        self._invites[id] = text, peer
        self._media[0], sdp = self._redirected(text, 1)
        brought = ("INVITE", id, "Content-Type: application/sdp\r\n", sdp)
        threading.Timer(self._after, self._send, brought).start()

    def _send(self, method: str, id: str, headers: str = "", body: str = "", to: str = "") -> None:
        invite, _ = self._invites[id]
        dialled = invite.partition("sip:")[2].partition("@")[0]
        shown = self._shows or header(invite, "From").partition("sip:")[2].partition("@")[0]
        host, _, port = self._back_to.partition(":")
        request = (
            f"{method} sip:{dialled}@{self._back_to} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bK{method}{id}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{shown}@{self._host}>;tag=back\r\nTo: {to or f'<sip:{dialled}@{self._back_to}>'}\r\n"
            f"Call-ID: back-{id}\r\nCSeq: 1 {method}\r\nContact: <sip:{self.address}>\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._socket.sendto(request.encode(), (host, int(port)))

    def _other(self, text: str, peer: tuple[str, int]) -> None:
        if text.startswith("BYE "):
            self._reply(text, peer, 200)
        elif text.startswith("UPDATE "):
            self.refreshed += 1
            self._reply(text, peer, 200, self._timer)
        elif text.startswith("SIP/2.0 ") and header(text, "CSeq").endswith("INVITE"):
            id, status = header(text, "Call-ID").removeprefix("back-"), int(text.split()[1])
            if status == 200:
                self._media[1], sdp = self._redirected(text, 0)
                headers = f"Contact: <sip:{self.address}>\r\nContent-Type: application/sdp\r\n{self._timer}"
                self._reply(*self._invites[id], 200, headers, sdp)
            elif status > 200:
                self._reply(*self._invites[id], status)
            if status >= 200:
                self._send("ACK", id, to=header(text, "To"))

    def _redirected(self, text: str, side: int) -> tuple[tuple[str, int], str]:
        """Where the other end hears, and its SDP with our own place."""
        body = text.partition("\r\n\r\n")[2]
        host, port = re.search(r"c=IN IP4 (\S+)", body), re.search(r"m=audio (\d+)", body)
        assert host is not None and port is not None, text
        ours = self._sides[side].getsockname()
        changed = body.replace(host[0], f"c=IN IP4 {ours[0]}").replace(port[0], f"m=audio {ours[1]}")
        return (host[1], int(port[1])), changed


def header(request: str, name: str) -> str:
    """Empty if it is not there."""
    found = re.search(rf"^{name}: (.*?)\r?$", request, re.MULTILINE)
    return found[1] if found else ""
