"""Callers that leave a message by SIP and RTP, and know at any instant what they had said by then."""

import threading
import time
from dataclasses import dataclass, field

import numpy as np

from tests.asterisk.desk import Desk
from tests.asterisk.hearing import Samples, Search
from tests.asterisk.sip import SILENCE, SipCall
from tests.speech import from_mulaw, to_mulaw

LINE = "05031859088"
TICK = 800  # samples
RATE = 8000
NO_BEEP = 120.0  # seconds after which a caller gives up


@dataclass
class Left:
    """What one caller did. `said`: when (monotonic), and how many samples of the words were sent by then."""

    number: str
    words: Samples
    beeps: int = 0
    said: list[tuple[float, int]] = field(default_factory=list)
    hung_up: float | None = None  # after the last word
    complaint: str = ""

    @property
    def e164(self) -> str:
        return f"+81{self.number[1:]}"

    def said_by(self, moment: float) -> Samples:
        """Of the words, since the last beep."""
        sent = [samples for when, samples in self.said if when <= moment]
        return self.words[: sent[-1]] if sent else self.words[:0]


class Caller(threading.Thread):
    """Dials after `wait` seconds, speaks after each beep from the beginning, and hangs up 1 s after the last word."""

    def __init__(self, desk: Desk, number: str, words: Samples, wait: float) -> None:
        super().__init__(name=f"caller-{number}", daemon=True)
        self.left = Left(number, words)
        self.cut = threading.Event()  # there is no Asterisk any more
        self._desk, self._wait = desk, wait

    def run(self) -> None:
        if self.cut.wait(self._wait):
            return
        try:
            caller = f"<sip:{self.left.number}@127.0.0.1>"
            with SipCall(str(self._desk.sip), LINE, caller=caller) as call:
                if call.status == 200:
                    self._leave(call)
                else:
                    self.left.complaint = f"refused with {call.status}"
        except AssertionError as error:
            self.left.complaint = "" if self.cut.is_set() else str(error)

    def _leave(self, call: SipCall) -> None:
        left, beep = self.left, self._desk.beep
        coded = to_mulaw(left.words)
        coded += SILENCE * (-(-len(coded) // TICK) * TICK // 160 - len(coded) // 160)
        heard, search = np.zeros(0, np.int16), Search(beep)
        spoken: int | None = None  # samples of the words; None before the beep
        patience = time.monotonic() + NO_BEEP
        while not self.cut.is_set():
            payload = SILENCE if spoken is None else coded[spoken : spoken + TICK] or SILENCE
            heard = np.concatenate([heard, from_mulaw(call.talk(TICK / RATE, payload))])
            if spoken is not None:
                spoken += TICK
                left.said.append((time.monotonic(), min(spoken, len(left.words))))
                if spoken >= len(coded) + RATE:
                    left.hung_up = time.monotonic()
                    return
            elif time.monotonic() > patience:
                left.complaint = "heard no beep"
                return
            found = search.look(heard)
            if found is not None:
                left.beeps += 1
                left.said.clear()
                search, spoken = Search(beep, found.end), 0
