"""The audio of one call: 20 ms of mu-law at a time, out and in, and keys."""

import queue
import re
import select
import socket
import struct
import threading
import time

from tools.driver.audio import BEEP_FRAMES, FRAME, RATE, Samples, from_mulaw, is_beep, to_mulaw

EVENTS = 101  # payload type of RFC 4733
KEYS = "0123456789*#"
KEY_FRAMES = 6  # 120 ms
END_FRAMES = 3  # the end of a key is said three times
PAUSE_FRAMES = 4
SILENCE = b"\xff" * FRAME


class Media:
    """Sends silence when there is nothing to say, for a telephone that sends nothing counts as gone."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._queue: queue.Queue[bytes | str] = queue.Queue()
        self._peer = ("", 0)
        self._open = True
        self._thread: threading.Thread | None = None
        self._heard: list[bytes] = []
        self._latest = 0.0
        self._tone = 0
        self.beeps = 0
        self.changed = threading.Condition()

    def offer(self) -> str:
        port = self._socket.getsockname()[1]
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        lines += [f"m=audio {port} RTP/AVP 0 {EVENTS}", "a=rtpmap:0 PCMU/8000"]
        lines += [f"a=rtpmap:{EVENTS} telephone-event/8000", f"a=fmtp:{EVENTS} 0-15", "a=sendrecv"]
        return "\r\n".join(lines) + "\r\n"

    def start(self, host: str, sdp: str) -> None:
        found = re.search(r"^m=audio (\d+)", sdp, re.MULTILINE)
        if found is None:
            raise ValueError("the SDP has no audio")
        events = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", sdp, re.MULTILINE)
        self._events = int(events[1]) if events else EVENTS
        self._peer = (host, int(found[1]))
        self._thread = threading.Thread(target=self._run, name="rtp", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._open = False
        with self.changed:
            self.changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1)

    def say(self, samples: Samples) -> None:
        coded = to_mulaw(samples)
        coded += SILENCE[: -len(coded) % FRAME]
        for begin in range(0, len(coded), FRAME):
            self._queue.put(coded[begin : begin + FRAME])

    def press(self, keys: str) -> None:
        for key in keys:
            self._queue.put(key)

    def said(self, limit: float = 60.0) -> None:
        """Returns when all that was to be said or pressed is on its way, or the call is over."""
        deadline = time.monotonic() + limit
        with self.changed:
            while self._open and not self._queue.empty() and time.monotonic() < deadline:
                self.changed.wait(0.1)

    def beep(self, count: int, limit: float) -> bool:
        """Waits for the end of that many beeps since the call began."""
        deadline = time.monotonic() + limit
        with self.changed:
            while self._open and time.monotonic() < deadline:
                quiet = time.monotonic() - self._latest > 0.1  # Asterisk sends nothing while it records
                if self.beeps >= count and (quiet or self._tone < BEEP_FRAMES):
                    return True
                self.changed.wait(0.05)
        return False

    def heard(self) -> Samples:
        return from_mulaw(b"".join(self._heard))

    def _run(self) -> None:
        begin, stamp, sequence, tick = time.monotonic(), 0, 0, 0
        frames: list[tuple[int, int, bytes]] = []  # payload type, time stamp, payload; of a key in the making
        while self._open:
            if not frames:
                frames = self._next(stamp)
            kind, at, payload = frames.pop(0)
            head = struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, at, 0x1D2)
            try:
                self._socket.sendto(head + payload, self._peer)
            except OSError:
                break
            sequence, stamp, tick = sequence + 1, stamp + FRAME, tick + 1
            with self.changed:
                self.changed.notify_all()
            while self._open and (wait := begin + tick * FRAME / RATE - time.monotonic()) > 0:
                if select.select([self._socket], [], [], wait)[0]:
                    self._hear(self._socket.recv(2048))
        self._socket.close()

    def _next(self, stamp: int) -> list[tuple[int, int, bytes]]:
        try:
            item = self._queue.get_nowait()
        except queue.Empty:
            return [(0, stamp, SILENCE)]
        if isinstance(item, bytes):
            return [(0, stamp, item)]
        code = KEYS.index(item)
        frames = [struct.pack("!BBH", code, 10, FRAME * n) for n in range(1, KEY_FRAMES + 1)]
        frames += [struct.pack("!BBH", code, 0x8A, FRAME * KEY_FRAMES)] * END_FRAMES
        after = stamp + FRAME * len(frames)
        pause = [(0, after + FRAME * n, SILENCE) for n in range(PAUSE_FRAMES)]
        marker = [0x80] + [0] * len(frames)
        return [
            (self._events | bit, stamp, frame) for bit, frame in zip(marker, frames, strict=False)
        ] + pause

    def _hear(self, packet: bytes) -> None:
        if len(packet) < 12 + FRAME or packet[1] & 0x7F:
            return
        frame = packet[12 : 12 + FRAME]
        samples = from_mulaw(frame)
        with self.changed:
            self._heard.append(frame)
            self._latest = time.monotonic()
            if is_beep(samples):
                self._tone += 1
                self.beeps += self._tone == BEEP_FRAMES
            else:
                self._tone = 0
            self.changed.notify_all()
