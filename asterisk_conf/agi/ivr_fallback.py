"""One call without an engine: dials the agents if the line is open, else takes a message.

    AGI(PYTHON,-I,ivr_fallback.py,BUNDLE,KEY)      from the dialplan that ivr/asterisk/bundle.py writes

Standard library and pyst2 only, and nothing of `ivr`: it must work when the rest does not. It reads
`BUNDLE/lines/KEY.json` and the prompts beside it (format: ivr/asterisk/bundle.py), and leaves a WAV
and a sidecar as the engine would (format: ivr/messages/sidecar.py).

It ends with 0 when the caller was served, and as it likes when the caller hung up. Anything else, such as no bundle, a bundle that
cannot be read or ends before today, no prompt at all, a full disk, ends with 1, and the dialplan's last
resort says a neutral prompt and records. Single prompts that are missing are left out.
"""

import array
import contextlib
import fcntl
import json
import os
import re
import secrets
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asterisk.agi import AGI, AGIAppError, AGIException

RING = 30  # seconds
LONGEST = 180  # seconds of a message
SILENCE = 10  # seconds that end it
HEARD = 330  # of 32767 (-40 dBFS): a recording that nowhere gets so loud holds no speech to promise on
HEADER = 44  # bytes of a WAV as Asterisk writes it
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
WITHHELD = {"coin line/payphone": "payphone", "coin line": "payphone", "payphone": "payphone"}
WITHHELD |= {"unavailable": "unavailable", "anonymous": "anonymous"}


class Fallback:
    def __init__(self, agi: Any, bundle: Path, key: str) -> None:
        self.agi = agi
        self.bundle = bundle
        self.key = key
        self.line = json.loads((bundle / "lines" / f"{key}.json").read_text("utf-8"))

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.line["clock_offset"], UTC)

    def serve(self) -> None:
        is_open = self.is_open()
        self.agi.answer()
        if is_open:
            cause = self.dial()
            if cause is not None:
                self.take_message(cause, ("record", "fallback_closed"))
        else:
            self.take_message("closed", ("fallback_closed", "record"))

    def is_open(self) -> bool:
        now = self.now().timestamp()
        if not now < self.line["until"]:
            raise ValueError("the bundle does not reach to today")
        return any(begin <= now < end for begin, end in self.line["open"])

    def dial(self) -> str | None:
        """Rings the free telephones together; None when one answered, else the cause of the message."""
        if not self.line["queues"]:
            return "asked"
        states = {one: self.state(one) for one in self.line["telephones"]}
        staffed = [one for one, state in states.items() if state not in ("UNAVAILABLE", "INVALID", "UNKNOWN")]
        free = [one for one in staffed if states[one] == "NOT_INUSE"]
        if not free:
            return "busy" if staffed else "no_agent"
        self.say("fallback_open")
        # g: come back here when the agent hangs up; m: music while it rings.
        with contextlib.suppress(AGIAppError):
            self.agi.execute("EXEC", "Dial", f'"{"&".join(free)},{RING},gm"')
        status = self.agi.get_variable("DIALSTATUS")
        if status in ("ANSWER", "CANCEL"):
            return None
        return "no_agent" if status == "CHANUNAVAIL" else "no_answer"

    def gone(self) -> bool:
        """Whether the caller hung up: a command that fails seldom says so, but this one is refused then."""
        try:
            self.agi.channel_status()
        except AGIException:
            return True
        return False

    def state(self, telephone: str) -> str:
        return str(self.agi.get_variable(f"DEVICE_STATE({telephone})"))

    def say(self, *names: str) -> bool:
        """The first of these prompts that is there; False if none is."""
        for name in names:
            if (self.bundle / f"{name}.wav").exists():
                self.agi.stream_file(f'"{self.bundle / name}"')
                return True
        return False

    def take_message(self, cause: str, prompts: tuple[str, str]) -> None:
        if not self.say(*prompts):
            raise FileNotFoundError("there is no prompt to say")
        messages = Path(self.line["messages"])
        messages.mkdir(parents=True, exist_ok=True)
        promise = self.line["promise"]["closed" if cause == "closed" else "open"]
        intent = self.intent(cause, promise)
        descriptor = write_intent(messages, intent)
        recording = messages / f"{intent['id']}.wav"
        try:
            ended_by = self.record(recording)
        except AGIException:
            ended_by = "hangup" if self.gone() else "failed"
            if ended_by == "failed" and not recording.exists():
                raise
        # From here on nothing may end with 1: the message is there, and would be asked for again.
        try:
            heard = self.finish(recording, descriptor, ended_by)
            if ended_by != "hangup":
                self.say(*("thanks", "goodbye") if heard and promise else ("goodbye",))
        except Exception as error:
            if not self.gone():
                complain(error)

    def intent(self, cause: str, promise: dict[str, Any] | None) -> dict[str, Any]:
        number, withheld = caller(
            self.agi.env.get("agi_callerid", ""), self.agi.env.get("agi_calleridname", "")
        )
        now = self.now()
        id = new_id(now)
        return {
            "id": id,
            "line": self.key,
            "call_id": self.agi.env.get("agi_uniqueid"),
            "cause": cause,
            "number": number,
            "withheld": withheld,
            "path": [],
            "dialplan": self.line["dialplan"],
            "origin": "fallback",
            "created_at": now.isoformat(),
            "promise": promise,
            "takes": [f"{id}.wav"],
            "state": "recording",
        }

    def record(self, file: Path) -> str:
        if not self.say("beep"):
            self.agi.stream_file("beep")  # Asterisk's own
        began = time.monotonic()
        key = self.agi.record_file(
            str(file.with_suffix("")), "wav", "#", LONGEST * 1000, beep="", silence=SILENCE
        )
        if key == "#":
            return "key"
        return "limit" if time.monotonic() - began >= LONGEST - 1 else "silence"

    def finish(self, recording: Path, descriptor: int, ended_by: str) -> bool:
        """WAV and sidecar on the disk; whether anything was heard, of which a callback may be promised."""
        seconds, loudest = 0.0, 0
        if recording.exists():
            with recording.open("rb") as file:
                os.fsync(file.fileno())
            seconds, loudest = measure(recording)
        ended = {"state": "recorded", "ended_at": self.now().isoformat(), "ended_by": ended_by}
        heard = loudest >= HEARD
        # Whoever heard "we shall ring you back" is rung back: what was promised is not judged again.
        append(descriptor, {**ended, "seconds": round(seconds, 2), "speech": True if heard else None})
        return heard


def measure(recording: Path) -> tuple[float, int]:
    """Seconds, and the loudest sample; by its length, for a header may be wrong."""
    audio = recording.read_bytes()[HEADER:]
    samples = array.array("h", audio[: len(audio) & ~1])
    return len(samples) / 8000, max(map(abs, samples), default=0)


def write_intent(messages: Path, intent: dict[str, Any]) -> int:
    """On the disk when this returns; the descriptor holds the lock that keeps the reconciler away."""
    draft = messages / f".{intent['id']}.tmp"
    descriptor = os.open(draft, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o660)
    os.fchmod(descriptor, 0o660)  # whatever Asterisk's umask is: the engine, in its group, goes on writing
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        append(descriptor, intent)
        draft.rename(messages / f"{intent['id']}.json")
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(messages, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    return descriptor


def append(descriptor: int, values: dict[str, Any]) -> None:
    line = json.dumps(values, ensure_ascii=False).encode() + b"\n"
    if os.write(descriptor, line) < len(line):
        raise OSError("the disk is full")
    os.fsync(descriptor)


def new_id(at: datetime) -> str:
    """As ivr/messages/sidecar.py makes them: milliseconds and chance, 26 characters that sort by time."""
    value = int(at.timestamp() * 1000) << 80 | secrets.randbits(80)
    return "".join(ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def caller(number: str, name: str) -> tuple[str | None, str | None]:
    """(E.164 or None, how it was withheld or None); the same answers as ivr/asterisk/numbers.py."""
    withheld = WITHHELD.get(name.strip().lower())
    e164 = None if withheld else to_e164(number)
    return (e164, None) if e164 else (None, withheld or "anonymous")


def to_e164(number: str) -> str | None:
    digits = re.sub(r"[^0-9]", "", number)
    if not number.lstrip().startswith("+"):
        if digits.startswith(("1840", "1860")):
            digits = digits[3:]
        if digits.startswith("010"):
            digits = digits[3:]
        elif digits.startswith("0"):
            digits = "81" + digits[1:]
        elif not (digits.startswith("81") and len(digits) >= 11):
            return None
    if digits.startswith("810"):
        digits = "81" + digits[3:]
    return f"+{digits}" if 8 <= len(digits) <= 15 else None


def complain(error: Exception) -> None:
    """Where it went wrong, without its values: they may be numbers. Ends in Asterisk's console log."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    print(f"ivr_fallback: {type(error).__name__} at {where.name}:{where.lineno}", file=sys.stderr)


def main() -> int:
    bundle, key = sys.argv[1:]
    # pyst2 writes all that passes to stderr, the caller's number included.
    with open(os.devnull, "w") as nowhere:
        agi = AGI(stderr=nowhere)
        try:
            Fallback(agi, Path(bundle), key).serve()
        except Exception as error:
            complain(error)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
