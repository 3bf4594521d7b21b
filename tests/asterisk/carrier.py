"""A carrier on loopback, at an address of its own: registers whom it knows, takes calls, and rings us by `SipCall`."""

import hashlib
import re
import socket
import threading
from types import TracebackType
from typing import Self

REALM = "carrier"
NONCE = "5f2c9a"


class Carrier:
    """`with Carrier("127.0.0.2", {"0003": "secret"}) as carrier:` answers until the body ends.

    `answer`: what an INVITE gets, its final status.
    """

    def __init__(self, host: str, users: dict[str, str], answer: int = 486) -> None:
        self.refuse = 0  # status that every registration gets
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

    def _reply(self, request: str, peer: tuple[str, int], status: int, headers: str = "") -> None:
        kept = "".join(
            f"{line}\r\n" for line in request.split("\r\n") if re.match(r"(Via|From|Call-ID|CSeq):", line)
        )
        to = header(request, "To") + ("" if ";tag=" in header(request, "To") else ";tag=carrier")
        text = f"SIP/2.0 {status} Carrier\r\n{kept}To: {to}\r\n{headers}Content-Length: 0\r\n\r\n"
        self._socket.sendto(text.encode(), peer)


def header(request: str, name: str) -> str:
    """Empty if it is not there."""
    found = re.search(rf"^{name}: (.*?)\r?$", request, re.MULTILINE)
    return found[1] if found else ""
