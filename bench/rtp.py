"""The media of bench/calls.py: the key that sipp presses, and what callers heard, read off the loopback.

Times are the kernel's, of both directions by one clock, so neither sipp nor this process adds to them.
"""

import ctypes
import socket
import struct
import threading
from dataclasses import dataclass
from pathlib import Path

FRAME = 0.02  # seconds of audio in a packet
EVENT = 96  # payload type of keys, as sipp's scenario offers it
PRESS_AT = 0.2  # seconds after the answer: the first prompt is over
PRESS_FOR = 0.1  # Asterisk lengthens a shorter key to 80 ms

ETH_P_IP = 0x0800
SO_TIMESTAMPNS = 35
SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
SOL_PACKET = 263
PACKET_STATISTICS = 6
PACKET_IGNORE_OUTGOING = 23  # the loopback shows each packet twice


def write_key_pcap(path: Path) -> None:
    """One packet of silence at once, as a telephone sends (Answer() waits for it), then the key 1 (RFC 4733)."""
    packets = [(0.0, _rtp(0, 0, 0, b"\xff" * 160))]
    start, steps = int(PRESS_AT * 8000), round(PRESS_FOR / FRAME)
    for step in range(1, steps + 3):
        ended = step >= steps  # the last packet goes out three times
        duration = min(step, steps) * 160
        event = struct.pack("!BBH", 1, (0x80 if ended else 0) | 10, duration)
        at = PRESS_AT + min(step, steps) * FRAME + max(0, step - steps) * 0.001
        packets.append((at, _rtp(EVENT, step, start, event, marker=step == 1)))
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for at, rtp in packets:
            frame = _udp(rtp)
            # From the second second on: sipp takes a time of 0 for none, and would not wait.
            file.write(struct.pack("<IIII", 1, round(at * 1e6), len(frame), len(frame)) + frame)


def _rtp(kind: int, sequence: int, timestamp: int, payload: bytes, marker: bool = False) -> bytes:
    return struct.pack("!BBHII", 0x80, kind | (0x80 if marker else 0), sequence, timestamp, 7) + payload


def _udp(payload: bytes) -> bytes:
    """In Ethernet and IP; sipp puts in addresses, ports and checksums."""
    ethernet = bytes(12) + struct.pack("!H", ETH_P_IP)
    length = 28 + len(payload)
    local = socket.inet_aton("127.0.0.1")
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, 17, 0, local, local)
    return ethernet + ip + struct.pack("!HHHH", 6000, 6000, 8 + len(payload), 0) + payload


@dataclass
class Heard:
    """What Asterisk sent to one caller: packets before and after the end of the key."""

    before: int = 0
    after: int = 0
    key: float | None = None  # when the key ended
    second: float | None = None  # when the first packet after it was sent


class Tap:
    """`with Tap(port) as tap: …` then `tap.calls()`: everybody who used the media port `port`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._packets: list[tuple[float, bytes]] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        self._thread = threading.Thread(target=self._read, name="tap")
        self._over = False
        self.lost = 0

    def __enter__(self) -> "Tap":
        self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        _only_udp_port(self._socket, self._port)
        self._socket.bind(("lo", ETH_P_IP))
        self._socket.settimeout(0.1)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()
        _, self.lost = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._socket.close()

    def _read(self) -> None:
        while True:
            try:
                data, about, _, _ = self._socket.recvmsg(64, 64)
            except TimeoutError:
                if self._over:
                    return
                continue
            seconds, nanoseconds = struct.unpack("qq", about[0][2])
            self._packets.append((seconds + nanoseconds * 1e-9, data))

    def calls(self) -> list[Heard]:
        """One for each stream that Asterisk sent; its ports are used again, its SSRCs are not."""
        streams: dict[tuple[int, bytes], Heard] = {}
        at_port: dict[int, Heard] = {}
        for at, packet in self._packets:
            source, destination = struct.unpack_from("!HH", packet, 20)
            rtp = packet[28:]
            if destination == self._port:
                call = at_port[source] = streams.setdefault((source, rtp[8:12]), Heard())
                if call.key is None:
                    call.before += 1
                else:
                    call.after += 1
                    call.second = call.second or at
            elif rtp[1] & 0x7F == EVENT and rtp[13] & 0x80 and destination in at_port:
                call = at_port[destination]
                call.key = call.key or at
        return list(streams.values())


def _only_udp_port(tap: socket.socket, port: int) -> None:
    """A filter in the kernel (classic BPF; an IP header of 20 bytes): UDP from or to `port`."""
    program = (
        (0x30, 0, 0, 9),  # load the protocol
        (0x15, 0, 4, 17),  # UDP, else refuse
        (0x28, 0, 0, 20),  # load the source port
        (0x15, 3, 0, port),
        (0x28, 0, 0, 22),  # load the destination port
        (0x15, 1, 0, port),
        (0x06, 0, 0, 0),
        (0x06, 0, 0, 0xFFFF),
    )
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    held = ctypes.create_string_buffer(code)
    tap.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(program), ctypes.addressof(held))
    )
